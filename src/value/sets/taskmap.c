/* RFC 34. Expanded on creation to the node of each task. The tasks of a node become
 * an idset when asked for: such sets for all nodes would take memory that grows with
 * the square of the size of the job. */
#include <flux/taskmap.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json/json.h"

/* Bound what a short text such as "[[16777215,1,1,1]]" makes us allocate, and how long
 * a text becomes that says the same without `repeat`. */
#define TASKMAP_MAX (1 << 24)
#define TASKMAP_MAX_NODES (1 << 20)
#define TASKMAP_MAX_TEXT (1 << 24)

struct block {
    int nodeid, nnodes, ppn, repeat;
};

struct node {
    int ntasks;
    struct idset *taskids; /* made by taskmap_taskids () */
};

struct taskmap {
    struct block *blocks;
    int nblocks, blocks_cap;
    struct node *nodes;
    int nnodes, nodes_cap;
    int *starts; /* by node, where its tasks begin in `tasks`; made with it */
    int *tasks;  /* task ids, by node */
    int *owners; /* node by task id */
    int ntasks, tasks_cap;
};

struct taskmap *taskmap_create (void)
{
    return calloc (1, sizeof (struct taskmap));
}

void taskmap_destroy (struct taskmap *map)
{
    if (map) {
        int saved_errno = errno;
        for (int i = 0; i < map->nnodes; i++)
            idset_destroy (map->nodes[i].taskids);
        free (map->nodes);
        free (map->starts);
        free (map->tasks);
        free (map->owners);
        free (map->blocks);
        free (map);
        errno = saved_errno;
    }
}

/* Room for count items, and for as many again: many small blocks cost no copy each. */
static int reserve (void *array, int *cap, int count, size_t size)
{
    void **p = array;
    int want = count > *cap * 2 ? count : *cap * 2;
    void *data;

    if (count <= *cap)
        return 0;
    if (!(data = realloc (*p, want * size)))
        return -1;
    *p = data;
    *cap = want;
    return 0;
}

static int grow_nodes (struct taskmap *map, int nnodes)
{
    if (nnodes <= map->nnodes)
        return 0;
    if (reserve (&map->nodes, &map->nodes_cap, nnodes, sizeof (*map->nodes)) < 0)
        return -1;
    memset (&map->nodes[map->nnodes], 0, (nnodes - map->nnodes) * sizeof (*map->nodes));
    map->nnodes = nnodes;
    return 0;
}

static int grow_tasks (struct taskmap *map, int ntasks)
{
    if (ntasks <= map->ntasks)
        return 0;
    if (reserve (&map->owners, &map->tasks_cap, ntasks, sizeof (*map->owners)) < 0)
        return -1;
    for (int i = map->ntasks; i < ntasks; i++)
        map->owners[i] = -1;
    map->ntasks = ntasks;
    return 0;
}

/* Forgets what was made from an earlier state of the map. */
static void changed (struct taskmap *map)
{
    free (map->starts);
    free (map->tasks);
    map->starts = map->tasks = NULL;
    for (int i = 0; i < map->nnodes; i++) {
        idset_destroy (map->nodes[i].taskids);
        map->nodes[i].taskids = NULL;
    }
}

/* Sorts the tasks by node. */
static int index_tasks (struct taskmap *map)
{
    int *next;
    int sum = 0;

    if (map->tasks)
        return 0;
    map->starts = calloc ((size_t)map->nnodes + 1, sizeof (*map->starts));
    map->tasks = calloc ((size_t)map->ntasks + 1, sizeof (*map->tasks));
    next = calloc ((size_t)map->nnodes + 1, sizeof (*next));
    if (!map->starts || !map->tasks || !next) {
        free (map->starts);
        free (map->tasks);
        free (next);
        map->starts = map->tasks = NULL;
        return -1;
    }
    for (int i = 0; i < map->nnodes; i++) {
        map->starts[i] = next[i] = sum;
        sum += map->nodes[i].ntasks;
    }
    map->starts[map->nnodes] = sum;
    for (int i = 0; i < map->ntasks; i++)
        map->tasks[next[map->owners[i]]++] = i;
    free (next);
    return 0;
}

static struct idset *collect_taskids (struct taskmap *map, int nodeid)
{
    struct idset *ids;

    if (index_tasks (map) < 0 || !(ids = idset_create (0, IDSET_FLAG_AUTOGROW)))
        return NULL;
    for (int i = map->starts[nodeid]; i < map->starts[nodeid + 1]; i++) {
        if (idset_set (ids, map->tasks[i]) < 0) {
            idset_destroy (ids);
            return NULL;
        }
    }
    return ids;
}

static int add_block (struct taskmap *map, struct block b)
{
    if (reserve (&map->blocks, &map->blocks_cap, map->nblocks + 1, sizeof (b)) < 0)
        return -1;
    map->blocks[map->nblocks++] = b;
    return 0;
}

/* Merges with the last block where that says the same. */
static int push_block (struct taskmap *map, struct block b)
{
    struct block *last = map->nblocks ? &map->blocks[map->nblocks - 1] : NULL;

    /* One task on the same node again: a larger block. */
    if (last && last->repeat == 1 && b.repeat == 1 && last->nnodes == 1 && b.nnodes == 1
        && last->nodeid == b.nodeid) {
        last->ppn += b.ppn;
        return 0;
    }
    if (last && last->nodeid == b.nodeid && last->nnodes == b.nnodes
        && last->ppn == b.ppn) {
        last->repeat += b.repeat;
        return 0;
    }
    if (last && last->repeat == 1 && b.repeat == 1 && last->ppn == b.ppn
        && last->nodeid + last->nnodes == b.nodeid) {
        last->nnodes += b.nnodes;
        return 0;
    }
    return add_block (map, b);
}

static int append_block (struct taskmap *map, struct block b)
{
    int64_t total;

    if (b.nodeid < 0 || b.nnodes <= 0 || b.ppn <= 0 || b.repeat <= 0
        || (int64_t)b.nodeid + b.nnodes > TASKMAP_MAX_NODES
        || (int64_t)b.nnodes * b.ppn > TASKMAP_MAX) {
        errno = EINVAL;
        return -1;
    }
    total = map->ntasks + (int64_t)b.nnodes * b.ppn * b.repeat;
    if (total > TASKMAP_MAX) {
        errno = EINVAL;
        return -1;
    }
    int task = map->ntasks;
    if (map->tasks)
        changed (map);
    if (grow_nodes (map, b.nodeid + b.nnodes) < 0 || grow_tasks (map, total) < 0)
        return -1;
    for (int r = 0; r < b.repeat; r++) {
        for (int n = b.nodeid; n < b.nodeid + b.nnodes; n++) {
            map->nodes[n].ntasks += b.ppn;
            for (int i = 0; i < b.ppn; i++)
                map->owners[task++] = n;
        }
    }
    return push_block (map, b);
}

int taskmap_append (struct taskmap *map, int nodeid, int nnodes, int ppn)
{
    if (!map) {
        errno = EINVAL;
        return -1;
    }
    return append_block (map, (struct block){ nodeid, nnodes, ppn, 1 });
}

static int decode_array (struct taskmap *map, json_t *array, flux_error_t *error)
{
    size_t i;
    json_t *entry;

    if (!json_is_array (array)) {
        error_text (error, "taskmap: map is not an array");
        return -1;
    }
    json_array_foreach (array, i, entry) {
        struct block b;
        if (json_unpack_ex (entry, NULL, JSON_STRICT, "[i,i,i,i]", &b.nodeid, &b.nnodes,
                            &b.ppn, &b.repeat)
            < 0) {
            error_text (error, "taskmap: map[%zu]: expected four integers", i);
            return -1;
        }
        if (append_block (map, b) < 0) {
            error_text (error, "taskmap: map[%zu]: value out of range", i);
            return -1;
        }
    }
    return 0;
}

static int decode_json (struct taskmap *map, const char *s, flux_error_t *error)
{
    json_error_t jerror;
    json_t *o = json_decode (s, strlen (s), 0, &jerror);
    int rc = -1;

    if (!o)
        error_text (error, "taskmap: %.120s", jerror.text);
    else if (json_is_object (o)) {
        if (json_integer_value (json_object_get (o, "version")) != 1)
            error_text (error, "taskmap: version must be 1");
        else
            rc = decode_array (map, json_object_get (o, "map"), error);
    } else
        rc = decode_array (map, o, error);
    json_decref (o);
    return rc;
}

static const char *skip_space (const char *s)
{
    return s + strspn (s, " \t\n");
}

/* White space may stand around each word. NULL if s does not begin with it. */
static const char *expect (const char *s, const char *word)
{
    s = s ? skip_space (s) : NULL;
    if (!s || strncmp (s, word, strlen (word)) != 0)
        return NULL;
    return skip_space (s + strlen (word));
}

static const char *scan_int (const char *s, int *n)
{
    char *end;
    long value;

    if (!s || *s < '0' || *s > '9')
        return NULL;
    value = strtol (s, &end, 10);
    *n = value > INT_MAX ? INT_MAX : (int)value;
    return end;
}

/* ,(node,nnodes,ppn) */
static const char *scan_pmi_block (const char *s, struct block *b)
{
    s = expect (expect (s, ","), "(");
    s = expect (scan_int (s, &b->nodeid), ",");
    s = expect (scan_int (s, &b->nnodes), ",");
    return expect (scan_int (s, &b->ppn), ")");
}

/* (vector,(node,nnodes,ppn),...) */
static int decode_pmi (struct taskmap *map, const char *s, flux_error_t *error)
{
    if (!(s = expect (expect (s, "("), "vector")))
        goto inval;
    while (*s == ',') {
        struct block b = { .repeat = 1 };
        if (!(s = scan_pmi_block (s, &b)))
            goto inval;
        if (append_block (map, b) < 0) {
            error_text (error, "taskmap: value out of range in PMI_process_mapping");
            return -1;
        }
    }
    if ((s = expect (s, ")")) && *s == '\0')
        return 0;
inval:
    error_text (error, "taskmap: invalid PMI_process_mapping");
    return -1;
}

static int merge_blocks (struct taskmap *map)
{
    struct block *blocks = map->blocks;
    int n = map->nblocks;
    int rc = 0;

    map->blocks = NULL;
    map->nblocks = map->blocks_cap = 0;
    for (int i = 0; rc == 0 && i < n; i++)
        rc = push_block (map, blocks[i]);
    free (blocks);
    /* Rounds of a cyclic map only look alike once they are complete. */
    n = map->nblocks;
    map->nblocks = 0;
    for (int i = 0; i < n; i++) {
        struct block *last = map->nblocks ? &map->blocks[map->nblocks - 1] : NULL;
        struct block *b = &map->blocks[i];
        if (last && last->nodeid == b->nodeid && last->nnodes == b->nnodes
            && last->ppn == b->ppn)
            last->repeat += b->repeat;
        else
            map->blocks[map->nblocks++] = *b;
    }
    return rc;
}

/* One node's tasks: ids are ranges in ascending order, already checked. */
static int own_tasks (struct taskmap *map, int node, const char *s, size_t len,
                      flux_error_t *error)
{
    const char *end = s + len;

    if (s < end && *s == '[')
        s++;
    while (s < end && *s != ']') {
        char *p;
        long lo = strtol (s, &p, 10);
        long hi = *p == '-' ? strtol (p + 1, &p, 10) : lo;
        for (long id = lo; id <= hi; id++) {
            if (map->owners[id] != -1) {
                error_text (error, "taskmap: duplicate task id %ld", id);
                return -1;
            }
            map->owners[id] = node;
            map->nodes[node].ntasks++;
        }
        s = p + (p < end);
    }
    return 0;
}

/* "0-3;4-7": the task ids of node 0, of node 1... */
static int decode_raw (struct taskmap *map, const char *s, flux_error_t *error)
{
    for (int node = 0;; node++) {
        size_t len = strcspn (s, ";");
        size_t count;
        unsigned int maxid;
        idset_error_t idset_error;

        if (idset_decode_info (s, len, &count, &maxid, &idset_error) < 0) {
            error_text (error, "taskmap: node %d: %.100s", node, idset_error.text);
            return -1;
        }
        if (count == 0 || maxid >= TASKMAP_MAX) {
            error_text (error, "taskmap: node %d: %s", node,
                        count ? "task id is too large" : "no task ids");
            return -1;
        }
        if (node >= TASKMAP_MAX_NODES) {
            error_text (error, "taskmap: more than %d nodes", TASKMAP_MAX_NODES);
            return -1;
        }
        if (grow_nodes (map, node + 1) < 0 || grow_tasks (map, maxid + 1) < 0)
            return -1;
        if (own_tasks (map, node, s, len, error) < 0)
            return -1;
        if (s[len] == '\0')
            break;
        s += len + 1;
    }
    for (int i = 0; i < map->ntasks; i++) {
        if (map->owners[i] < 0) {
            error_text (error, "taskmap: task id %d is missing", i);
            return -1;
        }
    }
    /* Blocks follow from the order of the tasks. */
    for (int i = 0; i < map->ntasks; i++) {
        struct block *last = map->nblocks ? &map->blocks[map->nblocks - 1] : NULL;
        if (last && last->nodeid == map->owners[i])
            last->ppn++;
        else if (add_block (map, (struct block){ map->owners[i], 1, 1, 1 }) < 0)
            return -1;
    }
    return merge_blocks (map);
}

struct taskmap *taskmap_decode (const char *s, flux_error_t *error)
{
    struct taskmap *map = taskmap_create ();
    int rc;

    if (!map || !s) {
        taskmap_destroy (map);
        error_text (error, s ? "taskmap: out of memory" : "taskmap: input is NULL");
        errno = s ? ENOMEM : EINVAL;
        return NULL;
    }
    s += strspn (s, " \t\n");
    errno = 0;
    if (*s == '(')
        rc = decode_pmi (map, s, error);
    else if (*s == '[' || *s == '{')
        rc = decode_json (map, s, error);
    else if (*s == '\0')
        rc = 0;
    else
        rc = decode_raw (map, s, error);
    if (rc < 0) {
        error_decode (error);
        taskmap_destroy (map);
        return NULL;
    }
    return map;
}

static char *encode_blocks (const struct taskmap *map, int flags)
{
    struct buf b = BUF_INIT;

    if (flags & TASKMAP_ENCODE_WRAPPED)
        buf_adds (&b, "{\"version\":1,\"map\":");
    buf_addc (&b, '[');
    for (int i = 0; i < map->nblocks; i++) {
        const struct block *k = &map->blocks[i];
        buf_printf (&b, "%s[%d,%d,%d,%d]", i ? "," : "", k->nodeid, k->nnodes, k->ppn,
                    k->repeat);
    }
    buf_addc (&b, ']');
    if (flags & TASKMAP_ENCODE_WRAPPED)
        buf_addc (&b, '}');
    return buf_take (&b, NULL);
}

static char *too_long (struct buf *b)
{
    buf_fini (b);
    errno = EOVERFLOW;
    return NULL;
}

static char *encode_pmi (const struct taskmap *map)
{
    struct buf b = BUF_INIT;

    if (map->nblocks == 0)
        return strdup ("");
    buf_adds (&b, "(vector");
    for (int i = 0; i < map->nblocks; i++) {
        const struct block *k = &map->blocks[i];
        char text[48];
        int len =
            snprintf (text, sizeof (text), ",(%d,%d,%d)", k->nodeid, k->nnodes, k->ppn);
        if ((size_t)k->repeat * len > TASKMAP_MAX_TEXT - b.len)
            return too_long (&b);
        for (int r = 0; r < k->repeat; r++)
            buf_add (&b, text, len);
    }
    buf_addc (&b, ')');
    return buf_take (&b, NULL);
}

static char *encode_raw (struct taskmap *map)
{
    struct buf b = BUF_INIT;

    if (index_tasks (map) < 0)
        return NULL;
    for (int n = 0; n < map->nnodes; n++) {
        const int *t = &map->tasks[map->starts[n]];
        int count = map->nodes[n].ntasks;
        if (n > 0)
            buf_addc (&b, ';');
        if (b.len > TASKMAP_MAX_TEXT)
            return too_long (&b);
        for (int i = 0, last; i < count; i = last + 1) {
            for (last = i; last + 1 < count && t[last + 1] == t[last] + 1;)
                last++;
            buf_printf (&b, i > 0 ? ",%d" : "%d", t[i]);
            if (last > i)
                buf_printf (&b, "-%d", t[last]);
        }
    }
    return buf_take (&b, NULL);
}

char *taskmap_encode (const struct taskmap *map, int flags)
{
    if (!map) {
        errno = EINVAL;
        return NULL;
    }
    if (flags & TASKMAP_ENCODE_PMI)
        return encode_pmi (map);
    if (flags & TASKMAP_ENCODE_RAW)
        return encode_raw ((struct taskmap *)map);
    if (flags & TASKMAP_ENCODE_RAW_DERANGED) {
        struct taskmap *tmp = taskmap_deranged (map);
        char *s = tmp ? encode_raw (tmp) : NULL;
        taskmap_destroy (tmp);
        return s;
    }
    return encode_blocks (map, flags);
}

bool taskmap_unknown (const struct taskmap *map)
{
    return !map || map->ntasks == 0;
}

const struct idset *taskmap_taskids (const struct taskmap *map, int nodeid)
{
    struct node *node;

    if (!map || nodeid < 0) {
        errno = EINVAL;
        return NULL;
    }
    if (nodeid >= map->nnodes) {
        errno = ENOENT;
        return NULL;
    }
    node = &map->nodes[nodeid];
    if (!node->taskids)
        node->taskids = collect_taskids ((struct taskmap *)map, nodeid);
    return node->taskids;
}

int taskmap_nodeid (const struct taskmap *map, int taskid)
{
    if (!map || taskid < 0) {
        errno = EINVAL;
        return -1;
    }
    if (taskid >= map->ntasks) {
        errno = ENOENT;
        return -1;
    }
    return map->owners[taskid];
}

int taskmap_ntasks (const struct taskmap *map, int nodeid)
{
    if (!map || nodeid < 0) {
        errno = EINVAL;
        return -1;
    }
    if (nodeid >= map->nnodes) {
        errno = ENOENT;
        return -1;
    }
    return map->nodes[nodeid].ntasks;
}

int taskmap_nnodes (const struct taskmap *map)
{
    if (!map) {
        errno = EINVAL;
        return -1;
    }
    return map->nnodes;
}

int taskmap_total_ntasks (const struct taskmap *map)
{
    if (!map) {
        errno = EINVAL;
        return -1;
    }
    return map->ntasks;
}

int taskmap_check (const struct taskmap *a, const struct taskmap *b,
                   flux_error_t *error)
{
    if (!a || !b) {
        error_text (error, "taskmap: map is NULL");
        goto inval;
    }
    if (a->ntasks != b->ntasks) {
        error_text (error, "got %d total tasks, expected %d", b->ntasks, a->ntasks);
        goto inval;
    }
    if (a->nnodes != b->nnodes) {
        error_text (error, "got %d nodes, expected %d", b->nnodes, a->nnodes);
        goto inval;
    }
    for (int i = 0; i < a->nnodes; i++) {
        int want = a->nodes[i].ntasks, have = b->nodes[i].ntasks;
        if (want != have) {
            error_text (error, "node %d has %d tasks, expected %d", i, have, want);
            goto inval;
        }
    }
    return 0;
inval:
    errno = EINVAL;
    return -1;
}

/* The same number of tasks per node, in block order. */
struct taskmap *taskmap_deranged (const struct taskmap *map)
{
    struct taskmap *new;

    if (!map || !(new = taskmap_create ())) {
        errno = map ? ENOMEM : EINVAL;
        return NULL;
    }
    for (int i = 0; i < map->nnodes; i++) {
        int count = map->nodes[i].ntasks;
        if (count > 0 && taskmap_append (new, i, 1, count) < 0) {
            taskmap_destroy (new);
            return NULL;
        }
    }
    return new;
}
