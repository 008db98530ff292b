/* The terminal, by ncurses. One at a time. */
#ifndef CMD_TOP_SCREEN_H
#define CMD_TOP_SCREEN_H

#include "cmd/top/canvas.h"

#include <stdbool.h>

/* -1 if the terminal cannot be used (a line on stderr was said). It is restored by
 * screen_close, at exit, and when a signal ends the program. */
int screen_open (bool color);
void screen_close (void);
void screen_size (int *width, int *height);
/* The terminal as it was, until the program is continued. SIGTSTP has to have a handler
 * before screen_open: that of ncurses ignores what comes while it draws. */
void screen_suspend (void);
/* The terminal has another size. */
void screen_resize (void);
/* Shows the canvas; only what changed is written, unless all. */
void screen_draw (const struct canvas *c, bool all);
/* A key that was pressed (enum top_key), -1: none is there. */
int screen_key (void);

#endif
