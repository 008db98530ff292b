/* What ran where and when: a row for each core, or for each node if there are too many,
 * a bar for each job; jobs within jobs are boxes within boxes. Pure: bars in, SVG out. */
#ifndef CMD_PICTURE_TIMELINE_H
#define CMD_PICTURE_TIMELINE_H

#include "base/buf.h"

#include <stddef.h>

enum timeline_colors { TIMELINE_BY_NAME, TIMELINE_BY_STATE };

struct timeline;

/* NULL with ENOMEM. */
struct timeline *timeline_create (void);
void timeline_destroy (struct timeline *t);

/* The next row: core of a node (rows of a node follow each other). Its index, or -1
 * with ENOMEM. */
int timeline_add_row (struct timeline *t, const char *node, int core);

struct timeline_bar {
    const char *name;
    const char *id;    /* for the tip */
    const char *state; /* "CD", "F", "CA", "TO", "R" */
    double start;
    double end;
    int depth; /* of instances around it */
    int box;   /* others run in it: it is drawn as a frame, behind them */
};
/* rows: indices, in any order. -1 with ENOMEM. */
int timeline_add_bar (struct timeline *t, const struct timeline_bar *bar,
                      const int *rows, size_t count);

/* Rows become nodes if there are more than this many. */
#define TIMELINE_MAX_ROWS 256

void timeline_draw (struct timeline *t, const char *title, enum timeline_colors colors,
                    struct buf *out);

#endif
