/* R_lite: which cores and gpus of which ranks. */
#include "fluxion/write_priv.h"

#include <flux/hostlist.h>
#include <stdlib.h>
#include <string.h>

struct ids {
    int64_t *id;
    uint32_t n, cap;
};

static void ids_add (struct ids *s, int64_t id, struct buf *b)
{
    if (s->n == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 64;
        int64_t *p = realloc (s->id, cap * sizeof (*p));
        if (!p) {
            b->err = ENOMEM;
            return;
        }
        s->id = p;
        s->cap = cap;
    }
    s->id[s->n++] = id;
}

static int compare_ids (const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* "0-3,7", sorted, without doubles. */
static void write_ids (struct ids *s, struct buf *b)
{
    bool sorted = true;

    for (uint32_t i = 1; i < s->n; i++)
        sorted &= s->id[i - 1] < s->id[i];
    if (!sorted)
        qsort (s->id, s->n, sizeof (*s->id), compare_ids);
    for (uint32_t i = 0, k; i < s->n; i = k) {
        k = i + 1;
        while (k < s->n && s->id[k] - s->id[k - 1] <= 1)
            k++;
        if (i)
            buf_addc (b, ',');
        write_int (b, s->id[i]);
        if (s->id[k - 1] != s->id[i]) {
            buf_addc (b, '-');
            write_int (b, s->id[k - 1]);
        }
    }
}

struct entry {
    char *children; /* JSON text of the node's children */
    int64_t rank;
};

struct entries {
    struct entry *e;
    uint32_t n, cap;
};

static void add_entry (struct entries *es, char *children, int64_t rank, struct buf *b)
{
    if (es->n == es->cap) {
        uint32_t cap = es->cap ? es->cap * 2 : 16;
        struct entry *e = realloc (es->e, cap * sizeof (*e));
        if (!e) {
            b->err = ENOMEM;
            free (children);
            return;
        }
        es->e = e;
        es->cap = cap;
    }
    es->e[es->n++] = (struct entry){ children, rank };
}

static int compare_entries (const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    int c = strcmp (a->children, b->children);

    return c ? c : a->rank < b->rank ? -1 : a->rank > b->rank;
}

static bool gathers (const struct graph *g, uint32_t v)
{
    return g->v[v].type == g->t_node || g->v[v].type == g->t_storage_node;
}

static char *children_text (struct ids *core, struct ids *gpu)
{
    struct buf b = BUF_INIT;

    buf_addc (&b, '{');
    if (core->n) {
        buf_adds (&b, "\"core\": \"");
        write_ids (core, &b);
        buf_addc (&b, '"');
    }
    if (gpu->n) {
        buf_adds (&b, core->n ? ", \"gpu\": \"" : "\"gpu\": \"");
        write_ids (gpu, &b);
        buf_addc (&b, '"');
    }
    buf_addc (&b, '}');
    return buf_take (&b, NULL);
}

/* In post-order a node comes after its cores, so they wait for it. */
static void collect (const struct graph *g, const struct selected *sel, uint32_t count,
                     struct entries *es, struct buf *b)
{
    struct ids core = { 0 }, gpu = { 0 };

    for (uint32_t i = 0; i < count; i++) {
        const struct vertex *x = &g->v[sel[i].v];
        if (x->type == g->t_core) {
            ids_add (&core, x->id, b);
        } else if (x->type == g->t_gpu) {
            ids_add (&gpu, x->id, b);
        } else if (gathers (g, sel[i].v)) {
            if (core.n || gpu.n) {
                char *text = children_text (&core, &gpu);
                if (text)
                    add_entry (es, text, x->rank, b);
                else
                    b->err = ENOMEM;
            }
            core.n = gpu.n = 0;
        }
    }
    free (core.id);
    free (gpu.id);
}

void write_rlite (const struct graph *g, const struct selected *sel, uint32_t count,
                  struct buf *b)
{
    struct entries es = { 0 };
    struct ids ranks = { 0 };

    collect (g, sel, count, &es, b);
    if (es.n > 1)
        qsort (es.e, es.n, sizeof (*es.e), compare_entries);
    buf_addc (b, '[');
    for (uint32_t i = 0, k; i < es.n; i = k) {
        ranks.n = 0;
        for (k = i; k < es.n && strcmp (es.e[k].children, es.e[i].children) == 0; k++)
            ids_add (&ranks, es.e[k].rank, b);
        buf_adds (b, i ? ", {\"rank\": \"" : "{\"rank\": \"");
        write_ids (&ranks, b);
        buf_adds (b, "\", \"children\": ");
        buf_adds (b, es.e[i].children);
        buf_addc (b, '}');
    }
    buf_addc (b, ']');
    for (uint32_t i = 0; i < es.n; i++)
        free (es.e[i].children);
    free (es.e);
    free (ranks.id);
}

struct host {
    int64_t rank;
    uint32_t v, order;
};

static int compare_hosts (const void *pa, const void *pb)
{
    const struct host *a = pa, *b = pb;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The nodes that have cores or gpus selected, in rank order. */
static struct host *hosts (const struct graph *g, const struct selected *sel,
                           uint32_t count, uint32_t *n)
{
    struct host *h = malloc ((count + 1) * sizeof (*h));
    bool any = false;

    *n = 0;
    for (uint32_t i = 0; h && i < count; i++) {
        const struct vertex *x = &g->v[sel[i].v];
        if (x->type == g->t_core || x->type == g->t_gpu)
            any = true;
        if (!gathers (g, sel[i].v))
            continue;
        if (any) {
            h[*n] = (struct host){ x->rank, sel[i].v, *n };
            (*n)++;
        }
        any = false;
    }
    if (h && *n > 1)
        qsort (h, *n, sizeof (*h), compare_hosts);
    return h;
}

void write_nodelist (const struct graph *g, const struct selected *sel, uint32_t count,
                     struct buf *b)
{
    uint32_t n;
    struct host *h = hosts (g, sel, count, &n);
    struct hostlist *hl = n == 1 ? NULL : hostlist_create ();
    char name[GRAPH_NAME_MAX];

    if (h && n == 1) {
        write_string (b, graph_name (g, h[0].v, name));
    } else if (h && hl && n > 0) {
        for (uint32_t i = 0; i < n; i++)
            hostlist_append (hl, graph_name (g, h[i].v, name));
        char *text = hostlist_encode (hl);
        if (text)
            write_string (b, text);
        else
            b->err = ENOMEM;
        free (text);
    }
    hostlist_destroy (hl);
    free (h);
}

struct tag {
    char *text;
    int64_t rank;
};

static int compare_tags (const void *pa, const void *pb)
{
    const struct tag *a = pa, *b = pb;
    int c = strcmp (a->text, b->text);

    return c ? c : a->rank < b->rank ? -1 : a->rank > b->rank;
}

static uint32_t collect_tags (const struct graph *g, const struct host *h, uint32_t n,
                              struct tag **tags)
{
    uint32_t count = 0, total = 0;

    for (uint32_t i = 0; i < n; i++)
        total += graph_properties (g, h[i].v)->count;
    if (total == 0 || !(*tags = calloc (total, sizeof (**tags))))
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct properties *p = graph_properties (g, h[i].v);
        for (uint32_t k = 0; k < p->count; k++) {
            struct buf b = BUF_INIT;
            buf_adds (&b, graph_string (g, p->item[k].key));
            if (p->item[k].value) {
                buf_addc (&b, '=');
                buf_adds (&b, graph_string (g, p->item[k].value));
            }
            (*tags)[count].rank = h[i].rank;
            if (((*tags)[count].text = buf_take (&b, NULL)))
                count++;
        }
    }
    return count;
}

void write_node_properties (const struct graph *g, const struct selected *sel,
                            uint32_t count, struct buf *b)
{
    uint32_t n, ntags;
    struct host *h = hosts (g, sel, count, &n);
    struct tag *tags = NULL;
    struct ids ranks = { 0 };

    if (h && (ntags = collect_tags (g, h, n, &tags)) > 0) {
        qsort (tags, ntags, sizeof (*tags), compare_tags);
        buf_adds (b, ", \"properties\": {");
        for (uint32_t i = 0, k; i < ntags; i = k) {
            ranks.n = 0;
            for (k = i; k < ntags && strcmp (tags[k].text, tags[i].text) == 0; k++)
                ids_add (&ranks, tags[k].rank, b);
            if (i)
                buf_adds (b, ", ");
            write_string (b, tags[i].text);
            buf_adds (b, ": \"");
            write_ids (&ranks, b);
            buf_addc (b, '"');
        }
        buf_addc (b, '}');
        for (uint32_t i = 0; i < ntags; i++)
            free (tags[i].text);
    }
    free (tags);
    free (ranks.id);
    free (h);
}
