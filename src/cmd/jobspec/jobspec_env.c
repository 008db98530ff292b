/* What a job inherits: environment (--env rules) and limits (--rlimit). */
#include "cmd/jobspec/jobspec_cli.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/file.h"

#include "base/error.h"
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

extern char **environ;

struct rule_ctx {
    json_t *result;
    char *const *env;
    int depth;         /* of ^FILE in ^FILE */
    json_t *templates; /* those set to a text with {{; or NULL */
    flux_error_t *error;
};

/* --- patterns: glob, or /regex/ --- */

struct pattern {
    const char *glob; /* or NULL */
    regex_t regex;
};

static int pattern_init (struct pattern *p, const char *s, flux_error_t *error)
{
    char text[512];
    p->glob = s;
    if (*s != '/')
        return 0;
    size_t len = strlen (++s);
    if (len > 0 && s[len - 1] == '/')
        len--;
    if (len >= sizeof (text))
        return error_invalid (error, "--env: pattern is too long");
    memcpy (text, s, len);
    text[len] = '\0';
    int rc = regcomp (&p->regex, text, REG_EXTENDED | REG_NOSUB);
    if (rc != 0) {
        char msg[128];
        regerror (rc, &p->regex, msg, sizeof (msg));
        return error_invalid (error, "--env: /%s/: %s", text, msg);
    }
    p->glob = NULL;
    return 0;
}

static void pattern_fini (struct pattern *p)
{
    if (!p->glob)
        regfree (&p->regex);
}

static bool pattern_match (const struct pattern *p, const char *s)
{
    if (p->glob)
        return fnmatch (p->glob, s, 0) == 0;
    return regexec (&p->regex, s, 0, NULL, 0) == 0;
}

/* --- environment --- */

static void import (struct rule_ctx *ctx, const struct pattern *p)
{
    char name[1024];
    for (int i = 0; ctx->env[i]; i++) {
        const char *eq = strchr (ctx->env[i], '=');
        if (!eq || (size_t)(eq - ctx->env[i]) >= sizeof (name))
            continue;
        memcpy (name, ctx->env[i], eq - ctx->env[i]);
        name[eq - ctx->env[i]] = '\0';
        if ((p && !pattern_match (p, name)) || json_object_get (ctx->result, name))
            continue;
        /* JSON has no way to say a byte that is not text. */
        json_t *value = json_string (eq + 1);
        if (!value || json_object_set_new (ctx->result, name, value) < 0)
            fprintf (stderr,
                     "warning: environment variable %s is not valid UTF-8:"
                     " it is not passed on\n",
                     name);
    }
}

static int apply_remove (struct rule_ctx *ctx, const char *s)
{
    struct pattern p;
    const char *name;
    json_t *value;
    void *tmp;
    if (pattern_init (&p, s, ctx->error) < 0)
        return -1;
    json_object_foreach_safe (ctx->result, tmp, name, value)
    {
        if (pattern_match (&p, name))
            json_object_del (ctx->result, name);
    }
    pattern_fini (&p);
    return 0;
}

static const char *lookup (struct rule_ctx *ctx, const char *name)
{
    const char *s = json_string_value (json_object_get (ctx->result, name));
    size_t n = strlen (name);
    for (int i = 0; !s && ctx->env[i]; i++) {
        if (!strncmp (ctx->env[i], name, n) && ctx->env[i][n] == '=')
            s = ctx->env[i] + n + 1;
    }
    return s;
}

/* $$, $NAME and ${NAME}; nothing more advanced. */
static int substitute (struct rule_ctx *ctx, const char *var, const char *s,
                       struct buf *out)
{
    char name[256];
    while (*s) {
        if (*s != '$') {
            buf_addc (out, *s++);
            continue;
        }
        if (*++s == '$') {
            buf_addc (out, *s++);
            continue;
        }
        bool brace = *s == '{';
        const char *start = s + brace;
        size_t n = 0;
        while (isalnum ((unsigned char)start[n]) || start[n] == '_')
            n++;
        if (n == 0 || n >= sizeof (name) || isdigit ((unsigned char)*start)
            || (brace && start[n] != '}'))
            return error_invalid (ctx->error, "--env=%s: unable to substitute '$%.16s'",
                                  var, s);
        memcpy (name, start, n);
        name[n] = '\0';
        const char *value = lookup (ctx, name);
        if (!value)
            return error_invalid (
                ctx->error, "--env=%s: environment variable %s is not set", var, name);
        buf_adds (out, value);
        s = start + n + brace;
    }
    return 0;
}

static int apply_set (struct rule_ctx *ctx, const char *rule)
{
    struct buf value = BUF_INIT;
    size_t n = strcspn (rule, "=");
    char *name = strndup (rule, n);
    int rc = -1;
    if (!name)
        return error_invalid (ctx->error, "out of memory");
    if (n == 0)
        error_invalid (ctx->error, "--env=%s: no variable name", rule);
    else if (substitute (ctx, rule, rule + n + 1, &value) == 0) {
        json_t *o = json_string (value.data ? value.data : "");
        if (o && ctx->templates && strstr (json_string_value (o), "{{"))
            json_object_set (ctx->templates, name, o);
        if (o && json_object_set_new (ctx->result, name, o) == 0)
            rc = 0;
        else
            error_invalid (ctx->error, "--env=%s: not valid UTF-8", name);
    }
    buf_fini (&value);
    free (name);
    return rc;
}

static int apply_rule (struct rule_ctx *ctx, const char *rule);

static int apply_lines (struct rule_ctx *ctx, char *s)
{
    for (char *line = s; line && *line;) {
        char *nl = strchr (line, '\n');
        if (nl)
            *nl = '\0';
        line += strspn (line, " \t\r");
        size_t n = strlen (line);
        if (n > 0 && line[n - 1] == '\r')
            line[n - 1] = '\0';
        if (*line && *line != '#' && apply_rule (ctx, line) < 0)
            return -1;
        line = nl ? nl + 1 : NULL;
    }
    return 0;
}

static int apply_file (struct rule_ctx *ctx, const char *path)
{
    char expanded[PATH_MAX];
    size_t len;
    if (ctx->depth >= 8)
        return error_invalid (ctx->error, "--env-file: %s: files include each other",
                              path);
    if (!strncmp (path, "~/", 2) && getenv ("HOME")) {
        snprintf (expanded, sizeof (expanded), "%s%s", getenv ("HOME"), path + 1);
        path = expanded;
    }
    char *s = file_read_all (path, &len);
    if (!s)
        return error_invalid (ctx->error, "--env-file: %s: %s", path, strerror (errno));
    if (strlen (s) != len) {
        free (s);
        return error_invalid (ctx->error,
                              "--env-file: %s: not text: it contains a NUL "
                              "byte",
                              path);
    }
    ctx->depth++;
    int rc = apply_lines (ctx, s);
    ctx->depth--;
    free (s);
    return rc;
}

static int apply_rule (struct rule_ctx *ctx, const char *rule)
{
    struct pattern p;
    if (*rule == '-')
        return apply_remove (ctx, rule + 1);
    if (*rule == '^')
        return apply_file (ctx, rule + 1);
    if (*rule != '/' && strchr (rule, '='))
        return apply_set (ctx, rule);
    if (pattern_init (&p, rule, ctx->error) < 0)
        return -1;
    import (ctx, &p);
    pattern_fini (&p);
    return 0;
}

json_t *jobspec_environment (char *const *env, const char *const *rules, size_t count,
                             json_t *templates, flux_error_t *error)
{
    struct rule_ctx ctx = {
        .env = env ? env : environ,
        .templates = templates,
        .error = error,
    };
    if (!(ctx.result = json_object ())) {
        error_invalid (error, "out of memory");
        return NULL;
    }
    import (&ctx, NULL);
    for (size_t i = 0; i < count; i++) {
        if (apply_rule (&ctx, rules[i]) < 0) {
            json_decref (ctx.result);
            return NULL;
        }
    }
    return ctx.result;
}

/* --- limits --- */

static const struct {
    const char *name;
    int resource;
    bool propagate; /* by default */
} limits[] = {
    { "cpu", RLIMIT_CPU, true },
    { "fsize", RLIMIT_FSIZE, true },
    { "data", RLIMIT_DATA, true },
    { "stack", RLIMIT_STACK, true },
    { "core", RLIMIT_CORE, true },
    { "nofile", RLIMIT_NOFILE, true },
    { "as", RLIMIT_AS, true },
    { "rss", RLIMIT_RSS, true },
    { "nproc", RLIMIT_NPROC, true },
    { "memlock", RLIMIT_MEMLOCK, false },
    { "msgqueue", RLIMIT_MSGQUEUE, false },
    { "nice", RLIMIT_NICE, false },
    { "rtprio", RLIMIT_RTPRIO, false },
    { "rttime", RLIMIT_RTTIME, false },
    { "sigpending", RLIMIT_SIGPENDING, false },
};
#define NLIMITS (sizeof (limits) / sizeof (limits[0]))

static void add_limit (json_t *o, size_t i)
{
    struct rlimit rl;
    if (getrlimit (limits[i].resource, &rl) < 0)
        return;
    json_int_t n = rl.rlim_cur == RLIM_INFINITY ? -1 : (json_int_t)rl.rlim_cur;
    json_object_set_new (o, limits[i].name, json_integer (n));
}

static int set_limit (json_t *o, const char *name, const char *value,
                      flux_error_t *error)
{
    char *end;
    size_t i = 0;
    while (i < NLIMITS && strcmp (limits[i].name, name) != 0)
        i++;
    if (i == NLIMITS)
        return error_invalid (error, "--rlimit=%s: no such limit", name);
    errno = 0;
    long long n = -1;
    if (strcmp (value, "unlimited") && strcmp (value, "infinity")
        && strcmp (value, "inf")) {
        n = strtoll (value, &end, 10);
        if (errno || end == value || *end || n < -1)
            return error_invalid (error, "--rlimit=%s=%s: not a number", name, value);
    }
    json_object_set_new (o, name, json_integer (n));
    return 0;
}

static int apply_rlimit (json_t *o, char *rule, flux_error_t *error)
{
    bool remove = *rule == '-';
    char *eq = strchr (rule, '=');
    bool matched = false;
    if (eq && !remove) {
        *eq = '\0';
        return set_limit (o, rule, eq + 1, error);
    }
    for (size_t i = 0; i < NLIMITS; i++) {
        if (fnmatch (rule + remove, limits[i].name, 0) != 0)
            continue;
        matched = true;
        if (remove)
            json_object_del (o, limits[i].name);
        else if (!json_object_get (o, limits[i].name))
            add_limit (o, i);
    }
    if (!matched)
        return error_invalid (error, "--rlimit=%s: no such limit", rule);
    return 0;
}

json_t *jobspec_rlimits (const char *const *rules, size_t count, flux_error_t *error)
{
    json_t *o = json_object ();
    for (size_t i = 0; i < NLIMITS; i++) {
        if (limits[i].propagate)
            add_limit (o, i);
    }
    for (size_t i = 0; i < count; i++) {
        char *copy = strdup (rules[i]);
        char *rest = copy;
        char *rule;
        int rc = copy ? 0 : error_invalid (error, "out of memory");
        while (rc == 0 && (rule = strsep (&rest, ",")))
            rc = *rule ? apply_rlimit (o, rule, error) : 0;
        free (copy);
        if (rc < 0) {
            json_decref (o);
            return NULL;
        }
    }
    return o;
}
