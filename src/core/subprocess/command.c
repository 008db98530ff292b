#include "core/subprocess/command.h"
#include "base/json/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A NULL-terminated vector of owned strings. */
struct strv {
    char **v;
    int count;
    int cap;
};

static void *invalid (void)
{
    errno = EINVAL;
    return NULL;
}

struct flux_command {
    struct strv argv;
    struct strv env; /* NAME=value */
    struct strv channels;
    struct strv msgchans; /* name, URI, name, URI, ... */
    char *cwd;
    char *label;
    json_t *opts;
};

static int strv_reserve (struct strv *s, int count)
{
    if (count + 1 > s->cap) {
        int cap = s->cap ? s->cap * 2 : 8;
        while (cap < count + 1)
            cap *= 2;
        char **v = realloc (s->v, cap * sizeof (*v));
        if (!v) {
            errno = ENOMEM;
            return -1;
        }
        s->v = v;
        s->cap = cap;
        s->v[s->count] = NULL;
    }
    return 0;
}

static int strv_take (struct strv *s, char *str)
{
    if (!str || strv_reserve (s, s->count + 1) < 0) {
        free (str);
        errno = ENOMEM;
        return -1;
    }
    s->v[s->count++] = str;
    s->v[s->count] = NULL;
    return 0;
}

static void strv_delete (struct strv *s, int n)
{
    free (s->v[n]);
    memmove (s->v + n, s->v + n + 1, (s->count - n) * sizeof (*s->v));
    s->count--;
}

static void strv_fini (struct strv *s)
{
    for (int i = 0; i < s->count; i++)
        free (s->v[i]);
    free (s->v);
}

static int strv_copy (struct strv *dst, char *const *src)
{
    for (; src && *src; src++) {
        if (strv_take (dst, strdup (*src)) < 0)
            return -1;
    }
    return strv_reserve (dst, dst->count);
}

static int env_find (const flux_cmd_t *cmd, const char *name, size_t len)
{
    for (int i = 0; i < cmd->env.count; i++) {
        if (!strncmp (cmd->env.v[i], name, len) && cmd->env.v[i][len] == '=')
            return i;
    }
    return -1;
}

flux_cmd_t *flux_cmd_create (int argc, char *argv[], char **env)
{
    flux_cmd_t *cmd = calloc (1, sizeof (*cmd));

    if (!cmd || !(cmd->opts = json_object ()) || strv_reserve (&cmd->argv, argc) < 0
        || strv_copy (&cmd->env, env) < 0 || strv_reserve (&cmd->channels, 0) < 0)
        goto nomem;
    for (int i = 0; i < argc; i++) {
        if (strv_take (&cmd->argv, strdup (argv[i])) < 0)
            goto nomem;
    }
    return cmd;
nomem:
    flux_cmd_destroy (cmd);
    errno = ENOMEM;
    return NULL;
}

void flux_cmd_destroy (flux_cmd_t *cmd)
{
    if (!cmd)
        return;
    int saved = errno;
    strv_fini (&cmd->argv);
    strv_fini (&cmd->env);
    strv_fini (&cmd->channels);
    strv_fini (&cmd->msgchans);
    free (cmd->cwd);
    free (cmd->label);
    json_decref (cmd->opts);
    free (cmd);
    errno = saved;
}

flux_cmd_t *flux_cmd_copy (const flux_cmd_t *src)
{
    flux_cmd_t *cmd;

    if (!src)
        return invalid ();
    if (!(cmd = flux_cmd_create (src->argv.count, src->argv.v, src->env.v)))
        return NULL;
    if (strv_copy (&cmd->channels, src->channels.v) < 0
        || strv_copy (&cmd->msgchans, src->msgchans.v) < 0
        || (src->cwd && !(cmd->cwd = strdup (src->cwd)))
        || (src->label && !(cmd->label = strdup (src->label)))
        || json_object_update (cmd->opts, src->opts) < 0) {
        flux_cmd_destroy (cmd);
        errno = ENOMEM;
        return NULL;
    }
    return cmd;
}

int flux_cmd_argv_append (flux_cmd_t *cmd, const char *arg)
{
    if (!cmd || !arg) {
        errno = EINVAL;
        return -1;
    }
    return strv_take (&cmd->argv, strdup (arg));
}

int flux_cmd_argv_appendf (flux_cmd_t *cmd, const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;

    if (!cmd || !fmt) {
        errno = EINVAL;
        return -1;
    }
    va_start (ap, fmt);
    int n = vasprintf (&s, fmt, ap);
    va_end (ap);
    return strv_take (&cmd->argv, n < 0 ? NULL : s);
}

int flux_cmd_argv_delete (flux_cmd_t *cmd, int n)
{
    if (!cmd || n < 0 || n >= cmd->argv.count) {
        errno = EINVAL;
        return -1;
    }
    strv_delete (&cmd->argv, n);
    return 0;
}

int flux_cmd_argv_insert (flux_cmd_t *cmd, int n, const char *arg)
{
    char *copy;

    if (!cmd || !arg || n < 0 || n > cmd->argv.count) {
        errno = EINVAL;
        return -1;
    }
    if (strv_take (&cmd->argv, strdup (arg)) < 0)
        return -1;
    copy = cmd->argv.v[cmd->argv.count - 1];
    memmove (cmd->argv.v + n + 1, cmd->argv.v + n,
             (cmd->argv.count - 1 - n) * sizeof (*cmd->argv.v));
    cmd->argv.v[n] = copy;
    return 0;
}

int flux_cmd_env_replace (flux_cmd_t *cmd, char **env)
{
    struct strv new = { 0 };

    if (!cmd) {
        errno = EINVAL;
        return -1;
    }
    if (strv_copy (&new, env) < 0) {
        strv_fini (&new);
        errno = ENOMEM;
        return -1;
    }
    strv_fini (&cmd->env);
    cmd->env = new;
    return 0;
}

int flux_cmd_argc (const flux_cmd_t *cmd)
{
    return cmd ? cmd->argv.count : 0;
}

const char *flux_cmd_arg (const flux_cmd_t *cmd, int n)
{
    return cmd && n >= 0 && n < cmd->argv.count ? cmd->argv.v[n] : invalid ();
}

char *flux_cmd_stringify (const flux_cmd_t *cmd)
{
    size_t len = 1;

    if (!cmd)
        return invalid ();
    for (int i = 0; i < cmd->argv.count; i++)
        len += strlen (cmd->argv.v[i]) + 1;
    char *s = malloc (len);
    char *p = s;
    if (!s)
        return NULL;
    for (int i = 0; i < cmd->argv.count; i++)
        p += sprintf (p, "%s%s", i ? " " : "", cmd->argv.v[i]);
    *p = '\0';
    return s;
}

int flux_cmd_setenvf (flux_cmd_t *cmd, int overwrite, const char *name, const char *fmt,
                      ...)
{
    va_list ap;
    char *value = NULL;
    char *entry = NULL;

    if (!cmd || !name || !fmt || name[0] == '\0' || strchr (name, '=')) {
        errno = EINVAL;
        return -1;
    }
    int i = env_find (cmd, name, strlen (name));
    if (i >= 0 && !overwrite) {
        errno = EEXIST;
        return -1;
    }
    va_start (ap, fmt);
    int n = vasprintf (&value, fmt, ap);
    va_end (ap);
    if (n < 0 || asprintf (&entry, "%s=%s", name, value) < 0)
        entry = NULL;
    if (n >= 0)
        free (value);
    if (!entry) {
        errno = ENOMEM;
        return -1;
    }
    if (i < 0)
        return strv_take (&cmd->env, entry);
    free (cmd->env.v[i]);
    cmd->env.v[i] = entry;
    return 0;
}

void flux_cmd_unsetenv (flux_cmd_t *cmd, const char *name)
{
    int i = cmd && name ? env_find (cmd, name, strlen (name)) : -1;

    if (i >= 0)
        strv_delete (&cmd->env, i);
}

const char *flux_cmd_getenv (const flux_cmd_t *cmd, const char *name)
{
    if (!cmd || !name)
        return invalid ();
    size_t len = strlen (name);
    int i = env_find (cmd, name, len);
    return i < 0 ? NULL : cmd->env.v[i] + len + 1;
}

static int replace (char **dst, const char *src)
{
    char *s = src ? strdup (src) : NULL;
    if (src && !s)
        return -1;
    free (*dst);
    *dst = s;
    return 0;
}

int flux_cmd_setcwd (flux_cmd_t *cmd, const char *cwd)
{
    if (!cmd || !cwd) {
        errno = EINVAL;
        return -1;
    }
    return replace (&cmd->cwd, cwd);
}

const char *flux_cmd_getcwd (const flux_cmd_t *cmd)
{
    return cmd ? cmd->cwd : invalid ();
}

static bool channel_named (const flux_cmd_t *cmd, const char *name)
{
    for (int i = 0; i < cmd->channels.count; i++)
        if (!strcmp (cmd->channels.v[i], name))
            return true;
    for (int i = 0; i < cmd->msgchans.count; i += 2)
        if (!strcmp (cmd->msgchans.v[i], name))
            return true;
    return false;
}

int flux_cmd_add_channel (flux_cmd_t *cmd, const char *name)
{
    if (!cmd || !name || !*name) {
        errno = EINVAL;
        return -1;
    }
    if (channel_named (cmd, name)) {
        errno = EEXIST;
        return -1;
    }
    return strv_take (&cmd->channels, strdup (name));
}

int flux_cmd_add_message_channel (flux_cmd_t *cmd, const char *name, const char *uri)
{
    if (!cmd || !name || !*name || strchr (name, '=') || !uri || !*uri) {
        errno = EINVAL;
        return -1;
    }
    if (channel_named (cmd, name)) {
        errno = EEXIST;
        return -1;
    }
    if (strv_take (&cmd->msgchans, strdup (name)) < 0)
        return -1;
    if (strv_take (&cmd->msgchans, strdup (uri)) < 0) {
        strv_delete (&cmd->msgchans, cmd->msgchans.count - 1);
        return -1;
    }
    return 0;
}

int flux_cmd_setopt (flux_cmd_t *cmd, const char *var, const char *val)
{
    if (!cmd || !var || !val) {
        errno = EINVAL;
        return -1;
    }
    if (json_object_set_new (cmd->opts, var, json_string (val)) < 0) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

const char *flux_cmd_getopt (flux_cmd_t *cmd, const char *var)
{
    return cmd && var ? json_string_value (json_object_get (cmd->opts, var))
                      : invalid ();
}

int flux_cmd_set_label (flux_cmd_t *cmd, const char *label)
{
    if (!cmd || !label || !*label) {
        errno = EINVAL;
        return -1;
    }
    return replace (&cmd->label, label);
}

const char *flux_cmd_get_label (flux_cmd_t *cmd)
{
    return cmd ? cmd->label : invalid ();
}

char **cmd_argv (const flux_cmd_t *cmd)
{
    return cmd->argv.v;
}

char **cmd_env (const flux_cmd_t *cmd)
{
    return cmd->env.v;
}

int cmd_channel_count (const flux_cmd_t *cmd)
{
    return cmd->channels.count;
}

const char *cmd_channel (const flux_cmd_t *cmd, int index)
{
    return cmd->channels.v[index];
}

int cmd_msgchan_count (const flux_cmd_t *cmd)
{
    return cmd->msgchans.count / 2;
}

const char *cmd_msgchan (const flux_cmd_t *cmd, int index, const char **uri)
{
    *uri = cmd->msgchans.v[2 * index + 1];
    return cmd->msgchans.v[2 * index];
}

static json_t *msgchans_encode (const flux_cmd_t *cmd)
{
    json_t *a = json_array ();

    for (int i = 0; a && i < cmd_msgchan_count (cmd); i++) {
        const char *uri, *name = cmd_msgchan (cmd, i, &uri);

        if (json_array_append_new (a, json_pack ("{s:s s:s}", "name", name, "uri", uri))
            < 0) {
            json_decref (a);
            return NULL;
        }
    }
    return a;
}

static json_t *strv_encode (const struct strv *s)
{
    json_t *a = json_array ();
    for (int i = 0; a && i < s->count; i++) {
        if (json_array_append_new (a, json_string (s->v[i])) < 0) {
            json_decref (a);
            return NULL;
        }
    }
    return a;
}

static json_t *env_encode (const struct strv *s)
{
    json_t *o = json_object ();
    for (int i = 0; o && i < s->count; i++) {
        const char *eq = strchr (s->v[i], '=');
        if (!eq || eq == s->v[i])
            continue;
        char *name = strndup (s->v[i], eq - s->v[i]);
        /* names or values that are no text cannot travel in JSON */
        if (name)
            json_object_set_new (o, name, json_string (eq + 1));
        free (name);
    }
    return o;
}

static int encode_into (json_t *o, const flux_cmd_t *cmd)
{
    if ((cmd->msgchans.count > 0
         && json_object_set_new (o, "msgchans", msgchans_encode (cmd)) < 0)
        || (cmd->cwd && json_object_set_new (o, "cwd", json_string (cmd->cwd)) < 0)
        || (cmd->label
            && json_object_set_new (o, "label", json_string (cmd->label)) < 0))
        return -1;
    return 0;
}

json_t *cmd_encode (const flux_cmd_t *cmd)
{
    int saved_errno = errno;
    json_t *o;

    errno = 0;
    o = json_pack ("{s:o s:o s:O s:o}", "cmdline", strv_encode (&cmd->argv), "env",
                   env_encode (&cmd->env), "opts", cmd->opts, "channels",
                   strv_encode (&cmd->channels));
    if (!o || encode_into (o, cmd) < 0 || errno == ENOMEM) { /* a variable would lack */
        json_decref (o);
        if (errno != ENOMEM)
            errno = EINVAL; /* what is no text cannot travel in JSON */
        return NULL;
    }
    errno = saved_errno;
    return o;
}

static int strv_decode (struct strv *s, const json_t *a)
{
    size_t index;
    json_t *value;

    json_array_foreach (a, index, value) {
        if (!json_is_string (value)
            || strv_take (s, strdup (json_string_value (value))) < 0)
            return -1;
    }
    return 0;
}

static int env_decode (flux_cmd_t *cmd, json_t *o)
{
    const char *name;
    json_t *value;

    json_object_foreach (o, name, value) {
        char *entry;
        if (!json_is_string (value) || !*name || strchr (name, '='))
            return -1;
        if (asprintf (&entry, "%s=%s", name, json_string_value (value)) < 0
            || strv_take (&cmd->env, entry) < 0)
            return -1;
    }
    return 0;
}

static int msgchans_decode (flux_cmd_t *cmd, json_t *a)
{
    const char *name, *uri;
    size_t index;
    json_t *value;

    json_array_foreach (a, index, value) {
        if (json_unpack (value, "{s:s s:s}", "name", &name, "uri", &uri) < 0
            || flux_cmd_add_message_channel (cmd, name, uri) < 0)
            return -1;
    }
    return 0;
}

static int opts_decode (flux_cmd_t *cmd, json_t *o)
{
    const char *name;
    json_t *value;

    json_object_foreach (o, name, value) {
        if (!json_is_string (value))
            return -1;
    }
    if (json_object_update (cmd->opts, o) < 0) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

flux_cmd_t *cmd_decode (const json_t *o)
{
    const char *cwd = NULL;
    const char *label = NULL;
    json_t *argv, *env, *opts = NULL, *channels = NULL, *msgchans = NULL;
    flux_cmd_t *cmd;

    if (json_unpack_or (EPROTO, (json_t *)o, "{s?s s:o s:o s?o s?o s?o s?s}", "cwd",
                        &cwd, "cmdline", &argv, "env", &env, "opts", &opts, "channels",
                        &channels, "msgchans", &msgchans, "label", &label)
        < 0)
        return NULL;
    if (!json_is_array (argv) || !json_is_object (env)
        || (opts && !json_is_object (opts)) || (channels && !json_is_array (channels))
        || (msgchans && !json_is_array (msgchans))) {
        errno = EPROTO;
        return NULL;
    }
    if (!(cmd = flux_cmd_create (0, NULL, NULL)))
        return NULL;
    errno = 0;
    if (strv_decode (&cmd->argv, argv) < 0 || env_decode (cmd, env) < 0
        || (opts && opts_decode (cmd, opts) < 0)
        || (channels && strv_decode (&cmd->channels, channels) < 0)
        || (msgchans && msgchans_decode (cmd, msgchans) < 0)
        || replace (&cmd->cwd, cwd) < 0 || replace (&cmd->label, label) < 0) {
        int errnum = errno == ENOMEM ? ENOMEM : EPROTO;
        flux_cmd_destroy (cmd);
        errno = errnum;
        return NULL;
    }
    return cmd;
}
