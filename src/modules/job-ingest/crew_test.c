/* The process that is asked: answers in their order, and whatever it does instead of
 * answering is told to all who wait. Here it is a shell script. */
#include "base/test.h"

#include <flux/subprocess.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *script;
static char seen_config[64];

/* In the place of Python, with the script that the test wants. */
static flux_cmd_t *script_create (int argc, char *argv[], char **env)
{
    char *args[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };

    snprintf (seen_config, sizeof (seen_config), "%s", argv[3]);
    return flux_cmd_create (3, args, env);
}

#define flux_cmd_create script_create
#include "crew.c"
#undef flux_cmd_create

static flux_t *h;
static struct crew *crew;
static char told[4096]; /* "ARG ERRNUM TEXT DATA;" for each answer */
static int answers, stop_after;

static void answered (int errnum, const char *text, json_t *data, void *arg)
{
    char *s = data ? json_dumps (data, JSON_COMPACT) : NULL;
    size_t n = strlen (told);

    snprintf (told + n, sizeof (told) - n, "%s %d%s%s%s%s;", (const char *)arg, errnum,
              errnum ? " " : "", errnum ? text : "", s ? " " : "", s ? s : "");
    free (s);
    if (++answers == stop_after)
        flux_reactor_stop (flux_get_reactor (h));
}

static int setup (void **state)
{
    h = flux_open ("loop://", 0);
    flux_attr_set_cacheonly (h, "local-uri", "local:///nowhere");
    flux_log_set_redirect (h, NULL, NULL);
    return h ? 0 : -1;
}

static int teardown (void **state)
{
    flux_close (h);
    return 0;
}

static void begin (const char *text, size_t size)
{
    script = text;
    told[0] = '\0';
    answers = stop_after = 0;
    assert_non_null (crew = crew_create (h, "{\"x\":1}", size, answered));
}

static void ask (const char *arg, const char *line)
{
    if (crew_ask (crew, line, strlen (line), (void *)arg) < 0)
        fail_msg ("%s: %s", arg, strerror (errno));
}

/* Until so many answers are there. */
static void wait_for (int n)
{
    stop_after = n;
    if (answers < n)
        flux_reactor_run (flux_get_reactor (h), 0);
    assert_int_equal (answers, n);
}

#define ECHO "while read -r l; do printf '%s\\n' \"$l\"; done"

static void answers_in_order (void **state)
{
    begin (ECHO, 65536);
    ask ("a", "{\"errnum\":0}\n");
    ask ("b", "{\"errnum\":22,\"errstr\":\"no\"}\n");
    ask ("c", "{\"errnum\":0,\"data\":{\"y\":2}}\n");
    ask ("d", "{\"errnum\":13}\n");
    assert_int_equal (answers, 0); /* not before it says so */
    wait_for (4);
    assert_string_equal (told, "a 0;b 22 no;c 0 {\"y\":2};d 13 refused by a plugin;");
    assert_string_equal (seen_config, "{\"x\":1}");
    ask ("e", "{\"errnum\":0}\n"); /* of the same process */
    wait_for (5);
    crew_destroy (crew);
    assert_int_equal (answers, 5);
}

static void no_answer (const char *text, const char *want)
{
    char all[256];

    begin (text, 65536);
    ask ("a", "{\"errnum\":0}\n");
    ask ("b", "{\"errnum\":0}\n");
    wait_for (2);
    snprintf (all, sizeof (all), "a %d %s;b %d %s;", EAGAIN, want, EAGAIN, want);
    assert_string_equal (told, all);
}

static void ends (void **state)
{
    static const struct {
        const char *script, *text;
    } t[] = {
        { "echo hello; cat", "job plugins: what they print is no answer" },
        { "echo '{\"errstr\":\"x\"}'; cat",
          "job plugins: what they print is no answer" },
        { "read l; read m; exit 3", "job plugins: exit 3" },
        { "read l; read m; kill -9 $$", "job plugins: Killed" },
        { "read l; read m; echo first >&2; echo last words >&2; exit 1",
          "job plugins: exit 1: last words" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        no_answer (t[i].script, t[i].text);
        /* The next question starts another. */
        script = ECHO;
        ask ("c", "{\"errnum\":0}\n");
        told[0] = '\0';
        wait_for (3);
        assert_string_equal (told, "c 0;");
        crew_destroy (crew);
    }
}

/* Words of one that ended are not those of the next. */
static void words_are_its_own (void **state)
{
    no_answer ("read l; read m; echo old >&2; exit 1", "job plugins: exit 1: old");
    script = "read l; exit 2";
    told[0] = '\0';
    ask ("c", "{\"errnum\":0}\n");
    wait_for (3);
    assert_string_equal (told, "c 11 job plugins: exit 2;");
    crew_destroy (crew);
}

static void end_tells_who_waits (void **state)
{
    begin ("exec sleep 1000", 65536);
    ask ("a", "{\"errnum\":0}\n");
    ask ("b", "{\"errnum\":0}\n");
    crew_destroy (crew);
    assert_string_equal (told, "a 11 job plugins: they are ended;"
                               "b 11 job plugins: they are ended;");
    begin ("exit 0", 65536);
    crew_destroy (crew); /* never asked, never started */
    assert_int_equal (answers, 0);
    crew_destroy (NULL);
}

/* What it does not read is bounded, and who was refused is not answered. */
static void input_is_bounded (void **state)
{
    static char line[2048];
    int taken = 0;

    memset (line, 'x', sizeof (line) - 1);
    begin ("exec sleep 1000", 16384);
    while (crew_ask (crew, line, sizeof (line), (void *)"a") == 0)
        if (++taken > 1000)
            fail_msg ("nothing bounds it");
    assert_int_equal (errno, EAGAIN);
    assert_in_range (taken, 7, 60); /* the buffer, and the pipe behind it */
    crew_destroy (crew);
    assert_int_equal (answers, taken);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (answers_in_order),  cmocka_unit_test (ends),
        cmocka_unit_test (words_are_its_own), cmocka_unit_test (end_tells_who_waits),
        cmocka_unit_test (input_is_bounded),
    };
    return cmocka_run_group_tests (tests, setup, teardown);
}
