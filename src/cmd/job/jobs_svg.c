/* From jobs to bars:
 *   the instance's R -> rows; each job's R -> the rows of its bar
 * A rank of a nested instance is one of the ranks of the job that it is, in order, and
 * cores keep their ids: so its jobs have their place among the same rows.
 *
 * Jobs that never ran, and those whose R is not known, have no bar. */
#include "cmd/job/jobs_svg.h"

#include "cmd/cmd.h"
#include "cmd/format/jobs_fields.h"
#include "cmd/job/instance_info.h"
#include "cmd/picture/timeline.h"
#include "core/connect/within.h"
#include "core/job/uri.h"
#include "value/resource/rset.h"

#include <flux/idset.h>
#include <flux/job.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Requests for R that are on their way at once. */
#define WINDOW 256

struct picture {
    struct timeline *timeline;
    struct rset *R; /* of the outermost instance */
    int **row;      /* by rank and core; -1: none */
    int *cores;     /* length of row[rank] */
    unsigned int ranks;
    json_t *constraint;
    double now;
    bool recursive;
    int errors;
};

/* The outermost ranks that an instance's ranks are. */
struct place {
    unsigned int *ranks;
    unsigned int count;
    int depth;
};

json_t *jobs_svg_attrs (void)
{
    return json_pack ("[s,s,s,s,s,s,s]", "name", "state", "result", "t_run",
                      "t_cleanup", "annotations", "userid");
}

/* --- rows --- */

static void add_rank (struct picture *p, unsigned int rank)
{
    const struct idset *ids = rset_children (p->R, rank, "core");
    const char *host = rset_host (p->R, rank);
    unsigned int last = ids ? idset_last (ids) : IDSET_INVALID_ID;

    if (last == IDSET_INVALID_ID)
        return;
    p->cores[rank] = last + 1;
    if (!(p->row[rank] = malloc (p->cores[rank] * sizeof (int))))
        cmd_die ("out of memory");
    for (int i = 0; i < p->cores[rank]; i++)
        p->row[rank][i] = -1;
    for (unsigned int i = idset_first (ids); i != IDSET_INVALID_ID;
         i = idset_next (ids, i))
        if ((p->row[rank][i] = timeline_add_row (p->timeline, host ? host : "?", i))
            < 0)
            cmd_die ("out of memory");
}

static void add_rows (struct picture *p, flux_t *h)
{
    flux_error_t error = { { 0 } };
    struct idset *ranks;
    json_t *all;
    flux_future_t *f = flux_rpc (h, "resource.sched-status", NULL, 0, 0);

    if (!f || flux_rpc_get_unpack (f, "{s:o}", "all", &all) < 0)
        cmd_die ("ERROR: resource.sched-status: %s", cmd_future_error (f));
    if (!(p->R = rset_decode_json (all, &error)))
        cmd_die ("ERROR: resources: %s", error.text);
    flux_future_destroy (f);
    if (!(ranks = rset_ranks (p->R)))
        cmd_die ("out of memory");
    p->ranks = idset_count (ranks) ? idset_last (ranks) + 1 : 0;
    p->row = calloc (p->ranks + 1, sizeof (*p->row));
    p->cores = calloc (p->ranks + 1, sizeof (*p->cores));
    if (!p->row || !p->cores)
        cmd_die ("out of memory");
    for (unsigned int i = idset_first (ranks); i != IDSET_INVALID_ID;
         i = idset_next (ranks, i))
        add_rank (p, i);
    idset_destroy (ranks);
}

/* --- bars --- */

struct rows {
    int *row;
    size_t count;
    size_t cap;
};

static void add_row (struct rows *rows, int row)
{
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? 2 * rows->cap : 64;
        if (!(rows->row = realloc (rows->row, rows->cap * sizeof (*rows->row))))
            cmd_die ("out of memory");
    }
    rows->row[rows->count++] = row;
}

static void find_rows (struct picture *p, const struct place *place,
                       const struct rset *R, struct rows *rows, struct place *inner)
{
    struct idset *ranks = rset_ranks (R);

    for (unsigned int i = ranks ? idset_first (ranks) : IDSET_INVALID_ID;
         i != IDSET_INVALID_ID; i = idset_next (ranks, i)) {
        const struct idset *cores = rset_children (R, i, "core");
        unsigned int rank = i < place->count ? place->ranks[i] : p->ranks;
        inner->ranks[inner->count++] = rank;
        for (unsigned int c = cores ? idset_first (cores) : IDSET_INVALID_ID;
             c != IDSET_INVALID_ID; c = idset_next (cores, c))
            if (rank < p->ranks && c < (unsigned int)p->cores[rank]
                && p->row[rank][c] >= 0)
                add_row (rows, p->row[rank][c]);
    }
    idset_destroy (ranks);
}

static void draw_instance (struct picture *p, flux_t *h, const struct place *place,
                           json_t *jobs);

static void draw_inner (struct picture *p, json_t *job, const struct place *place)
{
    flux_error_t error = { { 0 } };
    char *uri = uri_form (jobs_uri (job), URI_CONNECT);
    flux_t *h = uri ? open_within (uri, INSTANCE_LIMIT, &error) : NULL;
    json_t *attrs = jobs_svg_attrs ();
    flux_future_t *f = NULL;
    json_t *jobs;

    if (h)
        f = flux_rpc_pack (h, "job-list.list", 0, 0, "{s:i s:O s:O}", "max_entries",
                           1000, "attrs", attrs, "constraint", p->constraint);
    if (f && flux_rpc_get_unpack (f, "{s:o}", "jobs", &jobs) == 0)
        draw_instance (p, h, place, jobs);
    else {
        cmd_warn ("ERROR: %s: %s",
                  cmd_f58 (json_integer_value (json_object_get (job, "id"))),
                  h ? cmd_future_error (f) : error.text);
        p->errors++;
    }
    flux_future_destroy (f);
    flux_close (h);
    json_decref (attrs);
    free (uri);
}

static void draw_job (struct picture *p, json_t *job, const struct place *place,
                      const struct rset *R)
{
    double start = json_number_value (json_object_get (job, "t_run"));
    double end = json_number_value (json_object_get (job, "t_cleanup"));
    const char *name = json_string_value (json_object_get (job, "name"));
    struct place inner = { .depth = place->depth + 1 };
    struct rows rows = { 0 };
    bool box =
        p->recursive && jobs_uri (job) && jobs_is_active (job)
        && (uint32_t)json_integer_value (json_object_get (job, "userid")) == getuid ();

    if (!(inner.ranks = calloc (rset_count (R, "node") + 1, sizeof (*inner.ranks))))
        cmd_die ("out of memory");
    find_rows (p, place, R, &rows, &inner);
    if (timeline_add_bar (
            p->timeline,
            &(struct timeline_bar){
                .name = name ? name : "",
                .id = cmd_f58 (json_integer_value (json_object_get (job, "id"))),
                .state = jobs_status_abbrev (job),
                .start = start,
                .end = end > start            ? end
                       : jobs_is_active (job) ? p->now
                                              : start,
                .depth = place->depth,
                .box = box,
            },
            rows.row, rows.count)
        < 0)
        cmd_die ("out of memory");
    if (box)
        draw_inner (p, job, &inner);
    free (inner.ranks);
    free (rows.row);
}

static flux_future_t *ask_R (flux_t *h, json_t *job)
{
    if (json_number_value (json_object_get (job, "t_run")) <= 0)
        return NULL;
    return flux_rpc_pack (h, "job-info.lookup", 0, 0, "{s:I s:[s] s:i}", "id",
                          json_integer_value (json_object_get (job, "id")), "keys", "R",
                          "flags", 0);
}

static void take_R (struct picture *p, flux_future_t *f, json_t *job,
                    const struct place *place)
{
    const char *s;
    struct rset *R = NULL;

    if (f && flux_rpc_get_unpack (f, "{s:s}", "R", &s) == 0)
        R = rset_decode (s, NULL);
    flux_future_destroy (f);
    if (R)
        draw_job (p, job, place, R);
    rset_destroy (R);
}

static void draw_instance (struct picture *p, flux_t *h, const struct place *place,
                           json_t *jobs)
{
    flux_future_t *f[WINDOW];
    size_t count = json_array_size (jobs);

    for (size_t asked = 0, taken = 0; taken < count; taken++) {
        for (; asked < count && asked < taken + WINDOW; asked++)
            f[asked % WINDOW] = ask_R (h, json_array_get (jobs, asked));
        take_R (p, f[taken % WINDOW], json_array_get (jobs, taken), place);
    }
}

/* --- the picture --- */

static void release (struct picture *p)
{
    for (unsigned int i = 0; i < p->ranks; i++)
        free (p->row[i]);
    free (p->row);
    free (p->cores);
    rset_destroy (p->R);
    timeline_destroy (p->timeline);
}

static void print (struct picture *p, flux_t *h, const char *colors)
{
    struct buf out = BUF_INIT;
    const char *host = flux_attr_get (h, "hostname");
    const char *level = flux_attr_get (h, "instance-level");
    char title[300];

    snprintf (title, sizeof (title), "Flux jobs on %s%s%s", host ? host : "this host",
              level && strcmp (level, "0") != 0 ? ", depth " : "",
              level && strcmp (level, "0") != 0 ? level : "");
    timeline_draw (p->timeline, title,
                   colors && !strcmp (colors, "state") ? TIMELINE_BY_STATE
                                                       : TIMELINE_BY_NAME,
                   &out);
    if (out.err)
        cmd_die ("out of memory");
    buf_print (&out, stdout);
    buf_fini (&out);
}

int jobs_svg (flux_t *h, json_t *jobs, const char *colors, bool recursive,
              json_t *constraint)
{
    struct picture p = {
        .timeline = timeline_create (),
        .constraint = constraint,
        .now = flux_reactor_time (),
        .recursive = recursive,
    };
    struct place place = { 0 };

    if (colors && strcmp (colors, "name") != 0 && strcmp (colors, "state") != 0)
        cmd_die ("ERROR: --svg: '%s' is neither name nor state", colors);
    if (!p.timeline)
        cmd_die ("out of memory");
    add_rows (&p, h);
    if (!(place.ranks = calloc (p.ranks + 1, sizeof (*place.ranks))))
        cmd_die ("out of memory");
    for (place.count = 0; place.count < p.ranks; place.count++)
        place.ranks[place.count] = place.count;
    draw_instance (&p, h, &place, jobs);
    print (&p, h, colors);
    free (place.ranks);
    release (&p);
    return p.errors;
}
