/* What rset.c, rset_code.c and rset_op.c share. */
#ifndef VALUE_RSET_IMPL_H
#define VALUE_RSET_IMPL_H

#include <stddef.h>

#include "value/resource/constraint.h"
#include "value/resource/rset.h"

enum type { CORE, GPU, NTYPES };

/* Hosts that were decoded together lie together; the block goes with the last of them. */
struct host_block {
    size_t used, size;
    int live; /* hosts in it, and 1 while it is being filled */
    _Alignas(void *) char data[];
};

struct shared_host {
    int refs;
    struct host_block *block; /* NULL: it has its own memory */
    char name[];
};

/* What a rank has. Never changed once two ranks share it. */
struct kids {
    int refs;
    struct idset *ids[NTYPES]; /* cores: never NULL */
};

struct entry {
    unsigned int rank;
    struct shared_host *host; /* or NULL */
    struct kids *kids;
};

struct property {
    char *name;
    struct idset *ranks;
};

struct rset {
    struct entry *entries; /* by rank */
    int count;
    int cap;
    struct property *props;
    int nprops;
    double starttime;
    double expiration;
    int nslots;
    json_t *scheduling;
};

struct entry *rset_find (const struct rset *r, unsigned int rank);
/* How many entries from i on have ranks without gaps, and the same kids if alike. */
int rset_run (const struct rset *r, int i, bool alike);
int rset_reserve (struct rset *r, int count);
/* Adds behind the last, where there is room (rset_reserve): for a decoder that sorts
 * afterwards. */
void rset_push (struct rset *r, unsigned int rank, struct kids *kids);
/* Refers to host and kids. EEXIST if the rank is there. */
int rset_insert (struct rset *r, unsigned int rank, struct shared_host *host,
                 struct kids *kids);
struct rset *rset_select (const struct rset *r,
                          bool (*fn) (const struct entry *e, void *arg), void *arg);
struct shared_host *rset_host_create (const char *name, size_t len);
/* The same in *block, which is replaced when it is full; NULL: there is none yet. */
struct shared_host *rset_host_create_in (struct host_block **block, const char *name,
                                         size_t len);
/* It is filled. */
void rset_host_block_end (struct host_block *block);
/* Names in order of rank, of those ranks that have one: new, the names are r's. */
const char **rset_host_names (const struct rset *r, int *count);
void rset_host_unref (struct shared_host *host);
struct kids *rset_kids_create (struct idset *take_cores, struct idset *take_gpus);
struct kids *rset_kids_decode (const char *cores, const char *gpus);
void rset_kids_unref (struct kids *kids);
bool rset_kids_equal (const struct kids *a, const struct kids *b);
bool rset_has_property (const struct rset *r, const char *name, unsigned int rank);

#endif
