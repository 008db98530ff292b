/* What plugins learn about the job. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "shell/job/layout.h"
#include "shell/plug/plugs.h"
#include "value/resource/rset.h"

/* json_str is the text of take_o, to be freed. */
static int give_text (json_t *take_o, char **json_str)
{
    *json_str = take_o ? json_dumps (take_o, JSON_COMPACT) : NULL;
    json_decref (take_o);
    if (!*json_str) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

int plugs_unpack (json_t *take_o, const char *name, const char *fmt, va_list ap)
{
    if (!take_o || aux_set (&plugs.aux, name, take_o, (flux_free_f)json_decref) < 0) {
        json_decref (take_o);
        return -1;
    }
    return json_vunpack_or (EINVAL, take_o, NULL, fmt, ap);
}

/* Made once, so that what was unpacked from it stays; numbers may change. */
static json_t *make_info (void)
{
    struct shell *sh = plugs.sh;
    char service[64];
    json_t *R = NULL;

    snprintf (service, sizeof (service), "%u-shell-%s", sh->userid, sh->f58_plain);
    json_unpack (sh->start, "{s:o}", "R", &R);
    return json_pack ("{s:I s:i s:i s:s s:{s:b} s:O s:O}", "jobid", (json_int_t)sh->id,
                      "rank", sh->rank, "size", sh->size, "service", service, "options",
                      "standalone", 0, "jobspec", sh->jobspec_json, "R", R);
}

json_t *plugs_info (void)
{
    struct shell *sh = plugs.sh;

    if (!plugs.info && !(plugs.info = make_info ()))
        return NULL;
    json_object_set_new (plugs.info, "ntasks", json_integer (sh->ntasks));
    json_object_set_new (json_object_get (plugs.info, "options"), "verbose",
                         json_boolean (sh->verbose > 0));
    return json_incref (plugs.info);
}

int flux_shell_get_info (flux_shell_t *shell, char **json_str)
{
    return shell && json_str ? give_text (plugs_info (), json_str) : plugs_einval ();
}

int flux_shell_info_unpack (flux_shell_t *shell, const char *fmt, ...)
{
    va_list ap;
    int rc;

    if (!shell || !fmt)
        return plugs_einval ();
    va_start (ap, fmt);
    rc = plugs_unpack (plugs_info (), "flux::info", fmt, ap);
    va_end (ap);
    return rc;
}

/* IDSET_INVALID_ID: the job has no such shell. */
static unsigned int broker_rank (int rank)
{
    struct idset *ranks = rset_ranks (plugs.sh->R);
    unsigned int id = ranks ? idset_first (ranks) : IDSET_INVALID_ID;

    for (; rank > 0 && id != IDSET_INVALID_ID; rank--)
        id = idset_next (ranks, id);
    idset_destroy (ranks);
    return id;
}

static int add_ids (json_t *o, const char *name, const struct idset *ids)
{
    char *s = ids && !idset_empty (ids) ? idset_encode (ids, IDSET_FLAG_RANGE) : NULL;
    int rc = s ? json_object_set_new (o, name, json_string (s)) : 0;

    free (s);
    return rc;
}

/* By the names of both manuals: "cores" of the C API, "core" of the initrc. */
static json_t *resources_of (unsigned int at)
{
    const struct idset *cores = rset_children (plugs.sh->R, at, "core");
    const struct idset *gpus = rset_children (plugs.sh->R, at, "gpu");
    json_t *o = json_pack ("{s:i}", "ncores", cores ? (int)idset_count (cores) : 0);

    if (!o || add_ids (o, "cores", cores) < 0 || add_ids (o, "core", cores) < 0
        || add_ids (o, "gpus", gpus) < 0 || add_ids (o, "gpu", gpus) < 0) {
        json_decref (o);
        return NULL;
    }
    return o;
}

json_t *plugs_rank_info (int rank)
{
    struct shell *sh = plugs.sh;
    int shell_rank = rank == -1 ? sh->rank : rank;
    unsigned int at = shell_rank < 0 ? IDSET_INVALID_ID : broker_rank (shell_rank);
    const char *host;
    json_t *o;

    if (at == IDSET_INVALID_ID || shell_rank >= sh->node_count) {
        errno = EINVAL;
        return NULL;
    }
    host = rset_host (sh->R, at);
    o = json_pack ("{s:i s:s s:i s:i s:o}", "id", shell_rank, "name",
                   host ? host : "localhost", "broker_rank", (int)at, "ntasks",
                   sh->taskmap ? taskmap_ntasks (sh->taskmap, shell_rank)
                               : sh->nodes[shell_rank].tasks,
                   "resources", resources_of (at));
    if (o && sh->taskmap)
        add_ids (o, "taskids", taskmap_taskids (sh->taskmap, shell_rank));
    return o;
}

int flux_shell_get_rank_info (flux_shell_t *shell, int shell_rank, char **json_str)
{
    json_t *o;

    if (!shell || !json_str || shell_rank < -1)
        return plugs_einval ();
    return (o = plugs_rank_info (shell_rank)) ? give_text (o, json_str) : -1;
}

int flux_shell_rank_info_unpack (flux_shell_t *shell, int shell_rank, const char *fmt,
                                 ...)
{
    char name[40];
    va_list ap;
    int rc;

    if (!shell || !fmt || shell_rank < -1)
        return plugs_einval ();
    snprintf (name, sizeof (name), "flux::rank-info.%d", shell_rank);
    va_start (ap, fmt);
    rc = plugs_unpack (plugs_rank_info (shell_rank), name, fmt, ap);
    va_end (ap);
    return rc;
}

static json_t *jobspec_info (void)
{
    const struct jobspec *js = &plugs.sh->jobspec;
    int version = 1;

    json_unpack (plugs.sh->jobspec_json, "{s:i}", "version", &version);
    return json_pack ("{s:i s:i s:i s:i s:i s:i s:i s:b}", "version", version, "ntasks",
                      plugs.sh->ntasks, "nslots", js->nslots, "cores_per_slot",
                      js->cores_per_slot, "gpus_per_slot", js->gpus_per_slot, "nnodes",
                      js->nnodes > 0 ? js->nnodes : -1, "slots_per_node",
                      js->slots_per_node > 0 ? js->slots_per_node : -1,
                      "node_exclusive", js->node_exclusive);
}

int flux_shell_get_jobspec_info (flux_shell_t *shell, char **json_str)
{
    return shell && json_str ? give_text (jobspec_info (), json_str) : plugs_einval ();
}

int flux_shell_jobspec_info_unpack (flux_shell_t *shell, const char *fmt, ...)
{
    va_list ap;
    int rc;

    if (!shell || !fmt)
        return plugs_einval ();
    va_start (ap, fmt);
    rc = plugs_unpack (jobspec_info (), "flux::jobspec-info", fmt, ap);
    va_end (ap);
    return rc;
}

const struct taskmap *flux_shell_get_taskmap (flux_shell_t *shell)
{
    if (!shell || !shell_of (shell)->taskmap) {
        errno = EINVAL;
        return NULL;
    }
    return shell_of (shell)->taskmap;
}

const struct hostlist *flux_shell_get_hostlist (flux_shell_t *shell)
{
    if (!shell || !shell_of (shell)->R) {
        errno = EINVAL;
        return NULL;
    }
    if (!plugs.hosts)
        plugs.hosts = rset_nodelist (shell_of (shell)->R);
    return plugs.hosts;
}

int flux_shell_add_event_context (flux_shell_t *shell, const char *name, int flags,
                                  const char *fmt, ...)
{
    va_list ap;
    json_t *more, *o;
    int rc;

    if (!shell || !name || !fmt)
        return plugs_einval ();
    va_start (ap, fmt);
    more = json_vpack_or (EINVAL, NULL, fmt, ap);
    va_end (ap);
    if (!more)
        return -1;
    if (!json_is_object (more)) {
        json_decref (more);
        return plugs_einval ();
    }
    if ((o = json_object_get (plugs.context, name))) {
        rc = json_object_update (o, more);
        json_decref (more);
    } else
        rc = json_object_set_new (plugs.context, name, more);
    return rc;
}

/* What the shell says itself is not for plugins to change. */
static bool is_ours (const char *key)
{
    return !strcmp (key, "service") || !strcmp (key, "leader-rank")
           || !strcmp (key, "size") || !strcmp (key, "taskmap") || !strcmp (key, "pty");
}

void plugs_context (struct shell *sh, const char *event, struct buf *b)
{
    const char *key;
    json_t *value;

    json_object_foreach (json_object_get (plugs.context, event), key, value) {
        json_t *o = is_ours (key) ? NULL : json_pack ("{s:O}", key, value);
        char *s = o ? json_dumps (o, JSON_COMPACT) : NULL;

        if (s) { /* without its braces */
            buf_addc (b, ',');
            buf_add (b, s + 1, strlen (s) - 2);
        }
        free (s);
        json_decref (o);
    }
}

/* All tasks of the job, on as many nodes. */
static int check_map (const struct taskmap *map, const struct taskmap *block,
                      const char *scheme, flux_error_t *error)
{
    int count = taskmap_total_ntasks (block), nodes = taskmap_nnodes (map);

    if (taskmap_total_ntasks (map) == count && nodes <= taskmap_nnodes (block))
        return 0;
    return error_invalid (
        error, "taskmap: %s: a map of %d tasks on %d nodes, for %d on %d", scheme,
        taskmap_total_ntasks (map), nodes, count, taskmap_nnodes (block));
}

/* What a plugin has made of the map. */
static struct taskmap *take_map (flux_plugin_arg_t *args, const char *scheme,
                                 const struct taskmap *block, flux_error_t *error)
{
    flux_error_t why = { "" };
    struct taskmap *map;
    const char *s;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s:s}", "taskmap", &s)
        < 0) {
        error_invalid (error, "taskmap: %s: the plugin returns no taskmap", scheme);
        return NULL;
    }
    if (!(map = taskmap_decode (s, &why))) {
        error_invalid (error, "taskmap: %s: %.100s", scheme, why.text);
        return NULL;
    }
    if (check_map (map, block, scheme, error) < 0) {
        taskmap_destroy (map);
        errno = EINVAL;
        return NULL;
    }
    return map;
}

struct taskmap *plugs_taskmap (struct shell *sh, const char *scheme, const char *value,
                               const struct taskmap *block, flux_error_t *error)
{
    flux_plugin_arg_t *args;
    struct taskmap *map = NULL;
    const char *failed;
    char topic[128], *s;

    snprintf (topic, sizeof (topic), "taskmap.%s", scheme);
    if (!plugs_listen (topic)) {
        errno = ENOENT;
        return NULL;
    }
    args = flux_plugin_arg_create ();
    s = taskmap_encode (block, TASKMAP_ENCODE_WRAPPED);
    if (!args || !s
        || flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_IN, "{s:s s:s s:s}", "taskmap",
                                 s, "scheme", scheme, "value", value ? value : "")
               < 0)
        error_fail (error, ENOMEM, "out of memory");
    else if (plugs_call (topic, args, true, &failed) < 0)
        error_invalid (error, "plugin '%s': %s failed", failed, topic);
    else
        map = take_map (args, scheme, block, error);
    free (s);
    flux_plugin_arg_destroy (args);
    if (!map)
        errno = EINVAL;
    return map;
}

int plugs_render (struct shell *sh, struct task *task, struct buf *b, const char *tag)
{
    struct task *before = plugs.current;
    flux_plugin_arg_t *args;
    const char *failed, *s;
    char topic[192];
    int rc = -1;

    snprintf (topic, sizeof (topic), "mustache.render.%s", tag);
    if (!plugs_listen (topic) || !(args = flux_plugin_arg_create ()))
        return -1;
    if (task)
        plugs.current = task;
    if (flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_IN, "{s:s}", "tag", tag) == 0
        && plugs_call (topic, args, false, &failed) == 0
        && flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s:s}", "result", &s)
               == 0)
        rc = buf_adds (b, s);
    plugs.current = before;
    flux_plugin_arg_destroy (args);
    return rc;
}

static char *render_failed (void)
{
    errno = EINVAL;
    return NULL;
}

char *flux_shell_mustache_render (flux_shell_t *shell, const char *fmt)
{
    if (!shell || !fmt)
        return render_failed ();
    return shell_render (shell_of (shell), plugs.current, fmt);
}

char *flux_shell_rank_mustache_render (flux_shell_t *shell, int shell_rank,
                                       const char *fmt)
{
    if (!shell || !fmt || shell_rank < 0 || shell_rank >= shell_of (shell)->size)
        return render_failed ();
    return shell_render_rank (shell_of (shell), shell_rank, fmt);
}

char *flux_shell_task_mustache_render (flux_shell_t *shell, flux_shell_task_t *task,
                                       const char *fmt)
{
    if (!shell || !task || !fmt)
        return render_failed ();
    return shell_render (shell_of (shell), (struct task *)task, fmt);
}

bool flux_shell_mustache_is_per_rank (flux_shell_t *shell, const char *fmt)
{
    return shell && fmt
           && (shell_template_per_node (fmt) || shell_template_per_task (fmt));
}
