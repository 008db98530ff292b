#include "cmd/complete/candidates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct optparse_option run_opts[] = {
    { .usage = "a heading" },
    { .name = "queue", .key = 'q', .has_arg = 1, .arginfo = "QUEUE", .usage = "there" },
    { .name = "ntasks", .key = 'n', .has_arg = 1, .arginfo = "N", .usage = "tasks" },
    { .name = "secret", .flags = OPTPARSE_OPT_HIDDEN },
    { .name = "color", .has_arg = 2, .arginfo = "WHEN", .usage = "colors\nmore" },
    OPTPARSE_TABLE_END,
};
static const struct optparse_option more_opts[] = {
    { .name = "to", .has_arg = 1, .arginfo = "dec|hex", .usage = "form" },
    OPTPARSE_TABLE_END,
};
static struct optparse_option stop_opts[] = {
    { .name = "output", .has_arg = 1, .arginfo = "FILE", .usage = "there" },
    OPTPARSE_TABLE_END,
};
static struct optparse_subcommand subs[] = {
    { "stop", "[-o FILE] JOBID", "Stop it", NULL, 0, stop_opts },
    { "start", "[OPTIONS] id", "Start it", NULL, 0, NULL },
    { "space", "create|remove", "Spaces", NULL, 0, NULL },
    { "remove", "NAME", "Remove it", NULL, 0, NULL },
    { "hidden", "", "", NULL, OPTPARSE_SUBCMD_HIDDEN, NULL },
    OPTPARSE_SUBCMD_END,
};
static const struct command cmd_run = { .name = "run",
                                        .summary = "Run a job",
                                        .usage = "[OPTIONS...] COMMAND [ARGS...]",
                                        .options = run_opts,
                                        .more_options = { more_opts } };
static const struct command cmd_module = { .name = "module",
                                           .summary = "Modules",
                                           .subcommands = subs };
static const struct command cmd_shells = { .name = "shells", .usage = "bash|zsh" };
static const struct command cmd_kvs = { .name = "rm", .usage = "[-N NAME] KEY..." };
static const struct command cmd_secret = { .name = "ruse", .flags = CMD_HIDDEN };
static const struct command *const table[] = { &cmd_run, &cmd_module, &cmd_shells,
                                               &cmd_kvs, &cmd_secret, NULL };

/* Candidates separated by spaces, in order; '@' and the number of what else fits. */
static char *complete (const char *line)
{
    struct completion c;
    struct buf b = BUF_INIT;
    int count;
    char **words = complete_split (line, &count);

    assert_non_null (words);
    assert_true (count > 0);
    complete_words (&c, table, count, words);
    for (const char *s = c.out.data; s && *s; s = strchr (s, '\n') + 1)
        buf_printf (&b, "%.*s ", (int)strcspn (s, "\t"), s);
    if (c.want != WANT_NOTHING)
        buf_printf (&b, "@%d ", (int)c.want);
    if (c.head > 0)
        buf_printf (&b, "+%d ", c.head);
    buf_fini (&c.out);
    complete_free (words);
    return b.data ? b.data : strdup ("");
}

static void test_complete (void **state)
{
    static const struct {
        const char *line, *expected;
    } t[] = {
        { "", "run module shells rm " },
        { "ru", "run " },
        { "-v r", "run rm " },
        { "nosuch ", "" },
        { "run ", "@9 " },
        { "run --", "--queue= --ntasks= --color --to= --help " },
        { "run --n", "--ntasks= " },
        { "run --queue=", "@3 +8 " },
        { "run --queue=a", "@3 +8 " },
        { "run -q ", "@3 " },
        { "run --queue ", "@3 " },
        { "run -n ", "" },
        { "run --color ", "@9 " }, /* its argument may be left out */
        { "run --color=", "auto never always +8 " },
        { "run --color=a", "auto always +8 " },
        { "run --to=", "dec hex +5 " },
        { "run --to d", "dec " },
        { "run --nosuch=", "+9 " },
        { "run -- ", "@1 " },
        { "module ", "stop start space remove " },
        { "module st", "stop start " },
        { "module --", "--help " },
        { "module stop ", "@2 " },
        { "module stop --output ", "@1 " },
        { "module start ", "@2 " },
        { "module space ", "create remove " },
        { "module space c", "create " },
        { "module remove ", "@5 " },
        { "module nosuch ", "" },
        { "shells z", "zsh " },
        { "rm ", "@7 " },
        { "rm -N ", "@7 " },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        char *s = complete (t[i].line);

        if (strcmp (s, t[i].expected) != 0)
            fail_msg ("'%s': '%s', not '%s'", t[i].line, s, t[i].expected);
        free (s);
    }
}

static void test_split (void **state)
{
    static const struct {
        const char *line, *words;
    } t[] = {
        { "", "||" },
        { "a", "|a|" },
        { "  a  b", "|a|b|" },
        { "a b ", "|a|b||" },
        { "a 'b c' d", "|a|b c|d|" },
        { "a \"b 'c\\\" d\"e", "|a|b 'c\" de|" },
        { "a b\\ c\\", "|a|b c\\|" },
        { "a 'b c", "|a|b c|" },
        { "'' a", "||a|" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        struct buf b = BUF_INIT;
        int count;
        char **words = complete_split (t[i].line, &count);

        assert_non_null (words);
        buf_addc (&b, '|');
        for (int k = 0; k < count; k++)
            buf_printf (&b, "%s|", words[k]);
        assert_null (words[count]);
        assert_string_equal (b.data, t[i].words);
        buf_fini (&b);
        complete_free (words);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_complete),
        cmocka_unit_test (test_split),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
