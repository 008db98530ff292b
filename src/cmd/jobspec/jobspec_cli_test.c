/* Options in, jobspec out: the expectations are what flux-core 0.88 prints. */
#include "cmd/jobspec/jobspec_cli.h"

#include "base/test.h"

#include "cmd/format/datetime.h"
#include <string.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAXARGS = 64 };

static optparse_t *parse (const struct optparse_option *kind, int argc, char **argv)
{
    optparse_t *p = optparse_create ("flux-submit");
    assert_non_null (p);
    assert_int_equal (optparse_add_option_table (p, jobspec_common_options),
                      OPTPARSE_SUCCESS);
    assert_int_equal (optparse_add_option_table (p, kind), OPTPARSE_SUCCESS);
    assert_true (optparse_parse_args (p, argc, argv) >= 0);
    return p;
}

/* Arguments are split at blanks; none of them contains one. */
static int split (char *s, char **argv)
{
    int argc = 0;
    char *save;
    argv[argc++] = (char *)"flux-submit";
    for (char *w = strtok_r (s, " ", &save); w; w = strtok_r (NULL, " ", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    return argc;
}

static json_t *make (const char *args, flux_error_t *error)
{
    char *argv[MAXARGS];
    char *copy = strdup (args);
    int argc = split (copy, argv);
    optparse_t *p = parse (jobspec_task_options, argc, argv);
    int i = optparse_option_index (p);
    json_t *o = jobspec_from_task_options (p, argc - i, argv + i, error);
    optparse_destroy (p);
    free (copy);
    return o;
}

static json_t *at (json_t *o, const char *path)
{
    char *copy = strdup (path);
    char *rest = copy;
    char *key;
    while (o && (key = strsep (&rest, ".")))
        o = json_object_get (o, key);
    free (copy);
    return o;
}

/* Without what depends on the machine. */
static void neutralize (json_t *o)
{
    json_t *system = at (o, "attributes.system");
    json_object_del (system, "environment");
    json_object_del (system, "cwd");
    json_t *options = at (system, "shell.options");
    if (json_object_get (options, "rlimit"))
        json_object_set_new (options, "rlimit", json_object ());
}

static void check_json (json_t *o, const char *expected)
{
    char *s = json_dumps (o, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION (16));
    assert_non_null (s);
    assert_string_equal (s, expected);
    free (s);
}

/* path "": all. */
static void check (const char *args, const char *path, const char *expected)
{
    flux_error_t error = { { 0 } };
    json_t *o = make (args, &error);
    if (!o)
        fail_msg ("%s: %s", args, error.text);
    neutralize (o);
    check_json (*path ? at (o, path) : o, expected);
    json_decref (o);
}

static void check_error (const char *args, const char *expected)
{
    flux_error_t error = { { 0 } };
    json_t *o = make (args, &error);
    if (o)
        fail_msg ("%s: accepted", args);
    assert_string_equal (error.text, expected);
}

static void whole (void **state)
{
    check (
        "hostname", "",
        "{\"resources\":[{\"type\":\"slot\",\"count\":1,\"with\":[{\"type\":\"core\","
        "\"count\":1}],\"label\":\"task\"}],\"tasks\":[{\"command\":[\"hostname\"],"
        "\"slot\":\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{"
        "\"duration\":0,\"shell\":{\"options\":{\"rlimit\":{}}}}},\"version\":1}");
}

#define TASKS(count)                                                                   \
    "[{\"command\":[\"hostname\"],\"slot\":\"task\",\"count\":{" count "}}]"
#define CORES(n) "[{\"type\":\"core\",\"count\":" n "}]"
#define SLOT(n, with)                                                                  \
    "{\"type\":\"slot\",\"count\":" n ",\"with\":" with ",\"label\":\"task\"}"
#define NODE(n, slot) "[{\"type\":\"node\",\"count\":" n ",\"with\":[" slot "]}]"
#define XNODE(n, slot)                                                                 \
    "[{\"type\":\"node\",\"count\":" n ",\"exclusive\":true,\"with\":[" slot "]}]"

static void resources (void **state)
{
    static const struct {
        const char *args;
        const char *resources;
        const char *tasks;
    } cases[] = {
        { "-n4 -c2 hostname", "[" SLOT ("4", CORES ("2")) "]",
          TASKS ("\"per_slot\":1") },
        { "-N2 hostname", XNODE ("2", SLOT ("1", CORES ("1"))),
          TASKS ("\"per_slot\":1") },
        { "-N2 -n4 hostname", NODE ("2", SLOT ("2", CORES ("1"))),
          TASKS ("\"per_slot\":1") },
        { "-N2 -n3 hostname", NODE ("2", SLOT ("2", CORES ("1"))),
          TASKS ("\"total\":3") },
        { "-N2 -n4 -c2 -g1 hostname",
          NODE ("2", SLOT ("2", "[{\"type\":\"core\",\"count\":2},"
                                "{\"type\":\"gpu\",\"count\":1}]")),
          TASKS ("\"per_slot\":1") },
        { "-N2 --exclusive hostname", XNODE ("2", SLOT ("1", CORES ("1"))),
          TASKS ("\"per_slot\":1") },
        { "-N2 --tasks-per-node=3 hostname", XNODE ("2", SLOT ("1", CORES ("1"))),
          TASKS ("\"per_slot\":1") },
        { "--cores=8 --tasks-per-core=2 hostname", "[" SLOT ("8", CORES ("1")) "]",
          TASKS ("\"per_slot\":1") },
        { "--nodes=2 --cores=8 hostname", NODE ("2", SLOT ("1", CORES ("4"))),
          TASKS ("\"per_slot\":1") },
    };
    for (size_t i = 0; i < sizeof (cases) / sizeof (cases[0]); i++) {
        check (cases[i].args, "resources", cases[i].resources);
        check (cases[i].args, "tasks", cases[i].tasks);
    }
    check ("-N2 --tasks-per-node=3 hostname", "attributes.system.shell",
           "{\"options\":{\"per-resource\":{\"type\":\"node\",\"count\":3},"
           "\"rlimit\":{}}}");
    check ("--cores=8 --tasks-per-core=2 hostname", "attributes.system.shell",
           "{\"options\":{\"per-resource\":{\"type\":\"core\",\"count\":2},"
           "\"rlimit\":{}}}");
    check ("--nodes=2 --cores=8 hostname", "attributes.system.shell",
           "{\"options\":{\"rlimit\":{}}}");
}

static void attributes (void **state)
{
    check (
        "-t 5 --job-name=foo --urgency=20 --queue=q --bank=b hostname",
        "attributes.system",
        "{\"duration\":300,\"job\":{\"name\":\"foo\"},\"queue\":\"q\",\"bank\":\"b\","
        "\"shell\":{\"options\":{\"rlimit\":{}}}}");
    check (
        "-t 1.5h --output=out.{{id}} --error=err -l -u hostname", "attributes.system",
        "{\"duration\":5400,\"shell\":{\"options\":{\"output\":{\"stdout\":{\"type\":"
        "\"file\",\"path\":\"out.{{id}}\",\"label\":true,\"buffer\":{\"type\":"
        "\"none\"}},\"stderr\":{\"type\":\"file\",\"path\":\"err\",\"label\":true,"
        "\"buffer\":{\"type\":\"none\"}},\"batch-timeout\":0.05},\"input\":{"
        "\"batch-timeout\":0},\"rlimit\":{}}}}");
    check ("-t 0.5s hostname", "attributes.system.duration", "0.5");
    check ("--dependency=afterok:ƒ2 --dependency=after:123?k=v hostname",
           "attributes.system.dependencies",
           "[{\"scheme\":\"afterok\",\"value\":\"ƒ2\"},{\"scheme\":\"after\",\"value\":"
           "\"123\",\"k\":\"v\"}]");
    check ("--dependency=singleton hostname", "attributes.system.dependencies",
           "[{\"scheme\":\"singleton\",\"value\":\"\"}]");
    check ("-o cpu-affinity=per-task -o verbose -o a.b=2 hostname",
           "attributes.system.shell",
           "{\"options\":{\"rlimit\":{},\"cpu-affinity\":\"per-task\",\"verbose\":1,"
           "\"a\":{\"b\":2}}}");
    check (
        "--setattr=foo=1 --setattr=user.bar=baz --setattr=.top=x hostname",
        "attributes",
        "{\"system\":{\"duration\":0,\"shell\":{\"options\":{\"rlimit\":{}}},\"foo\":"
        "1},\"user\":{\"bar\":\"baz\"},\"top\":\"x\"}");
    check ("--taskmap=cyclic --signal=USR1@30s hostname", "attributes.system.shell",
           "{\"options\":{\"rlimit\":{},\"signal\":{\"signum\":10,\"timeleft\":30},"
           "\"taskmap\":{\"scheme\":\"cyclic\",\"value\":\"\"}}}");
    check ("--signal=@90 hostname", "attributes.system.shell.options.signal",
           "{\"signum\":10,\"timeleft\":90}");
    check ("--signal=SIGTERM hostname", "attributes.system.shell.options.signal",
           "{\"signum\":15,\"timeleft\":60}");
    check ("--requires=foo hostname", "attributes.system.constraints",
           "{\"properties\":[\"foo\"]}");
    check ("--input=/dev/null hostname", "attributes.system.shell.options.input",
           "{\"stdin\":{\"type\":\"file\",\"path\":\"/dev/null\"}}");
}

static void constraint (void **state)
{
    char *argv[] = { (char *)"flux-submit",
                     (char *)"--requires=foo,bar and not host:h1", (char *)"hostname",
                     NULL };
    flux_error_t error = { { 0 } };
    optparse_t *p = parse (jobspec_task_options, 3, argv);
    json_t *o = jobspec_from_task_options (p, 1, argv + 2, &error);
    assert_non_null (o);
    check_json (at (o, "attributes.system.constraints"),
                "{\"and\":[{\"properties\":[\"foo\",\"bar\"]},{\"not\":[{\"hostlist\":["
                "\"h1\"]}]}]}");
    json_decref (o);
    optparse_destroy (p);
}

static void env_and_limits (void **state)
{
    flux_error_t error = { { 0 } };
    json_t *o = make ("--env=-* --env=FOO=bar hostname", &error);
    assert_non_null (o);
    check_json (at (o, "attributes.system.environment"), "{\"FOO\":\"bar\"}");
    json_decref (o);
    o = make ("--rlimit=-*,nofile=1024 hostname", &error);
    assert_non_null (o);
    check_json (at (o, "attributes.system.shell.options.rlimit"), "{\"nofile\":1024}");
    json_decref (o);
    o = make ("--rlimit=-* --rlimit=core=unlimited hostname", &error);
    check_json (at (o, "attributes.system.shell.options.rlimit"), "{\"core\":-1}");
    json_decref (o);
}

static void env_rules (void **state)
{
    char *env[] = { (char *)"A=1", (char *)"AB=2", (char *)"HOME=/h", NULL };
    static const struct {
        const char *rules[4];
        const char *expected;
    } cases[] = {
        { { NULL }, "{\"A\":\"1\",\"AB\":\"2\",\"HOME\":\"/h\"}" },
        { { "-A*" }, "{\"HOME\":\"/h\"}" },
        { { "-/^A.*$/" }, "{\"HOME\":\"/h\"}" },
        { { "-/B$" }, "{\"A\":\"1\",\"HOME\":\"/h\"}" },
        { { "-*", "A" }, "{\"A\":\"1\"}" },
        { { "-*", "A*", "nosuch" }, "{\"A\":\"1\",\"AB\":\"2\"}" },
        { { "-*", "X=$HOME/${A}b$$" }, "{\"X\":\"/h/1b$\"}" },
        { { "-*", "X=1", "Y=$X" }, "{\"X\":\"1\",\"Y\":\"1\"}" },
    };
    for (size_t i = 0; i < sizeof (cases) / sizeof (cases[0]); i++) {
        flux_error_t error = { { 0 } };
        size_t n = 0;
        while (n < 4 && cases[i].rules[n])
            n++;
        json_t *o = jobspec_environment (env, cases[i].rules, n, NULL, &error);
        assert_non_null (o);
        check_json (o, cases[i].expected);
        json_decref (o);
    }
    flux_error_t error;
    const char *bad[] = { "X=$NOSUCH" };
    assert_null (jobspec_environment (env, bad, 1, NULL, &error));
    assert_string_equal (error.text, "--env=X=$NOSUCH: environment variable NOSUCH is "
                                     "not set");
    const char *advanced[] = { "X=${A:-foo}" };
    assert_null (jobspec_environment (env, advanced, 1, NULL, &error));
    const char *nofile[] = { "^/nonexistent/rules" };
    assert_null (jobspec_environment (env, nofile, 1, NULL, &error));
    assert_string_equal (error.text,
                         "--env-file: /nonexistent/rules: No such file or directory");
}

static void env_file (void **state)
{
    char path[] = "/tmp/flux-envXXXXXX";
    char rule[64];
    char *env[] = { (char *)"A=1", NULL };
    const char *rules[] = { "-*", rule };
    flux_error_t error = { { 0 } };
    int fd = mkstemp (path);
    assert_true (fd >= 0);
    assert_int_equal (write (fd, "# comment\nX=2\n\n A\n", 18), 18);
    close (fd);
    snprintf (rule, sizeof (rule), "^%s", path);
    json_t *o = jobspec_environment (env, rules, 2, NULL, &error);
    unlink (path);
    assert_non_null (o);
    check_json (o, "{\"X\":\"2\",\"A\":\"1\"}");
    json_decref (o);
}

static void refused (void **state)
{
    check_error ("", "job command and arguments are missing");
    check_error ("-N2 -n1 true", "node count must not be greater than task count");
    check_error ("-n1 -t foo true", "--time-limit=foo: invalid Flux standard duration");
    check_error ("-n0 true", "--ntasks=0: must be at least 1");
    check_error ("-nx true", "--ntasks=x: not a whole number");
    check_error ("-c0 true", "--cores-per-task=0: must be at least 1");
    check_error ("-N0 true", "--nodes=0: must be at least 1");
    check_error ("--exclusive true", "--exclusive needs --nodes");
    check_error ("--cores=3 --nodes=2 true", "--cores=3 is not divisible by --nodes=2");
    check_error ("--cores=1 --nodes=2 true", "--cores=1 is less than --nodes=2");
    check_error ("--begin-time=xyz true", "--begin-time=xyz: invalid date or time");
    check_error ("--signal=NOSUCH true", "--signal=NOSUCH: unknown signal 'NOSUCH'");
    check_error ("--rlimit=nosuch true", "--rlimit=nosuch: no such limit");
    check_error ("--rlimit=core=x true", "--rlimit=core=x: not a number");
    check_error ("--setattr=^foo=/nonexistent true",
                 "--setattr: /nonexistent: No such file or directory");
    check_error ("--setattr=duration.x=1 true",
                 "--setattr=duration.x=1: cannot set 'duration.x'");
    check_error ("--add-file=/nonexistent true",
                 "--add-file: /nonexistent: No such file or directory");
    check_error ("--dependency=afterok:1?k true",
                 "--dependency=afterok:1?k: 'k' is not KEY=VALUE");
}

static json_t *make_batch (const char *args, const struct jobspec_batch *batch)
{
    char *argv[MAXARGS];
    flux_error_t error = { { 0 } };
    char *copy = strdup (args);
    int argc = split (copy, argv);
    optparse_t *p = parse (jobspec_batch_options, argc, argv);
    json_t *o = jobspec_from_batch_options (p, batch, 0, NULL, &error);
    if (!o)
        fail_msg ("%s: %s", args, error.text);
    neutralize (o);
    optparse_destroy (p);
    free (copy);
    return o;
}

static void batch_and_alloc (void **state)
{
    static const struct jobspec_batch batch = { .script = "#!/bin/sh\ntrue\n",
                                                .name = "true",
                                                .output = "flux-{{id}}.out" };
    static const struct jobspec_batch alloc = { 0 };
    json_t *o = make_batch ("-N2 -n2 -c1", &batch);
    check_json (json_object_get (o, "resources"), NODE ("2", SLOT ("1", CORES ("1"))));
    check_json (json_object_get (o, "tasks"),
                "[{\"command\":[\"flux\",\"broker\",\"{{tmpdir}}/script\"],\"slot\":"
                "\"task\",\"count\":{\"per_slot\":1}}]");
    check_json (
        at (o, "attributes.system"),
        "{\"duration\":0,\"job\":{\"name\":\"true\"},\"shell\":{\"options\":{"
        "\"output\":{\"stdout\":{\"type\":\"file\",\"path\":\"flux-{{id}}.out\"}"
        "},\"per-resource\":{\"type\":\"node\"},\"mpi\":\"none\","
        "\"exit-timeout\":\"none\",\"rlimit\":{}}},\"files\":{\"script\":{"
        "\"mode\":33216,\"data\":\"#!/bin/sh\\ntrue\\n\",\"encoding\":\"utf-8\"}"
        "}}");
    json_decref (o);
    o = make_batch ("-N1", &alloc);
    check_json (json_object_get (o, "resources"), XNODE ("1", SLOT ("1", CORES ("1"))));
    check_json (json_object_get (o, "tasks"),
                "[{\"command\":[\"flux\",\"broker\"],\"slot\":\"task\",\"count\":{"
                "\"per_slot\":1}}]");
    check_json (
        at (o, "attributes.system"),
        "{\"duration\":0,\"shell\":{\"options\":{\"per-resource\":{\"type\":"
        "\"node\"},\"mpi\":\"none\",\"exit-timeout\":\"none\",\"rlimit\":{}}}}");
    json_decref (o);
    o = make_batch ("-n1 --conf=kvs.x=1 --conf={\"a\":2}", &alloc);
    check_json (at (o, "attributes.system.files"),
                "{\"conf.json\":{\"mode\":33152,\"data\":"
                "\"{\\\"kvs\\\":{\\\"x\\\":1},\\\"a\\\":2}\",\"encoding\":\"utf-8\"}}");
    json_decref (o);
}

static void files (void **state)
{
    flux_error_t error = { { 0 } };
    json_t *o = json_object ();
    assert_int_equal (jobspec_add_file (o, "a:755=line\n", &error), 0);
    check_json (o,
                "{\"a\":{\"mode\":33261,\"data\":\"line\\n\",\"encoding\":\"utf-8\"}}");
    assert_int_equal (jobspec_add_file (o, "line\n", &error), -1);
    assert_int_equal (jobspec_add_file (o, "a:9=line\n", &error), -1);
    assert_int_equal (jobspec_add_file (o, "a/b=line\n", &error), -1);
    assert_int_equal (jobspec_add_file (o, "/tmp", &error), -1);
    assert_string_equal (error.text, "--add-file: /tmp: not a regular file");
    json_decref (o);
    o = jobspec_file_object ("\0\xff", 2, 0100600);
    check_json (o, "{\"mode\":33152,\"data\":\"AP8=\",\"encoding\":\"base64\"}");
    json_decref (o);
}

/* What a rule sets to a template is for the shell. */
static void env_templates (void **state)
{
    flux_error_t error;
    char *env[] = { (char *)"HERE={{id}}", NULL };
    const char *rules[] = { "A={{id}}", "B=$HERE", "C=c" };
    json_t *templates = json_object ();
    json_t *o = jobspec_environment (env, rules, 3, templates, &error);
    check_json (templates, "{\"A\":\"{{id}}\",\"B\":\"{{id}}\"}");
    json_decref (templates);
    json_decref (o);
}

static void template(void **state)
{
    json_t *o = json_pack ("{s:[s] s:{s:{s:{s:s}s:i}}}", "command", "echo {cc}",
                           "attributes", "system", "environment", "X", "{cc}", "d", 1);
    struct jobspec_template *t = jobspec_template_create (o, false);
    assert_non_null (t);
    char *s = jobspec_template_expand (t, "12", true);
    assert_string_equal (s, "{\"command\":[\"echo 12\"],\"attributes\":{\"system\":{"
                            "\"environment\":{\"FLUX_JOB_CC\":\"12\",\"X\":\"{cc}\"},"
                            "\"d\":1}}}");
    free (s);
    s = jobspec_template_expand (t, NULL, false);
    char *plain = json_dumps (o, JSON_COMPACT);
    assert_string_equal (s, plain);
    free (s);
    free (plain);
    jobspec_template_destroy (t);
    t = jobspec_template_create (o, true);
    s = jobspec_template_expand (t, "3", false);
    assert_string_equal (s, "{\"command\":[\"echo 3\"],\"attributes\":{\"system\":{"
                            "\"environment\":{\"X\":\"3\"},\"d\":1}}}");
    free (s);
    jobspec_template_destroy (t);
    json_decref (o);
}

static void flags (void **state)
{
    flux_error_t error;
    int n;
    char *argv[] = { (char *)"x", (char *)"--flags=waitable,debug",
                     (char *)"--urgency=hold", NULL };
    optparse_t *p = parse (jobspec_task_options, 3, argv);
    assert_int_equal (jobspec_flags (p, &n, &error), 0);
    assert_int_equal (n, 6);
    assert_int_equal (jobspec_urgency (p, &n, &error), 0);
    assert_int_equal (n, 0);
    optparse_destroy (p);
    char *bad[] = { (char *)"x", (char *)"--flags=nosuch", (char *)"--urgency=40",
                    NULL };
    p = parse (jobspec_task_options, 3, bad);
    assert_int_equal (jobspec_flags (p, &n, &error), -1);
    assert_string_equal (error.text, "--flags: unknown flag 'nosuch'");
    assert_int_equal (jobspec_urgency (p, &n, &error), -1);
    assert_string_equal (error.text, "--urgency=40: urgency range is [0:31]");
    optparse_destroy (p);
}

static void check_time (const char *s, double expected)
{
    double t;
    /* Saturday 2026-11-21 01:30:00 UTC */
    if (datetime_parse (s, 1795224600, &t) < 0)
        fail_msg ("%s: refused", s);
    if (t != expected)
        fail_msg ("%s: %.1f, not %.1f", s, t, expected);
}

static void times (void **state)
{
    double t;
    setenv ("TZ", "UTC", 1);
    check_time ("now", 1795224600);
    check_time ("+1h", 1795228200);
    check_time ("-90", 1795224510);
    check_time ("in 10m", 1795225200);
    check_time ("5m ago", 1795224300);
    check_time ("2030-01-01", 1893456000);
    check_time ("2030-01-01 12:30", 1893501000);
    check_time ("2030-01-01T12:30:05Z", 1893501005);
    check_time ("2030-01-01 3pm", 1893510000);
    check_time ("02:00", 1795226400);
    check_time ("01:00", 1795309200);
    check_time ("noon", 1795262400);
    check_time ("tomorrow", 1795305600);
    check_time ("tomorrow 6:15am", 1795328100);
    check_time ("1893458726.5", 1893458726.5);
    check_time ("@5", 5);
    check_time ("2 hours ago", 1795217400);
    check_time ("1 day 30 minutes ago", 1795136400);
    check_time ("an hour ago", 1795221000);
    check_time ("in 3 weeks", 1797039000);
    check_time ("+2 min", 1795224720);
    check_time ("noon tomorrow", 1795348800);
    check_time ("3pm 2030-01-01", 1893510000);
    check_time ("yesterday 02:00", 1795140000);
    check_time ("monday", 1795392000);
    check_time ("next Mon 9am", 1795424400);
    check_time ("last friday", 1795132800);
    check_time ("saturday", 1795824000);
    check_time ("9:30 last sat", 1794648600 + 0);
    check_time ("jan 1 2030", 1893456000);
    check_time ("1 January 2030 12:30", 1893501000);
    check_time ("Jan 1, 2030 3pm", 1893510000);
    check_time ("3pm 1 jan 2030", 1893510000);
    check_time ("nov 20", 1795132800);
    check_time ("last week", 1795224600 - 7 * 86400);
    check_time ("last hour", 1795221000);
    check_time ("next day", 1795311000);
    const char *bad[] = { "",
                          "jan",
                          "jan 32",
                          "feb 30 2030",
                          "2030 jan 1",
                          "jan feb",
                          "1 2",
                          "1 1 2030",
                          "last",
                          "last 2 hours",
                          "last parsec",
                          "xyz",
                          "2030-02-30",
                          "2030-13-01",
                          "25:00",
                          "12",
                          "2 hours",
                          "x ago",
                          "2 parsecs ago",
                          "1 2 ago",
                          "next",
                          "next year x",
                          "noon noon",
                          "tomorrow tomorrow",
                          "mo",
                          "inf ago",
                          "13pm",
                          "tomorrow x",
                          "+",
                          "2030-01-01 12:30 x",
                          "12:61" };
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        if (datetime_parse (bad[i], 1795224600, &t) == 0)
            fail_msg ("'%s': accepted as %f", bad[i], t);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (whole),           cmocka_unit_test (resources),
        cmocka_unit_test (attributes),      cmocka_unit_test (constraint),
        cmocka_unit_test (env_and_limits),  cmocka_unit_test (env_rules),
        cmocka_unit_test (env_file),        cmocka_unit_test (refused),
        cmocka_unit_test (batch_and_alloc), cmocka_unit_test (files),
        cmocka_unit_test (env_templates),   cmocka_unit_test (template),
        cmocka_unit_test (flags),           cmocka_unit_test (times),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
