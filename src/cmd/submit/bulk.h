/* Inputs of bulksubmit and what {} stands for in its template.
 *
 *   ::: a b      inputs; several lists are combined
 *   :::+ a b     linked one to one with the list before
 *   :::: FILE    inputs from a file (- is standard input), ::::+ likewise
 *
 *   {} {0} {1}   the input of list 0, 1, ...   {.%} without its extension
 *   {./} basename  {.//} dirname  {./%} both of the first two
 *   {.NAME} what bulk_define made of the input
 *   {seq} {seq1} number of the job, from 0 or 1
 *   {cc} and {{NAME}} stay: they are for later */
#ifndef CMD_BULK_H
#define CMD_BULK_H

#include <flux/types.h>
#include <jansson.h>
#include <stdbool.h>

struct bulk;

/* args: what follows the template, beginning with a separator. sep: of inputs
 * in files, NULL: lines, "none": white space. Without lists, the inputs are read from standard
 * input. NULL with EINVAL and *error. */
struct bulk *bulk_create (int argc, char **args, const char *sep, flux_error_t *error);
void bulk_destroy (struct bulk *b);
bool bulk_is_separator (const char *arg);
/* Number of jobs. */
size_t bulk_count (const struct bulk *b);
/* {.name}: values is an array of strings for each list, one for each input. -1 with
 * *error if the shape is another. */
int bulk_define (struct bulk *b, const char *name, json_t *values, flux_error_t *error);
/* The inputs in that shape, a new object; NULL with *error. */
json_t *bulk_items (const struct bulk *b, flux_error_t *error);
/* NAME=CODE: a Python expression of the input x, that python3 computes (bulk_define.c).
 * -1 with *error. */
int bulk_define_code (struct bulk *b, const char *arg, flux_error_t *error);
/* The text for job i, owned by the caller; NULL with *error. */
char *bulk_expand (const struct bulk *b, size_t i, const char *text,
                   flux_error_t *error);

#endif
