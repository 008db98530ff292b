/* The stack of plugins: who is called, in which order, and what becomes of a failure. */
#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "shell/plug/plugs.h"

struct plugs plugs;

struct plugin {
    struct list node;
    flux_plugin_t *p;
    /* Another has its name: it is not called any more. It stays in its place, since the
     * stack may just be walked, and open: what it has started may still run. */
    bool retired;
};

int plugs_einval (void)
{
    errno = EINVAL;
    return -1;
}

flux_shell_t *flux_plugin_get_shell (flux_plugin_t *p)
{
    flux_shell_t *shell = p ? flux_plugin_aux_get (p, "flux::shell") : NULL;

    if (!shell)
        errno = EINVAL;
    return shell;
}

static const char *name_of (const struct plugin *pl)
{
    const char *name = flux_plugin_get_name (pl->p);
    return name ? name : "?";
}

static struct plugin *find (const char *name)
{
    list_foreach (&plugs.stack, it) {
        struct plugin *pl = container_of (it, struct plugin, node);
        if (!pl->retired && !strcmp (name_of (pl), name))
            return pl;
    }
    return NULL;
}

const char *plugs_owner (void *function)
{
    Dl_info where;

    if (!dladdr (function, &where) || !where.dli_fname)
        return NULL;
    list_foreach (&plugs.stack, it) {
        struct plugin *pl = container_of (it, struct plugin, node);
        const char *path = pl->retired ? NULL : flux_plugin_get_path (pl->p);
        if (path && !strcmp (path, where.dli_fname))
            return name_of (pl);
    }
    return NULL;
}

bool plugs_have (const char *name)
{
    return find (name) != NULL;
}

bool plugs_listen (const char *topic)
{
    list_foreach (&plugs.stack, it) {
        struct plugin *pl = container_of (it, struct plugin, node);
        if (!pl->retired && flux_plugin_match_handler (pl->p, topic))
            return true;
    }
    return false;
}

int plugs_add (flux_plugin_t *take_p, flux_error_t *error)
{
    struct plugin *pl = calloc (1, sizeof (*pl));
    struct plugin *old;

    if (!pl) {
        flux_plugin_destroy (take_p);
        return error_fail (error, ENOMEM, "out of memory");
    }
    pl->p = take_p;
    old = find (name_of (pl));
    if (old)
        old->retired = true;
    list_init (&pl->node);
    list_append (&plugs.stack, &pl->node);
    return 0;
}

/* The name that <flux/shell.h> has left in the object; it is open already. */
static void take_name (flux_plugin_t *p, const char *path)
{
    void *dso = dlopen (path, RTLD_LAZY | RTLD_NOLOAD);
    const char *name = dso ? dlsym (dso, "flux_shell_plugin_name") : NULL;

    if (name && name[0] && !strcmp (flux_plugin_get_name (p), path))
        flux_plugin_set_name (p, name);
    if (dso)
        dlclose (dso);
}

static int load_one (const char *path, const char *conf, flux_error_t *error)
{
    flux_plugin_t *p = flux_plugin_create ();
    struct guard before;
    int rc;

    if (!p)
        return error_fail (error, ENOMEM, "out of memory");
    if (flux_plugin_aux_set (p, "flux::shell", plugs.sh, NULL) < 0
        || (conf && flux_plugin_set_conf (p, conf) < 0)) {
        error_fail (error, errno, "plugin %s: %s", path, flux_plugin_strerror (p));
        flux_plugin_destroy (p);
        return -1;
    }
    before = guard_enter (path, "flux_plugin_init");
    rc = flux_plugin_load_dso (p, path);
    guard_leave (before);
    if (rc < 0) {
        error_fail (error, EINVAL, "plugin %s: %s", path, flux_plugin_strerror (p));
        flux_plugin_destroy (p);
        return -1;
    }
    take_name (p, path);
    return plugs_add (p, error);
}

static int load_glob (const char *pattern, const char *conf, int *count,
                      flux_error_t *error)
{
    glob_t gl;
    int rc = 0;

    if (glob (pattern, 0, NULL, &gl) != 0)
        return 0;
    for (size_t i = 0; rc == 0 && i < gl.gl_pathc; i++, (*count)++)
        rc = load_one (gl.gl_pathv[i], conf, error);
    globfree (&gl);
    return rc;
}

static int load_searched (const char *name, const char *conf, int *count,
                          flux_error_t *error)
{
    const char *p = plugs.searchpath ? plugs.searchpath : "";
    char pattern[4096];

    for (; *p; p += *p == ':') {
        int len = strcspn (p, ":");
        if (len > 0
            && snprintf (pattern, sizeof (pattern), "%.*s/%s", len, p, name)
                   < (int)sizeof (pattern)
            && load_glob (pattern, conf, count, error) < 0)
            return -1;
        p += len;
    }
    return 0;
}

int plugs_load (const char *pattern, const char *conf, flux_error_t *error)
{
    bool searched =
        pattern[0] != '/' && strncmp (pattern, "./", 2) && strncmp (pattern, "../", 3);
    char beside[4096];
    int count = 0;

    if (!searched && pattern[0] != '/' && plugs.rcdir
        && snprintf (beside, sizeof (beside), "%s/%s", plugs.rcdir, pattern)
               < (int)sizeof (beside))
        pattern = beside;
    if ((searched ? load_searched (pattern, conf, &count, error)
                  : load_glob (pattern, conf, &count, error))
        < 0)
        return -1;
    if (count == 0 && !strpbrk (pattern, "*?["))
        return error_fail (error, ENOENT, "plugin %s: not found%s%s", pattern,
                           searched ? " in " : "", searched ? plugs.searchpath : "");
    return 0;
}

int plugs_call (const char *topic, flux_plugin_arg_t *args, bool stop_at_failure,
                const char **failed)
{
    int rc = 0;

    list_foreach (&plugs.stack, it) {
        struct plugin *pl = container_of (it, struct plugin, node);

        if (pl->retired)
            continue;
        struct guard before = guard_enter (name_of (pl), topic);
        int result = flux_plugin_call (pl->p, topic, args);
        guard_leave (before);
        if (result >= 0)
            continue;
        rc = -1;
        *failed = name_of (pl);
        if (stop_at_failure)
            break;
    }
    return rc;
}

int plugs_topic (struct shell *sh, const char *topic, struct task *task)
{
    flux_plugin_arg_t *args;
    int rc;

    if (list_empty (&plugs.stack))
        return 0;
    if (!(args = flux_plugin_arg_create ()))
        return -1;
    rc = plugs_topic_with (sh, topic, args, task);
    flux_plugin_arg_destroy (args);
    return rc;
}

int plugs_topic_with (struct shell *sh, const char *topic, flux_plugin_arg_t *args,
                      struct task *task)
{
    struct task *before = plugs.current;
    const char *failed;
    int rc;

    plugs.current = task;
    rc = plugs_call (topic, args, true, &failed);
    plugs.current = before;
    if (rc < 0) {
        shell_fatal (sh, 1, "plugin '%s': %s failed", failed, topic);
        errno = ECANCELED;
    }
    return rc;
}

int flux_shell_plugstack_call (flux_shell_t *shell, const char *topic,
                               flux_plugin_arg_t *args)
{
    const char *failed;

    if (!shell || !topic)
        return plugs_einval ();
    return plugs_call (topic, args, false, &failed);
}

static void destroy_stack (void)
{
    struct list *node;

    while ((node = list_pop (&plugs.stack))) {
        struct plugin *pl = container_of (node, struct plugin, node);
        flux_plugin_destroy (pl->p);
        free (pl);
    }
}

void plugs_fini (struct shell *sh)
{
    plugs_tasks_fini (sh);
    aux_destroy (&plugs.aux); /* while the code is there */
    plugs_disconnect ();
    destroy_stack ();
    plugs_rc_fini ();
    json_decref (plugs.asked);
    json_decref (plugs.info);
    json_decref (plugs.context);
    json_decref (plugs.refs);
    json_decref (plugs.own_options);
    hostlist_destroy (plugs.hosts);
    free (plugs.hwloc_xml);
    free (plugs.searchpath);
    free (plugs.rcdir);
    plugs.sh = NULL;
}
