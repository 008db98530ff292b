/* How the functions of job-manager's plugins fail: a plugin that is told about a job
 * tries. */
#include "api.h"

#include "modules/job-manager/jobtap/rig_test.h"
#include <flux/jobtap.h>

#define SPEC                                                                           \
    "{\"resources\":[{\"type\":\"slot\",\"count\":1,\"with\":[{\"type\":\"core\","     \
    "\"count\":1}],\"label\":\"task\"}],\"tasks\":[{\"command\":[\"true\"],\"slot\":"  \
    "\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":"  \
    "0}},\"version\":1}"
#define CURRENT FLUX_JOBTAP_CURRENT_JOB
#define NOBODY ((flux_jobid_t)4711)

/* --- the world --- */

static struct ctx ctx;
static void (*act) (flux_plugin_t *p, flux_plugin_arg_t *args);
static const char *when; /* the topic of which that is the answer */
static int acted;

static int tell (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                 void *data)
{
    if (when && !strcmp (topic, when)) {
        acted++;
        act (p, args);
    }
    return 0;
}

static int init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "*", tell, NULL);
}

const struct jobtap_builtin jobtap_builtins[] = {
    { ".a", init, 0 },
    { NULL, NULL, 0 },
};

static int set_up (void **state)
{
    rig_set_up (&ctx);
    return 0;
}

static int tear_down (void **state)
{
    rig_tear_down (&ctx);
    return 0;
}

/* The plugin, where it is told of no job. */
static flux_plugin_t *plugin (void)
{
    return jobtap_find (ctx.jobtap, ".a")->p;
}

/* One job, of which it is told; `how` may be what it does then. */
static void at (const char *topic, flux_jobid_t id,
                void (*how) (flux_plugin_t *p, flux_plugin_arg_t *args))
{
    struct submission s = {
        .id = id, .userid = 1000, .urgency = 16, .jobspec = { SPEC, strlen (SPEC) }
    };
    flux_error_t error;

    when = topic;
    act = how;
    acted = 0;
    if (manager_submit (ctx.m, &s, &error) < 0)
        fail_msg ("%s", error.text);
    manager_turn (ctx.m);
    when = NULL;
    assert_int_equal (acted, 1);
}

static void cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
}

/* --- rows --- */

/* No plugin of job-manager's. */
static void strangers (void **state)
{
    flux_plugin_t *p = flux_plugin_create ();
    flux_plugin_arg_t *args = flux_plugin_arg_create ();

    NULLS (flux_jobtap_get_flux, EINVAL, flux_jobtap_get_flux (NULL));
    NULLS (flux_jobtap_get_flux, EINVAL, flux_jobtap_get_flux (p));
    FAILS (flux_jobtap_service_register, EINVAL,
           flux_jobtap_service_register (p, "m", cb, NULL));
    FAILS (flux_jobtap_service_register_ex, EINVAL,
           flux_jobtap_service_register_ex (p, "m", 0, cb, NULL));
    FAILS (flux_jobtap_set_load_sort_order, EINVAL,
           flux_jobtap_set_load_sort_order (p, "state"));
    FAILS (flux_jobtap_reprioritize_all, EINVAL, flux_jobtap_reprioritize_all (p));
    FAILS (flux_jobtap_reject_job, EINVAL, flux_jobtap_reject_job (p, args, NULL));
    flux_plugin_arg_destroy (args);
    flux_plugin_destroy (p);
}

static void arguments (void **state)
{
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    flux_plugin_t *p = plugin ();

    FAILS (flux_jobtap_service_register, EINVAL,
           flux_jobtap_service_register (p, NULL, cb, NULL));
    FAILS (flux_jobtap_service_register, EINVAL,
           flux_jobtap_service_register (p, "m", NULL, NULL));
    FAILS (flux_jobtap_service_register_ex, EINVAL,
           flux_jobtap_service_register_ex (p, "", 0, cb, NULL));
    FAILS (flux_jobtap_set_load_sort_order, EINVAL,
           flux_jobtap_set_load_sort_order (p, "size"));
    FAILS (flux_jobtap_priority_unavail, EINVAL,
           flux_jobtap_priority_unavail (NULL, args));
    FAILS (flux_jobtap_priority_unavail, EINVAL,
           flux_jobtap_priority_unavail (p, NULL));
    FAILS (flux_jobtap_reject_job, EINVAL, flux_jobtap_reject_job (p, NULL, NULL));
    FAILS (flux_jobtap_error, EINVAL, flux_jobtap_error (p, NULL, "text"));
    FAILS (flux_jobtap_error, EINVAL, flux_jobtap_error (p, args, NULL));
    flux_plugin_arg_destroy (args);
}

/* CURRENT where there is none, and an id that nobody has. */
static void no_such_job (void **state)
{
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    flux_plugin_t *p = plugin ();
    flux_job_result_t result;

    FAILS (flux_jobtap_reprioritize_job, EINVAL,
           flux_jobtap_reprioritize_job (p, CURRENT, 1));
    FAILS (flux_jobtap_reprioritize_job, ENOENT,
           flux_jobtap_reprioritize_job (p, NOBODY, 1));
    FAILS (flux_jobtap_dependency_add, EINVAL,
           flux_jobtap_dependency_add (p, CURRENT, "d"));
    FAILS (flux_jobtap_dependency_add, ENOENT,
           flux_jobtap_dependency_add (p, NOBODY, "d"));
    FAILS (flux_jobtap_dependency_remove, EINVAL,
           flux_jobtap_dependency_remove (p, CURRENT, "d"));
    FAILS (flux_jobtap_dependency_remove, ENOENT,
           flux_jobtap_dependency_remove (p, NOBODY, "d"));
    FAILS (flux_jobtap_job_aux_set, EINVAL,
           flux_jobtap_job_aux_set (p, CURRENT, "a", p, NULL));
    FAILS (flux_jobtap_job_aux_set, ENOENT,
           flux_jobtap_job_aux_set (p, NOBODY, "a", p, NULL));
    NULLS (flux_jobtap_job_aux_get, EINVAL, flux_jobtap_job_aux_get (p, CURRENT, "a"));
    NULLS (flux_jobtap_job_aux_get, ENOENT, flux_jobtap_job_aux_get (p, NOBODY, "a"));
    FAILS (flux_jobtap_job_aux_delete, EINVAL,
           flux_jobtap_job_aux_delete (p, CURRENT, p));
    FAILS (flux_jobtap_job_aux_delete, ENOENT,
           flux_jobtap_job_aux_delete (p, NOBODY, p));
    FAILS (flux_jobtap_job_aux_delete_value, EINVAL,
           flux_jobtap_job_aux_delete_value (p, CURRENT, p));
    FAILS (flux_jobtap_job_aux_delete_value, ENOENT,
           flux_jobtap_job_aux_delete_value (p, NOBODY, p));
    FAILS (flux_jobtap_job_set_flag, EINVAL,
           flux_jobtap_job_set_flag (p, CURRENT, "debug"));
    FAILS (flux_jobtap_job_set_flag, ENOENT,
           flux_jobtap_job_set_flag (p, NOBODY, "debug"));
    FAILS (flux_jobtap_raise_exception, EINVAL,
           flux_jobtap_raise_exception (p, CURRENT, "t", 0, "n"));
    FAILS (flux_jobtap_raise_exception, ENOENT,
           flux_jobtap_raise_exception (p, NOBODY, "t", 0, "n"));
    FAILS (flux_jobtap_event_post_pack, EINVAL,
           flux_jobtap_event_post_pack (p, CURRENT, "e", NULL));
    FAILS (flux_jobtap_event_post_pack, ENOENT,
           flux_jobtap_event_post_pack (p, NOBODY, "e", NULL));
    FAILS (flux_jobtap_job_event_posted, EINVAL,
           flux_jobtap_job_event_posted (p, CURRENT, "submit"));
    FAILS (flux_jobtap_job_event_posted, ENOENT,
           flux_jobtap_job_event_posted (p, NOBODY, "submit"));
    FAILS (flux_jobtap_jobspec_update_pack, EINVAL,
           flux_jobtap_jobspec_update_pack (p, "{s:i}", "attributes.user.a", 1));
    FAILS (flux_jobtap_jobspec_update_id_pack, EINVAL,
           flux_jobtap_jobspec_update_id_pack (p, CURRENT, "{s:i}", "attributes.user.a",
                                               1));
    FAILS (flux_jobtap_jobspec_update_id_pack, ENOENT,
           flux_jobtap_jobspec_update_id_pack (p, NOBODY, "{s:i}", "attributes.user.a",
                                               1));
    FAILS (flux_jobtap_job_subscribe, EINVAL, flux_jobtap_job_subscribe (p, CURRENT));
    FAILS (flux_jobtap_job_subscribe, ENOENT, flux_jobtap_job_subscribe (p, NOBODY));
    NULLS (flux_jobtap_job_lookup, EINVAL, flux_jobtap_job_lookup (p, CURRENT));
    NULLS (flux_jobtap_job_lookup, ENOENT, flux_jobtap_job_lookup (p, NOBODY));
    FAILS (flux_jobtap_get_job_result, EINVAL,
           flux_jobtap_get_job_result (p, CURRENT, &result));
    FAILS (flux_jobtap_get_job_result, ENOENT,
           flux_jobtap_get_job_result (p, NOBODY, &result));
    FAILS (flux_jobtap_prolog_start, EINVAL, flux_jobtap_prolog_start (p, "d"));
    FAILS (flux_jobtap_prolog_finish, ENOENT,
           flux_jobtap_prolog_finish (p, NOBODY, "d", 0));
    FAILS (flux_jobtap_epilog_start, EINVAL, flux_jobtap_epilog_start (p, "d"));
    FAILS (flux_jobtap_epilog_finish, ENOENT,
           flux_jobtap_epilog_finish (p, NOBODY, "d", 0));
    FAILS (flux_jobtap_call, EINVAL, flux_jobtap_call (p, CURRENT, "topic", args));
    FAILS (flux_jobtap_call, ENOENT, flux_jobtap_call (p, NOBODY, "topic", args));
    flux_plugin_arg_destroy (args);
}

static void rows_of_a_job (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    flux_job_result_t result;

    FAILS (flux_jobtap_dependency_add, EINVAL,
           flux_jobtap_dependency_add (p, CURRENT, NULL));
    assert_int_equal (flux_jobtap_dependency_add (p, CURRENT, "d"), 0);
    FAILS (flux_jobtap_dependency_add, EEXIST,
           flux_jobtap_dependency_add (p, CURRENT, "d"));
    FAILS (flux_jobtap_dependency_remove, EINVAL,
           flux_jobtap_dependency_remove (p, CURRENT, NULL));
    FAILS (flux_jobtap_dependency_remove, ENOENT,
           flux_jobtap_dependency_remove (p, CURRENT, "x"));
    assert_int_equal (flux_jobtap_dependency_remove (p, CURRENT, "d"), 0);
    /* once is once, as it has to be for plugins that are loaded again */
    FAILS (flux_jobtap_dependency_add, EEXIST,
           flux_jobtap_dependency_add (p, CURRENT, "d"));
    FAILS (flux_jobtap_job_aux_set, EINVAL,
           flux_jobtap_job_aux_set (p, CURRENT, NULL, NULL, NULL));
    MEMORY (flux_jobtap_job_aux_set,
            flux_jobtap_job_aux_set (p, CURRENT, "a", p, NULL), );
    NULLS (flux_jobtap_job_aux_get, EINVAL, flux_jobtap_job_aux_get (p, CURRENT, NULL));
    NULLS (flux_jobtap_job_aux_get, ENOENT,
           flux_jobtap_job_aux_get (p, CURRENT, "nosuch"));
    FAILS (flux_jobtap_job_set_flag, EINVAL,
           flux_jobtap_job_set_flag (p, CURRENT, "nosuch"));
    FAILS (flux_jobtap_raise_exception, EINVAL,
           flux_jobtap_raise_exception (p, CURRENT, "", 0, "n"));
    FAILS (flux_jobtap_raise_exception, EINVAL,
           flux_jobtap_raise_exception (p, CURRENT, "t", 8, "n"));
    FAILS (flux_jobtap_event_post_pack, EINVAL,
           flux_jobtap_event_post_pack (p, CURRENT, "", NULL));
    FAILS (flux_jobtap_event_post_pack, EINVAL,
           flux_jobtap_event_post_pack (p, CURRENT, "e", "[i]", 1));
    FAILS (flux_jobtap_event_post_pack, EINVAL,
           flux_jobtap_event_post_pack (p, CURRENT, "urgency", "{s:s}", "urgency",
                                        "much"));
    FAILS (flux_jobtap_event_post_pack, EPROTO,
           flux_jobtap_event_post_pack (p, CURRENT, "free", NULL));
    FAILS (flux_jobtap_job_event_posted, EINVAL,
           flux_jobtap_job_event_posted (p, CURRENT, NULL));
    FAILS (flux_jobtap_jobspec_update_pack, EINVAL,
           flux_jobtap_jobspec_update_pack (p, "{s:i}", "tasks", 1));
    FAILS (flux_jobtap_jobspec_update_pack, EINVAL,
           flux_jobtap_jobspec_update_pack (p, NULL));
    FAILS (flux_jobtap_jobspec_update_id_pack, EINVAL,
           flux_jobtap_jobspec_update_id_pack (p, CURRENT, "{}"));
    FAILS (flux_jobtap_get_job_result, EINVAL,
           flux_jobtap_get_job_result (p, CURRENT, &result)); /* it has none yet */
    FAILS (flux_jobtap_prolog_start, EINVAL, flux_jobtap_prolog_start (p, NULL));
    FAILS (flux_jobtap_prolog_finish, EINVAL,
           flux_jobtap_prolog_finish (p, CURRENT, "d", 0));
    FAILS (flux_jobtap_epilog_start, EINVAL, flux_jobtap_epilog_start (p, "d"));
    FAILS (flux_jobtap_epilog_finish, EINVAL,
           flux_jobtap_epilog_finish (p, CURRENT, "d", 0));
    FAILS (flux_jobtap_call, EINVAL, flux_jobtap_call (p, CURRENT, "job.new", args));
    FAILS (flux_jobtap_call, EINVAL, flux_jobtap_call (p, CURRENT, NULL, args));
    assert_int_equal (flux_jobtap_raise_exception (p, CURRENT, "t", 0, "n"), 0);
}

static void of_a_job (void **state)
{
    at ("job.state.depend", 1, rows_of_a_job);
}

/* What comes too late: it has ended, and is not forgotten yet. */
static void rows_of_an_ended_job (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    FAILS (flux_jobtap_prolog_start, EINVAL, flux_jobtap_prolog_start (p, "d"));
    FAILS (flux_jobtap_jobspec_update_id_pack, EINVAL,
           flux_jobtap_jobspec_update_id_pack (p, CURRENT, "{s:i}", "attributes.user.a",
                                               1));
    FAILS (flux_jobtap_raise_exception, EINVAL,
           flux_jobtap_raise_exception (p, CURRENT, "t", 0, "n"));
    FAILS (flux_jobtap_reprioritize_job, EINVAL,
           flux_jobtap_reprioritize_job (p, CURRENT, 1));
}

static void end_it (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    act = rows_of_an_ended_job;
    when = "job.state.inactive";
    assert_int_equal (flux_jobtap_raise_exception (p, CURRENT, "t", 0, "n"), 0);
    acted--; /* once for each */
}

static void of_an_ended_job (void **state)
{
    at ("job.state.depend", 2, end_it);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        ROWS (strangers), ROWS (arguments),       ROWS (no_such_job),
        ROWS (of_a_job),  ROWS (of_an_ended_job),
    };
    return cmocka_run_group_tests (tests, set_up, tear_down);
}
