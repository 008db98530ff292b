#ifndef CMD_HIERARCHY_LEAVES_H
#define CMD_HIERARCHY_LEAVES_H

#include "cmd/hierarchy/hierarchy.h"
#include "cmd/hierarchy/load.h"

struct leaf_handle {
    const char *id; /* texts are the tree's */
    const char *path;
    const char *uri;
    int cores;
    flux_t *h;
};

struct leaves {
    json_t *tree;
    struct leaf_handle *leaf;
    size_t count; /* at least one */
    struct load *load;
};

/* Finds and connects to all leaves that are ready below a root; dies with one line. */
void leaves_open (struct leaves *l, flux_t *h, flux_jobid_t id);
void leaves_close (struct leaves *l);

#endif
