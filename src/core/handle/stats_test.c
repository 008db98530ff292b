#include <flux/core.h>
#include <flux/stats.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* What an aggregator is. */
static int reader;

static int setup (void **state)
{
    struct sockaddr_in sin = { .sin_family = AF_INET };
    socklen_t len = sizeof (sin);
    char address[64];

    sin.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    reader = socket (AF_INET, SOCK_DGRAM, 0);
    assert_int_equal (bind (reader, (struct sockaddr *)&sin, sizeof (sin)), 0);
    assert_int_equal (getsockname (reader, (struct sockaddr *)&sin, &len), 0);
    snprintf (address, sizeof (address), "127.0.0.1:%d", ntohs (sin.sin_port));
    setenv ("FLUX_FRIPP_STATSD", address, 1);
    *state = flux_open ("loop://", 0);
    return *state ? 0 : -1;
}

static int teardown (void **state)
{
    flux_close (*state);
    close (reader);
    return 0;
}

static int by_name (const void *a, const void *b)
{
    return strcmp (*(char *const *)a, *(char *const *)b);
}

/* All that has arrived, its lines in order of their names. */
static const char *received (void)
{
    static char all[65536];
    char text[65536], *lines[1024], *save = NULL;
    size_t len = 0;
    int count = 0;
    ssize_t n;

    while ((n = recv (reader, text + len, sizeof (text) - len - 1, MSG_DONTWAIT)) > 0) {
        assert_true (n <= 1432);
        len += n;
    }
    text[len] = '\0';
    for (char *p = strtok_r (text, "\n", &save); p; p = strtok_r (NULL, "\n", &save))
        lines[count++] = p;
    qsort (lines, count, sizeof (lines[0]), by_name);
    all[0] = '\0';
    for (int i = 0; i < count; i++)
        sprintf (all + strlen (all), "%s\n", lines[i]);
    return all;
}

static void test_at_once (void **state)
{
    flux_t *h = *state;

    flux_stats_set_period (h, 0.);
    flux_stats_count (h, "messages", 7);
    assert_string_equal (received (), "flux.messages:7|C\n");
    flux_stats_gauge_set (h, "size", -3);
    assert_string_equal (received (), "flux.size:-3|g\n");
    flux_stats_gauge_inc (h, "size", 5);
    assert_string_equal (received (), "flux.size:+5|g\n");
    flux_stats_gauge_inc (h, "size", -5);
    assert_string_equal (received (), "flux.size:-5|g\n");
    flux_stats_timing (h, "load", 1.5);
    assert_string_equal (received (), "flux.load:1.500000|ms\n");
}

static void test_period (void **state)
{
    flux_t *h = *state;
    flux_reactor_t *r = flux_get_reactor (h);
    const char *lines;

    flux_stats_set_period (h, 1e-3);
    flux_stats_count (h, "messages", 1);
    flux_stats_count (h, "messages", 9);
    flux_stats_gauge_set (h, "set", 2);
    flux_stats_gauge_inc (h, "set", 3);
    flux_stats_gauge_inc (h, "inc", 3);
    flux_stats_gauge_inc (h, "inc", -1);
    flux_stats_timing (h, "t", 1);
    flux_stats_timing (h, "t", 2);
    assert_string_equal (received (), "");
    do {
        assert_int_equal (flux_reactor_run (r, FLUX_REACTOR_NOWAIT), 0);
    } while (!*(lines = received ()));
    assert_string_equal (lines, "flux.inc:+2|g\nflux.messages:9|C\nflux.set:5|g\n"
                                "flux.t:1.000000|ms\nflux.t:2.000000|ms\n");
    /* what did not change is not said again */
    flux_stats_gauge_inc (h, "inc", 4);
    flux_stats_set_period (h, 1000.);
    assert_string_equal (received (), "flux.inc:+4|g\n");
}

static void test_close (void **state)
{
    flux_t *h = *state;

    flux_stats_count (h, "last", 1);
    flux_close (h);
    assert_string_equal (received (), "flux.last:1|C\n");
    *state = flux_open ("loop://", 0);
}

static void test_names (void **state)
{
    flux_t *h = *state;

    flux_stats_set_period (h, 0.);
    flux_stats_set_prefix (h, "site.%d", 4);
    flux_stats_count (h, "a:1|C\nb@", 1);
    assert_string_equal (received (), "site.4.a_1_C_b_:1|C\n");
    flux_stats_count (h, NULL, 1);
    flux_stats_set_prefix (h, NULL);
    assert_string_equal (received (), "");
}

static void test_many (void **state)
{
    flux_t *h = *state;
    char name[32];
    int lines = 0;

    for (int i = 0; i < 300; i++) {
        snprintf (name, sizeof (name), "metric-%d", i);
        flux_stats_count (h, name, i);
    }
    flux_stats_set_period (h, 1.);
    for (const char *p = received (); *p; p++)
        lines += *p == '\n';
    assert_int_equal (lines, 300);
}

static void test_module (void **state)
{
    flux_t *h = *state;

    assert_int_equal (flux_attr_set_cacheonly (h, "rank", "3"), 0);
    flux_stats_set_period (h, 0.);
    flux_stats_count (h, "n", 1);
    assert_string_equal (received (), "flux.3.n:1|C\n");
}

static void test_enabled (void **state)
{
    flux_t *h = *state;

    assert_true (flux_stats_enabled (h, NULL));
    assert_false (flux_stats_enabled (h, "n"));
    flux_stats_count (h, "n", 1);
    assert_true (flux_stats_enabled (h, "n"));
    assert_false (flux_stats_enabled (NULL, NULL));
    flux_stats_count (NULL, "n", 1);
}

static void test_no_address (void **state)
{
    static const char *bad[] = { NULL, "localhost", ":8125",
                                 "localhost:", "localhost:x" };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        flux_t *h = flux_open ("loop://", 0);
        flux_msg_t *msg;
        int logged = 0;

        assert_int_equal (flux_attr_set_cacheonly (h, "rank", "0"), 0); /* of the log */
        if (bad[i])
            setenv ("FLUX_FRIPP_STATSD", bad[i], 1);
        else
            unsetenv ("FLUX_FRIPP_STATSD");
        assert_false (flux_stats_enabled (h, NULL));
        flux_stats_count (h, "n", 1);
        flux_stats_timing (h, "n", 1.);
        flux_stats_set_period (h, 0.);
        flux_stats_set_prefix (h, "x");
        assert_false (flux_stats_enabled (h, "n"));
        for (; (msg = flux_recv (h, FLUX_MATCH_ANY, FLUX_O_NONBLOCK)); logged++)
            flux_msg_decref (msg);
        assert_int_equal (logged, bad[i] ? 1 : 0);
        flux_close (h);
    }
    assert_string_equal (received (), "");
}

int main (void)
{
#define T(fn) cmocka_unit_test_setup_teardown (fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T (test_at_once), T (test_period), T (test_close),   T (test_names),
        T (test_many),    T (test_module), T (test_enabled), T (test_no_address),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
