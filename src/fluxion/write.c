#include "fluxion/write_priv.h"

#include <stdlib.h>
#include <string.h>

const char *const write_format_names[] = {
    "simple", "pretty_simple", "jgf",         "jgf_verbose",   "jgf_shorthand",
    "rlite",  "rv1",           "rv1_nosched", "rv1_shorthand", NULL,
};

int write_format_parse (const char *name, enum write_format *format)
{
    for (int i = 0; write_format_names[i]; i++)
        if (strcmp (write_format_names[i], name) == 0) {
            *format = i;
            return 0;
        }
    errno = EINVAL;
    return -1;
}

void write_int (struct buf *b, int64_t n)
{
    char digits[24];
    size_t at = sizeof (digits);
    uint64_t u = n < 0 ? -(uint64_t)n : (uint64_t)n;

    do
        digits[--at] = '0' + u % 10;
    while ((u /= 10));
    if (n < 0)
        digits[--at] = '-';
    buf_add (b, digits + at, sizeof (digits) - at);
}

void write_string (struct buf *b, const char *s)
{
    buf_addc (b, '"');
    for (; *s; s++) {
        const char *p = s;
        while ((unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
            p++;
        buf_add (b, s, p - s);
        s = p;
        if (!*s)
            break;
        if (*s == '"' || *s == '\\') {
            buf_addc (b, '\\');
            buf_addc (b, *s);
        } else {
            buf_printf (b, "\\u%04x", *s);
        }
    }
    buf_addc (b, '"');
}

static void write_simple_line (const struct graph *g, const struct selected *s,
                               bool pretty, struct buf *b)
{
    char name[GRAPH_NAME_MAX];

    buf_add (b, "      ", 6);
    for (int i = 0; i <= g->v[s->v].depth; i++)
        buf_add (b, "---", 3);
    buf_adds (b, graph_name (g, s->v, name));
    buf_addc (b, '[');
    write_int (b, s->needs);
    buf_addc (b, ':');
    if (pretty)
        buf_adds (b, s->exclusive ? "exclusive" : "shared");
    else
        buf_addc (b, s->exclusive ? 'x' : 's');
    buf_adds (b, "]\n");
}

static void write_simple (const struct graph *g, const struct selected *sel,
                          uint32_t count, bool pretty, struct buf *b)
{
    for (uint32_t i = 0; i < count; i++)
        write_simple_line (g, &sel[pretty ? count - 1 - i : i], pretty, b);
}

static void write_rv1 (enum write_format format, const struct graph *g,
                       const struct selected *sel, uint32_t count,
                       const struct write_info *info, struct buf *b)
{
    buf_adds (b, "{\"version\": 1, \"execution\": {\"R_lite\": ");
    write_rlite (g, sel, count, b);
    buf_adds (b, ", \"nodelist\": [");
    write_nodelist (g, sel, count, b);
    buf_addc (b, ']');
    write_node_properties (g, sel, count, b);
    buf_adds (b, ", \"starttime\": ");
    write_int (b, info->starttime);
    buf_adds (b, ", \"expiration\": ");
    write_int (b, info->expiration);
    buf_addc (b, '}');
    if (format != WRITE_RV1_NOSCHED) {
        if (info->queue) {
            buf_adds (b, ", \"attributes\": {\"system\": {\"scheduler\": {\"queue\": ");
            write_string (b, info->queue);
            buf_adds (b, "}}}");
        }
        buf_adds (b, ", \"scheduling\": ");
        write_jgf (format == WRITE_RV1 ? WRITE_JGF : WRITE_JGF_SHORTHAND, g, sel, count,
                   info, b);
    }
    buf_addc (b, '}');
}

int fluxion_write (enum write_format format, const struct graph *g,
                   const struct selected *sel, uint32_t count,
                   const struct write_info *info, struct buf *b)
{
    if (count == 0)
        return 0;
    switch (format) {
    case WRITE_SIMPLE:
    case WRITE_PRETTY_SIMPLE:
        write_simple (g, sel, count, format == WRITE_PRETTY_SIMPLE, b);
        break;
    case WRITE_JGF:
    case WRITE_JGF_VERBOSE:
    case WRITE_JGF_SHORTHAND:
        write_jgf (format, g, sel, count, info, b);
        buf_addc (b, '\n');
        break;
    case WRITE_RLITE:
        write_rlite (g, sel, count, b);
        buf_addc (b, '\n');
        break;
    case WRITE_RV1:
    case WRITE_RV1_NOSCHED:
    case WRITE_RV1_SHORTHAND:
        write_rv1 (format, g, sel, count, info, b);
        buf_addc (b, '\n');
        break;
    }
    if (b->err) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}
