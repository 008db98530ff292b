/* What the screen of flux top looks like: state in, characters out. Pure. */
#ifndef CMD_TOP_LAYOUT_H
#define CMD_TOP_LAYOUT_H

#include "cmd/top/canvas.h"
#include "cmd/top/model.h"

/* now: seconds since the epoch. Adjusts the model's page and scroll to the height.
 * -1 with ENOMEM. */
int top_layout (struct top_model *m, double now, int width, int height,
                struct canvas *c);

#endif
