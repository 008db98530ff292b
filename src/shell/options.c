#include "shell/options.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "value/fsd.h"

#define ID_MAX 65536 /* of a CPU or GPU in a mask */

bool option_is_on (const json_t *o)
{
    return json_is_true (o) || json_integer_value (o) != 0;
}

int option_duration (const json_t *o, double *seconds)
{
    double t = -1.;

    if (json_is_number (o))
        t = json_number_value (o);
    else if (!json_is_string (o) || fsd_parse (json_string_value (o), &t) < 0)
        t = -1.;
    if (t < 0.) {
        errno = EINVAL;
        return -1;
    }
    *seconds = t;
    return 0;
}

int option_size (const json_t *o, size_t *bytes)
{
    const char *s = json_string_value (o), *units = "kmg", *u;
    double n = json_is_number (o) ? json_number_value (o) : -1.;
    char *end;

    if (s) {
        n = strtod (s, &end);
        u = *end ? strchr (units, *end | 0x20) : NULL;
        if (u)
            n *= 1UL << (10 * (u - units + 1));
        if (end == s || (u ? end[1] : *end))
            n = -1.;
    }
    if (!(n >= 0.)) { /* or no number */
        errno = EINVAL;
        return -1;
    }
    *bytes = n < (double)SIZE_MAX ? (size_t)n : SIZE_MAX;
    return 0;
}

/* --- affinity --- */

static bool skip (const char **s, const char *word)
{
    size_t len = strlen (word);

    if (strncmp (*s, word, len) || ((*s)[len] != ',' && (*s)[len] != '\0'))
        return false;
    *s += len + ((*s)[len] == ',');
    return true;
}

int option_affinity (const json_t *o, struct affinity_option *a)
{
    const char *s = json_is_string (o) ? json_string_value (o) : "on";
    size_t len = strlen (s);

    *a = (struct affinity_option){ .kind = AFFINITY_ON };
    if (json_is_false (o) || (json_is_integer (o) && json_integer_value (o) == 0))
        a->kind = AFFINITY_OFF;
    else if (o && !json_is_string (o) && !option_is_on (o)) {
        errno = EINVAL;
        return -1;
    }
    for (;;) {
        if (skip (&s, "verbose"))
            a->verbose = true;
        else if (skip (&s, "dry-run"))
            a->verbose = a->dry_run = true;
        else
            break;
    }
    if (*s == '\0' && len > 0 && s[-1] == ',') {
        errno = EINVAL; /* something was to follow */
        return -1;
    }
    if (!strcmp (s, "on") || *s == '\0')
        return 0;
    if (!strcmp (s, "off"))
        a->kind = AFFINITY_OFF;
    else if (!strcmp (s, "per-task"))
        a->kind = AFFINITY_PER_TASK;
    else if (!strncmp (s, "map:", 4)) {
        a->kind = AFFINITY_MAP;
        a->map = s + 4;
    } else {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

/* Words of 32 bits, the highest first, with commas between; or one long number. */
static int add_mask (struct idset *ids, const char *s, const char *end)
{
    unsigned int base = 0;

    while (end > s) {
        const char *word = end;
        unsigned int bit = base;

        while (word > s && word[-1] != ',')
            word--;
        if (end - word < 3 || strncmp (word, "0x", 2))
            return -1;
        for (const char *p = end; p-- > word + 2; bit += 4) {
            int digit = *p >= '0' && *p <= '9'   ? *p - '0'
                        : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
                        : *p >= 'A' && *p <= 'F' ? *p - 'A' + 10
                                                 : -1;
            if (digit < 0 || bit > ID_MAX)
                return -1;
            for (int i = 0; i < 4; i++) {
                if (digit & 1 << i && idset_set (ids, bit + i) < 0)
                    return -1;
            }
        }
        base += 32;
        end = word > s ? word - 1 : s;
    }
    return 0;
}

static struct idset *parse_set (const char *s, size_t len)
{
    struct idset *ids;

    if (len < 2 || strncmp (s, "0x", 2))
        return idset_ndecode (s, len);
    if (!(ids = idset_create (0, IDSET_FLAG_AUTOGROW)))
        return NULL;
    if (add_mask (ids, s, s + len) < 0) {
        idset_destroy (ids);
        return NULL;
    }
    return ids;
}

struct idset *option_map_set (const char *map, int i)
{
    const char *s = map;
    struct idset *ids;

    while (i-- > 0) {
        s += strcspn (s, ";");
        s = *s == ';' ? s + 1 : map;
    }
    ids = parse_set (s, strcspn (s, ";"));
    if (!ids || idset_empty (ids)) {
        idset_destroy (ids);
        errno = EINVAL;
        return NULL;
    }
    return ids;
}

/* --- pmi --- */

static bool is_word (const char *s, size_t len, const char *word)
{
    return strlen (word) == len && !memcmp (s, word, len);
}

/* False if a word is none that is known here. */
static bool parse_pmi (const char *s, bool *simple)
{
    bool all = true;

    *simple = false;
    for (; *s; s += *s == ',') {
        size_t len = strcspn (s, ",");
        if (is_word (s, len, "simple") || is_word (s, len, "pmi1")
            || is_word (s, len, "pmi2"))
            *simple = true;
        else if (!is_word (s, len, "off") && !is_word (s, len, "none"))
            all = false;
        s += len;
    }
    return all;
}

bool option_pmi_simple (const json_t *o)
{
    bool simple = true;

    if (json_is_string (o))
        parse_pmi (json_string_value (o), &simple);
    return simple;
}

/* --- checks --- */

struct check {
    options_claim_f claim;
    void *arg;
    flux_error_t *error;
};

typedef bool (*valid_f) (struct check *c, json_t *o);

static bool is_switch (struct check *c, json_t *o)
{
    return json_is_boolean (o) || json_is_integer (o);
}

static bool is_verbose (struct check *c, json_t *o)
{
    return json_is_boolean (o) || (json_is_integer (o) && json_integer_value (o) >= 0);
}

static bool is_text (struct check *c, json_t *o)
{
    return json_is_string (o) && json_string_length (o) > 0;
}

/* [local:|global:]PATH */
static bool is_destination (struct check *c, json_t *o)
{
    const char *s = json_string_value (o);
    size_t scope = s ? strcspn (s, ":/") : 0;

    if (!s || s[scope] != ':')
        return is_text (c, o);
    return (is_word (s, scope, "local") || is_word (s, scope, "global"))
           && s[scope + 1] != '\0';
}

static bool is_object (struct check *c, json_t *o)
{
    return json_is_object (o);
}

static bool is_duration (struct check *c, json_t *o)
{
    double t;
    return option_duration (o, &t) == 0;
}

static bool is_timeout (struct check *c, json_t *o)
{
    const char *s = json_string_value (o);
    return (s && !strcmp (s, "none")) || is_duration (c, o);
}

static bool is_affinity (struct check *c, json_t *o)
{
    struct affinity_option a;
    struct idset *ids;
    bool fits;

    if (option_affinity (o, &a) < 0)
        return false;
    if (a.kind != AFFINITY_MAP)
        return true;
    for (const char *p = a.map; p; p = strchr (p, ';'), p = p ? p + 1 : NULL) {
        if (!(ids = option_map_set (p, 0)))
            return false;
        fits = idset_last (ids) <= ID_MAX;
        idset_destroy (ids);
        if (!fits)
            return false;
    }
    return true;
}

static bool is_pmi (struct check *c, json_t *o)
{
    bool simple;

    /* others come from plugins */
    return json_is_string (o)
           && (parse_pmi (json_string_value (o), &simple)
               || (c->claim && c->claim ("pmi", c->arg)));
}

/* There is no set-up for one kind of MPI to choose; plugins may have one. */
static bool is_mpi (struct check *c, json_t *o)
{
    const char *s = json_string_value (o);
    return s && (!strcmp (s, "none") || (c->claim && c->claim ("mpi", c->arg)));
}

static bool is_oom (struct check *c, json_t *o)
{
    json_int_t n = json_integer_value (o);
    return json_is_integer (o) && n >= -1000 && n <= 1000;
}

static bool is_signal (struct check *c, json_t *o)
{
    json_int_t n = json_integer_value (o);
    return json_is_integer (o) && n >= 1 && n < NSIG;
}

static bool is_mode (struct check *c, json_t *o)
{
    const char *s = json_string_value (o);
    return s && (!strcmp (s, "truncate") || !strcmp (s, "append"));
}

static bool is_output_limit (struct check *c, json_t *o)
{
    size_t bytes;
    return option_size (o, &bytes) == 0 && bytes <= OUTPUT_LIMIT_MAX;
}

/* Seconds for which output may be held back: it never is, so that all are kept. */
static bool is_delay (struct check *c, json_t *o)
{
    return json_is_number (o) && json_number_value (o) >= 0;
}

static bool is_buffer (struct check *c, json_t *o)
{
    const char *s = json_string_value (o);
    return s && (!strcmp (s, "none") || !strcmp (s, "line"));
}

static bool is_output (struct check *c, json_t *o)
{
    static const char *const types[] = { "kvs", "term", "file", "none" };
    const char *s = json_string_value (o);

    for (size_t i = 0; s && i < sizeof (types) / sizeof (types[0]); i++) {
        if (!strcmp (s, types[i]))
            return true;
    }
    return false;
}

static bool is_input (struct check *c, json_t *o)
{
    const char *s = json_string_value (o);
    return s && (!strcmp (s, "service") || !strcmp (s, "file"));
}

/* Of a plugin that sites have: where there is none, it is off. */
static bool is_mpibind (struct check *c, json_t *o)
{
    const char *s = json_string_value (o);
    return (s && !strcmp (s, "off")) || (c->claim && c->claim ("mpibind", c->arg));
}

/* One that is read elsewhere, which says what is wrong with it. */
static bool is_any (struct check *c, json_t *o)
{
    return true;
}

/* "": the option is a switch as well. Without value: it has members. */
static const struct {
    const char *path;
    valid_f valid;
} known[] = {
    { "cpu-affinity", is_affinity },
    { "env-expand", is_object },
    { "exit-on-error", is_switch },
    { "exit-timeout", is_timeout },
    { "gpu-affinity", is_affinity },
    { "hwloc.restrict", is_switch },
    { "hwloc.xmlfile", is_switch },
    { "initrc", is_text },
    { "input.batch-timeout", is_delay },
    { "input.stdin.path", is_text },
    { "input.stdin.type", is_input },
    { "mpi", is_mpi },
    { "mpibind", is_mpibind },
    { "nosetpgrp", is_switch },
    { "oom.adjust", is_oom },
    { "output.batch-timeout", is_delay },
    { "output.limit", is_output_limit },
    { "output.mode", is_mode },
    { "output.stderr.buffer.type", is_buffer },
    { "output.stderr.label", is_switch },
    { "output.stderr.path", is_text },
    { "output.stderr.type", is_output },
    { "output.stdout.buffer.type", is_buffer },
    { "output.stdout.label", is_switch },
    { "output.stdout.path", is_text },
    { "output.stdout.type", is_output },
    { "per-resource", is_any },
    { "plugin-timeout", is_timeout },
    { "pmi", is_pmi },
    { "pmi-simple.nomap", is_switch },
    { "pty", is_any },
    { "rlimit", is_object },
    { "signal", is_switch },
    { "signal.signum", is_signal },
    { "signal.timeleft", is_duration },
    { "stage-in", is_switch },
    { "stage-in.destination", is_destination },
    { "stage-in.names", is_text },
    { "stage-in.pattern", is_text },
    { "stop-tasks-in-exec", is_switch },
    { "sysmon", is_switch },
    { "sysmon.period", is_duration },
    { "taskmap", is_any },
    { "userrc", is_text },
    { "verbose", is_verbose },
};

static int refuse (struct check *c, const char *path, json_t *o)
{
    char *s =
        json_is_string (o) ? NULL : json_dumps (o, JSON_ENCODE_ANY | JSON_COMPACT);

    error_invalid (c->error, "shell option %.60s=%.40s: not supported", path,
                   s ? s : json_string_value (o));
    free (s);
    return -1;
}

static bool has_members (const char *path)
{
    size_t len = strlen (path);

    for (size_t i = 0; i < sizeof (known) / sizeof (known[0]); i++) {
        if (!strncmp (known[i].path, path, len) && known[i].path[len] == '.')
            return true;
    }
    return false;
}

/* NULL: path is none that is known. */
static valid_f find (const char *path)
{
    for (size_t i = 0; i < sizeof (known) / sizeof (known[0]); i++) {
        if (!strcmp (known[i].path, path))
            return known[i].valid;
    }
    return NULL;
}

static int check_value (struct check *c, const char *path, json_t *o);

static int check_members (struct check *c, const char *path, json_t *o)
{
    const char *name;
    json_t *value;
    char member[128];

    json_object_foreach (o, name, value) {
        if (strlen (path) + strlen (name) + 2 > sizeof (member))
            return refuse (c, path, o);
        stpcpy (stpcpy (stpcpy (member, path), "."), name);
        if (check_value (c, member, value) < 0)
            return -1;
    }
    return 0;
}

static int check_value (struct check *c, const char *path, json_t *o)
{
    valid_f valid = find (path);
    bool members = has_members (path);

    if (members && json_is_object (o))
        return check_members (c, path, o);
    if (valid && valid (c, o))
        return 0;
    if (!valid && !members && !strchr (path, '.') && c->claim
        && c->claim (path, c->arg))
        return 0;
    return refuse (c, path, o);
}

/* A path that nobody would look at. */
static int check_stream (struct check *c, json_t *options, const char *group,
                         const char *name)
{
    json_t *o = json_object_get (json_object_get (options, group), name);
    json_t *path = json_object_get (o, "path");
    const char *type = json_string_value (json_object_get (o, "type"));

    if (!path || (type && !strcmp (type, "file")))
        return 0;
    error_invalid (c->error, "shell option %s.%s.path: only of type file", group, name);
    return -1;
}

int options_check (json_t *options, options_claim_f claim, void *arg,
                   flux_error_t *error)
{
    struct check c = { claim, arg, error };
    const char *name;
    json_t *value;

    json_object_foreach (options, name, value) {
        if (check_value (&c, name, value) < 0)
            return -1;
    }
    return check_stream (&c, options, "input", "stdin") < 0
                   || check_stream (&c, options, "output", "stdout") < 0
                   || check_stream (&c, options, "output", "stderr") < 0
               ? -1
               : 0;
}
