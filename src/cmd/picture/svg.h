/* Pictures as SVG: text into a buffer, no libraries. Shapes are drawn in the colours
 * of classes, which a style sheet within the picture defines for light and dark. */
#ifndef CMD_PICTURE_SVG_H
#define CMD_PICTURE_SVG_H

#include "base/buf.h"

/* What a bar is filled with: svg_palette (0..n), or one of these. */
enum svg_class {
    SVG_GRID = -1,  /* thin lines */
    SVG_FRAME = -2, /* boxes around others */
    SVG_ROW = -3,   /* background of a row */
    SVG_GOOD = -4,
    SVG_BAD = -5,
    SVG_IDLE = -6, /* waiting, cancelled */
    SVG_BUSY = -7, /* running */
};

#define SVG_PALETTE 12

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

void svg_begin (struct buf *b, double width, double height, const char *title);
void svg_end (struct buf *b);
/* tip: what is shown when one points at it, or NULL. */
void svg_rect (struct buf *b, double x, double y, double w, double h, double radius,
               int class, const char *tip);
void svg_line (struct buf *b, double x1, double y1, double x2, double y2);
/* bold, muted: bits of how. */
enum { SVG_BOLD = 1, SVG_MUTED = 2, SVG_ON_FILL = 4 };
void svg_text (struct buf *b, double x, double y, double size, enum svg_anchor anchor,
               int how, const char *text);
/* Text cut so that it fits into so many units, with "…"; valid until the next call. */
const char *svg_fit (const char *text, double size, double width);

/* Adds text with what XML wants escaped; what XML does not allow becomes U+FFFD. */
void svg_escape (struct buf *b, const char *text);

/* A class of the palette by name: the same name has the same colour everywhere. */
int svg_class_of (const char *name);

#endif
