#include "fluxion/jobspec/jobspec.h"
#include "base/buf.h"
#include "fluxion/jobspec/count.h"
#include "fluxion/jobspec/yamldoc.h"
#include "value/resource/constraint.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RESOURCE_DEPTH 32

struct parser {
    struct yaml yaml;
    int line, column;
    flux_error_t *error;
    uint32_t budget; /* resources that may still be made */
};

__attribute__ ((format (printf, 3, 4))) static int
refuse (struct parser *p, yaml_node_t *at, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (p->error->text, sizeof (p->error->text), fmt, ap);
    va_end (ap);
    if (at) {
        p->line = at->start_mark.line + 1;
        p->column = at->start_mark.column + 1;
    }
    errno = EINVAL;
    return -1;
}

static int dup_text (struct parser *p, yaml_node_t *n, const char *what, char **out)
{
    const char *s = yaml_text (n);

    if (!s)
        return refuse (p, n, "Value of \"%s\" must be a scalar", what);
    if (!(*out = strdup (s)))
        return -1;
    return 0;
}

static bool parse_uint (const char *s, int64_t *n)
{
    char *end;

    if (!s || *s < '0' || *s > '9')
        return false;
    errno = 0;
    *n = strtoll (s, &end, 10);
    return errno == 0 && *end == '\0';
}

static int parse_count_map (struct parser *p, yaml_node_t *n, struct count_spec *c)
{
    struct yaml *y = &p->yaml;
    yaml_node_t *min = yaml_get (y, n, "min"), *max = yaml_get (y, n, "max");
    yaml_node_t *op = yaml_get (y, n, "operator"), *arg = yaml_get (y, n, "operand");

    if (!min)
        return refuse (p, n, "Key \"min\" missing from count");
    if (!parse_uint (yaml_text (min), &c->min))
        return refuse (p, min, "Value of \"min\" must be a positive integer");
    c->max = INT64_MAX;
    int known = 1 + !!max + !!op + !!arg;
    if (known != 1 && known != 4)
        return refuse (p, n,
                       "\"max\", \"operator\" and \"operand\" must be all there or "
                       "all missing");
    if (yaml_count (n) != known)
        return refuse (p, n, "Unrecognized key in count mapping");
    if (known == 1)
        return 0;
    if (!parse_uint (yaml_text (max), &c->max))
        return refuse (p, max, "Value of \"max\" must be a positive integer");
    if (!parse_uint (yaml_text (arg), &c->operand))
        return refuse (p, arg, "Value of \"operand\" must be a positive integer");
    const char *s = yaml_text (op);
    if (!s || strlen (s) != 1)
        return refuse (p, op, "Value of \"operator\" must be one of +, * and ^");
    c->op = *s;
    return 0;
}

static int parse_count (struct parser *p, yaml_node_t *n, struct count_spec *c)
{
    const char *s = yaml_text (n);

    *c = (struct count_spec){ .op = '+', .operand = 1 };
    if (s) {
        if (count_parse (s, c) < 0)
            return refuse (p, n, "Value of \"count\" must be an unsigned integer");
        return 0;
    }
    if (!yaml_is_map (n))
        return refuse (p, n, "Value of \"count\" must be a scalar or a mapping");
    if (parse_count_map (p, n, c) < 0)
        return -1;
    const char *fault = count_check (c);
    return fault ? refuse (p, n, "%s", fault) : 0;
}

static int parse_resources (struct parser *p, yaml_node_t *seq, int depth,
                            struct resource **list, uint32_t *count);

static int parse_exclusive (struct parser *p, yaml_node_t *n, struct resource *r)
{
    const char *s = yaml_text (n);

    if (s && strcmp (s, "true") == 0)
        r->exclusive = EXCL_TRUE;
    else if (s && strcmp (s, "false") == 0)
        r->exclusive = EXCL_FALSE;
    else
        return refuse (p, n,
                       "Value of \"exclusive\" must be either \"true\" or "
                       "\"false\"");
    return 0;
}

static int parse_resource (struct parser *p, yaml_node_t *n, int depth,
                           struct resource *r)
{
    struct yaml *y = &p->yaml;

    if (!yaml_is_map (n))
        return refuse (p, n, "Resource is not a mapping");
    if (!yaml_get (y, n, "type"))
        return refuse (p, n, "Key \"type\" missing from resource");
    if (!yaml_get (y, n, "count"))
        return refuse (p, n, "Key \"count\" missing from resource");
    for (int i = 0; i < yaml_count (n); i++) {
        const char *key = yaml_text (yaml_key (y, n, i));
        yaml_node_t *val = yaml_value (y, n, i);
        int rc = 0;
        if (!key)
            return refuse (p, n, "Unrecognized key in resource mapping");
        if (strcmp (key, "type") == 0 && !r->type)
            rc = dup_text (p, val, key, &r->type);
        else if (strcmp (key, "unit") == 0 && !r->unit)
            rc = dup_text (p, val, key, &r->unit);
        else if (strcmp (key, "label") == 0 && !r->label)
            rc = dup_text (p, val, key, &r->label);
        else if (strcmp (key, "id") == 0 && !r->id)
            rc = dup_text (p, val, key, &r->id);
        else if (strcmp (key, "count") == 0 && !r->count.op)
            rc = parse_count (p, val, &r->count);
        else if (strcmp (key, "exclusive") == 0)
            rc = parse_exclusive (p, val, r);
        else if (strcmp (key, "with") == 0 && !r->with)
            rc = parse_resources (p, val, depth + 1, &r->with, &r->nwith);
        else
            return refuse (p, yaml_key (y, n, i),
                           "Unrecognized key in resource mapping");
        if (rc < 0)
            return -1;
    }
    r->is_slot = strcmp (r->type, "slot") == 0 || strcmp (r->type, "xor_slot") == 0;
    if (r->is_slot && !r->label)
        return refuse (p, n, "All slots must be labeled");
    if (r->is_slot && !r->nwith)
        return refuse (p, n, "Slots must contain resources");
    return 0;
}

static int parse_resources (struct parser *p, yaml_node_t *seq, int depth,
                            struct resource **list, uint32_t *count)
{
    if (!yaml_is_seq (seq))
        return refuse (p, seq, "\"%s\" is not a sequence",
                       depth ? "with" : "resources");
    int n = yaml_count (seq);
    if (n < 1)
        return refuse (p, seq, "\"%s\" is empty", depth ? "with" : "resources");
    if (depth > MAX_RESOURCE_DEPTH || (uint32_t)n > p->budget)
        return refuse (p, seq, "Too many resources");
    p->budget -= n;
    if (!(*list = calloc (n, sizeof (**list))))
        return -1;
    *count = n;
    for (int i = 0; i < n; i++)
        if (parse_resource (p, yaml_item (&p->yaml, seq, i), depth, &(*list)[i]) < 0)
            return -1;
    return 0;
}

static int parse_command (struct parser *p, yaml_node_t *n, struct task *t)
{
    struct yaml *y = &p->yaml;

    if (!yaml_is_seq (n))
        return refuse (p, n, "\"command\" value must be a sequence");
    int count = yaml_count (n);
    if (count < 1)
        return refuse (p, n, "\"command\" is empty");
    if (!(t->command = calloc (count + 1, sizeof (char *))))
        return -1;
    for (int i = 0; i < count; i++)
        if (dup_text (p, yaml_item (y, n, i), "command", &t->command[i]) < 0)
            return -1;
    return 0;
}

static int parse_task (struct parser *p, yaml_node_t *n, struct task *t)
{
    struct yaml *y = &p->yaml;

    if (!yaml_is_map (n))
        return refuse (p, n, "Task is not a mapping");
    if (!yaml_get (y, n, "command"))
        return refuse (p, n, "Key \"command\" missing from task");
    if (!yaml_get (y, n, "slot"))
        return refuse (p, n, "Key \"slot\" missing from task");
    if (!yaml_get (y, n, "count"))
        return refuse (p, n, "Key \"count\" missing from task");
    for (int i = 0; i < yaml_count (n); i++) {
        const char *key = yaml_text (yaml_key (y, n, i));
        yaml_node_t *val = yaml_value (y, n, i);
        int rc = 0;
        if (!key)
            return refuse (p, n, "Unrecognized key in task mapping");
        if (strcmp (key, "command") == 0 && !t->command) {
            rc = parse_command (p, val, t);
        } else if (strcmp (key, "slot") == 0 && !t->slot) {
            rc = dup_text (p, val, key, &t->slot);
        } else if (strcmp (key, "distribution") == 0 && !t->distribution) {
            rc = dup_text (p, val, key, &t->distribution);
        } else if (strcmp (key, "count") == 0 && !t->count) {
            if (!yaml_is_map (val) || yaml_count (val) != 1)
                return refuse (p, val,
                               "\"count\" in task must be a mapping with "
                               "one entry");
            if (!(t->count = yaml_json (y, val)))
                return refuse (p, val, "\"count\" in task is not valid");
        } else if (strcmp (key, "attributes") == 0 && !t->attributes) {
            if (!yaml_is_map (val) || !(t->attributes = yaml_json (y, val)))
                return refuse (p, val, "\"attributes\" in task must be a mapping");
        } else {
            return refuse (p, yaml_key (y, n, i), "Unrecognized key in task mapping");
        }
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int parse_tasks (struct parser *p, yaml_node_t *seq, struct request *r)
{
    if (!yaml_is_seq (seq))
        return refuse (p, seq, "\"tasks\" is not a sequence");
    int n = yaml_count (seq);
    if (n < 1 || (uint32_t)n > p->budget)
        return refuse (p, seq, "\"tasks\" is empty or too long");
    if (!(r->tasks = calloc (n, sizeof (*r->tasks))))
        return -1;
    r->ntasks = n;
    for (int i = 0; i < n; i++)
        if (parse_task (p, yaml_item (&p->yaml, seq, i), &r->tasks[i]) < 0)
            return -1;
    return 0;
}

static int parse_duration (struct parser *p, yaml_node_t *n, struct request *r)
{
    const char *s = yaml_text (n);
    char *end = NULL;

    if (s)
        r->duration = strtod (s, &end);
    if (!s || end == s || *end)
        return refuse (p, n, "Value of \"duration\" must be a number of seconds");
    return 0;
}

/* What can be asked of a node; nobody is asked here. */
static bool any_name (const char *name, void *arg)
{
    return false;
}

static unsigned int any_rank (void *arg)
{
    return 0;
}

static int check_constraints (struct parser *p, yaml_node_t *n, json_t *o)
{
    static const struct constraint_ops ops = {
        .property = any_name,
        .host = any_name,
        .rank = any_rank,
    };
    struct constraint *c;
    flux_error_t error;

    if (json_object_size (o) == 0)
        return 0;
    if (!(c = constraint_compile (o, &ops, &error)))
        return refuse (p, n, "\"constraints\": %s", error.text);
    constraint_destroy (c);
    return 0;
}

/* Constraints tell a quoted string from a plain one, so scalars keep that. */
static int parse_system (struct parser *p, yaml_node_t *n, struct request *r)
{
    struct yaml *y = &p->yaml;
    yaml_node_t *sub;
    json_t *o = json_object_get (r->attributes, "system");

    if (!yaml_is_map (n))
        return refuse (p, n, "\"system\" in attributes must be a mapping");
    if ((sub = yaml_get (y, n, "duration")) && parse_duration (p, sub, r) < 0)
        return -1;
    if ((sub = yaml_get (y, n, "queue")) && !yaml_text (sub))
        return refuse (p, sub, "\"queue\" in system attributes must be a string");
    r->queue = json_string_value (json_object_get (o, "queue"));
    if ((sub = yaml_get (y, n, "cwd")) && !yaml_text (sub))
        return refuse (p, sub, "\"cwd\" in system attributes must be a string");
    r->cwd = json_string_value (json_object_get (o, "cwd"));
    if ((sub = yaml_get (y, n, "environment")) && !yaml_is_map (sub)
        && !yaml_is_null (sub))
        return refuse (p, sub,
                       "\"environment\" in system attributes must be a mapping");
    r->environment = json_object_get (o, "environment");
    if ((sub = yaml_get (y, n, "constraints")) && !yaml_is_map (sub)
        && !yaml_is_null (sub))
        return refuse (p, sub,
                       "\"constraints\" in system attributes must be a mapping");
    r->constraints = json_object_get (o, "constraints");
    if (json_is_null (r->constraints))
        r->constraints = NULL;
    return check_constraints (p, sub, r->constraints);
}

static int parse_attributes (struct parser *p, yaml_node_t *n, struct request *r)
{
    struct yaml *y = &p->yaml;
    yaml_node_t *sys;

    if (yaml_is_null (n))
        return 0;
    if (!yaml_is_map (n))
        return refuse (p, n, "\"attributes\" is not a mapping");
    for (int i = 0; i < yaml_count (n); i++) {
        const char *key = yaml_text (yaml_key (y, n, i));
        if (!key || (strcmp (key, "system") != 0 && strcmp (key, "user") != 0))
            return refuse (p, yaml_key (y, n, i),
                           "Unrecognized key in attributes mapping");
    }
    if (!(r->attributes = yaml_json (y, n)))
        return refuse (p, n, "\"attributes\" is too large or not valid");
    if ((sys = yaml_get (y, n, "system")) && !yaml_is_null (sys))
        return parse_system (p, sys, r);
    return 0;
}

static int parse_top (struct parser *p, yaml_node_t *top, struct request *r)
{
    static const char *const keys[] = { "version", "resources", "tasks", "attributes" };
    struct yaml *y = &p->yaml;
    yaml_node_t *n;

    if (!yaml_is_map (top))
        return refuse (p, top, "Top level of jobspec is not a mapping");
    for (int i = 0; i < 4; i++)
        if (!yaml_get (y, top, keys[i]))
            return refuse (p, top, "Missing key \"%s\" in top level mapping", keys[i]);
    if (yaml_count (top) != 4)
        return refuse (p, top, "Top mapping in jobspec must have exactly four entries");
    n = yaml_get (y, top, "version");
    if (!parse_uint (yaml_text (n), &r->version) || yaml_is_quoted (n))
        return refuse (p, n, "\"version\" must be an unsigned integer");
    if (r->version < 1 || r->version > 9999)
        return refuse (p, n, "Only jobspec \"version\" 1-9999 is supported");
    if (parse_resources (p, yaml_get (y, top, "resources"), 0, &r->resources,
                         &r->nresources)
            < 0
        || parse_tasks (p, yaml_get (y, top, "tasks"), r) < 0)
        return -1;
    return parse_attributes (p, yaml_get (y, top, "attributes"), r);
}

struct request *request_parse (const char *text, size_t len, int *line, int *column,
                               flux_error_t *error)
{
    struct parser p = { .error = error, .budget = 10000 };
    struct request *r = calloc (1, sizeof (*r));

    if (!r)
        return NULL;
    error->text[0] = '\0';
    if (yaml_load_text (&p.yaml, text, len, &p.line, &p.column, error) == 0) {
        int rc = parse_top (&p, yaml_root (&p.yaml), r);
        yaml_unload (&p.yaml);
        if (rc == 0)
            return r;
    }
    if (line)
        *line = p.line;
    if (column)
        *column = p.column;
    if (!error->text[0])
        snprintf (error->text, sizeof (error->text), "%s", strerror (errno));
    request_destroy (r);
    return NULL;
}

static void destroy_resources (struct resource *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct resource *r = &list[i];
        free (r->type);
        free (r->unit);
        free (r->label);
        free (r->id);
        free (r->count.list);
        destroy_resources (r->with, r->nwith);
    }
    free (list);
}

void request_destroy (struct request *r)
{
    int saved = errno;

    if (!r)
        return;
    destroy_resources (r->resources, r->nresources);
    for (uint32_t i = 0; i < r->ntasks; i++) {
        struct task *t = &r->tasks[i];
        for (char **s = t->command; s && *s; s++)
            free (*s);
        free (t->command);
        free (t->slot);
        free (t->distribution);
        json_decref (t->count);
        json_decref (t->attributes);
    }
    free (r->tasks);
    json_decref (r->attributes);
    free (r);
    errno = saved;
}

static int bind_all (struct resource *list, uint32_t count, const struct graph *g,
                     uint32_t *ord, flux_error_t *error)
{
    for (uint32_t i = 0; i < count; i++) {
        list[i].ord = (*ord)++;
        list[i].type_id = graph_find_type (g, list[i].type);
        if (list[i].type_id == UINT16_MAX) {
            snprintf (error->text, sizeof (error->text),
                      "Value of \"type\" must be a resource type known to fluxion");
            errno = EINVAL;
            return -1;
        }
        if (bind_all (list[i].with, list[i].nwith, g, ord, error) < 0)
            return -1;
    }
    return 0;
}

int request_bind (struct request *r, const struct graph *g, flux_error_t *error)
{
    r->nall = 0;
    return bind_all (r->resources, r->nresources, g, &r->nall, error);
}
