#include "base/test.h"

#include "cmd/format/jobs_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *attrs_of (const char *text)
{
    json_t *o = json_loads (text, 0, NULL);

    assert_true (json_is_array (o));
    return o;
}

/* The text lives as long as the rows. */
static int add (struct jobs_rows *rows, const char *text, char **kept)
{
    assert_non_null (*kept = strdup (text));
    return jobs_rows_add (rows, *kept, strlen (*kept));
}

static const struct jobs_value *value (struct jobs_rows *rows, size_t i,
                                       enum job_attr attr)
{
    assert_true (i < rows->count);
    return jobs_row_value (rows, jobs_rows_at (rows, i), attr);
}

static void values (void **state)
{
    json_t *attrs =
        attrs_of ("[\"state\",\"name\",\"t_run\",\"annotations\",\"queue\"]");
    struct jobs_rows rows;
    char *text[2];

    jobs_rows_init (&rows, attrs);
    assert_int_equal (
        add (&rows,
             "{\"jobs\":[{\"id\":37765513274,\"t_run\":1796072789.996506,"
             "\"state\":64,\"name\":\"a\\\"b\\u00e9\",\"other\":[1,{}],"
             "\"annotations\":{\"user\":{\"uri\":\"x\"}}},"
             /* in another order, and of other types */
             "{\"annotations\":null,\"name\":7,\"state\":\"8\",\"id\":1}],"
             "\"version\":1}",
             &text[0]),
        0);
    assert_int_equal (add (&rows, " { \"jobs\" : [ { \"id\" : 2 } ] } ", &text[1]), 0);
    assert_int_equal (rows.count, 3);
    assert_int_equal (jobs_value_int (value (&rows, 0, J_ID)), 37765513274);
    assert_int_equal (jobs_value_int (value (&rows, 0, J_STATE)), 64);
    assert_true (jobs_value_number (value (&rows, 0, J_T_RUN)) == 1796072789.996506);
    assert_string_equal (value (&rows, 0, J_NAME)->s, "a\"bé");
    assert_null (value (&rows, 0, J_QUEUE));
    assert_null (value (&rows, 0, J_CWD)); /* nobody asked for it */
    json_t *o = jobs_row_json (&rows, jobs_rows_at (&rows, 0), J_ANNOTATIONS);
    assert_string_equal (
        json_string_value (json_object_get (json_object_get (o, "user"), "uri")), "x");
    assert_int_equal (value (&rows, 1, J_NAME)->type, '0');
    assert_int_equal (jobs_value_int (value (&rows, 1, J_STATE)), 0);
    assert_null (jobs_row_json (&rows, jobs_rows_at (&rows, 2), J_ANNOTATIONS));
    assert_int_equal (jobs_value_int (value (&rows, 2, J_ID)), 2);
    jobs_rows_fini (&rows);
    json_decref (attrs);
    free (text[0]);
    free (text[1]);
}

/* As strtod has them, to the last bit. */
static void numbers (void **state)
{
    static const char *const texts[] = { "0",
                                         "-1",
                                         "1.5",
                                         "1796072790.004008",
                                         "0.1",
                                         "123456789.000001",
                                         "1e300",
                                         "-0.3",
                                         "1e-7",
                                         "9007199254740993",
                                         "3e0",
                                         "99999999999999999999",
                                         "1234567.1234567891",
                                         "253402300799.999999" };

    for (size_t i = 0; i < sizeof (texts) / sizeof (texts[0]); i++) {
        struct jobs_value v = { texts[i], strlen (texts[i]), '0' };

        assert_true (jobs_value_number (&v) == strtod (texts[i], NULL));
    }
    srand (7);
    for (int i = 0; i < 100000; i++) {
        char s[40];
        struct jobs_value v = { s, 0, '0' };

        v.len = snprintf (s, sizeof (s), "%d.%06d", rand (), rand () % 1000000);
        assert_true (jobs_value_number (&v) == strtod (s, NULL));
    }
    assert_int_equal (jobs_value_int (NULL), 0);
    assert_true (jobs_value_number (NULL) == 0);
}

static void malformed (void **state)
{
    static const char *const texts[] = { "",
                                         "[]",
                                         "{\"jobs\":{}}",
                                         "{\"jobs\":[1]}",
                                         "{\"jobs\":[{\"id\":1}",
                                         "{\"jobs\":[{\"id\":01}]}",
                                         "{\"jobs\":[{\"id\":\"\\u0000\"}]}",
                                         "{\"jobs\":[{\"id\":tru}]}",
                                         "{\"jobs\":[]}x" };
    json_t *attrs = attrs_of ("[]");

    for (size_t i = 0; i < sizeof (texts) / sizeof (texts[0]); i++) {
        struct jobs_rows rows;
        char *text;

        jobs_rows_init (&rows, attrs);
        errno = 0;
        assert_int_equal (add (&rows, texts[i], &text), -1);
        assert_int_equal (errno, EINVAL);
        jobs_rows_fini (&rows);
        free (text);
    }
    json_decref (attrs);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (values),
        cmocka_unit_test (numbers),
        cmocka_unit_test (malformed),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
