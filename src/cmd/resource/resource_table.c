#include "cmd/resource/resource_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"

enum field {
    STATE,
    STATEX,
    STATUS,
    UP,
    UP_ASCII,
    NNODES,
    NCORES,
    NGPUS,
    NODELIST,
    RANKS,
    RLIST,
    PROPERTIES,
    PROPERTIESX,
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
    { "statex", "STATE", STATEX },
    { "status", NULL, STATUS },
    { "up", NULL, UP },
    { "up.ascii", "UP", UP_ASCII },
    { "nnodes", NULL, NNODES },
    { "ncores", NULL, NCORES },
    { "ngpus", NULL, NGPUS },
    { "nodelist", NULL, NODELIST },
    { "ranks", NULL, RANKS },
    { "rlist", "LIST", RLIST },
    { "properties", NULL, PROPERTIES },
    { "propertiesx", "PROPERTIES", PROPERTIESX },
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

/* Asked for more than once: for the width, and to print. */
static const char *nodelist_text (struct resource_row *row)
{
    if (!row->nodelist && !(row->nodelist = rset_nodelist_text (row->r)))
        cmd_die ("out of memory");
    return row->nodelist;
}

static char *ranks_text (const struct rset *r)
{
    struct idset *ids = rset_ranks (r);
    char *s = ids ? idset_encode (ids, IDSET_FLAG_RANGE) : NULL;

    idset_destroy (ids);
    return s;
}

/* An asterisk: it is not there. */
static char *state_text (const struct resource_row *row)
{
    char *s;

    return asprintf (&s, "%s%s", row->state, row->online ? "" : "*") < 0 ? NULL : s;
}

/* Names that begin with '+' are of this instance alone: not shown. */
static char *properties_text (const struct rset *r, const json_t *without)
{
    json_t *o = rset_properties (r);
    struct buf b = BUF_INIT;
    const char *name;
    json_t *value;

    json_object_foreach (o, name, value)
        if (*name != '+' && !json_object_get (without, name))
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
        v->s = keep (slots, STATE, state_text (row));
        break;
    case STATEX:
        v->s = row->state;
        break;
    case STATUS:
        v->s = row->online ? "online" : "offline";
        break;
    case UP_ASCII:
        v->s = row->online ? "y" : "n";
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
        v->s = nodelist_text ((struct resource_row *)row);
        break;
    case RANKS:
        v->s = keep (slots, RANKS, ranks_text (row->r));
        break;
    case RLIST:
        v->s = keep (slots, RLIST, rset_dump (row->r));
        break;
    case PROPERTIES:
        v->s = keep (slots, PROPERTIES, properties_text (row->r, NULL));
        break;
    case PROPERTIESX:
        v->s = keep (slots, PROPERTIESX, properties_text (row->r, row->queue_names));
        break;
    case QUEUE:
        v->s = row->queue ? row->queue : "";
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

static bool same (const char *a, const char *b)
{
    return strcmp (a ? a : "", b ? b : "") == 0;
}

static bool alike (const struct resource_row *a, const struct resource_row *b,
                   bool reason, bool timestamp)
{
    return same (a->state, b->state) && a->online == b->online
           && same (a->queue, b->queue) && (!reason || same (a->reason, b->reason))
           && (!timestamp || a->timestamp == b->timestamp);
}

void resource_table_merge (struct resource_table *t, const char *format)
{
    bool reason = strstr (format, "{reason"), timestamp = strstr (format, "{timestamp");
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++) {
        size_t k = 0;
        while (k < count && !alike (&t->rows[k], &t->rows[i], reason, timestamp))
            k++;
        if (k == count) {
            t->rows[count++] = t->rows[i];
            continue;
        }
        struct rset *sum = rset_union (t->rows[k].r, t->rows[i].r);
        if (!sum)
            cmd_die ("out of memory");
        rset_destroy (t->rows[k].r);
        rset_destroy (t->rows[i].r);
        t->rows[k].r = sum;
    }
    t->count = count;
}

void resource_table_fini (struct resource_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        rset_destroy (t->rows[i].r);
        free (t->rows[i].nodelist);
    }
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
    buf_print (&out, stdout);
    buf_fini (&out);
    free (rows);
    format_destroy (f);
    for (int i = 0; i <= TIMESTAMP; i++)
        free (slots[i]);
}
