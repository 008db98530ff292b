/* The job-list module (RFC 43): state that its files share.
 *
 * At the start the journal of job-manager brings the jobs that are active;
 * those that ended before are read from the KVS. Requests wait until both are
 * done. */
#ifndef JOB_LIST_SERVICE_H
#define JOB_LIST_SERVICE_H

#include "jobs.h"

#include <flux/core.h>

#define RESPONSE_MAX (256 * 1024) /* bytes of one streamed response */
#define DEFERRED_MAX 4096
#define ID_WAITERS_MAX 65536

struct job_list {
    flux_t *h;
    uint32_t owner;
    bool private_mode; /* guests see only their own jobs */
    struct jobs jobs;
    struct stream *journal;
    struct sync *sync;
    bool busy; /* the KVS may have events that job-manager has not said yet */
    bool backlog_done;
    struct loader *loader; /* until the KVS has been read */
    struct flux_msglist *deferred;
    struct flux_msglist *id_waiters; /* list-id of jobs or states to come */
    struct list scans;               /* lists that are not done */
    flux_watcher_t *scanner;
    flux_msg_handler_t **handlers;
};

/* job-list.c */
void job_list_error (struct job_list *jl, const flux_msg_t *msg, int errnum,
                     const char *text);
void job_list_respond (struct job_list *jl, const flux_msg_t *msg, struct buf *b);
/* True if the request waits until all is known that others know by now, and comes again. */
bool job_list_defer (struct job_list *jl, const flux_msg_t *msg);
/* They come again, as if they were new. */
void job_list_replay (struct job_list *jl, struct flux_msglist *requests);
/* May the sender see the job? */
bool job_list_visible (const struct job_list *jl, const flux_msg_t *msg,
                       const struct job *job);
void job_list_settle (struct job_list *jl);

/* query.c: job-list.list */
int query_init (struct job_list *jl);
void query_fini (struct job_list *jl);
void query_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
/* What the sender asked for goes on no longer. */
void query_disconnect (struct job_list *jl, const flux_msg_t *msg);

/* sync.c
 * job-manager says an event when the KVS has it; so a watcher of the KVS may know it earlier
 * than we, and ask. While no commit is on its way, nobody does. */
struct sync *sync_create (struct job_list *jl);
void sync_destroy (struct sync *s);
/* True: the request waits until job-manager has said what the KVS had when it came. */
bool sync_wait (struct sync *s, const flux_msg_t *msg);
void sync_disconnect (struct sync *s, const flux_msg_t *msg);

/* load.c */
/* Reads what the KVS holds of jobs that are not known, then calls done. */
struct loader *loader_start (struct job_list *jl, void (*done) (struct job_list *jl));
void loader_destroy (struct loader *ld);

#endif
