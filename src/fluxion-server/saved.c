#include "fluxion-server/saved.h"

#include "base/encode.h"
#include "base/error.h"
#include "fluxion/match/saved.h"
#include "fluxion/reapi_cli_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the library has to say, in one line. */
static int library_error (reapi_cli_ctx_t *ctx, flux_error_t *error)
{
    int saved = errno;
    char *text = reapi_cli_get_err_msg (ctx);

    for (char *p = text; p && *p; p++)
        if (*p == '\n')
            *p = p[1] ? ' ' : '\0';
    error_fail (error, saved, "%s", text ? text : strerror (saved));
    free (text);
    reapi_cli_clear_err_msg (ctx);
    errno = saved;
    return -1;
}

reapi_cli_ctx_t *saved_init (const char *policy, const char *jgf, flux_error_t *error)
{
    reapi_cli_ctx_t *ctx = reapi_cli_new ();
    json_t *options =
        json_pack ("{s:s s:s}", "load_format", "jgf", "match_format", "jgf_verbose");
    char *text = NULL;

    if (*policy
        && json_object_set_new (options, "matcher_policy", json_string (policy)) < 0)
        error_fail (error, EPROTO, "policy is not UTF-8");
    else if (!ctx || !options || !(text = json_dumps (options, 0)))
        error_fail (error, ENOMEM, "out of memory");
    else if (reapi_cli_initialize (ctx, jgf, text) < 0)
        library_error (ctx, error);
    else {
        free (text);
        json_decref (options);
        return ctx;
    }
    free (text);
    json_decref (options);
    int saved = errno;
    reapi_cli_destroy (ctx);
    errno = saved;
    return NULL;
}

static json_t *save_answer (const struct answer *answer)
{
    char *text = malloc (base64_encoded_size (answer->len));
    json_t *o = NULL;

    if (text) {
        base64_encode (text, answer->data, answer->len);
        o = json_pack ("{s:s s:I s:I s:s}", "id", answer->id, "jobid",
                       (json_int_t)answer->jobid, "question",
                       (json_int_t)answer->question, "data", text);
    }
    free (text);
    return o;
}

static int restore_answer (struct named_graph *g, json_t *o, flux_error_t *error)
{
    json_int_t jobid, question;
    const char *id, *text;
    ssize_t len = -1;
    int rc = -1;

    if (json_unpack (o, "{s:s s:I s:I s:s}", "id", &id, "jobid", &jobid, "question",
                     &question, "data", &text)
        < 0)
        return error_invalid (error, "an answer has no id, jobid, question and data");
    uint8_t *data = malloc (strlen (text) + 1);
    if (data && (len = base64_decode (data, text, strlen (text))) >= 0)
        rc = answers_add (g->answers, id, question, jobid, data, len);
    free (data);
    if (rc < 0)
        return error_fail (error, errno, "answer %.60s: %s", id, strerror (errno));
    return 0;
}

json_t *saved_job (struct named_graph *g, int64_t jobid)
{
    struct scheduler *s = reapi_cli_scheduler (g->ctx);
    struct answer *answer = answers_of_job (g->answers, jobid);
    struct job *job = scheduler_job (s, jobid);
    json_t *o = json_pack ("{s:s s:o*}", "op", "job", "job",
                           job ? scheduler_save_job (s, job) : NULL);

    if (json_object_get (o, "job")
        && (!answer || json_object_set_new (o, "answer", save_answer (answer)) == 0))
        return o;
    json_decref (o);
    return NULL;
}

static bool holds (const struct job *job)
{
    return job->state == JOB_ALLOCATED || job->state == JOB_RESERVED;
}

json_t *saved_snapshot (struct named_graph *g, int64_t jobid)
{
    struct scheduler *s = reapi_cli_scheduler (g->ctx);
    json_t *jobs = json_array (), *o;
    struct job *job;
    bool failed = !jobs;
    size_t pos = 0;

    while (!failed && (job = scheduler_next_job (s, &pos)))
        if (holds (job))
            failed = json_array_append_new (jobs, saved_job (g, job->id)) < 0;
    if (failed) {
        json_decref (jobs);
        return NULL;
    }
    o = json_pack ("{s:I s:I s:O s:I s:o s:o}", "epoch", (json_int_t)g->epoch, "jobid",
                   (json_int_t)jobid, "topology", g->topology, "fingerprint",
                   (json_int_t)scheduler_fingerprint (s), "jobs", jobs, "weights",
                   scheduler_save_weights (s));
    return o;
}

static int apply_job (struct named_graph *g, json_t *change, int64_t *jobid,
                      flux_error_t *error)
{
    json_t *job = json_object_get (change, "job");
    json_t *answer = json_object_get (change, "answer");
    json_int_t id = json_integer_value (json_object_get (job, "id"));
    flux_error_t why;

    if (scheduler_restore_job (reapi_cli_scheduler (g->ctx), job, &why) < 0)
        return error_invalid (error, "job %lld: %s", (long long)id, why.text);
    if (id > *jobid)
        *jobid = id;
    return answer ? restore_answer (g, answer, error) : 0;
}

static int apply_to_ctx (struct named_graph *g, const char *op, json_t *change,
                         flux_error_t *error)
{
    json_int_t id = json_integer_value (json_object_get (change, "jobid"));
    const char *R = json_string_value (json_object_get (change, "R"));
    const char *graph = json_string_value (json_object_get (change, "subgraph"));
    const char *path = json_string_value (json_object_get (change, "path"));
    bool names_job = json_is_integer (json_object_get (change, "jobid"));
    bool full = false;
    int rc = -1;

    errno = EINVAL;
    if (strstr (op, "cancel") && !names_job)
        return error_invalid (error, "%.60s without jobid", op);
    if (strcmp (op, "cancel") == 0) {
        rc = reapi_cli_cancel (g->ctx, id, true);
        full = true;
    } else if (strcmp (op, "partial-cancel") == 0)
        rc = reapi_cli_partial_cancel (g->ctx, id, R, true, &full);
    else if (strcmp (op, "grow") == 0)
        rc = reapi_cli_add_subgraph (g->ctx, graph);
    else if (strcmp (op, "shrink") == 0)
        rc = reapi_cli_remove_subgraph (g->ctx, path);
    else
        return error_invalid (error, "unknown change: %.60s", op);
    if (rc < 0)
        return library_error (g->ctx, error);
    if (full)
        answers_forget (g->answers, id);
    if (graph || path) {
        g->topology_len += strlen (graph ? graph : path);
        return json_array_append (g->topology, change);
    }
    return 0;
}

static int apply (struct named_graph *g, json_t *change, int64_t *jobid,
                  flux_error_t *error)
{
    const char *op = json_string_value (json_object_get (change, "op"));

    if (!op)
        return error_invalid (error, "a change without op");
    if (strcmp (op, "job") == 0)
        return apply_job (g, change, jobid, error);
    return apply_to_ctx (g, op, change, error);
}

static struct named_graph *make (const char *name, json_t *init, flux_error_t *error)
{
    const char *policy, *jgf;
    struct named_graph *g;
    reapi_cli_ctx_t *ctx;

    if (json_unpack (init, "{s:s s:s}", "policy", &policy, "jgf", &jgf) < 0) {
        error_invalid (error, "the topology does not begin with init");
        return NULL;
    }
    if (!(ctx = saved_init (policy, jgf, error)))
        return NULL;
    if (!(g = named_graph_create (name, policy, ctx))
        || !(g->topology = json_pack ("[O]", init))) {
        error_fail (error, ENOMEM, "out of memory");
        named_graph_destroy (g);
        return NULL;
    }
    g->topology_len = strlen (jgf);
    return g;
}

static int apply_all (struct named_graph *g, json_t *list, size_t from, int64_t *jobid,
                      flux_error_t *error)
{
    for (size_t i = from; i < json_array_size (list); i++)
        if (apply (g, json_array_get (list, i), jobid, error) < 0)
            return -1;
    return 0;
}

struct named_graph *saved_load (const char *name, json_t *snapshot, json_t *changes,
                                int64_t *jobid, flux_error_t *error)
{
    json_t *topology, *jobs, *weights;
    json_int_t epoch, last, fingerprint;
    struct named_graph *g;

    if (json_unpack (snapshot, "{s:I s:I s:o s:I s:o s:o}", "epoch", &epoch, "jobid",
                     &last, "topology", &topology, "fingerprint", &fingerprint, "jobs",
                     &jobs, "weights", &weights)
            < 0
        || epoch < 1 || last < 0 || !json_is_array (topology) || !json_is_array (jobs)
        || !json_is_array (weights)) {
        error_invalid (error, "it is no snapshot of a graph");
        return NULL;
    }
    if (last > *jobid)
        *jobid = last;
    if (!(g = make (name, json_array_get (topology, 0), error)))
        return NULL;
    g->epoch = epoch;
    if (apply_all (g, topology, 1, jobid, error) < 0)
        goto error;
    if ((json_int_t)scheduler_fingerprint (reapi_cli_scheduler (g->ctx))
        != fingerprint) {
        error_invalid (error, "the graph is not read as it was when it was saved");
        goto error;
    }
    if (apply_all (g, jobs, 0, jobid, error) == 0
        && scheduler_restore_weights (reapi_cli_scheduler (g->ctx), weights, error) == 0
        && apply_all (g, changes, 0, jobid, error) == 0)
        return g;
error:
    named_graph_destroy (g);
    return NULL;
}
