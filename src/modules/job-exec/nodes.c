/* The ranks that run jobs, as rank 0 sees them: each has an agent (agent.h).
 *
 * Frames for its shells are collected and sent once per reactor turn, as far as its
 * credit reaches; what it says is cut into frames for the jobs. The agent of rank 0 is
 * in this thread, and called.
 *
 * Failures: an agent is lost: so are its shells, and their jobs get an exception,
 * node-failure if the rank cannot be reached; the next job attaches to it again. A line
 * that is no frame fails the job whose it is, and no other. */
#include <flux/idset.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/json/jsonout.h"
#include "core/shell/protocol.h"
#include "ctx.h"
#include "modules/job-exec/reattach/session.h"

/* A message that a broker forwards without making others wait long. */
#define WRITE_MAX (256 * 1024)
/* Where jobs outlive their brokers: whoever kills all of them does so one by one, and those
 * that are still there make no failure of it. In seconds. */
#define LOST_AFTER 1.

/* Where the tree heals: how often an agent is asked whether it goes on, and after how long
 * again. One whose broker is dead cannot be told from one whose parent is. In seconds. */
#define RESUME_TRIES 8
#define RESUME_AGAIN 0.1

struct node {
    struct ctx *ctx;
    unsigned int rank;
    flux_future_t *f; /* of the attach request; NULL on rank 0 */
    struct credit_out credit;
    struct session_out out;
    struct session_in in;
    int64_t told;        /* bytes of out, by the agent */
    int64_t signals_end; /* those of out that have the last signal; 0: all are told */
    int64_t number;      /* of the session; 0: it ends with the way */
    bool began;          /* the agent has answered once */
    bool open;           /* and since the way was lost; a way without a session is */
    int tries;           /* to go on, in vain */
    struct limit_line
        line; /* of our shells; those of others have servers of their own */
    struct list shells;
    struct list dirty_node;
    struct list dead_node;
    bool dead;
    bool claims_told; /* it was told that all were made */
    struct timer lost_timer;
    int lost_errnum; /* then */
};

static void node_destroy (struct node *n)
{
    list_remove (&n->dirty_node);
    list_remove (&n->dead_node);
    timer_clear (&n->ctx->timers, &n->lost_timer);
    flux_future_destroy (n->f);
    session_out_fini (&n->out);
    free (n);
}

/* A pretended node has no broker, and so no host that is known. */
static void name_node (const struct node *n, char *s, size_t size)
{
    const char *host = flux_get_hostbyrank (n->ctx->h, n->rank);

    if (strcmp (host, "(null)") == 0)
        snprintf (s, size, "rank %u, which has no broker", n->rank);
    else
        snprintf (s, size, "%.128s (rank %u)", host, n->rank);
}

/* Its broker, or job-exec there, and then its shells are found again. A job that is about to
 * end does not wait. */
static bool may_come_back (const struct node *n, const struct shell_ref *s, int errnum)
{
    const struct ctx *ctx = n->ctx;
    const struct job *job = s->job;

    return ctx->resume.token && ctx->config.rejoin_timeout > 0 && ctx->heal <= 0
           && (errnum == EHOSTUNREACH || errnum == ENOSYS) && !job->finished
           && !job->exception && job_is_critical (job, s)
           && (job->away_until <= 0 || clock_monotonic () < job->away_until);
}

/* Its shells are lost. */
static void node_lost (struct node *n, int errnum, const char *why)
{
    struct ctx *ctx = n->ctx;
    char note[256], name[160];
    const char *type = errnum == EHOSTUNREACH ? "node-failure" : "exec";

    if (n->dead)
        return;
    n->dead = true;
    if (idmap_lookup (ctx->nodes, n->rank) == n)
        idmap_take (ctx->nodes, n->rank);
    list_remove (&n->dirty_node);
    list_append (&ctx->dead_nodes, &n->dead_node);
    name_node (n, name, sizeof (name));
    if (errnum == EHOSTUNREACH)
        snprintf (note, sizeof (note), "node failure on %s", name);
    else
        snprintf (note, sizeof (note), "lost contact with job shell on %s: %s", name,
                  why);
    while (!list_empty (&n->shells)) {
        struct shell_ref *s = container_of (n->shells.next, struct shell_ref, node);

        if (may_come_back (n, s, errnum))
            resume_away (ctx, s->job);
        else
            job_shell_lost (s->job, s, SIGKILL, type, note);
    }
}

static void reached (struct ctx *ctx, const struct shell_ref *s,
                     const struct limit_place *p)
{
    struct node *n = idmap_lookup (ctx->nodes, s->rank);

    if (n)
        limit_line_reach (&n->line, p);
}

bool nodes_move (struct ctx *ctx, struct job *job)
{
    bool moves = true;

    for (int i = 0; i < job->shell_count; i++) {
        struct shell_ref *s = &job->shells[i];
        struct node *n = idmap_lookup (ctx->nodes, s->rank);
        if (limit_is_missing (s))
            moves &= n && limit_line_moves (&n->line, &s->question);
    }
    return moves;
}

static void dispatch (struct ctx *ctx, unsigned int rank, uint64_t id, char type,
                      const char *text, size_t len)
{
    struct job *job = idmap_lookup (ctx->jobs, id);
    struct shell_ref *s = job ? job_shell (job, rank) : NULL;

    if (type == 'o' || type == 'w')
        ctx->output_bytes += len;
    if (!s || job->finished || job->away)
        return;
    /* what it has said before it was asked comes again */
    if (type == 'A' || type == 'N')
        s->known = true;
    if ((!s->known && job->resuming) || (s->exited && type != 'Z'))
        return;
    if (!s->heard)
        reached (ctx, s, &s->start);
    s->heard = true;
    if (type == 'T' && limit_answer (job, s, text)) {
        reached (ctx, s, &s->question);
        job->ops->limit_answer (job, ctx);
    } else
        job_frame (job, s, type, text, len);
}

void nodes_local_frame (uint64_t id, char type, const char *text, size_t len, void *arg)
{
    dispatch (arg, 0, id, type, text, len);
}

/* What an agent passes on makes no sense: its job fails, the others go on. */
static void shell_broken (struct node *n, uint64_t id)
{
    struct ctx *ctx = n->ctx;
    struct job *job = idmap_lookup (ctx->jobs, id);
    struct shell_ref *s = job ? job_shell (job, n->rank) : NULL;
    char note[256];

    if (!s || s->exited || job->finished)
        return;
    snprintf (note, sizeof (note), "malformed frame from job shell on %s (rank %u)",
              flux_get_hostbyrank (ctx->h, n->rank), n->rank);
    job_raise (job, 0, "exec", note);
    node_send (ctx, job, s, 'K', "", 0);
}

static void mark_dirty (struct node *n)
{
    if (list_empty (&n->dirty_node))
        list_append (&n->ctx->dirty_nodes, &n->dirty_node);
}

/* The agent tells of them at once (agent.c). Until then they may go the way that is lost, and
 * are said again to shells that are found. */
static void note_signal (struct node *n, struct shell_ref *s, const char *text)
{
    int signum = atoi (text);

    if (n->number || signum < 1 || signum > SIGNAL_MAX)
        return;
    s->signals |= SIGNAL_BIT (signum);
    n->signals_end = n->out.before + (int64_t)n->out.buf.len;
}

static void signals_arrived (struct node *n)
{
    n->signals_end = 0;
    list_foreach (&n->shells, it)
        container_of (it, struct shell_ref, node)->signals = 0;
}

static void got_credit (struct node *n, int64_t bytes)
{
    credit_out_add (&n->credit, bytes, AGENT_WINDOW);
    n->told += bytes;
    if (n->number && session_out_told (&n->out, n->told) < 0)
        n->told -= bytes; /* it cannot have them */
    if (n->signals_end > 0 && n->told >= n->signals_end)
        signals_arrived (n);
    mark_dirty (n);
}

/* Of a session the agent says first how much it has: what it does not have goes (again).
 * Until then nothing goes, so that nothing is started twice if nobody answers. */
static void resumed (struct node *n, const char *text)
{
    n->told = strtoll (text, NULL, 10);
    n->tries = 0;
    n->began = n->open = true;
    if (session_out_resume (&n->out, n->told) < 0) {
        node_lost (n, EPROTO, "its agent has more than it was sent");
        return;
    }
    credit_out_init (&n->credit, AGENT_WINDOW);
    mark_dirty (n);
}

static void tell_taken (struct node *n)
{
    char text[24];

    snprintf (text, sizeof (text), "%" PRId64, n->in.taken);
    if (frame_append (&n->out.buf, 'c', 0, text, strlen (text)) < 0)
        node_lost (n, ENOMEM, "out of memory");
    else
        mark_dirty (n);
}

static void got_frames (struct node *n, const void *data, size_t len)
{
    struct frame_reader r = { 0 };
    struct frame f;
    int rc = frame_reader_add (&r, data, len);

    while (rc >= 0 && !n->dead && (rc = frame_reader_next (&r, &f)) != 0) {
        if (rc > 0 && f.id == 0 && f.type == 'c')
            got_credit (n, strtoll (f.text, NULL, 10));
        else if (rc > 0)
            dispatch (n->ctx, n->rank, f.id, f.type, f.text, f.len);
        else {
            flux_log (n->ctx->h, LOG_ERR, "rank %u: malformed frame", n->rank);
            if (f.id_known)
                shell_broken (n, f.id);
            rc = 0;
        }
    }
    frame_reader_fini (&r);
    if (rc < 0)
        node_lost (n, ENOMEM, "out of memory");
}

static void lost_cb (struct timer *t, void *arg)
{
    struct node *n = arg;

    node_lost (n, n->lost_errnum, flux_strerror (n->lost_errnum));
}

static int attach (struct node *n);

static void again_cb (struct timer *t, void *arg)
{
    struct node *n = arg;

    if (!n->dead && attach (n) < 0)
        node_lost (n, errno, strerror (errno));
}

/* The way is lost; the agent may be there. */
static void go_on (struct node *n)
{
    flux_future_destroy (n->f);
    n->f = NULL;
    n->open = false;
    exec_set_timer (n->ctx, &n->lost_timer, n->tries++ > 0 ? RESUME_AGAIN : 0.,
                    again_cb, n);
}

/* What is said to them from now on is heard later, or by nobody. */
static void note_away (struct node *n)
{
    double until = clock_monotonic () + n->ctx->config.rejoin_timeout;

    list_foreach (&n->shells, it) {
        struct shell_ref *s = container_of (it, struct shell_ref, node);
        if (may_come_back (n, s, n->lost_errnum) && s->job->away_until <= 0)
            s->job->away_until = until;
    }
}

static void attach_failed (struct node *n, int errnum, const char *why)
{
    bool lost = errnum == EHOSTUNREACH;

    n->lost_errnum = errnum;
    if (lost && n->number && n->tries < RESUME_TRIES)
        go_on (n);
    else if (n->began && errnum == ESRCH) /* it is another broker's */
        node_lost (n, EHOSTUNREACH, why);
    else if (n->ctx->resume.token && (lost || errnum == ENOSYS)) {
        note_away (n);
        exec_set_timer (n->ctx, &n->lost_timer, LOST_AFTER, lost_cb, n);
    } else
        node_lost (n, errnum, why);
}

static void attach_continuation (flux_future_t *f, void *arg)
{
    struct node *n = arg;
    const void *data;
    size_t len;

    if (n->dead)
        return;
    if (flux_rpc_get_raw (f, &data, &len) < 0) {
        attach_failed (n, errno, flux_future_error_string (f));
        return;
    }
    if (data && !n->open)
        resumed (n, data); /* with a NUL behind it, as all payloads that are text */
    else if (data) {
        got_frames (n, data, len);
        if (n->number && !n->dead && session_in_took (&n->in, len))
            tell_taken (n);
    }
    flux_future_reset (f);
}

static json_t *attach_payload (struct node *n)
{
    struct ctx *ctx = n->ctx;
    json_t *o = json_pack ("{s:s}", "shell", ctx->config.shell);
    int rc = o ? 0 : -1;

    if (rc == 0 && ctx->resume.token)
        rc = json_object_set_new (o, "token", json_string (ctx->resume.token))
             | json_object_set_new (o, "reattach_timeout",
                                    json_real (ctx->config.reattach_timeout));
    if (rc == 0 && n->number)
        rc = json_object_set_new (o, "session", json_integer (n->number))
             | json_object_set_new (o, "heal", json_real (ctx->heal));
    if (rc == 0 && n->began)
        rc = json_object_set_new (o, "taken", json_integer (session_in_tell (&n->in)));
    if (rc < 0) {
        json_decref (o);
        errno = ENOMEM;
        return NULL;
    }
    return o;
}

static int attach (struct node *n)
{
    json_t *o = attach_payload (n);

    if (!o)
        return -1;
    n->f = flux_rpc_pack (n->ctx->h, "job-exec.attach", n->rank, FLUX_RPC_STREAMING,
                          "o", o);
    return n->f && flux_future_then (n->f, -1., attach_continuation, n) == 0 ? 0 : -1;
}

static void begin_session (struct node *n)
{
    credit_out_init (&n->credit, AGENT_WINDOW);
    n->open = n->ctx->heal <= 0.;
    if (n->open)
        return;
    n->out.keep = true;
    if (getrandom (&n->number, sizeof (n->number), 0) != sizeof (n->number))
        n->number = (int64_t)(clock_monotonic () * 1e9);
    n->number = (n->number & INT64_MAX) | 1;
}

static struct node *get_node (struct ctx *ctx, unsigned int rank)
{
    struct node *n = idmap_lookup (ctx->nodes, rank);

    if (n)
        return n;
    if (!(n = calloc (1, sizeof (*n))))
        return NULL;
    n->ctx = ctx;
    n->rank = rank;
    list_init (&n->shells);
    list_init (&n->dirty_node);
    list_init (&n->dead_node);
    begin_session (n);
    if ((rank > 0 && attach (n) < 0) || idmap_insert (ctx->nodes, rank, n) < 0) {
        node_destroy (n);
        return NULL;
    }
    mark_dirty (n);
    resume_rank (ctx, rank);
    return n;
}

void node_send (struct ctx *ctx, struct job *job, struct shell_ref *s, char type,
                const char *text, size_t len)
{
    struct node *n = idmap_lookup (ctx->nodes, s->rank);

    if (!n || (job->away && type != 'F'))
        return;
    if (!job->guest && (type == 'S' || type == 'T'))
        limit_line_enter (&n->line, type == 'S' ? &s->start : &s->question);
    if (n->rank == 0) {
        agent_frame (ctx->agent, job->id, type, text, len);
        return;
    }
    if (frame_append (&n->out.buf, type, job->id, text, len) < 0) {
        node_lost (n, ENOMEM, "out of memory");
        return;
    }
    if (type == 'k')
        note_signal (n, s, text);
    mark_dirty (n);
}

/* What other brokers may have left there, and is not claimed by now, is nobody's. */
static void tell_claims_over (struct node *n)
{
    if (n->claims_told || !n->ctx->resume.over || n->ctx->resume.lookups > 0)
        return;
    n->claims_told = true;
    if (n->rank == 0)
        agent_frame (n->ctx->agent, 0, 'E', "", 0);
    else if (frame_append (&n->out.buf, 'E', 0, "", 0) < 0)
        node_lost (n, ENOMEM, "out of memory");
}

void nodes_claims_over (struct ctx *ctx)
{
    size_t pos = 0;
    void *n;

    get_node (ctx, 0); /* NULL: it keeps what it has */
    while (idmap_next (ctx->nodes, &pos, NULL, &n))
        mark_dirty (n);
}

static char *encode_ranks (const struct job *job)
{
    struct idset *ids = idset_create (0, IDSET_FLAG_AUTOGROW);
    char *s = NULL;

    for (int i = 0; ids && i < job->shell_count; i++) {
        if (idset_set (ids, job->shells[i].rank) < 0)
            goto done;
    }
    if (ids)
        s = idset_encode (ids, IDSET_FLAG_RANGE);
done:
    idset_destroy (ids);
    return s;
}

int nodes_claim (struct ctx *ctx, struct job *job, struct shell_ref *s)
{
    struct node *n = get_node (ctx, s->rank);
    char *ranks = n ? encode_ranks (job) : NULL;
    struct buf b = BUF_INIT;

    if (!ranks)
        return -1;
    buf_printf (&b, "%" PRIu64, s->kept);
    if (job->shell_count > 1)
        buf_printf (&b, " %s", ranks);
    free (ranks);
    if (b.err) {
        buf_fini (&b);
        errno = ENOMEM;
        return -1;
    }
    list_append (&n->shells, &s->node);
    node_send (ctx, job, s, 'R', b.data, b.len);
    buf_fini (&b);
    return 0;
}

void nodes_forget (struct ctx *ctx, struct job *job)
{
    for (int i = 0; ctx->resume.token && !job->is_test && i < job->shell_count; i++)
        node_send (ctx, job, &job->shells[i], 'F', "", 0);
}

/* Agents and their shells end, and are not to wait for another. */
void nodes_end (struct ctx *ctx)
{
    size_t pos = 0;
    void *value;

    if (!ctx->resume.token && ctx->heal <= 0.)
        return;
    while (idmap_next (ctx->nodes, &pos, NULL, &value)) {
        struct node *n = value;
        if (n->rank > 0 && frame_append (&n->out.buf, 'Q', 0, "", 0) == 0) {
            credit_out_add (&n->credit, AGENT_WINDOW, AGENT_WINDOW);
            mark_dirty (n);
        }
    }
}

static int start_shell (struct ctx *ctx, struct job *job, int index, const char *ranks,
                        const char *payload, size_t len, double left)
{
    struct shell_ref *s = &job->shells[index];
    struct node *n = get_node (ctx, s->rank);
    struct buf b = BUF_INIT;

    if (!n)
        return -1;
    if (job->guest && !ctx->config.imp) { /* any more */
        errno = EPERM;
        return -1;
    }
    buf_printf (&b,
                "{\"rank\":%d,\"size\":%d,\"broker_rank\":%u,%s"
                "\"output_window\":%zu,\"time_left\":%.6f%s",
                index, job->shell_count, s->rank, ranks, job->output_window, left,
                ctx->site.found ? ",\"site_plugins\":true" : "");
    if (job->guest) {
        buf_adds (&b, ",\"imp\":");
        json_add_string (&b, ctx->config.imp, strlen (ctx->config.imp));
    }
    if (job->unit) {
        buf_adds (&b, ",\"unit\":");
        config_encode_unit (&ctx->config, &b);
    }
    buf_printf (&b, ",%s} ", ctx->facts);
    buf_add (&b, payload, len);
    if (b.err) {
        buf_fini (&b);
        errno = ENOMEM;
        return -1;
    }
    list_append (&n->shells, &s->node);
    node_send (ctx, job, s, 'S', b.data, b.len);
    buf_fini (&b);
    return 0;
}

/* ',"ranks":"..."' of a job with many shells; "" if it has one. */
static char *describe_ranks (const struct job *job)
{
    char *ranks, *text = NULL;

    if (job->shell_count == 1)
        return strdup ("");
    ranks = encode_ranks (job);
    if (ranks && asprintf (&text, "\"ranks\":\"%s\",", ranks) < 0)
        text = NULL;
    free (ranks);
    return text;
}

void nodes_start_job (struct ctx *ctx, struct job *job, const char *payload, size_t len,
                      double left)
{
    char *ranks = describe_ranks (job);

    site_has_plugins (&ctx->site); /* once for all of them: they have to agree */
    for (int i = 0; i < job->shell_count; i++) {
        struct shell_ref *s = &job->shells[i];

        if (s->answered && s->answer == JOB_HEARD)
            continue;
        list_remove (&s->node);
        if (!ranks || start_shell (ctx, job, i, ranks, payload, len, left) < 0) {
            char note[128];
            snprintf (note, sizeof (note), "rank %u: cannot start flux-shell: %s",
                      job->shells[i].rank, strerror (errno));
            job_raise (job, 0, "exec", note);
            job_shell_exited (job, &job->shells[i], 1 << 8);
        }
    }
    free (ranks);
}

/* As far as credit and message size allow. */
static int node_flush (struct node *n)
{
    const char *data;
    size_t len;

    while (n->open && credit_out_open (&n->credit)
           && (len = session_out_next (&n->out, WRITE_MAX, &data)) > 0) {
        flux_future_t *f = flux_rpc_raw (n->ctx->h, "job-exec.frames", data, len,
                                         n->rank, FLUX_RPC_NORESPONSE);

        if (!f)
            return -1;
        flux_future_destroy (f);
        credit_out_spend (&n->credit, len);
        session_out_sent (&n->out, len);
    }
    return 0;
}

void nodes_flush (struct ctx *ctx)
{
    struct list *node;

    while ((node = list_pop (&ctx->dirty_nodes))) {
        struct node *n = container_of (node, struct node, dirty_node);
        if (!n->dead)
            tell_claims_over (n);
        if (!n->dead && node_flush (n) < 0)
            node_lost (n, errno, strerror (errno));
    }
    while ((node = list_pop (&ctx->dead_nodes)))
        node_destroy (container_of (node, struct node, dead_node));
}

void nodes_destroy (struct ctx *ctx)
{
    size_t pos = 0;
    void *value;

    while (ctx->nodes && idmap_next (ctx->nodes, &pos, NULL, &value)) {
        struct node *n = value;
        while (!list_empty (&n->shells))
            list_remove (n->shells.next);
        node_destroy (n);
    }
    idmap_destroy (ctx->nodes);
}
