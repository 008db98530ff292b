#include "cmd/resource/resource_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"

enum field {
    STATE,
    UP,
    NNODES,
    NCORES,
    NGPUS,
    NODELIST,
    RANKS,
    RLIST,
    PROPERTIES,
    QUEUE,
    REASON,
    TIMESTAMP,
};

static const struct {
    const char *name;
    const char *heading;
    enum field id;
} fields[] = {
    { "state", NULL, STATE },
    { "statex", "STATE", STATE },
    { "up", NULL, UP },
    { "up.ascii", "UP", UP },
    { "nnodes", NULL, NNODES },
    { "ncores", NULL, NCORES },
    { "ngpus", NULL, NGPUS },
    { "nodelist", NULL, NODELIST },
    { "ranks", NULL, RANKS },
    { "rlist", "LIST", RLIST },
    { "properties", NULL, PROPERTIES },
    { "propertiesx", "PROPERTIES", PROPERTIES },
    { "queue", NULL, QUEUE },
    { "reason", NULL, REASON },
    { "timestamp", "TIME", TIMESTAMP },
};

static bool resolve (const char *name, struct format_field *field)
{
    for (size_t i = 0; i < sizeof (fields) / sizeof (fields[0]); i++) {
        if (!strcmp (fields[i].name, name)) {
            field->id = fields[i].id;
            field->arg = NULL;
            field->heading = fields[i].heading;
            return true;
        }
    }
    return false;
}

/* Text lives until the next get of the same row: keep one of each field. */
static const char *keep (char **slots, int id, char *take_text)
{
    free (slots[id]);
    slots[id] = take_text;
    return take_text ? take_text : "";
}

static char *nodelist_text (const struct rset *r)
{
    struct hostlist *hl = rset_nodelist (r);
    char *s = hl ? hostlist_encode (hl) : NULL;

    hostlist_destroy (hl);
    return s;
}

static char *ranks_text (const struct rset *r)
{
    struct idset *ids = rset_ranks (r);
    char *s = ids ? idset_encode (ids, IDSET_FLAG_RANGE) : NULL;

    idset_destroy (ids);
    return s;
}

/* Names that begin with '+' are of this instance alone: not shown. */
static char *properties_text (const struct rset *r)
{
    json_t *o = rset_properties (r);
    struct buf b = BUF_INIT;
    const char *name;
    json_t *value;

    json_object_foreach (o, name, value)
        if (*name != '+')
            buf_printf (&b, "%s%s", b.len ? "," : "", name);
    json_decref (o);
    return buf_take (&b, NULL);
}

static void get (const struct format_field *field, const void *arg,
                 struct format_value *v, void *slots)
{
    const struct resource_row *row = arg;

    v->type = FORMAT_STRING;
    switch ((enum field)field->id) {
    case STATE:
        v->s = row->state;
        break;
    case UP:
        v->s = row->online ? "\xe2\x9c\x94" : "\xe2\x9c\x97";
        break;
    case NNODES:
        v->type = FORMAT_INT;
        v->i = rset_count (row->r, "node");
        break;
    case NCORES:
        v->type = FORMAT_INT;
        v->i = rset_count (row->r, "core");
        break;
    case NGPUS:
        v->type = FORMAT_INT;
        v->i = rset_count (row->r, "gpu");
        break;
    case NODELIST:
        v->s = keep (slots, NODELIST, nodelist_text (row->r));
        break;
    case RANKS:
        v->s = keep (slots, RANKS, ranks_text (row->r));
        break;
    case RLIST:
        v->s = keep (slots, RLIST, rset_dump (row->r));
        break;
    case PROPERTIES:
        v->s = keep (slots, PROPERTIES, properties_text (row->r));
        break;
    case QUEUE:
        v->s = "";
        break;
    case REASON:
        v->s = row->reason ? row->reason : "";
        break;
    case TIMESTAMP:
        v->type = FORMAT_FLOAT;
        v->f = row->timestamp;
        break;
    }
}

void resource_table_add (struct resource_table *t, struct resource_row row,
                         struct rset *take_r)
{
    struct resource_row *rows = realloc (t->rows, (t->count + 1) * sizeof (*rows));

    if (!rows || !take_r)
        cmd_die ("out of memory");
    row.r = take_r;
    t->rows = rows;
    t->rows[t->count++] = row;
}

void resource_table_fini (struct resource_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        rset_destroy (t->rows[i].r);
    free (t->rows);
}

void resource_table_print (const struct resource_table *t, const char *text,
                           bool header)
{
    char *slots[TIMESTAMP + 1] = { 0 };
    struct format_source source = { .resolve = resolve, .get = get, .arg = slots };
    flux_error_t error = { "" };
    struct format *f = format_create (text, &source, &error);
    const void **rows = calloc (t->count + 1, sizeof (*rows));
    struct buf out = BUF_INIT;

    if (!f)
        cmd_die ("ERROR: Error in user format: %s", error.text);
    if (!rows)
        cmd_die ("out of memory");
    for (size_t i = 0; i < t->count; i++)
        rows[i] = &t->rows[i];
    (void)format_sort (f, rows, t->count);
    if (format_needs_scan (f)) {
        for (size_t i = 0; i < t->count; i++)
            format_scan (f, rows[i]);
        format_scan_end (f);
    }
    if (header) {
        format_header (f, &out);
        buf_addc (&out, '\n');
    }
    for (size_t i = 0; i < t->count; i++) {
        format_row (f, rows[i], &out);
        buf_addc (&out, '\n');
    }
    if (out.len > 0)
        fwrite (out.data, 1, out.len, stdout);
    buf_fini (&out);
    free (rows);
    format_destroy (f);
    for (int i = 0; i <= TIMESTAMP; i++)
        free (slots[i]);
}
