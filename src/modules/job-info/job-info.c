/* The job-info module (RFC 41), on rank 0: lets users read and watch what the
 * KVS holds of their jobs. */
#include "service.h"

#include "base/hashmap.h"
#include "core/handle/module.h"

#include <stdlib.h>
#include <string.h>

void job_info_respond_error (struct job_info *ji, const flux_msg_t *msg, int errnum,
                             const char *text)
{
    if (flux_respond_error (ji->h, msg, errnum, text) < 0)
        flux_log_error (ji->h, "error responding to job-info request");
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct job_info *ji = arg;

    if (flux_respond_pack (h, msg, "{s:i s:i s:i}", "lookups", ji->lookups, "watchers",
                           (int)ji->watches, "jobs", (int)idmap_count (ji->jobs))
        < 0)
        flux_log_error (h, "error responding to job-info.stats-get");
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-info.lookup", job_info_lookup_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-info.eventlog-watch", job_info_watch_cb,
      FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-info.eventlog-watch-cancel", job_info_cancel_cb,
      FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-info.eventlog-watch-credit", job_info_credit_cb,
      FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-info.update-watch", job_info_update_watch_cb,
      FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-info.update-watch-cancel", job_info_cancel_cb,
      FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-info.disconnect", job_info_disconnect_cb,
      FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-info.stats-get", stats_cb, FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct job_info ji = { .h = h };
    int rc = -1;

    if (module_no_args (h, argc, argv) < 0)
        return -1;
    if (!(ji.jobs = idmap_create (NULL))
        || flux_msg_handler_addvec (h, handlers, &ji, &ji.handlers) < 0)
        flux_log_error (h, "job-info: starting");
    else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) < 0)
        flux_log_error (h, "job-info: reactor");
    flux_msg_handler_delvec (ji.handlers);
    if (ji.jobs) {
        job_info_watch_fini (&ji);
        idmap_destroy (ji.jobs);
    }
    return rc < 0 ? -1 : 0;
}
