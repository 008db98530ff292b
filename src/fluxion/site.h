/* A scheduler of an instance: made from R or from a graph, and kept as the resource
 * module's answers (RFC 28) say. Pure: the time comes with each call. */
#ifndef FLUXION_SITE_H
#define FLUXION_SITE_H

#include "fluxion/match/match.h"
#include <jansson.h>

struct site;

struct site_options {
    const char *load_format;    /* of load_text */
    const char *load_text;      /* NULL: the graph is made from R */
    const char *load_allowlist; /* "node,core,gpu"; NULL: all types */
    const char *policy, *traverser, *prune_filters, *subsystems;
    int64_t reserve_vertices;
};

/* All is down at first. R may have a `scheduling` key: it is the graph if it covers all
 * ranks. NULL with EINVAL and *error. */
struct site *site_create (json_t *R, const struct site_options *opt,
                          flux_error_t *error);
void site_destroy (struct site *site);
struct scheduler *site_scheduler (struct site *site);

/* up, down, shrink, property-add, property-remove and expiration of an answer to
 * resource.acquire. *capacity: what a request may ask for has changed. -1 with EINVAL
 * and *error. */
int site_apply (struct site *site, json_t *change, bool *capacity, flux_error_t *error);

/* The request in a jobspec, bound to the graph; borrowed until the next call. Those
 * asked for last are kept as they were read. */
const struct request *site_request (struct site *site, const char *jobspec,
                                    flux_error_t *error);

/* What was allocated elsewhere, from R. */
int site_update (struct site *site, uint64_t id, const char *R,
                 struct match_result *result, flux_error_t *error);
/* Give back what R names. */
int site_partial_cancel (struct site *site, uint64_t id, const char *R, bool *full,
                         flux_error_t *error);

/* R of a result. now: with fractions of a second, so that no job gets less than it asks
 * for. NULL with ENOMEM. */
char *site_result (struct site *site, enum write_format format,
                   const struct match_result *result, const struct request *req,
                   double now);

/* {"[0-3]": 12}: vertices by rank, new. */
json_t *site_by_rank (struct site *site);

#endif
