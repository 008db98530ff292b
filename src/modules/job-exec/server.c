/* One flux-shell server on each rank that runs jobs, started by the first.
 *
 * Frames for its shells are collected and written once per reactor turn; what
 * it prints is cut into frames for the jobs. If it is lost, so are its shells:
 * their jobs get an exception, node-failure if the rank cannot be reached. The
 * next job starts another. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "ctx.h"
#include "shell/protocol.h"

/* A message that a broker forwards without making others wait long. */
#define WRITE_MAX (1024 * 1024)

struct server {
    struct ctx *ctx;
    unsigned int rank;
    flux_subprocess_t *p;
    struct frame_reader in;
    struct buf out;
    struct list shells;
    struct list dirty_node;
    struct list dead_node;
    bool dead;
};

static void server_destroy (struct server *sv)
{
    list_remove (&sv->dirty_node);
    list_remove (&sv->dead_node);
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

static void dispatch (struct server *sv, const struct frame *f)
{
    struct job *job = idmap_lookup (sv->ctx->jobs, f->id);
    struct shell_ref *s = job ? job_shell (job, sv->rank) : NULL;

    if (!s || s->exited || job->finished)
        return;
    if (f->more) {
        buf_add (&s->piece, f->text, f->len);
        return;
    }
    if (s->piece.len == 0) {
        job_frame (job, s, f->type, f->text, f->len);
        return;
    }
    struct buf whole = s->piece;
    buf_init (&s->piece);
    buf_add (&whole, f->text, f->len);
    job_frame (job, s, f->type, whole.data, whole.len);
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
    frame_reader_add (&sv->in, data, n);
    while ((rc = frame_reader_next (&sv->in, &f)) > 0)
        dispatch (sv, &f);
    frame_reader_compact (&sv->in);
    if (rc < 0) {
        flux_log (sv->ctx->h, LOG_ERR, "rank %u: malformed frame from flux-shell",
                  sv->rank);
        flux_future_destroy (flux_subprocess_kill (p, SIGKILL));
        server_lost (sv, EPROTO, "malformed frame");
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

static void state_cb (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    struct server *sv = flux_subprocess_aux_get (p, "server");
    if (state == FLUX_SUBPROCESS_FAILED)
        server_lost (sv, flux_subprocess_fail_errno (p),
                     flux_subprocess_fail_error (p));
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
    };
    struct ctx *ctx = sv->ctx;
    char rank[16];
    char *argv[] = { ctx->config.shell, (char *)"--server", rank, NULL };
    flux_subprocess_t *p = NULL;

    snprintf (rank, sizeof (rank), "%u", sv->rank);
    flux_cmd_t *cmd = flux_cmd_create (3, argv, NULL);

    /* the jobspec has the tasks' environment; nothing of the broker's leaks */
    if (cmd && flux_cmd_setopt (cmd, "stdout_LINE_BUFFER", "false") == 0
        && flux_cmd_setcwd (cmd, "/") == 0
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
    frame_append (&sv->out, type, job->id, text, len);
    mark_dirty (sv);
}

static int start_shell (struct ctx *ctx, struct job *job, int index,
                        const char *payload, size_t len)
{
    struct shell_ref *s = &job->shells[index];
    struct server *sv = get_server (ctx, s->rank);
    struct buf b = BUF_INIT;

    if (!sv)
        return -1;
    buf_printf (&b, "{\"rank\":%d,\"size\":%d,\"broker_rank\":%u,%s} ", index,
                job->shell_count, s->rank, ctx->facts);
    buf_add (&b, payload, len);
    if (!b.err)
        frame_append (&sv->out, 'S', job->id, b.data, b.len);
    buf_fini (&b);
    list_append (&sv->shells, &s->node);
    mark_dirty (sv);
    return 0;
}

void server_start_job (struct ctx *ctx, struct job *job, const char *payload,
                       size_t len)
{
    for (int i = 0; i < job->shell_count; i++) {
        if (start_shell (ctx, job, i, payload, len) < 0) {
            char note[128];
            snprintf (note, sizeof (note), "rank %u: cannot start flux-shell: %s",
                      job->shells[i].rank, strerror (errno));
            job_raise (job, 0, "exec", note);
            job_shell_exited (job, &job->shells[i], 1 << 8);
        }
    }
}

/* Whole frames, unless one alone is too long. */
static size_t write_size (const struct buf *b)
{
    if (b->len <= WRITE_MAX)
        return b->len;
    char *nl = memrchr (b->data, '\n', WRITE_MAX);
    return nl ? (size_t)(nl + 1 - b->data) : WRITE_MAX;
}

void servers_flush (struct ctx *ctx)
{
    struct list *node;

    while ((node = list_pop (&ctx->dirty_servers))) {
        struct server *sv = container_of (node, struct server, dirty_node);
        while (sv->out.len > 0) {
            size_t n = write_size (&sv->out);
            if (flux_subprocess_write (sv->p, "stdin", sv->out.data, n) < 0) {
                server_lost (sv, errno, strerror (errno));
                break;
            }
            buf_consume (&sv->out, n);
        }
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
