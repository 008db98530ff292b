/* The life of a shell.
 *
 * Happy path: start record -> layout -> tasks started (s) -> output (o), exits
 * (e) -> streams at their end -> peers' output written -> exit with the highest
 * exit code.
 *
 * Failures: a bad record or option: FATAL log, exception, exit 1. A task that
 * does not start: the same with 127 (no such program) or 126, after those that
 * run got SIGKILL. The server or job-exec goes away (EOF, SIGHUP, EPIPE): the
 * tasks get SIGKILL. */
#include "shell/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json/jsonout.h"
#include "core/subprocess/io.h"
#include "shell/plug.h"
#include "value/resource/rset.h"

#define HOLD_TIME 0.002
/* s. Who has waited as long was told of what happens when it did. */
#define WAITED 0.001

const struct plug_ops *shell_plug;

static uint32_t to_epoll (int events)
{
    return events;
}

int shell_watch (struct shell *sh, struct source *src)
{
    struct epoll_event ev = { .events = to_epoll (src->events), .data.ptr = src };
    if (epoll_ctl (sh->epoll_fd, EPOLL_CTL_ADD, src->fd, &ev) < 0)
        return errno == EEXIST ? epoll_ctl (sh->epoll_fd, EPOLL_CTL_MOD, src->fd, &ev)
                               : -1;
    return 0;
}

void shell_unwatch (struct shell *sh, struct source *src)
{
    if (src->fd < 0)
        return;
    /* Else it leaves the set when it is closed. But the other end of a terminal has the
     * same file open; and so has, for a moment, a shell that the server has forked. */
    if (sh->inside || (src->task && src->task->pty))
        epoll_ctl (sh->epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
    close (src->fd);
    src->fd = -1;
}

void shell_send (struct shell *sh, char type, struct buf *b)
{
    if (sh->broken || b->err)
        return;
    if (strchr ("bxwcaT", type)) /* somebody waits for it */
        sh->hold_until = 0;
    if (type == 'o' || type == 'w')
        credit_out_spend (&sh->credit, b->len);
    if (frame_write (&sh->out, type, b->data ? b->data : "", b->len) < 0)
        sh->broken = true;
}

void shell_entry (struct buf *b, const char *name)
{
    buf_printf (b, "{\"timestamp\":%.6f,\"name\":\"%s\",\"context\":", clock_wall (),
                name);
}

/* The header goes first, whoever speaks before. */
static void send_log_entry (struct shell *sh, struct buf *b)
{
    if (!shell_plug || sh->header_sent)
        shell_send (sh, 'o', b);
    else if (buf_add (&sh->early, b->data, b->len) == 0)
        buf_addc (&sh->early, '\n');
}

static void send_early (struct shell *sh)
{
    size_t start = 0;

    sh->header_sent = true;
    for (size_t i = 0; i < sh->early.len; i++) {
        if (sh->early.data[i] != '\n')
            continue;
        struct buf b = BUF_INIT;
        buf_add (&b, sh->early.data + start, i - start);
        shell_send (sh, 'o', &b);
        buf_fini (&b);
        start = i + 1;
    }
    buf_reset (&sh->early);
}

/* Programs and plugins say any bytes, and a long line may be cut within a character: what
 * is no text is a '?', so that all that is said is JSON. */
static void add_text (struct buf *b, const char *s)
{
    size_t left = strlen (s), n;
    struct buf text = BUF_INIT;
    uint32_t code;

    for (; left > 0; s += n, left -= n) {
        if ((n = utf8_next (s, left, &code)) > 0)
            buf_add (&text, s, n);
        else {
            buf_addc (&text, '?');
            n = 1;
        }
    }
    if (text.err)
        b->err = text.err;
    else
        json_add_string (b, text.len ? text.data : "", text.len);
    buf_fini (&text);
}

static void add_member (struct buf *b, const char *name, const char *value)
{
    if (value) {
        buf_printf (b, ",\"%s\":", name);
        add_text (b, value);
    }
}

void shell_log_entry (struct shell *sh, int level, const char *component,
                      const char *file, int line, const char *text)
{
    struct buf b = BUF_INIT;

    shell_entry (&b, "log");
    buf_printf (&b, "{\"level\":%d,\"rank\":%d", level, sh->rank);
    add_member (&b, "component", component);
    add_member (&b, "file", file);
    if (file)
        buf_printf (&b, ",\"line\":%d", line);
    add_member (&b, "message", text);
    buf_adds (&b, "}}");
    send_log_entry (sh, &b);
    buf_fini (&b);
}

static void send_log (struct shell *sh, int level, const char *text)
{
    if (!shell_plug || !shell_plug->log (sh, level, text))
        shell_log_entry (sh, level, NULL, NULL, 0, text);
}

bool shell_log_enabled (const struct shell *sh, int level)
{
    return level <= SHELL_NOTICE + sh->verbose;
}

void shell_log (struct shell *sh, int level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    if (!shell_log_enabled (sh, level))
        return;
    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    send_log (sh, level, text);
}

static void add_exception (struct buf *b, const char *type, int severity,
                           const char *note)
{
    buf_adds (b, "{\"type\":");
    add_text (b, type);
    buf_printf (b, ",\"severity\":%d,\"note\":", severity);
    add_text (b, note);
}

void shell_raise (struct shell *sh, const char *type, int severity, const char *note)
{
    struct buf b = BUF_INIT;
    add_exception (&b, type, severity, note);
    buf_addc (&b, '}');
    shell_send (sh, 'x', &b);
    buf_fini (&b);
}

/* exit-timeout: the tasks that have failed so far count, not those that are killed now. */
static void raise_exit_timeout (struct shell *sh)
{
    struct buf b = BUF_INIT;
    char note[320] = "a task has exited, and others still run after exit-timeout";

    if (sh->first_exit)
        shell_task_note (sh, sh->first_exit, note, sizeof (note),
                         ", and others still run after exit-timeout");
    sh->blamed = sh->rc != 0;
    add_exception (&b, "exec", 0, note);
    buf_printf (&b, ",\"failed\":%d}", sh->rc << 8);
    shell_send (sh, 'x', &b);
    buf_fini (&b);
}

void shell_fatal (struct shell *sh, int rc, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    shell_set_rc (sh, rc);
    send_log (sh, SHELL_FATAL, text);
    shell_raise (sh, "exec", 0, text);
}

static void send_init (struct shell *sh)
{
    struct buf b = BUF_INIT;
    if (sh->rank != 0)
        return;
    shell_entry (&b, "shell.init");
    buf_printf (&b, "{\"service\":\"%u-shell-%s\",\"leader-rank\":%u,\"size\":%d",
                sh->userid, sh->f58_plain, sh->broker_rank, sh->size);
    if (sh->pty_interactive)
        buf_printf (&b, ",\"pty\":\"%u-shell-%s.pty.0\"", sh->userid, sh->f58_plain);
    if (shell_plug)
        shell_plug->context (sh, "shell.init", &b);
    buf_adds (&b, "}}");
    shell_send (sh, 'e', &b);
    buf_fini (&b);
    shell_output_header (sh);
}

static void send_started (struct shell *sh)
{
    struct buf b = BUF_INIT;
    if (sh->rank == 0) {
        char *map = taskmap_encode (sh->taskmap, TASKMAP_ENCODE_WRAPPED);
        shell_entry (&b, "shell.start");
        buf_printf (&b, "{\"taskmap\":%s", map ? map : "{}");
        if (shell_plug)
            shell_plug->context (sh, "shell.start", &b);
        buf_adds (&b, "}}");
        free (map);
    }
    shell_send (sh, 's', &b);
    buf_fini (&b);
}

/* left: until the job expires; 0: it does not. */
static void set_signal_timer (struct shell *sh, double left)
{
    double now = clock_monotonic ();

    sh->signal_deadline = 0;
    sh->expires = left > 0 ? now + left : 0;
    if (sh->signal_num > 0 && left > 0)
        sh->signal_deadline = fmax (now, sh->expires - sh->signal_left);
}

static void update_expiration (struct shell *sh, const char *text)
{
    char *end;
    double expiration = strtod (text, &end);
    rset_set_times (sh->R, rset_starttime (sh->R), expiration);
    set_signal_timer (sh, strtod (end, NULL));
    if (shell_plug)
        shell_plug->call (sh, "shell.resource-update", NULL);
}

static void other_exit (struct shell *sh)
{
    if (sh->exit_timeout >= 0 && sh->exit_deadline == 0)
        sh->exit_deadline = clock_monotonic () + sh->exit_timeout;
}

/* To the tasks here it is as if one of that shell had failed. */
static void other_lost (struct shell *sh, const char *text)
{
    char *end, note[64];
    int rank = strtol (text, &end, 10), severity = strtol (end, NULL, 10);

    if (shell_plug)
        shell_plug->lost (sh, rank, severity);
    if (sh->exit_on_error) {
        snprintf (note, sizeof (note), "shell rank %d is lost", rank);
        shell_raise (sh, "exec", 0, note);
    }
    other_exit (sh);
}

static bool is_busy (struct shell *sh)
{
    return shell_plug && !sh->broken && !sh->ending && shell_plug->busy (sh);
}

/* The answer stands behind all that was seen before. */
static void answer_limit (struct shell *sh, const char *number)
{
    struct buf b = BUF_INIT;

    if (!sh->inside)
        shell_tasks_reap (sh);
    bool runs = !shell_tasks_ended (sh) || (sh->tasks_ended && is_busy (sh));
    buf_printf (&b, "%.10s %d", number, runs);
    shell_send (sh, 'T', &b);
    buf_fini (&b);
}

void shell_frame (struct shell *sh, const struct frame *f)
{
    switch (f->type) {
    case 'T':
        answer_limit (sh, f->text);
        break;
    case 'i':
        shell_input_frame (sh, f->text, f->len);
        break;
    case 'k':
        shell_tasks_kill (sh, atoi (f->text));
        if (sh->running == 0) /* plugins are not waited for */
            sh->ending = true;
        if (sh->in_barrier) /* it may be waiting for one who will not come */
            shell_exit (sh, 128 + atoi (f->text));
        break;
    case 'B':
        if (sh->in_barrier)
            sh->in_barrier = false;
        else
            shell_pmi_exchange (sh, f->text, f->len);
        break;
    case 'w':
        shell_output_peer (sh, f->text, f->len);
        break;
    case 'C':
        shell_output_credit (sh, f->text);
        break;
    case 'D':
        other_exit (sh);
        break;
    case 'L':
        other_lost (sh, f->text);
        break;
    case 'x':
        update_expiration (sh, f->text);
        break;
    case 'U':
        if (shell_plug)
            shell_plug->reconnect (sh, f->text);
        break;
    }
}

static void lost (struct shell *sh)
{
    sh->broken = true;
    shell_output_credit (sh, "1000000000"); /* nobody will grant any */
    shell_unwatch (sh, &sh->in_src);
    shell_tasks_kill (sh, SIGKILL);
}

static void input_ready (struct shell *sh, struct source *src, int revents)
{
    static char tmp[65536];
    struct frame f;
    int rc;

    ssize_t n = read (src->fd, tmp, sizeof (tmp));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || frame_reader_add (&sh->in, tmp, n) < 0) {
        lost (sh);
        return;
    }
    while ((rc = frame_reader_next (&sh->in, &f)) > 0)
        shell_frame (sh, &f);
    frame_reader_compact (&sh->in);
    shell_output_tell_peers (sh);
    if (rc < 0)
        lost (sh);
}

static void signal_ready (struct shell *sh, struct source *src, int revents)
{
    struct signalfd_siginfo si;

    while (read (src->fd, &si, sizeof (si)) == sizeof (si)) {
        if (si.ssi_signo == SIGCHLD)
            shell_tasks_reap (sh);
        else if (si.ssi_signo == SIGHUP)
            lost (sh);
        else
            shell_tasks_kill (sh, si.ssi_signo);
    }
}

static int open_signals (struct shell *sh)
{
    sigset_t set;

    sigemptyset (&set);
    sigaddset (&set, SIGCHLD);
    sigaddset (&set, SIGHUP);
    sigaddset (&set, SIGTERM);
    sigaddset (&set, SIGINT);
    sigprocmask (SIG_BLOCK, &set, NULL);
    signal (SIGPIPE, SIG_IGN);
    sh->signal_src.fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    sh->signal_src.events = EPOLLIN;
    sh->signal_src.ready = signal_ready;
    return sh->signal_src.fd < 0 ? -1 : shell_watch (sh, &sh->signal_src);
}

static int open_loop (struct shell *sh, int in_fd)
{
    if ((sh->epoll_fd = epoll_create1 (EPOLL_CLOEXEC)) < 0)
        return -1;
    sh->in_src.fd = in_fd;
    sh->in_src.events = EPOLLIN;
    sh->in_src.ready = input_ready;
    return shell_watch (sh, &sh->in_src) < 0 ? -1 : open_signals (sh);
}

void shell_warn_cwd (struct shell *sh, int errnum)
{
    shell_log (sh, SHELL_WARN, "Could not change dir to %s: %s. Going to /tmp instead",
               sh->jobspec.cwd, strerror (errnum));
}

/* Where the process is not the job's, its tasks do so themselves. */
static void change_dir (struct shell *sh)
{
    const char *cwd = sh->jobspec.cwd;

    if (sh->inside || !cwd || chdir (cwd) == 0)
        return;
    shell_warn_cwd (sh, errno);
    if (chdir ("/tmp") < 0)
        shell_log (sh, SHELL_ERROR, "chdir /tmp: %s", strerror (errno));
}

bool shell_done (const struct shell *sh)
{
    if (sh->running > 0 || sh->streams_open > 0)
        return false;
    return sh->broken || sh->peers_writing == 0;
}

double shell_deadline (const struct shell *sh)
{
    double at = INFINITY;

    if (sh->exit_deadline > 0 && sh->running > 0)
        at = fmin (at, sh->exit_deadline);
    if (sh->signal_deadline > 0 && sh->running > 0)
        at = fmin (at, sh->signal_deadline);
    if (sh->sysmon.next > 0 && sh->running > 0)
        at = fmin (at, sh->sysmon.next);
    if (sh->hold_until > 0)
        at = fmin (at, sh->hold_until);
    return at;
}

int shell_timeout (double deadline)
{
    double wait;

    if (deadline == INFINITY)
        return -1;
    wait = deadline - clock_monotonic ();
    return wait < 0 ? 0 : wait > 1e6 ? 1000000000 : (int)(wait * 1000) + 1;
}

static void check_deadlines (struct shell *sh)
{
    if (sh->running == 0)
        return;
    shell_sysmon_look (sh);
    if (sh->exit_deadline > 0 && clock_monotonic () >= sh->exit_deadline) {
        sh->exit_deadline = 0;
        sh->exit_timeout = -1;
        raise_exit_timeout (sh);
    }
    if (sh->signal_deadline > 0 && clock_monotonic () >= sh->signal_deadline) {
        sh->signal_deadline = 0;
        shell_log (sh, SHELL_NOTICE, "Will expire in %.1fs, sending %s to all tasks",
                   sh->expires - clock_monotonic (), strsignal (sh->signal_num));
        shell_tasks_kill (sh, sh->signal_num);
    }
}

/* A task that ends at once takes all that there is to say into one write, and
 * so into one message to job-exec. */
static void flush (struct shell *sh)
{
    if (sh->hold_until > 0 && clock_monotonic () < sh->hold_until)
        return;
    sh->hold_until = 0;
    if (!sh->broken && frame_flush (&sh->out) < 0)
        lost (sh);
}

void shell_settle (struct shell *sh)
{
    check_deadlines (sh);
    shell_output_tell_peers (sh);
    flush (sh);
}

/* The status of a process that ends. Who was taken for gone (SIGHUP) may be there. */
static int told (const struct shell *sh)
{
    return sh->broken ? 1 : SHELL_TOLD;
}

static struct {
    double last;  /* when all was seen that there was */
    double since; /* see shell_seen_since */
} seen;

void shell_waited (double began, bool all)
{
    double now = clock_monotonic ();

    seen.since = now - began > WAITED ? now : seen.last;
    if (all)
        seen.last = now;
}

double shell_seen_since (void)
{
    return seen.since;
}

static void turn (struct shell *sh)
{
    struct epoll_event events[64];
    int timeout, n;
    double began;

    flush (sh);
    began = clock_monotonic ();
    timeout = shell_timeout (shell_deadline (sh));
    n = shell_plug ? shell_plug->wait (sh, events, 64, timeout)
                   : epoll_wait (sh->epoll_fd, events, 64, timeout);
    shell_waited (shell_plug ? INFINITY : began, n < 64);
    if (n < 0 && errno != EINTR) /* it would spin for ever */
        shell_exit (sh, 1);
    for (int i = 0; i < n; i++) {
        struct source *src = events[i].data.ptr;
        if (src->fd >= 0)
            src->ready (sh, src, events[i].events);
    }
    check_deadlines (sh);
}

/* shell.finish is called while the loop runs, and may give it more to do. */
static void loop (struct shell *sh)
{
    for (;;) {
        while (!shell_done (sh))
            turn (sh);
        if (shell_plug && !sh->tasks_ended && !sh->ending) {
            sh->tasks_ended = true;
            shell_plug->call (sh, "shell.finish", NULL);
        }
        if (!is_busy (sh))
            return;
        turn (sh);
    }
}

/* All shells have come so far. */
static int barrier (struct shell *sh)
{
    struct buf b = BUF_INIT;

    if (sh->size == 1)
        return 0;
    sh->in_barrier = true;
    shell_send (sh, 'r', &b);
    shell_send (sh, 'b', &b);
    buf_fini (&b);
    while (sh->in_barrier && !sh->broken)
        turn (sh);
    return sh->broken ? -1 : 0;
}

/* What plugins do between the start record and the tasks. */
static int start_plugins (struct shell *sh, flux_error_t *error)
{
    if (!shell_plug)
        return shell_check_options (sh, error);
    if (shell_plug->call (sh, "shell.init", NULL) < 0
        || shell_check_options (sh, error) < 0)
        return -1;
    return 0;
}

static int meet (struct shell *sh)
{
    if (!shell_plug)
        return 0;
    return shell_plug->builtin (sh) < 0 || barrier (sh) < 0
                   || shell_plug->call (sh, "shell.post-init", NULL) < 0
               ? -1
               : 0;
}

static int start (struct shell *sh)
{
    send_init (sh);
    send_early (sh);
    change_dir (sh);
    if (meet (sh) < 0 || (!shell_plug && shell_tmpdir_create (sh) < 0)
        || shell_pmi_init (sh) < 0 || shell_env_pmi (sh) < 0
        || shell_output_init (sh) < 0 || shell_rlimits_init (sh) < 0
        || shell_affinity_init (sh) < 0 || shell_gpu_init (sh) < 0
        || shell_sysmon_init (sh) < 0 || shell_tasks_start (sh) < 0
        || (shell_plug && shell_plug->call (sh, "shell.start", NULL) < 0))
        return -1;
    send_started (sh);
    sh->hold_until = clock_monotonic () + HOLD_TIME;
    set_signal_timer (sh, sh->time_left);
    return 0;
}

/* From what the start record says to tasks that can be started. */
static int prepare (struct shell *sh, flux_error_t *error)
{
    shell_tmpdir_path (sh->tmpdir, sizeof (sh->tmpdir), sh->broker_rank, sh->slot);
    if (shell_env_init (sh) < 0 || (shell_plug && shell_tmpdir_create (sh) < 0)
        || (shell_plug && shell_plug->load (sh, error) < 0)
        || (shell_plug && shell_count_tasks (sh, error) < 0)
        || shell_place_tasks (sh, error) < 0 || start_plugins (sh, error) < 0)
        return -1;
    return 0;
}

static void fail (struct shell *sh, const char *why)
{
    int saved = errno;

    sh->ending = true;
    if (sh->rc == 0)
        shell_fatal (sh, 1, "%s", why[0] ? why : strerror (errno));
    shell_tasks_kill (sh, SIGKILL);
    errno = saved;
}

int shell_start (struct shell *sh)
{
    flux_error_t error = { "" };

    if (prepare (sh, &error) == 0) {
        error.text[0] = '\0';
        if (start (sh) == 0)
            return 0;
    }
    if (sh->rc == 1) /* it was told why; errno may be anything */
        errno = EINVAL;
    fail (sh, error.text);
    return -1;
}

static void send_exit (struct shell *sh)
{
    struct buf b = BUF_INIT;

    send_early (sh);
    buf_printf (&b, "%d", sh->rc << 8);
    shell_send (sh, 'X', &b);
    buf_fini (&b);
    if (!sh->broken && frame_flush (&sh->out) < 0)
        sh->broken = true; /* who is told nothing hears of it from the server */
}

void shell_finish (struct shell *sh)
{
    shell_sysmon_end (sh);
    if (shell_plug)
        shell_plug->call (sh, "shell.exit", NULL);
    shell_output_finish (sh);
    if (shell_plug)
        shell_plug->fini (sh);
    send_exit (sh);
}

void shell_exit (struct shell *sh, int rc)
{
    shell_tasks_kill (sh, SIGKILL);
    shell_set_rc (sh, rc);
    shell_output_finish (sh);
    send_exit (sh);
    shell_tmpdir_clean (sh);
    _exit (told (sh));
}

struct shell *shell_create (uint64_t id, int slot, int out_fd)
{
    struct shell *sh = calloc (1, sizeof (*sh));

    if (!sh)
        return NULL;
    sh->id = id;
    sh->slot = slot;
    sh->in_src.fd = sh->signal_src.fd = sh->epoll_fd = -1;
    frame_writer_init (&sh->out, out_fd, id);
    return sh;
}

void shell_destroy (struct shell *sh)
{
    if (!sh)
        return;
    int saved = errno;
    shell_tasks_fini (sh);
    shell_input_fini (sh);
    shell_pmi_fini (sh);
    shell_output_fini (sh);
    shell_affinity_fini (sh);
    shell_env_fini (sh);
    free (sh->rlimits);
    if (!sh->inside) {
        shell_unwatch (sh, &sh->signal_src);
        if (sh->epoll_fd >= 0)
            close (sh->epoll_fd);
    }
    shell_fini (sh);
    free (sh);
    errno = saved;
}

/* Its life, from what was read of its start record. */
static void live (struct shell *sh, const char *why, const char *text, size_t len)
{
    if (why)
        fail (sh, why);
    else if (!shell_plug && shell_wants_plug (sh)) {
        shell_become_plugged (sh, text, len);
        fail (sh, "");
    } else
        shell_start (sh);
    loop (sh);
    shell_finish (sh);
    shell_tmpdir_clean (sh);
}

int shell_run (struct shell *take_sh, const char *text, size_t len, int in_fd)
{
    struct shell *sh = take_sh;
    flux_error_t error;
    bool known;

    if (open_loop (sh, in_fd) < 0) {
        fprintf (stderr, "flux-shell: %s\n", strerror (errno));
        shell_destroy (sh);
        return 1;
    }
    known = sh->R || shell_parse (sh, text, len, &error) == 0;
    live (sh, known ? NULL : error.text, text, len);
    int rc = told (sh);
#ifdef __SANITIZE_ADDRESS__
    shell_destroy (sh); /* the process ends: only those that look for leaks want this */
#endif
    return rc;
}
