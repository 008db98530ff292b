/* One flux-shell server on each rank that runs jobs, started by the first.
 *
 * Frames for its shells are collected and written once per reactor turn, as far as
 * its credit reaches; what it prints is cut into frames for the jobs.
 *
 * Failures: no descriptor or process on its rank: tried again until there is one.
 * If it is lost, so are its shells: their jobs get an exception, node-failure if the
 * rank cannot be reached; the next job starts another. A line that is no frame fails
 * the job whose it is, and no other. A barrier's keys, which may be many megabytes
 * for many ranks, go to SENDERS_MAX of them at a time; what other jobs have to say
 * to a rank does not wait for it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "core/shell/protocol.h"
#include "ctx.h"

/* A message that a broker forwards without making others wait long. */
#define WRITE_MAX (256 * 1024)
/* On its way to one server, in its broker's memory at worst. */
#define WINDOW (1024 * 1024)
#define SENDERS_MAX 16
/* Of one frame of a shell: the keys that its tasks bring into a barrier. */
#define PIECES_MAX (64 * 1024 * 1024)
#define RETRY_AFTER 0.2

/* A shared text for this server. */
struct share {
    struct list node;
    struct list turn_node; /* in the text's list of those that wait */
    struct server *sv;
    struct shared_text *st;
    bool sending;
    size_t pos;
};

struct server {
    struct ctx *ctx;
    unsigned int rank;
    flux_subprocess_t *p;
    struct credit_out credit;
    struct timer retry_timer;
    struct frame_reader in;
    struct buf out;
    size_t out_pos; /* written already */
    struct list shares;
    struct list shells;
    struct list dirty_node;
    struct list dead_node;
    bool dead;
};

static void mark_dirty (struct server *sv);

static void next_turn (struct shared_text *st)
{
    struct list *node;

    while (st->sending < SENDERS_MAX && (node = list_pop (&st->waiting))) {
        struct share *sh = container_of (node, struct share, turn_node);
        sh->sending = true;
        st->sending++;
        mark_dirty (sh->sv);
    }
}

static void share_destroy (struct share *sh)
{
    list_remove (&sh->node);
    list_remove (&sh->turn_node);
    if (sh->sending) {
        sh->st->sending--;
        next_turn (sh->st);
    }
    shared_text_unref (sh->st);
    free (sh);
}

static void server_destroy (struct server *sv)
{
    list_remove (&sv->dirty_node);
    list_remove (&sv->dead_node);
    timer_clear (&sv->ctx->timers, &sv->retry_timer);
    while (!list_empty (&sv->shares))
        share_destroy (container_of (sv->shares.next, struct share, node));
    flux_subprocess_destroy (sv->p);
    frame_reader_fini (&sv->in);
    buf_fini (&sv->out);
    free (sv);
}

/* Its shells are lost. */
static void server_lost (struct server *sv, int errnum, const char *why)
{
    struct ctx *ctx = sv->ctx;
    char note[256];
    const char *type = errnum == EHOSTUNREACH ? "node-failure" : "exec";

    if (sv->dead)
        return;
    sv->dead = true;
    if (idmap_lookup (ctx->servers, sv->rank) == sv)
        idmap_take (ctx->servers, sv->rank);
    list_remove (&sv->dirty_node);
    list_append (&ctx->dead_servers, &sv->dead_node);
    while (!list_empty (&sv->shells)) {
        struct shell_ref *s = container_of (sv->shells.next, struct shell_ref, node);
        struct job *job = s->job;
        const char *host = flux_get_hostbyrank (ctx->h, sv->rank);

        if (errnum == EHOSTUNREACH)
            snprintf (note, sizeof (note), "node failure on %s (rank %u)", host,
                      sv->rank);
        else
            snprintf (note, sizeof (note),
                      "lost contact with job shell on %s (rank %u): %s", host, sv->rank,
                      why);
        job_raise (job, 0, type, note);
        job_shell_exited (job, s, SIGKILL);
    }
}

/* What a shell says makes no sense: its job fails, the others go on. */
static void shell_broken (struct server *sv, uint64_t id, const char *what)
{
    struct ctx *ctx = sv->ctx;
    struct job *job = idmap_lookup (ctx->jobs, id);
    struct shell_ref *s = job ? job_shell (job, sv->rank) : NULL;
    char note[256];

    if (!s || s->exited || job->finished)
        return;
    snprintf (note, sizeof (note), "%s from job shell on %s (rank %u)", what,
              flux_get_hostbyrank (ctx->h, sv->rank), sv->rank);
    frame_pieces_drop (&s->pieces);
    job_raise (job, 0, "exec", note);
    server_send (ctx, job, s, 'K', "", 0);
}

static void dispatch (struct server *sv, struct frame *f)
{
    struct job *job = idmap_lookup (sv->ctx->jobs, f->id);
    struct shell_ref *s = job ? job_shell (job, sv->rank) : NULL;
    struct buf whole = BUF_INIT;

    if (!s || s->exited || job->finished)
        return;
    int rc = frame_join (&s->pieces, f, PIECES_MAX, &whole);
    if (rc < 0)
        shell_broken (sv, f->id, "too large a message");
    else if (rc > 0)
        job_frame (job, s, f->type, f->text, f->len);
    buf_fini (&whole);
}

static void stdout_cb (flux_subprocess_t *p, const char *stream)
{
    struct server *sv = flux_subprocess_aux_get (p, "server");
    const char *data;
    struct frame f;
    int rc;
    int n = flux_subprocess_read (p, stream, &data);

    if (n <= 0 || sv->dead)
        return;
    rc = frame_reader_add (&sv->in, data, n);
    while (rc >= 0 && (rc = frame_reader_next (&sv->in, &f)) != 0) {
        if (rc > 0) {
            dispatch (sv, &f);
            continue;
        }
        flux_log (sv->ctx->h, LOG_ERR, "rank %u: malformed frame from flux-shell",
                  sv->rank);
        if (errno == EMSGSIZE)
            break;
        if (f.id_known)
            shell_broken (sv, f.id, "malformed frame");
        rc = 0;
    }
    frame_reader_compact (&sv->in);
    if (rc < 0) {
        flux_future_destroy (flux_subprocess_kill (p, SIGKILL));
        server_lost (sv, EPROTO, "flux-shell sends no frames");
    }
}

static void stderr_cb (flux_subprocess_t *p, const char *stream)
{
    struct server *sv = flux_subprocess_aux_get (p, "server");
    const char *line;
    int n = flux_subprocess_getline (p, stream, &line);

    if (n > 0)
        flux_log (sv->ctx->h, LOG_ERR, "rank %u: %.*s", sv->rank,
                  line[n - 1] == '\n' ? n - 1 : n, line);
}

static flux_subprocess_t *start_process (struct server *sv);

/* Nothing was written to it yet, so nothing is lost. */
static void retry_cb (struct timer *t, void *arg)
{
    struct server *sv = arg;

    flux_subprocess_destroy (sv->p);
    if (!(sv->p = start_process (sv)))
        server_lost (sv, errno, strerror (errno));
}

/* What a node lacks now and has again later. */
static bool is_shortage (int errnum)
{
    return errnum == EMFILE || errnum == ENFILE || errnum == EAGAIN || errnum == ENOMEM;
}

static void state_cb (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    struct server *sv = flux_subprocess_aux_get (p, "server");
    int errnum;

    if (state != FLUX_SUBPROCESS_FAILED || sv->dead)
        return;
    errnum = flux_subprocess_fail_errno (p);
    if (flux_subprocess_pid (p) < 0 && is_shortage (errnum)) {
        flux_log (sv->ctx->h, LOG_ERR, "rank %u: cannot start flux-shell yet: %s",
                  sv->rank, flux_subprocess_fail_error (p));
        exec_set_timer (sv->ctx, &sv->retry_timer, RETRY_AFTER, retry_cb, sv);
        return;
    }
    server_lost (sv, errnum, flux_subprocess_fail_error (p));
}

static void credit_cb (flux_subprocess_t *p, const char *stream, int bytes)
{
    struct server *sv = flux_subprocess_aux_get (p, "server");

    if (strcmp (stream, "stdin") != 0 || sv->dead)
        return;
    credit_out_add (&sv->credit, bytes, WINDOW);
    mark_dirty (sv);
}

static void completion_cb (flux_subprocess_t *p)
{
    struct server *sv = flux_subprocess_aux_get (p, "server");
    int status = flux_subprocess_status (p);
    char why[64];

    if (status & 0x7f)
        snprintf (why, sizeof (why), "flux-shell: %s", strsignal (status & 0x7f));
    else
        snprintf (why, sizeof (why), "flux-shell: exit %d", status >> 8);
    server_lost (sv, ECONNRESET, why);
}

static flux_subprocess_t *start_process (struct server *sv)
{
    static const flux_subprocess_ops_t ops = {
        .on_completion = completion_cb,
        .on_state_change = state_cb,
        .on_stdout = stdout_cb,
        .on_stderr = stderr_cb,
        .on_credit = credit_cb,
    };
    struct ctx *ctx = sv->ctx;
    char rank[16], window[16];
    char *argv[] = { ctx->config.shell, (char *)"--server", rank, NULL };
    flux_subprocess_t *p = NULL;

    credit_out_init (&sv->credit, 0); /* until it runs */
    snprintf (window, sizeof (window), "%d", WINDOW);
    snprintf (rank, sizeof (rank), "%u", sv->rank);
    flux_cmd_t *cmd = flux_cmd_create (3, argv, NULL);

    /* the jobspec has the tasks' environment; nothing of the broker's leaks */
    if (cmd && flux_cmd_setopt (cmd, "stdout_LINE_BUFFER", "false") == 0
        && flux_cmd_setopt (cmd, "stdin_BUFSIZE", window) == 0
        && flux_cmd_setcwd (cmd, "/") == 0
        && flux_cmd_setenvf (cmd, 1, "FLUX_PMI_LIBRARY_PATH", "%s",
                             flux_conf_builtin_get ("pmi_library_path", FLUX_CONF_AUTO))
               == 0
        && site_set_env (&ctx->site, cmd) == 0
        && flux_cmd_set_label (cmd, "job-exec.shells") == 0)
        p = flux_rexec (ctx->h, sv->rank, 0, cmd, &ops);
    flux_cmd_destroy (cmd);
    if (p && flux_subprocess_aux_set (p, "server", sv, NULL) < 0) {
        flux_subprocess_destroy (p);
        p = NULL;
    }
    return p;
}

static struct server *get_server (struct ctx *ctx, unsigned int rank)
{
    struct server *sv = idmap_lookup (ctx->servers, rank);

    if (sv)
        return sv;
    if (!(sv = calloc (1, sizeof (*sv))))
        return NULL;
    sv->ctx = ctx;
    sv->rank = rank;
    list_init (&sv->shells);
    list_init (&sv->dirty_node);
    list_init (&sv->dead_node);
    list_init (&sv->shares);
    if (!(sv->p = start_process (sv)) || idmap_insert (ctx->servers, rank, sv) < 0) {
        server_destroy (sv);
        return NULL;
    }
    return sv;
}

static void mark_dirty (struct server *sv)
{
    if (list_empty (&sv->dirty_node))
        list_append (&sv->ctx->dirty_servers, &sv->dirty_node);
}

void server_send (struct ctx *ctx, struct job *job, struct shell_ref *s, char type,
                  const char *text, size_t len)
{
    struct server *sv = idmap_lookup (ctx->servers, s->rank);
    if (!sv)
        return;
    if (frame_append (&sv->out, type, job->id, text, len) < 0)
        server_lost (sv, ENOMEM, "out of memory");
    mark_dirty (sv);
}

void server_send_shared (struct ctx *ctx, struct job *job, struct shared_text *st)
{
    for (int i = 0; i < job->shell_count; i++) {
        struct shell_ref *s = &job->shells[i];
        struct server *sv = s->exited ? NULL : idmap_lookup (ctx->servers, s->rank);
        struct share *sh;

        if (!sv)
            continue;
        if (!(sh = calloc (1, sizeof (*sh)))) {
            shell_broken (sv, job->id, "no memory for a barrier");
            continue;
        }
        sh->sv = sv;
        sh->st = st;
        st->refs++;
        list_init (&sh->node);
        list_init (&sh->turn_node);
        list_append (&sv->shares, &sh->node);
        list_append (&st->waiting, &sh->turn_node);
    }
    next_turn (st);
}

static int start_shell (struct ctx *ctx, struct job *job, int index, bool plugins,
                        const char *payload, size_t len, double left)
{
    struct shell_ref *s = &job->shells[index];
    struct server *sv = get_server (ctx, s->rank);
    struct buf b = BUF_INIT;

    if (!sv)
        return -1;
    buf_printf (&b,
                "{\"rank\":%d,\"size\":%d,\"broker_rank\":%u,"
                "\"output_window\":%zu,\"time_left\":%.6f%s,%s} ",
                index, job->shell_count, s->rank, job->output_window, left,
                plugins ? ",\"site_plugins\":true" : "", ctx->facts);
    buf_add (&b, payload, len);
    int rc = b.err ? -1 : frame_append (&sv->out, 'S', job->id, b.data, b.len);
    buf_fini (&b);
    if (rc < 0) {
        errno = ENOMEM;
        return -1;
    }
    list_append (&sv->shells, &s->node);
    mark_dirty (sv);
    return 0;
}

void server_start_job (struct ctx *ctx, struct job *job, const char *payload,
                       size_t len, double left)
{
    bool plugins = site_has_plugins (&ctx->site);

    for (int i = 0; i < job->shell_count; i++) {
        if (start_shell (ctx, job, i, plugins, payload, len, left) < 0) {
            char note[128];
            snprintf (note, sizeof (note), "rank %u: cannot start flux-shell: %s",
                      job->shells[i].rank, strerror (errno));
            job_raise (job, 0, "exec", note);
            job_shell_exited (job, &job->shells[i], 1 << 8);
        }
    }
}

/* At most len bytes, as far as credit and message size allow. */
static ssize_t write_some (struct server *sv, const char *data, size_t len)
{
    if (len > WRITE_MAX)
        len = WRITE_MAX;
    if ((int64_t)len > sv->credit.room)
        len = sv->credit.room;
    if (flux_subprocess_write (sv->p, "stdin", data, len) < 0)
        return -1;
    credit_out_spend (&sv->credit, len);
    return len;
}

/* A shared text that was begun must go on; another waits until the frames of other
 * jobs are gone. */
static struct share *choose_share (struct server *sv)
{
    struct share *first = NULL;

    list_foreach (&sv->shares, it) {
        struct share *sh = container_of (it, struct share, node);
        if (sh->pos > 0 && sh->pos < sh->st->len)
            return sh;
        if (!first && sh->sending && sh->pos == 0)
            first = sh;
    }
    return sv->out_pos == sv->out.len ? first : NULL;
}

/* The next server's turn comes when most of this one's text has arrived. */
static void end_shares (struct server *sv)
{
    list_foreach (&sv->shares, it) {
        struct share *sh = container_of (it, struct share, node);
        if (sh->pos == sh->st->len && sv->credit.room >= WINDOW * 3 / 4)
            share_destroy (sh);
    }
}

static void compact_out (struct server *sv)
{
    if (sv->out_pos > sv->out.len / 2) { /* moving the rest pays */
        buf_consume (&sv->out, sv->out_pos);
        sv->out_pos = 0;
    }
}

static int server_flush (struct server *sv)
{
    ssize_t n = 0;

    while (credit_out_open (&sv->credit)) {
        struct share *sh = choose_share (sv);
        if (sh) {
            n = write_some (sv, sh->st->text + sh->pos, sh->st->len - sh->pos);
            sh->pos += n > 0 ? n : 0;
        } else if (sv->out_pos < sv->out.len) {
            n = write_some (sv, sv->out.data + sv->out_pos, sv->out.len - sv->out_pos);
            sv->out_pos += n > 0 ? n : 0;
        } else
            break;
        if (n < 0)
            return -1;
    }
    compact_out (sv);
    end_shares (sv);
    return 0;
}

void servers_flush (struct ctx *ctx)
{
    struct list *node;

    while ((node = list_pop (&ctx->dirty_servers))) {
        struct server *sv = container_of (node, struct server, dirty_node);
        if (!sv->dead && server_flush (sv) < 0)
            server_lost (sv, errno, strerror (errno));
    }
    while ((node = list_pop (&ctx->dead_servers)))
        server_destroy (container_of (node, struct server, dead_node));
}

void servers_destroy (struct ctx *ctx)
{
    size_t pos = 0;
    void *value;

    while (ctx->servers && idmap_next (ctx->servers, &pos, NULL, &value)) {
        struct server *sv = value;
        flux_subprocess_close (sv->p, "stdin");
        flux_future_destroy (flux_subprocess_kill (sv->p, SIGTERM));
        while (!list_empty (&sv->shells))
            list_remove (sv->shells.next);
        server_destroy (sv);
    }
    idmap_destroy (ctx->servers);
}
