#include "cmd/web/rows.h"

#include <errno.h>
#include <flux/job.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int rows_init (struct rows *r)
{
    r->order = json_array ();
    r->known = json_object ();
    return r->order && r->known ? 0 : -1;
}

void rows_fini (struct rows *r)
{
    json_decref (r->order);
    json_decref (r->known);
}

static json_t *text_id (json_t *job)
{
    char id[32];
    flux_jobid_t n = json_integer_value (json_object_get (job, "id"));
    if (flux_job_id_encode (n, "f58", id, sizeof (id)) < 0)
        return NULL;
    return json_string (id);
}

/* The job with a text for its id, without what a page does not show. */
static json_t *make_row (json_t *job, json_t *id)
{
    json_t *row = json_copy (job), *uri;
    json_object_set (row, "id", id);
    uri = json_object_get (
        json_object_get (json_object_get (job, "annotations"), "user"), "uri");
    json_object_set_new (row, "instance", json_boolean (uri != NULL));
    json_object_del (row, "annotations");
    return row;
}

json_t *rows_update (struct rows *r, json_t *jobs)
{
    json_t *order = json_array (), *known = json_object (), *changed = json_array ();
    json_t *job, *o = NULL;
    size_t i;
    json_array_foreach (jobs, i, job) {
        json_t *id = text_id (job);
        json_t *row = id ? make_row (job, id) : NULL;
        if (row) {
            json_t *old = json_object_get (r->known, json_string_value (id));
            if (!old || !json_equal (old, row))
                json_array_append (changed, row);
            json_array_append (order, id);
            json_object_set_new (known, json_string_value (id), row);
        }
        json_decref (id);
    }
    if (json_array_size (changed) > 0 || !json_equal (order, r->order))
        o = json_pack ("{s:O s:O}", "order", order, "rows", changed);
    json_decref (changed);
    rows_fini (r);
    r->order = order;
    r->known = known;
    return o;
}

static json_t *state_constraint (const char *state)
{
    if (!strcmp (state, "failed"))
        return json_pack ("{s:[s,s,s]}", "results", "failed", "canceled", "timeout");
    if (!strcmp (state, "running") || !strcmp (state, "pending")
        || !strcmp (state, "inactive") || !strcmp (state, "active"))
        return json_pack ("{s:[s]}", "states", state);
    errno = EINVAL;
    return NULL;
}

static json_t *text_constraint (const char *text)
{
    char *end;
    if (strncmp (text, "user:", 5) != 0)
        return json_pack ("{s:[s]}", "name",
                          strncmp (text, "name:", 5) == 0 ? text + 5 : text);
    struct passwd *pw = getpwnam (text + 5);
    long uid = pw ? (long)pw->pw_uid : strtol (text + 5, &end, 10);
    if (!pw && (end == text + 5 || *end || uid < 0)) {
        errno = EINVAL;
        return NULL;
    }
    return json_pack ("{s:[I]}", "userid", (json_int_t)uid);
}

json_t *rows_constraint (const char *state, const char *queue, const char *text)
{
    json_t *and = json_array (), *o = state_constraint (state);
    if (!o || json_array_append_new (and, o) < 0)
        goto error;
    if (queue && *queue
        && (!(o = json_pack ("{s:[s]}", "queue", queue))
            || json_array_append_new (and, o) < 0))
        goto error;
    if (text && *text
        && (!(o = text_constraint (text)) || json_array_append_new (and, o) < 0))
        goto error;
    return json_pack ("{s:o}", "and", and);
error:
    json_decref (and);
    return NULL;
}
