#include "cmd/live/target.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *target_form (const char *uri)
{
    const char *path = !strncmp (uri, "ssh://", 6) ? strchr (uri + 6, '/') : NULL;
    char *s;
    if (!path || access (path, F_OK) < 0)
        return strdup (uri);
    return asprintf (&s, "local://%s", path) < 0 ? NULL : s;
}

static void set_error (flux_error_t *error, const char *fmt, const char *target)
{
    snprintf (error->text, sizeof (error->text), fmt, target);
}

static char *uri_of_job (flux_t *h, flux_jobid_t id, const char *target,
                         flux_error_t *error)
{
    const char *uri = NULL;
    char *s = NULL;
    int state = 0;
    flux_future_t *f =
        flux_rpc_pack (h, "job-list.list-id", 0, 0, "{s:I s:[s,s]}", "id",
                       (json_int_t)id, "attrs", "state", "annotations");
    if (!f
        || flux_rpc_get_unpack (f, "{s:{s?i s?{s?{s?s}}}}", "job", "state", &state,
                                "annotations", "user", "uri", &uri)
               < 0)
        set_error (error, errno == ENOENT ? "jobid %s not found" : "%s: job-list fails",
                   target);
    else if (!(state & FLUX_JOB_STATE_RUNNING))
        set_error (error, "jobid %s is not running", target);
    else if (!uri || !(s = target_form (uri)))
        set_error (error, "jobid %s is not an instance", target);
    flux_future_destroy (f);
    return s;
}

char *target_resolve (const char *target, flux_error_t *error)
{
    flux_jobid_t id;
    flux_t *h;
    char *s;
    if (strstr (target, "://"))
        return target_form (target);
    if (flux_job_id_parse (target, &id) < 0) {
        set_error (error, "%s is not a valid Flux jobid", target);
        return NULL;
    }
    if (!(h = flux_open_ex (NULL, 0, error)))
        return NULL;
    s = uri_of_job (h, id, target, error);
    flux_close (h);
    return s;
}
