/* Options, environment, values: what plugins read and set. */
#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "shell/plug/plugs.h"

static int enomem (void)
{
    errno = ENOMEM;
    return -1;
}

/* Somebody asks for an option: its name, without its members. */
static int note (const char *name)
{
    char first[128];
    size_t len = strcspn (name, ".");

    if (len >= sizeof (first))
        return 0;
    memcpy (first, name, len);
    first[len] = '\0';
    return json_object_set_new (plugs.asked, first, json_true ()) < 0 ? enomem () : 0;
}

json_t *plugs_option (const char *name)
{
    (void)note (name);
    return shell_option (plugs.sh, name);
}

bool plugs_claim (struct shell *sh, const char *option)
{
    return json_object_get (plugs.asked, option) || plugs_have (option);
}

static json_t *options (void)
{
    struct jobspec *js = &plugs.sh->jobspec;

    if (!js->shell_options)
        js->shell_options = plugs.own_options = json_object ();
    return js->shell_options;
}

/* The object that has, or will have, the last member of name. NULL with EINVAL or ENOMEM. */
static json_t *parent_of (const char *name, char *last, size_t size)
{
    json_t *o = options (), *next;
    size_t len;

    for (; (len = strcspn (name, ".")) < size && name[len] == '.'; name += len + 1) {
        memcpy (last, name, len);
        last[len] = '\0';
        next = json_object_get (o, last);
        if (!json_is_object (next) /* a switch that gets members */
            && json_object_set_new (o, last, next = json_object ()) < 0)
            o = NULL;
        else
            o = next;
    }
    if (!o || len >= size || len == 0) {
        errno = o ? EINVAL : ENOMEM;
        return NULL;
    }
    memcpy (last, name, len + 1);
    return o;
}

int plugs_set_option (const char *name, json_t *take_value)
{
    char last[128];
    json_t *o = parent_of (name, last, sizeof (last));

    if (!o || note (name) < 0) {
        json_decref (take_value);
        return -1;
    }
    if (!take_value)
        json_object_del (o, last);
    else if (json_object_set_new (o, last, take_value) < 0)
        return enomem ();
    if (!strcmp (name, "verbose"))
        shell_read_verbose (plugs.sh);
    return strcmp (name, "plugin-timeout") ? 0 : guard_read_limit ();
}

int flux_shell_getopt (flux_shell_t *shell, const char *name, char **json_str)
{
    json_t *o;

    if (!shell || !name)
        return plugs_einval ();
    if (note (name) < 0)
        return -1;
    if (!(o = shell_option (plugs.sh, name)))
        return 0;
    if (json_str && !(*json_str = json_dumps (o, JSON_COMPACT | JSON_ENCODE_ANY)))
        return enomem ();
    return 1;
}

int flux_shell_getopt_unpack (flux_shell_t *shell, const char *name, const char *fmt,
                              ...)
{
    va_list ap;
    json_t *o;
    int rc;

    if (!shell || !name || !fmt)
        return plugs_einval ();
    if (note (name) < 0)
        return -1;
    if (!(o = shell_option (plugs.sh, name)))
        return 0;
    va_start (ap, fmt);
    rc = json_vunpack_or (EINVAL, o, NULL, fmt, ap);
    va_end (ap);
    return rc < 0 ? -1 : 1;
}

int flux_shell_setopt (flux_shell_t *shell, const char *name, const char *json_str)
{
    json_t *o = NULL;

    if (!shell || !name)
        return plugs_einval ();
    if (json_str
        && !(o = json_decode_or (EINVAL, json_str, strlen (json_str), JSON_DECODE_ANY,
                                 NULL)))
        return -1;
    return plugs_set_option (name, o);
}

int flux_shell_setopt_pack (flux_shell_t *shell, const char *name, const char *fmt, ...)
{
    va_list ap;
    json_t *o;

    if (!shell || !name || !fmt)
        return plugs_einval ();
    va_start (ap, fmt);
    o = json_vpack_or (EINVAL, NULL, fmt, ap);
    va_end (ap);
    return o ? plugs_set_option (name, o) : -1;
}

const char *flux_shell_getenv (flux_shell_t *shell, const char *name)
{
    if (!shell || !name) {
        errno = EINVAL;
        return NULL;
    }
    return shell_env_get (shell_of (shell), name);
}

int flux_shell_get_environ (flux_shell_t *shell, char **json_str)
{
    struct shell *sh = shell_of (shell);
    json_t *o;

    if (!shell || !json_str)
        return plugs_einval ();
    if (!(o = json_object ()))
        return -1;
    for (int i = 0; i < sh->env_count; i++) {
        char *eq = strchr (sh->env[i], '=');
        char *name = strndup (sh->env[i], eq - sh->env[i]);
        json_t *value = json_string (eq + 1);

        if (name && value) /* bytes that are no text are nothing that JSON can say */
            json_object_set_new (o, name, value);
        free (name);
    }
    *json_str = json_dumps (o, JSON_COMPACT);
    json_decref (o);
    return *json_str ? 0 : -1;
}

int flux_shell_setenvf (flux_shell_t *shell, int overwrite, const char *name,
                        const char *fmt, ...)
{
    va_list ap;
    char *value;
    int rc;

    if (!shell || !name || !name[0] || strchr (name, '=') || !fmt)
        return plugs_einval ();
    if (!overwrite && shell_env_get (shell_of (shell), name)) {
        errno = EEXIST;
        return -1;
    }
    va_start (ap, fmt);
    rc = vasprintf (&value, fmt, ap);
    va_end (ap);
    if (rc < 0)
        return -1;
    rc = shell_env_set (shell_of (shell), name, value);
    free (value);
    return rc;
}

int flux_shell_unsetenv (flux_shell_t *shell, const char *name)
{
    if (!shell || !name)
        return plugs_einval ();
    shell_env_unset (shell_of (shell), name);
    return 0;
}

int flux_shell_aux_set (flux_shell_t *shell, const char *name, void *aux,
                        flux_free_f free_fn)
{
    return shell ? aux_set (&plugs.aux, name, aux, free_fn) : plugs_einval ();
}

void *flux_shell_aux_get (flux_shell_t *shell, const char *name)
{
    if (!shell) {
        errno = EINVAL;
        return NULL;
    }
    return aux_get (plugs.aux, name);
}

/* The name of a reference, owned by the caller. */
static char *ref_name (const char *fmt, va_list ap)
{
    char *name;

    if (vasprintf (&name, fmt, ap) < 0)
        return NULL;
    return name;
}

int flux_shell_add_completion_ref (flux_shell_t *shell, const char *fmt, ...)
{
    va_list ap;
    char *name;
    int count;

    if (!shell || !fmt)
        return plugs_einval ();
    va_start (ap, fmt);
    name = ref_name (fmt, ap);
    va_end (ap);
    if (!name)
        return -1;
    count = json_integer_value (json_object_get (plugs.refs, name)) + 1;
    if (json_object_set_new (plugs.refs, name, json_integer (count)) < 0) {
        errno = EINVAL; /* no text */
        count = -1;
    }
    free (name);
    return count;
}

int flux_shell_remove_completion_ref (flux_shell_t *shell, const char *fmt, ...)
{
    va_list ap;
    char *name;
    int count;

    if (!shell || !fmt)
        return plugs_einval ();
    va_start (ap, fmt);
    name = ref_name (fmt, ap);
    va_end (ap);
    if (!name)
        return -1;
    count = json_integer_value (json_object_get (plugs.refs, name));
    if (count > 1)
        json_object_set_new (plugs.refs, name, json_integer (count - 1));
    else
        json_object_del (plugs.refs, name);
    free (name);
    if (count == 0) {
        errno = ENOENT;
        return -1;
    }
    return 0;
}

void flux_shell_killall (flux_shell_t *shell, int sig)
{
    if (shell && sig > 0)
        shell_tasks_kill (shell_of (shell), sig);
}
