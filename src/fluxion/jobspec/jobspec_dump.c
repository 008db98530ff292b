#include "base/buf.h"
#include "fluxion/jobspec/jobspec.h"

#include <stdlib.h>
#include <string.h>

static void indent (struct buf *b, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_adds (b, "  ");
}

/* As a YAML double-quoted scalar, which is also JSON. */
static void put_json (struct buf *b, json_t *o)
{
    char *s = json_dumps (o, JSON_ENCODE_ANY | JSON_REAL_PRECISION (15));

    if (s)
        buf_adds (b, s);
    else
        b->err = ENOMEM;
    free (s);
}

static void put_text (struct buf *b, const char *s)
{
    json_t *o = json_string (s);

    put_json (b, o);
    json_decref (o);
}

static void put_key (struct buf *b, int depth, const char *key, const char *val)
{
    if (!val)
        return;
    indent (b, depth);
    buf_printf (b, "%s: ", key);
    put_text (b, val);
    buf_addc (b, '\n');
}

static void put_count (struct buf *b, int depth, const struct count_spec *c)
{
    indent (b, depth);
    if (c->list) {
        buf_adds (b, "count: \"");
        for (uint32_t i = 0; i < c->nlist; i++)
            buf_printf (b, i ? ",%lld" : "%lld", (long long)c->list[i]);
        buf_adds (b, "\"\n");
        return;
    }
    if (c->min == c->max) {
        buf_printf (b, "count: %lld\n", (long long)c->min);
        return;
    }
    buf_adds (b, "count:\n");
    indent (b, depth + 1);
    buf_printf (b, "min: %lld\n", (long long)c->min);
    if (c->max != INT64_MAX) {
        indent (b, depth + 1);
        buf_printf (b, "max: %lld\n", (long long)c->max);
        indent (b, depth + 1);
        buf_printf (b, "operator: \"%c\"\n", c->op);
        indent (b, depth + 1);
        buf_printf (b, "operand: %lld\n", (long long)c->operand);
    }
}

static void put_resources (struct buf *b, int depth, const struct resource *list,
                           uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct resource *r = &list[i];
        indent (b, depth);
        buf_adds (b, "- type: ");
        put_text (b, r->type);
        buf_addc (b, '\n');
        put_count (b, depth + 1, &r->count);
        put_key (b, depth + 1, "unit", r->unit);
        put_key (b, depth + 1, "label", r->label);
        put_key (b, depth + 1, "id", r->id);
        if (r->exclusive != EXCL_UNSET) {
            indent (b, depth + 1);
            buf_printf (b, "exclusive: %s\n",
                        r->exclusive == EXCL_TRUE ? "true" : "false");
        }
        if (r->nwith) {
            indent (b, depth + 1);
            buf_adds (b, "with:\n");
            put_resources (b, depth + 2, r->with, r->nwith);
        }
    }
}

static void put_object (struct buf *b, int depth, const char *key, json_t *o)
{
    if (!o)
        return;
    indent (b, depth);
    buf_printf (b, "%s: ", key);
    put_json (b, o);
    buf_addc (b, '\n');
}

static void put_task (struct buf *b, const struct task *t)
{
    buf_adds (b, "  - command: [");
    for (char **s = t->command; *s; s++) {
        if (s != t->command)
            buf_adds (b, ", ");
        put_text (b, *s);
    }
    buf_adds (b, "]\n");
    put_key (b, 2, "slot", t->slot);
    put_object (b, 2, "count", t->count);
    put_key (b, 2, "distribution", t->distribution);
    put_object (b, 2, "attributes", t->attributes);
}

char *request_dump (const struct request *r)
{
    struct buf b = BUF_INIT;

    buf_printf (&b, "version: %lld\nresources:\n", (long long)r->version);
    put_resources (&b, 1, r->resources, r->nresources);
    buf_adds (&b, "tasks:\n");
    for (uint32_t i = 0; i < r->ntasks; i++)
        put_task (&b, &r->tasks[i]);
    buf_adds (&b, "attributes: ");
    if (r->attributes)
        put_json (&b, r->attributes);
    else
        buf_adds (&b, "null");
    buf_addc (&b, '\n');
    if (b.err) {
        buf_fini (&b);
        return NULL;
    }
    return buf_take (&b, NULL);
}
