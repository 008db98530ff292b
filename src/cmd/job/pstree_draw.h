/* A tree as lines: connectors, and equal leaves as one. Pure. */
#ifndef CMD_JOB_PSTREE_DRAW_H
#define CMD_JOB_PSTREE_DRAW_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

enum pstree_connectors { PSTREE_WIDE, PSTREE_COMPACT, PSTREE_ASCII };

struct pstree_style {
    enum pstree_connectors connectors;
    bool combine; /* leaves of a parent with the same label: "3*[label]" */
    bool skip_root;
    int width; /* lines are cut; 0: never */
    void (*label) (json_t *job, struct buf *out, void *arg);
    void (*detail) (json_t *job, struct buf *out, void *arg); /* or NULL */
    void *arg;
};

/* job.children: an array of jobs, or none: a leaf. */
void pstree_draw (json_t *root, const struct pstree_style *style, struct buf *out);

#endif
