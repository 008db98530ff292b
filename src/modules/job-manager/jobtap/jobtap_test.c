/* Plugins that are told about jobs, and do what the test wants: all of jobtap but files
 * and requests. There are three of them, in place of those that are built in. */
#include "modules/job-manager/jobtap/rig_test.h"

#include <errno.h>
#include <flux/jobtap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC                                                                           \
    "{\"resources\":[{\"type\":\"slot\",\"count\":1,\"with\":[{\"type\":\"core\","     \
    "\"count\":1}],\"label\":\"task\"}],\"tasks\":[{\"command\":[\"true\"],\"slot\":"  \
    "\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":"  \
    "0,\"environment\":{\"A\":\"b\"}%s}},\"version\":1}"
#define R_TEXT                                                                         \
    "{\"version\":1,\"execution\":{\"R_lite\":[]},\"scheduling\":{\"much\":\"more\"}}"
#define CURRENT FLUX_JOBTAP_CURRENT_JOB

/* --- the world --- */

/* What a plugin does when it is told of this. */
typedef int (*act_f) (flux_plugin_t *p, flux_plugin_arg_t *args);

static struct world {
    struct ctx ctx;
    char told[8192];
    const char *topic; /* all log, but this one acts */
    const char *who;   /* NULL: each */
    act_f act;
    json_t *in; /* what it got then */
} w;

static int tell (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                 void *data)
{
    const char *name = flux_plugin_get_name (p);
    size_t n = strlen (w.told);
    char *text;

    snprintf (w.told + n, sizeof (w.told) - n, "%s:%s ", name,
              strncmp (topic, "job.", 4) == 0 ? topic + 4 : topic);
    if (!w.topic || strcmp (topic, w.topic) != 0
        || (w.who && strcmp (w.who, name) != 0))
        return 0;
    json_decref (w.in);
    assert_int_equal (flux_plugin_arg_get (args, FLUX_PLUGIN_ARG_IN, &text), 0);
    assert_non_null (w.in = json_loads (text, 0, NULL));
    free (text);
    return w.act ? w.act (p, args) : 0;
}

static int init_all (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "*", tell, NULL);
}

static int init_two (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "job.state.run", tell, NULL) < 0
                   || flux_plugin_add_handler (p, "job.create", tell, NULL) < 0
               ? -1
               : 0;
}

static int init_bad (flux_plugin_t *p)
{
    return -1;
}

const struct jobtap_builtin jobtap_builtins[] = {
    { ".a", init_all, 0 },
    { ".b", init_two, OFF_AFTER },
    { ".c", NULL, OFF_SINGLETON },
    { NULL, init_bad, 0 },
};

static int setup (void **state)
{
    memset (&w, 0, sizeof (w));
    rig_set_up (&w.ctx);
    return 0;
}

static int teardown (void **state)
{
    rig_tear_down (&w.ctx);
    json_decref (w.in);
    return 0;
}

static struct tap_plugin *plugin (const char *name)
{
    struct tap_plugin *tp = jobtap_find (w.ctx.jobtap, name);

    assert_non_null (tp);
    return tp;
}

static flux_plugin_t *a (void)
{
    return plugin (".a")->p;
}

static void on (const char *topic, const char *who, act_f act)
{
    w.topic = topic;
    w.who = who;
    w.act = act;
}

static int submit_text (flux_jobid_t id, const char *extra, flux_error_t *error)
{
    char spec[1024];
    int n = snprintf (spec, sizeof (spec), SPEC, extra);
    struct submission s = {
        .id = id, .userid = 1000, .urgency = 16, .jobspec = { spec, n }
    };

    error->text[0] = '\0';
    return manager_submit (w.ctx.m, &s, error);
}

static struct job *submit (flux_jobid_t id)
{
    flux_error_t error;

    if (submit_text (id, "", &error) < 0)
        fail_msg ("%s", error.text);
    return manager_lookup (w.ctx.m, id);
}

static void commit (void)
{
    struct span s, R;

    manager_turn (w.ctx.m);
    while (manager_next_commit (w.ctx.m, &s, &R))
        ;
    manager_committed (w.ctx.m);
}

static void grant (flux_jobid_t id)
{
    manager_turn (w.ctx.m);
    manager_sched_success (w.ctx.m, id, (struct span){ R_TEXT, strlen (R_TEXT) },
                           (struct span){ NULL, 0 }, true);
}

static void finish (flux_jobid_t id, int status)
{
    manager_exec_start (w.ctx.m, id);
    manager_exec_finish (w.ctx.m, id, status);
    manager_exec_release (w.ctx.m, id, "all", true);
}

static void told (const char *expected)
{
    assert_string_equal (w.told, expected);
    w.told[0] = '\0';
}

static bool logged (const struct job *job, const char *text)
{
    return job->log.data && strstr (job->log.data, text);
}

/* --- what is told --- */

static void only_who_has_asked_is_told (void **state)
{
    submit (1);
    told ("a:create b:create a:validate a:new a:state.depend a:state.priority "
          "a:state.sched ");
    grant (1);
    told ("a:state.run b:state.run ");
    finish (1, 0);
    told ("a:state.cleanup a:state.inactive ");
    commit ();
    told ("a:inactive-add a:destroy ");
    jobtap_purged (w.ctx.jobtap, 1, "job.inactive-remove");
    told ("a:inactive-remove ");
    assert_int_equal (w.ctx.m->hooks & (HOOK_DEPENDENCY | HOOK_EVENT | HOOK_UPDATE_KEY),
                      0);
    jobtap_unload (plugin (".a"));
    jobtap_count_hooks (w.ctx.jobtap);
    assert_int_equal (w.ctx.m->hooks, FLUX_JOB_STATE_RUN | HOOK_CREATE);
    jobtap_purged (w.ctx.jobtap, 1, "job.inactive-remove");
    told ("");
}

static void what_is_told_of_a_job (void **state)
{
    json_int_t id, userid, urgency, priority, jstate, prev;
    const char *name;
    double t_submit, duration;
    struct job *job;

    on ("job.state.run", "a", NULL);
    job = submit (77);
    grant (77);
    assert_int_equal (json_unpack (w.in,
                                   "{s:I s:I s:I s:I s:I s:I s:f s:{s:s} "
                                   "s:{s:{s:{s:F}}}}",
                                   "id", &id, "userid", &userid, "urgency", &urgency,
                                   "priority", &priority, "state", &jstate,
                                   "prev_state", &prev, "t_submit", &t_submit, "entry",
                                   "name", &name, "jobspec", "attributes", "system",
                                   "duration", &duration),
                      0);
    assert_true (id == 77 && userid == 1000 && urgency == 16 && priority == 16);
    assert_true (jstate == FLUX_JOB_STATE_RUN && prev == FLUX_JOB_STATE_SCHED);
    assert_string_equal (name, "alloc");
    assert_true (t_submit == job->t_submit);
    json_t *R = json_object_get (w.in, "R");
    assert_true (json_object_get (R, "execution")
                 && !json_object_get (R, "scheduling"));
    json_t *system = json_object_get (
        json_object_get (json_object_get (w.in, "jobspec"), "attributes"), "system");
    assert_null (json_object_get (system, "environment"));
    assert_null (json_object_get (w.in, "end_event"));
}

/* The event that ended it: an exception comes before finish. */
static void what_has_ended_a_job (void **state)
{
    static const struct {
        int severity; /* -1: none is raised */
        const char *name;
    } t[] = { { -1, "finish" }, { 3, "finish" }, { 0, "exception" } };
    const char *name;

    on ("job.state.cleanup", "a", NULL);
    for (size_t i = 0; i < 3; i++) {
        struct job *job = submit (i + 1);
        grant (i + 1);
        if (t[i].severity >= 0)
            manager_raise (w.ctx.m, job, "test", t[i].severity, "", 7);
        finish (i + 1, 0);
        assert_int_equal (json_unpack (w.in, "{s:{s:s}}", "end_event", "name", &name),
                          0);
        assert_string_equal (name, t[i].name);
        commit ();
    }
}

/* --- what they answer --- */

static int reject (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    return flux_jobtap_reject_job (p, args, "not on %s", "Sundays");
}

static int reject_plainly (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    return flux_jobtap_reject_job (p, args, NULL);
}

static int just_fail (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    return -1;
}

static void the_first_no_is_the_answer (void **state)
{
    static const struct {
        act_f act;
        const char *text;
    } t[] = { { reject, "not on Sundays" },
              { reject_plainly, "job rejected by .a" },
              { just_fail, ".a: job.create failed" } };
    flux_error_t error;

    for (size_t i = 0; i < 3; i++) {
        on ("job.create", "a", t[i].act);
        assert_int_equal (submit_text (1, "", &error), -1);
        assert_string_equal (error.text, t[i].text);
        assert_null (manager_lookup (w.ctx.m, 1));
        told ("a:create a:destroy ");
    }
}

/* Nobody can be refused any more. */
static void later_failures_end_the_job (void **state)
{
    struct job *job;

    on ("job.state.sched", "a", just_fail);
    job = submit (1);
    assert_int_equal (job->state, FLUX_JOB_STATE_INACTIVE);
    assert_true (logged (job, "job.state.sched failed"));
    assert_string_equal (job->exception, "jobtap");
}

static const char *out; /* as JSON */

static int say_out (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    assert_int_equal (flux_plugin_arg_set (args, FLUX_PLUGIN_ARG_OUT, out), 0);
    return 0;
}

static void priorities (void **state)
{
    static const struct {
        const char *out;
        int64_t priority; /* -2: an exception */
    } t[] = {
        { "{\"priority\":42}", 42 },
        { "{\"priority\":0}", 0 },
        { "{\"priority\":4294967295}", 4294967295 },
        { "{\"priority\":4294967296}", -2 },
        { "{\"priority\":-2}", -2 },
        { "{\"priority\":\"42\"}", -2 },
        { "{\"priority\":1.5}", -2 },
    };

    on ("job.state.priority", NULL, say_out);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        out = t[i].out;
        struct job *job = submit (i + 1);
        if (t[i].priority == -2) {
            assert_true (logged (job, "a priority is an integer from 0"));
        } else {
            assert_int_equal (job->state, FLUX_JOB_STATE_SCHED);
            assert_int_equal (job->priority, t[i].priority);
        }
    }
}

static void resources (void **state)
{
    struct job *job;

    on ("job.state.sched", NULL, say_out);
    out = "{\"R\":" R_TEXT ",\"annotations\":{\"user\":{\"x\":1}}}";
    job = submit (1);
    assert_int_equal (job->state, FLUX_JOB_STATE_RUN);
    assert_true (job->bypass && job->R);
    assert_non_null (json_object_get (job->annotations, "user"));
    static const char *const bad[] = { "{\"R\":5}", "{\"R\":{}}", "{\"R\":\"x\"}" };
    for (int i = 0; i < 3; i++) {
        out = bad[i];
        job = submit (i + 2);
        assert_int_equal (job->state, FLUX_JOB_STATE_INACTIVE);
        assert_true (logged (job, "R is no resource set"));
        assert_null (job->R);
    }
}

/* --- the current job --- */

static int look_around (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    flux_plugin_arg_t *got = flux_jobtap_job_lookup (p, CURRENT);
    json_int_t id;

    assert_non_null (got);
    assert_int_equal (
        flux_plugin_arg_unpack (got, FLUX_PLUGIN_ARG_IN, "{s:I}", "id", &id), 0);
    assert_int_equal (id, w.ctx.jobtap->current->id);
    flux_plugin_arg_destroy (got);
    return 0;
}

static int call_others (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    w.topic = "other.topic";
    w.act = look_around;
    if (manager_lookup (w.ctx.m, 1)) /* about another job meanwhile */
        assert_int_equal (flux_jobtap_call (p, 1, "other.topic", args), 1);
    assert_int_equal (flux_jobtap_call (p, CURRENT, "job.new", args), -1);
    w.topic = "job.new";
    w.act = call_others;
    return look_around (p, args);
}

static void there_is_one_in_a_callback_only (void **state)
{
    on ("job.new", NULL, call_others);
    submit (1);
    submit (2);
    assert_non_null (strstr (w.told, "a:new a:other.topic "));
    assert_null (w.ctx.jobtap->current);
    errno = 0;
    assert_null (flux_jobtap_job_lookup (a (), CURRENT));
    assert_int_equal (errno, EINVAL);
    assert_null (flux_jobtap_job_lookup (a (), 3));
    assert_int_equal (errno, ENOENT);
}

static int update_twice (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    struct job *job = w.ctx.jobtap->current;

    assert_int_equal (
        flux_jobtap_jobspec_update_pack (p, "{s:i}", "attributes.system.duration", 5),
        0);
    assert_int_equal (flux_jobtap_jobspec_update_pack (p, "{s:i s:s}",
                                                       "attributes.system.duration", 7,
                                                       "attributes.system.bank", "x"),
                      0);
    assert_int_equal (flux_jobtap_jobspec_update_pack (p, "{s:i}", "resources", 5), -1);
    assert_int_equal (flux_jobtap_jobspec_update_pack (p, "{}"), -1);
    assert_false (logged (job, "jobspec-update")); /* when the callback is over */
    return 0;
}

static void updates_come_when_the_callback_is_over (void **state)
{
    struct job *job;

    on ("job.new", NULL, update_twice);
    job = submit (1);
    assert_true (logged (job, "jobspec-update"));
    assert_true (job->facts.duration == 7);
    assert_null (strstr (strstr (job->log.data, "jobspec-update") + 1,
                         "jobspec-update")); /* one for both */
    assert_int_equal (flux_jobtap_jobspec_update_id_pack (
                          a (), 1, "{s:i}", "attributes.system.duration", 9),
                      0);
    assert_true (job->facts.duration == 9);
    grant (1);
    assert_int_equal (flux_jobtap_jobspec_update_id_pack (
                          a (), 1, "{s:i}", "attributes.system.duration", 11),
                      -1);
    assert_int_equal (errno, EINVAL);
    assert_true (job->facts.duration == 9);
}

/* --- events, prologs and epilogs --- */

static int begin_prolog (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    assert_int_equal (flux_jobtap_prolog_start (p, NULL), -1);
    assert_int_equal (flux_jobtap_epilog_start (p, "e"), -1);
    return flux_jobtap_prolog_start (p, "test");
}

static int begin_epilog (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    assert_int_equal (flux_jobtap_prolog_start (p, "test"), -1);
    return flux_jobtap_epilog_start (p, "test");
}

static void a_job_waits_for_them (void **state)
{
    struct job *job = submit (1);
    flux_job_result_t result;

    assert_int_equal (flux_jobtap_prolog_finish (a (), 1, "test", 0), -1);
    on ("job.state.run", "a", begin_prolog);
    grant (1);
    assert_true (job->state == FLUX_JOB_STATE_RUN && job->prologs == 1);
    assert_false (job->exec_sent);
    assert_int_equal (flux_jobtap_get_job_result (a (), 1, &result), -1);
    assert_int_equal (flux_jobtap_prolog_finish (a (), 1, "test", 0), 0);
    assert_true (job->exec_sent);
    on ("job.state.cleanup", "a", begin_epilog);
    finish (1, 1 << 8);
    assert_true (job->state == FLUX_JOB_STATE_CLEANUP && job->epilogs == 1);
    assert_int_equal (flux_jobtap_epilog_finish (a (), 1, NULL, 0), -1);
    assert_int_equal (flux_jobtap_epilog_finish (a (), 1, "test", 0), 0);
    assert_int_equal (job->state, FLUX_JOB_STATE_INACTIVE);
    assert_int_equal (flux_jobtap_get_job_result (a (), 1, &result), 0);
    assert_int_equal (result, FLUX_JOB_RESULT_FAILED);
}

/* Nobody would end them: the job does not start after half a prolog, and waits for none. */
static void they_end_with_their_plugin (void **state)
{
    struct jobtap *jt = w.ctx.jobtap;
    struct job *one = submit (1), *two = submit (2);
    flux_error_t error;

    on ("job.state.run", "a", begin_prolog);
    grant (1);
    on (NULL, NULL, NULL);
    grant (2);
    on ("job.state.cleanup", "a", begin_epilog);
    finish (2, 0);
    on (NULL, NULL, NULL);
    assert_true (one->prologs == 1 && two->epilogs == 1);
    assert_int_equal (jobtap_change (jt, ".b", NULL, NULL, &error), 0);
    assert_true (one->prologs == 1 && two->epilogs == 1);
    assert_int_equal (jobtap_change (jt, ".a", NULL, NULL, &error), 0);
    assert_true (one->prologs == 0 && two->epilogs == 0);
    assert_false (one->exec_sent);
    assert_true (logged (one, "plugin .a was removed"));
    assert_true (logged (one, "prolog-finish"));
    assert_true (logged (two, "epilog-finish"));
    assert_false (logged (two, "exception"));
    assert_int_equal (one->state, FLUX_JOB_STATE_INACTIVE);
    assert_int_equal (two->state, FLUX_JOB_STATE_INACTIVE);
}

static void events_are_posted_and_found (void **state)
{
    struct job *job = submit (1);
    flux_plugin_t *p = a ();

    assert_int_equal (flux_jobtap_job_event_posted (p, 1, "submit"), 1);
    assert_int_equal (flux_jobtap_job_event_posted (p, 1, "sub"), 0);
    assert_int_equal (flux_jobtap_job_event_posted (p, 1, "my-own"), 0);
    assert_int_equal (flux_jobtap_event_post_pack (p, 1, "my-own", "{s:s}", "name",
                                                   "\",\"name\":\"other\""),
                      0);
    assert_int_equal (flux_jobtap_job_event_posted (p, 1, "my-own"), 1);
    assert_int_equal (flux_jobtap_job_event_posted (p, 1, "other"), 0);
    assert_int_equal (flux_jobtap_event_post_pack (p, 1, "", NULL), -1);
    assert_int_equal (flux_jobtap_event_post_pack (p, 1, "x", "[i]", 1), -1);
    assert_int_equal (flux_jobtap_event_post_pack (p, 1, "urgency", NULL), -1);
    assert_int_equal (
        flux_jobtap_event_post_pack (p, 1, "finish", "{s:i}", "status", 0),
        -1); /* not in SCHED */
    assert_int_equal (flux_jobtap_job_set_flag (p, 1, "novalidate"), -1);
    assert_int_equal (flux_jobtap_job_set_flag (p, 1, "debug"), 0);
    assert_true (job->flags & FLUX_JOB_DEBUG);
    assert_int_equal (flux_jobtap_raise_exception (p, 1, "x", 8, NULL), -1);
    assert_int_equal (flux_jobtap_raise_exception (p, 1, "", 0, NULL), -1);
    assert_int_equal (flux_jobtap_raise_exception (p, 1, "x", 0, "%d times", 3), 0);
    assert_string_equal (job->exception_note, "3 times");
    assert_int_equal (job->state, FLUX_JOB_STATE_INACTIVE);
    assert_int_equal (flux_jobtap_raise_exception (p, 1, "x", 0, NULL), -1);
}

/* --- plugins come and go --- */

static void names_are (const char *expected)
{
    char names[64] = "";

    list_foreach (&w.ctx.jobtap->plugins, l)
        strcat (names, container_of (l, struct tap_plugin, link)->name);
    assert_string_equal (names, expected);
}

static void what_fails_changes_nothing (void **state)
{
    static const struct {
        const char *remove, *load;
        int errnum;
        const char *text;
    } t[] = {
        { "x", NULL, ENOENT, "x not found" },
        { ".x*", ".a", ENOENT, ".x* not found" },
        { NULL, ".a", EEXIST, ".a already loaded" },
        { ".b", ".nothing", ENOENT, ".nothing not found" },
        { ".a", "/does/not/exist.so", EINVAL, "/does/not/exist.so not found" },
        { ".[ab]", ".c", EEXIST, ".c already loaded" },
        { "*", NULL, ENOENT, "* not found" }, /* hidden are meant by name only */
    };
    int hooks = w.ctx.m->hooks;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_error_t error = { "" };
        errno = 0;
        assert_int_equal (
            jobtap_change (w.ctx.jobtap, t[i].remove, t[i].load, NULL, &error), -1);
        assert_int_equal (errno, t[i].errnum);
        assert_string_equal (error.text, t[i].text);
        names_are (".a.b.c");
        assert_int_equal (w.ctx.m->hooks, hooks);
        assert_int_equal (w.ctx.m->queues.off, 0);
    }
}

static void a_feature_goes_with_its_plugin (void **state)
{
    struct jobtap *jt = w.ctx.jobtap;
    flux_error_t error;

    assert_int_equal (jobtap_change (jt, "all", NULL, NULL, &error), 0);
    names_are (".a.b.c"); /* hidden */
    assert_int_equal (jobtap_change (jt, ".[bc]", NULL, NULL, &error), 0);
    names_are (".a");
    assert_int_equal (w.ctx.m->queues.off, OFF_AFTER | OFF_SINGLETON);
    assert_int_equal (jobtap_change (jt, NULL, ".c", NULL, &error), 0);
    assert_int_equal (jobtap_change (jt, ".a", ".b", NULL, &error), 0);
    names_are (".c.b");
    assert_int_equal (w.ctx.m->queues.off, 0);
    assert_int_equal (w.ctx.m->hooks, FLUX_JOB_STATE_RUN | HOOK_CREATE);
}

/* Who comes late hears of the jobs that there are, but of none that is over. */
static void a_new_plugin_hears_of_all_jobs (void **state)
{
    struct jobtap *jt = w.ctx.jobtap;
    flux_error_t error;

    assert_int_equal (jobtap_change (jt, ".a", NULL, NULL, &error), 0);
    for (int i = 1; i <= 3; i++)
        submit (i);
    manager_raise (w.ctx.m, manager_lookup (w.ctx.m, 2), "cancel", 0, "", 7);
    grant (1);
    w.told[0] = '\0';
    assert_int_equal (jobtap_change (jt, NULL, ".a", NULL, &error), 0);
    told ("a:create a:new a:create a:new ");
}

/* --- items --- */

static int freed;

static void count_free (void *arg)
{
    freed++;
}

static void items_go_with_the_job_or_the_plugin (void **state)
{
    int x = 0, y = 0;

    freed = 0;
    submit (1);
    submit (2);
    assert_int_equal (flux_jobtap_job_aux_set (a (), 1, "x", &x, count_free), 0);
    assert_int_equal (flux_jobtap_job_aux_set (a (), 2, "x", &y, count_free), 0);
    assert_ptr_equal (flux_jobtap_job_aux_get (a (), 1, "x"), &x);
    assert_ptr_equal (flux_jobtap_job_aux_get (a (), 2, "x"), &y);
    assert_null (flux_jobtap_job_aux_get (a (), 1, "y"));
    assert_int_equal (flux_jobtap_job_aux_set (a (), 3, "x", &x, NULL), -1);
    assert_int_equal (errno, ENOENT);
    manager_raise (w.ctx.m, manager_lookup (w.ctx.m, 1), "cancel", 0, "", 7);
    commit ();
    assert_int_equal (freed, 1);
    jobtap_unload (plugin (".a"));
    jobtap_count_hooks (w.ctx.jobtap);
    assert_int_equal (freed, 2);
}

/* Every function refuses to work without a plugin. */
static void nobody_is_no_plugin (void **state)
{
    flux_job_result_t r;

    submit (1);
    for (int stranger = 0; stranger < 2; stranger++) {
        flux_plugin_t *p = stranger ? flux_plugin_create () : NULL;
        flux_plugin_arg_t *args = flux_plugin_arg_create ();
        errno = 0;
        assert_null (flux_jobtap_get_flux (p));
        assert_int_equal (errno, EINVAL);
        assert_int_equal (flux_jobtap_service_register (p, "x", NULL, NULL), -1);
        assert_int_equal (flux_jobtap_set_load_sort_order (p, "state"), -1);
        assert_int_equal (flux_jobtap_reprioritize_all (p), -1);
        assert_int_equal (flux_jobtap_reprioritize_job (p, 1, 1), -1);
        assert_int_equal (flux_jobtap_reject_job (p, args, "x"), -1);
        assert_int_equal (flux_jobtap_dependency_add (p, 1, "x"), -1);
        assert_int_equal (flux_jobtap_dependency_remove (p, 1, "x"), -1);
        assert_int_equal (flux_jobtap_job_aux_set (p, 1, "x", &r, NULL), -1);
        assert_null (flux_jobtap_job_aux_get (p, 1, "x"));
        assert_int_equal (flux_jobtap_job_aux_delete (p, 1, &r), -1);
        assert_int_equal (flux_jobtap_job_set_flag (p, 1, "debug"), -1);
        assert_int_equal (flux_jobtap_raise_exception (p, 1, "x", 0, NULL), -1);
        assert_int_equal (flux_jobtap_event_post_pack (p, 1, "x", NULL), -1);
        assert_int_equal (flux_jobtap_job_event_posted (p, 1, "submit"), -1);
        assert_int_equal (flux_jobtap_jobspec_update_pack (p, "{}"), -1);
        assert_int_equal (flux_jobtap_jobspec_update_id_pack (p, 1, "{}"), -1);
        assert_int_equal (flux_jobtap_job_subscribe (p, 1), -1);
        assert_null (flux_jobtap_job_lookup (p, 1));
        assert_int_equal (flux_jobtap_get_job_result (p, 1, &r), -1);
        assert_int_equal (flux_jobtap_prolog_start (p, "x"), -1);
        assert_int_equal (flux_jobtap_prolog_finish (p, 1, "x", 0), -1);
        assert_int_equal (flux_jobtap_epilog_start (p, "x"), -1);
        assert_int_equal (flux_jobtap_epilog_finish (p, 1, "x", 0), -1);
        assert_int_equal (flux_jobtap_call (p, 1, "x.y", args), -1);
        assert_int_equal (errno, EINVAL);
        flux_plugin_arg_destroy (args);
        flux_plugin_destroy (p);
    }
    assert_int_equal (manager_lookup (w.ctx.m, 1)->state, FLUX_JOB_STATE_SCHED);
}

#define T(f) cmocka_unit_test_setup_teardown (f, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        T (only_who_has_asked_is_told),
        T (what_is_told_of_a_job),
        T (what_has_ended_a_job),
        T (the_first_no_is_the_answer),
        T (later_failures_end_the_job),
        T (priorities),
        T (resources),
        T (there_is_one_in_a_callback_only),
        T (updates_come_when_the_callback_is_over),
        T (a_job_waits_for_them),
        T (they_end_with_their_plugin),
        T (events_are_posted_and_found),
        T (what_fails_changes_nothing),
        T (a_feature_goes_with_its_plugin),
        T (a_new_plugin_hears_of_all_jobs),
        T (items_go_with_the_job_or_the_plugin),
        T (nobody_is_no_plugin),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
