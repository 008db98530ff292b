#include "fluxion/io/writer.h"

#include <errno.h>
#include <string.h>

#include "fluxion/io/writer_impl.h"

const char *const write_format_names[] = {
    "simple", "pretty_simple", "jgf",         "jgf_verbose",   "jgf_shorthand",
    "rlite",  "rv1",           "rv1_nosched", "rv1_shorthand", NULL,
};

int write_format_parse (const char *name, enum write_format *format)
{
    /* In the order of write_format_names. */
    static const enum write_format formats[] = {
        WRITE_SIMPLE,      WRITE_PRETTY_SIMPLE, WRITE_JGF,
        WRITE_JGF_VERBOSE, WRITE_JGF_SHORTHAND, WRITE_RLITE,
        WRITE_RV1,         WRITE_RV1_NOSCHED,   WRITE_RV1_SHORTHAND,
    };

    for (int i = 0; write_format_names[i]; i++)
        if (strcmp (name, write_format_names[i]) == 0) {
            *format = formats[i];
            return 0;
        }
    errno = EINVAL;
    return -1;
}

static void simple_line (const struct graph *g, const struct selected *sel,
                         const char *exclusive, const char *shared, struct buf *b)
{
    char name[GRAPH_NAME_MAX];

    buf_adds (b, "      ");
    for (int i = 0; i <= g->v[sel->v].depth; i++)
        buf_add (b, "---", 3);
    buf_adds (b, graph_name (g, sel->v, name));
    buf_addc (b, '[');
    json_add_int (b, sel->needs);
    buf_addc (b, ':');
    buf_adds (b, sel->exclusive ? exclusive : shared);
    buf_add (b, "]\n", 2);
}

int fluxion_write (enum write_format format, const struct graph *g,
                   const struct selected *sel, uint32_t count,
                   const struct write_info *info, struct buf *b)
{
    if (count == 0)
        return 0;
    switch (format) {
    case WRITE_SIMPLE:
        for (uint32_t i = 0; i < count; i++)
            simple_line (g, &sel[i], "x", "s", b);
        break;
    case WRITE_PRETTY_SIMPLE:
        for (uint32_t i = count; i-- > 0;)
            simple_line (g, &sel[i], "exclusive", "shared", b);
        break;
    case WRITE_JGF:
    case WRITE_JGF_VERBOSE:
    case WRITE_JGF_SHORTHAND:
        if (write_jgf (format, g, sel, count, info, b) < 0)
            return -1;
        buf_addc (b, '\n');
        break;
    case WRITE_RLITE:
    case WRITE_RV1:
    case WRITE_RV1_NOSCHED:
    case WRITE_RV1_SHORTHAND:
        if (write_rv1 (format, g, sel, count, info, b) < 0)
            return -1;
        buf_addc (b, '\n');
        break;
    }
    if (b->err) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}
