/* alloc-check.so: no two jobs have the same resources, whatever the scheduler says.
 *
 * Happy path: what a job has is known from RUN on, also that of jobs that run when the
 * plugin is loaded, until the job is inactive. Failure: a job that has what another
 * one has is ended by an exception of type alloc-check, and what it has is not
 * counted. */
#include <flux/jobtap.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "value/resource/rset.h"

#define ITEM "alloc-check"

/* What all of them have. */
static struct rset *used;

/* What a job has of it. */
struct share {
    struct rset *rset;
};

static void used_destroy (void *arg)
{
    rset_destroy (used);
    used = NULL;
}

/* The job is inactive, or the plugin goes. */
static void share_destroy (void *arg)
{
    struct share *s = arg;
    struct rset *left = used ? rset_diff (used, s->rset) : NULL;

    if (left) {
        rset_destroy (used);
        used = left;
    }
    rset_destroy (s->rset);
    free (s);
}

static int raise (flux_plugin_t *p, const struct rset *both)
{
    char *text = rset_dump (both);
    int rc = flux_jobtap_raise_exception (p, FLUX_JOBTAP_CURRENT_JOB, ITEM, 0,
                                          "%s: allocated to another job, too",
                                          text ? text : "resources");

    free (text);
    return rc;
}

/* Takes rset. */
static int add (flux_plugin_t *p, struct rset *rset)
{
    struct rset *sum = rset_union (used, rset);
    struct share *s = calloc (1, sizeof (*s));

    if (!sum || !s) {
        rset_destroy (sum);
        rset_destroy (rset);
        free (s);
        errno = ENOMEM;
        return -1;
    }
    rset_destroy (used);
    used = sum;
    s->rset = rset;
    if (flux_jobtap_job_aux_set (p, FLUX_JOBTAP_CURRENT_JOB, ITEM, s, share_destroy)
        < 0) {
        share_destroy (s);
        return -1;
    }
    return 0;
}

static int run_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *arg)
{
    flux_error_t error = { "" };
    struct rset *rset, *both;
    json_t *R = NULL;
    int state, rc;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:i s?o}", "state", &state,
                                "R", &R)
        < 0)
        return flux_jobtap_error (p, args, "%s: %s", ITEM,
                                  flux_plugin_arg_strerror (args));
    if (!R || !(state & (FLUX_JOB_STATE_RUN | FLUX_JOB_STATE_CLEANUP))
        || flux_jobtap_job_aux_get (p, FLUX_JOBTAP_CURRENT_JOB, ITEM))
        return 0;
    if (!(rset = rset_decode_json (R, &error)))
        return flux_jobtap_error (p, args, "%s: R: %s", ITEM, error.text);
    both = rset_intersect (used, rset);
    if (both && rset_count (both, "node") > 0) {
        rc = raise (p, both);
        rset_destroy (rset);
    } else
        rc = add (p, rset);
    rset_destroy (both);
    return rc;
}

static int inactive_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                        void *arg)
{
    struct share *s = flux_jobtap_job_aux_get (p, FLUX_JOBTAP_CURRENT_JOB, ITEM);

    /* its destructor gives the resources back */
    return s ? flux_jobtap_job_aux_delete_value (p, FLUX_JOBTAP_CURRENT_JOB, s) : 0;
}

static const struct flux_plugin_handler tab[] = {
    { "job.new", run_cb, NULL },
    { "job.state.run", run_cb, NULL },
    { "job.state.inactive", inactive_cb, NULL },
    { 0 },
};

int flux_plugin_init (flux_plugin_t *p)
{
    if (!(used = rset_create ())
        || flux_plugin_aux_set (p, ITEM, used, used_destroy) < 0)
        return -1;
    return flux_plugin_register (p, ITEM, tab);
}
