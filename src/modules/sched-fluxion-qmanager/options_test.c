/* Options of the queue manager: of the load line and its table. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

/* What is said of them; NULL if they are taken. Where there are some, p is queue's. */
static const char *read_options (const char *table, const char *queues, const char *arg,
                                 const char *queue, struct queue_params *p)
{
    static flux_error_t error;
    struct options o = { 0 };
    char *args[] = { arg ? strdup (arg) : NULL };
    json_t *t = table ? json_loads (table, 0, NULL) : NULL;
    json_t *q = queues ? json_loads (queues, 0, NULL) : NULL;

    assert_true (!table == !t && !queues == !q);
    error.text[0] = '\0';
    int rc = options_init (&o, t, q, arg ? 1 : 0, args, &error);
    if (rc == 0 && queue)
        rc = options_queue (&o, queue, p, NULL, NULL, &error);
    options_fini (&o);
    json_decref (t);
    json_decref (q);
    free (args[0]);
    return rc < 0 ? error.text : NULL;
}

static void good (void **state)
{
    static const char queues[] = "{\"a\":{},\"b\":{}}";
    struct queue_params p;

    assert_null (read_options (NULL, NULL, NULL, "default", &p));
    assert_int_equal (p.policy, QUEUE_FCFS);
    assert_null (read_options (NULL, queues, "queue-policy-per-queue=b:easy", "b", &p));
    assert_int_equal (p.policy, QUEUE_EASY);
    assert_null (read_options (NULL, queues, "queue-policy-per-queue=b:easy", "a", &p));
    assert_int_equal (p.policy, QUEUE_FCFS);
    assert_null (read_options ("{\"queue-params\":\"queue-depth=7\","
                               "\"queue-params-per-queue\":"
                               "{\"a\":{\"queue-depth\":9}}}",
                               queues, NULL, "a", &p));
    assert_int_equal (p.depth, 9);
    assert_null (read_options (NULL, NULL, "queue-policy-per-queue=default:hybrid",
                               "default", &p));
    assert_int_equal (p.policy, QUEUE_HYBRID);
    assert_null (read_options (NULL, NULL, "queue-policy-per-queue=", "default", &p));
    assert_null (
        read_options ("{\"queues\":\" b  a\"}", "{\"a\":{},\"b\":{}}", NULL, NULL, &p));
    assert_null (read_options (NULL, NULL, "queues=default", "default", &p));
}

/* What has no effect is not taken. */
static void bad (void **state)
{
    static const char queues[] = "{\"a\":{}}";
    static const struct {
        const char *arg, *text;
    } rows[] = {
        { "nosuch=1", "Unknown option (nosuch" },
        { "queue-policy", "Unknown option (queue-policy)." },
        { "queue-policy=nosuch", "queue-policy: unknown policy: nosuch" },
        { "queue-policy-per-queue=a", "queue-policy-per-queue: not QUEUE:VALUE: a" },
        { "queue-policy-per-queue=a:", "queue-policy-per-queue: unknown policy: " },
        { "queue-policy-per-queue=c:easy",
          "queue-policy-per-queue: Unknown queue (c)." },
        { "queue-policy-per-queue=a:easy c:easy",
          "queue-policy-per-queue: Unknown queue (c)." },
        { "queue-params-per-queue=c:queue-depth=9",
          "queue-params-per-queue: Unknown queue (c)." },
        { "policy-params-per-queue=c:reservation-depth=9",
          "policy-params-per-queue: Unknown queue (c)." },
        { "queue-params=queue-depth=0", "queue-params: queue-depth: no number" },
        { "queue-params=queue-depth", "queue-params: not KEY=VALUE: queue-depth" },
        { "queues=a b", "queues: Unknown queue (b)." },
        { "queues=", "queues: a is not among them" },
        { "queues=aa", "queues: a is not among them" },
    };
    struct queue_params p;

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        const char *got = read_options (NULL, queues, rows[i].arg, NULL, &p);
        if (!got || strncmp (got, rows[i].text, strlen (rows[i].text)) != 0)
            fail_msg ("%s: %s", rows[i].arg, got ? got : "it is taken");
    }
    assert_string_equal (read_options ("{\"queue-policy-per-queue\":{\"c\":\"easy\"}}",
                                       queues, NULL, NULL, &p),
                         "queue-policy-per-queue: Unknown queue (c).");
    assert_string_equal (
        read_options ("{\"queue-policy-per-queue\":1}", queues, NULL, NULL, &p),
        "queue-policy-per-queue: not of text");
    assert_string_equal (
        read_options (NULL, NULL, "queue-policy-per-queue=a:easy", NULL, &p),
        "queue-policy-per-queue: Unknown queue (a).");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (good),
        cmocka_unit_test (bad),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
