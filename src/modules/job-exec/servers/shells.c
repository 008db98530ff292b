/* One flux-shell server, started by the first job and kept. Where the instance keeps its
 * state, it may be one that an earlier broker has started (found.h).
 *
 * Frames for its shells are collected and written once per reactor turn, as far as the
 * server takes them; what it prints is cut into frames for the jobs.
 *
 * Failures: no descriptor or process: tried again until there is one. If the server is
 * lost, so are its shells, and what stands for their last frames is told; the next job
 * starts another. A line that is no frame fails the job whose it is, and no other. */
#include "modules/job-exec/servers/shells.h"

#include <errno.h>
#include <flux/subprocess.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/json/jsonout.h"
#include "core/kvs/storage.h"
#include "core/shell/protocol.h"
#include "core/subprocess/credit.h"
#include "modules/job-exec/reattach/found.h"
#include "modules/job-exec/servers/guest_frames.h"
#include "modules/job-exec/servers/site.h"
#include "modules/job-exec/servers/unit.h"

#define WRITE_MAX (256 * 1024)
/* Behind the server's pipe. */
#define WINDOW (1024 * 1024)
/* Of one frame of a shell: the keys that its tasks bring into a barrier. */
#define PIECES_MAX (64 * 1024 * 1024)
#define RETRY_AFTER 0.2
/* What plugins print is no reason to fill everybody's log. */
#define LOG_LINES_PER_SECOND 100
/* Another user's server: s in which it ends of itself when it has said its last. */
#define GUEST_END 5.
/* And in which nobody but it holds its output when it has ended. */
#define GUEST_REST 5.
/* What waits for one that does not read. */
#define GUEST_WAITS_MAX (192 * 1024 * 1024)
/* A server that is just ending may still be found. */
#define FOUND_TRIES 50

/* Of one job. */
struct shell {
    uint64_t id;
    bool claimed; /* and there is no answer yet */
    struct frame_pieces pieces;
    char groups[FRAME_GROUPS_MAX]; /* of tasks that the server has started itself */
};

struct shells {
    flux_t *h;
    char *path;
    char *imp;                 /* that starts it as another user; NULL: it is ours */
    char *unit;                /* that it is to be; NULL: it is none */
    uint64_t guest;            /* whose job it is for then */
    struct guest_frames heard; /* of it */
    char last[16]; /* what it has said with X, or is to have said; "": nothing */
    bool rests;    /* the helper has ended */
    uint32_t rank;
    shells_frame_f cb;
    void *arg;
    flux_subprocess_t *p; /* NULL: there is none that we started */
    struct found *found;  /* or none that we have found */
    int tries;            /* to find one that answers */
    bool greeted;         /* it has answered */
    int dir_fd;           /* of servers that outlive us; -1: there were none */
    char *dir, *token;    /* token NULL: they do not */
    double timeout;
    flux_watcher_t *retry_w;
    struct credit_out credit;
    struct frame_reader in;
    struct buf out;
    size_t out_pos; /* written already */
    struct idmap *jobs;
    double log_since; /* of this second so many lines were logged */
    int log_lines;
    bool reading; /* what is in `in` is being handed out */
    bool lost;    /* meanwhile */
};

static void shell_destroy (void *value)
{
    struct shell *s = value;

    frame_pieces_fini (&s->pieces);
    free (s);
}

/* The server's death kills tasks, not what they have started. */
static void kill_groups (const struct shell *s)
{
    const char *p = s->groups;
    char *end;

    for (long pid; (pid = strtol (p, &end, 10)) > 1 && end > p; p = end)
        kill (-(pid_t)pid, SIGKILL);
}

static void kill_all_groups (const struct idmap *jobs)
{
    size_t pos = 0;
    void *s;

    while (idmap_next (jobs, &pos, NULL, &s))
        kill_groups (s);
}

static void tell (struct shells *sh, uint64_t id, char type, const char *text)
{
    sh->cb (id, type, text, strlen (text), sh->arg);
}

/* lost: it is not there any more. */
static void tell_exception (struct shells *sh, uint64_t id, const char *what,
                            const char *why, bool lost)
{
    struct buf b = BUF_INIT;
    char note[512];

    snprintf (note, sizeof (note), "%s job shell on %s (rank %u)%s%s", what,
              flux_get_hostbyrank (sh->h, sh->rank), sh->rank, why ? ": " : "",
              why ? why : "");
    buf_adds (&b, "{\"type\":\"exec\",\"severity\":0,\"note\":");
    json_add_string (&b, note, strlen (note));
    buf_adds (&b, lost ? ",\"lost\":true}" : "}");
    if (!b.err)
        sh->cb (id, 'x', b.data, b.len, sh->arg);
    buf_fini (&b);
}

/* Nobody else would reap it. */
static void kill_server (struct shells *sh)
{
    pid_t pid = sh->p ? flux_subprocess_pid (sh->p) : -1;

    if (sh->found)
        found_kill (sh->found);
    if (pid <= 0 || flux_subprocess_state (sh->p) == FLUX_SUBPROCESS_EXITED)
        return;
    if (sh->imp) { /* which passes that on as SIGKILL */
        kill (pid, SIGUSR1);
        return;
    }
    kill (pid, SIGKILL);
    waitpid (pid, NULL, 0);
}

/* The next job starts another. */
static void drop_server (struct shells *sh)
{
    flux_watcher_stop (sh->retry_w);
    kill_server (sh);
    flux_subprocess_destroy (sh->p);
    sh->p = NULL;
    found_destroy (sh->found);
    sh->found = NULL;
    sh->greeted = false;
    frame_reader_fini (&sh->in);
    buf_fini (&sh->out);
    sh->out_pos = 0;
}

/* Another user's: its job has ended when its processes have, which the helper sees to.
 * status: of its X. */
static void end_guest (struct shells *sh, const char *status)
{
    if (sh->last[0])
        return;
    snprintf (sh->last, sizeof (sh->last), "%s", status);
    buf_fini (&sh->out);
    sh->out_pos = 0;
    flux_subprocess_close (sh->p, "stdin");
    flux_timer_watcher_reset (sh->retry_w, sh->p ? GUEST_END : 0., GUEST_END);
    flux_watcher_start (sh->retry_w);
}

static bool guest_runs (const struct shells *sh)
{
    return sh->imp && sh->p && !sh->rests;
}

/* What it says is no longer heard. */
static void guest_broken (struct shells *sh, const char *what, const char *why)
{
    if (sh->last[0])
        return;
    tell_exception (sh, sh->guest, what, why, false);
    end_guest (sh, "9");
    kill_server (sh);
}

/* Its shells end with a status, and with an exception that says why. lost: there were
 * some. */
static void end_shells (struct shells *sh, const char *what, const char *why,
                        const char *status, bool lost)
{
    struct idmap *jobs = sh->jobs;
    size_t pos = 0;
    uint64_t id;
    void *value;

    sh->lost = true;
    drop_server (sh);
    kill_all_groups (jobs);
    if (!(sh->jobs = idmap_create (shell_destroy))) {
        flux_log (sh->h, LOG_CRIT, "out of memory: no job can be started any more");
        flux_reactor_stop_error (flux_get_reactor (sh->h));
    }
    while (idmap_next (jobs, &pos, &id, &value)) {
        const struct shell *s = value;
        if (s->claimed) {
            tell (sh, id, 'N', "unknown");
            continue;
        }
        if (!sh->last[0])
            tell_exception (sh, id, what, why, lost);
        tell (sh, id, 'X', sh->last[0] ? sh->last : status);
    }
    idmap_destroy (jobs);
}

static void server_lost (struct shells *sh, const char *why)
{
    if (guest_runs (sh))
        guest_broken (sh, "lost contact with", why);
    else
        end_shells (sh, "lost contact with", why, "9", true);
}

/* It could not be started: as a task whose program is not there, or is none. */
static void server_missing (struct shells *sh, int errnum)
{
    char status[16];

    snprintf (status, sizeof (status), "%d", (errnum == ENOENT ? 127 : 126) << 8);
    end_shells (sh, "cannot execute", strerror (errnum), status, false);
}

/* What a shell says makes no sense: its job fails, the others go on. */
static void shell_broken (struct shells *sh, uint64_t id, const char *what)
{
    struct shell *s = idmap_lookup (sh->jobs, id);

    if (!s)
        return;
    if (sh->imp) {
        guest_broken (sh, what, NULL);
        return;
    }
    frame_pieces_drop (&s->pieces);
    shells_send (sh, id, 'K', "", 0);
    tell_exception (sh, id, what, NULL, false);
}

/* Of another user's server, a whole frame of its job. */
static void guest_says (struct shells *sh, const struct frame *f)
{
    const char *wrong = sh->last[0] ? NULL
                                    : guest_frames_check (&sh->heard, f->type, f->text,
                                                          f->len, clock_monotonic ());

    if (sh->last[0] || f->type == 'p') /* what it says is no reason to kill anything */
        return;
    if (wrong)
        shell_broken (sh, f->id, wrong);
    else if (f->type == 'X')
        end_guest (sh, f->text);
    else
        sh->cb (f->id, f->type, f->text, f->len, sh->arg);
}

static void dispatch (struct shells *sh, struct frame *f)
{
    struct shell *s = idmap_lookup (sh->jobs, f->id);
    struct buf whole = BUF_INIT;

    if (f->type == 'H')
        sh->greeted = true;
    if (!s)
        return;
    int rc = frame_join (&s->pieces, f, PIECES_MAX, &whole);
    if (rc < 0)
        shell_broken (sh, f->id, "too large a message from");
    else if (rc > 0 && sh->imp)
        guest_says (sh, f);
    else if (rc > 0 && f->type == 'p')
        snprintf (s->groups, sizeof (s->groups), "%s", f->text);
    else if (rc > 0) {
        if (f->type == 'A')
            s->claimed = false;
        if (f->type == 'X' || f->type == 'N')
            idmap_remove (sh->jobs, f->id);
        sh->cb (f->id, f->type, f->text, f->len, sh->arg);
    }
    buf_fini (&whole);
}

/* -1: there is no sense in going on. */
static int read_frames (struct shells *sh)
{
    struct frame f;
    int rc;

    while (!sh->lost && (rc = frame_reader_next (&sh->in, &f)) != 0) {
        if (rc > 0) {
            dispatch (sh, &f);
            continue;
        }
        if (sh->imp) {
            guest_broken (sh, "malformed frame from", NULL);
            return 0;
        }
        flux_log (sh->h, LOG_ERR, "rank %u: malformed frame from flux-shell", sh->rank);
        if (errno == EMSGSIZE)
            return -1;
        if (f.id_known)
            shell_broken (sh, f.id, "malformed frame from");
    }
    return 0;
}

static void got_bytes (struct shells *sh, const char *data, size_t n)
{
    if (sh->last[0]) /* another user's, and that was its last */
        return;
    sh->lost = false;
    int rc = frame_reader_add (&sh->in, data, n);
    if (rc == 0)
        rc = read_frames (sh);
    if (sh->lost)
        return;
    frame_reader_compact (&sh->in);
    if (sh->imp && sh->in.buf.len > FRAME_MAX) /* what is longer comes in pieces */
        guest_broken (sh, "malformed frame from", NULL);
    if (rc < 0)
        server_lost (sh, "flux-shell sends no frames");
}

static void stdout_cb (flux_subprocess_t *p, const char *stream)
{
    struct shells *sh = flux_subprocess_aux_get (p, "shells");
    const char *data;
    int n = flux_subprocess_read (p, stream, &data);

    if (n > 0 && p == sh->p)
        got_bytes (sh, data, n);
}

static bool may_log (struct shells *sh)
{
    double now = clock_monotonic ();

    if (now >= sh->log_since + 1) {
        sh->log_since = now;
        sh->log_lines = 0;
    }
    if (++sh->log_lines == LOG_LINES_PER_SECOND)
        flux_log (sh->h, LOG_ERR, "rank %u: job shells say more than can be logged",
                  sh->rank);
    return sh->log_lines < LOG_LINES_PER_SECOND;
}

static void stderr_cb (flux_subprocess_t *p, const char *stream)
{
    struct shells *sh = flux_subprocess_aux_get (p, "shells");
    const char *line;
    int n = flux_subprocess_getline (p, stream, &line);

    if (n <= 0 || !may_log (sh))
        return;
    char whose[32] = "";
    if (sh->imp)
        flux_job_id_encode (sh->guest, "f58", whose, sizeof (whose));
    flux_log (sh->h, LOG_ERR, "rank %u: %s%s%.*s", sh->rank, whose, *whose ? ": " : "",
              line[n - 1] == '\n' ? n - 1 : n, line);
}

static void credit_cb (flux_subprocess_t *p, const char *stream, int bytes)
{
    struct shells *sh = flux_subprocess_aux_get (p, "shells");

    if (p == sh->p && !strcmp (stream, "stdin"))
        credit_out_add (&sh->credit, bytes, WINDOW);
}

static void completion_cb (flux_subprocess_t *p)
{
    struct shells *sh = flux_subprocess_aux_get (p, "shells");
    int status = flux_subprocess_status (p);
    char why[64];

    if (p != sh->p)
        return;
    sh->rests = true;
    if (status & 0x7f)
        snprintf (why, sizeof (why), "flux-shell: %s", strsignal (status & 0x7f));
    else
        snprintf (why, sizeof (why), "flux-shell: exit %d", status >> 8);
    server_lost (sh, why);
}

/* The output of another user's helper ends with it; if it does not, others have it. */
static void state_cb (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    struct shells *sh = flux_subprocess_aux_get (p, "shells");

    if (!sh || p != sh->p || state != FLUX_SUBPROCESS_EXITED)
        return;
    sh->rests = true;
    flux_timer_watcher_reset (sh->retry_w, GUEST_REST, 0.);
    flux_watcher_start (sh->retry_w);
}

/* One that cannot be had costs no job: they end with the broker. False: there is none. */
static bool open_dir (struct shells *sh, bool make)
{
    flux_error_t error;

    if (!sh->token || sh->dir_fd >= 0)
        return sh->dir_fd >= 0;
    sh->dir_fd = found_dir_open (flux_attr_get (sh->h, "statedir"), sh->rank, make,
                                 &sh->dir, &error);
    if (sh->dir_fd < 0 && (make || errno != ENOENT)) {
        flux_log (sh->h, LOG_ERR, "rank %u: jobs will end with this broker: %s",
                  sh->rank, error.text);
        free (sh->token);
        sh->token = NULL;
    }
    return sh->dir_fd >= 0;
}

/* The jobspec has the tasks' environment; nothing of the broker's leaks. */
static int set_env (const struct shells *sh, flux_cmd_t *cmd)
{
    const char *uri = flux_attr_get (sh->h, "local-uri");
    const char *fake = getenv ("FLUX_FAKE_HOSTNAME");

    if (fake && flux_cmd_setenvf (cmd, 1, "FLUX_FAKE_HOSTNAME", "%s", fake) < 0)
        return -1;
    return (uri && flux_cmd_setenvf (cmd, 1, "FLUX_URI", "%s", uri) < 0)
                   || flux_cmd_setenvf (
                          cmd, 1, "FLUX_PMI_LIBRARY_PATH", "%s",
                          flux_conf_builtin_get ("pmi_library_path", FLUX_CONF_AUTO))
                          < 0
                   || site_set_env (sh->h, cmd) < 0
               ? -1
               : 0;
}

static flux_cmd_t *create_own (const struct shells *sh, char *rank)
{
    char *argv[] = {
        sh->path, (char *)"--server", rank, (char *)"--keep", sh->dir, NULL
    };

    return flux_cmd_create (sh->dir ? 5 : 3, argv, NULL);
}

/* As a unit; one of ours may write where the broker does, and that goes with it. */
static int be_unit (const struct shells *sh, flux_cmd_t *cmd)
{
    const char *rundir = flux_attr_get (sh->h, "rundir");

    if (!sh->unit)
        return 0;
    if (!strcmp (sh->imp, sh->path) && rundir
        && flux_cmd_setenvf (cmd, 1, "TMPDIR", "%s", rundir) < 0)
        return -1;
    return unit_wrap (sh->h, cmd, sh->unit, sh->guest, sh->rank);
}

/* The helper asks a program of its caller's for the signed jobspec. */
static flux_cmd_t *create_guest (const struct shells *sh, char *rank)
{
    char *argv[] = { sh->path,       (char *)"--warden", sh->imp,
                     (char *)"exec", sh->path,           (char *)"--server",
                     rank,           (char *)"--guest",  NULL };
    flux_cmd_t *cmd =
        access (sh->imp, X_OK) == 0 ? flux_cmd_create (8, argv, NULL) : NULL;
    const char *flux = flux_conf_builtin_get ("flux_path", FLUX_CONF_AUTO);

    if (cmd
        && flux_cmd_setenvf (cmd, 1, "FLUX_IMP_EXEC_HELPER",
                             "%s imp-exec-helper %" PRIu64, flux, sh->guest)
               == 0
        && be_unit (sh, cmd) == 0)
        return cmd;
    flux_cmd_destroy (cmd);
    return NULL;
}

static flux_cmd_t *create_command (const struct shells *sh)
{
    char rank[16], window[16];

    snprintf (rank, sizeof (rank), "%u", sh->rank);
    snprintf (window, sizeof (window), "%d", WINDOW);
    flux_cmd_t *cmd = sh->imp ? create_guest (sh, rank) : create_own (sh, rank);
    if (cmd && flux_cmd_setopt (cmd, "stdout_LINE_BUFFER", "false") == 0
        && flux_cmd_setopt (cmd, "stdin_BUFSIZE", window) == 0
        && flux_cmd_setcwd (cmd, "/") == 0 && set_env (sh, cmd) == 0)
        return cmd;
    flux_cmd_destroy (cmd);
    return NULL;
}

/* A server that is found has the environment of an earlier broker. */
static json_t *describe_env (const flux_cmd_t *cmd)
{
    static const char *const names[] = {
        "FLUX_URI",          "FLUX_PMI_LIBRARY_PATH", "FLUX_FAKE_HOSTNAME",
        "FLUX_SHELL_INITRC", "FLUX_SHELL_PLUGINPATH", "FLUX_SHELL_RC_PATH"
    };
    json_t *env = json_object ();

    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        const char *value = flux_cmd_getenv (cmd, names[i]);
        if (value)
            json_object_set_new (env, names[i], json_string (value));
    }
    return env;
}

/* Frame H. */
static int greet (const struct shells *sh, const flux_cmd_t *cmd, struct buf *b)
{
    json_t *o = json_pack ("{s:s s:f s:o}", "token", sh->token, "timeout", sh->timeout,
                           "env", describe_env (cmd));
    char *s = o ? json_dumps (o, JSON_COMPACT) : NULL;
    int rc = s ? frame_append (b, 'H', 0, s, strlen (s)) : -1;

    free (s);
    json_decref (o);
    if (rc < 0)
        errno = ENOMEM;
    return rc;
}

/* Before all that waits. */
static int greet_first (struct shells *sh, const flux_cmd_t *cmd)
{
    struct buf b = BUF_INIT;

    if (!sh->dir)
        return 0;
    if (greet (sh, cmd, &b) < 0 || buf_add (&b, sh->out.data, sh->out.len) < 0) {
        buf_fini (&b);
        errno = ENOMEM;
        return -1;
    }
    buf_fini (&sh->out);
    sh->out = b;
    return 0;
}

static int start_server (struct shells *sh)
{
    flux_subprocess_ops_t ops = {
        .on_completion = completion_cb,
        .on_stdout = stdout_cb,
        .on_stderr = stderr_cb,
        .on_credit = credit_cb,
        .on_state_change = sh->imp ? state_cb : NULL,
    };
    (void)open_dir (sh, true);
    flux_cmd_t *cmd = create_command (sh);
    flux_subprocess_t *p =
        cmd ? flux_local_exec (flux_get_reactor (sh->h), 0, cmd, &ops) : NULL;
    if (p && greet_first (sh, cmd) < 0) {
        flux_subprocess_destroy (p);
        p = NULL;
    }
    int saved = errno;

    flux_cmd_destroy (cmd);
    errno = saved;
    if (!p)
        return -1;
    sh->p = p;
    credit_out_init (&sh->credit, 0); /* until it runs */
    if (flux_subprocess_aux_set (p, "shells", sh, NULL) == 0)
        return 0;
    saved = errno;
    kill_server (sh);
    flux_subprocess_destroy (p);
    sh->p = NULL;
    errno = saved;
    return -1;
}

/* What a node lacks now and has again later. */
static bool is_shortage (int errnum)
{
    return errnum == EMFILE || errnum == ENFILE || errnum == EAGAIN || errnum == ENOMEM;
}

static void found_data (const char *data, size_t len, const char *why, void *arg)
{
    struct shells *sh = arg;

    if (data)
        got_bytes (sh, data, len);
    else if (sh->greeted || ++sh->tries > FOUND_TRIES)
        server_lost (sh, why);
    else { /* it was about to end: nothing was written but the greeting */
        found_destroy (sh->found);
        sh->found = NULL;
        flux_timer_watcher_reset (sh->retry_w, RETRY_AFTER, 0.);
        flux_watcher_start (sh->retry_w);
    }
}

static void found_room (void *arg)
{
    shells_flush (arg);
}

/* What waits is written when it has answered. */
static int greet_found (struct shells *sh)
{
    flux_cmd_t *cmd = create_command (sh);
    struct buf b = BUF_INIT;
    int rc = cmd ? greet (sh, cmd, &b) : -1;

    if (rc == 0 && found_write (sh->found, b.data, b.len) != (ssize_t)b.len)
        rc = -1;
    buf_fini (&b);
    flux_cmd_destroy (cmd);
    return rc;
}

static bool find_server (struct shells *sh)
{
    if (!open_dir (sh, false))
        return false;
    sh->found = found_connect (flux_get_reactor (sh->h), sh->dir_fd, found_data,
                               found_room, sh);
    if (!sh->found && errno != ENOENT && errno != ECONNREFUSED)
        flux_log_error (sh->h, "rank %u: %s/socket", sh->rank, sh->dir);
    if (sh->found && greet_found (sh) < 0) {
        found_destroy (sh->found);
        sh->found = NULL;
    }
    return sh->found != NULL;
}

/* Nothing was written yet, so nothing is lost. */
static void need_server (struct shells *sh)
{
    if (sh->p || sh->found || find_server (sh) || start_server (sh) == 0)
        return;
    if (is_shortage (errno)) {
        flux_log (sh->h, LOG_ERR, "rank %u: cannot start flux-shell yet: %s", sh->rank,
                  strerror (errno));
        flux_timer_watcher_reset (sh->retry_w, RETRY_AFTER, 0.);
        flux_watcher_start (sh->retry_w);
    } else
        server_missing (sh, errno);
}

/* Who gets its cores next would share them. */
static void drain (struct shells *sh)
{
    char rank[16], id[32], reason[96];

    snprintf (rank, sizeof (rank), "%u", sh->rank);
    flux_job_id_encode (sh->guest, "f58", id, sizeof (id));
    snprintf (reason, sizeof (reason), "unkillable user processes for job %s", id);
    flux_future_destroy (flux_rpc_pack (sh->h, "resource.drain", 0, FLUX_RPC_NORESPONSE,
                                        "{s:s s:s s:s}", "targets", rank, "reason",
                                        reason, "mode", "update"));
}

static void retry_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct shells *sh = arg;

    if (sh->imp && sh->p && sh->rests) {
        flux_log (sh->h, LOG_ERR,
                  "rank %u: processes of a job's shell have outlived it", sh->rank);
        drain (sh);
        server_lost (sh, "processes of it are left");
    } else if (sh->imp && sh->p)
        kill_server (sh);
    else if (sh->last[0])
        server_lost (sh, "it was never there");
    else
        need_server (sh);
}

void shells_end_earlier (flux_t *h)
{
    const char *recovery = flux_attr_get (h, "broker.recovery-mode");
    struct found *found;
    flux_error_t error;
    uint32_t rank;
    char *dir;
    int fd;

    if (!storage_outlives (h) || (recovery && strcmp (recovery, "1") == 0)
        || flux_get_rank (h, &rank) < 0)
        return;
    fd = found_dir_open (flux_attr_get (h, "statedir"), rank, false, &dir, &error);
    if (fd < 0)
        return;
    found = found_connect (flux_get_reactor (h), fd, found_data, found_room, NULL);
    if (found)
        found_kill (found); /* without a look at what it says */
    else if (errno != ENOENT && errno != ECONNREFUSED)
        flux_log_error (h, "rank %u: %s/socket", rank, dir);
    found_destroy (found);
    found_clear (fd);
    free (dir);
    close (fd);
}

/* A rank that keeps nothing has a server that ends with its broker. */
static int init_keep (struct shells *sh, const struct shells_keep *keep)
{
    if (!storage_outlives (sh->h))
        return 0;
    if (!keep) {
        shells_end_earlier (sh->h);
        return 0;
    }
    sh->timeout = keep->timeout;
    return (sh->token = strdup (keep->token)) ? 0 : -1;
}

static struct shells *create (flux_t *h, const char *path, const char *imp,
                              const char *unit, uint64_t id,
                              const struct shells_keep *keep, shells_frame_f cb,
                              void *arg)
{
    struct shells *sh = calloc (1, sizeof (*sh));

    if (!sh)
        return NULL;
    sh->h = h;
    sh->dir_fd = -1;
    sh->cb = cb;
    sh->arg = arg;
    sh->guest = id;
    if (!(sh->path = strdup (path)) || (imp && !(sh->imp = strdup (imp)))
        || (unit && !(sh->unit = strdup (unit))) || flux_get_rank (h, &sh->rank) < 0
        || (!imp && init_keep (sh, keep) < 0)
        || !(sh->jobs = idmap_create (shell_destroy))
        || !(sh->retry_w = flux_timer_watcher_create (flux_get_reactor (h), 0., 0.,
                                                      retry_cb, sh))) {
        shells_destroy (sh);
        return NULL;
    }
    return sh;
}

struct shells *shells_create (flux_t *h, const char *path,
                              const struct shells_keep *keep, shells_frame_f cb,
                              void *arg)
{
    return create (h, path, NULL, NULL, 0, keep, cb, arg);
}

struct shells *shells_create_guest (flux_t *h, const char *path, const char *imp,
                                    const char *unit, uint64_t id, shells_frame_f cb,
                                    void *arg)
{
    return create (h, path, imp, unit, id, NULL, cb, arg);
}

static void release (struct shells *sh)
{
    flux_subprocess_destroy (sh->p);
    found_destroy (sh->found);
    flux_watcher_destroy (sh->retry_w);
    frame_reader_fini (&sh->in);
    buf_fini (&sh->out);
    idmap_destroy (sh->jobs);
    if (sh->dir_fd >= 0)
        close (sh->dir_fd);
    free (sh->dir);
    free (sh->token);
    free (sh->imp);
    free (sh->unit);
    free (sh->path);
    free (sh);
}

void shells_destroy (struct shells *sh)
{
    if (!sh)
        return;
    int saved = errno;
    bool there = sh->p || sh->found;
    kill_server (sh); /* which its shells notice */
    if (sh->jobs)
        kill_all_groups (sh->jobs);
    if (there && sh->dir_fd >= 0)
        found_clear (sh->dir_fd);
    release (sh);
    errno = saved;
}

void shells_abandon (struct shells *sh)
{
    if (!sh || sh->dir_fd < 0)
        shells_destroy (sh);
    else
        release (sh);
}

static struct shell *add_job (struct shells *sh, uint64_t id)
{
    struct shell *s;

    if (idmap_lookup (sh->jobs, id)) {
        errno = EEXIST;
        return NULL;
    }
    if (!(s = calloc (1, sizeof (*s))))
        return NULL;
    s->id = id;
    if (idmap_insert (sh->jobs, id, s) < 0) {
        free (s);
        errno = ENOMEM;
        return NULL;
    }
    return s;
}

/* The first frame of a job. */
static int begin (struct shells *sh, uint64_t id, char type, const char *text,
                  size_t len)
{
    if (!add_job (sh, id))
        return -1;
    if (frame_append (&sh->out, type, id, text, len) < 0) {
        server_lost (sh, "out of memory");
        return 0;
    }
    if (!sh->p && !sh->found && idmap_count (sh->jobs) == 1) /* else one is tried for */
        need_server (sh);
    return 0;
}

int shells_start (struct shells *sh, uint64_t id, const char *record, size_t len)
{
    if (sh->imp)
        guest_frames_init (&sh->heard, record, len);
    return begin (sh, id, 'S', record, len);
}

int shells_claim (struct shells *sh, uint64_t id, const char *kept, size_t len)
{
    idmap_remove (sh->jobs,
                  id); /* it may be there: for who claims it, it begins anew */
    if (begin (sh, id, 'R', kept, len) < 0)
        return -1;
    struct shell *s = idmap_lookup (sh->jobs, id);
    if (s)
        s->claimed = true;
    return 0;
}

void shells_forget (struct shells *sh, uint64_t id)
{
    idmap_remove (sh->jobs, id);
    if (sh->dir_fd >= 0 && (sh->p || sh->found)
        && frame_append (&sh->out, 'F', id, "", 0) < 0)
        server_lost (sh, "out of memory");
}

void shells_claims_over (struct shells *sh)
{
    if (!open_dir (sh, false) || (!sh->p && !sh->found && !found_is_any (sh->dir_fd)))
        return;
    if (frame_append (&sh->out, 'E', 0, "", 0) < 0)
        server_lost (sh, "out of memory");
    else
        need_server (sh);
}

/* Another user's server need not do as it is told. */
static bool guest_hears (struct shells *sh, char type, const char *text, size_t len)
{
    if (type == 'K' && sh->p)
        kill_server (sh);
    else if (type == 'K') /* which waits for a process */
        end_guest (sh, "9");
    if (sh->last[0])
        return false;
    guest_frames_sent (&sh->heard, type, text, len);
    if (sh->out.len - sh->out_pos + len <= GUEST_WAITS_MAX)
        return true;
    guest_broken (sh, "what is sent is not read by", NULL);
    return false;
}

void shells_send (struct shells *sh, uint64_t id, char type, const char *text,
                  size_t len)
{
    if (!idmap_lookup (sh->jobs, id))
        return; /* it has just ended */
    if (sh->imp && !guest_hears (sh, type, text, len))
        return;
    if (frame_append (&sh->out, type, id, text, len) < 0)
        server_lost (sh, "out of memory");
}

/* At most what the credit allows. */
static int write_some (struct shells *sh)
{
    size_t len = sh->out.len - sh->out_pos;

    if (len > WRITE_MAX)
        len = WRITE_MAX;
    if ((int64_t)len > sh->credit.room)
        len = sh->credit.room;
    /* it may give credit back before it returns */
    credit_out_spend (&sh->credit, len);
    if (flux_subprocess_write (sh->p, "stdin", sh->out.data + sh->out_pos, len) < 0)
        return -1;
    sh->out_pos += len;
    return 0;
}

static void write_found (struct shells *sh)
{
    size_t len = sh->out.len - sh->out_pos;
    ssize_t n = sh->greeted && len > 0
                    ? found_write (sh->found, sh->out.data + sh->out_pos, len)
                    : 0;
    if (n > 0)
        sh->out_pos += n; /* -1: its end is seen where it is read */
}

void shells_flush (struct shells *sh)
{
    if (sh->found)
        write_found (sh);
    while (sh->p && sh->out_pos < sh->out.len && credit_out_open (&sh->credit)) {
        if (write_some (sh) < 0) {
            char why[128];
            snprintf (why, sizeof (why), "%s", strerror (errno));
            server_lost (sh, why);
        }
    }
    if (sh->out_pos > sh->out.len / 2) { /* moving the rest pays */
        buf_consume (&sh->out, sh->out_pos);
        sh->out_pos = 0;
    }
}

int shells_servers (const struct shells *sh)
{
    return sh->p || sh->found ? 1 : 0;
}
