/* hwloc XML, version 1 or 2, to a graph: cluster0 -> node -> what the allow list
 * keeps. One pass of expat over the text; an object is decided on when its first
 * child or its end is met, since its <info> elements stand between. */
#include "fluxion/io/reader.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 128

enum counter {
    COUNT_GROUP,
    COUNT_NUMA,
    COUNT_SOCKET,
    COUNT_L1,
    COUNT_L2,
    COUNT_L3,
    COUNT_CORE,
    COUNT_PU,
    COUNT_STORAGE,
    COUNT_MAX,
};

struct object {
    char type[32], name[NAME_SIZE];
    char hostname[NAME_SIZE], device[NAME_SIZE];
    long cache_depth, osdev_type;
    int64_t cache_size, size; /* bytes; kB */
    uint32_t vertex;          /* itself, or the nearest kept ancestor */
    bool decided;
};

struct reader {
    struct graph *g;
    const struct read_options *opt;
    XML_Parser parser;
    struct object stack[GRAPH_MAX_DEPTH];
    int depth;
    uint32_t root;
    int64_t next[COUNT_MAX];
    flux_error_t *error;
    bool failed;
};

static void fail (struct reader *r, const char *text, const char *what)
{
    if (r->failed)
        return;
    r->failed = true;
    if (!errno)
        errno = EINVAL;
    snprintf (r->error->text, sizeof (r->error->text), "hwloc: line %lu: %s%s%.60s",
              (unsigned long)XML_GetCurrentLineNumber (r->parser), text,
              what ? ": " : "", what ? what : "");
    XML_StopParser (r->parser, XML_FALSE);
}

static bool allowed (const struct reader *r, const char *name)
{
    const char *s = r->opt ? r->opt->allowlist : NULL;
    size_t len = strlen (name);

    if (!s)
        return true;
    while (*s) {
        size_t n = strcspn (s, ",");
        if (n == len && strncmp (s, name, n) == 0)
            return true;
        s += n;
        s += *s == ',';
    }
    return false;
}

/* The value of a number attribute; a malformed one is refused. */
static int64_t number (struct reader *r, const char *key, const char *value)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll (value, &end, 10);
    if (errno || *end || end == value || n < 0) {
        errno = EINVAL;
        fail (r, key, value);
        return 0;
    }
    return n;
}

static uint32_t add (struct reader *r, uint32_t parent, const char *type,
                     const char *basename, const char *name, int64_t id, int64_t size,
                     const char *unit, int rank)
{
    struct vertex_spec spec = {
        .type = type,
        .basename = basename,
        .name = name,
        .unit = unit,
        .id = id,
        .uniq_id = r->g->next_uniq,
        .size = size,
        .rank = rank,
    };
    uint32_t v = graph_add_vertex (r->g, &spec);

    if (v == VTX_NONE || (parent != VTX_NONE && graph_attach (r->g, parent, v) < 0)) {
        fail (r, "cannot add", type);
        return VTX_NONE;
    }
    return v;
}

static int64_t split_name (struct reader *r, const char *name, char *basename)
{
    int64_t id;
    size_t n;

    if (graph_split_name (name, &n, &id) < 0) {
        errno = EINVAL;
        fail (r, "number is too large", name);
    }
    snprintf (basename, NAME_SIZE, "%.*s", (int)n, name);
    return id;
}

static uint32_t add_node (struct reader *r, const struct object *o)
{
    char basename[NAME_SIZE];
    int64_t id;

    if (!*o->hostname) {
        fail (r, "Machine has no HostName", NULL);
        return VTX_NONE;
    }
    id = split_name (r, o->hostname, basename);
    return add (r, r->root, "node", basename, o->hostname, id, 1, "", -1);
}

/* Digits of the device name: cuda1, rsmi2, openclXdN. */
static int64_t device_id (struct reader *r, const char *name)
{
    char basename[NAME_SIZE];

    return split_name (r, name, basename);
}

static bool is_gpu (const struct object *o)
{
    if (o->osdev_type == 5)
        return strncmp (o->name, "cuda", 4) == 0 || strncmp (o->name, "opencl", 6) == 0
               || strncmp (o->name, "rsmi", 4) == 0;
    return o->osdev_type == 1 && strncmp (o->name, "rsmi", 4) == 0;
}

static uint32_t add_device (struct reader *r, const struct object *o, uint32_t parent)
{
    if (is_gpu (o) && allowed (r, "gpu"))
        return add (r, parent, "gpu", "gpu", NULL, device_id (r, o->name), 1, "", -1);
    if (o->osdev_type == 0 && allowed (r, "storage")) {
        uint32_t v = add (r, parent, "storage", "storage", NULL,
                          r->next[COUNT_STORAGE]++, o->size / 1000000, "", -1);
        if (v != VTX_NONE && *o->device
            && graph_set_property (r->g, v, "LinuxDeviceID", o->device) < 0)
            fail (r, "cannot set LinuxDeviceID", NULL);
        return v;
    }
    return parent;
}

static const struct kind {
    const char *hwloc;
    const char *type;
    const char *basename;
    enum counter counter;
} kinds[] = {
    { "Group", "group", "group", COUNT_GROUP },
    { "NUMANode", "numanode", "numanode", COUNT_NUMA },
    { "Package", "socket", "socket", COUNT_SOCKET },
    { "Socket", "socket", "socket", COUNT_SOCKET },
    { "L1Cache", "cache", "L1cache", COUNT_L1 },
    { "L2Cache", "cache", "L2cache", COUNT_L2 },
    { "L3Cache", "cache", "L3cache", COUNT_L3 },
    { "Core", "core", "core", COUNT_CORE },
    { "PU", "pu", "pu", COUNT_PU },
};

static uint32_t add_kind (struct reader *r, const struct object *o,
                          const struct kind *k, uint32_t parent)
{
    /* The logical index counts objects that are not kept, too. */
    int64_t id = r->next[k->counter]++;
    bool cache = strcmp (k->type, "cache") == 0;

    if (!allowed (r, k->basename))
        return parent;
    return add (r, parent, k->type, k->basename, NULL, id,
                cache ? o->cache_size / 1024 : 1, "", -1);
}

/* All that is to be known about the innermost object is known. */
static void decide (struct reader *r)
{
    struct object *o = &r->stack[r->depth - 1];
    uint32_t parent = r->depth > 1 ? r->stack[r->depth - 2].vertex : r->root;

    if (o->decided || r->failed)
        return;
    o->decided = true;
    o->vertex = parent;
    if (strcmp (o->type, "Machine") == 0) {
        if (allowed (r, "node"))
            o->vertex = add_node (r, o);
        return;
    }
    if (strcmp (o->type, "OSDev") == 0) {
        o->vertex = add_device (r, o, parent);
        return;
    }
    if (strcmp (o->type, "Cache") == 0 && o->cache_depth > 0 && o->cache_depth < 4)
        snprintf (o->type, sizeof (o->type), "L%ldCache", o->cache_depth);
    for (size_t i = 0; i < sizeof (kinds) / sizeof (kinds[0]); i++)
        if (strcmp (kinds[i].hwloc, o->type) == 0)
            o->vertex = add_kind (r, o, &kinds[i], parent);
}

static void start_object (struct reader *r, const char **attr)
{
    struct object *o;

    if (r->depth > 0)
        decide (r);
    if (r->failed)
        return;
    if (r->depth == GRAPH_MAX_DEPTH) {
        errno = EINVAL;
        fail (r, "objects are nested too deeply", NULL);
        return;
    }
    o = &r->stack[r->depth++];
    memset (o, 0, sizeof (*o));
    o->osdev_type = -1;
    for (; *attr; attr += 2) {
        const char *key = attr[0], *value = attr[1];
        if (strcmp (key, "type") == 0)
            snprintf (o->type, sizeof (o->type), "%s", value);
        else if (strcmp (key, "name") == 0)
            snprintf (o->name, sizeof (o->name), "%s", value);
        else if (strcmp (key, "depth") == 0 && strcmp (o->type, "Cache") == 0)
            o->cache_depth = number (r, key, value);
        else if (strcmp (key, "cache_size") == 0)
            o->cache_size = number (r, key, value);
        else if (strcmp (key, "osdev_type") == 0)
            o->osdev_type = number (r, key, value);
    }
}

static void start_info (struct reader *r, const char **attr)
{
    struct object *o;
    const char *name = "", *value = "";

    if (r->depth == 0)
        return;
    o = &r->stack[r->depth - 1];
    for (; *attr; attr += 2) {
        if (strcmp (attr[0], "name") == 0)
            name = attr[1];
        else if (strcmp (attr[0], "value") == 0)
            value = attr[1];
    }
    if (strcmp (name, "HostName") == 0)
        snprintf (o->hostname, sizeof (o->hostname), "%s", value);
    else if (strcmp (name, "Size") == 0 && strcmp (o->type, "OSDev") == 0)
        o->size = number (r, name, value);
    else if (strcmp (name, "LinuxDeviceID") == 0)
        snprintf (o->device, sizeof (o->device), "%s", value);
}

static void start_element (void *arg, const char *name, const char **attr)
{
    struct reader *r = arg;

    if (strcmp (name, "object") == 0)
        start_object (r, attr);
    else if (strcmp (name, "info") == 0)
        start_info (r, attr);
}

static void end_element (void *arg, const char *name)
{
    struct reader *r = arg;

    if (strcmp (name, "object") == 0 && r->depth > 0) {
        decide (r);
        r->depth--;
    }
}

/* No entity is ever declared by hwloc: a declaration can only be an attack. */
static void refuse_entity (void *arg, const XML_Char *name, int is_parameter,
                           const XML_Char *value, int len, const XML_Char *base,
                           const XML_Char *system_id, const XML_Char *public_id,
                           const XML_Char *notation)
{
    errno = EINVAL;
    fail (arg, "entity declarations are not allowed", name);
}

int fluxion_read_hwloc (struct graph *g, const char *text, size_t len,
                        const struct read_options *opt, flux_error_t *error)
{
    struct reader *r = calloc (1, sizeof (*r));
    int rc = -1;

    if (!r || !(r->parser = XML_ParserCreate (NULL))) {
        free (r);
        snprintf (error->text, sizeof (error->text), "hwloc: out of memory");
        errno = ENOMEM;
        return -1;
    }
    r->g = g;
    r->opt = opt;
    r->error = error;
    XML_SetUserData (r->parser, r);
    XML_SetElementHandler (r->parser, start_element, end_element);
    XML_SetEntityDeclHandler (r->parser, refuse_entity);
    r->root = add (r, VTX_NONE, "cluster", "cluster", NULL, 0, 1, "", -1);
    errno = 0;
    if (len > INT_MAX) {
        errno = EFBIG;
        fail (r, "text is too long", NULL);
    } else if (!r->failed && XML_Parse (r->parser, text, len, 1) == XML_STATUS_ERROR
               && !r->failed) {
        errno = EINVAL;
        fail (r, "XML", XML_ErrorString (XML_GetErrorCode (r->parser)));
    }
    if (!r->failed && graph_vertex_count (g) < 2) {
        errno = EINVAL;
        fail (r, "no topology object found", NULL);
    }
    if (!r->failed) {
        g->root = r->root;
        rc = graph_order (g);
    }
    XML_ParserFree (r->parser);
    free (r);
    return rc;
}
