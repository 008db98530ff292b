/* Jobspecs of version 1 as objects of the public API: a JSON object, changed in place. */
#include <flux/jobspec1.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "value/job/jobspec.h"

struct flux_jobspec1 {
    json_t *obj;
};

static int einval (void)
{
    errno = EINVAL;
    return -1;
}

/* As json_pack; NULL with ENOMEM, or EINVAL for what is no text. */
static json_t *pack (const char *fmt, ...)
{
    va_list ap;
    json_t *o;

    va_start (ap, fmt);
    o = json_vpack_or (EINVAL, NULL, fmt, ap);
    va_end (ap);
    return o;
}

/* Takes value; NULL: it could not be made. -1 as pack. */
static int put (json_t *o, const char *key, json_t *value)
{
    json_t *name;

    if (!value || !(name = pack ("s", key))) {
        json_decref (value);
        return -1;
    }
    json_decref (name);
    if (json_object_set_new (o, key, value) < 0) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

static int append (json_t *a, json_t *value)
{
    if (!value)
        return -1;
    if (json_array_append_new (a, value) < 0) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

/* Takes obj. */
static flux_jobspec1_t *create (json_t *obj)
{
    flux_jobspec1_t *js;

    if (!obj)
        return NULL;
    if (!(js = malloc (sizeof (*js)))) {
        json_decref (obj);
        return NULL;
    }
    js->obj = obj;
    return js;
}

void flux_jobspec1_destroy (flux_jobspec1_t *js)
{
    int saved_errno = errno;

    if (js) {
        json_decref (js->obj);
        free (js);
    }
    errno = saved_errno;
}

static json_t *command (int argc, char **argv)
{
    json_t *a = pack ("[]");

    for (int i = 0; i < argc && a; i++) {
        if (append (a, pack ("s", argv[i])) < 0) {
            json_decref (a);
            return NULL;
        }
    }
    return a;
}

/* What is no text stays away. */
static int add_variable (json_t *o, const char *var)
{
    const char *eq = strchr (var, '=');
    char *name;
    int rc;

    if (!eq)
        return 0;
    if (!(name = strndup (var, eq - var)))
        return -1;
    rc = put (o, name, pack ("s", eq + 1));
    free (name);
    return rc < 0 && errno != EINVAL ? -1 : 0;
}

static json_t *environment (char **env)
{
    json_t *o = pack ("{}");

    for (; env && *env && o; env++) {
        if (add_variable (o, *env) < 0) {
            json_decref (o);
            return NULL;
        }
    }
    return o;
}

/* RFC 25: slot over cores and GPUs, within nodes where they are asked for. */
static json_t *resources (int ntasks, int cores, int gpus, int nnodes)
{
    int slots = nnodes > 0 ? (ntasks + nnodes - 1) / nnodes : ntasks;
    json_t *with = pack ("[{s:s s:i}]", "type", "core", "count", cores);
    json_t *slot;

    if (!with)
        return NULL;
    if (gpus > 0
        && append (with, pack ("{s:s s:i}", "type", "gpu", "count", gpus)) < 0) {
        json_decref (with);
        return NULL;
    }
    slot = pack ("{s:s s:i s:s s:o}", "type", "slot", "count", slots, "label", "task",
                 "with", with);
    if (nnodes == 0 || !slot)
        return slot ? pack ("[o]", slot) : NULL;
    return pack ("[{s:s s:i s:[o]}]", "type", "node", "count", nnodes, "with", slot);
}

flux_jobspec1_t *flux_jobspec1_from_command (int argc, char **argv, char **env,
                                             int ntasks, int cores_per_task,
                                             int gpus_per_task, int nnodes,
                                             double duration)
{
    json_t *args, *vars = NULL, *res = NULL, *count = NULL;

    if (argc < 1 || !argv || ntasks < 1 || cores_per_task < 1 || gpus_per_task < 0
        || nnodes < 0 || nnodes > ntasks || !(duration >= 0.)) {
        errno = EINVAL;
        return NULL;
    }
    if ((args = command (argc, argv)) && (vars = environment (env))
        && (res = resources (ntasks, cores_per_task, gpus_per_task, nnodes))
        && (count = nnodes > 0 && ntasks % nnodes ? pack ("{s:i}", "total", ntasks)
                                                  : pack ("{s:i}", "per_slot", 1)))
        return create (pack ("{s:i s:o s:[{s:o s:s s:o}] s:{s:{s:f s:o}}}", "version",
                             1, "resources", res, "tasks", "command", args, "slot",
                             "task", "count", count, "attributes", "system", "duration",
                             duration, "environment", vars));
    json_decref (args);
    json_decref (vars);
    json_decref (res);
    return NULL;
}

flux_jobspec1_t *flux_jobspec1_decode (const char *s, flux_jobspec1_error_t *error)
{
    json_error_t jerror;
    json_t *obj;

    if (!s) {
        error_invalid (error, "no jobspec is given");
        return NULL;
    }
    if (!(obj = json_decode_or (EINVAL, s, strlen (s), 0, &jerror)))
        return errno == ENOMEM ? error_null (error, ENOMEM, "out of memory")
                               : error_null (error, EINVAL, "line %d: %s", jerror.line,
                                             jerror.text);
    if (!json_is_object (obj)) {
        json_decref (obj);
        error_invalid (error, "a jobspec is a JSON object");
        return NULL;
    }
    return create (obj);
}

char *flux_jobspec1_encode (flux_jobspec1_t *js, size_t flags)
{
    char *s;

    if (!js) {
        errno = EINVAL;
        return NULL;
    }
    if (!(s = json_dumps (js->obj, flags)))
        errno = ENOMEM;
    return s;
}

int flux_jobspec1_check (flux_jobspec1_t *js, flux_jobspec1_error_t *error)
{
    struct jobspec parsed;
    flux_error_t why;

    if (!js)
        return error_invalid (error, "no jobspec is given");
    if (jobspec_parse (js->obj, &parsed, &why) < 0)
        return error_invalid (error, "%s", why.text);
    return 0;
}

/* Attributes may be what they like, except for those that RFC 25 has a type for. */
int flux_jobspec1_attr_check (flux_jobspec1_t *js, flux_jobspec1_error_t *error)
{
    json_t *attrs, *system, *o;

    if (!js)
        return error_invalid (error, "no jobspec is given");
    if (!(attrs = json_object_get (js->obj, "attributes")))
        return error_invalid (error, "attributes must exist");
    if (!json_is_object (attrs))
        return error_invalid (error, "attributes must be an object");
    if ((o = json_object_get (attrs, "user")) && !json_is_object (o))
        return error_invalid (error, "attributes.user must be an object");
    if (!(system = json_object_get (attrs, "system")))
        return error_invalid (error, "attributes.system must exist");
    if (!json_is_object (system))
        return error_invalid (error, "attributes.system must be an object");
    if (!(o = json_object_get (system, "duration")))
        return error_invalid (error, "attributes.system.duration must exist");
    if (!json_is_number (o) || json_number_value (o) < 0.)
        return error_invalid (error,
                              "attributes.system.duration must be a number, 0 or more");
    if ((o = json_object_get (system, "environment")) && !json_is_object (o))
        return error_invalid (error, "attributes.system.environment must be an object");
    if ((o = json_object_get (system, "constraints")) && !json_is_object (o))
        return error_invalid (error, "attributes.system.constraints must be an object");
    if ((o = json_object_get (system, "dependencies")) && !json_is_array (o))
        return error_invalid (error, "attributes.system.dependencies must be an array");
    return 0;
}

/* The object that has the last key of path, which *last gets; NULL with ENOENT, EINVAL
 * or ENOMEM. */
static json_t *parent_of (flux_jobspec1_t *js, const char *path, bool make,
                          const char **last)
{
    static const char *const roots[] = { "attributes.", "user.", "system." };
    char full[1024], *key, *next;
    const char *prefix = "attributes.system.";
    json_t *o = js->obj;
    int len;

    for (int i = 0; i < 3; i++) {
        if (!strncmp (path, roots[i], strlen (roots[i])))
            prefix = i == 0 ? "" : "attributes.";
    }
    len = snprintf (full, sizeof (full), "%s%s", prefix, path);
    if (len >= (int)sizeof (full) || full[len - 1] == '.' || strstr (full, "..")) {
        errno = EINVAL;
        return NULL;
    }
    *last = strrchr (path, '.') ? strrchr (path, '.') + 1 : path;
    for (key = full; (next = strchr (key, '.')); key = next + 1) {
        json_t *child;

        *next = '\0';
        if (!(child = json_object_get (o, key))) {
            if (make && put (o, key, pack ("{}")) < 0)
                return NULL;
            child = json_object_get (o, key);
        }
        if (!json_is_object (child)) {
            errno = child ? EINVAL : ENOENT;
            return NULL;
        }
        o = child;
    }
    return o;
}

int flux_jobspec1_attr_del (flux_jobspec1_t *js, const char *path)
{
    const char *key;
    json_t *o;

    if (!js || !path || path[0] == '\0')
        return einval ();
    if (!(o = parent_of (js, path, false, &key)))
        return errno == ENOENT ? 0 : -1;
    (void)json_object_del (o, key);
    return 0;
}

/* Takes value, NULL for one that could not be made. */
static int set (flux_jobspec1_t *js, const char *path, json_t *value)
{
    const char *key;
    json_t *o;

    if (!value)
        return -1;
    if (!(o = parent_of (js, path, true, &key))) {
        json_decref (value);
        return -1;
    }
    return put (o, key, value);
}

int flux_jobspec1_attr_pack (flux_jobspec1_t *js, const char *path, const char *fmt,
                             ...)
{
    json_t *value;
    va_list ap;

    if (!js || !path || path[0] == '\0' || !fmt)
        return einval ();
    va_start (ap, fmt);
    value = json_vpack_or (EINVAL, NULL, fmt, ap);
    va_end (ap);
    return set (js, path, value);
}

int flux_jobspec1_attr_unpack (flux_jobspec1_t *js, const char *path, const char *fmt,
                               ...)
{
    const char *key;
    json_t *o, *value;
    va_list ap;
    int rc;

    if (!js || !path || path[0] == '\0' || !fmt)
        return einval ();
    if (!(o = parent_of (js, path, false, &key)))
        return -1;
    if (!(value = json_object_get (o, key))) {
        errno = ENOENT;
        return -1;
    }
    va_start (ap, fmt);
    rc = json_vunpack_or (EINVAL, value, NULL, fmt, ap);
    va_end (ap);
    return rc;
}

/* Names of variables may have dots: they are no path. */
int flux_jobspec1_setenv (flux_jobspec1_t *js, const char *name, const char *value,
                          int overwrite)
{
    const char *key;
    json_t *system, *env;

    if (!js || !name || name[0] == '\0' || strchr (name, '=') || !value)
        return einval ();
    if (!(system = parent_of (js, "environment", true, &key)))
        return -1;
    if (!(env = json_object_get (system, key))) {
        if (put (system, key, pack ("{}")) < 0)
            return -1;
        env = json_object_get (system, key);
    }
    if (!json_is_object (env))
        return einval ();
    if (!overwrite && json_object_get (env, name))
        return 0;
    return put (env, name, pack ("s", value));
}

int flux_jobspec1_unsetenv (flux_jobspec1_t *js, const char *name)
{
    const char *key;
    json_t *system;

    if (!js || !name)
        return einval ();
    if ((system = parent_of (js, "environment", false, &key)))
        (void)json_object_del (json_object_get (system, key), name);
    return 0;
}

static int set_file (flux_jobspec1_t *js, const char *option, const char *path)
{
    char type[64], where[64];

    if (!js || !path)
        return einval ();
    snprintf (type, sizeof (type), "shell.options.%s.type", option);
    snprintf (where, sizeof (where), "shell.options.%s.path", option);
    if (flux_jobspec1_attr_pack (js, type, "s", "file") < 0)
        return -1;
    return flux_jobspec1_attr_pack (js, where, "s", path);
}

int flux_jobspec1_set_stdin (flux_jobspec1_t *js, const char *path)
{
    return set_file (js, "input.stdin", path);
}

int flux_jobspec1_set_stdout (flux_jobspec1_t *js, const char *path)
{
    return set_file (js, "output.stdout", path);
}

int flux_jobspec1_set_stderr (flux_jobspec1_t *js, const char *path)
{
    return set_file (js, "output.stderr", path);
}

int flux_jobspec1_set_cwd (flux_jobspec1_t *js, const char *cwd)
{
    if (!cwd)
        return einval ();
    return flux_jobspec1_attr_pack (js, "cwd", "s", cwd);
}
