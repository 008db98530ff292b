#include "base/test.h"

#include "cmd/metrics/families.h"

#include <string.h>

#define ANSWERS_MAX 16

/* The answers by the names of their services. */
static char *text (json_t *services)
{
    json_t *answers[ANSWERS_MAX] = { NULL };
    struct buf b = BUF_INIT;

    assert_true (families_count <= ANSWERS_MAX);
    for (size_t i = 0; i < families_count; i++)
        answers[i] = json_object_get (services, families_sources[i].name);
    families_write (&b, answers);
    assert_int_equal (b.err, 0);
    json_decref (services);
    return buf_take (&b, NULL);
}

static void has (const char *s, const char *part)
{
    if (!strstr (s, part))
        fail_msg ("'%s' is not in:\n%s", part, s);
}

static void nobody_answers (void **state)
{
    char *s = text (json_object ());

    has (s, "# TYPE flux_up gauge\n# HELP flux_up Whether");
    has (s, "flux_up{service=\"kvs\"} 0\n");
    has (
        s,
        "flux_up{service=\"module\"} 0\n# EOF\n"); /* the last; nothing else is known */
    assert_null (strstr (s, "content-backing"));   /* need not be there */
    free (s);
}

static void jobs (void **state)
{
    char *s = text (json_pack (
        "{s:{s:{s:i s:i s:i} s:i s:[{s:s s:{s:i s:i}} {s:s s:{s:i}}]} s:{s:{s:i s:i}}}",
        "job-list", "job_states", "sched", 3, "run", 2, "total", 5, "failed", 1,
        "queues", "name", "a\"b\\c\n", "job_states", "run", 2, "total", 2, "name",
        "other", "job_states", "sched", 1, "job-manager", "events", "posted", 1234567,
        "commits", 8));

    has (s, "# TYPE flux_jobs gauge\n");
    has (s, "\nflux_jobs{state=\"sched\"} 3\n");
    has (s, "\nflux_jobs{state=\"run\"} 2\n");
    assert_null (strstr (s, "total\"}"));
    has (s, "flux_queue_jobs{queue=\"a\\\"b\\\\c\\n\",state=\"run\"} 2\n");
    has (s, "flux_queue_jobs{queue=\"other\",state=\"sched\"} 1\n");
    has (s, "\nflux_jobs_failed 1\n");
    assert_null (strstr (s, "flux_jobs_canceled"));
    has (s, "# TYPE flux_job_events counter\n");
    has (s, "\nflux_job_events_total 1234567\n");
    has (s, "flux_up{service=\"job-list\"} 1\n");
    free (s);
}

static void sets (void **state)
{
    json_t *empty = json_pack ("{s:i s:{s:[] s:i s:i}}", "version", 1, "execution",
                               "R_lite", "starttime", 0, "expiration", 0);
    json_t *all =
        json_pack ("{s:i s:{s:[{s:s s:{s:s s:s}} {s:s s:{s:s}}] s:i s:i s:[s]}}",
                   "version", 1, "execution", "R_lite", "rank", "0-2", "children",
                   "core", "0-3", "gpu", "0", "rank", "5", "children", "core", "0-1,7",
                   "starttime", 0, "expiration", 0, "nodelist", "n[0-2,5]");
    char *s = text (json_pack ("{s:{s:o s:o s:i}}", "resource", "all", all, "allocated",
                               empty, "down", 1));

    has (s, "\nflux_nodes{set=\"all\"} 4\nflux_nodes{set=\"allocated\"} 0\n#");
    has (s, "\nflux_cores{set=\"all\"} 15\n");
    has (s, "\nflux_gpus{set=\"all\"} 3\n");
    free (s);
}

static void trees (void **state)
{
    char *s =
        text (json_pack ("{s:{s:s s:[{s:s} {s:s} {s:s s:[{s:s}]}]}}", "overlay",
                         "status", "partial", "children", "status", "full", "status",
                         "offline", "status", "full", "children", "status", "lost"));

    has (s, "{status=\"full\"} 2\nflux_overlay_subtrees{status=\"partial\"} 1\n");
    has (s, "{status=\"lost\"} 1\nflux_overlay_subtrees{status=\"offline\"} 1\n");
    free (s);
}

static void modules (void **state)
{
    char *s =
        text (json_pack ("{s:{s:[{s:s s:i s:i} {s:s}]} s:{s:i s:f s:{s:f s:i}}}",
                         "module", "mods", "name", "kvs", "sendqueue", 3, "recvqueue",
                         4, "name", "x", "content-backing", "object_count", 9,
                         "dbfile_size", 4096.5, "store_time", "mean", 2.5, "count", 4));

    has (s, "{module=\"kvs\",direction=\"from\"} 3\n");
    has (s, "{module=\"kvs\",direction=\"to\"} 4\n");
    assert_null (strstr (s, "\"x\""));
    has (s, "# TYPE flux_store_bytes gauge\n# UNIT flux_store_bytes bytes\n");
    has (s, "\nflux_store_bytes 4096.5\n");
    has (s, "\nflux_store_batch_seconds 0.0025\n");
    has (s, "\nflux_store_batches_total 4\n");
    has (s, "flux_up{service=\"content-backing\"} 1\n");
    free (s);
}

/* Answers of other types are as none. */
static void odd (void **state)
{
    json_t *o = json_object ();

    for (size_t i = 0; i < families_count; i++)
        json_object_set_new (o, families_sources[i].name,
                             json_pack ("{s:s s:[i] s:i s:s s:{s:s}}", "job_states",
                                        "x", "queues", 3, "mods", 7, "count", "many",
                                        "router", "peers", "x"));
    char *s = text (o);
    assert_null (strstr (s, "flux_jobs"));
    assert_null (strstr (s, "flux_content_blobs"));
    assert_null (strstr (s, "flux_peers"));
    has (s, "# EOF\n");
    free (s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (nobody_answers), cmocka_unit_test (jobs),
        cmocka_unit_test (sets),           cmocka_unit_test (trees),
        cmocka_unit_test (modules),        cmocka_unit_test (odd),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
