#include "cmd/hierarchy/throughput.h"

#include <string.h>

void tally_event (struct tally *t, const char *name, double timestamp)
{
    if (!strcmp (name, "submit")) {
        t->submitted++;
        if (t->first_submit == 0 || timestamp < t->first_submit)
            t->first_submit = timestamp;
    } else if (!strcmp (name, "start"))
        t->running++;
    else if (!strcmp (name, "clean")) {
        if (t->running > 0)
            t->running--;
        t->completed++;
        if (timestamp > t->last_clean)
            t->last_clean = timestamp;
    }
}

void tally_refuse (struct tally *t)
{
    t->expected--;
}

bool tally_done (const struct tally *t)
{
    return t->completed >= t->expected;
}

void tally_merge (struct tally *sum, const struct tally *from)
{
    sum->expected += from->expected;
    sum->submitted += from->submitted;
    sum->running += from->running;
    sum->completed += from->completed;
    if (from->first_submit > 0
        && (sum->first_submit == 0 || from->first_submit < sum->first_submit))
        sum->first_submit = from->first_submit;
    if (from->last_clean > sum->last_clean)
        sum->last_clean = from->last_clean;
}

void tally_bar (const struct tally *t, struct buf *out)
{
    buf_printf (out, "%6d jobs: %6d submitted, %6d running, %d complete", t->expected,
                t->submitted, t->running, t->completed);
}

static double rate (int count, double seconds)
{
    return seconds > 0 ? count / seconds : __builtin_inf ();
}

void tally_print (const struct tally *t, int workers, double submit, double script,
                  struct buf *out)
{
    double runtime = t->last_clean - t->first_submit;

    buf_printf (out, "\n--- Throughput Results ---\n");
    buf_printf (out, "number of jobs: %d (on %d workers)\n", t->completed, workers);
    buf_printf (out, "   submit time: %-6.3fs (%5.1f job/s)\n", submit,
                rate (t->submitted, submit));
    buf_printf (out, "script runtime: %-6.3fs\n", script);
    buf_printf (out, "   job runtime: %-6.3fs\n", runtime);
    buf_printf (out, "    throughput: %.1f job/s (script: %5.1f job/s)\n",
                rate (t->completed, runtime), rate (t->completed, script));
}

void tally_print_leaf (const struct tally *t, const char *id, struct buf *out)
{
    double runtime = t->last_clean - t->first_submit;

    if (t->completed == 0)
        buf_printf (out, "  %s: no jobs\n", id);
    else
        buf_printf (out, "  %s: %d jobs in %.3fs, %.1f job/s\n", id, t->completed,
                    runtime, rate (t->completed, runtime));
}
