/* Resource sets, R version 1 (RFC 20): cores and GPUs by rank. */
#ifndef VALUE_RSET_H
#define VALUE_RSET_H

#include <flux/hostlist.h>
#include <flux/idset.h>
#include <flux/types.h>
#include <jansson.h>

struct rset;

struct rset *rset_create (void);
void rset_destroy (struct rset *r);
void rset_swap (struct rset *a, struct rset *b);
struct rset *rset_copy (const struct rset *r);
/* NULL with EINVAL and *error. */
struct rset *rset_decode (const char *s, flux_error_t *error);
struct rset *rset_decode_json (const json_t *o, flux_error_t *error);
/* An array of {hosts, cores?, gpus?, properties?}, as in [[resource.config]]: ranks are
 * the hosts in order of their first mention, and entries about one host add up. NULL
 * with EINVAL and *error. */
struct rset *rset_decode_config (const json_t *config, flux_error_t *error);
json_t *rset_encode_json (const struct rset *r);
char *rset_encode (const struct rset *r);

/* Add a rank; cores and gpus are RFC 22 text ("" or NULL: none). */
int rset_add_rank (struct rset *r, unsigned int rank, const char *host,
                   const char *cores, const char *gpus);
/* The same with sets, which are taken (also on error), and with the host that
 * the rank has in `like`. take_gpus may be NULL. */
int rset_add_ids (struct rset *r, unsigned int rank, const struct rset *like,
                  struct idset *take_cores, struct idset *take_gpus);
/* What `rank_from` has in `from`, for another rank and host. */
int rset_add_like (struct rset *r, unsigned int rank, const char *host,
                   const struct rset *from, unsigned int rank_from);
/* What the name of a property does not have (RFC 20). */
#define PROPERTY_REFUSED "!&'\"^`|()"
int rset_add_property (struct rset *r, const char *name, const struct idset *ranks);
/* Those of from, for the ranks that r has. */
int rset_copy_properties (struct rset *r, const struct rset *from);
int rset_remove_property (struct rset *r, const char *name, const struct idset *ranks);
int rset_append (struct rset *r, const struct rset *other); /* EEXIST on overlap */
/* Ranks of the set, new. */
struct idset *rset_ranks (const struct rset *r);
/* Hosts in rank order, new. */
struct hostlist *rset_nodelist (const struct rset *r);
/* As text (RFC 29), new. */
char *rset_nodelist_text (const struct rset *r);
/* Borrowed; NULL if the rank is not in the set. type: "core" or "gpu". */
const struct idset *rset_children (const struct rset *r, unsigned int rank,
                                   const char *type);
const char *rset_host (const struct rset *r, unsigned int rank);
int rset_count (const struct rset *r, const char *type); /* "node", "core", "gpu" */
struct rset *rset_diff (const struct rset *a, const struct rset *b);
struct rset *rset_union (const struct rset *a, const struct rset *b);
struct rset *rset_intersect (const struct rset *a, const struct rset *b);
struct rset *rset_copy_ranks (const struct rset *r, const struct idset *ranks);
int rset_remove_ranks (struct rset *r, const struct idset *ranks);
/* Renumber by host name: rank = index in hosts; ENOENT for an unknown host. */
int rset_rerank (struct rset *r, struct hostlist *hosts, flux_error_t *error);
/* A copy whose ranks are 0, 1, ... in order, on these hosts (NULL: on their own). */
struct rset *rset_remap (const struct rset *r, struct hostlist *hosts);
/* Those that satisfy an RFC 31 constraint. */
struct rset *rset_filter (const struct rset *r, json_t *constraint,
                          flux_error_t *error);
/* "rank[0-3]/core[0-1]", owned by the caller. */
char *rset_dump (const struct rset *r);
/* Check against what was found: *error names rank and what is missing. */
int rset_verify (const struct rset *expected, const struct rset *found,
                 flux_error_t *error);

double rset_starttime (const struct rset *r);
double rset_expiration (const struct rset *r);
void rset_set_times (struct rset *r, double starttime, double expiration);
int rset_nslots (const struct rset *r);
void rset_set_nslots (struct rset *r, int nslots);
json_t *rset_properties (const struct rset *r); /* new: name -> idset text */

#endif
