#include "cmd/top/canvas.h"

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

int canvas_init (struct canvas *c, int width, int height)
{
    c->width = width > 0 ? width : 0;
    c->height = height > 0 ? height : 0;
    c->cells = calloc ((size_t)c->width * c->height + 1, sizeof (*c->cells));
    if (!c->cells) {
        errno = ENOMEM;
        return -1;
    }
    for (int i = 0; i < c->width * c->height; i++)
        strcpy (c->cells[i].text, " ");
    return 0;
}

void canvas_fini (struct canvas *c)
{
    free (c->cells);
    memset (c, 0, sizeof (*c));
}

/* The next character, its bytes and its columns; bytes that are none count as one. */
static size_t next_char (const char *s, int *columns)
{
    mbstate_t st = { 0 };
    wchar_t wc;
    size_t n = mbrtowc (&wc, s, strlen (s), &st);
    if (n == (size_t)-1 || n == (size_t)-2) {
        *columns = 1;
        return 1;
    }
    *columns = wcwidth (wc);
    if (*columns < 0)
        *columns = 1;
    return n;
}

int canvas_text_width (const char *text)
{
    int width = 0, columns;
    while (*text) {
        text += next_char (text, &columns);
        width += columns;
    }
    return width;
}

static struct canvas_cell *at (const struct canvas *c, int x, int y)
{
    if (x < 0 || x >= c->width || y < 0 || y >= c->height)
        return NULL;
    return &c->cells[y * c->width + x];
}

/* A mark goes into the cell before it. */
static void put_mark (struct canvas *c, int x, int y, const char *s, size_t n)
{
    struct canvas_cell *cell = at (c, x - 1, y);
    if (cell && !*cell->text)
        cell = at (c, x - 2, y);
    if (cell && strlen (cell->text) + n < sizeof (cell->text))
        strncat (cell->text, s, n);
}

static void put_char (struct canvas *c, int x, int y, int style, const char *s,
                      size_t n, int columns)
{
    struct canvas_cell *cell = at (c, x, y);
    if (!cell || x + columns > c->width)
        return;
    memcpy (cell->text, s, n);
    cell->text[n] = '\0';
    cell->style = style;
    if (columns == 2) {
        cell[1].text[0] = '\0';
        cell[1].style = style;
    }
}

int canvas_put (struct canvas *c, int x, int y, int style, const char *text)
{
    while (*text) {
        int columns;
        size_t n = next_char (text, &columns);
        if (columns == 0)
            put_mark (c, x, y, text, n);
        else
            put_char (c, x, y, style, text, n, columns);
        x += columns;
        text += n;
    }
    return x;
}

void canvas_put_right (struct canvas *c, int x, int y, int style, const char *text)
{
    canvas_put (c, x - canvas_text_width (text), y, style, text);
}

void canvas_mark_row (struct canvas *c, int y, int flags)
{
    for (int x = 0; x < c->width; x++) {
        struct canvas_cell *cell = at (c, x, y);
        if (cell)
            cell->style |= flags;
    }
}

const struct canvas_cell *canvas_cell (const struct canvas *c, int x, int y)
{
    return at (c, x, y);
}

char *canvas_row (const struct canvas *c, int y)
{
    struct buf b = BUF_INIT;
    for (int x = 0; x < c->width; x++)
        buf_adds (&b, at (c, x, y)->text);
    while (b.len > 0 && b.data[b.len - 1] == ' ')
        b.len--;
    return buf_take (&b, NULL);
}
