/* Inputs of bulksubmit and what {} stands for in its template.
 *
 *   ::: a b      inputs; several lists are combined
 *   :::+ a b     linked one to one with the list before
 *   :::: FILE    inputs from a file (- is standard input), ::::+ likewise
 *
 *   {} {0} {1}   the input of list 0, 1, ...   {.%} without its extension
 *   {./} basename  {.//} dirname  {./%} both of the first two
 *   {seq} {seq1} number of the job, from 0 or 1 */
#ifndef CMD_BULK_H
#define CMD_BULK_H

#include <flux/types.h>
#include <stdbool.h>

struct bulk;

/* args: what follows the template, beginning with a separator. sep: of inputs
 * in files, or NULL: lines. Without lists, the inputs are read from standard
 * input. NULL with EINVAL and *error. */
struct bulk *bulk_create (int argc, char **args, const char *sep, flux_error_t *error);
void bulk_destroy (struct bulk *b);
bool bulk_is_separator (const char *arg);
/* Number of jobs. */
size_t bulk_count (const struct bulk *b);
/* The text for job i, owned by the caller; NULL with *error. {cc} stays. */
char *bulk_expand (const struct bulk *b, size_t i, const char *text,
                   flux_error_t *error);

#endif
