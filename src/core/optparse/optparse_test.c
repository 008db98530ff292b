#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <flux/optparse.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char log_text[1024];
static int fatal_code;

static int log_capture (const char *fmt, ...)
{
    size_t len = strlen (log_text);
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (log_text + len, sizeof (log_text) - len, fmt, ap);
    va_end (ap);
    return 0;
}

static int fatal_capture (void *handle, int exitval)
{
    fatal_code = exitval;
    return -1;
}

static struct optparse_option options[] = {
    { .name = "all", .key = 'a', .usage = "All of them" },
    { .name = "rank",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "IDSET",
      .flags = OPTPARSE_OPT_AUTOSPLIT,
      .usage = "Ranks" },
    { .name = "color", .key = 'L', .has_arg = 2, .arginfo = "WHEN", .usage = "Colors" },
    { .name = "count", .key = 'c', .has_arg = 1, .usage = "Number" },
    { .name = "size",
      .key = 1000,
      .has_arg = 1,
      .arginfo = "N[SUFFIX]",
      .usage = "A rather long text about a size, which has to go on in a second line "
               "below the first one" },
    { .name = "secret", .key = 1001, .flags = OPTPARSE_OPT_HIDDEN },
    { .name = "last", .key = 'z', .group = 1, .usage = "Last\nof all" },
    OPTPARSE_TABLE_END,
};

static optparse_t *create (const char *name)
{
    optparse_t *p = optparse_create (name);

    assert_non_null (p);
    assert_int_equal (optparse_set (p, OPTPARSE_LOG_FN, log_capture), 0);
    assert_int_equal (optparse_set (p, OPTPARSE_FATALERR_FN, fatal_capture), 0);
    log_text[0] = '\0';
    fatal_code = -42;
    return p;
}

#define PARSE(p, ...) parse_list (p, (const char *[]){ "prog", __VA_ARGS__, NULL })
static int parse_list (optparse_t *p, const char **argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    return optparse_parse_args (p, argc, (char **)argv);
}

static void test_parse (void **state)
{
    optparse_t *p = create ("prog");
    const char *arg;

    assert_int_equal (optparse_add_option_table (p, options), OPTPARSE_SUCCESS);
    assert_int_equal (optparse_add_option (p, &options[0]), OPTPARSE_EEXIST);
    assert_int_equal (PARSE (p, "-ar0,1", "--rank=2", "--color", "-c", "7", "x", "-a"),
                      6);
    assert_int_equal (optparse_option_index (p), 6);
    assert_int_equal (optparse_hasopt (p, "all"), 1);
    assert_int_equal (optparse_hasopt (p, "last"), 0);
    assert_int_equal (optparse_getopt (p, "rank", &arg), 2);
    assert_string_equal (arg, "2");
    assert_string_equal (optparse_getopt_next (p, "rank"), "0");
    assert_string_equal (optparse_getopt_next (p, "rank"), "1");
    assert_string_equal (optparse_getopt_next (p, "rank"), "2");
    assert_null (optparse_getopt_next (p, "rank"));
    assert_int_equal (optparse_getopt_iterator_reset (p, "rank"), 3);
    assert_int_equal (optparse_get_color (p, "color"), 1);
    assert_int_equal (optparse_get_int (p, "count", 3), 7);
    assert_int_equal (optparse_get_size_int (p, "size", "2k"), 2048);
    assert_string_equal (optparse_get_str (p, "size", "none"), "none");
    optparse_destroy (p);
}

static void test_dashes (void **state)
{
    optparse_t *p = create ("prog");

    optparse_add_option_table (p, options);
    assert_int_equal (PARSE (p, "-a", "--", "-a"), 3);
    assert_int_equal (optparse_hasopt (p, "all"), 1);
    assert_int_equal (PARSE (p, "-", "-a"), 1);
    assert_int_equal (PARSE (p, "--last"), 2);
    assert_int_equal (PARSE (p, "-c=5"), 2);
    assert_int_equal (optparse_get_int (p, "count", 0), 5);
    assert_int_equal (PARSE (p, "-ac=6"), 2);
    assert_int_equal (optparse_get_int (p, "count", 0), 6);
    optparse_destroy (p);
}

static void test_permute (void **state)
{
    const char *argv[] = { "prog", "one", "-c", "1", "two", "-a", "--", "-z", NULL };
    static const char *expect[] = { "prog", "-c", "1", "-a", "--", "one", "two", "-z" };
    optparse_t *p = create ("prog");

    optparse_add_option_table (p, options);
    optparse_set (p, OPTPARSE_POSIXLY_CORRECT, 0);
    assert_int_equal (optparse_parse_args (p, 8, (char **)argv), 5);
    for (int i = 0; i < 8; i++)
        assert_string_equal (argv[i], expect[i]);
    assert_int_equal (optparse_hasopt (p, "last"), 0);
    optparse_destroy (p);
}

static void check_bad (const char *arg, const char *message)
{
    optparse_t *p = create ("flux-prog");
    char expect[256];

    optparse_add_option_table (p, options);
    assert_int_equal (PARSE (p, arg), -1);
    snprintf (expect, sizeof (expect),
              "flux-prog: %s\nTry `flux-prog --help' for more information.\n", message);
    assert_string_equal (log_text, expect);
    optparse_destroy (p);
}

static void test_bad (void **state)
{
    check_bad ("--nosuch=1", "unrecognized option '--nosuch'");
    check_bad ("--alll", "unrecognized option '--alll', did you mean '--all'?");
    check_bad ("--co=1", "option '--co' is ambiguous: '--color' or '--count'?");
    check_bad ("--secre", "unrecognized option '--secre'"); /* it is hidden */
    check_bad ("--al=1", "option '--all' doesn't allow an argument");
    check_bad ("-aQ", "invalid option -- 'Q'");
    check_bad ("--all=1", "option '--all' doesn't allow an argument");
    check_bad ("--count", "option '--count' requires an argument");
    check_bad ("-c", "option requires an argument -- 'c'");
}

/* As far as no other begins so. */
static void test_cut_short (void **state)
{
    optparse_t *p = create ("prog");

    optparse_add_option_table (p, options);
    assert_int_equal (PARSE (p, "--al", "--cou=5", "--ra", "3", "x"), 5);
    assert_true (optparse_hasopt (p, "all"));
    assert_int_equal (optparse_get_int (p, "count", 0), 5);
    assert_string_equal (optparse_get_str (p, "rank", ""), "3");
    assert_false (optparse_hasopt (p, "color"));
    optparse_destroy (p);
}

static void test_values (void **state)
{
    optparse_t *p = create ("prog");

    optparse_add_option_table (p, options);
    assert_int_equal (PARSE (p, "--count=1x", "--size=1.5G"), 3);
    assert_int_equal (optparse_get_int (p, "count", 5), 5);
    assert_int_equal (fatal_code, 1);
    assert_string_equal (log_text,
                         "prog: Option 'count' requires an integer argument\n");
    assert_int_equal (optparse_get_size_int (p, "size", NULL), 3ULL << 29);
    optparse_destroy (p);

    p = create ("prog");
    optparse_add_option_table (p, options);
    PARSE (p, "--count=1.5m", "--size=1Q");
    assert_true (optparse_get_duration (p, "count", 0) == 90.);
    assert_int_equal (fatal_code, -42);
    optparse_get_size_int (p, "size", NULL);
    assert_int_equal (fatal_code, 1);
    optparse_destroy (p);

    p = create ("prog");
    optparse_add_option_table (p, options);
    PARSE (p, "--count=2.5", "--size=zz");
    assert_true (optparse_get_double (p, "count", 0) == 2.5);
    assert_true (isinf (optparse_get_duration (p, "count", INFINITY)) == 0);
    optparse_get_duration (p, "size", 0);
    assert_string_equal (log_text, "prog: Invalid argument for option 'size': 'zz'\n");
    optparse_destroy (p);
}

static int sub_args;
static int run_sub (optparse_t *p, int argc, char **argv)
{
    sub_args = argc - optparse_option_index (p);
    assert_string_equal (optparse_program_name (p), "flux-mod load");
    return optparse_hasopt (p, "all") ? 7 : 3;
}

static struct optparse_subcommand subcommands[] = {
    { "load", "[OPTIONS] NAME", "Load module", run_sub, 0, options },
    { "hide", "NAME", "Hidden", run_sub, OPTPARSE_SUBCMD_HIDDEN, NULL },
    { "raw", "NAME", "Takes all", run_sub, OPTPARSE_SUBCMD_SKIP_OPTS, NULL },
    OPTPARSE_SUBCMD_END,
};

static void test_subcommands (void **state)
{
    optparse_t *p = create ("flux-mod");
    const char *argv[] = { "flux-mod", "load", "-a", "x", "y", NULL };
    const char *bad[] = { "flux-mod", "nosuch", NULL };

    assert_int_equal (optparse_reg_subcommands (p, subcommands), OPTPARSE_SUCCESS);
    assert_int_equal (optparse_parse_args (p, 5, (char **)argv), 1);
    assert_int_equal (optparse_run_subcommand (p, 5, (char **)argv), 7);
    assert_int_equal (sub_args, 2);
    assert_ptr_equal (optparse_get_parent (optparse_get_subcommand (p, "load")), p);
    optparse_set_data (p, "key", argv);
    assert_ptr_equal (optparse_get_data (optparse_get_subcommand (p, "raw"), "key"),
                      argv);
    assert_int_equal (optparse_parse_args (p, 2, (char **)bad), 1);
    assert_int_equal (optparse_run_subcommand (p, 2, (char **)bad), -1);
    assert_string_equal (log_text, "flux-mod: Unknown subcommand: nosuch\n");
    assert_int_equal (fatal_code, 1);
    optparse_destroy (p);
}

static char *usage_text (optparse_t *p)
{
    char *s = NULL;
    size_t len;
    FILE *f = open_memstream (&s, &len);

    optparse_fprint_usage (p, f);
    fclose (f);
    return s;
}

static void test_usage (void **state)
{
    optparse_t *p = create ("flux-module");
    char *s;

    subcommands[0].opts = NULL;
    optparse_reg_subcommands (p, subcommands);
    s = usage_text (p);
    assert_string_equal (s, "Usage: flux-module COMMAND [OPTIONS]\n"
                            "  -h, --help             Display this message.\n"
                            "\n"
                            "flux module subcommands:\n"
                            "   load            Load module\n"
                            "   raw             Takes all\n");
    free (s);
    optparse_destroy (p);

    p = create ("flux getattr");
    optparse_set (p, OPTPARSE_USAGE, "name");
    optparse_add_option_table (p, options);
    optparse_add_doc (p, "Others:", 1);
    s = usage_text (p);
    assert_string_equal (s,
                         "Usage: flux getattr name\n"
                         "  -h, --help             Display this message.\n"
                         "  -a, --all              All of them\n"
                         "  -r, --rank=IDSET       Ranks\n"
                         "  -L, --color[=WHEN]     Colors\n"
                         "  -c, --count=ARG        Number\n"
                         "      --size=N[SUFFIX]   A rather long text about a size, "
                         "which has to go on in\n"
                         "                         a second line below the first one\n"
                         "  -z, --last             Last\n"
                         "                         of all\n"
                         "Others:\n");
    free (s);
    optparse_destroy (p);
}

static int subcommand_seen;
static int subcommand (optparse_t *p, int argc, char **argv)
{
    subcommand_seen++;
    return 0;
}

static void a_parser_can_be_used_again (void **state)
{
    struct optparse_option size = { .name = "size", .key = 's', .has_arg = 1 };
    char *once[] = { (char *)"test", (char *)"--size=3k", (char *)"sub", NULL };
    char *again[] = { (char *)"test", (char *)"sub", NULL };
    optparse_t *p = optparse_create ("test"), *sub;

    optparse_add_option (p, &size);
    assert_non_null ((sub = optparse_add_subcommand (p, "sub", subcommand)));
    assert_ptr_equal (optparse_get_subcommand (p, "sub"), sub);
    assert_null (optparse_add_subcommand (p, "sub", subcommand));
    assert_int_equal (optparse_run_subcommand (p, 3, once), 0);
    assert_int_equal (optparse_get_size (p, "size", "0"), 3072);
    optparse_reset (p);
    assert_int_equal (optparse_option_index (p), -1);
    assert_int_equal (optparse_hasopt (p, "size"), 0);
    assert_int_equal (optparse_get_size (p, "size", "1M"), 1048576);
    assert_int_equal (optparse_run_subcommand (p, 2, again), 0);
    assert_int_equal (subcommand_seen, 2);
    optparse_destroy (p);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_parser_can_be_used_again),
        cmocka_unit_test (test_parse),
        cmocka_unit_test (test_dashes),
        cmocka_unit_test (test_permute),
        cmocka_unit_test (test_bad),
        cmocka_unit_test (test_cut_short),
        cmocka_unit_test (test_values),
        cmocka_unit_test (test_subcommands),
        cmocka_unit_test (test_usage),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
