#include "wire.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- to the scheduler --- */

static void add_head (struct buf *b, const struct job *job)
{
    buf_printf (b, "{\"id\":%llu,\"priority\":%lld,\"userid\":%u,\"t_submit\":%.6f,",
                (unsigned long long)job->id, (long long)job->priority, job->userid,
                job->t_submit);
}

void wire_sched_alloc (struct buf *b, const struct job *job)
{
    add_head (b, job);
    buf_adds (b, "\"jobspec\":");
    buf_add (b, job->spec.text, job->spec.len);
    buf_addc (b, '}');
}

void wire_sched_hello (struct buf *b, const struct job *job, const char *R)
{
    add_head (b, job);
    buf_adds (b, "\"R\":");
    buf_adds (b, R);
    buf_addc (b, '}');
}

void wire_sched_cancel (struct buf *b, flux_jobid_t id)
{
    buf_printf (b, "{\"id\":%llu}", (unsigned long long)id);
}

void wire_sched_free (struct buf *b, flux_jobid_t id, struct span R, bool final)
{
    buf_printf (b, "{\"id\":%llu,\"R\":", (unsigned long long)id);
    buf_add (b, R.s, R.len);
    buf_adds (b, final ? ",\"final\":true}" : ",\"final\":false}");
}

/* --- to the exec service --- */

void wire_exec_start (struct buf *b, const struct job *job, const char *R,
                      bool reattach)
{
    buf_printf (b, "{\"id\":%llu,\"userid\":%u,\"reattach\":%s,\"R\":",
                (unsigned long long)job->id, job->userid, reattach ? "true" : "false");
    buf_adds (b, R);
    buf_adds (b, ",\"jobspec\":");
    spec_add_full (&job->spec, b);
    buf_addc (b, '}');
}

/* --- what they say --- */

static int malformed (void)
{
    errno = EPROTO;
    return -1;
}

static int get_int (struct span o, const char *key, int64_t min, int64_t max,
                    int64_t *value)
{
    struct span v;

    if (jsontext_get (o, key, &v) < 0 || !jsontext_int (v, value) || *value < min
        || *value > max)
        return malformed ();
    return 0;
}

static int get_bool (struct span o, const char *key, bool *value)
{
    struct span v;

    if (jsontext_get (o, key, &v) < 0 || !jsontext_bool (v, value))
        return malformed ();
    return 0;
}

/* A copy of a string: *ret is as it was if there is none of that name. */
static int get_string (struct span o, const char *key, char **ret)
{
    struct buf b = BUF_INIT;
    struct span v;

    if (jsontext_get (o, key, &v) < 0)
        return 0;
    if (json_span_unquote (v, &b) < 0) {
        buf_fini (&b);
        return errno == ENOMEM ? -1 : malformed ();
    }
    if (!(*ret = buf_take (&b, NULL))) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

static int need_string (struct span o, const char *key, char **ret)
{
    if (get_string (o, key, ret) < 0)
        return -1;
    return *ret ? 0 : malformed ();
}

static bool is_object (struct span v)
{
    return v.len >= 2 && v.s[0] == '{';
}

static int get_object (struct span o, const char *key, struct span *value)
{
    if (jsontext_get (o, key, value) < 0 || !is_object (*value))
        return malformed ();
    return 0;
}

/* The text may be anything: it has to be one object, to its end. */
static int open_answer (const char *text, struct span *o)
{
    if (jsontext_value (text, strlen (text), o) < 0 || !is_object (*o))
        return malformed ();
    return 0;
}

void sched_answer_fini (struct sched_answer *a)
{
    free (a->note);
    a->note = NULL;
}

static int read_sched (struct span o, struct sched_answer *a)
{
    int64_t id, type;

    if (get_int (o, "id", 1, INT64_MAX, &id) < 0
        || get_int (o, "type", SCHED_SUCCESS, SCHED_CANCEL, &type) < 0)
        return -1;
    a->id = id;
    a->type = type;
    switch (a->type) {
    case SCHED_SUCCESS:
        if (get_object (o, "R", &a->R) < 0)
            return -1;
        (void)get_bool (o, "R_owed", &a->owed);
        (void)jsontext_get (o, "annotations", &a->annotations);
        return 0;
    case SCHED_ANNOTATE:
        return get_object (o, "annotations", &a->annotations);
    case SCHED_DENY: /* it is one, whatever the note is */
        (void)get_string (o, "note", &a->note);
        return 0;
    case SCHED_CANCEL:
        break;
    }
    return 0;
}

int sched_answer_decode (const char *text, struct sched_answer *a)
{
    struct span o;

    *a = (struct sched_answer){ 0 };
    return open_answer (text, &o) < 0 ? -1 : read_sched (o, a);
}

void exec_answer_fini (struct exec_answer *a)
{
    int saved_errno = errno;

    free (a->ranks);
    free (a->kind);
    free (a->note);
    a->ranks = a->kind = a->note = NULL;
    errno = saved_errno;
}

static int exec_type (struct span o, enum exec_answer_type *type)
{
    static const char *const names[] = { "start", "finish", "release", "exception",
                                         "reattached" };
    struct span v, text;

    if (jsontext_get (o, "type", &v) < 0 || !jsontext_plain (v, &text))
        return malformed ();
    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        if (text.len == strlen (names[i]) && memcmp (text.s, names[i], text.len) == 0) {
            *type = i;
            return 0;
        }
    }
    return malformed ();
}

/* Optional. */
static void read_left (struct span data, double *left)
{
    struct span v;
    double d;

    if (jsontext_get (data, "time_left", &v) == 0 && jsontext_number (v, &d) && d > 0
        && isfinite (d))
        *left = d;
}

static int read_exec (struct span o, struct exec_answer *a)
{
    struct span data = { "{}", 2 };
    int64_t id, n;

    if (get_int (o, "id", 1, INT64_MAX, &id) < 0 || exec_type (o, &a->type) < 0)
        return -1;
    a->id = id;
    (void)jsontext_get (o, "data", &data);
    switch (a->type) {
    case EXEC_START:
        read_left (data, &a->left);
        return 0;
    case EXEC_REATTACHED:
        return 0;
    case EXEC_FINISH:
        if (get_int (data, "status", INT_MIN, INT_MAX, &n) < 0)
            return -1;
        a->status = (int)n;
        return 0;
    case EXEC_RELEASE:
        return get_bool (data, "final", &a->final) < 0
                       || need_string (data, "ranks", &a->ranks) < 0
                   ? -1
                   : 0;
    case EXEC_EXCEPTION:
        if (get_int (data, "severity", 0, 7, &n) < 0
            || need_string (data, "type", &a->kind) < 0
            || get_string (data, "note", &a->note) < 0)
            return -1;
        a->severity = (int)n;
        return 0;
    }
    return 0;
}

int exec_answer_decode (const char *text, struct exec_answer *a)
{
    struct span o;

    *a = (struct exec_answer){ 0 };
    if (open_answer (text, &o) < 0)
        return -1;
    if (read_exec (o, a) < 0) {
        exec_answer_fini (a);
        return -1;
    }
    return 0;
}
