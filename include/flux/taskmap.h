/* Task maps (RFC 34). */
#ifndef FLUX_TASKMAP_H
#define FLUX_TASKMAP_H

#include <flux/idset.h>
#include <flux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct taskmap;

enum taskmap_flags {
    TASKMAP_ENCODE_WRAPPED = 1, /* {"version":1,"map":[...]} */
    TASKMAP_ENCODE_PMI = 2,
    TASKMAP_ENCODE_RAW = 4,
    TASKMAP_ENCODE_RAW_DERANGED = 8,
};

struct taskmap *taskmap_create (void);
void taskmap_destroy (struct taskmap *map);
int taskmap_append (struct taskmap *map, int nodeid, int nnodes, int ppn);
struct taskmap *taskmap_decode (const char *s, flux_error_t *error);
char *taskmap_encode (const struct taskmap *map, int flags);
bool taskmap_unknown (const struct taskmap *map);
/* The set belongs to the map. */
const struct idset *taskmap_taskids (const struct taskmap *map, int nodeid);
int taskmap_nodeid (const struct taskmap *map, int taskid);
int taskmap_ntasks (const struct taskmap *map, int nodeid);
int taskmap_nnodes (const struct taskmap *map);
int taskmap_total_ntasks (const struct taskmap *map);
int taskmap_check (const struct taskmap *a, const struct taskmap *b,
                   flux_error_t *error);
struct taskmap *taskmap_deranged (const struct taskmap *map);

#ifdef __cplusplus
}
#endif

#endif
