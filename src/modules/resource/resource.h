/* What the files of the resource module share.
 *
 *   resource.c   start, requests (drain, undrain, status, get, reload)
 *   source.c     where R comes from
 *   parent.c     the enclosing instance: R of this job, its expiration, our URI
 *   report.c     what each host has, collected up the tree
 *   journal.c    events and R into the KVS, once per turn
 *   acquire.c    the scheduler's subscription (RFC 28)
 *   inventory.c  the state (pure), settings.c  [resource], topo.c  hwloc */
#ifndef RESOURCE_RESOURCE_H
#define RESOURCE_RESOURCE_H

#include <flux/core.h>

#include "base/buf.h"
#include "base/list.h"
#include "core/future/stream.h"
#include "core/reactor/reactor.h"
#include "inventory.h"
#include "settings.h"

struct resource {
    flux_t *h;
    uint32_t rank, size;
    struct settings settings;
    bool noverify, force_up; /* arguments */
    flux_msg_handler_t **handlers;

    /* report.c */
    struct rset *outbox; /* for the parent, of this turn */
    struct reactor_task send_outbox;
    struct rset *reports;   /* rank 0: all so far */
    struct idset *expected; /* rank 0: the lowest rank of each host */
    bool reported;

    /* Below: rank 0 only. */
    struct inventory inv;
    const char *method;    /* how R was found, NULL until it is */
    struct stream *online; /* NULL: nothing, or all, is */
    struct stream *torpid;
    bool verify;

    /* journal.c */
    struct buf lines; /* of this turn */
    bool put_R;
    struct flux_msglist *answers; /* to be sent when this turn is committed */
    struct reactor_task commit;
    struct list commits; /* on their way */
    json_t *journal;
    struct flux_msglist *journal_readers;

    /* acquire.c */
    const flux_msg_t *acquirer;
    struct idset *told; /* what the acquirer knows as up; NULL: nothing yet */
    bool muted;
    struct reactor_task tell;

    double told_expiration; /* what the acquirer knows */

    struct parent *parent; /* NULL: none, or it has gone */

    struct flux_msglist *waiting; /* for R */
};

/* source.c: sets inv.R if the KVS or the enclosing job know it, and has what was drained.
 * If it is configured inv.R is set before, since it names who is excluded or drained. */
void source_init (struct resource *ctx);
/* A copy of R of the settings, with ranks of this instance. NULL: out of memory, or hosts
 * that are not there and were to be verified. */
struct rset *source_configured (struct resource *ctx, const struct settings *s,
                                flux_error_t *error);
/* inv.R was made from reports. */
void source_define (struct resource *ctx, struct rset *take_R, const char *method);

/* parent.c: of an instance that is a job. */
/* Connects; goes on without what cannot be had, and says so in the log. */
void parent_init (struct resource *ctx);
void parent_fini (struct resource *ctx);
/* R of this job as the enclosing instance gave it, with its expiration now; once.
 * NULL if there is none. */
struct rset *parent_take_R (struct resource *ctx);

/* report.c */
/* prepare: what fini relies on. */
void report_prepare (struct resource *ctx);
int report_init (struct resource *ctx);
void report_fini (struct resource *ctx);
/* Looks at this machine, if that is this rank's duty. */
int report_local (struct resource *ctx);
void report_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void discover_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);

/* journal.c */
int journal_init (struct resource *ctx);
void journal_fini (struct resource *ctx);
/* context is taken, may be NULL. */
void journal_post (struct resource *ctx, const char *name, json_t *take_context);
/* Answer msg (empty) when what was posted is in the KVS. */
void journal_answer (struct resource *ctx, const flux_msg_t *msg);
void journal_put_R (struct resource *ctx);
void journal_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);

/* acquire.c */
void acquire_prepare (struct resource *ctx);
void acquire_fini (struct resource *ctx);
/* Something changed: tell the acquirer at the end of the turn. */
void acquire_changed (struct resource *ctx);
/* Now, for who asks the scheduler next. */
void acquire_tell (struct resource *ctx);
void acquire_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void acquire_mute_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg);
void acquire_disconnect (struct resource *ctx, const flux_msg_t *msg);

/* resource.c: answers those who waited for R. */
void resource_defined (struct resource *ctx);
/* {"idset":"0-1","nodelist":"a,b"} */
json_t *resource_context (struct resource *ctx, const struct idset *ranks);
void resource_drain (struct resource *ctx, const struct idset *ranks,
                     const char *reason);

#endif
