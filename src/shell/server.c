/* flux-shell: the parent of a rank's shells, or with --job one shell.
 *
 * The server reads frames from stdin, forks a shell for each start record and
 * gives it the later frames through a pipe. A shell reports its own exit as its
 * last frame; the server does so for one that was killed. At EOF it kills its
 * shells and ends; shells whose server dies get SIGHUP.
 *
 * Failures: no descriptor or process for a shell: it waits until one is free. More
 * for a shell than it reads: it is killed, and its job gets an exception. A line
 * that is no frame is skipped. No other shell of the rank pays. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hashmap.h"
#include "base/list.h"
#include "core/shell/protocol.h"
#include "shell/shell.h"

/* What job-exec has on its way to a shell has bounds, which are smaller; a barrier
 * of a large job is one frame. */
#define CHILD_BUFFER_MAX (192 * 1024 * 1024)
#define RETRY_MS 100 /* when a shell waits for a descriptor or a process */

struct child {
    struct list node;
    uint64_t id;
    pid_t pid;    /* 0: cannot be started yet */
    char *record; /* of one that waits */
    size_t record_len;
    int slot;
    int fd; /* its stdin, -1 when it has gone */
    struct buf out;
    size_t out_pos; /* written already */
};

static struct {
    struct frame_reader in;
    struct list children;
    struct idmap *ids;
    int signal_fd;
    int count;
    int waiting; /* of them, without a process */
    unsigned int rank;
    struct idset *slots; /* free ones */
    int slot_max;
} server;

static void child_destroy (struct child *c)
{
    list_remove (&c->node);
    if (c->pid == 0)
        server.waiting--;
    else
        idset_set (server.slots, c->slot);
    free (c->record);
    if (idmap_lookup (server.ids, c->id) == c)
        idmap_remove (server.ids, c->id);
    if (c->fd >= 0)
        close (c->fd);
    buf_fini (&c->out);
    free (c);
    server.count--;
}

static void report (uint64_t id, char type, const char *text)
{
    struct frame_writer w;

    frame_writer_init (&w, 1, id);
    if (frame_write (&w, type, text, strlen (text)) < 0 || frame_flush (&w) < 0)
        exit (1);
}

static void report_exit (uint64_t id, int status)
{
    char text[16];
    snprintf (text, sizeof (text), "%d", status);
    report (id, 'X', text);
}

static void report_exception (uint64_t id, const char *note)
{
    char text[256];
    snprintf (text, sizeof (text), "{\"type\":\"exec\",\"severity\":0,\"note\":\"%s\"}",
              note);
    report (id, 'x', text);
}

static void child_flush (struct child *c)
{
    if (c->pid == 0)
        return;
    while (c->fd >= 0 && c->out_pos < c->out.len) {
        ssize_t n = write (c->fd, c->out.data + c->out_pos, c->out.len - c->out_pos);
        if (n >= 0)
            c->out_pos += n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR) {
            close (c->fd);
            c->fd = -1;
        }
    }
    if (c->fd < 0)
        c->out_pos = c->out.len;
    if (c->out_pos > c->out.len / 2) { /* moving the rest pays */
        buf_consume (&c->out, c->out_pos);
        c->out_pos = 0;
    }
}

static int run_child (struct child *c, const char *record, size_t len, int in_fd)
{
    /* out of the server's group: what kills that must not kill the shell, which
     * has tasks to end */
    setpgid (0, 0);
    prctl (PR_SET_PDEATHSIG, SIGHUP);
    /* the pipes of the other shells, too */
    if (in_fd > 3)
        close_range (3, in_fd - 1, 0);
    close_range (in_fd + 1, ~0U, 0);
    return shell_run (c->id, c->slot, record, len, in_fd, 1);
}

static int take_slot (void)
{
    unsigned int slot = idset_first (server.slots);

    if (slot == IDSET_INVALID_ID)
        return server.slot_max++;
    idset_clear (server.slots, slot);
    return slot;
}

static void remove_tmpdirs (void)
{
    char path[256];
    for (int i = 0; i < server.slot_max; i++) {
        shell_tmpdir_path (path, sizeof (path), server.rank, i);
        rmdir (path);
    }
}

/* -1: there is no descriptor or process for it now. */
static int fork_child (struct child *c, const char *record, size_t len)
{
    int fd[2];

    if (pipe2 (fd, O_CLOEXEC) < 0)
        return -1;
    c->slot = take_slot ();
    c->fd = fd[1];
    c->pid = fork ();
    if (c->pid == 0) {
        int rc = run_child (c, record, len, fd[0]);
#ifdef __SANITIZE_ADDRESS__
        exit (rc);
#else
        _exit (rc);
#endif
    }
    close (fd[0]);
    if (c->pid < 0) {
        idset_set (server.slots, c->slot);
        close (fd[1]);
        c->fd = -1;
        c->pid = 0;
        return -1;
    }
    fcntl (fd[1], F_SETFL, O_NONBLOCK);
    return 0;
}

static void retry_waiting (void)
{
    list_foreach (&server.children, it) {
        struct child *c = container_of (it, struct child, node);
        if (server.waiting == 0)
            break;
        if (c->pid > 0)
            continue;
        if (fork_child (c, c->record, c->record_len) < 0)
            break; /* in order of arrival */
        server.waiting--;
        free (c->record);
        c->record = NULL;
        child_flush (c);
    }
}

/* Frames for it are kept meanwhile. */
static int wait_for_child (struct child *c, const struct frame *f)
{
    if (!(c->record = malloc (f->len + 1)))
        return -1;
    memcpy (c->record, f->text, f->len + 1);
    c->record_len = f->len;
    server.waiting++;
    return 0;
}

static void start_child (const struct frame *f)
{
    struct child *c = calloc (1, sizeof (*c));

    if (!c || idmap_lookup (server.ids, f->id)) {
        free (c);
        goto error;
    }
    c->id = f->id;
    c->fd = -1;
    list_init (&c->node);
    list_append (&server.children, &c->node);
    server.count++;
    if ((server.waiting > 0 || fork_child (c, f->text, f->len) < 0)
        && wait_for_child (c, f) < 0) {
        server.waiting++; /* as child_destroy counts */
        child_destroy (c);
        goto error;
    }
    if (idmap_insert (server.ids, c->id, c) < 0 && c->pid > 0)
        kill (c->pid, SIGKILL);
    return;
error:
    report_exception (f->id, "cannot start a job shell: out of memory");
    report_exit (f->id, 1 << 8);
}

static void kill_child (struct child *c)
{
    if (c->pid > 0) {
        kill (c->pid, SIGKILL);
        return;
    }
    uint64_t id = c->id;
    child_destroy (c);
    report_exit (id, SIGKILL);
}

static void route (const struct frame *f)
{
    if (f->type == 'S') {
        start_child (f);
        return;
    }
    struct child *c = idmap_lookup (server.ids, f->id);
    if (!c)
        return; /* it has just ended */
    if (f->type == 'K') {
        kill_child (c);
        return;
    }
    if (c->pid > 0 && c->fd < 0)
        return; /* it takes no more: it is ending */
    if (c->out.len + f->len > CHILD_BUFFER_MAX
        || frame_append (&c->out, f->type, f->id, f->text, f->len) < 0) {
        report_exception (c->id, "the job shell does not read what is sent to it");
        kill_child (c);
        return;
    }
    child_flush (c);
}

static void reap (void)
{
    struct signalfd_siginfo si;
    int status;
    pid_t pid;

    while (read (server.signal_fd, &si, sizeof (si)) == sizeof (si))
        ;
    while ((pid = waitpid (-1, &status, WNOHANG)) > 0) {
        list_foreach (&server.children, it) {
            struct child *c = container_of (it, struct child, node);
            if (c->pid == pid) {
                uint64_t id = c->id;
                child_destroy (c);
                if (!WIFEXITED (status)) /* else it has said so itself */
                    report_exit (id, status);
                break;
            }
        }
    }
}

static bool read_frames (void)
{
    static char tmp[65536];
    struct frame f;
    int rc;

    ssize_t n = read (0, tmp, sizeof (tmp));
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0 || frame_reader_add (&server.in, tmp, n) < 0)
        return false;
    while ((rc = frame_reader_next (&server.in, &f)) != 0) {
        if (rc > 0) {
            route (&f);
            continue;
        }
        fprintf (stderr, "flux-shell: malformed frame\n");
        if (errno == EMSGSIZE)
            return false;
        if (f.id_known)
            report_exception (f.id, "malformed frame from job-exec");
    }
    frame_reader_compact (&server.in);
    return true;
}

static int open_signals (void)
{
    sigset_t set;

    signal (SIGPIPE, SIG_IGN);
    sigemptyset (&set);
    sigaddset (&set, SIGCHLD);
    sigprocmask (SIG_BLOCK, &set, NULL);
    return server.signal_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* stdin, signals, and children with input that did not fit in their pipe. */
static int wait_events (struct pollfd **fds, int *cap)
{
    int n = 2;

    if (server.count + 2 > *cap) {
        *cap = server.count * 2 + 16;
        *fds = realloc (*fds, *cap * sizeof (**fds));
        if (!*fds)
            return -1;
    }
    (*fds)[0] = (struct pollfd){ .fd = 0, .events = POLLIN };
    (*fds)[1] = (struct pollfd){ .fd = server.signal_fd, .events = POLLIN };
    list_foreach (&server.children, it) {
        struct child *c = container_of (it, struct child, node);
        if (c->out.len > 0 && c->fd >= 0)
            (*fds)[n++] = (struct pollfd){ .fd = c->fd, .events = POLLOUT };
    }
    return poll (*fds, n, server.waiting > 0 ? RETRY_MS : -1);
}

static int run_server (void)
{
    struct pollfd *fds = NULL;
    int cap = 0;

    list_init (&server.children);
    server.slots = idset_create (64, IDSET_FLAG_AUTOGROW);
    if (!server.slots || !(server.ids = idmap_create (NULL)) || open_signals () < 0) {
        fprintf (stderr, "flux-shell: %s\n", strerror (errno));
        return 1;
    }
    affinity_probe ();
    for (;;) {
        if (wait_events (&fds, &cap) < 0) {
            if (errno == EINTR)
                continue;
            return 1;
        }
        if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && !read_frames ())
            break;
        if (fds[1].revents)
            reap ();
        if (server.waiting > 0)
            retry_waiting ();
        list_foreach (&server.children, it) {
            struct child *c = container_of (it, struct child, node);
            if (c->out.len > 0)
                child_flush (c);
        }
    }
    free (fds);
    while (!list_empty (&server.children))
        child_destroy (container_of (server.children.next, struct child, node));
    remove_tmpdirs ();
    idset_destroy (server.slots);
    idmap_destroy (server.ids);
    frame_reader_fini (&server.in);
    return 0;
}

/* One start frame, then the rest of stdin is that shell's. */
static int run_single (void)
{
    struct frame f;
    char c;
    ssize_t n;

    affinity_probe ();
    while ((n = read (0, &c, 1)) == 1) {
        frame_reader_add (&server.in, &c, 1);
        if (c == '\n')
            break;
    }
    if (n != 1 || frame_reader_next (&server.in, &f) != 1 || f.type != 'S') {
        fprintf (stderr, "flux-shell: expected a start frame on standard input\n");
        return 1;
    }
    int rc = shell_run (f.id, getpid (), f.text, f.len, 0, 1);
    frame_reader_fini (&server.in);
    return rc;
}

int main (int argc, char *argv[])
{
    if (fd_fill_standard () < 0)
        return 1;
    json_object_seed (
        0x666c7578); /* not worth /dev/urandom: the keys are the owner's */
    if (argc == 3 && !strcmp (argv[1], "--server")) {
        server.rank = strtoul (argv[2], NULL, 10);
        return run_server ();
    }
    if (argc == 2 && !strcmp (argv[1], "--job"))
        return run_single ();
    fprintf (stderr, "Usage: flux-shell --server RANK | --job\n"
                     "Runs the tasks of jobs on one node. Started by job-exec, which\n"
                     "speaks with it over standard input and output.\n");
    return 2;
}
