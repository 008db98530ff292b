/* PMI-1 for the tasks. What they put goes to the job-exec of this rank, which exchanges
 * it with those of the job's other ranks along the tree of brokers: NUL-terminated
 * strings, key and value in turn, as bytes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json/jsonout.h"
#include "core/pmi/server.h"
#include "core/subprocess/io.h"
#include "shell/options.h"
#include "shell/shell.h"

#define LINE_MAX_LEN 65536
#define PRESET_MAX 1024 /* longer values do not fit in a PMI response */

static void respond_cb (int client, const char *line, void *arg)
{
    struct shell *sh = arg;
    struct task *t = &sh->tasks[client];
    size_t len = strlen (line);

    /* strictly request and response: a socket buffer always holds one line */
    if (t->pmi.fd >= 0 && send (t->pmi.fd, line, len, MSG_NOSIGNAL) != (ssize_t)len)
        shell_unwatch (sh, &t->pmi);
}

static void barrier_cb (struct pmi_server *s, void *arg)
{
    struct shell *sh = arg;
    struct buf b = BUF_INIT;
    const char *key, *value;
    int pos = 0;

    if (sh->size == 1) {
        pmi_server_barrier_done (s, 0);
        return;
    }
    while (pmi_server_dirty (s, &pos, &key, &value)) {
        buf_add (&b, key, strlen (key) + 1);
        buf_add (&b, value, strlen (value) + 1);
    }
    if (b.err)
        shell_fatal (sh, 1, "pmi: out of memory for what the tasks exchange");
    shell_send (sh, 'b', &b);
    buf_fini (&b);
}

/* -1 with EPROTO: what is left is no pair of strings; or ENOSPC, ENOMEM. */
static int store_pair (struct shell *sh, const char **text, const char *end)
{
    const char *key = *text;
    const char *value = memchr (key, '\0', end - key);

    if (!value || !(*text = memchr (value + 1, '\0', end - value - 1))) {
        errno = EPROTO;
        return -1;
    }
    (*text)++;
    return pmi_server_store (sh->pmi, key, value + 1);
}

void shell_pmi_exchange (struct shell *sh, const char *text, size_t len)
{
    const char *end = text + len;

    if (!sh->pmi)
        return;
    while (text < end) {
        if (store_pair (sh, &text, end) < 0) { /* else its tasks would wait for ever */
            shell_fatal (sh, 1, "pmi: what the job's shells exchanged: %s",
                         errno == EPROTO ? "no keys and values" : strerror (errno));
            return;
        }
    }
    pmi_server_barrier_done (sh->pmi, 0);
}

static void abort_cb (int client, int exitcode, const char *msg, void *arg)
{
    struct shell *sh = arg;
    char note[256];

    snprintf (note, sizeof (note), "PMI_Abort from rank %d: %s", sh->tasks[client].rank,
              msg ? msg : "");
    shell_set_rc (sh, exitcode & 0xff);
    sh->blamed = sh->rc != 0;
    shell_raise (sh, "exec", 0, note);
}

static void trace_cb (int client, const char *line, void *arg)
{
    struct shell *sh = arg;
    shell_log (sh, SHELL_TRACE, "pmi: %d: %.*s", sh->tasks[client].rank,
               (int)strcspn (line, "\n"), line);
}

static void preset (struct shell *sh, const char *key, const char *value)
{
    pmi_server_store (sh->pmi, key, strlen (value) < PRESET_MAX ? value : "");
}

static void preset_map (struct shell *sh, const char *key, int flags)
{
    char *s = taskmap_encode (sh->taskmap, flags);
    preset (sh, key, s ? s : "");
    free (s);
}

int shell_pmi_init (struct shell *sh)
{
    static const struct pmi_server_ops ops = {
        .respond = respond_cb,
        .barrier = barrier_cb,
        .abort = abort_cb,
        .trace = trace_cb,
    };
    char level[16];

    if (!option_pmi_simple (shell_option (sh, "pmi")) || sh->task_count == 0)
        return 0;
    if (!(sh->pmi =
              pmi_server_create (&ops, sh, sh->f58, sh->ntasks, sh->task_count, 0)))
        return -1;
    snprintf (level, sizeof (level), "%d", sh->instance_level + 1);
    preset (sh, "flux.instance-level", level);
    preset_map (sh, "flux.taskmap", 0);
    if (!shell_option (sh, "pmi-simple.nomap"))
        preset_map (sh, "PMI_process_mapping", TASKMAP_ENCODE_PMI);
    return 0;
}

static void pmi_ready (struct shell *sh, struct source *src, int revents)
{
    struct task *t = src->task;
    char tmp[4096];
    char *nl;

    ssize_t n = read (src->fd, tmp, sizeof (tmp));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || t->pmi_buf.len > LINE_MAX_LEN) {
        shell_unwatch (sh, src);
        return;
    }
    buf_add (&t->pmi_buf, tmp, n);
    while (src->fd >= 0 && (nl = memchr (t->pmi_buf.data, '\n', t->pmi_buf.len))) {
        char *line = strndup (t->pmi_buf.data, nl + 1 - t->pmi_buf.data);
        buf_consume (&t->pmi_buf, nl + 1 - t->pmi_buf.data);
        if (!line || pmi_server_request (sh->pmi, t->localid, line) < 0)
            shell_unwatch (sh, src);
        free (line);
    }
}

int shell_pmi_open (struct shell *sh, struct task *t, int *child_fd)
{
    int fd[2];

    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        return -1;
    fcntl (fd[0], F_SETFL, O_NONBLOCK);
    *child_fd = fd[1];
    t->pmi = (struct source){
        .fd = fd[0], .events = EPOLLIN, .ready = pmi_ready, .task = t
    };
    return shell_watch (sh, &t->pmi);
}

void shell_pmi_fini (struct shell *sh)
{
    pmi_server_destroy (sh->pmi);
}
