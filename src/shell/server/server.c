/* flux-shell: the parent of a rank's shells, or with --job one shell.
 *
 * The server reads frames from stdin, or with --keep from the broker that is there (link.h). It starts the tasks of simple jobs itself
 * (inside.h). For any other start record it forks a shell, and gives it the later frames
 * through a pipe. A shell reports its own exit as its last frame; the server does so for
 * one that was killed. At EOF, and when it is told to end by a signal, it kills tasks and
 * shells; shells whose server dies get SIGHUP, tasks SIGKILL. With --keep, EOF is not the
 * end.
 *
 * Failures: no descriptor or process for a shell: it waits until one is free. More
 * for a shell than it reads: it is killed, and its job gets an exception. A line
 * that is no frame is skipped. No other shell of the rank pays. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/list.h"
#include "base/os/proc.h"
#include "core/shell/protocol.h"
#include "shell/server/inside.h"
#include "shell/server/link.h"
#include "shell/server/warden.h"
#include "shell/shell.h"

/* What job-exec has on its way to a shell has bounds, which are smaller; a barrier
 * of a large job is one frame. */
#define CHILD_BUFFER_MAX (192 * 1024 * 1024)
#define CHILDREN_END 1. /* s */
#define SLICE 0.1       /* s of a turn in which frames are obeyed */
#define RETRY_MS 100    /* when a shell waits for a descriptor or a process */

struct child {
    struct list node;
    uint64_t id;
    pid_t pid;    /* 0: cannot be started yet */
    char *record; /* of one that waits */
    size_t record_len;
    int slot;
    struct source in; /* its stdin, fd -1 when it has gone */
    bool watched;     /* until there is room in it */
    bool cleaner;     /* no shell: it empties the directory of a slot */
    struct buf out;
    size_t out_pos; /* written already */
};

static struct {
    struct frame_reader in;
    struct list children;
    struct idmap *ids, *pids;
    struct source in_src, signal_src;
    int epoll_fd;
    bool more;   /* frames in it that are still to be obeyed */
    bool ended;  /* nobody speaks to it any more */
    bool kept;   /* and then another may come */
    bool guest;  /* it is not the owner's */
    int waiting; /* of them, without a process */
    unsigned int rank;
    struct idset *slots; /* free ones */
    int slot_max;
} server;

/* Forked shells have it open for a moment, so that it does not leave the set when it is
 * closed. */
static void close_input (struct child *c)
{
    if (c->in.fd < 0)
        return;
    if (c->watched)
        epoll_ctl (server.epoll_fd, EPOLL_CTL_DEL, c->in.fd, NULL);
    c->watched = false;
    close (c->in.fd);
    c->in.fd = -1;
}

static void child_destroy (struct child *c)
{
    list_remove (&c->node);
    if (c->pid == 0)
        server.waiting--;
    else {
        idset_set (server.slots, c->slot);
        idmap_remove (server.pids, c->pid);
    }
    free (c->record);
    if (idmap_lookup (server.ids, c->id) == c)
        idmap_remove (server.ids, c->id);
    close_input (c);
    buf_fini (&c->out);
    free (c);
}

/* What cleans up behind a program that was killed, a broker's keeper for one, has a moment. */
static void wait_for_children (void)
{
    const double end = clock_monotonic () + CHILDREN_END;
    double left;
    sigset_t set;
    pid_t pid;

    sigemptyset (&set);
    sigaddset (&set, SIGCHLD);
    while ((pid = waitpid (-1, NULL, WNOHANG)) >= 0
           && (left = end - clock_monotonic ()) > 0) {
        struct timespec ts = { (time_t)left, (long)((left - (time_t)left) * 1e9) };
        if (pid == 0)
            (void)sigtimedwait (&set, NULL, &ts);
    }
}

/* What another user's tasks have started, in whatever session, ends with them: nobody else
 * here may kill it. */
static void end_rest (void)
{
    if (!server.guest)
        return;
    wait_for_children ();
    proc_kill_children (NULL);
}

/* Dies as of the signal; tasks and shells do not outlive it. */
static void end_by (int signum)
{
    sigset_t set;

    inside_fini ();
    end_rest ();
    signal (signum, SIG_DFL);
    sigemptyset (&set);
    sigaddset (&set, signum);
    raise (signum);
    sigprocmask (SIG_UNBLOCK, &set, NULL);
    exit (1);
}

static void report (uint64_t id, char type, const char *text)
{
    struct frame_writer w;

    frame_writer_init (&w, 1, id);
    w.take = server.kept ? link_take : NULL;
    if (frame_write (&w, type, text, strlen (text)) < 0 || frame_flush (&w) < 0) {
        inside_fini ();
        exit (1);
    }
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

/* What did not fit goes when there is room. */
static void watch_input (struct child *c)
{
    struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = &c->in };
    bool want = c->in.fd >= 0 && c->out_pos < c->out.len;

    if (want == c->watched)
        return;
    if (epoll_ctl (server.epoll_fd, want ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, c->in.fd, &ev)
        < 0) {
        report_exception (c->id, "cannot watch the pipe to the job shell");
        kill (c->pid, SIGKILL);
        return;
    }
    c->watched = want;
}

static void child_flush (struct child *c)
{
    if (c->pid == 0)
        return;
    while (c->in.fd >= 0 && c->out_pos < c->out.len) {
        ssize_t n = write (c->in.fd, c->out.data + c->out_pos, c->out.len - c->out_pos);
        if (n >= 0)
            c->out_pos += n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            close_input (c);
    }
    if (c->in.fd < 0)
        c->out_pos = c->out.len;
    watch_input (c);
    if (c->out_pos > c->out.len / 2) { /* moving the rest pays */
        buf_consume (&c->out, c->out_pos);
        c->out_pos = 0;
    }
}

static void input_ready (struct shell *sh, struct source *src, int revents)
{
    child_flush (container_of (src, struct child, in));
}

/* In the forked process. sh: its record was parsed already; or NULL. */
static int run_child (struct child *c, struct shell *sh, const char *record, size_t len,
                      int in_fd)
{
    /* out of the server's group: what kills that must not kill the shell, which
     * has tasks to end */
    setpgid (0, 0);
    prctl (PR_SET_PDEATHSIG, SIGHUP);
    /* the pipes of the other shells, too */
    if (in_fd > 3)
        close_range (3, in_fd - 1, 0);
    close_range (in_fd + 1, ~0U, 0);
    limits_restore_files ();
    if (!sh && !(sh = shell_create (c->id, c->slot, 1)))
        return 1;
    return shell_run (sh, record, len, in_fd);
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

static void leave (int rc)
{
#ifdef __SANITIZE_ADDRESS__
    exit (rc);
#else
    _exit (rc);
#endif
}

static int add_child (struct child *c)
{
    if (idmap_insert (server.pids, c->pid, c) == 0)
        return 0;
    kill (c->pid, SIGKILL);
    while (waitpid (c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
    return -1;
}

/* Its slot is taken already. -1: there is no descriptor or process for it now. */
static int fork_child (struct child *c, struct shell *sh, const char *record,
                       size_t len)
{
    int fd[2];

    if (pipe2 (fd, O_CLOEXEC) < 0)
        return -1;
    if ((c->pid = fork ()) == 0)
        leave (run_child (c, sh, record, len, fd[0]));
    close (fd[0]);
    if (c->pid < 0 || add_child (c) < 0) {
        close (fd[1]);
        c->pid = 0;
        return -1;
    }
    fcntl (fd[1], F_SETFL, O_NONBLOCK);
    c->in.fd = fd[1];
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
        c->slot = take_slot ();
        if (fork_child (c, NULL, c->record, c->record_len) < 0) {
            idset_set (server.slots, c->slot);
            break; /* in order of arrival */
        }
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

static struct child *child_create (uint64_t id)
{
    struct child *c = calloc (1, sizeof (*c));

    if (!c)
        return NULL;
    c->id = id;
    c->in = (struct source){ .fd = -1, .ready = input_ready };
    list_init (&c->node);
    return c;
}

/* In a process of its own, now or later. The slot is given back, or the child's. */
static void start_child (const struct frame *f, struct shell *sh, int slot)
{
    struct child *c = child_create (f->id);

    if (!c || idmap_insert (server.ids, c->id, c) < 0)
        goto error;
    c->slot = slot;
    list_append (&server.children, &c->node);
    if (server.waiting == 0 && fork_child (c, sh, f->text, f->len) == 0)
        return;
    idset_set (server.slots, slot);
    if (wait_for_child (c, f) == 0)
        return;
    list_remove (&c->node);
    idmap_remove (server.ids, c->id);
    slot = -1;
error:
    free (c);
    if (slot >= 0)
        idset_set (server.slots, slot);
    report_exception (f->id, "cannot start a job shell: out of memory");
    report_exit (f->id, 1 << 8);
}

/* Parsed once, whoever runs it; NULL: the process that it gets says what is wrong. */
static struct shell *parse (const struct frame *f, int slot)
{
    struct shell *sh = shell_create (f->id, slot, 1);
    flux_error_t error;

    if (sh && shell_parse (sh, f->text, f->len, &error) < 0) {
        shell_destroy (sh);
        return NULL;
    }
    return sh;
}

static void start_job (const struct frame *f)
{
    int slot = take_slot ();
    struct shell *sh = server.waiting > 0 ? NULL : parse (f, slot);

    if (sh && inside_wants (sh, f->len)) {
        sh->out.take = server.kept ? link_take : NULL;
        if (inside_start (sh) == 0)
            return;
        shell_destroy (sh); /* half started */
        sh = NULL;
    }
    start_child (f, sh, slot);
    shell_destroy (sh);
}

/* What a job has left is removed while other jobs go on. Without a process for that, who
 * gets the slot next sees to it. */
static void clean (const struct shell *sh)
{
    struct child *c = child_create (0);

    if (c && (c->pid = fork ()) == 0) {
        close_range (3, ~0U, 0); /* what tasks and shells wait for the end of */
        shell_tmpdir_clean ((struct shell *)sh);
        leave (0);
    }
    if (!c || c->pid < 0 || add_child (c) < 0) {
        free (c);
        idset_set (server.slots, sh->slot);
        return;
    }
    c->slot = sh->slot;
    c->cleaner = true;
    list_append (&server.children, &c->node);
}

static void job_ended (const struct shell *sh)
{
    if (shell_tmpdir_is_clean (sh))
        idset_set (server.slots, sh->slot);
    else
        clean (sh);
}

static void kill_child (struct child *c, int signum)
{
    if (c->pid > 0) {
        kill (c->pid, signum);
        return;
    }
    uint64_t id = c->id;
    child_destroy (c);
    report_exit (id, SIGKILL);
}

static void route (const struct frame *f)
{
    if (server.kept && link_frame (f))
        return;
    if (f->type == 'S') {
        start_job (f);
        return;
    }
    if (inside_frame (f))
        return;
    struct child *c = idmap_lookup (server.ids, f->id);
    if (!c) { /* it has just ended; who kills it may not have heard of that */
        if (f->type == 'K')
            report_exit (f->id, SIGKILL);
        return;
    }
    if (f->type == 'K') {
        kill_child (c, frame_signum (f));
        return;
    }
    if (c->pid > 0 && f->type == 'k' && frame_signum (f) == SIGKILL)
        kill (c->pid, SIGCONT); /* that signal waits for nobody to go on */
    if (c->pid > 0 && c->in.fd < 0)
        return; /* it takes no more: it is ending */
    if (c->out.len + f->len > CHILD_BUFFER_MAX
        || frame_append (&c->out, f->type, f->id, f->text, f->len) < 0) {
        report_exception (c->id, "the job shell does not read what is sent to it");
        kill_child (c, SIGKILL);
        return;
    }
    child_flush (c);
}

/* Cut, and without what JSON would escape: the file is whoever's. False: it is not there. */
static bool read_said (int slot, char *note, size_t size)
{
    char dir[256], path[270];
    ssize_t n;
    int fd;

    shell_tmpdir_path (dir, sizeof (dir), server.rank, slot);
    snprintf (path, sizeof (path), "%s" SHELL_SAID, dir);
    if ((fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) < 0)
        return false;
    n = read (fd, note, size - 1);
    close (fd);
    unlink (path);
    for (ssize_t i = 0; i < n; i++) {
        if (note[i] == '"' || note[i] == '\\' || note[i] < ' ' || note[i] > '~')
            note[i] = '?';
    }
    note[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static void report_end (uint64_t id, int slot, int status)
{
    char note[128];

    if (WEXITSTATUS (status) == SHELL_DAMAGED && read_said (slot, note, sizeof (note)))
        report_exception (id, note);
    else
        report_exception (id, "the job shell has ended before its job: has a plugin "
                              "called exit (), or closed its descriptors?");
}

static void reap_child (struct child *c, int status)
{
    uint64_t id = c->id;
    int slot = c->slot;
    bool exited = WIFEXITED (status);
    /* it has said so itself */
    bool told = c->cleaner || (exited && WEXITSTATUS (status) == SHELL_TOLD);

    child_destroy (c);
    if (told)
        return;
    if (exited)
        report_end (id, slot, status);
    report_exit (id, exited ? 1 << 8 : status);
}

static void reap (void)
{
    struct child *c;
    int status;
    pid_t pid;

    while ((pid = waitpid (-1, &status, WNOHANG)) > 0) {
        if (!inside_reaped (pid, status) && (c = idmap_lookup (server.pids, pid)))
            reap_child (c, status);
    }
}

static void signal_ready (struct shell *sh, struct source *src, int revents)
{
    struct signalfd_siginfo si;

    while (read (src->fd, &si, sizeof (si)) == sizeof (si)) {
        if (si.ssi_signo != SIGCHLD)
            end_by (si.ssi_signo);
    }
    reap ();
}

/* A machine that has much to do starts few shells in a turn: what the others say is heard
 * meanwhile. */
static bool route_frames (void)
{
    const double end = clock_monotonic () + SLICE;
    struct frame f;
    int rc;

    server.more = false;
    while (!server.more && (rc = frame_reader_next (&server.in, &f)) != 0) {
        server.more = clock_monotonic () >= end;
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

static bool read_frames (void)
{
    static char tmp[65536];

    if (server.more)
        return route_frames ();
    ssize_t n = read (server.in_src.fd, tmp, sizeof (tmp));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0 || frame_reader_add (&server.in, tmp, n) < 0)
        return false;
    return route_frames ();
}

static void frames_ready (struct shell *sh, struct source *src, int revents)
{
    if (read_frames ())
        return;
    if (server.kept)
        link_lost ();
    else
        server.ended = true;
}

static int watch (struct source *src)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = src };
    return epoll_ctl (server.epoll_fd, EPOLL_CTL_ADD, src->fd, &ev);
}

static int open_signals (void)
{
    sigset_t set;

    signal (SIGPIPE, SIG_IGN);
    sigemptyset (&set);
    sigaddset (&set, SIGCHLD);
    sigaddset (&set, SIGHUP);
    sigaddset (&set, SIGINT);
    sigaddset (&set, SIGTERM);
    sigprocmask (SIG_BLOCK, &set, NULL);
    server.signal_src =
        (struct source){ .fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
                         .ready = signal_ready };
    return server.signal_src.fd < 0 ? -1 : watch (&server.signal_src);
}

static void kill_job (uint64_t id)
{
    struct frame f = { .type = 'K', .id = id, .text = "" };
    struct child *c;

    if (!inside_frame (&f) && (c = idmap_lookup (server.ids, id)))
        kill_child (c, SIGKILL);
}

/* What was begun of a frame is not to come. */
static void change_input (int fd)
{
    frame_reader_fini (&server.in);
    server.more = false;
    if (server.in_src.fd >= 0) {
        epoll_ctl (server.epoll_fd, EPOLL_CTL_DEL, server.in_src.fd, NULL);
        close (server.in_src.fd);
        (void)fd_fill_standard (); /* it may be what shells have as standard input */
    }
    server.in_src.fd = fd;
    if (fd >= 0 && watch (&server.in_src) < 0)
        link_lost ();
}

/* Shells in this process have no connection of their own. */
static void tell_renewed (void)
{
    const char *uri = getenv ("FLUX_URI");

    list_foreach (&server.children, it) {
        struct child *c = container_of (it, struct child, node);
        if (uri && c->pid > 0 && c->in.fd >= 0
            && frame_append (&c->out, 'U', c->id, uri, strlen (uri)) == 0)
            child_flush (c);
    }
}

static const struct link_ops link_ops = { .input = change_input,
                                          .kill = kill_job,
                                          .raise = report_exception,
                                          .renewed = tell_renewed };

static int open_loop (void)
{
    if ((server.epoll_fd = epoll_create1 (EPOLL_CLOEXEC)) < 0)
        return -1;
    server.in_src = (struct source){ .fd = 0, .ready = frames_ready };
    return watch (&server.in_src) < 0 || open_signals () < 0 ? -1 : 0;
}

static void handle (struct source *src, int revents)
{
    if (src->task)
        inside_event (src, revents);
    else if (src->fd >= 0)
        src->ready (NULL, src, revents);
}

/* A child is freed when it is reaped: in a turn, its input goes before that. */
static void turn (void)
{
    struct epoll_event events[64];
    int timeout = shell_timeout (
        fmin (inside_deadline (), server.kept ? link_deadline () : INFINITY));
    bool reap_last = false, more = server.more;
    double began;
    int n;

    if (server.waiting > 0 && (timeout < 0 || timeout > RETRY_MS))
        timeout = RETRY_MS;
    if (server.more)
        timeout = 0;
    began = clock_monotonic ();
    n = epoll_wait (server.epoll_fd, events, 64, timeout);
    shell_waited (began, n < 64);
    for (int i = 0; i < n; i++) {
        struct source *src = events[i].data.ptr;
        if (src == &server.signal_src)
            reap_last = true;
        else if (src != &server.in_src || !more)
            handle (src, events[i].events);
    }
    if (more)
        handle (&server.in_src, EPOLLIN);
    if (reap_last)
        handle (&server.signal_src, EPOLLIN);
    if (server.waiting > 0)
        retry_waiting ();
    inside_settle ();
    if (server.kept && !link_settle ())
        server.ended = true;
}

/* dir: NULL if it ends with its broker. */
static int run_server (const char *dir, bool guest)
{
    list_init (&server.children);
    server.slots = idset_create (64, IDSET_FLAG_AUTOGROW);
    if (!server.slots || !(server.ids = idmap_create (NULL))
        || !(server.pids = idmap_create (NULL)) || open_loop () < 0
        || inside_init (server.epoll_fd, job_ended) < 0
        || (dir && link_open (dir, server.epoll_fd, &link_ops) < 0)
        || (guest
            && (shell_tmpdir_own () < 0 || prctl (PR_SET_CHILD_SUBREAPER, 1) < 0))) {
        fprintf (stderr, "flux-shell: %s\n", strerror (errno));
        return 1;
    }
    server.kept = dir != NULL;
    server.guest = guest;
    affinity_probe ();
    while (!server.ended)
        turn ();
    inside_fini ();
    if (dir)
        link_close ();
    while (!list_empty (&server.children))
        child_destroy (container_of (server.children.next, struct child, node));
    end_rest ();
    remove_tmpdirs ();
    shell_tmpdir_remove_own ();
    idset_destroy (server.slots);
    idmap_destroy (server.ids);
    idmap_destroy (server.pids);
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
    struct shell *sh = shell_create (f.id, getpid (), 1);
    int rc = sh ? shell_run (sh, f.text, f.len, 0) : 1;
    frame_reader_fini (&server.in);
    return rc == SHELL_TOLD ? 0 : rc;
}

int main (int argc, char *argv[])
{
    if (fd_fill_standard () < 0)
        return 1;
    json_object_seed (
        0x666c7578); /* not worth /dev/urandom: the keys are the owner's */
    bool guest = argc == 4 && !strcmp (argv[3], "--guest");
    if ((argc == 3 || guest || (argc == 5 && !strcmp (argv[3], "--keep")))
        && !strcmp (argv[1], "--server")) {
        server.rank = strtoul (argv[2], NULL, 10);
        return run_server (argc == 5 ? argv[4] : NULL, guest);
    }
    if (argc == 2 && !strcmp (argv[1], "--job"))
        return run_single ();
    if (argc > 4 && !strcmp (argv[1], "--warden"))
        return warden_run (argv + 2);
    if (argc > 2
        && !strcmp (argv[1], "exec")) { /* where no helper has to be another user */
        execv (argv[2], argv + 2);
        fprintf (stderr, "flux-shell: %s: %s\n", argv[2], strerror (errno));
        return 127;
    }
    if (argc > 2 && !strcmp (argv[1], "--end"))
        return warden_end (argv + 2);
    if (argc > 3 && !strcmp (argv[1], "--ask"))
        return warden_ask (argv + 2);
    fprintf (stderr,
             "Usage: flux-shell --server RANK [--keep DIR | --guest] | --job\n"
             "       flux-shell --warden HELPER exec SHELL [ARG...] | --end PID...\n"
             "       flux-shell --ask FILE PROGRAM [ARG...] | exec SHELL [ARG...]\n"
             "Runs the tasks of jobs on one node. Started by job-exec, which\n"
             "speaks with it over standard input and output.\n");
    return 2;
}
