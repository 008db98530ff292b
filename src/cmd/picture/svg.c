#include "cmd/picture/svg.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Width of an average character of a sans-serif font, in its size. */
#define CHAR_WIDTH 0.56

static const char *const names[] = { "grid", "frame", "row", "good",
                                     "bad",  "idle",  "busy" };

/* Hues that stay apart for most eyes, on both grounds. */
static const struct {
    const char *light;
    const char *dark;
} palette[SVG_PALETTE] = {
    { "#4477aa", "#5b94d1" }, { "#cc7722", "#e29a4d" }, { "#2e8b57", "#4fb37b" },
    { "#aa4499", "#c56ab6" }, { "#7a6ff0", "#9b92ff" }, { "#b8860b", "#d8ab3f" },
    { "#0f8b8d", "#38b6b8" }, { "#c0504d", "#de7c79" }, { "#6b8e23", "#94b84c" },
    { "#5f6caf", "#8b97d6" }, { "#a0522d", "#c97f5b" }, { "#3f7f93", "#6aaabd" },
};

static void add_palette (struct buf *b, bool dark)
{
    for (int i = 0; i < SVG_PALETTE; i++)
        buf_printf (b, ".p%d{fill:%s}", i, dark ? palette[i].dark : palette[i].light);
}

static void add_style (struct buf *b)
{
    buf_adds (b, "<style>\n"
                 "text{font-family:system-ui,'DejaVu Sans',Helvetica,sans-serif;"
                 "fill:#1c2430}\n"
                 ".ground{fill:#ffffff}.muted{fill:#66707c}.bold{font-weight:600}"
                 ".on{fill:#ffffff}"
                 ".grid{stroke:#d5dae0;stroke-width:1}"
                 ".frame{fill:#4477aa;fill-opacity:.07;stroke:#8592a3;stroke-width:1}"
                 ".row{fill:#f3f5f8}.good{fill:#2e8b57}.bad{fill:#c0392b}"
                 ".idle{fill:#8d97a3}.busy{fill:#2f6fdd}");
    add_palette (b, false);
    buf_adds (b, "\n@media(prefers-color-scheme:dark){text{fill:#e6eaf0}"
                 ".ground{fill:#14181f}.muted{fill:#98a3b0}.on{fill:#0c0f14}"
                 ".grid{stroke:#2c343f}"
                 ".frame{fill:#8fb4e3;fill-opacity:.08;stroke:#5d6a7a}"
                 ".row{fill:#1b212a}.good{fill:#4fb37b}.bad{fill:#e5685b}"
                 ".idle{fill:#6f7a87}.busy{fill:#5b94f0}");
    add_palette (b, true);
    buf_adds (b, "}\n</style>\n");
}

void svg_begin (struct buf *b, double width, double height, const char *title)
{
    buf_printf (b,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
                "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>",
                width, height, width, height);
    svg_escape (b, title);
    buf_adds (b, "</title>\n");
    add_style (b);
    buf_printf (b, "<rect class=\"ground\" width=\"%.0f\" height=\"%.0f\"/>\n", width,
                height);
}

void svg_end (struct buf *b)
{
    buf_adds (b, "</svg>\n");
}

/* --- shapes --- */

static void add_number (struct buf *b, const char *name, double x)
{
    char text[32];
    int n = snprintf (text, sizeof (text), "%.2f", x);

    while (n > 0 && text[n - 1] == '0')
        n--;
    if (n > 0 && text[n - 1] == '.')
        n--;
    buf_printf (b, " %s=\"%.*s\"", name, n, text);
}

static void add_class (struct buf *b, int class)
{
    if (class < 0)
        buf_printf (b, " class=\"%s\"", names[-class - 1]);
    else
        buf_printf (b, " class=\"p%d\"", class % SVG_PALETTE);
}

void svg_rect (struct buf *b, double x, double y, double w, double h, double radius,
               int class, const char *tip)
{
    buf_adds (b, "<rect");
    add_class (b, class);
    add_number (b, "x", x);
    add_number (b, "y", y);
    add_number (b, "width", w > 0 ? w : 0);
    add_number (b, "height", h > 0 ? h : 0);
    if (radius > 0)
        add_number (b, "rx", radius);
    if (!tip) {
        buf_adds (b, "/>\n");
        return;
    }
    buf_adds (b, "><title>");
    svg_escape (b, tip);
    buf_adds (b, "</title></rect>\n");
}

void svg_line (struct buf *b, double x1, double y1, double x2, double y2)
{
    buf_adds (b, "<line");
    add_class (b, SVG_GRID);
    add_number (b, "x1", x1);
    add_number (b, "y1", y1);
    add_number (b, "x2", x2);
    add_number (b, "y2", y2);
    buf_adds (b, "/>\n");
}

/* --- text --- */

void svg_text (struct buf *b, double x, double y, double size, enum svg_anchor anchor,
               int how, const char *text)
{
    static const char *const anchors[] = { "", " text-anchor=\"middle\"",
                                           " text-anchor=\"end\"" };
    buf_adds (b, "<text");
    add_number (b, "x", x);
    add_number (b, "y", y);
    add_number (b, "font-size", size);
    buf_adds (b, anchors[anchor]);
    if (how)
        buf_printf (b, " class=\"%s%s%s\"", how & SVG_BOLD ? "bold " : "",
                    how & SVG_MUTED ? "muted " : "", how & SVG_ON_FILL ? "on" : "");
    buf_addc (b, '>');
    svg_escape (b, text);
    buf_adds (b, "</text>\n");
}

/* Bytes of the UTF-8 character at s; 0 if it is none that XML allows. */
static int char_bytes (const unsigned char *s)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    int n = *s < 0x80 ? 1 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc2 ? 2 : 0;
    uint32_t c = n == 1 ? *s : n == 2 ? *s & 0x1f : n == 3 ? *s & 0x0f : *s & 0x07;

    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (n == 0 || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    if (c == 0xfffe || c == 0xffff || (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
        return 0;
    return n;
}

void svg_escape (struct buf *b, const char *text)
{
    for (const char *p = text; *p;) {
        int n = char_bytes ((const unsigned char *)p);
        const char *entity = *p == '<'   ? "&lt;"
                             : *p == '>' ? "&gt;"
                             : *p == '&' ? "&amp;"
                             : *p == '"' ? "&quot;"
                             : n == 0    ? "\xef\xbf\xbd"
                                         : NULL;
        if (entity)
            buf_adds (b, entity);
        else
            buf_add (b, p, n);
        p += n ? n : 1;
    }
}

const char *svg_fit (const char *text, double size, double width)
{
    static char out[256];
    size_t room = width > 0 ? width / (size * CHAR_WIDTH) : 0;
    size_t n = 0;
    size_t chars = 0;

    for (; text[n] && chars <= room && n < sizeof (out) - 8; chars++) {
        int len = char_bytes ((const unsigned char *)text + n);
        n += len ? len : 1;
    }
    if (!text[n] && chars <= room)
        return snprintf (out, sizeof (out), "%s", text) < 0 ? "" : out;
    if (room < 3)
        return "";
    n = 0;
    for (chars = 0; text[n] && chars + 1 < room && n < sizeof (out) - 8; chars++) {
        int len = char_bytes ((const unsigned char *)text + n);
        n += len ? len : 1;
    }
    snprintf (out, sizeof (out), "%.*s…", (int)n, text);
    return out;
}

int svg_class_of (const char *name)
{
    uint32_t h = 2166136261u;

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return (h ^ h >> 15) % SVG_PALETTE;
}
