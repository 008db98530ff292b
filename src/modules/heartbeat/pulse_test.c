/* [heartbeat] as flux-config-heartbeat(5) has it: a warning after warn_thresh periods
 * without a pulse, the loss of the parent after timeout. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "pulse.h"

static int config (struct pulse *p, const char *toml, flux_error_t *error)
{
    flux_conf_t *conf = flux_conf_create ();
    int rc;

    if (*toml)
        assert_int_equal (flux_conf_update (conf, toml, error), 0);
    rc = pulse_config (p, conf, error);
    flux_conf_decref (conf);
    return rc;
}

static void defaults (void **state)
{
    flux_error_t error;
    struct pulse p = { 0 };

    assert_int_equal (config (&p, "", &error), 0);
    assert_true (p.period == 2.);
    assert_true (p.timeout == 300.);
    assert_int_equal (p.warn_thresh, 3);
}

static void configured (void **state)
{
    flux_error_t error;
    struct pulse p = { 0 };

    assert_int_equal (config (&p,
                              "[heartbeat]\nperiod = \"5ms\"\ntimeout = \"1m\"\n"
                              "warn_thresh = 7\n",
                              &error),
                      0);
    assert_true (p.period == 0.005);
    assert_true (p.timeout == 60.);
    assert_int_equal (p.warn_thresh, 7);
    /* both of these mean never */
    assert_int_equal (config (&p, "[heartbeat]\ntimeout = \"0\"\n", &error), 0);
    assert_true (p.timeout == 0.);
    assert_int_equal (config (&p, "[heartbeat]\ntimeout = \"infinity\"\n", &error), 0);
    assert_true (p.timeout == 0.);
    assert_true (p.period == 2.); /* what is not said is the default again */
}

static void arguments (void **state)
{
    static const struct {
        const char *arg, *why;
    } bad[] = {
        { "period=foo", "period: 'foo' is not a duration" },
        { "period=", "period: '' is not a duration" },
        { "period=2d", "period: '2d' is not a duration" },
        { "period", "unknown argument: period" },
        { "nosuch=1", "unknown argument: nosuch=1" },
    };
    char *args[] = { (char *)"period=5s" };
    flux_error_t error;
    struct pulse p = { 0 };

    assert_int_equal (pulse_args (&p, 1, args, &error), 0);
    assert_int_equal (config (&p, "[heartbeat]\nperiod = \"1s\"\n", &error), 0);
    assert_true (p.period == 5.);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        char *arg = (char *)bad[i].arg;
        struct pulse q = { 0 };

        errno = 0;
        assert_int_equal (pulse_args (&q, 1, &arg, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_int_equal (strncmp (error.text, bad[i].why, strlen (bad[i].why)), 0);
    }
}

/* A configuration that is refused leaves all as it was. */
static void refused (void **state)
{
    static const struct {
        const char *toml, *why;
    } bad[] = {
        { "period = \"x\"", "heartbeat.period: 'x' is not" },
        { "period = \"0\"", "heartbeat.period: '0' is not" },
        { "period = \"2d\"", "heartbeat.period: '2d' is not" },
        { "period = \"infinity\"", "heartbeat.period: 'infinity' is not" },
        { "period = 2", "heartbeat.period: must be a string" },
        { "period = \"1s\"\ntimeout = \"soon\"", "heartbeat.timeout: 'soon' is not" },
        { "period = \"1s\"\ntimeout = \"-1s\"", "heartbeat.timeout: '-1s' is not" },
        { "period = \"1s\"\nwarn_thresh = -1", "heartbeat.warn_thresh: must be >= 0" },
        { "nosuch = 1", "heartbeat.nosuch: there is no such key" },
        { "warn_thresh = \"3\"", "heartbeat.warn_thresh: must be an integer" },
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        struct pulse p = { .period = 9., .timeout = 8., .warn_thresh = 7 };
        flux_error_t error = { { 0 } };
        char toml[128];
        snprintf (toml, sizeof (toml), "[heartbeat]\n%s\n", bad[i].toml);
        errno = 0;
        if (config (&p, toml, &error) == 0)
            fail_msg ("%s is taken", bad[i].toml);
        assert_int_equal (errno, EINVAL);
        if (!strstr (error.text, bad[i].why))
            fail_msg ("%s: %s", bad[i].toml, error.text);
        assert_true (p.period == 9. && p.timeout == 8. && p.warn_thresh == 7);
    }
}

static void silence (void **state)
{
    struct pulse p = { .period = 2., .timeout = 20., .warn_thresh = 3, .last = 100. };
    double s;

    assert_int_equal (pulse_look (&p, 105.9, &s), PULSE_FINE);
    assert_true (fabs (s - 5.9) < 1e-9);
    assert_int_equal (pulse_look (&p, 106., &s), PULSE_LATE);
    assert_int_equal (pulse_look (&p, 108., &s), PULSE_FINE); /* said once */
    pulse_seen (&p, 110.);
    assert_int_equal (p.count, 1);
    assert_int_equal (pulse_look (&p, 115., &s), PULSE_FINE);
    assert_int_equal (pulse_look (&p, 117., &s), PULSE_LATE); /* again */
    assert_int_equal (pulse_look (&p, 129.9, &s), PULSE_FINE);
    assert_int_equal (pulse_look (&p, 130., &s), PULSE_MISSED);
    assert_true (s == 20.);
    pulse_seen (&p, 131.);
    assert_int_equal (pulse_look (&p, 132., &s), PULSE_FINE);
}

static void never (void **state)
{
    struct pulse p = { .period = 2., .last = 100. };
    double s;

    assert_int_equal (pulse_look (&p, 1e9, &s), PULSE_FINE);
    assert_true (pulse_next_look (&p, 1e9) < 0);
    p.warn_thresh = 3;
    assert_int_equal (pulse_look (&p, 1e9, &s), PULSE_LATE);
    assert_int_equal (pulse_look (&p, 2e9, &s), PULSE_FINE);
}

/* Whoever sleeps as long as he is told misses nothing by more than he is told, and does
 * not spin. */
static void next_look (void **state)
{
    for (unsigned int seed = 1; seed <= 500; seed++) {
        struct pulse p = { .last = 50. };
        double now = 50., last_pulse = 50., late_at = -1., missed_at = -1.;
        int looks = 0;
        srand (seed);
        p.period = 0.1 + rand () % 50 / 10.;
        p.warn_thresh = rand () % 5;
        p.timeout = rand () % 3 ? p.period * (rand () % 100) / 10. : 0.;
        for (int pulses = rand () % 4; pulses > 0; pulses--)
            pulse_seen (&p, last_pulse = now += p.period);
        while (looks < 1000 && missed_at < 0) {
            double s, sleep = pulse_next_look (&p, now);
            enum pulse_verdict v;
            if (sleep < 0 || now > last_pulse + 100. * p.period)
                break;
            assert_true (sleep >= p.period / 100.);
            now += sleep;
            looks++;
            v = pulse_look (&p, now, &s);
            if (v == PULSE_LATE) {
                assert_true (late_at < 0);
                late_at = now;
            } else if (v == PULSE_MISSED)
                missed_at = now;
        }
        if (p.timeout > 0) {
            assert_true (missed_at >= last_pulse + p.timeout - 1e-9);
            assert_true (missed_at <= last_pulse + p.timeout + p.period / 50.);
        } else
            assert_true (missed_at < 0);
        if (p.warn_thresh > 0
            && (p.timeout == 0 || p.period * p.warn_thresh < p.timeout - 1e-6)) {
            assert_true (late_at >= last_pulse + p.period * p.warn_thresh - 1e-9);
            assert_true (late_at
                         <= last_pulse + p.period * p.warn_thresh + p.period / 50.);
        }
        assert_true (looks < 1000);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (defaults),  cmocka_unit_test (configured),
        cmocka_unit_test (arguments), cmocka_unit_test (refused),
        cmocka_unit_test (silence),   cmocka_unit_test (never),
        cmocka_unit_test (next_look),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
