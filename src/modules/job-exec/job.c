#include "job.h"

#include <flux/idset.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/json/jsontext.h"
#include "core/shell/protocol.h"
#include "core/subprocess/io.h"
#include "value/fsd.h"

/* Of input that waits for the tasks: the senders of a job share it. */
#define INPUT_MAX (4 * 1024 * 1024)
/* Output that is committed without waiting for more. */
#define URGENT (64 * 1024)
/* Of the exception that tells of a lost shell without which the job goes on. */
#define LOST_SEVERITY 2
/* In its eventlog: a task has exited. */
#define TASK_EXIT "\"name\":\"shell.task-exit\""

static int fail (flux_error_t *error, const char *text)
{
    snprintf (error->text, sizeof (error->text), "%s", text);
    errno = EINVAL;
    return -1;
}

static int add_shells (struct job *job, const struct idset *ranks)
{
    int i = 0;

    job->shell_count = idset_count (ranks);
    if (!(job->shells = calloc (job->shell_count + 1, sizeof (*job->shells)))
        || fanout_init (&job->input, job->shell_count) < 0)
        return -1;
    for (unsigned int rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        job->shells[i].rank = rank;
        job->shells[i].job = job;
        list_init (&job->shells[i++].node);
    }
    return 0;
}

static int parse_R (struct job *job, struct span R, flux_error_t *error)
{
    struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);
    struct span list, entry, value, text;
    size_t pos = 0;
    int rc = -1;

    if (!ranks || jsontext_find (R, "execution.R_lite", &list) < 0) {
        fail (error, "R: execution.R_lite is missing");
        goto done;
    }
    while (jsontext_next (list, &pos, NULL, &entry)) {
        if (jsontext_get (entry, "rank", &value) < 0 || !jsontext_plain (value, &text)
            || idset_decode_add (ranks, text.s, text.len, NULL) < 0) {
            fail (error, "R: invalid rank in execution.R_lite");
            goto done;
        }
    }
    if (idset_empty (ranks)) {
        fail (error, "R: no ranks");
        goto done;
    }
    if (jsontext_find (R, "execution.expiration", &value) == 0)
        jsontext_number (value, &job->expiration);
    if (jsontext_find (R, "execution.starttime", &value) == 0)
        jsontext_number (value, &job->starttime);
    rc = add_shells (job, ranks);
done:
    idset_destroy (ranks);
    return rc;
}

static int parse_duration (struct span v, double *duration)
{
    struct span text;
    char s[64];

    if (jsontext_number (v, duration))
        return *duration >= 0 ? 0 : -1;
    if (!jsontext_plain (v, &text) || text.len >= sizeof (s))
        return -1;
    memcpy (s, text.s, text.len);
    s[text.len] = '\0';
    return fsd_parse (s, duration);
}

/* exec.test: {run_duration, wait_status, mock_exception} */
static int parse_test (struct job *job, struct span jobspec, flux_error_t *error)
{
    struct span test, v, text;
    int64_t status;

    if (jsontext_find (jobspec, "attributes.system.exec.test", &test) < 0)
        return 0;
    job->is_test = true;
    if (jsontext_get (test, "run_duration", &v) == 0) {
        if (parse_duration (v, &job->test.duration) < 0)
            return fail (error, "exec.test.run_duration: not a duration");
    } else if (jsontext_find (jobspec, "attributes.system.duration", &v) == 0)
        jsontext_number (v, &job->test.duration);
    if (jsontext_get (test, "wait_status", &v) == 0) {
        if (!jsontext_int (v, &status) || status < 0 || status > 0xffff)
            return fail (error, "exec.test.wait_status: not a wait status");
        job->test.wait_status = status;
    }
    if (jsontext_get (test, "mock_exception", &v) == 0) {
        if (!jsontext_plain (v, &text) || text.len >= sizeof (job->test.mock_exception))
            return fail (error, "exec.test.mock_exception: expected init or run");
        memcpy (job->test.mock_exception, text.s, text.len);
    }
    return 0;
}

/* A name that is too long is none that there is. */
static void parse_service (struct job *job, struct span jobspec)
{
    struct span v, text;

    if (jsontext_find (jobspec, "attributes.system.exec.bulkexec.service", &v) < 0)
        return;
    snprintf (job->service, sizeof (job->service), "%.*s",
              jsontext_plain (v, &text) ? (int)text.len : 1,
              jsontext_plain (v, &text) ? text.s : "?");
}

struct job *job_create (const char *payload, size_t len, flux_error_t *error)
{
    struct job *job = calloc (1, sizeof (*job));
    struct span all, v, R, jobspec;
    int64_t id, userid;

    if (!job)
        return NULL;
    list_init (&job->dirty_node);
    list_init (&job->commit_node);
    list_init (&job->peer_writes);
    list_init (&job->input.items);
    if (jsontext_value (payload, len, &all) < 0 || jsontext_get (all, "id", &v) < 0
        || !jsontext_int (v, &id) || jsontext_get (all, "userid", &v) < 0
        || !jsontext_int (v, &userid) || jsontext_get (all, "jobspec", &jobspec) < 0
        || jsontext_get (all, "R", &R) < 0) {
        fail (error, "malformed start request");
        goto error;
    }
    job->id = id;
    job->userid = userid;
    if (parse_R (job, R, error) < 0 || parse_test (job, jobspec, error) < 0)
        goto error;
    parse_service (job, jobspec);
    return job;
error:
    job_destroy (job);
    errno = EINVAL;
    return NULL;
}

/* One request of a client. */
struct input {
    struct fanout_item item;
    void *request;
};

static void answer_input (struct job *job, int errnum)
{
    struct fanout_item *item;

    while ((item = fanout_pop (&job->input))) {
        struct input *in = container_of (item, struct input, item);
        job->ops->input_done (job, in->request, errnum, job->arg);
        free (in);
    }
}

static void end_input (struct job *job)
{
    for (int i = 0; i < job->input.count; i++)
        fanout_drop (&job->input, i);
    answer_input (job, ENOENT);
}

int job_input (struct job *job, void *request, const char *io, size_t len)
{
    struct input *in;

    if (job->input.bytes > 0 && job->input.bytes + len > INPUT_MAX) {
        errno = EAGAIN;
        return -1;
    }
    if (!(in = calloc (1, sizeof (*in)))
        || fanout_add (&job->input, &in->item, len) < 0) {
        free (in);
        errno = ENOMEM;
        return -1;
    }
    in->request = request;
    for (int i = 0; i < job->shell_count; i++) {
        if (!job->shells[i].exited) {
            fanout_give (&job->input, i);
            job->ops->send (job, &job->shells[i], 'i', io, len, job->arg);
        }
    }
    answer_input (job, 0);
    return 0;
}

static void got_input_taken (struct job *job, struct shell_ref *s, const char *text)
{
    fanout_advance (&job->input, s - job->shells, strtoull (text, NULL, 10));
    answer_input (job, 0);
}

void job_set_window (struct job *job, size_t window)
{
    job->output_window = window;
    for (int i = 0; i < job->shell_count; i++)
        credit_in_init (&job->shells[i].granted, window);
}

/* o or w text of a shell. */
static void count_output (struct shell_ref *s, size_t len)
{
    credit_in_received (&s->granted, len);
    s->held += len;
}

static void give_credit (struct job *job, struct shell_ref *s, size_t n)
{
    char text[48];

    if (n > 0 && !s->exited) {
        snprintf (text, sizeof (text), s->written > 0 ? "%zu %zu" : "%zu", n,
                  s->written);
        s->written = 0;
        job->ops->send (job, s, 'C', text, strlen (text), job->arg);
    }
}

void job_resume (struct job *job, const char *eventlog, size_t len, json_t *exceptions)
{
    job->resuming = true;
    job->eventlog_exists = len > 0;
    job->known_exceptions = json_incref (exceptions);
    buf_add (&job->known, eventlog, len);
    job->exit_seen =
        len > 0 && memmem (eventlog, len, TASK_EXIT, strlen (TASK_EXIT)) != NULL;
}

/* What they said to each other, and was not acknowledged, comes again; so does what they
 * were told of each other. */
void job_go_on (struct job *job)
{
    uint64_t barriers = UINT64_MAX;
    char text[48];

    for (int i = 0; i < job->shell_count; i++) {
        const struct shell_ref *s = &job->shells[i];
        if (s->answer == JOB_HEARD && s->barriers < barriers)
            barriers = s->barriers;
    }
    snprintf (text, sizeof (text), "%" PRIu64 " %u", barriers, job->times);
    for (int i = 0; i < job->shell_count; i++) {
        struct shell_ref *s = &job->shells[i];
        if (s->answer != JOB_HEARD)
            continue;
        job->ops->send (job, s, 'G', text, strlen (text), job->arg);
        if (job->exit_seen)
            job->ops->send (job, s, 'D', "", 0, job->arg);
    }
}

void job_send_signals (struct job *job)
{
    for (int i = 0; i < job->shell_count; i++) {
        struct shell_ref *s = &job->shells[i];
        uint64_t signals = job->signals | s->signals;

        s->signals = 0;
        for (int signum = 1; signals && signum <= SIGNAL_MAX; signum++) {
            char text[16];
            int len = snprintf (text, sizeof (text), "%d", signum);
            if (signals & SIGNAL_BIT (signum) && !s->exited)
                job->ops->send (job, s, 'k', text, len, job->arg);
        }
    }
    job->signals = 0;
}

/* The leader's first entry is the header. */
void job_resume_shell (struct job *job, struct shell_ref *s, uint64_t kept)
{
    s->kept = kept;
    if (kept == 0)
        return;
    job->output_exists = job->kept_exists = true;
    if (s == &job->shells[0])
        job->header_seen = job->header_kept = true;
}

/* Of the window it has, and what may still come of it. */
static void got_found (struct job *job, struct shell_ref *s, const char *text)
{
    char *end;

    if (!job->resuming)
        return;
    s->granted.window = strtoull (text, &end, 10);
    s->granted.given = strtoll (end, &end, 10);
    s->barriers = strtoull (end, &end, 10);
    uint64_t kept = strtoull (end, NULL, 10);
    if (kept > s->kept) /* since it was looked up */
        job_resume_shell (job, s, kept);
    job->output_window = s->granted.window;
    job->ops->resumed (job, s, JOB_FOUND, job->arg);
}

static void got_missing (struct job *job, struct shell_ref *s, const char *text)
{
    if (job->resuming)
        job->ops->resumed (
            job, s, strcmp (text, "never") == 0 ? JOB_NEVER_STARTED : JOB_UNKNOWN,
            job->arg);
}

/* The KVS has the header and all that this shell has sent: its rank may go on. */
static void let_it_store (struct job *job, struct shell_ref *s)
{
    if (!s->much || s->held > 0 || !job->header_kept)
        return;
    s->much = false;
    job->output_exists = true; /* what comes here is appended, too */
    job->kept_exists = true;
    give_credit (job, s, credit_in_rest (&s->granted));
    job->ops->send (job, s, 'M', "", 0, job->arg);
}

static void header_is_kept (struct job *job)
{
    if (job->header_kept)
        return;
    job->header_kept = true;
    for (int i = 0; i < job->shell_count; i++)
        let_it_store (job, &job->shells[i]);
}

void job_output_done (struct job *job, struct shell_ref *s, size_t cost)
{
    s->held -= cost < s->held ? cost : s->held;
    give_credit (job, s, credit_in_grant (&s->granted, s->held));
    let_it_store (job, s);
    if (s == &job->shells[0])
        header_is_kept (job); /* which it said first */
}

bool job_only_stores (const struct job *job)
{
    for (int i = 0; i < job->shell_count; i++) {
        if (!job->shells[i].exited && !job->shells[i].ended)
            return false;
    }
    return job->shell_count > 0;
}

void job_destroy (struct job *job)
{
    if (!job)
        return;
    for (int i = 0; i < job->shell_count; i++)
        list_remove (&job->shells[i].node);
    struct list *node;
    while ((node = list_pop (&job->peer_writes)))
        free (container_of (node, struct peer_write, node));
    end_input (job);
    fanout_fini (&job->input);
    list_remove (&job->dirty_node);
    list_remove (&job->commit_node);
    free (job->shells);
    idset_destroy (job->critical);
    buf_fini (&job->start_line);
    buf_fini (&job->known);
    json_decref (job->known_exceptions);
    buf_fini (&job->early);
    buf_fini (&job->eventlog);
    buf_fini (&job->output);
    free (job);
}

static double bounded_left (double left)
{
    /* a schedule's "never" is a century away */
    return left > 50. * 365 * 86400 ? 0. : left > 0 ? left : 1e-6;
}

double job_time_left (const struct job *job, double wall, int delay_max)
{
    double granted = job->expiration - job->starttime, delay = wall - job->starttime;

    if (job->expiration <= 0)
        return 0.;
    if (delay < 0 || (job->starttime > 0 && delay * 100 > granted * delay_max))
        delay = 0;
    return bounded_left (granted - delay);
}

double job_time_rest (const struct job *job, double wall)
{
    return job->expiration > 0 ? bounded_left (job->expiration - wall) : 0.;
}

double job_test_left (const struct job *job, double began, double wall)
{
    return fmax (0., fmin (began + job->test.duration - wall, job->test.duration));
}

double job_time_at_start (const struct job *job, double left, int delay_max)
{
    double granted = job->expiration - job->starttime;

    if (job->starttime <= 0 || left <= 0 || granted <= left
        || (granted - left) * 100 <= granted * delay_max)
        return left;
    return bounded_left (granted);
}

double job_change_expiration (struct job *job, double expiration, double left,
                              double wall)
{
    double old = job->expiration;

    job->expiration = expiration;
    if (expiration <= 0)
        return 0.;
    return bounded_left (old > 0 && left != 0 ? left + (expiration - old)
                                              : expiration - wall);
}

struct shell_ref *job_shell (struct job *job, unsigned int rank)
{
    int lo = 0, hi = job->shell_count - 1;

    while (lo <= hi) {
        int mid = (lo + hi) / 2;
        if (job->shells[mid].rank == rank)
            return &job->shells[mid];
        if (job->shells[mid].rank < rank)
            lo = mid + 1;
        else
            hi = mid - 1;
    }
    return NULL;
}

static void mark_dirty (struct job *job)
{
    if (!job->dirty) {
        job->dirty = true;
        job->ops->dirty (job, job->arg);
    }
}

static void add_line (struct job *job, struct buf *b, const char *line, size_t len)
{
    buf_add (b, line, len);
    buf_addc (b, '\n');
    mark_dirty (job);
}

/* From the name on: the same said by another broker has another timestamp. */
static const char *name_of (const char *line, size_t len, size_t *rest)
{
    const char *p = memmem (line, len, "\"name\":", 7);

    *rest = p ? len - (p - line) : 0;
    return p;
}

/* The KVS has it already. */
static bool take_known (struct job *job, const char *line, size_t len)
{
    char *p = job->known.data, *end = p + job->known.len, *nl;
    size_t n, m;
    const char *name = name_of (line, len, &n), *other;

    for (; name && p && p < end && (nl = memchr (p, '\n', end - p)); p = nl + 1) {
        if (!(other = name_of (p, nl - p, &m)) || m != n
            || memcmp (name, other, n) != 0)
            continue;
        memmove (p, nl + 1, end - (nl + 1));
        job->known.len -= nl + 1 - p;
        return true;
    }
    return false;
}

static void add_entry (struct job *job, const char *line, size_t len)
{
    if (job->known.len == 0 || !take_known (job, line, len))
        add_line (job, &job->eventlog, line, len);
}

static void add_event (struct buf *b, const char *name, const char *fmt, va_list ap)
{
    struct timespec ts;

    clock_gettime (CLOCK_REALTIME, &ts);
    buf_printf (b, "{\"timestamp\":%ld.%06ld,\"name\":\"%s\"", (long)ts.tv_sec,
                ts.tv_nsec / 1000, name);
    if (fmt) {
        buf_adds (b, ",\"context\":");
        buf_vprintf (b, fmt, ap);
    }
    buf_addc (b, '}');
}

void job_event (struct job *job, const char *name, const char *fmt, ...)
{
    struct buf known = BUF_INIT;
    struct buf *b = job->known.len > 0 ? &known : &job->eventlog;
    va_list ap;

    va_start (ap, fmt);
    add_event (b, name, fmt, ap);
    va_end (ap);
    if (b == &job->eventlog) {
        buf_addc (b, '\n');
        mark_dirty (job);
    } else if (known.err)
        job->eventlog.err = known.err;
    else
        add_entry (job, known.data, known.len);
    buf_fini (&known);
}

void job_send_all (struct job *job, char type, const char *text)
{
    for (int i = 0; i < job->shell_count; i++) {
        if (!job->shells[i].exited)
            job->ops->send (job, &job->shells[i], type, text, strlen (text), job->arg);
    }
}

void job_raise (struct job *job, int severity, const char *type, const char *note)
{
    if (severity == 0) {
        /* the first says why; what follows from it is noise */
        if (job->exception)
            return;
        job->exception = true;
    }
    job->ops->exception (job, severity, type, note, job->arg);
}

static void got_arrival (struct job *job, struct shell_ref *s)
{
    if (s->arrived || job->shell_count == 1)
        return;
    s->arrived = true;
    if (++job->arrived_count == job->shell_count)
        job->ops->barrier (job, true, job->arg);
    else if (job->arrived_count == 1)
        job->ops->barrier (job, false, job->arg);
}

static void send_start (struct job *job)
{
    if (!job->start_sent) {
        job->start_sent = true;
        job->ops->start (job, job->arg);
    }
}

static void got_started (struct job *job, struct shell_ref *s, const char *text,
                         size_t len)
{
    if (s->started)
        return;
    got_arrival (job, s); /* where there was no barrier */
    s->started = true;
    if (s == &job->shells[0])
        buf_add (&job->start_line, text, len);
    if (++job->started_count < job->shell_count)
        return;
    if (job->start_line.len > 0)
        add_entry (job, job->start_line.data, job->start_line.len);
    send_start (job);
}

/* What was said before the header goes behind it. */
static void end_early (struct job *job)
{
    job->header_seen = true;
    if (job->early.len > 0) {
        buf_add (&job->output, job->early.data, job->early.len);
        mark_dirty (job);
    }
    buf_fini (&job->early);
}

static void got_output (struct job *job, struct shell_ref *s, const char *text,
                        size_t len)
{
    count_output (s, len);
    s->uncommitted += len;
    if (s == &job->shells[0] && !job->header_seen) {
        add_line (job, &job->output, text, len);
        end_early (job);
    } else if (job->header_seen)
        add_line (job, &job->output, text, len);
    else {
        buf_add (&job->early, text, len);
        buf_addc (&job->early, '\n');
    }
    if (job->output.err || job->early.err) /* later calls would add behind a hole */
        job_raise (job, 0, "exec", "out of memory for output");
    if (job->output.len >= URGENT && !job->urgent) {
        job->urgent = true;
        job->ops->dirty (job, job->arg);
    }
}

/* What is told once killing has begun may be its doing. */
static void see_failure (struct job *job, int status)
{
    if (!job->failed && !job->exception)
        job->failed = status;
}

/* The wait status of a task as its shell would end: with 128 and the signal. */
static int as_shells_tell (int status)
{
    return WIFSIGNALED (status) ? (128 + WTERMSIG (status)) << 8 : status;
}

static void got_exit (struct job *job, struct shell_ref *s, const char *text,
                      size_t len)
{
    struct span v;
    int64_t status;

    if (jsontext_find ((struct span){ text, len }, "context.wait_status", &v) == 0
        && jsontext_int (v, &status) && status > 0 && status <= 0xffff)
        see_failure (job, as_shells_tell (status));
    if (job->exit_seen)
        return;
    job->exit_seen = true;
    add_entry (job, text, len);
    for (int i = 0; i < job->shell_count; i++) {
        struct shell_ref *other = &job->shells[i];
        if (other != s && !other->exited)
            job->ops->send (job, other, 'D', "", 0, job->arg);
    }
}

/* The leader has w text of a shell, or nobody will write it. */
static void written (struct job *job, struct shell_ref *s, size_t cost)
{
    s->written += cost;
    job_output_done (job, s, cost);
}

static void got_leader_output (struct job *job, struct shell_ref *s, const char *text,
                               size_t len)
{
    struct peer_write *pw;

    if (s == &job->shells[0])
        return;
    count_output (s, len);
    if (frame_is_eof (text, len))
        s->eof_sent = true;
    if (job->shells[0].exited)
        written (job, s, len);
    else if (!(pw = calloc (1, sizeof (*pw))))
        job_raise (job, 0, "exec", "out of memory for output");
    else {
        *pw = (struct peer_write){ .s = s, .cost = len };
        list_init (&pw->node);
        list_append (&job->peer_writes, &pw->node);
        job->ops->send (job, &job->shells[0], 'w', text, len, job->arg);
    }
}

/* The leader has written so much: those who sent it may send more. */
static void got_written (struct job *job, struct shell_ref *s, size_t cost)
{
    if (s != &job->shells[0])
        return;
    for (cost += job->peer_written; !list_empty (&job->peer_writes);) {
        struct peer_write *pw =
            container_of (job->peer_writes.next, struct peer_write, node);
        if (pw->cost > cost)
            break;
        cost -= pw->cost;
        list_remove (&pw->node);
        written (job, pw->s, pw->cost);
        free (pw);
    }
    job->peer_written = cost;
}

/* job-manager was told of it by an earlier broker. */
static bool is_known (const struct job *job, const char *type, int severity,
                      const char *note)
{
    json_t *o;
    size_t i;

    json_array_foreach (job->known_exceptions, i, o) {
        const char *t, *n = "";
        int s;
        if (json_unpack (o, "{s:s s:i s?s}", "type", &t, "severity", &s, "note", &n)
                == 0
            && s == severity && strcmp (t, type) == 0 && strcmp (n, note) == 0)
            return true;
    }
    return false;
}

static void got_exception (struct job *job, struct shell_ref *s, const char *text,
                           size_t len)
{
    json_t *o = json_loadb (text, len, 0, NULL);
    const char *type, *note = "";
    int severity, lost = 0, failed = -1;

    if (o
        && json_unpack (o, "{s:s s:i s?s s?b s?i}", "type", &type, "severity",
                        &severity, "note", &note, "lost", &lost, "failed", &failed)
               == 0) {
        if (failed > 0 && failed <= 0xffff && !job->failed)
            job->failed = failed;
        job->failed_counts |= failed >= 0 && !job->exception;
        s->lost |= lost;
        if (lost && !job_is_critical (job, s))
            severity = LOST_SEVERITY;
        bool known = is_known (job, type, severity, note);
        if (severity == 0 && !job->culprit && (known || !job->exception))
            job->culprit = s;
        if (!known)
            job_raise (job, severity, type, note);
    }
    json_decref (o);
}

int job_set_critical (struct job *job, const char *shells)
{
    struct idset *ids = idset_decode (shells);

    if (!ids || (!idset_empty (ids) && idset_last (ids) >= (unsigned)job->shell_count)
        || idset_set (ids, 0) < 0) {
        idset_destroy (ids);
        errno = EINVAL;
        return -1;
    }
    idset_destroy (job->critical);
    job->critical = ids;
    return 0;
}

bool job_spares (const struct job *job, const struct shell_ref *s)
{
    return job->critical && !idset_test (job->critical, s - job->shells);
}

/* Who is still to come is waited for. */
bool job_is_critical (const struct job *job, const struct shell_ref *s)
{
    return !s->started || !job_spares (job, s);
}

/* The leader as what it is; to the others it is a shell whose tasks have exited. */
static void tell_lost (struct job *job, struct shell_ref *s, int severity)
{
    char text[32];

    snprintf (text, sizeof (text), "%d %d", (int)(s - job->shells), severity);
    for (int i = 0; i < job->shell_count; i++) {
        struct shell_ref *other = &job->shells[i];
        if (other == s || other->exited)
            continue;
        if (i == 0)
            job->ops->send (job, other, 'L', text, strlen (text), job->arg);
        else
            job->ops->send (job, other, 'D', "", 0, job->arg);
    }
}

void job_shell_lost (struct job *job, struct shell_ref *s, int status, const char *type,
                     const char *note)
{
    int severity = job_is_critical (job, s) ? 0 : LOST_SEVERITY;

    if (!s->lost)
        job_raise (job, severity, type, note);
    if (job->finished || s->exited)
        return;
    s->spared = severity > 0;
    tell_lost (job, s, severity);
    job_shell_exited (job, s, status);
    if (job->resuming && !job->finished)
        job->ops->resumed (job, s, JOB_UNKNOWN, job->arg);
}

/* Tasks that are killed make a shell exit with 128 + signal. A shell that is
 * itself killed has taken its tasks along: the others would wait for them. */
static void shell_reported_exit (struct job *job, struct shell_ref *s, const char *text)
{
    char *end;
    long status = strtol (text, &end, 10);

    if (end == text || *end != '\0' || status < 0 || status > 0xffff) {
        job_raise (job, 0, "exec", "a job shell's exit status is no number");
        status = 1 << 8;
    }
    if (s->lost || (WIFSIGNALED (status) && job->exited_count + 1 < job->shell_count)) {
        char note[128];

        snprintf (note, sizeof (note), "lost contact with job shell on rank %u: %s",
                  s->rank, strsignal (WTERMSIG (status)));
        job_shell_lost (job, s, status, "exec", note);
    } else
        job_shell_exited (job, s, status);
}

void job_frame (struct job *job, struct shell_ref *s, char type, const char *text,
                size_t len)
{
    switch (type) {
    case 'r':
        got_arrival (job, s);
        break;
    case 's':
        got_started (job, s, text, len);
        break;
    case 'e':
        add_entry (job, text, len);
        break;
    case 't':
        got_exit (job, s, text, len);
        break;
    case 'o':
        got_output (job, s, text, len);
        break;
    case 'm':
        s->much = true;
        let_it_store (job, s);
        break;
    case 'y':
        s->ended = true;
        break;
    case 'w':
        got_leader_output (job, s, text, len);
        break;
    case 'a':
        got_written (job, s, strtoull (text, NULL, 10));
        break;
    case 'c':
        got_input_taken (job, s, text);
        break;
    case 'x':
        got_exception (job, s, text, len);
        break;
    case 'l':
        job->ops->log (job, text, job->arg);
        break;
    case 'A':
        got_found (job, s, text);
        break;
    case 'Z':
        if (job->resuming)
            job->ops->resumed (job, s, JOB_HEARD, job->arg);
        break;
    case 'N':
        got_missing (job, s, text);
        break;
    case 'v':
        job->ops->limit_passed (job, text, job->arg);
        break;
    case 'X':
        shell_reported_exit (job, s, text);
        break;
    }
}

void job_finish (struct job *job, int status)
{
    if (job->finished)
        return;
    send_start (job);
    job->finished = true;
    job->status = status;
    end_input (job);
    job_event (job, "complete", "{\"status\":%d}", status);
    job_event (job, "done", NULL);
    job->ops->finish (job, job->arg);
}

/* Who made the others end counts, not how they ended. */
static int final_status (const struct job *job)
{
    if (job->failed_counts && job->failed)
        return job->failed;
    return job->culprit && job->culprit->status ? job->culprit->status : job->status;
}

/* In its stead. */
static void say_eof (struct job *job, struct shell_ref *s)
{
    char text[32];
    int len = snprintf (text, sizeof (text), "%d - \"eof\"", (int)(s - job->shells));

    got_leader_output (job, s, text, len);
}

void job_shell_exited (struct job *job, struct shell_ref *s, int status)
{
    if (s->exited)
        return;
    s->exited = true;
    s->status = status;
    list_remove (&s->node);
    fanout_drop (&job->input, s - job->shells);
    answer_input (job, 0);
    if (s == &job->shells[0]) {
        got_written (job, s, SIZE_MAX / 2); /* nobody will */
        if (!job->header_seen) {            /* nor will there be a header */
            end_early (job);
            header_is_kept (job);
        }
    }
    if (status > job->status && !s->spared)
        job->status = status;
    see_failure (job, status);
    if (job->shell_count > 1 && !s->eof_sent && s != &job->shells[0])
        say_eof (job, s);
    job_event (job, "shell-exit", "{\"rank\":%u,\"wait_status\":%d}", s->rank, status);
    if (++job->exited_count == job->shell_count)
        job_finish (job, final_status (job));
}
