/* The log: ring, standard error, file, syslog, rank 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/modhost/modules.h"
#include "broker/routing/builtin.h"
#include "broker/routing/router.h"
#include "broker/service/log.h"
#include "broker/service/logline.h"
#include "broker/service/logring.h"

/* A line is cut here. */
#define LINE_MAX_LEN BROKER_LOG_MAX

struct follower {
    struct list node;
    const flux_msg_t *msg;
    uint64_t next;
};

struct log {
    struct broker *b;
    struct logring *ring;
    FILE *file;
    int level, stderr_level, forward_level, critical_level, syslog_level;
    bool syslog_enable;
    bool stderr_local; /* each broker prints, not only the leader */
    bool ending;
    struct list followers;
    struct reactor_task task;
};

static void respond_lines (struct log *lg, struct follower *f)
{
    const char *text;

    if (f->next < logring_first (lg->ring))
        f->next = logring_first (lg->ring);
    while ((text = logring_get (lg->ring, f->next, NULL))) {
        flux_msg_t *rep = flux_response_derive (f->msg, 0);

        f->next++;
        if (rep) {
            flux_msg_set_streaming (rep);
            flux_msg_set_string (rep, text);
            router_response (lg->b, NULL, rep);
        }
    }
}

/* Once in a turn, however many lines came. */
static void serve_followers (void *arg)
{
    struct log *lg = arg;

    list_foreach (&lg->followers, it)
        respond_lines (lg, container_of (it, struct follower, node));
}

static void to_stderr (struct log *lg, const struct logline *line)
{
    char buf[LINE_MAX_LEN + 128];

    if (lg->b->hooks.logged && lg->b->state > STATE_RUN) {
        logline_format (buf, sizeof (buf), line);
        lg->b->hooks.logged (lg->b, line->severity, buf);
    }
    if (line->severity > lg->stderr_level || (lg->b->rank > 0 && !lg->stderr_local))
        return;
    logline_format (buf, sizeof (buf) - 1, line);
    strcat (buf, "\n");
    if (write (STDERR_FILENO, buf, strlen (buf)) < 0)
        return;
}

static bool forward (struct log *lg, const char *text, size_t len,
                     const struct logline *line)
{
    struct broker *b = lg->b;

    if (b->rank == 0 || line->severity > lg->forward_level || !router_parent (b))
        return false;
    (void)broker_rpc_raw (b, "log.append", 0, text, len);
    return true;
}

static void append (struct log *lg, const char *text, size_t len)
{
    struct logline line;

    if (logline_decode (text, len, &line) < 0 || line.severity > lg->level)
        return;
    (void)logring_append (lg->ring, text, line.msg + line.msg_len - text);
    if (!list_empty (&lg->followers))
        reactor_post (lg->b->reactor, &lg->task);
    if (!forward (lg, text, len, &line) && lg->b->rank > 0 && !lg->stderr_local
        && line.severity <= lg->critical_level) {
        /* Nobody else would see it. */
        lg->stderr_local = true;
        to_stderr (lg, &line);
        lg->stderr_local = false;
    } else
        to_stderr (lg, &line);
    if (lg->file && lg->b->rank == 0) {
        fprintf (lg->file, "%.*s\n", (int)(line.msg + line.msg_len - line.timestamp),
                 line.timestamp);
        fflush (lg->file);
    }
    if (lg->syslog_enable && line.severity <= lg->syslog_level)
        syslog (line.severity, "%.*s[%.*s]: %.*s", line.appname_len, line.appname,
                line.hostname_len, line.hostname, line.msg_len, line.msg);
}

static void own_line (struct broker *b, int level, const char *msg)
{
    char text[LINE_MAX_LEN + 128];
    int n = logline_encode (text, sizeof (text), flux_reactor_time (), level, b->rank,
                            "broker", msg);

    append (b->log, text, n);
}

static void log_append (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct logline line;
    const void *text;
    size_t len;

    if (flux_msg_get_payload (msg, &text, &len) < 0 || len == 0) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    if (len > LINE_MAX_LEN)
        len = LINE_MAX_LEN;
    if (logline_decode (text, len, &line) == 0 && line.severity <= LOG_ERR)
        modules_note_error (b, flux_msg_route_last (msg), line.msg, line.msg_len);
    append (arg, text, len);
    broker_respond (b, msg, NULL);
}

static void log_clear (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct log *lg = arg;

    logring_clear (lg->ring);
    broker_respond (b, msg, NULL);
}

static void follower_destroy (struct follower *f)
{
    list_remove (&f->node);
    flux_msg_decref (f->msg);
    free (f);
}

static void log_dmesg (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct log *lg = arg;
    int follow = 0, nobacklog = 0;
    struct follower *f;

    if (!broker_check_streaming (b, msg))
        return;
    if ((flux_msg_has_payload (msg)
         && flux_msg_unpack (msg, "{s?b s?b}", "follow", &follow, "nobacklog",
                             &nobacklog)
                < 0)
        || !(f = calloc (1, sizeof (*f)))) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    list_init (&f->node);
    f->msg = flux_msg_incref (msg);
    f->next = nobacklog ? logring_next (lg->ring) : logring_first (lg->ring);
    respond_lines (lg, f);
    if (follow && !lg->ending)
        list_append (&lg->followers, &f->node);
    else {
        broker_respond_error (b, msg, ENODATA, NULL);
        follower_destroy (f);
    }
}

static void log_cancel (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct log *lg = arg;

    list_foreach (&lg->followers, it) {
        struct follower *f = container_of (it, struct follower, node);

        if (flux_cancel_match (msg, f->msg)) {
            broker_respond_error (b, f->msg, ENODATA, NULL);
            follower_destroy (f);
        }
    }
}

static void log_disconnect (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct log *lg = arg;

    list_foreach (&lg->followers, it) {
        struct follower *f = container_of (it, struct follower, node);

        if (flux_disconnect_match (msg, f->msg))
            follower_destroy (f);
    }
}

void log_end_followers (struct broker *b)
{
    struct log *lg = b->log;

    lg->ending = true;
    serve_followers (lg);
    list_foreach (&lg->followers, it) {
        struct follower *f = container_of (it, struct follower, node);

        broker_respond_error (b, f->msg, ENODATA, NULL);
        follower_destroy (f);
    }
}

static int set_level (const char *name, const char *val, void *arg, flux_error_t *error)
{
    int *level = arg;
    int n = atoi (val);

    if (n < -1 || n > 7) {
        error_text (error, "%s: %s is not between -1 and 7", name, val);
        errno = EINVAL;
        return -1;
    }
    *level = n;
    return 0;
}

static int set_stderr_mode (const char *name, const char *val, void *arg,
                            flux_error_t *error)
{
    struct log *lg = arg;

    if (strcmp (val, "local") != 0 && strcmp (val, "leader") != 0) {
        error_text (error, "%s: must be 'leader' or 'local'", name);
        errno = EINVAL;
        return -1;
    }
    lg->stderr_local = strcmp (val, "local") == 0;
    return 0;
}

static int set_ring_size (const char *name, const char *val, void *arg,
                          flux_error_t *error)
{
    struct log *lg = arg;

    if (logring_resize (lg->ring, atoi (val)) < 0) {
        error_text (error, "%s: %s: %s", name, val, strerror (errno));
        return -1;
    }
    return 0;
}

static int set_syslog (const char *name, const char *val, void *arg,
                       flux_error_t *error)
{
    struct log *lg = arg;

    if ((lg->syslog_enable = atoi (val) != 0))
        openlog ("flux", LOG_NDELAY | LOG_PID, LOG_USER);
    return 0;
}

static int watch (struct broker *b, const char *name, attrs_check_f fn, void *arg)
{
    flux_error_t error;

    if (fn (name, attrs_val (b->attrs, name), arg, &error) < 0) {
        fprintf (stderr, "flux-broker: %s\n", error.text);
        return -1;
    }
    attrs_on_set (b->attrs, name, fn, arg);
    return 0;
}

static const struct builtin table[] = {
    { "log.append", log_append, 0 },
    { "log.dmesg", log_dmesg, 0 },
    { "log.cancel", log_cancel, 0 },
    { "log.clear", log_clear, 0 },
    { NULL },
};

int log_init (struct broker *b)
{
    struct log *lg = calloc (1, sizeof (*lg));
    const char *path = attrs_val (b->attrs, "log-filename");

    if (!lg || !(lg->ring = logring_create (1024))) {
        free (lg);
        return -1;
    }
    lg->b = b;
    list_init (&lg->followers);
    reactor_task_init (&lg->task, serve_followers, lg);
    b->log = lg;
    b->hooks.log = own_line;
    if (path && b->rank == 0 && !(lg->file = fopen (path, "ae"))) {
        fprintf (stderr, "flux-broker: log-filename %s: %s\n", path, strerror (errno));
        return -1;
    }
    if (watch (b, "log-level", set_level, &lg->level) < 0
        || watch (b, "log-stderr-level", set_level, &lg->stderr_level) < 0
        || watch (b, "log-forward-level", set_level, &lg->forward_level) < 0
        || watch (b, "log-critical-level", set_level, &lg->critical_level) < 0
        || watch (b, "log-syslog-level", set_level, &lg->syslog_level) < 0
        || watch (b, "log-syslog-enable", set_syslog, lg) < 0
        || watch (b, "log-stderr-mode", set_stderr_mode, lg) < 0
        || watch (b, "log-ring-size", set_ring_size, lg) < 0)
        return -1;
    builtins_on_disconnect (b, log_disconnect, lg);
    return builtins_add (b, table, lg);
}

void log_fini (struct broker *b)
{
    struct log *lg = b->log;

    if (lg) {
        list_foreach (&lg->followers, it)
            follower_destroy (container_of (it, struct follower, node));
        reactor_task_cancel (&lg->task);
        if (lg->file)
            fclose (lg->file);
        logring_destroy (lg->ring);
        free (lg);
        b->hooks.log = NULL;
        b->log = NULL;
    }
}
