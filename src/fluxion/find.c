/* find: parse the criteria into a list of tokens in reverse Polish order, test
 * each vertex, add the ancestors of what matched, and let a writer print. */
#include "fluxion/find.h"

#include <errno.h>
#include <flux/hostlist.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hashmap.h"
#include "base/json/jsonout.h"
#include "value/job/jobid.h"

#define TERMS_MAX 256
/* Of all that an expression spells out: a few characters can stand for a million. */
#define NAMES_MAX (1 << 18)

enum op { OP_AND, OP_OR, OP_LEAF };

enum key {
    KEY_STATUS,
    KEY_SCHED_NOW,
    KEY_SCHED_FUTURE,
    KEY_JOBID_ALLOC,
    KEY_JOBID_RESERVED,
    KEY_JOBID_SPAN,
    KEY_JOBID_TAG,
    KEY_AGFILTER,
    KEY_NAMES,
    KEY_PROPERTY,
    KEY_COUNT,
};
static const char *const key_names[KEY_COUNT] = {
    "status",     "sched-now", "sched-future", "jobid-alloc", "jobid-reserved",
    "jobid-span", "jobid-tag", "agfilter",     "names",       "property",
};

struct term {
    enum op op;
    enum key key;
    bool flag; /* down, allocated, reserved, agfilter */
    uint64_t jobid;
    struct hashmap *names; /* keys are wanted; values mean nothing */
    char *property;
};

struct find {
    struct scheduler *s;
    struct graph *g;
    struct term term[TERMS_MAX]; /* reverse Polish */
    int nterms;
    int depth;
    const char *pos;
    int names; /* in all terms */
    bool agfilter, has_jobid;
    uint64_t jobid; /* of the last jobid key: agfilter counts its use */
    uint8_t *mark;  /* per vertex */
    uint32_t *used; /* per vertex and type, for agfilter of one job */
};

enum {
    MARK_MATCH = 1,
    MARK_DOWN = 2, /* itself or an ancestor; likewise the next two */
    MARK_ALLOCATED = 4,
    MARK_RESERVED = 8,
    MARK_JOB = 16,   /* selected by the job of the leaf in question */
    MARK_JOB_X = 32, /* and exclusively */
};

static void term_fini (struct term *t)
{
    hashmap_destroy (t->names);
    free (t->property);
}

static struct term *push (struct find *f, enum op op)
{
    if (f->nterms == TERMS_MAX) {
        errno = EINVAL;
        return NULL;
    }
    f->term[f->nterms] = (struct term){ .op = op };
    return &f->term[f->nterms++];
}

static void skip_space (struct find *f)
{
    f->pos += strspn (f->pos, " \t\n");
}

/* The length of a bare word: up to white space or a parenthesis. */
static size_t word (const struct find *f)
{
    return strcspn (f->pos, " \t\n()");
}

static bool is_word (const char *s, size_t len, const char *wanted)
{
    return strlen (wanted) == len && strncasecmp (s, wanted, len) == 0;
}

static int parse_choice (const char *s, size_t len, const char *yes, const char *no,
                         bool *flag)
{
    if (is_word (s, len, yes))
        *flag = true;
    else if (is_word (s, len, no))
        *flag = false;
    else {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

static char *lower (const char *s, size_t len)
{
    char *copy = strndup (s, len);

    for (char *p = copy; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p += 'a' - 'A';
    return copy;
}

static int parse_names (struct find *f, struct term *t, const char *s, size_t len)
{
    char *copy = lower (s, len);
    struct hostlist *hl = copy ? hostlist_decode (copy) : NULL;
    const char *name;
    int rc = -1;

    f->names += hl ? hostlist_count (hl) : 0;
    if (hl && hostlist_count (hl) > 0 && f->names <= NAMES_MAX
        && (t->names = hashmap_create (NULL))) {
        rc = 0;
        for (name = hostlist_first (hl); name && rc == 0; name = hostlist_next (hl))
            rc = hashmap_insert (t->names, name, t);
    } else
        errno = EINVAL;
    hostlist_destroy (hl);
    free (copy);
    return rc;
}

static int parse_jobid (struct find *f, struct term *t, const char *s, size_t len)
{
    char buf[128];

    if (len >= sizeof (buf)) {
        errno = EINVAL;
        return -1;
    }
    memcpy (buf, s, len);
    buf[len] = '\0';
    if (jobid_decode (buf, &t->jobid) < 0) {
        errno = EINVAL;
        return -1;
    }
    f->has_jobid = true;
    f->jobid = t->jobid;
    return 0;
}

static int parse_value (struct find *f, struct term *t, const char *s, size_t len)
{
    int rc = 0;

    switch (t->key) {
    case KEY_STATUS:
        return parse_choice (s, len, "down", "up", &t->flag);
    case KEY_SCHED_NOW:
        return parse_choice (s, len, "allocated", "free", &t->flag);
    case KEY_SCHED_FUTURE:
        return parse_choice (s, len, "reserved", "free", &t->flag);
    case KEY_AGFILTER:
        if (parse_choice (s, len, "true", "false", &t->flag) < 0)
            rc = parse_choice (s, len, "t", "f", &t->flag);
        if (rc == 0)
            f->agfilter |= t->flag;
        return rc;
    case KEY_NAMES:
        return parse_names (f, t, s, len);
    case KEY_PROPERTY:
        return len > 0 && (t->property = strndup (s, len)) ? 0 : -1;
    default:
        return parse_jobid (f, t, s, len);
    }
}

static int parse_leaf (struct find *f)
{
    size_t len = word (f);
    const char *eq = memchr (f->pos, '=', len);
    struct term *t;

    if (!eq || !(t = push (f, OP_LEAF))) {
        errno = EINVAL;
        return -1;
    }
    for (t->key = 0; t->key < KEY_COUNT; t->key++)
        if (is_word (f->pos, eq - f->pos, key_names[t->key]))
            break;
    if (t->key == KEY_COUNT || parse_value (f, t, eq + 1, f->pos + len - eq - 1) < 0) {
        errno = EINVAL;
        return -1;
    }
    f->pos += len;
    return 0;
}

static int parse_or_and (struct find *f);

static int parse_operand (struct find *f)
{
    skip_space (f);
    if (*f->pos != '(')
        return parse_leaf (f);
    if (++f->depth > 64) {
        errno = EINVAL;
        return -1;
    }
    f->pos++;
    if (parse_or_and (f) < 0)
        return -1;
    f->depth--;
    if (*f->pos != ')') {
        errno = EINVAL;
        return -1;
    }
    f->pos++;
    return 0;
}

/* and, or and juxtaposition (and) bind equally, from the left. */
static int parse_or_and (struct find *f)
{
    if (parse_operand (f) < 0)
        return -1;
    for (;;) {
        enum op op = OP_AND;
        size_t len;

        skip_space (f);
        if (!*f->pos || *f->pos == ')')
            return 0;
        len = word (f);
        if (is_word (f->pos, len, "and"))
            f->pos += len;
        else if (is_word (f->pos, len, "or")) {
            op = OP_OR;
            f->pos += len;
        }
        if (parse_operand (f) < 0 || !push (f, op))
            return -1;
    }
}

static int parse (struct find *f, const char *expr)
{
    f->pos = expr;
    if (parse_or_and (f) < 0)
        return -1;
    if (*f->pos) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

static bool has_state (struct find *f, uint64_t jobid, enum job_state a,
                       enum job_state b)
{
    struct job *job = scheduler_job (f->s, jobid);

    return job && (job->state == a || job->state == b);
}

/* Note on every vertex what the job selected of it. */
static void mark_job (struct find *f, uint64_t jobid)
{
    struct job *job = scheduler_job (f->s, jobid);

    for (uint32_t i = 0; i < f->g->nv; i++)
        f->mark[i] &= ~(MARK_JOB | MARK_JOB_X);
    for (uint32_t i = 0; job && i < job->nspan; i++) {
        struct selected sel;
        if (scheduler_job_holds (f->s, job, i, &sel))
            f->mark[sel.v] |= MARK_JOB | (sel.exclusive ? MARK_JOB_X : 0);
    }
}

/* What has another way in is not closed. */
static uint8_t marks_above (struct find *f, uint32_t v)
{
    uint8_t above = MARK_DOWN | MARK_ALLOCATED | MARK_RESERVED;
    uint32_t n, parent = f->g->v[v].parent;

    if (!f->g->nextra)
        return parent == VTX_NONE ? 0 : f->mark[parent] & above;
    const uint32_t *up = graph_parents (f->g, v, &n);
    for (uint32_t k = 0; k < n; k++)
        above &= f->mark[up[k]];
    return n ? above : 0;
}

/* Down, allocated and reserved pass on to all below: parents stand behind their
 * children in post-order. */
static void mark_states (struct find *f)
{
    for (uint32_t i = f->g->v[f->g->root].nbelow; i-- > 0;) {
        uint32_t v = f->g->by_post[i];

        f->mark[v] |= marks_above (f, v);
        if (f->g->v[v].down)
            f->mark[v] |= MARK_DOWN;
        if (scheduler_is_allocated (f->s, v))
            f->mark[v] |= MARK_ALLOCATED;
        if (scheduler_is_reserved (f->s, v))
            f->mark[v] |= MARK_RESERVED;
    }
}

static bool name_matches (struct find *f, const struct term *t, uint32_t v)
{
    char buf[GRAPH_NAME_MAX];
    const char *name = graph_name (f->g, v, buf);
    char *copy = lower (name, strlen (name));
    bool found = copy && hashmap_lookup (t->names, copy);

    free (copy);
    return found;
}

/* The case of the key does not matter. */
static bool has_property (struct find *f, const struct term *t, uint32_t v)
{
    const struct properties *p = graph_properties (f->g, v);

    for (uint32_t i = 0; p && i < p->count; i++)
        if (strcasecmp (graph_string (f->g, p->item[i].key), t->property) == 0)
            return true;
    return false;
}

static bool leaf_matches (struct find *f, const struct term *t, uint32_t v)
{
    uint8_t m = f->mark[v];

    switch (t->key) {
    case KEY_STATUS:
        return t->flag == !!(m & MARK_DOWN);
    case KEY_SCHED_NOW:
        return t->flag == !!(m & MARK_ALLOCATED);
    case KEY_SCHED_FUTURE:
        return t->flag == !!(m & MARK_RESERVED);
    case KEY_JOBID_ALLOC:
    case KEY_JOBID_RESERVED:
        return m & MARK_JOB_X;
    case KEY_JOBID_SPAN: /* the sums that the job has changed */
        return m & MARK_JOB && scheduler_has_filter (f->s, v);
    case KEY_JOBID_TAG:
        return m & MARK_JOB;
    case KEY_NAMES:
        return name_matches (f, t, v);
    case KEY_PROPERTY:
        return has_property (f, t, v);
    default: /* agfilter chooses what is printed, too */
        return t->flag == scheduler_has_filter (f->s, v);
    }
}

/* Can the leaf match at all, as the state of its job is? */
static bool leaf_applies (struct find *f, const struct term *t)
{
    switch (t->key) {
    case KEY_JOBID_ALLOC:
        return has_state (f, t->jobid, JOB_ALLOCATED, JOB_ALLOCATED);
    case KEY_JOBID_RESERVED:
        return has_state (f, t->jobid, JOB_RESERVED, JOB_RESERVED);
    case KEY_JOBID_SPAN:
    case KEY_JOBID_TAG:
        return has_state (f, t->jobid, JOB_ALLOCATED, JOB_RESERVED);
    default:
        return true;
    }
}

/* One bit per vertex for each operand on the stack. */
static int evaluate (struct find *f)
{
    uint32_t n = f->g->v[f->g->root].nbelow;
    uint8_t *stack[TERMS_MAX];
    int top = 0, rc = -1;

    for (int i = 0; i < f->nterms; i++) {
        const struct term *t = &f->term[i];

        if (t->op != OP_LEAF) {
            uint8_t *b = stack[--top], *a = stack[top - 1];
            for (uint32_t k = 0; k < n; k++)
                a[k] = t->op == OP_AND ? a[k] & b[k] : a[k] | b[k];
            free (b);
            continue;
        }
        if (!(stack[top] = calloc (n ? n : 1, 1)))
            goto out;
        top++;
        if (!leaf_applies (f, t))
            continue;
        if (t->key >= KEY_JOBID_ALLOC && t->key <= KEY_JOBID_TAG)
            mark_job (f, t->jobid);
        for (uint32_t k = 0; k < n; k++)
            stack[top - 1][k] = leaf_matches (f, t, f->g->by_post[k]);
    }
    for (uint32_t k = 0; k < n; k++)
        if (stack[0][k])
            for (uint32_t v = f->g->by_post[k];
                 v != VTX_NONE && !(f->mark[v] & MARK_MATCH); v = f->g->v[v].parent)
                f->mark[v] |= MARK_MATCH;
    rc = 0;
out:
    while (top > 0)
        free (stack[--top]);
    return rc;
}

/* Units of each type that the job holds below each vertex. */
static int count_use (struct find *f)
{
    struct job *job = scheduler_job (f->s, f->jobid);
    uint32_t ntypes = f->g->types.count;

    if (!(f->used = calloc ((size_t)f->g->nv * ntypes, sizeof (*f->used))))
        return -1;
    for (uint32_t i = 0; job && i < job->nspan; i++) {
        struct selected sel;
        if (!scheduler_job_holds (f->s, job, i, &sel) || !sel.exclusive)
            continue;
        uint16_t type = f->g->v[sel.v].type;
        for (uint32_t v = sel.v; v != VTX_NONE; v = f->g->v[v].parent)
            f->used[(size_t)v * ntypes + type] += sel.needs;
    }
    return 0;
}

/* {"core": "used:0, total:16", ...} */
static void print_agfilter (uint32_t v, struct buf *b, void *arg)
{
    struct find *f = arg;
    uint32_t ntypes = f->g->types.count;
    bool first = true;

    for (uint32_t type = 1; type < ntypes; type++) {
        int64_t total = 0;
        int64_t used = scheduler_used_below (f->s, v, type, &total);

        if (used < 0)
            continue;
        if (f->used)
            used = f->used[(size_t)v * ntypes + type];
        buf_adds (b, first ? "{" : ", ");
        json_add_text (b, graph_type_name (f->g, type));
        buf_printf (b, ": \"used:%lld, total:%lld\"", (long long)used,
                    (long long)total);
        first = false;
    }
    if (!first)
        buf_addc (b, '}');
}

static int print (struct find *f, enum write_format format, struct buf *b)
{
    struct write_info info = { 0 };
    uint32_t n = f->g->v[f->g->root].nbelow, count = 0;
    struct selected *sel = calloc (n ? n : 1, sizeof (*sel));
    int rc;

    if (!sel)
        return -1;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t v = f->g->by_post[k];
        if (f->mark[v] & MARK_MATCH)
            sel[count++] = (struct selected){
                .v = v,
                .exclusive = true,
                .needs = f->g->v[v].size,
            };
    }
    if (f->agfilter) {
        if (f->has_jobid && count_use (f) < 0) {
            free (sel);
            return -1;
        }
        info.extra = print_agfilter;
        info.extra_arg = f;
    }
    rc = fluxion_write (format, f->g, sel, count, &info, b);
    free (sel);
    return rc;
}

int fluxion_find (struct scheduler *s, const char *expr, enum write_format format,
                  struct buf *b, flux_error_t *error)
{
    struct find *f = calloc (1, sizeof (*f));
    int rc = -1, saved;

    if (!f)
        return -1;
    f->s = s;
    f->g = scheduler_graph (s);
    if (parse (f, expr) < 0) {
        if (f->names > NAMES_MAX)
            snprintf (error->text, sizeof (error->text),
                      "criteria name more than %d vertices", NAMES_MAX);
        else
            snprintf (error->text, sizeof (error->text), "invalid criteria: %.120s.",
                      expr);
        errno = EINVAL;
        goto out;
    }
    if (graph_order (f->g) < 0 || !(f->mark = calloc (f->g->nv + 1, 1))
        || (mark_states (f), evaluate (f)) < 0 || print (f, format, b) < 0) {
        snprintf (error->text, sizeof (error->text), "find: out of memory");
        goto out;
    }
    rc = 0;
out:
    saved = errno;
    for (int i = 0; i < f->nterms; i++)
        term_fini (&f->term[i]);
    free (f->used);
    free (f->mark);
    free (f);
    errno = saved;
    return rc;
}
