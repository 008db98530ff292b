#include "fake.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json/keys.h"

#define NODES_MAX 1000000
#define PER_NODE_MAX 65536

struct shape {
    json_int_t nodes, cores, gpus;
    const char *prefix;
};

static int check_count (const char *name, json_int_t n, json_int_t min, json_int_t max,
                        flux_error_t *error)
{
    return n >= min && n <= max
               ? 0
               : error_invalid (error,
                                "fake-resources.%s: %lld is not from "
                                "%lld to %lld",
                                name, (long long)n, (long long)min, (long long)max);
}

/* A name that ends with a digit would run into the number. */
static int check_prefix (const char *s, flux_error_t *error)
{
    size_t len = strlen (s);

    for (const char *p = s; *p; p++)
        if (!isalnum ((unsigned char)*p) && !strchr ("-._", *p))
            len = 0;
    return len > 0 && len <= 64 && !isdigit ((unsigned char)s[len - 1])
               ? 0
               : error_invalid (
                   error,
                   "fake-resources.host-prefix: '%.64s' is no beginning of "
                   "host names",
                   s);
}

static int read_shape (json_t *table, struct shape *sh, flux_error_t *error)
{
    static const struct json_key keys[] = {
        { "nnodes", JSON_KIND_INTEGER },
        { "cores-per-node", JSON_KIND_INTEGER },
        { "gpus-per-node", JSON_KIND_INTEGER },
        { "host-prefix", JSON_KIND_STRING },
        { "hwloc-xml-path", JSON_KIND_STRING },
        { "amend-r", JSON_KIND_STRING },
        { NULL },
    };
    const char *xml = NULL, *amend = NULL;

    if (json_check_keys (table, "fake-resources", keys, error) < 0)
        return -1;
    (void)json_unpack (table, "{s?I s?I s?I s?s s?s s?s}", "nnodes", &sh->nodes,
                       "cores-per-node", &sh->cores, "gpus-per-node", &sh->gpus,
                       "host-prefix", &sh->prefix, "hwloc-xml-path", &xml, "amend-r",
                       &amend);
    if (xml)
        return error_invalid (error, "fake-resources.hwloc-xml-path: nodes are "
                                     "described by cores-per-node and gpus-per-node");
    if (amend)
        return error_invalid (error, "fake-resources.amend-r: R as it is to be is read "
                                     "by resource.path");
    return check_count ("nnodes", sh->nodes, 1, NODES_MAX, error) < 0
                   || check_count ("cores-per-node", sh->cores, 1, PER_NODE_MAX, error)
                          < 0
                   || check_count ("gpus-per-node", sh->gpus, 0, PER_NODE_MAX, error)
                          < 0
               ? -1
               : check_prefix (sh->prefix, error);
}

static json_t *ids (json_int_t count)
{
    char s[32];

    snprintf (s, sizeof (s), count == 1 ? "0" : "0-%lld", (long long)count - 1);
    return json_string (s);
}

struct rset *fake_decode (json_t *table, flux_error_t *error)
{
    struct shape sh = { .cores = 64, .prefix = "fake" };
    char hosts[128];
    struct rset *r;
    json_t *o;

    if (read_shape (table, &sh, error) < 0)
        return NULL;
    snprintf (hosts, sizeof (hosts), sh.nodes == 1 ? "%s0" : "%s[0-%lld]", sh.prefix,
              (long long)sh.nodes - 1);
    if (!(o = json_pack ("[{s:s s:o}]", "hosts", hosts, "cores", ids (sh.cores)))
        || (sh.gpus > 0
            && json_object_set_new (json_array_get (o, 0), "gpus", ids (sh.gpus))
                   < 0)) {
        json_decref (o);
        error_invalid (error, "fake-resources: out of memory");
        return NULL;
    }
    r = rset_decode_config (o, error);
    json_decref (o);
    return r;
}
