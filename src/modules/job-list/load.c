#include "service.h"

#include "value/eventlog.h"

#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_MAX 64

/* A directory on the way to jobs, or a job. */
struct item {
    struct list node;
    struct loader *ld;
    int depth; /* of name parts below "job"; 4: a job */
    flux_future_t *f[3];
    int pending;
    char key[];
};

struct loader {
    struct job_list *jl;
    void (*done) (struct job_list *jl);
    struct list queue;
    struct list active;
    int in_flight;
    int failed;
};

static void go_on (struct loader *ld);

static void item_destroy (struct item *it)
{
    if (it) {
        list_remove (&it->node);
        for (int i = 0; i < 3; i++)
            flux_future_destroy (it->f[i]);
        free (it);
    }
}

void loader_destroy (struct loader *ld)
{
    if (ld) {
        while (!list_empty (&ld->queue))
            item_destroy (list_first (&ld->queue, struct item, node));
        while (!list_empty (&ld->active))
            item_destroy (list_first (&ld->active, struct item, node));
        free (ld);
    }
}

static int push (struct loader *ld, const char *parent, const char *name, int depth)
{
    struct item *it;

    if (!(it = calloc (1, sizeof (*it) + strlen (parent) + strlen (name) + 2)))
        return -1;
    sprintf (it->key, "%s%s%s", parent, *parent ? "." : "", name);
    it->ld = ld;
    it->depth = depth;
    list_init (&it->node);
    list_append (&ld->queue, &it->node);
    return 0;
}

static void finish (struct item *it)
{
    struct loader *ld = it->ld;

    item_destroy (it);
    ld->in_flight--;
    go_on (ld);
}

static json_t *decode (flux_future_t *f)
{
    const void *data;
    size_t len;

    if (flux_kvs_lookup_get_raw (f, &data, &len) < 0)
        return NULL;
    return json_loadb (data ? data : "", len, JSON_ALLOW_NUL, NULL);
}

/* The log is replayed as if it had come from the journal. */
/* A job without a log is about to be submitted: it comes by the journal. */
static int replay (struct job_list *jl, struct item *it, flux_jobid_t id)
{
    json_t *jobspec, *R, *log, *entry;
    const void *data;
    const char *name;
    size_t len, i;

    if (flux_kvs_lookup_get_raw (it->f[0], &data, &len) < 0)
        return errno == ENOENT ? 0 : -1;
    if (!(log = eventlog_decode (data ? data : "", len)))
        return -1;
    jobspec = decode (it->f[1]);
    R = decode (it->f[2]);
    json_array_foreach (log, i, entry) {
        bool submit, alloc;

        if (eventlog_entry_parse (entry, NULL, &name, NULL) < 0)
            continue;
        submit = !strcmp (name, "submit");
        alloc = !strcmp (name, "alloc");
        jobs_event (&jl->jobs, id, entry, submit ? jobspec : NULL, alloc ? R : NULL);
    }
    jobs_write (&jl->jobs);
    json_decref (log);
    json_decref (jobspec);
    json_decref (R);
    return 0;
}

static void job_cb (flux_future_t *f, void *arg)
{
    struct item *it = arg;
    flux_jobid_t id;
    struct job row;

    if (--it->pending > 0)
        return;
    if (flux_job_id_parse (it->key + 4, &id) == 0
        && !jobs_find (&it->ld->jl->jobs, id, &row) && replay (it->ld->jl, it, id) < 0)
        it->ld->failed++;
    job_list_settle (it->ld->jl);
    finish (it);
}

static void dir_cb (flux_future_t *f, void *arg)
{
    struct item *it = arg;
    const flux_kvsdir_t *dir;
    flux_kvsitr_t *itr;
    const char *name;
    flux_jobid_t id;

    if (flux_kvs_lookup_get_dir (f, &dir) == 0 && (itr = flux_kvsitr_create (dir))) {
        while ((name = flux_kvsitr_next (itr))) {
            char dothex[64];

            if (!flux_kvsdir_isdir (dir, name))
                continue;
            snprintf (dothex, sizeof (dothex), "%s.%s", it->key + 4, name);
            if (it->depth == 3 && flux_job_id_parse (dothex, &id) == 0
                && jobs_lookup (&it->ld->jl->jobs, id))
                continue;
            if (push (it->ld, it->key, name, it->depth + 1) < 0)
                it->ld->failed++;
        }
        flux_kvsitr_destroy (itr);
    } else if (errno != ENOENT) {
        it->ld->failed++;
    }
    finish (it);
}

static int send_lookup (struct item *it, int i, int flags, const char *name,
                        flux_continuation_f cb)
{
    char key[256];

    snprintf (key, sizeof (key), "%s%s%s", it->key, *name ? "." : "", name);
    if (!(it->f[i] = flux_kvs_lookup (it->ld->jl->h, KVS_PRIMARY_NAMESPACE, flags, key))
        || flux_future_then (it->f[i], -1., cb, it) < 0)
        return -1;
    it->pending++;
    return 0;
}

static int start (struct item *it)
{
    if (it->depth < 4)
        return send_lookup (it, 0, FLUX_KVS_READDIR, "", dir_cb);
    if (send_lookup (it, 0, 0, "eventlog", job_cb) < 0
        || send_lookup (it, 1, 0, "jobspec", job_cb) < 0
        || send_lookup (it, 2, 0, "R", job_cb) < 0)
        return -1;
    return 0;
}

static void go_on (struct loader *ld)
{
    while (ld->in_flight < IN_FLIGHT_MAX && !list_empty (&ld->queue)) {
        struct item *it = list_first (&ld->queue, struct item, node);

        list_remove (&it->node);
        if (start (it) < 0) {
            ld->failed++;
            item_destroy (it);
            continue;
        }
        list_append (&ld->active, &it->node);
        ld->in_flight++;
    }
    if (ld->in_flight == 0) {
        struct job_list *jl = ld->jl;

        if (ld->failed > 0)
            flux_log (jl->h, 3, "job-list: %d jobs or directories cannot be read",
                      ld->failed);
        ld->done (jl); /* destroys the loader */
    }
}

struct loader *loader_start (struct job_list *jl, void (*done) (struct job_list *jl))
{
    struct loader *ld;
    struct item *it;

    if (!(ld = calloc (1, sizeof (*ld))))
        return NULL;
    list_init (&ld->queue);
    list_init (&ld->active);
    ld->jl = jl;
    ld->done = done;
    if (push (ld, "", "job", 0) < 0)
        goto error;
    it = list_first (&ld->queue, struct item, node);
    list_remove (&it->node);
    list_append (&ld->active, &it->node);
    if (start (it) < 0)
        goto error;
    ld->in_flight = 1;
    return ld;
error:
    loader_destroy (ld);
    return NULL;
}
