/* Job records to JSON text (RFC 43). */
#include "jobs.h"

#include "base/json/jsonout.h"
#include "core/kvs/treetext.h"
#include "value/job/attrs.h"

#include <math.h>
#include <string.h>

int job_attrs_decode (json_t *array, uint64_t *bits, const char **bad)
{
    json_t *value;
    size_t i;

    *bits = 0;
    *bad = "";
    if (!json_is_array (array))
        goto inval;
    json_array_foreach (array, i, value) {
        const char *s = json_string_value (value);
        int n = 0;

        if (!s)
            goto inval;
        *bad = s;
        if (!strcmp (s, "all")) {
            *bits = JOB_ATTRS_ALL;
            continue;
        }
        if (!strcmp (s, "id"))
            continue;
        while (n < J_ID && strcmp (job_attr_names[n], s) != 0)
            n++;
        if (n == J_ID)
            goto inval;
        *bits |= (uint64_t)1 << n;
    }
    return 0;
inval:
    errno = EINVAL;
    return -1;
}

struct encoder {
    struct buf *b;
    uint64_t attrs;
};

static bool begin (struct encoder *e, int attr, bool is_set)
{
    if (!is_set || !(e->attrs & (uint64_t)1 << attr))
        return false;
    buf_add (e->b, ",\"", 2);
    buf_adds (e->b, job_attr_names[attr]);
    buf_add (e->b, "\":", 2);
    return true;
}

static void add_int (struct encoder *e, int attr, bool is_set, int64_t n)
{
    if (begin (e, attr, is_set))
        buf_addi (e->b, n);
}

static void add_real (struct encoder *e, int attr, bool is_set, double x)
{
    char s[40];

    if (!begin (e, attr, is_set && isfinite (x)))
        return;
    /* Times are whole microseconds: printing them so costs a tenth. */
    if (x >= 0 && x < 1e12 && (double)llround (x * 1e6) / 1e6 == x) {
        char *p = s + sizeof (s) - 1;
        uint64_t us = llround (x * 1e6);

        *p = '\0';
        for (int i = 0; us > 0 || i < 7; i++, us /= 10) {
            if (i == 6)
                *--p = '.';
            *--p = '0' + us % 10;
        }
        for (char *end = s + sizeof (s) - 2; *end == '0' && end[-1] != '.'; end--)
            *end = '\0';
        buf_adds (e->b, p);
        return;
    }
    snprintf (s, sizeof (s), "%.17g", x);
    buf_adds (e->b, s);
    if (!strpbrk (s, ".e"))
        buf_adds (e->b, ".0");
}

static void add_string (struct encoder *e, int attr, const char *s)
{
    if (begin (e, attr, s != NULL))
        json_add_string (e->b, s, strlen (s));
}

static void add_text (struct encoder *e, int attr, const char *json)
{
    if (begin (e, attr, json != NULL))
        buf_adds (e->b, json);
}

static void add_bool (struct encoder *e, int attr, bool is_set, bool value)
{
    if (begin (e, attr, is_set))
        buf_adds (e->b, value ? "true" : "false");
}

static void encode_outcome (struct encoder *e, const struct job *job)
{
    bool over = job->state == FLUX_JOB_STATE_INACTIVE;
    bool exception = job->exception_severity >= 0;

    add_bool (e, J_SUCCESS, over, job->result == FLUX_JOB_RESULT_COMPLETED);
    add_int (e, J_RESULT, over, job->result);
    add_int (e, J_WAITSTATUS, job->has_waitstatus, job->waitstatus);
    add_bool (e, J_EXC_OCCURRED, over || exception, exception);
    add_string (e, J_EXC_TYPE, job->exception_type);
    add_int (e, J_EXC_SEVERITY, exception, job->exception_severity);
    add_string (e, J_EXC_NOTE, job->exception_note);
}

void job_encode (const struct job *job, uint64_t attrs, struct buf *b)
{
    struct encoder e = { b, attrs };

    buf_adds (b, "{\"id\":");
    buf_addu (b, job->id);
    add_int (&e, J_USERID, true, job->userid);
    add_int (&e, J_URGENCY, true, job->urgency);
    add_int (&e, J_PRIORITY, job->has_priority, job->priority);
    for (int t = 0; t < T_COUNT; t++)
        add_real (&e, J_T_SUBMIT + t, job->t[t] > 0., job->t[t]);
    add_int (&e, J_STATE, true, job->state);
    add_string (&e, J_NAME, job->name);
    add_string (&e, J_CWD, job->cwd);
    add_string (&e, J_QUEUE, job->queue);
    add_string (&e, J_PROJECT, job->project);
    add_string (&e, J_BANK, job->bank);
    add_int (&e, J_NTASKS, job->ntasks >= 0, job->ntasks);
    add_int (&e, J_NCORES, job->ncores >= 0, job->ncores);
    add_int (&e, J_NNODES, job->nnodes >= 0, job->nnodes);
    add_string (&e, J_RANKS, job->ranks);
    add_string (&e, J_NODELIST, job->nodelist);
    add_real (&e, J_DURATION, job->has_duration, job->duration);
    add_real (&e, J_EXPIRATION, job->has_R, job->expiration);
    encode_outcome (&e, job);
    add_text (&e, J_ANNOTATIONS, job->annotations);
    add_text (&e, J_DEPENDENCIES, job->dependencies);
    buf_addc (b, '}');
}

/* Without braces: the caller may have more to say. */
void job_counts_encode (const struct job_counts *c, struct buf *b)
{
    static const char *const states[] = { NULL,  "depend",  "priority", "sched",
                                          "run", "cleanup", "inactive" };
    int total = 0;

    buf_adds (b, "\"job_states\":{");
    for (int i = 1; i < 7; i++) {
        buf_printf (b, "\"%s\":%d,", states[i], c->states[i]);
        total += c->states[i];
    }
    buf_printf (b, "\"total\":%d},", total);
    buf_printf (b,
                "\"successful\":%d,\"failed\":%d,\"canceled\":%d,\"timeout\":%d,"
                "\"inactive_purged\":%d",
                c->results[0], c->results[1] + c->results[2] + c->results[3],
                c->results[2], c->results[3], c->purged);
    if (c->queue) {
        buf_adds (b, ",\"name\":");
        json_add_text (b, c->queue);
    }
}
