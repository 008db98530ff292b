/* What could ever run on a graph of two nodes, whatever is down or taken. */
#include "base/test.h"

#include "answer.h"

#include <errno.h>
#include <string.h>

/* Two nodes of four cores, a0 with a property. */
#define R_TEXT                                                                         \
    "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0-1\",\"children\":{"       \
    "\"core\":\"0-3\"}}],\"nodelist\":[\"a[0-1]\"],\"properties\":{\"big\":\"0\"},"    \
    "\"starttime\":0,\"expiration\":0}}"

/* A notify response; params and more may be empty, and begin with a comma. */
#define NOTIFY(params, more)                                                           \
    "{\"params\":{\"policy\":\"first\",\"prune-filters\":\"ALL:core\"" params          \
    "},\"resources\":" R_TEXT more "}"

static int follow (struct site **site, const char *text, flux_error_t *error)
{
    json_t *o = json_loads (text, 0, NULL);
    int rc;

    assert_non_null (o);
    errno = 0;
    rc = answer_follow (site, o, error);
    json_decref (o);
    return rc;
}

static struct site *start (const char *text)
{
    struct site *site = NULL;
    flux_error_t error = { "" };

    if (follow (&site, text, &error) < 0)
        fail_msg ("%s", error.text);
    assert_non_null (site);
    return site;
}

/* errno of a job of so many slots of so many cores, 0 if it may run. */
static int check (struct site *site, int nslots, int ncores, const char *property)
{
    flux_error_t error = { "" };
    json_t *o = json_pack (
        "{s:i s:[{s:s s:i s:s s:[{s:s s:i}]}] s:[{s:[s] s:s s:{s:i}}]"
        " s:{s:{s:i}}}",
        "version", 1, "resources", "type", "slot", "count", nslots, "label", "t",
        "with", "type", "core", "count", ncores, "tasks", "command", "a", "slot", "t",
        "count", "per_slot", 1, "attributes", "system", "duration", 60);
    int rc;

    assert_non_null (o);
    if (property)
        json_object_set_new (
            json_object_get (json_object_get (o, "attributes"), "system"),
            "constraints", json_pack ("{s:[s]}", "properties", property));
    errno = 0;
    rc = answer_check (site, o, &error);
    int errnum = rc < 0 ? errno : 0;
    json_decref (o);
    if (errnum == ENODEV)
        assert_string_equal (error.text, "Unsatisfiable request");
    return errnum;
}

static void fits_or_never_will (void **state)
{
    struct site *site = start (NOTIFY ("", ",\"up\":\"0-1\""));

    assert_int_equal (check (site, 1, 1, NULL), 0);
    assert_int_equal (check (site, 2, 4, NULL), 0);
    assert_int_equal (check (site, 8, 1, NULL), 0);
    assert_int_equal (check (site, 9, 1, NULL), ENODEV);
    assert_int_equal (check (site, 3, 4, NULL), ENODEV);
    assert_int_equal (check (site, 1, 4, "big"), 0);
    assert_int_equal (check (site, 2, 4, "big"), ENODEV);
    assert_int_equal (check (site, 1, 1, "small"), ENODEV);
    site_destroy (site);
}

/* Nothing is taken by an answer: the same question has the same one. */
static void takes_nothing (void **state)
{
    struct site *site = start (NOTIFY ("", ",\"up\":\"0-1\""));

    for (int i = 0; i < 20; i++)
        assert_int_equal (check (site, 2, 4, NULL), 0);
    site_destroy (site);
}

/* What is down may come up again; what is lost does not. */
static void down_and_lost (void **state)
{
    struct site *site = start (NOTIFY ("", "")); /* all down */
    flux_error_t error = { "" };

    assert_int_equal (check (site, 2, 4, NULL), 0);
    assert_int_equal (follow (&site, "{\"up\":\"0-1\"}", &error), 0);
    assert_int_equal (follow (&site, "{\"down\":\"1\"}", &error), 0);
    assert_int_equal (check (site, 2, 4, NULL), 0);
    assert_int_equal (follow (&site, "{\"shrink\":\"1\"}", &error), 0);
    assert_int_equal (check (site, 2, 4, NULL), ENODEV);
    assert_int_equal (check (site, 1, 4, NULL), 0);
    site_destroy (site);
}

static void properties_change (void **state)
{
    struct site *site = start (NOTIFY ("", ",\"up\":\"0-1\""));
    flux_error_t error = { "" };

    assert_int_equal (follow (&site, "{\"property-add\":{\"big\":\"1\"}}", &error), 0);
    assert_int_equal (check (site, 2, 4, "big"), 0);
    assert_int_equal (follow (&site, "{\"property-remove\":{\"big\":\"0-1\"}}", &error),
                      0);
    assert_int_equal (check (site, 1, 1, "big"), ENODEV);
    site_destroy (site);
}

/* The parameters are those of the resource module: without cores there are none. */
static void params_are_taken (void **state)
{
    struct site *site =
        start (NOTIFY (",\"load-allowlist\":\"node\"", ",\"up\":\"0-1\""));

    assert_int_equal (check (site, 1, 1, NULL), ENODEV);
    site_destroy (site);
}

static void refuses (void **state)
{
    static const struct {
        const char *notify, *text;
    } bad[] = {
        { "{}", "the graph cannot be made: " },
        { "{\"params\":{},\"resources\":{}}", "the graph cannot be made: " },
        { NOTIFY (",\"policy\":\"nosuch\"", ""), "the graph cannot be made: " },
        { NOTIFY ("", ",\"up\":\"foo\""), "notify: " },
    };
    static const char *const jobspecs[] = { "{}", "{\"version\":1}", "[]" };
    flux_error_t error = { "" };
    struct site *site = NULL;

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_int_equal (follow (&site, bad[i].notify, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_memory_equal (error.text, bad[i].text, strlen (bad[i].text));
        assert_true (strlen (error.text) > strlen (bad[i].text)); /* and why */
        site_destroy (site);
        site = NULL;
    }
    site = start (NOTIFY ("", ",\"up\":\"0-1\""));
    for (size_t i = 0; i < sizeof (jobspecs) / sizeof (jobspecs[0]); i++) {
        json_t *o = json_loads (jobspecs[i], 0, NULL);

        errno = 0;
        assert_int_equal (answer_check (site, o, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_memory_equal (error.text, "Internal match error: ", 22);
        json_decref (o);
    }
    assert_int_equal (answer_check (site, NULL, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (check (site, 2, 4, NULL), 0); /* and goes on */
    site_destroy (site);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (fits_or_never_will), cmocka_unit_test (takes_nothing),
        cmocka_unit_test (down_and_lost),      cmocka_unit_test (properties_change),
        cmocka_unit_test (params_are_taken),   cmocka_unit_test (refuses),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
