#include "cmd/format/format.h"

#include "base/test.h"

#include <math.h>
#include <string.h>

#include <stdlib.h>

struct row {
    const char *name;
    int64_t ntasks;
    double t;
    bool success;
};
enum { NAME, NTASKS, T, SUCCESS, USER, UNSET };

static bool resolve (const char *name, struct format_field *field)
{
    static const struct {
        const char *name;
        struct format_field field;
    } fields[] = {
        { "name", { NAME, NULL, "NAME" } },
        { "ntasks", { NTASKS, NULL, "NTASKS" } },
        { "t", { T, NULL, "TIME" } },
        { "success", { SUCCESS, NULL, "SUCCESS" } },
        { "unset", { UNSET, NULL, "UNSET" } },
    };
    for (size_t i = 0; i < sizeof (fields) / sizeof (fields[0]); i++) {
        if (!strcmp (fields[i].name, name)) {
            *field = fields[i].field;
            return true;
        }
    }
    if (!strncmp (name, "user.", 5)) {
        *field = (struct format_field){ .id = USER, .arg = name + 5 };
        return true;
    }
    return false;
}

static void get (const struct format_field *field, const void *arg,
                 struct format_value *v, void *unused)
{
    const struct row *row = arg;
    switch (field->id) {
    case NAME:
        *v = (struct format_value){ .type = FORMAT_STRING, .s = row->name };
        break;
    case NTASKS:
        *v = (struct format_value){ .type = FORMAT_INT, .i = row->ntasks };
        break;
    case T:
        *v = (struct format_value){ .type = FORMAT_FLOAT, .f = row->t };
        break;
    case SUCCESS:
        *v = (struct format_value){ .type = FORMAT_BOOL, .b = row->success };
        break;
    case USER:
        *v = (struct format_value){ .type = FORMAT_STRING, .s = field->arg };
        break;
    }
}

static const struct format_source source = { resolve, get, NULL };

static void check_row (const char *text, const struct row *row, const char *expected)
{
    flux_error_t error;
    struct buf out = BUF_INIT;
    struct format *f = format_create (text, &source, &error);
    assert_non_null (f);
    format_row (f, row, &out);
    assert_string_equal (out.data ? out.data : "", expected);
    buf_fini (&out);
    format_destroy (f);
}

static void check_header (const char *text, const char *expected)
{
    flux_error_t error;
    struct buf out = BUF_INIT;
    struct format *f = format_create (text, &source, &error);
    assert_non_null (f);
    format_header (f, &out);
    assert_string_equal (out.data ? out.data : "", expected);
    buf_fini (&out);
    format_destroy (f);
}

static void check_error (const char *text, const char *expected)
{
    flux_error_t error = { { 0 } };
    assert_null (format_create (text, &source, &error));
    assert_string_equal (error.text, expected);
}

static void cells (void **state)
{
    struct row r = { "sleep", 4, 0.1391, true };
    check_row ("{name}", &r, "sleep");
    check_row ("a{{b}}{name}c", &r, "a{b}sleepc");
    check_row ("{name:>8}|", &r, "   sleep|");
    check_row ("{name:<8}|", &r, "sleep   |");
    check_row ("{name:^9}|", &r, "  sleep  |");
    check_row ("{name:*^9}|", &r, "**sleep**|");
    check_row ("{name:ƒ>7}|", &r, "ƒƒsleep|");
    check_row ("{name:.3}|", &r, "sle|");
    check_row ("{name:6.3+}|", &r, "sl+   |");
    check_row ("{name:<10.10+}|", &r, "sleep     |");
    check_row ("{ntasks:6}|", &r, "     4|");
    check_row ("{ntasks:<6}|", &r, "4     |");
    check_row ("{ntasks:03d}|", &r, "004|");
    check_row ("{ntasks:>6h}|", &r, "     4|");
    check_row ("{success}", &r, "True");
    check_row ("{t}", &r, "0.1391");
    check_row ("{t:.2f}", &r, "0.14");
    check_row ("{unset:>4}|{unset:>4h}|", &r, "    |   -|");
    check_row ("{user.k}", &r, "k");
    r.name = "ƒabc";
    check_row ("{name:>6}|", &r, "  ƒabc|");
    r.ntasks = 1234567;
    check_row ("{ntasks:,}", &r, "1,234,567");
    r.t = 2;
    check_row ("{t}", &r, "2.0");
}

static void conversions (void **state)
{
    setenv ("TZ", "UTC", 1);
    struct row r = { "x", 0, 0.13912, false };
    check_row ("{t!F}", &r, "0.139s");
    r.t = 0.04;
    check_row ("{t!F}", &r, "0.040s");
    r.t = 10.4912;
    check_row ("{t!F:>8h}", &r, "  10.49s");
    r.t = 7200;
    check_row ("{t!F}", &r, "2h");
    check_row ("{t!H}", &r, "2:00:00");
    r.t = 3661;
    check_row ("{t!H:>8}", &r, " 1:01:01");
    r.t = 0;
    check_row ("{t!F:h}|{t!H:h}|{t!D:h}|{t!d:%R::>3h}|{t!F}", &r, "-|-|-|  -|0s");
    check_row ("{t!d:%b%d %R::>12}|", &r, "            |");
    r.t = 1795221919.2;
    check_row ("{t!D}", &r, "2026-11-21T00:45:19");
    check_row ("{t!d:%b%d %R::>12}", &r, " Nov21 00:45");
    check_row ("{t!d:%H:%M:%S}", &r, "00:45:19");
    /* no date, and no hours */
    r.t = INFINITY;
    check_row ("{t!D}|{t!d:%R}|{t!H}|{t!F}", &r, "||inf|inf");
    r.t = 1e300;
    check_row ("{t!D}|{t!d:%R}|{t!H}|{t:x}", &r, "||inf|1e+300");
    r.ntasks = -255;
    check_row ("{ntasks:x}|{ntasks:X}|{ntasks:o}", &r, "-ff|-FF|-377");
    r.ntasks = INT64_MIN;
    check_row ("{ntasks:x}", &r, "-8000000000000000");
    r.t = 255;
    check_row ("{t:x}", &r, "ff");
    r.t = 0.5;
    check_row ("{t!P}", &r, "50%");
    r.t = 0.015;
    check_row ("{t!P}", &r, "1.5%");
    r.t = 0.0005;
    check_row ("{t!P}", &r, "0.05%");
    r.t = 1;
    check_row ("{t!P}", &r, "100%");
    r.t = 0.33333;
    check_row ("{t!P}", &r, "33.3%");
}

static void headers (void **state)
{
    check_header ("{name:>8} {ntasks:>7h} {t!F:>8h} {user.foo}",
                  "    NAME  NTASKS     TIME USER.FOO");
    check_header ("{t!d:%b%d %R::>12} {name:<10.10+}|", "        TIME NAME      |");
    check_header ("{t:.1f} {name:.2}", "TIME NA");
}

static void scanned (void **state)
{
    flux_error_t error;
    struct row rows[] = { { "averylongname", 0, 0, false }, { "b", 0, 0, false } };
    struct buf out = BUF_INIT;
    struct format *f = format_create ("?:{ntasks:>6} +:{name:<4.4}| ?:{unset:>9} {t!F}",
                                      &source, &error);
    assert_non_null (f);
    assert_true (format_needs_scan (f));
    assert_true (format_uses (f, NTASKS));
    assert_false (format_uses (f, SUCCESS));
    format_scan (f, &rows[0]);
    format_scan (f, &rows[1]);
    format_scan_end (f);
    format_header (f, &out);
    assert_string_equal (out.data, "NAME          TIME");
    buf_reset (&out);
    format_row (f, &rows[1], &out);
    assert_string_equal (out.data, "b             0s");
    buf_fini (&out);
    format_destroy (f);
    f = format_create ("{name}", &source, &error);
    assert_false (format_needs_scan (f));
    format_destroy (f);
}

static void sorting (void **state)
{
    flux_error_t error;
    struct row a = { "a", 2, 1, false };
    struct row b = { "b", 1, 2, false };
    struct row c = { "c", 2, 3, false };
    const void *rows[] = { &a, &b, &c };
    struct format *f = format_create ("sort:ntasks,-t {name}", &source, &error);
    assert_non_null (f);
    assert_true (format_has_sort (f));
    assert_int_equal (format_sort (f, rows, 3), 0);
    assert_ptr_equal (rows[0], &b);
    assert_ptr_equal (rows[1], &c);
    assert_ptr_equal (rows[2], &a);
    assert_int_equal (format_set_sort (f, "-name", &error), 0);
    assert_int_equal (format_sort (f, rows, 3), 0);
    assert_ptr_equal (rows[0], &c);
    assert_ptr_equal (rows[2], &a);
    assert_int_equal (format_set_sort (f, "nosuch", &error), -1);
    assert_string_equal (error.text, "Invalid sort key: nosuch");
    format_destroy (f);
}

static void malformed (void **state)
{
    check_error ("{nosuch}", "Unknown format field: nosuch");
    check_error ("{name", "expected '}' before end of string");
    check_error ("name}", "single '}' encountered in format string");
    check_error ("{}", "empty format field {}");
    check_error ("{name!X}", "Unknown conversion specifier 'X'");
    check_error ("{name!}", "Unknown conversion specifier ''");
    check_error ("{name:>8q}", "Invalid format specifier: >8q");
    check_error ("{name:.}", "Format specifier missing precision: .");
    check_error ("sort:bad {name}", "Invalid sort key: bad");
}

static const struct format_named table[] = {
    { "default", "Default format", "{name}" },
    { "two", "Two", "{name} {t}" },
    { NULL, NULL, NULL },
};

/* What is printed instead of a table, or the error; freed at the next call. */
static const char *answer (const struct format_set *set, const char *given)
{
    static struct buf out = BUF_INIT;
    static flux_error_t error;
    buf_reset (&out);
    assert_null (format_choose (set, given, &out, &error));
    return out.len > 0 ? out.data : error.text;
}

static void chosen (const struct format_set *set, const char *given, const char *text)
{
    struct buf out = BUF_INIT;
    flux_error_t error = { { 0 } };
    char *s = format_choose (set, given, &out, &error);
    if (!s)
        fail_msg ("%s", error.text);
    assert_string_equal (s, text);
    assert_int_equal (out.len, 0);
    free (s);
}

static void named (void **state)
{
    const struct format_set set = { "flux-x", NULL, "FLUX_X_FORMAT_DEFAULT", table };
    setenv ("XDG_CONFIG_HOME", "/nonexistent", 1);
    setenv ("XDG_CONFIG_DIRS", "/nonexistent", 1);
    unsetenv ("FLUX_X_FORMAT_DEFAULT");
    chosen (&set, NULL, "{name}");
    chosen (&set, "default", "{name}");
    chosen (&set, "{t}", "{t}");
    assert_string_equal (answer (&set, "nosuch"),
                         "--format: No such format nosuch (Did you mean '{nosuch}'?)");
    assert_string_equal (answer (&set, "help"),
                         "\nConfigured flux-x output formats:\n\n"
                         "  default      Default format\n"
                         "  two          Two\n\n");
    assert_string_equal (answer (&set, "get-config=two"),
                         "[formats.two]\ndescription = \"Two\"\n"
                         "format = \"{name} {t}\"\n");
    assert_string_equal (answer (&set, "get-config=nosuch"),
                         "--format: No such format nosuch (Did you mean '{nosuch}'?)");
    setenv ("FLUX_X_FORMAT_DEFAULT", "two", 1);
    chosen (&set, NULL, "{name} {t}");
    chosen (&set, "default", "{name}");
    setenv ("FLUX_X_FORMAT_DEFAULT", "", 1);
    chosen (&set, NULL, "{name}");
    unsetenv ("FLUX_X_FORMAT_DEFAULT");
}

static void put (const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf (path, sizeof (path), "%s/flux/%s", dir, name);
    FILE *f = fopen (path, "w");
    assert_non_null (f);
    fputs (text, f);
    fclose (f);
}

/* The same name in two files and two directories; a subcommand's own table; what is wrong
 * in a file is said. */
static void files (void **state)
{
    char dir[] = "/tmp/format_test.XXXXXX", command[64];
    struct format_set set = { "flux-x", NULL, NULL, table };
    assert_non_null (mkdtemp (dir));
    snprintf (command, sizeof (command), "mkdir %s/flux", dir);
    assert_int_equal (system (command), 0);
    setenv ("XDG_CONFIG_HOME", "/nonexistent", 1);
    setenv ("XDG_CONFIG_DIRS", dir, 1);
    put (dir, "flux-x.json",
         "{\"formats\": {\"a\": {\"format\": \"{j}\"}, "
         "\"b\": {\"format\": \"{jb}\"}}}");
    put (dir, "flux-x.toml",
         "[formats.a]\nformat = \"{t}\"\n"
         "[list.formats.a]\nformat = \"{l}\"\n");
    chosen (&set, "a", "{t}");
    chosen (&set, "b", "{jb}");
    set.table = "list";
    chosen (&set, "a", "{l}");
    assert_string_equal (answer (&set, "get-config=a"),
                         "[list.formats.a]\ndescription = \"\"\nformat = \"{l}\"\n");
    set.table = NULL;
    put (dir, "flux-x.toml", "[formats.default]\nformat = \"{t}\"\n");
    assert_non_null (
        strstr (answer (&set, "b"), "/flux-x.toml: formats.default: is built in"));
    put (dir, "flux-x.toml", "[formats.c]\nfmt = \"{t}\"\n");
    assert_non_null (strstr (answer (&set, NULL), "formats.c: a string 'format'"));
    put (dir, "flux-x.toml", "[formats\n");
    assert_non_null (strstr (answer (&set, NULL), "/flux-x.toml: line 1: "));
    chosen (&set, "{x}", "{x}");
    snprintf (command, sizeof (command), "rm -r %s", dir);
    assert_int_equal (system (command), 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (cells),   cmocka_unit_test (conversions),
        cmocka_unit_test (headers), cmocka_unit_test (scanned),
        cmocka_unit_test (sorting), cmocka_unit_test (malformed),
        cmocka_unit_test (named),   cmocka_unit_test (files),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
