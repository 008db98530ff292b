/* Configuration: a JSON object, read from TOML or JSON files. */
#include <flux/attr.h>

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/text/toml.h"
#include "core/message/message.h"

struct flux_conf {
    int refs;
    json_t *obj;
};

/* Takes obj, also on failure. */
static flux_conf_t *create (json_t *obj)
{
    flux_conf_t *conf;

    if (obj && !json_is_object (obj)) {
        json_decref (obj);
        errno = EINVAL;
        return NULL;
    }
    if (!obj) {
        errno = ENOMEM;
        return NULL;
    }
    if (!(conf = calloc (1, sizeof (*conf)))) {
        json_decref (obj);
        return NULL;
    }
    conf->refs = 1;
    conf->obj = obj;
    return conf;
}

flux_conf_t *flux_conf_create (void)
{
    return create (json_object ());
}

flux_conf_t *flux_conf_copy (const flux_conf_t *conf)
{
    if (!conf) {
        errno = EINVAL;
        return NULL;
    }
    return create (json_deep_copy (conf->obj));
}

const flux_conf_t *flux_conf_incref (const flux_conf_t *conf)
{
    if (!conf) {
        errno = EINVAL;
        return NULL;
    }
    ((flux_conf_t *)conf)->refs++;
    return conf;
}

void flux_conf_decref (const flux_conf_t *const_conf)
{
    flux_conf_t *conf = (flux_conf_t *)const_conf;
    int saved_errno = errno;

    if (conf && --conf->refs == 0) {
        json_decref (conf->obj);
        free (conf);
        errno = saved_errno;
    }
}

flux_conf_t *flux_conf_vpack (const char *fmt, va_list ap)
{
    json_t *o;

    if (!fmt) {
        errno = EINVAL;
        return NULL;
    }
    return (o = json_vpack_or (EINVAL, NULL, fmt, ap)) ? create (o) : NULL;
}

flux_conf_t *flux_conf_pack (const char *fmt, ...)
{
    flux_conf_t *conf;
    va_list ap;

    va_start (ap, fmt);
    conf = flux_conf_vpack (fmt, ap);
    va_end (ap);
    return conf;
}

int flux_conf_vunpack (const flux_conf_t *conf, flux_error_t *error, const char *fmt,
                       va_list ap)
{
    json_error_t jerror;

    if (error)
        error->text[0] = '\0';
    if (!conf || !fmt || fmt[0] == '\0') {
        errno = EINVAL;
        error_text (error, "%s", flux_strerror (errno));
        return -1;
    }
    if (json_vunpack_or (EINVAL, conf->obj, &jerror, fmt, ap) < 0) {
        error_text (error, "%s", jerror.text);
        return -1;
    }
    return 0;
}

int flux_conf_unpack (const flux_conf_t *conf, flux_error_t *error, const char *fmt,
                      ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = flux_conf_vunpack (conf, error, fmt, ap);
    va_end (ap);
    return rc;
}

/* The object at a dotted path, made where it does not exist. */
static json_t *descend (json_t *o, const char *path)
{
    while (path && *path) {
        size_t len = strcspn (path, ".");
        char key[256];
        json_t *child;

        if (len == 0 || len >= sizeof (key))
            goto einval;
        memcpy (key, path, len);
        key[len] = '\0';
        if (!(child = json_object_get (o, key))) {
            child = json_object ();
            if (json_object_set_new (o, key, child) < 0)
                return NULL;
        }
        if (!json_is_object (child))
            goto einval;
        o = child;
        path += len + (path[len] == '.');
    }
    return o;
einval:
    errno = EINVAL;
    return NULL;
}

/* The value at path becomes what is packed; objects are merged. */
static int update (json_t *root, const char *path, json_t *val)
{
    const char *dot = path ? strrchr (path, '.') : NULL;
    char *parent_path = NULL;
    json_t *o;
    int rc = -1;

    if (json_is_object (val)) {
        if ((o = descend (root, path)))
            rc = json_object_update_recursive (o, val);
        return rc;
    }
    if (!path || !path[0]) {
        errno = EINVAL;
        return -1;
    }
    if (dot && !(parent_path = strndup (path, dot - path)))
        return -1;
    if ((o = descend (root, parent_path)))
        rc = json_object_set (o, dot ? dot + 1 : path, val);
    free (parent_path);
    return rc;
}

int flux_conf_update_pack (flux_conf_t *conf, flux_error_t *error, const char *path,
                           const char *fmt, ...)
{
    json_error_t jerror;
    json_t *val;
    va_list ap;
    int rc;

    if (error)
        error->text[0] = '\0';
    if (!conf || !fmt) {
        errno = EINVAL;
        error_text (error, "%s", flux_strerror (errno));
        return -1;
    }
    va_start (ap, fmt);
    val = json_vpack_or (EINVAL, &jerror, fmt, ap);
    va_end (ap);
    if (!val) {
        error_text (error, "%s", jerror.text);
        return -1;
    }
    if ((rc = update (conf->obj, path, val)) < 0) {
        errno = EINVAL;
        error_text (error, "%s: cannot be set", path ? path : "configuration");
    }
    json_decref (val);
    return rc;
}

static bool ends_with (const char *s, const char *suffix)
{
    size_t n = strlen (s), k = strlen (suffix);

    return n >= k && !strcmp (s + n - k, suffix);
}

static json_t *decode (const char *path, const char *s, size_t len, flux_error_t *error)
{
    json_t *o;

    if (ends_with (path, ".json")) {
        json_error_t e;

        if (!(o = json_decode_or (EINVAL, s, len, 0, &e))) {
            if (errno == ENOMEM)
                error_text (error, "%s: out of memory", path);
            else
                error_text (error, "%s:%d: %s", path, e.line, e.text);
        } else if (!json_is_object (o)) {
            json_decref (o);
            o = NULL;
            errno = EINVAL;
            error_text (error, "%s: not a JSON object", path);
        }
    } else {
        struct toml_error e;

        if (!(o = toml_decode (s, len, &e)))
            error_text (error, "%s:%d: %s", path, e.line, e.text);
    }
    return o;
}

static json_t *decode_text (const char *text, flux_error_t *error)
{
    struct toml_error e;
    json_t *o = json_decode_or (EINVAL, text, strlen (text), 0, NULL);

    if (json_is_object (o))
        return o;
    if (!o && errno == ENOMEM)
        return error_null (error, ENOMEM, "out of memory");
    json_decref (o);
    if (!(o = toml_decode (text, strlen (text), &e)))
        error_text (error, "line %d: %s", e.line, e.text);
    return o;
}

int flux_conf_update (flux_conf_t *conf, const char *text, flux_error_t *error)
{
    json_t *o;
    int rc;

    if (error)
        error->text[0] = '\0';
    if (!conf || !text) {
        errno = EINVAL;
        error_text (error, "%s", flux_strerror (errno));
        return -1;
    }
    if (!(o = decode_text (text, error)))
        return -1;
    rc = json_object_update_recursive (conf->obj, o);
    json_decref (o);
    return rc < 0 ? error_fail (error, ENOMEM, "out of memory") : 0;
}

static int merge_file (json_t *into, const char *path, flux_error_t *error)
{
    size_t len;
    char *s = file_read_all (path, &len);
    json_t *o;
    int rc = -1;

    if (!s) {
        error_text (error, "%s: %s", path, flux_strerror (errno));
        return -1;
    }
    if ((o = decode (path, s, len, error))) {
        if ((rc = json_object_update_recursive (into, o)) < 0)
            error_fail (error, ENOMEM, "%s: out of memory", path);
        json_decref (o);
    }
    free (s);
    return rc;
}

static int is_conf_file (const struct dirent *d)
{
    return d->d_name[0] != '.'
           && (ends_with (d->d_name, ".toml") || ends_with (d->d_name, ".json"));
}

static int merge_dir (json_t *into, const char *path, flux_error_t *error)
{
    struct dirent **names;
    int count = scandir (path, &names, is_conf_file, alphasort);
    int rc = 0;

    if (count < 0) {
        error_text (error, "%s: %s", path, flux_strerror (errno));
        return -1;
    }
    for (int i = 0; i < count; i++) {
        char file[4096];

        snprintf (file, sizeof (file), "%s/%s", path, names[i]->d_name);
        if (rc == 0)
            rc = merge_file (into, file, error);
        free (names[i]);
    }
    free (names);
    return rc;
}

flux_conf_t *flux_conf_parse (const char *path, flux_error_t *error)
{
    struct stat st;
    json_t *o;
    int rc;

    if (error)
        error->text[0] = '\0';
    if (!path) {
        errno = EINVAL;
        error_text (error, "%s", flux_strerror (errno));
        return NULL;
    }
    if (stat (path, &st) < 0) {
        error_text (error, "%s: %s", path, flux_strerror (errno));
        return NULL;
    }
    if (!(o = json_object ())) {
        errno = ENOMEM;
        error_text (error, "%s", flux_strerror (errno));
        return NULL;
    }
    rc =
        S_ISDIR (st.st_mode) ? merge_dir (o, path, error) : merge_file (o, path, error);
    if (rc < 0) {
        int saved_errno = errno;

        json_decref (o);
        errno = saved_errno;
        return NULL;
    }
    return create (o);
}

static void conf_free (void *arg)
{
    flux_conf_decref (arg);
}

int flux_set_conf_new (flux_t *h, const flux_conf_t *conf)
{
    return flux_aux_set (h, "flux::conf", (void *)conf, conf ? conf_free : NULL);
}

static flux_conf_t *fetch (flux_t *h)
{
    flux_future_t *f = flux_rpc (h, "config.get", NULL, FLUX_NODEID_ANY, 0);
    flux_conf_t *conf = NULL;
    json_t *o;

    if (f && flux_rpc_get_unpack (f, "o", &o) == 0 && (conf = create (json_incref (o)))
        && flux_set_conf_new (h, conf) < 0) {
        flux_conf_decref (conf);
        conf = NULL;
    }
    flux_future_destroy (f);
    return conf;
}

/* A module has it from its loader, others ask once. */
flux_conf_t *flux_get_conf (flux_t *h)
{
    flux_conf_t *conf;

    if (!h) {
        errno = EINVAL;
        return NULL;
    }
    conf = flux_aux_get (h, "flux::conf");
    return conf ? conf : fetch (h);
}

int flux_module_config_request_decode (const flux_msg_t *msg, flux_conf_t **conf)
{
    flux_conf_t *c;
    json_t *o;

    if (flux_request_unpack (msg, NULL, "o", &o) < 0 || !(c = create (json_incref (o))))
        return -1;
    if (conf)
        *conf = c;
    else
        flux_conf_decref (c);
    return 0;
}

static void decref_aux (void *arg)
{
    flux_conf_decref (arg);
}

int flux_conf_reload_decode (const flux_msg_t *msg, const flux_conf_t **conf)
{
    flux_conf_t *c;

    if (flux_module_config_request_decode (msg, &c) < 0)
        return -1;
    /* The message keeps what the caller borrows. */
    if (flux_msg_aux_set (msg, "flux::conf", c, decref_aux) < 0) {
        flux_conf_decref (c);
        return -1;
    }
    if (conf)
        *conf = c;
    return 0;
}
