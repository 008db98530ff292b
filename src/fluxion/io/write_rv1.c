/* R of RFC 20. Nodes (and storage nodes) gather the cores and GPUs below them;
 * nodes with the same children share an entry of R_lite. */
#include <errno.h>
#include <flux/hostlist.h>
#include <flux/idset.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "fluxion/io/writer_impl.h"
#include "value/resource/rset.h"

struct gathered {
    uint32_t v; /* the node */
    int32_t rank;
    char *children; /* {"core": "0-3"} */
};

struct gather {
    struct gathered *node;
    uint32_t count;
    struct idset *core, *gpu; /* of the node that is being gathered */
};

static void gather_fini (struct gather *ga)
{
    for (uint32_t i = 0; i < ga->count; i++)
        free (ga->node[i].children);
    free (ga->node);
    idset_destroy (ga->core);
    idset_destroy (ga->gpu);
}

static int add_ids (struct buf *b, const char *type, const struct idset *ids)
{
    char *s;

    if (idset_empty (ids))
        return 0;
    if (!(s = idset_encode (ids, IDSET_FLAG_RANGE)))
        return -1;
    buf_printf (b, "%s\"%s\": \"%s\"", b->len > 1 ? ", " : "", type, s);
    free (s);
    return 0;
}

/* A node follows its children in post-order: what was collected is its own. */
static int finish_node (struct gather *ga, const struct graph *g, uint32_t v)
{
    struct buf b = BUF_INIT;
    struct gathered *n = &ga->node[ga->count];

    if (idset_empty (ga->core) && idset_empty (ga->gpu))
        return 0;
    buf_addc (&b, '{');
    if (add_ids (&b, "core", ga->core) < 0 || add_ids (&b, "gpu", ga->gpu) < 0) {
        buf_fini (&b);
        return -1;
    }
    buf_addc (&b, '}');
    n->v = v;
    n->rank = g->v[v].rank;
    if (!(n->children = buf_take (&b, NULL)))
        return -1;
    ga->count++;
    idset_clear_all (ga->core);
    idset_clear_all (ga->gpu);
    return 0;
}

static int gather (struct gather *ga, const struct graph *g, const struct selected *sel,
                   uint32_t count)
{
    uint32_t nodes = 0;

    for (uint32_t i = 0; i < count; i++)
        nodes += g->v[sel[i].v].type == g->t_node
                 || g->v[sel[i].v].type == g->t_storage_node;
    ga->node = calloc (nodes ? nodes : 1, sizeof (*ga->node));
    ga->core = idset_create (0, IDSET_FLAG_AUTOGROW);
    ga->gpu = idset_create (0, IDSET_FLAG_AUTOGROW);
    if (!ga->node || !ga->core || !ga->gpu)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct vertex *v = &g->v[sel[i].v];

        if (v->type == g->t_core && v->id >= 0) {
            if (idset_set (ga->core, v->id) < 0)
                return -1;
        } else if (v->type == g->t_gpu && v->id >= 0) {
            if (idset_set (ga->gpu, v->id) < 0)
                return -1;
        } else if ((v->type == g->t_node || v->type == g->t_storage_node)
                   && finish_node (ga, g, sel[i].v) < 0)
            return -1;
    }
    return 0;
}

static int by_children (const void *a, const void *b)
{
    const struct gathered *x = a, *y = b;
    int rc = strcmp (x->children, y->children);

    return rc ? rc : (x->rank > y->rank) - (x->rank < y->rank);
}

static int by_rank (const void *a, const void *b)
{
    const struct gathered *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->v < y->v ? -1 : x->v > y->v;
}

/* Ranks of nodes [from, to), as idset text; -1 stands for no rank. */
static int write_ranks (const struct gather *ga, uint32_t from, uint32_t to,
                        struct buf *b)
{
    struct idset *ids = idset_create (0, IDSET_FLAG_AUTOGROW);
    char *s = NULL;
    int rc = -1;

    for (uint32_t i = from; ids && i < to; i++)
        if (ga->node[i].rank >= 0 && idset_set (ids, ga->node[i].rank) < 0)
            goto out;
    if (!ids || !(s = idset_encode (ids, IDSET_FLAG_RANGE)))
        goto out;
    buf_adds (b, *s ? s : "-1");
    rc = 0;
out:
    free (s);
    idset_destroy (ids);
    return rc;
}

static int write_rlite (struct gather *ga, struct buf *b)
{
    uint32_t i, end;

    sort_array (ga->node, ga->count, sizeof (*ga->node), by_children);
    buf_addc (b, '[');
    for (i = 0; i < ga->count; i = end) {
        for (end = i + 1; end < ga->count; end++)
            if (strcmp (ga->node[i].children, ga->node[end].children) != 0)
                break;
        if (i > 0)
            buf_add (b, ", ", 2);
        buf_adds (b, "{\"rank\": \"");
        if (write_ranks (ga, i, end, b) < 0)
            return -1;
        buf_adds (b, "\", \"children\": ");
        buf_adds (b, ga->node[i].children);
        buf_addc (b, '}');
    }
    buf_addc (b, ']');
    return 0;
}

/* The nodes are sorted by rank. */
static int write_nodelist (const struct gather *ga, const struct graph *g,
                           struct buf *b)
{
    struct hostlist *hl = hostlist_create ();
    char name[GRAPH_NAME_MAX];
    char *s = NULL;
    int rc = -1;

    for (uint32_t i = 0; hl && i < ga->count; i++)
        if (hostlist_append (hl, graph_name (g, ga->node[i].v, name)) < 0)
            goto out;
    if (!hl || !(s = hostlist_encode (hl)))
        goto out;
    buf_adds (b, ", \"nodelist\": [");
    if (ga->count > 0)
        json_add_text (b, s);
    buf_addc (b, ']');
    rc = 0;
out:
    free (s);
    hostlist_destroy (hl);
    return rc;
}

/* A property of one node: "name" or "name=value". */
struct tag {
    char *text;
    int32_t rank;
};

static int by_text (const void *a, const void *b)
{
    const struct tag *x = a, *y = b;
    int rc = strcmp (x->text, y->text);

    return rc ? rc : (x->rank > y->rank) - (x->rank < y->rank);
}

/* An R that names others is refused by all that read it. */
static bool is_property (const char *text)
{
    return text[strcspn (text, PROPERTY_REFUSED)] == '\0';
}

static int collect_tags (const struct gather *ga, const struct graph *g,
                         struct tag **tags, uint32_t *count)
{
    uint32_t n = 0;

    *count = 0;
    for (uint32_t i = 0; i < ga->count; i++) {
        const struct properties *p = graph_properties (g, ga->node[i].v);
        n += p ? p->count : 0;
    }
    if (!(*tags = calloc (n ? n : 1, sizeof (**tags))))
        return -1;
    for (uint32_t i = 0; i < ga->count; i++) {
        const struct properties *p = graph_properties (g, ga->node[i].v);

        for (uint32_t k = 0; p && k < p->count; k++) {
            const char *value = graph_string (g, p->item[k].value);
            struct buf b = BUF_INIT;

            if (!is_property (graph_string (g, p->item[k].key)) || !is_property (value))
                continue;
            buf_adds (&b, graph_string (g, p->item[k].key));
            if (*value) {
                buf_addc (&b, '=');
                buf_adds (&b, value);
            }
            (*tags)[*count].rank = ga->node[i].rank;
            if (!((*tags)[*count].text = buf_take (&b, NULL)))
                return -1;
            (*count)++;
        }
    }
    sort_array (*tags, *count, sizeof (**tags), by_text);
    return 0;
}

static int write_properties (const struct gather *ga, const struct graph *g,
                             struct buf *b)
{
    struct tag *tags = NULL;
    uint32_t count = 0, i, end;
    int rc = -1;

    if (collect_tags (ga, g, &tags, &count) < 0)
        goto out;
    if (count > 0)
        buf_adds (b, ", \"properties\": {");
    for (i = 0; i < count; i = end) {
        struct idset *ids = idset_create (0, IDSET_FLAG_AUTOGROW);
        char *s = NULL;

        for (end = i; end < count && strcmp (tags[i].text, tags[end].text) == 0; end++)
            if (ids && tags[end].rank >= 0)
                idset_set (ids, tags[end].rank);
        if (ids)
            s = idset_encode (ids, IDSET_FLAG_RANGE);
        idset_destroy (ids);
        if (!s)
            goto out;
        if (i > 0)
            buf_add (b, ", ", 2);
        json_add_text (b, tags[i].text);
        buf_printf (b, ": \"%s\"", s);
        free (s);
    }
    if (count > 0)
        buf_addc (b, '}');
    rc = 0;
out:
    for (i = 0; i < count; i++)
        free (tags[i].text);
    free (tags);
    return rc;
}

static int write_execution (struct gather *ga, const struct graph *g,
                            const struct write_info *info, struct buf *b)
{
    buf_adds (b, "{\"version\": 1, \"execution\": {\"R_lite\": ");
    if (write_rlite (ga, b) < 0)
        return -1;
    sort_array (ga->node, ga->count, sizeof (*ga->node), by_rank);
    if (write_nodelist (ga, g, b) < 0 || write_properties (ga, g, b) < 0)
        return -1;
    buf_adds (b, ", \"starttime\": ");
    json_add_int (b, info ? info->starttime : 0);
    buf_adds (b, ", \"expiration\": ");
    json_add_int (b, info ? info->expiration : 0);
    buf_addc (b, '}');
    return 0;
}

int write_rv1 (enum write_format format, const struct graph *g,
               const struct selected *sel, uint32_t count,
               const struct write_info *info, struct buf *b)
{
    struct gather ga = { 0 };
    int rc = -1;

    if (gather (&ga, g, sel, count) < 0)
        goto out;
    if (format == WRITE_RLITE) {
        rc = write_rlite (&ga, b);
        goto out;
    }
    if (write_execution (&ga, g, info, b) < 0)
        goto out;
    if (format != WRITE_RV1_NOSCHED) {
        buf_adds (b, ", \"scheduling\": ");
        if (write_jgf (format == WRITE_RV1 ? WRITE_JGF : WRITE_JGF_SHORTHAND, g, sel,
                       count, info, b)
            < 0)
            goto out;
        if (info && info->queue) {
            buf_adds (b, ", \"attributes\": {\"system\": {\"scheduler\": {\"queue\": ");
            json_add_text (b, info->queue);
            buf_adds (b, "}}}");
        }
    }
    buf_addc (b, '}');
    rc = 0;
out:
    gather_fini (&ga);
    return rc;
}
