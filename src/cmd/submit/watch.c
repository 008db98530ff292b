/* One eventlog-watch of guest.output for each job (RFC 24 entries). */
#include "cmd/submit/watch.h"

#include "base/encode.h"
#include "base/list.h"
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct watch {
    flux_t *h;
    enum watch_label label;
    bool failed;
    void (*ended_cb) (void *arg);
    void *arg;
    struct list jobs;
};

struct watched {
    struct list node;
    struct watch *w;
    flux_jobid_t id;
    flux_future_t *f;
    struct log_file *out, *err;
};

static void watched_destroy (struct watched *j)
{
    list_remove (&j->node);
    flux_future_destroy (j->f);
    free (j);
}

static void write_data (FILE *f, const char *label, const char *data, size_t len)
{
    if (!label) {
        fwrite (data, 1, len, f);
        return;
    }
    while (len > 0) {
        const char *nl = memchr (data, '\n', len);
        size_t n = nl ? (size_t)(nl - data) + 1 : len;
        fprintf (f, "%s: ", label);
        fwrite (data, 1, n, f);
        data += n;
        len -= n;
    }
}

static const char *make_label (const struct watched *j, const char *rank, char *buf,
                               size_t len)
{
    if (j->w->label == WATCH_NO_LABEL)
        return NULL;
    if (j->w->label == WATCH_LABEL_RANK)
        return safe (rank);
    snprintf (buf, len, "%s: %s", cmd_f58 (j->id), safe (rank));
    return buf;
}

static void print_data (const struct watched *j, json_t *context)
{
    char label[96];
    const char *stream = "stdout", *rank = "", *data = NULL, *encoding = NULL;
    size_t len = 0;
    char *raw = NULL;
    if (json_unpack (context, "{s:s s:s s?s% s?s}", "stream", &stream, "rank", &rank,
                     "data", &data, &len, "encoding", &encoding)
            < 0
        || !data)
        return;
    if (encoding && !strcmp (encoding, "base64")) {
        ssize_t n;
        if (!(raw = malloc (len / 4 * 3 + 1))
            || (n = base64_decode (raw, data, len)) < 0) {
            free (raw);
            return;
        }
        data = raw;
        len = n;
    }
    FILE *f = !strcmp (stream, "stderr") ? log_stream (j->err, stderr)
                                         : log_stream (j->out, stdout);
    write_data (f, make_label (j, rank, label, sizeof (label)), data, len);
    output_push (f);
    free (raw);
}

static void print_entry (const struct watched *j, const char *line)
{
    json_t *entry = json_loads (line, 0, NULL);
    json_t *context = json_object_get (entry, "context");
    const char *name = json_string_value (json_object_get (entry, "name"));
    if (name && !strcmp (name, "data"))
        print_data (j, context);
    else if (name && !strcmp (name, "redirect")) {
        const char *stream = "", *rank = "", *path = "";
        if (json_unpack (context, "{s:s s:s s:s}", "stream", &stream, "rank", &rank,
                         "path", &path)
            == 0)
            fprintf (log_stream (j->err, stderr), "%s: %s redirected to %s\n",
                     safe (rank), safe (stream), safe (path));
    }
    json_decref (entry);
}

static void output_cb (flux_future_t *f, void *arg)
{
    struct watched *j = arg;
    struct watch *w = j->w;
    const char *line;
    if (flux_job_event_watch_get (f, &line) < 0) {
        /* ENODATA: the end; ENOENT: the job never had output. */
        if (errno != ENODATA && errno != ENOENT) {
            cmd_warn ("ERROR: output: %s", cmd_future_error (f));
            w->failed = true;
        }
        watched_destroy (j);
        w->ended_cb (w->arg);
        return;
    }
    print_entry (j, line);
    flux_future_reset (f);
}

struct watch *watch_create (flux_t *h, enum watch_label label,
                            void (*ended_cb) (void *arg), void *arg)
{
    struct watch *w = calloc (1, sizeof (*w));
    if (w) {
        w->h = h;
        w->label = label;
        w->ended_cb = ended_cb;
        w->arg = arg;
        list_init (&w->jobs);
    }
    return w;
}

void watch_destroy (struct watch *w)
{
    if (!w)
        return;
    list_foreach (&w->jobs, it) {
        watched_destroy (container_of (it, struct watched, node));
    }
    free (w);
}

void watch_add (struct watch *w, flux_jobid_t id, struct log_file *out,
                struct log_file *err)
{
    struct watched *j = calloc (1, sizeof (*j));
    if (!j)
        cmd_die ("out of memory");
    list_init (&j->node);
    j->w = w;
    j->id = id;
    j->out = out;
    j->err = err;
    j->f = flux_job_event_watch (w->h, id, "guest.output",
                                 FLUX_JOB_EVENT_WATCH_WAITCREATE);
    if (!j->f || flux_future_then (j->f, -1, output_cb, j) < 0)
        cmd_die ("ERROR: output: %s", strerror (errno));
    list_append (&w->jobs, &j->node);
}

bool watch_failed (const struct watch *w)
{
    return w->failed;
}

bool watch_idle (const struct watch *w)
{
    return list_empty ((struct list *)&w->jobs);
}
