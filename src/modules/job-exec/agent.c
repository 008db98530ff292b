/* Failures: rank 0 goes away: all shells are killed, unless they are kept for the next, and
 * it has not said that this is the end (Q). A shell that cannot be had: the
 * x and X are said in its stead. An exchange that fails: an exception of the job. Output
 * that cannot be stored: see outflow.h. */
#include "agent.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <flux/idset.h>
#include <flux/job.h>

#include "base/buf.h"
#include "base/hashmap.h"
#include "base/json/jsontext.h"
#include "base/list.h"
#include "core/shell/protocol.h"
#include "exchange.h"
#include "modules/job-exec/output/ordered.h"
#include "modules/job-exec/output/outflow.h"
#include "modules/job-exec/reattach/kept.h"
#include "modules/job-exec/reattach/session.h"
#include "modules/job-exec/servers/guests.h"
#include "modules/job-exec/servers/shells.h"
#include "value/fsd.h"

/* A message that a broker forwards without making others wait long. */
#define MESSAGE_MAX (256 * 1024)

/* Of a job, until its shells are found again. */
#define BARRIERS_MAX (1U << 20)

/* A job with other shells elsewhere. */
struct agent_job {
    char *ranks;
    unsigned int barriers;
    struct list writes; /* what its shell, the leader, has not written yet */
    size_t written;     /* of the first of them */
};

/* Frames w: one of rank 0, or some of another rank. */
struct leader_write {
    struct list node;
    size_t cost;
    const flux_msg_t *request; /* NULL: of rank 0 */
};

/* Where shells are kept: a job that is claimed while output of it may be on its way to the
 * KVS for who was attached before. What comes for it waits. */
struct deferred {
    struct list node;
    uint64_t id;
    int commits; /* that are to be answered first */
    struct buf frames;
};

/* Frames on their way to a leader. */
struct sent_write {
    struct list node;
    flux_future_t *f; /* NULL: the way is lost, and the leader may be found again */
    struct agent *a;
    uint64_t id;
    size_t cost;
};

struct agent {
    flux_t *h;
    uint32_t rank;
    agent_frame_f frame_cb; /* rank 0 */
    void *arg;
    struct shells *shells;
    struct guests *guests; /* there are as long as shells are */
    struct exchanges *exchanges;
    struct idset *below; /* ranks from here down; NULL on rank 0 */
    struct idmap *jobs;
    flux_msg_handler_t **handlers;
    flux_watcher_t *prepare_w;
    struct outflow *outflow; /* NULL on rank 0, whose own commits have all */
    struct ordered commits;  /* of outflow */
    flux_watcher_t *again_w;
    struct idmap *stored; /* by job: bytes of its output that the KVS has by us */
    struct list deferred;
    bool over;                  /* all was claimed, behind what is deferred */
    struct list sent_writes;    /* to leaders elsewhere */
    const flux_msg_t *attached; /* the request of rank 0 */
    bool broken;                /* it was told that it is lost */
    bool keeps;                 /* shells outlive us */
    bool heals;                 /* the tree does */
    struct list asked;
    struct session_out up;
    struct session_in down;
    int64_t session;       /* its number; 0: it ends with the way to rank 0 */
    double heal;           /* s that it is kept without one */
    flux_watcher_t *alone; /* when they are over; runs while there is no way */
    size_t taken;          /* bytes of frames, not yet told */
    int64_t exchange_messages;
    int64_t exchange_bytes;
};

static struct shells *shells_of (struct agent *a, uint64_t id)
{
    struct shells *guest = guests_find (a->guests, id);

    return guest ? guest : a->shells;
}

static int create_shells (struct agent *a, const char *shell,
                          const struct shells_keep *keep, shells_frame_f frame_cb)
{
    a->shells = shells_create (a->h, shell, keep, frame_cb, a);
    a->guests = guests_create (a->h, shell, frame_cb, a);
    return a->shells && a->guests ? 0 : -1;
}

static void drop_shells (struct agent *a, bool abandon)
{
    if (abandon)
        shells_abandon (a->shells);
    else
        shells_destroy (a->shells);
    guests_destroy (a->guests);
    a->shells = NULL;
    a->guests = NULL;
}

static void leader_write_destroy (struct leader_write *w)
{
    list_remove (&w->node);
    flux_msg_decref (w->request);
    free (w);
}

static void agent_job_destroy (void *value)
{
    struct agent_job *j = value;

    if (j) {
        while (!list_empty (&j->writes))
            leader_write_destroy (list_first (&j->writes, struct leader_write, node));
        free (j->ranks);
        free (j);
    }
}

/* ---- up ---- */

static void flush_up (struct agent *a)
{
    const char *data;
    size_t len;

    while ((a->attached || !a->session)
           && (len = session_out_next (&a->up, MESSAGE_MAX, &data)) > 0) {
        if (a->attached && !a->broken
            && flux_respond_raw (a->h, a->attached, data, len) < 0)
            flux_log_error (a->h, "error responding to attach");
        session_out_sent (&a->up, len);
    }
    if (a->up.buf.len == 0 && a->up.buf.cap > 2 * MESSAGE_MAX)
        buf_fini (&a->up.buf);
}

static void up (struct agent *a, uint64_t id, char type, const char *text, size_t len)
{
    if (a->frame_cb) {
        a->frame_cb (id, type, text, len, a->arg);
        return;
    }
    if (frame_append (&a->up.buf, type, id, text, len) < 0) {
        flux_log (a->h, LOG_CRIT, "out of memory: contact with job shells ends");
        if (a->attached && !a->broken)
            flux_respond_error (a->h, a->attached, ENOMEM, "out of memory");
        a->broken = true;
        session_out_fini (&a->up);
    } else if (a->up.buf.len - a->up.sent >= MESSAGE_MAX)
        flush_up (a);
}

static void raise (struct agent *a, uint64_t id, const char *text, int errnum)
{
    char note[256];

    snprintf (note, sizeof (note),
              "{\"type\":\"exec\",\"severity\":0,\"note\":\"%s: %s\"}", text,
              flux_strerror (errnum));
    up (a, id, 'x', note, strlen (note));
}

/* What is lost with a broker comes again when its shells were found; where the tree heals
 * nobody looks for them. */
static bool waits (const struct agent *a)
{
    return a->keeps && !a->heals;
}

static void enter_barrier (struct agent *a, uint64_t id, const char *keys, size_t len)
{
    struct agent_job *j = idmap_lookup (a->jobs, id);

    if (j)
        exchange_enter (a->exchanges, id, j->barriers++, j->ranks, keys, len);
    else
        raise (a, id, "barrier of a job with one shell", EPROTO);
}

/* ---- the leader's file ---- */

static int add_write (struct agent_job *j, size_t cost, const flux_msg_t *request)
{
    struct leader_write *w = calloc (1, sizeof (*w));

    if (!w)
        return -1;
    w->cost = cost;
    w->request = request ? flux_msg_incref (request) : NULL;
    list_init (&w->node);
    list_append (&j->writes, &w->node);
    return 0;
}

static void answer_write (struct agent *a, const flux_msg_t *request, int errnum)
{
    int rc = errnum ? flux_respond_error (a->h, request, errnum, NULL)
                    : flux_respond (a->h, request, NULL);

    if (rc < 0)
        flux_log_error (a->h, "error responding to write");
}

static void drop_writes (struct agent *a, struct agent_job *j, int errnum)
{
    while (!list_empty (&j->writes)) {
        struct leader_write *w = list_first (&j->writes, struct leader_write, node);
        if (w->request)
            answer_write (a, w->request, errnum);
        leader_write_destroy (w);
    }
}

/* The leader has written so much: those who sent it may send more. */
static void got_written (struct agent *a, uint64_t id, const char *text)
{
    struct agent_job *j = idmap_lookup (a->jobs, id);
    size_t told = 0;
    char s[24];

    if (!j)
        return;
    j->written += strtoull (text, NULL, 10);
    while (!list_empty (&j->writes)) {
        struct leader_write *w = list_first (&j->writes, struct leader_write, node);
        if (w->cost > j->written)
            break;
        j->written -= w->cost;
        if (w->request)
            answer_write (a, w->request, 0);
        else
            told += w->cost;
        leader_write_destroy (w);
    }
    if (told > 0) {
        snprintf (s, sizeof (s), "%zu", told);
        up (a, id, 'a', s, strlen (s));
    }
}

/* Of rank 0. */
static void write_frame (struct agent *a, uint64_t id, const char *text, size_t len)
{
    struct agent_job *j = idmap_lookup (a->jobs, id);

    if (j && add_write (j, len, NULL) < 0)
        raise (a, id, "output for the leader", errno);
    shells_send (shells_of (a, id), id, 'w', text, len);
}

/* Whole frames, all of them for the leader of one job. */
static int check_writes (const void *data, size_t len, uint64_t *id, size_t *cost)
{
    struct frame_reader r = { 0 };
    struct frame f;
    int rc = frame_reader_add (&r, data, len);

    *cost = 0;
    while (rc >= 0 && (rc = frame_reader_next (&r, &f)) > 0) {
        if (f.type != 'w' || f.more || (*cost > 0 && f.id != *id))
            rc = -1;
        *id = f.id;
        *cost += f.len;
    }
    if (rc == 0 && (*cost == 0 || r.pos != r.buf.len))
        rc = -1;
    frame_reader_fini (&r);
    return rc;
}

static int pass_writes (struct agent *a, uint64_t id, const void *data, size_t len)
{
    struct frame_reader r = { 0 };
    struct frame f;
    int rc = frame_reader_add (&r, data, len);

    while (rc >= 0 && (rc = frame_reader_next (&r, &f)) > 0)
        shells_send (shells_of (a, id), id, 'w', f.text, f.len);
    frame_reader_fini (&r);
    return rc;
}

/* From the agent of another rank of the job; answered when the leader has written it. */
static void write_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct agent *a = arg;
    struct agent_job *j;
    const void *data;
    uint64_t id = 0;
    size_t len, cost;

    if (flux_msg_is_noresponse (msg)) /* nobody would know what became of it */
        return;
    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0)
        goto error;
    if (!data || check_writes (data, len, &id, &cost) < 0) {
        errno = EPROTO;
        goto error;
    }
    if (!a->shells || !(j = idmap_lookup (a->jobs, id))) {
        /* the leader has ended, or was not yet found again */
        errno = a->shells && !waits (a) ? ENOENT : EHOSTUNREACH;
        goto error;
    }
    if (add_write (j, cost, msg) < 0)
        goto error;
    if (pass_writes (a, id, data, len) < 0)
        raise (a, id, "output for the leader", ENOMEM);
    return;
error:
    answer_write (a, msg, errno);
}

/* Its shell has ended. */
static void leave_job (struct agent *a, uint64_t id)
{
    struct agent_job *j = idmap_lookup (a->jobs, id);

    if (!j)
        return;
    drop_writes (a, j, ENOENT); /* the leader has ended */
    idmap_remove (a->jobs, id);
    exchange_leave (a->exchanges, id);
}

/* And how much of its output the KVS has by us. */
static void tell_found (struct agent *a, uint64_t id, const char *text, size_t len)
{
    const uint64_t *stored = idmap_lookup (a->stored, id);
    struct buf b = BUF_INIT;

    buf_add (&b, text, len);
    if (stored)
        buf_printf (&b, " %" PRIu64, *stored);
    if (b.err)
        raise (a, id, "a job shell was found", ENOMEM);
    else
        up (a, id, 'A', b.data, b.len);
    buf_fini (&b);
}

static void shell_frame (uint64_t id, char type, const char *text, size_t len,
                         void *arg)
{
    struct agent *a = arg;

    if (type == 'b') {
        enter_barrier (a, id, text, len);
        return;
    }
    if (type == 'a') {
        got_written (a, id, text);
        return;
    }
    if (type == 'X')
        leave_job (a, id);
    if (type == 'A') {
        tell_found (a, id, text, len);
        return;
    }
    if (type == 'm' || type == 'y') /* no shell says that */
        return;
    if (type == 'N') {
        leave_job (a, id);
        if (a->outflow)
            outflow_forget (a->outflow, id);
    }
    if (a->outflow)
        outflow_frame (a->outflow, id, type, text, len);
    else
        up (a, id, type, text, len);
}

/* ---- output ---- */

struct commit {
    struct ordered_commit ordered;
    struct agent *a;
    struct outflow_batch *batch;
};

static void up_op (uint64_t id, char type, const char *text, size_t len, void *arg)
{
    up (arg, id, type, text, len);
}

static void down_op (uint64_t id, char type, const char *text, size_t len, void *arg)
{
    struct agent *a = arg;

    if (a->shells)
        shells_send (shells_of (a, id), id, type, text, len);
}

static void commit_destroy (struct commit *c)
{
    ordered_fini (&c->ordered);
    free (c);
}

static void note_stored (struct agent *a, const struct outflow_batch *batch)
{
    list_foreach (&batch->parts, it) {
        const struct outflow_part *part = container_of (it, struct outflow_part, node);
        uint64_t *kept = idmap_lookup (a->stored, part->id);
        if (!kept && (kept = malloc (sizeof (*kept)))
            && idmap_insert (a->stored, part->id, kept) < 0) {
            free (kept);
            kept = NULL;
        }
        if (kept)
            *kept = part->kept;
    }
}

static void deferred_destroy (struct deferred *d)
{
    list_remove (&d->node);
    buf_fini (&d->frames);
    free (d);
}

static struct deferred *find_deferred (const struct agent *a, uint64_t id)
{
    list_foreach (&a->deferred, it) {
        struct deferred *d = container_of (it, struct deferred, node);
        if (d->id == id)
            return d;
    }
    return NULL;
}

/* What is nobody's then is killed: not what waits to be claimed. */
static void claims_over (struct agent *a)
{
    a->over = !list_empty (&a->deferred);
    if (!a->over && a->shells)
        shells_claims_over (a->shells);
}

static void handle_frame (struct agent *a, uint64_t id, char type, const char *text,
                          size_t len);

/* Those that waited for the last of what was on its way; what was sent later is nothing
 * to them. */
static void end_deferred (struct agent *a)
{
    for (struct list *it = a->deferred.next; it != &a->deferred;) {
        struct deferred *d = container_of (it, struct deferred, node);
        struct frame_reader r = { .buf = d->frames };
        struct frame f;
        it = it->next;
        if (--d->commits > 0)
            continue;
        buf_init (&d->frames);
        deferred_destroy (d);
        while (a->shells && frame_reader_next (&r, &f) > 0)
            handle_frame (a, f.id, f.type, f.text, f.len);
        frame_reader_fini (&r);
    }
    if (a->over)
        claims_over (a);
}

static void commit_done (struct ordered_commit *oc, const char *error)
{
    struct commit *c = container_of (oc, struct commit, ordered);
    struct agent *a = c->a;

    if (a->keeps && !error)
        note_stored (a, c->batch);
    outflow_stored (a->outflow, c->batch, error);
    commit_destroy (c);
    end_deferred (a);
}

static flux_kvs_txn_t *encode_batch (struct outflow_batch *batch, uint32_t rank,
                                     bool keeps)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char key[128];

    if (!txn)
        return NULL;
    list_foreach (&batch->parts, it) {
        struct outflow_part *part = container_of (it, struct outflow_part, node);
        if (flux_job_kvs_guest_key (key, sizeof (key), part->id, "output") < 0
            || flux_kvs_txn_put_raw (txn, FLUX_KVS_APPEND, key, part->text.data,
                                     part->text.len)
                   < 0
            || (keeps && kept_put (txn, part->id, rank, part->kept) < 0)) {
            int saved = errno;
            flux_kvs_txn_destroy (txn);
            errno = saved;
            return NULL;
        }
        buf_fini (&part->text);
    }
    return txn;
}

static void store_op (struct outflow_batch *batch, void *arg)
{
    struct agent *a = arg;
    flux_kvs_txn_t *txn = encode_batch (batch, a->rank, a->keeps);
    struct commit *c = txn ? calloc (1, sizeof (*c)) : NULL;

    if (!c) {
        flux_log_error (a->h, "kvs transaction");
        flux_kvs_txn_destroy (txn);
        outflow_stored (a->outflow, batch, "out of memory");
        return;
    }
    c->a = a;
    c->batch = batch;
    ordered_send (&a->commits, &c->ordered, txn, commit_done);
}

/* The lowest of a job's ranks. */
static int64_t leader_op (uint64_t id, void *arg)
{
    struct agent *a = arg;
    struct agent_job *j = idmap_lookup (a->jobs, id);
    struct idset *ranks = j ? idset_decode (j->ranks) : NULL;
    unsigned int rank = ranks ? idset_first (ranks) : IDSET_INVALID_ID;

    idset_destroy (ranks);
    return rank == IDSET_INVALID_ID || rank == a->rank ? -1 : (int64_t)rank;
}

static void sent_write_destroy (struct sent_write *w)
{
    list_remove (&w->node);
    flux_future_destroy (w->f);
    free (w);
}

/* An error: the leader or its rank has ended, and rank 0 says so. Where the shells wait for
 * other brokers what the leader may not have is not given up. */
static void written_continuation (flux_future_t *f, void *arg)
{
    struct sent_write *w = arg;

    if (flux_future_get (f, NULL) < 0 && (errno == EHOSTUNREACH || errno == ENOSYS)
        && waits (w->a)) {
        flux_future_destroy (f);
        w->f = NULL;
        return;
    }
    outflow_written (w->a->outflow, w->id, w->cost);
    sent_write_destroy (w);
}

static int write_op (uint64_t id, int64_t leader, const char *frames, size_t len,
                     size_t cost, void *arg)
{
    struct agent *a = arg;
    struct sent_write *w = calloc (1, sizeof (*w));

    if (!w)
        return -1;
    *w = (struct sent_write){ .a = a, .id = id, .cost = cost };
    list_init (&w->node);
    list_append (&a->sent_writes, &w->node);
    if (!(w->f = flux_rpc_raw (a->h, "job-exec.write", frames, len, leader, 0))
        || flux_future_then (w->f, -1., written_continuation, w) < 0) {
        int saved = errno;
        sent_write_destroy (w);
        errno = saved;
        return -1;
    }
    return 0;
}

/* The job ends: nobody will write it. */
static void give_up_writes (struct agent *a, uint64_t id)
{
    for (struct list *it = a->sent_writes.next; it != &a->sent_writes;) {
        struct sent_write *w = container_of (it, struct sent_write, node);
        it = it->next;
        if (w->f || w->id != id)
            continue;
        outflow_written (a->outflow, id, w->cost);
        sent_write_destroy (w);
    }
}

static void again_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct agent *a = arg;
    ordered_again (&a->commits);
}

static void commit_later (struct ordered *o)
{
    struct agent *a = container_of (o, struct agent, commits);

    flux_timer_watcher_reset (a->again_w, ORDERED_AGAIN, 0.);
    flux_watcher_start (a->again_w);
}

static int init_outflow (struct agent *a)
{
    static const struct outflow_ops ops = { .up = up_op,
                                            .down = down_op,
                                            .store = store_op,
                                            .leader = leader_op,
                                            .write = write_op };

    if (a->rank == 0)
        return 0;
    return (a->outflow = outflow_create (&ops, a))
                   && (a->again_w = flux_timer_watcher_create (
                           flux_get_reactor (a->h), ORDERED_AGAIN, 0., again_cb, a))
               ? 0
               : -1;
}

static void fini_outflow (struct agent *a)
{
    struct ordered_commit *oc;

    while (!list_empty (&a->sent_writes))
        sent_write_destroy (list_first (&a->sent_writes, struct sent_write, node));
    while ((oc = ordered_first (&a->commits))) {
        struct commit *c = container_of (oc, struct commit, ordered);
        outflow_batch_destroy (c->batch);
        commit_destroy (c);
    }
    flux_watcher_destroy (a->again_w);
    outflow_destroy (a->outflow);
}

/* ---- down ---- */

static int add_job (struct agent *a, uint64_t id, struct span text)
{
    struct agent_job *j;

    if (!(j = calloc (1, sizeof (*j))))
        return -1;
    list_init (&j->writes);
    if (!(j->ranks = strndup (text.s, text.len)) || idmap_insert (a->jobs, id, j) < 0) {
        agent_job_destroy (j);
        return -1;
    }
    return 0;
}

static int add_started (struct agent *a, uint64_t id, const char *record, size_t len)
{
    struct span facts = { record, len }, ranks, text;

    if (jsontext_get (facts, "ranks", &ranks) < 0 || !jsontext_plain (ranks, &text))
        return 0; /* it is alone */
    return add_job (a, id, text);
}

/* Where the job is of another user, the record says who starts its shell; and where it is
 * to be a unit. */
static int start_shell (struct agent *a, uint64_t id, const char *record, size_t len)
{
    struct span all = { record, len }, v, text = { NULL, 0 }, unit = { NULL, 0 };
    char *imp = NULL, *of_unit = NULL;
    int rc = -1;

    if (jsontext_get (all, "imp", &v) == 0)
        (void)jsontext_plain (v, &text);
    (void)jsontext_get (all, "unit", &unit);
    if (!text.s && !unit.s)
        return shells_start (a->shells, id, record, len);
    if ((!text.s || (imp = strndup (text.s, text.len)))
        && (!unit.s || (of_unit = strndup (unit.s, unit.len))))
        rc = guests_start (a->guests, imp, of_unit, id, record, len);
    free (imp);
    free (of_unit);
    return rc;
}

static void start_job (struct agent *a, uint64_t id, const char *record, size_t len)
{
    if (add_started (a, id, record, len) == 0 && start_shell (a, id, record, len) == 0)
        return;
    raise (a, id, "cannot start a job shell", errno);
    up (a, id, 'X', "256", 3);
}

/* Where the agent is the same, and has the job. */
static void begin_anew (struct agent *a, uint64_t id)
{
    struct agent_job *j = idmap_lookup (a->jobs, id);

    for (struct list *it = a->sent_writes.next; it != &a->sent_writes;) {
        struct sent_write *w = container_of (it, struct sent_write, node);
        it = it->next;
        if (w->id == id)
            sent_write_destroy (w);
    }
    if (j)
        drop_writes (a, j, EHOSTUNREACH);
    idmap_remove (a->jobs, id);
    exchange_forget (a->exchanges, id);
    if (a->outflow)
        outflow_forget (a->outflow, id);
}

/* What rank 0 has read of it may be older than what we have stored. */
static int send_claim (struct agent *a, uint64_t id, uint64_t kept, struct span ranks)
{
    struct buf b = BUF_INIT;
    int rc = -1;

    buf_printf (&b, "%" PRIu64, kept);
    if (ranks.len > 0) {
        buf_addc (&b, ' ');
        buf_add (&b, ranks.s, ranks.len);
    }
    if (b.err)
        errno = ENOMEM;
    else
        rc = shells_claim (a->shells, id, b.data, b.len);
    buf_fini (&b);
    return rc;
}

/* It ran under another broker, or for another job-exec, if it did. text: what is kept of
 * it, and ranks. */
static void claim_job (struct agent *a, uint64_t id, const char *text)
{
    char *end;
    uint64_t kept = strtoull (text, &end, 10);
    const uint64_t *stored = idmap_lookup (a->stored, id);
    struct span ranks = { end + 1, strlen (end) > 1 ? strlen (end) - 1 : 0 };

    begin_anew (a, id);
    if (stored && *stored > kept)
        kept = *stored;
    if ((ranks.len > 0 && add_job (a, id, ranks) < 0)
        || send_claim (a, id, kept, ranks) < 0) {
        flux_log_error (a->h, "a job shell cannot be asked for");
        up (a, id, 'N', "unknown", 7);
    } else if (a->outflow)
        outflow_resume (a->outflow, id, kept);
}

/* All shells of the job were found. A barrier that was under way is another now, whatever is
 * still said of it. */
static void go_on (struct agent *a, uint64_t id, const char *text, size_t len)
{
    struct agent_job *j = idmap_lookup (a->jobs, id);
    char *end;
    unsigned long barriers = strtoul (text, &end, 10), times = strtoul (end, NULL, 10);

    if (j)
        j->barriers = barriers + times * BARRIERS_MAX;
    shells_send (shells_of (a, id), id, 'G', text, len);
}

static void forget_job (struct agent *a, uint64_t id)
{
    leave_job (a, id);
    if (a->outflow)
        outflow_forget (a->outflow, id);
    idmap_remove (a->stored, id);
    shells_forget (a->shells, id);
}

/* True: the frame waits. */
static bool defer (struct agent *a, uint64_t id, char type, const char *text,
                   size_t len)
{
    struct deferred *d = find_deferred (a, id);

    if (!d && type == 'R' && a->commits.on_way > 0) {
        if (!(d = calloc (1, sizeof (*d)))) {
            raise (a, id, "a job shell cannot be asked for", errno);
            return false;
        }
        d->id = id;
        d->commits = a->commits.on_way;
        list_init (&d->node);
        list_append (&a->deferred, &d->node);
    }
    if (d && frame_append (&d->frames, type, id, text, len) < 0)
        raise (a, id, "a job shell cannot be asked for", ENOMEM);
    return d != NULL;
}

static void end_shells (struct agent *a)
{
    drop_shells (a, false);
    a->session = 0;
}

static void handle_frame (struct agent *a, uint64_t id, char type, const char *text,
                          size_t len)
{
    if (type == 'k' || type == 'K')
        give_up_writes (a, id);
    if (type == 'S')
        start_job (a, id, text, len);
    else if (type == 'R')
        claim_job (a, id, text);
    else if (type == 'G')
        go_on (a, id, text, len);
    else if (type == 'F')
        forget_job (a, id);
    else if (type == 'E')
        claims_over (a);
    else if (type == 'Q')
        end_shells (a);
    else if (type == 'M' && a->outflow)
        outflow_open (a->outflow, id);
    else if (type == 'w')
        write_frame (a, id, text, len);
    else
        shells_send (shells_of (a, id), id, type, text, len);
}

void agent_frame (struct agent *a, uint64_t id, char type, const char *text, size_t len)
{
    if (a->shells && (id == 0 || !defer (a, id, type, text, len)))
        handle_frame (a, id, type, text, len);
}

/* ---- exchanges ---- */

struct asked {
    struct list node;
    flux_future_t *f;
    struct agent *a;
    uint64_t id;
    unsigned int seq;
};

static void asked_destroy (struct asked *q)
{
    list_remove (&q->node);
    flux_future_destroy (q->f);
    free (q);
}

static void ask_continuation (flux_future_t *f, void *arg)
{
    struct asked *q = arg;
    const void *data = NULL;
    size_t len = 0;
    int errnum = flux_rpc_get_raw (f, &data, &len) < 0 ? errno : 0;

    exchange_answer (q->a->exchanges, q->id, q->seq, errnum, data, len);
    asked_destroy (q);
}

static flux_future_t *send_up (struct agent *a, const char *text, size_t len, int flags)
{
    a->exchange_messages++;
    a->exchange_bytes += len;
    return flux_rpc_raw (a->h, "job-exec.exchange", text, len, FLUX_NODEID_UPSTREAM,
                         flags);
}

static int ask_op (uint64_t id, unsigned int seq, const char *text, size_t len,
                   void *arg)
{
    struct agent *a = arg;
    struct asked *q = calloc (1, sizeof (*q));

    if (!q)
        return -1;
    *q = (struct asked){ .a = a, .id = id, .seq = seq };
    list_init (&q->node);
    list_append (&a->asked, &q->node);
    if (!(q->f = send_up (a, text, len, 0))
        || flux_future_then (q->f, -1., ask_continuation, q) < 0) {
        int saved = errno;
        asked_destroy (q);
        errno = saved;
        return -1;
    }
    return 0;
}

static void tell_op (const char *text, size_t len, void *arg)
{
    flux_future_destroy (send_up (arg, text, len, FLUX_RPC_NORESPONSE));
}

static void answer_op (void *request, int errnum, const char *text, size_t len,
                       void *arg)
{
    struct agent *a = arg;
    int rc = errnum ? flux_respond_error (a->h, request, errnum, NULL)
                    : flux_respond_raw (a->h, request, text, len);

    a->exchange_messages++;
    a->exchange_bytes += len;
    if (rc < 0)
        flux_log_error (a->h, "error responding to exchange");
    flux_msg_decref (request);
}

static void deliver_op (uint64_t id, int errnum, const char *keys, size_t len,
                        void *arg)
{
    struct agent *a = arg;

    if (errnum == EHOSTUNREACH && waits (a)) /* the shells enter it again */
        return;
    if (errnum)
        raise (a, id, "exchange of PMI keys failed", errnum);
    else
        shells_send (shells_of (a, id), id, 'B', keys, len);
}

static void add_ranks (struct idset *set, json_t *topo)
{
    json_t *child;
    size_t i;

    idset_set (set, json_integer_value (json_object_get (topo, "rank")));
    json_array_foreach (json_object_get (topo, "children"), i, child) {
        add_ranks (set, child);
    }
}

/* Who is below this rank; a leaf need not ask. */
static int find_below (struct agent *a)
{
    const char *s = flux_attr_get (a->h, "tbon.descendants");
    flux_future_t *f = NULL;
    json_t *topo;
    int rc = -1;

    if (!(a->below = idset_create (0, IDSET_FLAG_AUTOGROW))
        || idset_set (a->below, a->rank) < 0)
        return -1;
    if (s && !strcmp (s, "0"))
        return 0;
    if ((f = flux_rpc (a->h, "overlay.topology", NULL, a->rank, 0))
        && flux_rpc_get_unpack (f, "o", &topo) == 0) {
        add_ranks (a->below, topo);
        rc = 0;
    } else
        flux_log_error (a->h, "overlay.topology");
    flux_future_destroy (f);
    return rc;
}

/* ---- requests ---- */

static void exchange_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct agent *a = arg;
    const void *data;
    size_t len;
    bool wanted = !flux_msg_is_noresponse (msg);

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0)
        goto error;
    void *request = wanted ? (void *)flux_msg_incref (msg) : NULL;
    if (data && exchange_request (a->exchanges, data, len, request) == 0)
        return;
    flux_msg_decref (request);
    errno = EPROTO;
error:
    if (wanted)
        flux_respond_error (h, msg, errno, "malformed exchange");
}

/* Who told what to do has gone. */
static void detach (struct agent *a, bool abandon)
{
    size_t pos = 0;
    uint64_t id;

    while (idmap_next (a->jobs, &pos, &id, NULL))
        exchange_leave (a->exchanges, id);
    idmap_destroy (a->jobs);
    a->jobs = idmap_create (agent_job_destroy);
    drop_shells (a, abandon);
    while (!list_empty (&a->deferred))
        deferred_destroy (list_first (&a->deferred, struct deferred, node));
    a->over = false;
    outflow_reset (a->outflow);
    session_out_fini (&a->up);
    a->up = (struct session_out){ .keep = false };
    a->down = (struct session_in){ 0 };
    a->session = 0;
    flux_watcher_stop (a->alone);
    a->taken = 0;
    a->broken = false;
    flux_msg_decref (a->attached);
    a->attached = NULL;
}

static void alone_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    detach (arg, true);
}

/* The way to rank 0 is lost. It may come by another. */
static void wait_for_way (struct agent *a)
{
    flux_msg_decref (a->attached);
    a->attached = NULL;
    flux_timer_watcher_reset (a->alone, a->heal, 0.);
    flux_watcher_start (a->alone);
}

/* The first that rank 0 hears over a way. */
static int greet (struct agent *a)
{
    char text[24];

    snprintf (text, sizeof (text), "%" PRId64, session_in_tell (&a->down));
    return flux_respond_raw (a->h, a->attached, text, strlen (text) + 1);
}

/* Rank 0 has so much of what was said: the rest goes again. It is told the same first. */
static int resume (struct agent *a, const flux_msg_t *msg, int64_t taken)
{
    if (session_out_resume (&a->up, taken) < 0)
        return -1;
    flux_watcher_stop (a->alone);
    flux_msg_decref (a->attached);
    a->attached = flux_msg_incref (msg);
    a->taken = 0;
    return greet (a);
}

static int begin_session (struct agent *a, int64_t session, double heal)
{
    if (session && !a->alone
        && !(a->alone = flux_timer_watcher_create (flux_get_reactor (a->h), heal, 0.,
                                                   alone_cb, a)))
        return -1;
    a->session = session;
    a->heal = heal;
    a->up.keep = session != 0;
    return 0;
}

static void attach_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct agent *a = arg;
    const char *shell, *token = NULL;
    struct shells_keep keep = { NULL, 0. };
    json_int_t session = 0, taken = -1;
    double heal = 0.;

    if (flux_request_unpack (msg, NULL, "{s:s s?s s?F s?I s?F s?I}", "shell", &shell,
                             "token", &token, "reattach_timeout", &keep.timeout,
                             "session", &session, "heal", &heal, "taken", &taken)
        < 0)
        goto error;
    keep.token = token;
    if (!flux_msg_is_streaming (msg)) {
        errno = EPROTO;
        goto error;
    }
    if (a->frame_cb) {
        errno = EINVAL;
        goto error;
    }
    if (taken >= 0) {
        errno = ESRCH;
        if (session == 0 || session != a->session || resume (a, msg, taken) < 0)
            goto error;
        return;
    }
    if (a->attached) {
        flux_respond_error (h, msg, EBUSY, "another has attached");
        return;
    }
    if (a->session) /* who comes does not know of it */
        detach (a, true);
    if (!a->jobs || create_shells (a, shell, token ? &keep : NULL, shell_frame) < 0
        || begin_session (a, session, heal) < 0)
        goto error;
    a->keeps = token != NULL;
    a->attached = flux_msg_incref (msg);
    if (session && greet (a) < 0)
        flux_log_error (h, "error responding to attach");
    return;
error:
    flux_respond_error (h, msg, errno, NULL);
}

static void tell_taken (struct agent *a)
{
    char text[24];

    snprintf (text, sizeof (text), "%zu", a->taken);
    up (a, 0, 'c', text, strlen (text));
    a->taken = 0;
}

static void frames_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct agent *a = arg;
    struct frame_reader r = { 0 };
    struct frame f;
    const void *data;
    size_t len;
    bool signalled = false; /* rank 0 keeps them until it hears of them */
    int rc;

    if (!a->attached || flux_request_decode_raw (msg, NULL, &data, &len) < 0 || !data
        || !flux_disconnect_match (msg, a->attached))
        return;
    (void)session_in_took (&a->down, len); /* c says it */
    rc = frame_reader_add (&r, data, len);
    while (rc >= 0 && (rc = frame_reader_next (&r, &f)) > 0) {
        if (f.id == 0 && f.type == 'c')
            (void)session_out_told (&a->up, strtoll (f.text, NULL, 10));
        else
            agent_frame (a, f.id, f.type, f.text, f.len);
        signalled |= f.type == 'k';
    }
    frame_reader_fini (&r);
    if (rc < 0)
        flux_log_error (h, "frames from rank 0");
    a->taken += len;
    if (a->taken >= AGENT_WINDOW / 4 || signalled)
        tell_taken (a);
}

static bool is_of (void *request, void *arg)
{
    return flux_disconnect_match (arg, request);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct agent *a = arg;

    exchange_disconnect (a->exchanges, is_of, (void *)msg);
    if (!a->attached || !flux_disconnect_match (msg, a->attached))
        return;
    if (a->session)
        wait_for_way (a);
    else
        detach (a, true);
}

static const struct flux_msg_handler_spec handler_tab[] = {
    { FLUX_MSGTYPE_REQUEST, "attach", attach_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "frames", frames_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "exchange", exchange_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "write", write_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "disconnect", disconnect_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

void agent_flush (struct agent *a)
{
    if (a->broken)
        detach (a, false);
    if (a->outflow)
        outflow_flush (a->outflow);
    if (a->shells)
        shells_flush (a->shells);
    guests_flush (a->guests);
    flush_up (a);
}

static void prepare_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    agent_flush (arg);
}

double agent_heal_time (flux_t *h)
{
    const char *s = flux_attr_get (h, "tbon.heal");
    double seconds;

    return s && fsd_parse (s, &seconds) == 0 ? seconds : 0.; /* "none" is no duration */
}

struct agent *agent_create (flux_t *h, const char *shell,
                            const struct shells_keep *keep, agent_frame_f frame_cb,
                            void *arg)
{
    static const struct exchange_ops ops = {
        .ask = ask_op, .tell = tell_op, .answer = answer_op, .deliver = deliver_op
    };
    struct agent *a = calloc (1, sizeof (*a));

    if (!a)
        return NULL;
    list_init (&a->asked);
    list_init (&a->sent_writes);
    list_init (&a->deferred);
    a->h = h;
    a->frame_cb = frame_cb;
    a->arg = arg;
    ordered_init (&a->commits, h, commit_later);
    a->keeps = keep != NULL;
    a->heals = agent_heal_time (h) > 0;
    if (flux_get_rank (h, &a->rank) < 0 || (a->rank > 0 && find_below (a) < 0)
        || init_outflow (a) < 0 || !(a->stored = idmap_create (free))
        || !(a->jobs = idmap_create (agent_job_destroy))
        || !(a->exchanges = exchanges_create (a->rank, a->below, &ops, a))
        || (shell && create_shells (a, shell, keep, shell_frame) < 0)
        || (!frame_cb
            && !(a->prepare_w =
                     flux_prepare_watcher_create (flux_get_reactor (h), prepare_cb, a)))
        || flux_msg_handler_addvec_ex (h, "job-exec", handler_tab, a, &a->handlers)
               < 0) {
        agent_destroy (a, false);
        return NULL;
    }
    if (a->prepare_w)
        flux_watcher_start (a->prepare_w);
    return a;
}

void agent_destroy (struct agent *a, bool abandon)
{
    if (!a)
        return;
    int saved = errno;
    flux_msg_handler_delvec (a->handlers);
    flux_watcher_destroy (a->prepare_w);
    while (!list_empty (&a->asked))
        asked_destroy (list_first (&a->asked, struct asked, node));
    exchanges_destroy (a->exchanges);
    drop_shells (a, abandon);
    idmap_destroy (a->stored);
    while (!list_empty (&a->deferred))
        deferred_destroy (list_first (&a->deferred, struct deferred, node));
    fini_outflow (a);
    idmap_destroy (a->jobs);
    idset_destroy (a->below);
    flux_msg_decref (a->attached);
    session_out_fini (&a->up);
    flux_watcher_destroy (a->alone);
    free (a);
    errno = saved;
}

bool agent_keeps (const struct agent *a)
{
    return a && a->keeps;
}

json_t *agent_stats (const struct agent *a)
{
    return json_pack ("{s:i s:I s:I s:I s:I}", "shell_servers",
                      (a->shells ? shells_servers (a->shells) : 0)
                          + guests_count (a->guests),
                      "exchanges", (json_int_t)exchange_count (a->exchanges),
                      "exchange_messages", (json_int_t)a->exchange_messages,
                      "exchange_bytes", (json_int_t)a->exchange_bytes, "output_bytes",
                      (json_int_t)(a->outflow ? outflow_bytes (a->outflow) : 0));
}
