/* Nodes and what is used of them, for a page. Pure. */
#ifndef CMD_WEB_NODES_H
#define CMD_WEB_NODES_H

#include <jansson.h>

#define NODES_MAX 1024 /* beyond, ranks that follow each other are one band */

/* From the answers to resource.status and resource.sched-status (which may be NULL):
 *   {"total": {"nodes": [all, used, down], "cores": [..], "gpus": [..]},
 *    "nodes": [{"r": first rank, "z": last rank, "h": host, "c": cores, "u": used,
 *               "g": gpus, "v": used, "s": "up"|"down"|"drain"|"exclude", "why": text}]}
 * New; NULL with EINVAL. */
json_t *nodes_encode (json_t *status, json_t *sched);

#endif
