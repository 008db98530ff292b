#include "jobdb.h"

#include "base/hashmap.h"
#include "value/eventlog.h"
#include "value/job/jobspec.h"
#include "value/resource/rset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct job *of (const struct order_node *n)
{
    return container_of (n, struct job, node);
}

static int by_id (const struct job *a, const struct job *b)
{
    return a->id < b->id ? -1 : a->id > b->id;
}

static int by_time (const struct order_node *x, const struct order_node *y, int t)
{
    const struct job *a = of (x), *b = of (y);

    if (a->t[t] != b->t[t])
        return a->t[t] > b->t[t] ? -1 : 1;
    return -by_id (a, b);
}

static int pending_before (const struct order_node *x, const struct order_node *y)
{
    const struct job *a = of (x), *b = of (y);

    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    return by_id (a, b);
}

static int running_before (const struct order_node *x, const struct order_node *y)
{
    return by_time (x, y, T_RUN);
}

static int inactive_before (const struct order_node *x, const struct order_node *y)
{
    return by_time (x, y, T_INACTIVE);
}

/* What changes is a tree while events of it come; NULL: it has not changed. */
struct draft {
    json_t *annotations;
    json_t *dependencies; /* an object: descriptions, in their order */
};

static void draft_destroy (void *arg)
{
    struct draft *d = arg;

    json_decref (d->annotations);
    json_decref (d->dependencies);
    free (d);
}

int jobs_init (struct jobs *jobs)
{
    memset (jobs, 0, sizeof (*jobs));
    jobs->kept = JOBS_KEPT;
    pool_init (&jobs->records, sizeof (struct job));
    order_init (&jobs->pending, pending_before);
    order_init (&jobs->running, running_before);
    order_init (&jobs->inactive, inactive_before);
    if (!(jobs->map = idmap_create (NULL)) || !(jobs->strings = intern_create ())
        || !(jobs->drafts = idmap_create (draft_destroy))
        || !(jobs->queues = hashmap_create (free))) {
        jobs_fini (jobs);
        return -1;
    }
    return 0;
}

void jobs_fini (struct jobs *jobs)
{
    size_t pos = 0;
    void *value;

    while (jobs->map && idmap_next (jobs->map, &pos, NULL, &value))
        pool_put (&jobs->records, value);
    pool_fini (&jobs->records);
    idmap_destroy (jobs->map);
    idmap_destroy (jobs->drafts);
    intern_destroy (jobs->strings);
    hashmap_destroy (jobs->queues);
    jobdb_destroy (jobs->db);
    memset (jobs, 0, sizeof (*jobs));
}

struct job *jobs_lookup (struct jobs *jobs, flux_jobid_t id)
{
    return idmap_lookup (jobs->map, id);
}

static void set (struct jobs *jobs, const char **field, const char *s)
{
    const char *old = *field;

    *field = intern_get (jobs->strings, s);
    intern_put (jobs->strings, old);
}

static void set_json (struct jobs *jobs, const char **field, json_t *o)
{
    bool empty = !o || (json_is_object (o) && json_object_size (o) == 0)
                 || (json_is_array (o) && json_array_size (o) == 0);
    char *s = empty ? NULL : json_dumps (o, JSON_COMPACT | JSON_SORT_KEYS);

    set (jobs, field, s);
    free (s);
}

/* Counting */

static int bit_index (unsigned int bit)
{
    return __builtin_ctz (bit);
}

static struct job_counts *queue_counts (struct jobs *jobs, const char *queue)
{
    struct job_counts *c;

    if (!queue)
        return NULL;
    if ((c = hashmap_lookup (jobs->queues, queue)))
        return c;
    if (!(c = calloc (1, sizeof (*c) + strlen (queue) + 1)))
        return NULL;
    strcpy ((char *)(c + 1), queue);
    c->queue = (char *)(c + 1);
    if (hashmap_insert (jobs->queues, queue, c) < 0) {
        free (c);
        return NULL;
    }
    return c;
}

static void count_in (struct job_counts *c, const struct job *job, int n)
{
    if (!c)
        return;
    c->states[bit_index (job->state)] += n;
    if (job->state == FLUX_JOB_STATE_INACTIVE && job->result)
        c->results[bit_index (job->result)] += n;
}

static void count (struct jobs *jobs, const struct job *job, int n)
{
    count_in (&jobs->counts, job, n);
    count_in (queue_counts (jobs, job->queue), job, n);
}

static struct order *order_of (struct jobs *jobs, const struct job *job)
{
    if ((job->state & FLUX_JOB_STATE_RUNNING))
        return &jobs->running;
    return job->state == FLUX_JOB_STATE_INACTIVE ? &jobs->inactive : &jobs->pending;
}

/* A job is taken out before what it is ordered and counted by changes. */
static void take_out (struct jobs *jobs, struct job *job)
{
    count (jobs, job, -1);
    order_remove (order_of (jobs, job), &job->node);
}

static void put_in (struct jobs *jobs, struct job *job)
{
    count (jobs, job, 1);
    order_insert (order_of (jobs, job), &job->node);
}

/* Jobspec and R */

static void set_tasks_per (struct job *job, const struct jobspec *js)
{
    const char *type;
    int n;

    if (js->shell_options
        && json_unpack (js->shell_options, "{s:{s:s s?i}}", "per-resource", "type",
                        &type, "count", &n)
               == 0) {
        job->tasks_per = 1;
        json_unpack (js->shell_options, "{s:{s:i}}", "per-resource", "count",
                     &job->tasks_per);
        job->per_core = !strcmp (type, "core");
    }
}

static void settle_ntasks (struct job *job)
{
    if (job->tasks_per > 0 && job->per_core && job->ncores > 0)
        job->ntasks = job->tasks_per * job->ncores;
    else if (job->tasks_per > 0 && !job->per_core && job->nnodes > 0)
        job->ntasks = job->tasks_per * job->nnodes;
}

static void set_jobspec (struct jobs *jobs, struct job *job, json_t *o)
{
    struct jobspec js;
    flux_error_t error;

    if (jobspec_parse (o, &js, &error) < 0)
        return;
    set (jobs, &job->name, js.name);
    set (jobs, &job->cwd, js.cwd);
    set (jobs, &job->queue, js.queue);
    set (jobs, &job->project, js.project);
    set (jobs, &job->bank, js.bank);
    job->duration = js.duration;
    job->has_duration = true;
    job->ntasks = js.ntasks;
    if (js.nnodes > 0)
        job->nnodes = js.nnodes;
    if (js.cores_per_slot > 0 && !js.node_exclusive)
        job->ncores = js.nslots * js.cores_per_slot;
    set_tasks_per (job, &js);
    settle_ntasks (job);
}

static void set_R (struct jobs *jobs, struct job *job, json_t *o)
{
    struct rset *r;
    struct idset *ranks;
    char *s;

    if (!(r = rset_decode_json (o, NULL)))
        return;
    if ((ranks = rset_ranks (r))) {
        s = idset_encode (ranks, IDSET_FLAG_RANGE);
        set (jobs, &job->ranks, s);
        job->nnodes = idset_count (ranks);
        free (s);
        idset_destroy (ranks);
    }
    s = rset_nodelist_text (r);
    set (jobs, &job->nodelist, s);
    free (s);
    job->ncores = rset_count (r, "core");
    job->expiration = rset_expiration (r);
    job->has_R = true;
    settle_ntasks (job);
    rset_destroy (r);
}

/* A jobspec-update names what it changes by its path. */
static void update_jobspec (struct jobs *jobs, struct job *job, json_t *context)
{
    const char *path;
    json_t *value;

    json_object_foreach (context, path, value) {
        const char *s = json_string_value (value);

        if (!strcmp (path, "attributes.system.duration")) {
            job->duration = json_number_value (value);
            job->has_duration = true;
        } else if (!strcmp (path, "attributes.system.queue")) {
            set (jobs, &job->queue, s);
        } else if (!strcmp (path, "attributes.system.bank")) {
            set (jobs, &job->bank, s);
        } else if (!strcmp (path, "attributes.system.project")) {
            set (jobs, &job->project, s);
        } else if (!strcmp (path, "attributes.system.job.name")) {
            set (jobs, &job->name, s);
        } else if (!strcmp (path, "attributes.system.cwd")) {
            set (jobs, &job->cwd, s);
        }
    }
}

/* Annotations and dependencies */

/* null deletes, objects are merged (RFC 27). */
static void merge (json_t *o, json_t *from)
{
    const char *name;
    json_t *value, *mine;

    json_object_foreach (from, name, value) {
        if (json_is_null (value)) {
            json_object_del (o, name);
        } else if (json_is_object (value)) {
            mine = json_object_get (o, name);
            if (!json_is_object (mine)) {
                mine = json_object ();
                json_object_set_new (o, name, mine);
            }
            merge (mine, value);
            if (json_object_size (mine) == 0)
                json_object_del (o, name);
        } else {
            json_object_set (o, name, value);
        }
    }
}

static struct draft *draft_of (struct jobs *jobs, const struct job *job)
{
    struct draft *d = idmap_lookup (jobs->drafts, job->id);

    if (!d && (d = calloc (1, sizeof (*d)))
        && idmap_insert (jobs->drafts, job->id, d) < 0) {
        free (d);
        d = NULL;
    }
    return d;
}

static json_t *keys_of (json_t *o)
{
    json_t *array = json_array (), *value;
    const char *key;

    json_object_foreach (o, key, value)
        json_array_append_new (array, json_string (key));
    return array;
}

static void draft_write (struct jobs *jobs, struct job *job)
{
    struct draft *d = idmap_take (jobs->drafts, job->id);

    if (!d)
        return;
    if (d->annotations)
        set_json (jobs, &job->annotations, d->annotations);
    if (d->dependencies) {
        json_t *array = keys_of (d->dependencies);
        set_json (jobs, &job->dependencies, array);
        json_decref (array);
    }
    draft_destroy (d);
}

void jobs_write (struct jobs *jobs)
{
    size_t pos = 0;
    uint64_t id;
    struct job *job;

    while (idmap_next (jobs->drafts, &pos, &id, NULL)) {
        if ((job = jobs_lookup (jobs, id)))
            draft_write (jobs, job);
        else
            idmap_remove (jobs->drafts, id);
    }
}

static void annotate (struct jobs *jobs, struct job *job, json_t *from)
{
    struct draft *d;

    if (!json_is_object (from) || !(d = draft_of (jobs, job)))
        return;
    if (!d->annotations && job->annotations)
        d->annotations = json_loads (job->annotations, 0, NULL);
    if (!d->annotations && !(d->annotations = json_object ()))
        return;
    merge (d->annotations, from);
}

/* Those that the text has. */
static json_t *read_dependencies (const char *text)
{
    json_t *o = json_object (), *array = text ? json_loads (text, 0, NULL) : NULL;
    json_t *value;
    size_t i;

    json_array_foreach (array, i, value)
        json_object_set_new (o, json_string_value (value), json_true ());
    json_decref (array);
    return o;
}

static void depend (struct jobs *jobs, struct job *job, json_t *context, bool add)
{
    struct draft *d;
    const char *s;

    if (json_unpack (context, "{s:s}", "description", &s) < 0
        || !(d = draft_of (jobs, job)))
        return;
    if (!d->dependencies && !(d->dependencies = read_dependencies (job->dependencies)))
        return;
    (void)json_object_del (d->dependencies, s); /* who comes again is the last */
    if (add)
        json_object_set_new (d->dependencies, s, json_true ());
}

/* Events */

static void set_state (struct job *job, flux_job_state_t state, int t, double timestamp)
{
    job->state = state;
    if (job->t[t] == 0.)
        job->t[t] = timestamp;
}

static void set_result (struct job *job)
{
    if (job->exception_severity == 0) {
        const char *type = job->exception_type ? job->exception_type : "";

        if (!strcmp (type, "cancel"))
            job->result = FLUX_JOB_RESULT_CANCELED;
        else if (!strcmp (type, "timeout"))
            job->result = FLUX_JOB_RESULT_TIMEOUT;
        else
            job->result = FLUX_JOB_RESULT_FAILED;
    } else if (job->has_waitstatus && job->waitstatus == 0) {
        job->result = FLUX_JOB_RESULT_COMPLETED;
    } else {
        job->result = FLUX_JOB_RESULT_FAILED;
    }
}

static void on_submit (struct job *job, double timestamp, json_t *context)
{
    json_int_t userid = 0;
    int urgency = FLUX_JOB_URGENCY_DEFAULT;

    json_unpack (context, "{s?I s?i}", "userid", &userid, "urgency", &urgency);
    job->userid = userid;
    job->urgency = urgency;
    job->t[T_SUBMIT] = timestamp;
}

static void on_exception (struct jobs *jobs, struct job *job, double timestamp,
                          json_t *context)
{
    const char *type, *note = "";
    int severity;

    if (json_unpack (context, "{s:s s:i s?s}", "type", &type, "severity", &severity,
                     "note", &note)
        < 0)
        return;
    if (job->exception_severity < 0 || severity < job->exception_severity) {
        set (jobs, &job->exception_type, type);
        set (jobs, &job->exception_note, note);
        job->exception_severity = severity;
    }
    if (severity == 0
        && !(job->state & (FLUX_JOB_STATE_CLEANUP | FLUX_JOB_STATE_INACTIVE)))
        set_state (job, FLUX_JOB_STATE_CLEANUP, T_CLEANUP, timestamp);
}

static void on_finish (struct job *job, double timestamp, json_t *context)
{
    int status;

    if (json_unpack (context, "{s:i}", "status", &status) == 0) {
        job->waitstatus = status;
        job->has_waitstatus = true;
    }
    if (job->state == FLUX_JOB_STATE_RUN)
        set_state (job, FLUX_JOB_STATE_CLEANUP, T_CLEANUP, timestamp);
}

static void on_priority (struct job *job, double timestamp, json_t *context)
{
    json_int_t priority;

    if (json_unpack (context, "{s:I}", "priority", &priority) == 0) {
        job->priority = priority;
        job->has_priority = true;
    }
    if (job->state == FLUX_JOB_STATE_PRIORITY)
        set_state (job, FLUX_JOB_STATE_SCHED, T_SCHED, timestamp);
}

static void on_memo (struct jobs *jobs, struct job *job, json_t *context)
{
    json_t *o = json_pack ("{s:O}", "user", context);

    annotate (jobs, job, o);
    json_decref (o);
}

/* The state of a job: rarely more than one comparison that succeeds. */
static void apply_state (struct jobs *jobs, struct job *job, const char *name,
                         double timestamp, json_t *context, json_t *jobspec, json_t *R)
{
    int urgency;

    if (!strcmp (name, "submit")) {
        on_submit (job, timestamp, context);
    } else if (!strcmp (name, "validate")) {
        set_state (job, FLUX_JOB_STATE_DEPEND, T_DEPEND, timestamp);
    } else if (!strcmp (name, "depend")) {
        set_state (job, FLUX_JOB_STATE_PRIORITY, T_PRIORITY, timestamp);
    } else if (!strcmp (name, "priority")) {
        on_priority (job, timestamp, context);
    } else if (!strcmp (name, "alloc")) {
        annotate (jobs, job, json_object_get (context, "annotations"));
        set_state (job, FLUX_JOB_STATE_RUN, T_RUN, timestamp);
    } else if (!strcmp (name, "finish")) {
        on_finish (job, timestamp, context);
    } else if (!strcmp (name, "clean")) {
        set_state (job, FLUX_JOB_STATE_INACTIVE, T_INACTIVE, timestamp);
        set_result (job);
    } else if (!strcmp (name, "exception")) {
        on_exception (jobs, job, timestamp, context);
    } else if (!strcmp (name, "urgency")) {
        if (json_unpack (context, "{s:i}", "urgency", &urgency) == 0)
            job->urgency = urgency;
    } else if (!strcmp (name, "flux-restart")) {
        if (job->state == FLUX_JOB_STATE_SCHED)
            job->state = FLUX_JOB_STATE_PRIORITY;
    } else if (!strcmp (name, "dependency-add")) {
        depend (jobs, job, context, true);
    } else if (!strcmp (name, "dependency-remove")) {
        depend (jobs, job, context, false);
    } else if (!strcmp (name, "annotations")) {
        annotate (jobs, job, json_object_get (context, "annotations"));
    } else if (!strcmp (name, "memo")) {
        on_memo (jobs, job, context);
    } else if (!strcmp (name, "jobspec-update")) {
        update_jobspec (jobs, job, context);
    } else if (!strcmp (name, "resource-update")) {
        json_unpack (context, "{s?F}", "expiration", &job->expiration);
    }
    if (jobspec)
        set_jobspec (jobs, job, jobspec);
    if (R)
        set_R (jobs, job, R);
}

static struct job *job_create (struct jobs *jobs, flux_jobid_t id)
{
    struct job *job;

    if (!(job = pool_get (&jobs->records)))
        return NULL;
    job->id = id;
    job->state = FLUX_JOB_STATE_NEW;
    job->ntasks = job->ncores = job->nnodes = -1;
    job->exception_severity = -1;
    if (idmap_insert (jobs->map, id, job) < 0) {
        pool_put (&jobs->records, job);
        return NULL;
    }
    put_in (jobs, job);
    return job;
}

const char **job_string (struct job *job, int i)
{
    const char **strings[JOB_STRINGS] = { &job->name,           &job->cwd,
                                          &job->queue,          &job->project,
                                          &job->bank,           &job->ranks,
                                          &job->nodelist,       &job->exception_type,
                                          &job->exception_note, &job->annotations,
                                          &job->dependencies };

    return strings[i];
}

/* The record, which is in no order. */
static void job_release (struct jobs *jobs, struct job *job)
{
    for (int i = 0; i < JOB_STRINGS; i++)
        intern_put (jobs->strings, *job_string (job, i));
    idmap_remove (jobs->drafts, job->id);
    idmap_remove (jobs->map, job->id);
    pool_put (&jobs->records, job);
}

static void job_forget (struct jobs *jobs, struct job *job)
{
    take_out (jobs, job);
    job_release (jobs, job);
}

/* Jobs that ended: the newest in memory, the others in the database */

size_t jobs_inactive (const struct jobs *jobs)
{
    return jobs->inactive.count + jobdb_count (jobs->db);
}

static size_t oldest (const struct jobs *jobs, const struct job **batch, size_t max)
{
    struct order_node *n = order_last (&jobs->inactive);
    size_t count = 0;

    for (; n && count < max; n = order_prev (n))
        batch[count++] = of (n);
    return count;
}

static int settle (struct jobs *jobs)
{
    const struct job *batch[JOBS_BATCH];
    size_t n = oldest (jobs, batch, JOBS_BATCH);

    if ((!jobs->db && !(jobs->db = jobdb_create ()))
        || jobdb_put (jobs->db, batch, n) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct job *job = (struct job *)batch[i];

        order_remove (&jobs->inactive, &job->node);
        job_release (jobs, job);
    }
    return 0;
}

int jobs_settle (struct jobs *jobs)
{
    while (jobs->inactive.count >= jobs->kept + JOBS_BATCH
           && jobs->inactive.count >= jobs->retry) {
        if (settle (jobs) < 0) {
            jobs->retry = jobs->inactive.count * 2;
            return -1;
        }
        jobs->retry = 0;
    }
    return 0;
}

struct job *jobs_recall (struct jobs *jobs, flux_jobid_t id)
{
    struct job row, *job;
    int rc = jobs->db ? jobdb_get (jobs->db, id, &row) : 0;

    if (rc <= 0) {
        if (rc == 0)
            errno = ENOENT;
        return NULL;
    }
    if (!(job = pool_get (&jobs->records)))
        return NULL;
    *job = row;
    for (int i = 0; i < JOB_STRINGS; i++)
        *job_string (job, i) = intern_get (jobs->strings, *job_string (&row, i));
    if (idmap_insert (jobs->map, id, job) < 0) {
        job_release (jobs, job);
        errno = ENOMEM;
        return NULL;
    }
    if (jobdb_remove (jobs->db, id) < 0) {
        job_release (jobs, job);
        return NULL;
    }
    order_insert (&jobs->inactive, &job->node);
    return job;
}

const struct job *jobs_find (struct jobs *jobs, flux_jobid_t id, struct job *row)
{
    const struct job *job = jobs_lookup (jobs, id);

    if (!job && jobs->db && jobdb_get (jobs->db, id, row) == 1)
        return row;
    return job;
}

void jobs_cursor_init (struct jobs_cursor *c)
{
    memset (c, 0, sizeof (*c));
    c->t = INFINITY;
}

int jobs_cursor_open (struct jobs *jobs, struct jobs_cursor *c)
{
    struct job last = { .id = c->id };
    struct order_node *n;

    last.t[T_INACTIVE] = c->t;
    n = order_after (&jobs->inactive, &last.node);
    c->kept = n ? of (n) : NULL;
    c->has_row = false;
    c->row_taken = !jobs->db;
    return jobs->db ? jobdb_seek (jobs->db, c->t, c->id) : 0;
}

static int fill_row (struct jobs *jobs, struct jobs_cursor *c)
{
    int rc;

    if (c->has_row || c->row_taken)
        return 0;
    if ((rc = jobdb_next (jobs->db, &c->row)) < 0)
        return -1;
    c->has_row = rc == 1;
    c->row_taken = rc == 0;
    return 0;
}

int jobs_cursor_next (struct jobs *jobs, struct jobs_cursor *c, const struct job **job)
{
    if (fill_row (jobs, c) < 0)
        return -1;
    if (c->has_row
        && (!c->kept || inactive_before (&c->row.node, &c->kept->node) < 0)) {
        *job = &c->row;
        c->has_row = false;
    } else {
        struct order_node *n = c->kept ? order_next (&c->kept->node) : NULL;

        *job = c->kept;
        c->kept = n ? of (n) : NULL;
    }
    if (*job) {
        c->t = (*job)->t[T_INACTIVE];
        c->id = (*job)->id;
    }
    return 0;
}

int jobs_event (struct jobs *jobs, flux_jobid_t id, json_t *entry, json_t *jobspec,
                json_t *R)
{
    struct job *job = jobs_lookup (jobs, id);
    double timestamp;
    const char *name;
    json_t *context;

    if (eventlog_entry_parse (entry, &timestamp, &name, &context) < 0)
        return -1;
    if (!job && strcmp (name, "submit") != 0 && !(job = jobs_recall (jobs, id)))
        return errno == ENOENT ? 0 : -1; /* of a job that was purged */
    if (!job) {
        if (!(job = job_create (jobs, id)))
            return -1;
    } else if (!strcmp (name, "invalidate")) {
        job_forget (jobs, job);
        return 0;
    } else if (job->state == FLUX_JOB_STATE_INACTIVE && strcmp (name, "memo") != 0
               && strcmp (name, "annotations") != 0) {
        return 0; /* seen before, after a restart */
    }
    take_out (jobs, job);
    apply_state (jobs, job, name, timestamp, context, jobspec, R);
    put_in (jobs, job);
    if (jobs->changed)
        jobs->changed (job, jobs->arg);
    return 0;
}

int jobs_purge (struct jobs *jobs, flux_jobid_t id)
{
    struct job *job = jobs_lookup (jobs, id);
    struct job_counts *c;

    if (!job && !(job = jobs_recall (jobs, id)))
        return errno == ENOENT ? 0 : -1;
    if ((c = queue_counts (jobs, job->queue)))
        c->purged++;
    jobs->counts.purged++;
    job_forget (jobs, job);
    return 0;
}

static struct job *first_of (const struct order *o)
{
    struct order_node *n = order_first (o);

    return n ? container_of (n, struct job, node) : NULL;
}

struct job *jobs_next (struct jobs *jobs, const struct job *job, int states)
{
    static const int kinds[] = { FLUX_JOB_STATE_PENDING, FLUX_JOB_STATE_RUNNING };
    const struct order *all[] = { &jobs->pending, &jobs->running };
    struct order_node *n;
    int i = 0;

    if (job) {
        if ((n = order_next (&job->node)))
            return container_of (n, struct job, node);
        while (all[i] != order_of (jobs, job))
            i++;
        i++;
    }
    for (; i < 2; i++)
        if ((kinds[i] & states) && all[i]->root)
            return first_of (all[i]);
    return NULL;
}
