/* A rectangle of styled characters, drawn on before a terminal sees it. Pure. */
#ifndef CMD_TOP_CANVAS_H
#define CMD_TOP_CANVAS_H

#include <stddef.h>

enum canvas_style {
    STYLE_PLAIN,
    STYLE_DIM,
    STYLE_BOLD,
    STYLE_USED,
    STYLE_DOWN,
    STYLE_INSTANCE, /* a job that is one */
    STYLE_BAD,
    STYLE_GOOD,
    STYLE_HEART,
    STYLE_COUNT,
    STYLE_REVERSE = 0x80, /* with any of them */
};

struct canvas_cell {
    char text[12]; /* UTF-8 with combining marks; "" behind a wide character */
    unsigned char style;
};

struct canvas {
    int width, height;
    struct canvas_cell *cells;
};

/* Blank. -1 with ENOMEM. */
int canvas_init (struct canvas *c, int width, int height);
void canvas_fini (struct canvas *c);
/* What does not fit is cut off. Returns the column behind the text. */
int canvas_put (struct canvas *c, int x, int y, int style, const char *text);
/* Ends before column x. */
void canvas_put_right (struct canvas *c, int x, int y, int style, const char *text);
/* The style of a whole row gets flags (STYLE_REVERSE) added. */
void canvas_mark_row (struct canvas *c, int y, int flags);
int canvas_text_width (const char *text);
const struct canvas_cell *canvas_cell (const struct canvas *c, int x, int y);
/* A row as text without trailing blanks; new. */
char *canvas_row (const struct canvas *c, int y);

#endif
