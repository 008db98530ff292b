/* What a shell knows about its job: the start record, options, templates. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell/job/layout.h"
#include "shell/job/mustache.h"
#include "shell/options.h"
#include "shell/plug.h"
#include "shell/shell.h"
#include "value/job/jobid.h"
#include "value/resource/rset.h"

json_t *shell_option (struct shell *sh, const char *path)
{
    json_t *o = sh->jobspec.shell_options;
    char name[64];

    while (o && *path) {
        size_t len = strcspn (path, ".");
        if (len >= sizeof (name))
            return NULL;
        memcpy (name, path, len);
        name[len] = '\0';
        o = json_object_get (o, name);
        path += len + (path[len] == '.');
    }
    return o;
}

static int parse_record (struct shell *sh, const char *text, size_t len,
                         flux_error_t *error)
{
    json_error_t why;
    json_int_t id, userid = 0, window = 0;
    json_t *R;
    int broker_rank = 0;
    int site_plugins = 0;

    sh->facts = json_loadb (text, len, JSON_DISABLE_EOF_CHECK, &why);
    if (!sh->facts
        || json_unpack (sh->facts, "{s:i s:i s:i s:s s:i s:I s:F s?b}", "rank",
                        &sh->rank, "size", &sh->size, "broker_rank", &broker_rank,
                        "jobid_path", &sh->jobid_path, "instance_level",
                        &sh->instance_level, "output_window", &window, "time_left",
                        &sh->time_left, "site_plugins", &site_plugins)
               < 0
        || window < 1) {
        snprintf (error->text, sizeof (error->text), "malformed start record");
        return -1;
    }
    sh->broker_rank = broker_rank;
    sh->site_plugins = site_plugins;
    sh->output_window = window;
    credit_out_init (&sh->credit, window);
    text += why.position;
    len -= why.position;
    sh->start = json_loadb (text, len, JSON_ALLOW_NUL, &why);
    if (!sh->start
        || json_unpack (sh->start, "{s:I s:I s:o s:o}", "id", &id, "userid", &userid,
                        "jobspec", &sh->jobspec_json, "R", &R)
               < 0) {
        snprintf (error->text, sizeof (error->text), "malformed start request: %.100s",
                  why.text);
        return -1;
    }
    sh->userid = userid;
    if (jobspec_parse (sh->jobspec_json, &sh->jobspec, error) < 0)
        return -1;
    return (sh->R = rset_decode_json (R, error)) ? 0 : -1;
}

static int set_names (struct shell *sh)
{
    if (jobid_encode (sh->id, JOBID_F58PLAIN, sh->f58_plain, sizeof (sh->f58_plain))
        < 0)
        return -1;
    snprintf (sh->f58, sizeof (sh->f58), "\xc6\x92%s", sh->f58_plain + 1);
    return 0;
}

int shell_count_tasks (struct shell *sh, flux_error_t *error)
{
    struct idset *ranks = rset_ranks (sh->R);
    int count = ranks ? idset_count (ranks) : 0;
    int i = 0;

    free (sh->nodes);
    sh->nodes = calloc (count + 1, sizeof (*sh->nodes));
    if (!sh->nodes || !ranks) {
        idset_destroy (ranks);
        return -1;
    }
    for (unsigned int rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank), i++) {
        const struct idset *cores = rset_children (sh->R, rank, "core");
        const struct idset *gpus = rset_children (sh->R, rank, "gpu");
        sh->nodes[i].cores = cores ? idset_count (cores) : 0;
        sh->nodes[i].gpus = gpus ? idset_count (gpus) : 0;
    }
    idset_destroy (ranks);
    if (layout_count (sh->nodes, count, &sh->jobspec, error) < 0)
        return -1;
    sh->node_count = count;
    sh->ntasks = 0;
    for (i = 0; i < count; i++)
        sh->ntasks += sh->nodes[i].tasks;
    return 0;
}

/* Schemes of plugins go before ours, so that one can take the place of ours. */
static struct taskmap *map_tasks (struct shell *sh, const char *scheme,
                                  const char *value, flux_error_t *error)
{
    struct taskmap *block, *map;

    if (!scheme || !shell_plug)
        return layout_map (sh->nodes, sh->node_count, scheme, value, error);
    if (!(block = layout_map (sh->nodes, sh->node_count, NULL, NULL, error)))
        return NULL;
    map = shell_plug->taskmap (sh, scheme, value, block, error);
    taskmap_destroy (block);
    if (!map && errno == ENOENT)
        map = layout_map (sh->nodes, sh->node_count, scheme, value, error);
    return map;
}

static int place_tasks (struct shell *sh, flux_error_t *error)
{
    const char *scheme = NULL, *value = NULL;
    json_t *taskmap = shell_option (sh, "taskmap");

    if (taskmap
        && json_unpack (taskmap, "{s:s s?s}", "scheme", &scheme, "value", &value) < 0) {
        snprintf (error->text, sizeof (error->text), "taskmap: expected a scheme");
        return -1;
    }
    if (!(sh->taskmap = map_tasks (sh, scheme, value, error)))
        return -1;
    sh->ntasks = taskmap_total_ntasks (sh->taskmap);
    return 0;
}

static int create_tasks (struct shell *sh)
{
    const struct idset *ids = taskmap_taskids (sh->taskmap, sh->rank);
    int count = ids ? idset_count (ids) : 0;
    int i = 0;

    if (!(sh->tasks = calloc (count + 1, sizeof (*sh->tasks))))
        return -1;
    sh->task_count = count;
    if (fanout_init (&sh->input, count) < 0)
        return -1;
    for (unsigned int id = count ? idset_first (ids) : IDSET_INVALID_ID;
         id != IDSET_INVALID_ID; id = idset_next (ids, id), i++) {
        struct task *t = &sh->tasks[i];
        t->sh = sh;
        t->localid = i;
        t->rank = id;
        snprintf (t->rank_str, sizeof (t->rank_str), "%d", t->rank);
        t->in.fd = t->pmi.fd = t->streams[0].src.fd = t->streams[1].src.fd = -1;
    }
    return 0;
}

static bool claimed (const char *name, void *arg)
{
    return shell_plug && shell_plug->claims (arg, name);
}

int shell_check_options (struct shell *sh, flux_error_t *error)
{
    return options_check (sh->jobspec.shell_options, claimed, sh, error);
}

static int parse_options (struct shell *sh, flux_error_t *error)
{
    json_t *o;

    sh->setpgrp = !option_is_on (shell_option (sh, "nosetpgrp"));
    sh->exit_on_error = option_is_on (shell_option (sh, "exit-on-error"));
    if (shell_pty_init (sh, error) < 0)
        return -1;
    sh->exit_timeout = 30.;
    if ((o = shell_option (sh, "exit-timeout"))
        && option_duration (o, &sh->exit_timeout) < 0)
        sh->exit_timeout = -1.; /* none */
    if ((o = shell_option (sh, "signal"))) {
        json_t *signum = json_object_get (o, "signum");
        sh->signal_num = SIGUSR1;
        if (json_is_integer (o) && json_integer_value (o) > 1)
            sh->signal_num = json_integer_value (o);
        if (signum)
            sh->signal_num = json_integer_value (signum);
        sh->signal_left = 60;
        option_duration (json_object_get (o, "timeleft"), &sh->signal_left);
    }
    return 0;
}

void shell_read_verbose (struct shell *sh)
{
    json_t *o = shell_option (sh, "verbose");
    if (o)
        sh->verbose = json_is_true (o) ? 1 : json_integer_value (o);
}

int shell_parse (struct shell *sh, const char *text, size_t len, flux_error_t *error)
{
    error->text[0] = '\0';
    if (parse_record (sh, text, len, error) < 0 || set_names (sh) < 0
        || shell_count_tasks (sh, error) < 0)
        return -1;
    shell_read_verbose (sh);
    sh->host = rset_host (sh->R, sh->broker_rank);
    if (!sh->host)
        sh->host = "localhost";
    return 0;
}

int shell_place_tasks (struct shell *sh, flux_error_t *error)
{
    error->text[0] = '\0';
    return place_tasks (sh, error) < 0 || create_tasks (sh) < 0
                   || parse_options (sh, error) < 0
               ? -1
               : 0;
}

void shell_fini (struct shell *sh)
{
    free (sh->tasks);
    free (sh->nodes);
    taskmap_destroy (sh->taskmap);
    rset_destroy (sh->R);
    json_decref (sh->facts);
    json_decref (sh->start);
    buf_fini (&sh->scratch);
    buf_fini (&sh->early);
    frame_reader_fini (&sh->in);
}

struct render {
    struct shell *sh;
    struct task *task;
    int rank; /* of the shell that would render it */
};

static int render_id (struct shell *sh, struct buf *b, const char *type)
{
    char text[128];
    enum jobid_type t;

    if (!*type || !strcmp (type, "f58"))
        return buf_adds (b, sh->f58);
    if (jobid_type_parse (type, &t) < 0
        || jobid_encode (sh->id, t, text, sizeof (text)) < 0)
        return -1;
    return buf_adds (b, text);
}

static int render_ids (struct buf *b, const struct idset *ids)
{
    char *s = ids ? idset_encode (ids, IDSET_FLAG_RANGE) : NULL;
    buf_adds (b, s ? s : "");
    free (s);
    return 0;
}

/* The broker's rank where a shell of the job runs. */
static unsigned int broker_rank (struct shell *sh, int rank)
{
    struct idset *ranks;
    unsigned int id;

    if (rank == sh->rank)
        return sh->broker_rank;
    ranks = rset_ranks (sh->R);
    for (id = idset_first (ranks); rank > 0 && id != IDSET_INVALID_ID; rank--)
        id = idset_next (ranks, id);
    idset_destroy (ranks);
    return id;
}

static int render_node (struct render *r, struct buf *b, const char *name)
{
    struct shell *sh = r->sh;
    unsigned int at = broker_rank (sh, r->rank);
    const struct idset *cores = rset_children (sh->R, at, "core");
    const char *host = rset_host (sh->R, at);

    if (!strcmp (name, "id"))
        return buf_printf (b, "%d", r->rank);
    if (!strcmp (name, "name"))
        return buf_adds (b, host ? host : "localhost");
    if (!strcmp (name, "broker_rank"))
        return buf_printf (b, "%u", at);
    if (!strcmp (name, "cores"))
        return render_ids (b, cores);
    if (!strcmp (name, "gpus"))
        return render_ids (b, rset_children (sh->R, at, "gpu"));
    if (!strcmp (name, "ncores"))
        return buf_printf (b, "%zu", cores ? idset_count (cores) : 0);
    return -1;
}

static int render_task (struct task *task, struct buf *b, const char *name)
{
    if (!task)
        return -1;
    if (!strcmp (name, "id") || !strcmp (name, "rank"))
        return buf_printf (b, "%d", task->rank);
    if (!strcmp (name, "index") || !strcmp (name, "localid"))
        return buf_printf (b, "%d", task->localid);
    return -1;
}

static int render_tag (struct buf *b, const char *tag, void *arg)
{
    struct render *r = arg;
    struct shell *sh = r->sh;

    if (!strncmp (tag, "id", 2) && (tag[2] == '\0' || tag[2] == '.'))
        return render_id (sh, b, tag + 2 + (tag[2] == '.'));
    if (!strncmp (tag, "jobid", 5) && (tag[5] == '\0' || tag[5] == '.'))
        return render_id (sh, b, tag + 5 + (tag[5] == '.'));
    if (!strcmp (tag, "name"))
        return buf_adds (b, sh->jobspec.name ? sh->jobspec.name : "");
    if (!strcmp (tag, "nnodes"))
        return buf_printf (b, "%d", sh->size);
    if (!strcmp (tag, "size") || !strcmp (tag, "ntasks"))
        return buf_printf (b, "%d", sh->ntasks);
    if (!strcmp (tag, "tmpdir"))
        return buf_adds (b, sh->tmpdir);
    if (!strcmp (tag, "taskid"))
        return render_task (r->task, b, "id");
    if (!strncmp (tag, "node.", 5) && render_node (r, b, tag + 5) == 0)
        return 0;
    if (!strncmp (tag, "task.", 5) && render_task (r->task, b, tag + 5) == 0)
        return 0;
    return shell_plug ? shell_plug->render (sh, r->task, b, tag) : -1;
}

char *shell_render (struct shell *sh, struct task *task, const char *template)
{
    struct render r = { sh, task, sh->rank };
    return mustache_render (template, render_tag, &r);
}

char *shell_render_rank (struct shell *sh, int rank, const char *template)
{
    struct render r = { sh, NULL, rank };
    return mustache_render (template, render_tag, &r);
}

/* With or without spaces before it, as mustache.c takes it. */
static bool has_tag (const char *template, const char *begin)
{
    for (const char *p = template; (p = strstr (p, "{{")); p++) {
        if (!strncmp (p + 2 + strspn (p + 2, " "), begin, strlen (begin)))
            return true;
    }
    return false;
}

bool shell_template_per_task (const char *template)
{
    return has_tag (template, "task");
}

bool shell_template_per_node (const char *template)
{
    return has_tag (template, "node.") || has_tag (template, "tmpdir");
}
