/* Options that write one place of the jobspec: --setopt, --setattr,
 * --dependency, --add-file. */
#include "cmd/jobspec/jobspec_cli.h"

#include "base/encode.h"
#include "base/file.h"

#include "base/error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 64

/* The object at a key, created if there is none; NULL if it is something else. */
static json_t *descend (json_t *o, const char *key)
{
    json_t *child = json_object_get (o, key);
    if (!child) {
        child = json_object ();
        if (json_object_set_new (o, key, child) < 0)
            return NULL;
    }
    return json_is_object (child) ? child : NULL;
}

int jobspec_set_path (json_t *o, const char *path, json_t *value)
{
    char *copy = strdup (path);
    char *rest = copy;
    char *key;
    int rc = -1;
    int depth = 0;
    errno = EINVAL;
    while (copy && value && (key = strsep (&rest, "."))) {
        if (*key == '\0' || ++depth > MAX_DEPTH)
            break;
        if (!rest) {
            rc = json_object_set (o, key, value);
            break;
        }
        if (!(o = descend (o, key)))
            break;
    }
    free (copy);
    json_decref (value);
    return rc;
}

/* JSON if it reads as such, else the text itself. */
static json_t *parse_value (const char *s)
{
    json_t *o = json_loads (s, JSON_DECODE_ANY, NULL);
    return o ? o : json_string (s);
}

/* KEY[=VAL] or ^KEY=FILE. *key is owned by the caller. */
static int split (const char *option, const char *arg, char **key, json_t **value,
                  flux_error_t *error)
{
    json_error_t e;
    bool from_file = *arg == '^';
    arg += from_file;
    size_t n = strcspn (arg, "=");
    const char *text = arg[n] ? arg + n + 1 : NULL;
    if (n == 0)
        return error_invalid (error, "%s=%s: no key", option, arg);
    if (from_file && !text)
        return error_invalid (error, "%s=^%s: no file name", option, arg);
    if (from_file) {
        size_t len;
        char *s = file_read_all (text, &len);
        if (!s)
            return error_invalid (error, "%s: %s: %s", option, text, strerror (errno));
        *value = json_loadb (s, len, JSON_DECODE_ANY, &e);
        free (s);
        if (!*value)
            return error_invalid (error, "%s: %s: line %d: %s", option, text, e.line,
                                  e.text);
    } else if (!(*value = text ? parse_value (text) : json_integer (1)))
        return error_invalid (error, "%s=%s: not valid UTF-8", option, arg);
    if (!(*key = strndup (arg, n))) {
        json_decref (*value);
        return error_invalid (error, "out of memory");
    }
    return 0;
}

int jobspec_setopt (json_t *options, const char *arg, flux_error_t *error)
{
    char *key;
    json_t *value;
    if (split ("--setopt", arg, &key, &value, error) < 0)
        return -1;
    int rc = jobspec_set_path (options, key, value);
    if (rc < 0)
        error_invalid (error, "--setopt=%s: cannot set '%s'", arg, key);
    free (key);
    return rc;
}

static bool has_prefix (const char *s, const char *prefix)
{
    return !strncmp (s, prefix, strlen (prefix));
}

int jobspec_setattr (json_t *attributes, const char *arg, flux_error_t *error)
{
    char path[512];
    char *key;
    json_t *value;
    if (split ("--setattr", arg, &key, &value, error) < 0)
        return -1;
    const char *s = key;
    const char *prefix = "";
    if (*s == '.')
        s++;
    else if (has_prefix (s, "attributes."))
        s += strlen ("attributes.");
    else if (!has_prefix (s, "system.") && !has_prefix (s, "user."))
        prefix = "system.";
    snprintf (path, sizeof (path), "%s%s", prefix, s);
    int rc = jobspec_set_path (attributes, path, value);
    if (rc < 0)
        error_invalid (error, "--setattr=%s: cannot set '%s'", arg, key);
    free (key);
    return rc;
}

json_t *jobspec_dependency (const char *uri, flux_error_t *error)
{
    size_t n = strcspn (uri, ":");
    const char *value = uri[n] ? uri + n + 1 : uri + n;
    size_t value_len = strcspn (value, "?");
    const char *query = value[value_len] ? value + value_len + 1 : "";
    if (n == 0 || strcspn (uri, "?&=") < n) {
        error_invalid (error, "--dependency=%s: no scheme", uri);
        return NULL;
    }
    json_t *o = json_pack ("{s:s% s:s%}", "scheme", uri, n, "value", value, value_len);
    while (o && *query) {
        size_t len = strcspn (query, "&");
        size_t klen = strcspn (query, "=&");
        char key[128];
        if (klen == 0 || klen >= sizeof (key) || klen == len) {
            error_invalid (error, "--dependency=%s: '%.*s' is not KEY=VALUE", uri,
                           (int)len, query);
            json_decref (o);
            return NULL;
        }
        snprintf (key, sizeof (key), "%.*s", (int)klen, query);
        json_object_set_new (o, key, json_stringn (query + klen + 1, len - klen - 1));
        query += len + (query[len] == '&');
    }
    if (!o)
        error_invalid (error, "--dependency=%s: not valid UTF-8", uri);
    return o;
}

json_t *jobspec_file_object (const char *data, size_t len, int mode)
{
    json_t *text = memchr (data, '\0', len) ? NULL : json_stringn (data, len);
    const char *encoding = "utf-8";
    if (!text) {
        char *b64 = malloc (base64_encoded_size (len));
        if (!b64)
            return NULL;
        base64_encode (b64, data, len);
        text = json_string (b64);
        encoding = "base64";
        free (b64);
    }
    return json_pack ("{s:i s:o s:s}", "mode", mode, "data", text, "encoding",
                      encoding);
}

static int add_local_file (json_t *files, const char *name, const char *path, int perms,
                           flux_error_t *error)
{
    struct stat st;
    size_t len;
    const char *base = strrchr (path, '/');
    if (!name)
        name = base ? base + 1 : path;
    if (!*name)
        return error_invalid (error, "--add-file=%s: no file name", path);
    if (stat (path, &st) < 0)
        return error_invalid (error, "--add-file: %s: %s", path, strerror (errno));
    if (!S_ISREG (st.st_mode))
        return error_invalid (error, "--add-file: %s: not a regular file", path);
    char *data = file_read_all (path, &len);
    if (!data)
        return error_invalid (error, "--add-file: %s: %s", path, strerror (errno));
    int mode = perms < 0 ? (int)st.st_mode : (S_IFREG | perms);
    int rc = json_object_set_new (files, name, jobspec_file_object (data, len, mode));
    free (data);
    return rc < 0 ? error_invalid (error, "--add-file: %s: cannot encode", path) : 0;
}

int jobspec_add_file (json_t *files, const char *arg, flux_error_t *error)
{
    char name[256];
    const char *eq = strchr (arg, '=');
    const char *nl = strchr (arg, '\n');
    int perms = -1;
    if (!eq || (nl && nl < eq)) {
        if (nl)
            return error_invalid (error, "--add-file: file data needs a name");
        return add_local_file (files, NULL, arg, perms, error);
    }
    snprintf (name, sizeof (name), "%.*s", (int)(eq - arg), arg);
    char *colon = strrchr (name, ':');
    if (colon) {
        char *end;
        long n = strtol (colon + 1, &end, 8);
        if (end == colon + 1 || *end || n < 0 || n > 07777)
            return error_invalid (error, "--add-file=%s: permissions must be octal",
                                  name);
        perms = n;
        *colon = '\0';
    }
    if (*name == '\0' || strchr (name, '/'))
        return error_invalid (error, "--add-file: '%s' is not a valid name", name);
    if (!nl)
        return add_local_file (files, name, eq + 1, perms, error);
    json_t *o = jobspec_file_object (eq + 1, strlen (eq + 1),
                                     S_IFREG | (perms < 0 ? 0600 : perms));
    if (json_object_set_new (files, name, o) < 0)
        return error_invalid (error, "--add-file=%s: cannot encode", name);
    return 0;
}
