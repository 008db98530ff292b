/* flux-shell: the parent of a rank's shells, or with --job one shell.
 *
 * The server reads frames from stdin, forks a shell for each start record and
 * gives it the later frames through a pipe. A shell reports its own exit as its
 * last frame; the server does so for one that was killed. At EOF it kills its shells and ends; shells
 * whose server dies get SIGHUP. */
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
#include "shell/protocol.h"
#include "shell/shell.h"

/* More than a shell's own bounds on stdin (input.c) would let it take. */
#define CHILD_BUFFER_MAX (64 * 1024 * 1024)

struct child {
    struct list node;
    uint64_t id;
    pid_t pid;
    int slot;
    int fd; /* its stdin, -1 when it has gone */
    struct buf out;
};

static struct {
    struct frame_reader in;
    struct list children;
    struct idmap *ids;
    int signal_fd;
    int count;
    unsigned int rank;
    struct idset *slots; /* free ones */
    int slot_max;
} server;

static void child_destroy (struct child *c)
{
    list_remove (&c->node);
    idset_set (server.slots, c->slot);
    if (idmap_lookup (server.ids, c->id) == c)
        idmap_remove (server.ids, c->id);
    if (c->fd >= 0)
        close (c->fd);
    buf_fini (&c->out);
    free (c);
    server.count--;
}

static void report_exit (uint64_t id, int status)
{
    struct frame_writer w;
    char text[16];
    int n = snprintf (text, sizeof (text), "%d", status);

    frame_writer_init (&w, 1, id);
    if (frame_write (&w, 'X', text, n) < 0 || frame_flush (&w) < 0)
        exit (1);
}

static void child_flush (struct child *c)
{
    size_t done = 0;

    while (c->fd >= 0 && done < c->out.len) {
        ssize_t n = write (c->fd, c->out.data + done, c->out.len - done);
        if (n >= 0)
            done += n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR) {
            close (c->fd);
            c->fd = -1;
        }
    }
    if (c->fd < 0)
        buf_reset (&c->out);
    else
        buf_consume (&c->out, done);
}

static int run_child (const struct frame *f, int slot, int in_fd)
{
    /* out of the server's group: what kills that must not kill the shell, which
     * has tasks to end */
    setpgid (0, 0);
    prctl (PR_SET_PDEATHSIG, SIGHUP);
    close (server.signal_fd);
    return shell_run (f->id, slot, f->text, f->len, in_fd, 1);
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

static void start_child (const struct frame *f)
{
    struct child *c = calloc (1, sizeof (*c));
    int fd[2] = { -1, -1 };

    if (!c || idmap_lookup (server.ids, f->id) || pipe2 (fd, O_CLOEXEC) < 0)
        goto error;
    c->id = f->id;
    c->fd = fd[1];
    c->slot = take_slot ();
    c->pid = fork ();
    if (c->pid == 0) {
        close (fd[1]);
        int rc = run_child (f, c->slot, fd[0]);
#ifdef __SANITIZE_ADDRESS__
        exit (rc);
#else
        _exit (rc);
#endif
    }
    if (c->pid < 0)
        goto error;
    close (fd[0]);
    fcntl (fd[1], F_SETFL, O_NONBLOCK);
    list_init (&c->node);
    list_append (&server.children, &c->node);
    idmap_insert (server.ids, c->id, c);
    server.count++;
    return;
error:
    fprintf (stderr, "flux-shell: cannot start a shell: %s\n", strerror (errno));
    if (fd[0] >= 0) {
        close (fd[0]);
        close (fd[1]);
    }
    free (c);
    report_exit (f->id, 1 << 8);
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
        kill (c->pid, SIGKILL);
        return;
    }
    if (c->out.len + f->len > CHILD_BUFFER_MAX)
        return;
    frame_append (&c->out, f->type, f->id, f->text, f->len);
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
    while ((rc = frame_reader_next (&server.in, &f)) > 0)
        route (&f);
    frame_reader_compact (&server.in);
    if (rc < 0)
        fprintf (stderr, "flux-shell: malformed frame\n");
    return rc == 0;
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
    return poll (*fds, n, -1);
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
