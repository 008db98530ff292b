/* What a plugin is called with, and what it answers. */
#include <flux/plugin.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"

struct flux_plugin_arg {
    json_t *objects[2]; /* by FLUX_PLUGIN_ARG_IN and _OUT; NULL: none yet */
    char error[160];
};

static int fail (flux_plugin_arg_t *args, int errnum, const char *text)
{
    if (args)
        snprintf (args->error, sizeof (args->error), "%s", text);
    errno = errnum;
    return -1;
}

/* errno is what json_*_or has said. */
static int fail_json (flux_plugin_arg_t *args, const json_error_t *error)
{
    return fail (args, errno, errno == ENOMEM ? "out of memory" : error->text);
}

/* NULL with EINVAL: args or flags are invalid. */
static json_t **object (flux_plugin_arg_t *args, int flags)
{
    if (!args || (flags & ~(FLUX_PLUGIN_ARG_OUT | FLUX_PLUGIN_ARG_REPLACE))) {
        fail (args, EINVAL, "invalid argument");
        return NULL;
    }
    return &args->objects[flags & FLUX_PLUGIN_ARG_OUT];
}

flux_plugin_arg_t *flux_plugin_arg_create (void)
{
    return calloc (1, sizeof (flux_plugin_arg_t));
}

void flux_plugin_arg_destroy (flux_plugin_arg_t *args)
{
    int saved_errno = errno;

    if (args) {
        json_decref (args->objects[0]);
        json_decref (args->objects[1]);
        free (args);
    }
    errno = saved_errno;
}

const char *flux_plugin_arg_strerror (flux_plugin_arg_t *args)
{
    return args ? args->error : "invalid argument";
}

/* Takes o. */
static int put (flux_plugin_arg_t *args, int flags, json_t *o)
{
    json_t **old = &args->objects[flags & FLUX_PLUGIN_ARG_OUT];
    int rc;

    if (!json_is_object (o)) {
        json_decref (o);
        return fail (args, EINVAL, "not a JSON object");
    }
    if (*old && !(flags & FLUX_PLUGIN_ARG_REPLACE)) {
        rc = json_object_update_recursive (*old, o);
        json_decref (o);
        return rc < 0 ? fail (args, ENOMEM, "out of memory") : 0;
    }
    json_decref (*old);
    *old = o;
    return 0;
}

int flux_plugin_arg_set (flux_plugin_arg_t *args, int flags, const char *json_str)
{
    json_t **old = object (args, flags);
    json_error_t error;
    json_t *o;

    if (!old)
        return -1;
    if (!json_str) {
        json_decref (*old);
        *old = NULL;
        return 0;
    }
    if (!(o = json_decode_or (EINVAL, json_str, strlen (json_str), 0, &error)))
        return fail_json (args, &error);
    return put (args, flags, o);
}

int flux_plugin_arg_get (flux_plugin_arg_t *args, int flags, char **json_str)
{
    json_t **o = object (args, flags);

    if (!o)
        return -1;
    if (!*o)
        return fail (args, ENOENT, "no arguments are set");
    if (json_str && !(*json_str = json_dumps (*o, JSON_COMPACT)))
        return fail (args, ENOMEM, "out of memory");
    return 0;
}

int flux_plugin_arg_vpack (flux_plugin_arg_t *args, int flags, const char *fmt,
                           va_list ap)
{
    json_error_t error;
    json_t *o;

    if (!object (args, flags))
        return -1;
    if (!fmt)
        return fail (args, EINVAL, "invalid argument");
    if (!(o = json_vpack_or (EINVAL, &error, fmt, ap)))
        return fail_json (args, &error);
    return put (args, flags, o);
}

int flux_plugin_arg_pack (flux_plugin_arg_t *args, int flags, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = flux_plugin_arg_vpack (args, flags, fmt, ap);
    va_end (ap);
    return rc;
}

int flux_plugin_arg_vunpack (flux_plugin_arg_t *args, int flags, const char *fmt,
                             va_list ap)
{
    json_t **o = object (args, flags);
    json_error_t error;

    if (!o)
        return -1;
    if (!fmt)
        return fail (args, EINVAL, "invalid argument");
    if (!*o)
        return fail (args, ENOENT, "no arguments are set");
    if (json_vunpack_or (EINVAL, *o, &error, fmt, ap) < 0)
        return fail_json (args, &error);
    return 0;
}

int flux_plugin_arg_unpack (flux_plugin_arg_t *args, int flags, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = flux_plugin_arg_vunpack (args, flags, fmt, ap);
    va_end (ap);
    return rc;
}
