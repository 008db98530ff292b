/* flux-hierarchy view: needs no instance. */
#include "cmd/hierarchy/hierarchy.h"
#include "cmd/hierarchy/view.h"

#include <stdio.h>
#include <string.h>

static struct optparse_option options[] = {
    { .name = "format",
      .key = 'f',
      .has_arg = 1,
      .arginfo = "text|json|dot|svg",
      .usage = "How the tree is drawn" },
    OPTPARSE_TABLE_END,
};

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *format = optparse_get_str (p, "format", "text");
    struct buf b = BUF_INIT;
    struct hierarchy *t;

    if (i + 1 != argc)
        hier_usage_error (i < argc ? "one CONFIG is expected"
                                   : "the following arguments are required: CONFIG");
    t = hier_load (argv[i]);
    if (!strcmp (format, "text"))
        view_text (t, hier_colors (), &b);
    else if (!strcmp (format, "json"))
        view_json (t, &b);
    else if (!strcmp (format, "dot"))
        view_dot (t, &b);
    else if (!strcmp (format, "svg"))
        view_svg (t, &b);
    else
        hier_usage_error ("--format: no such format '%s'", format);
    buf_print (&b, stdout);
    buf_fini (&b);
    hierarchy_destroy (t);
    return 0;
}

const struct subcommand sub_view = {
    .name = "view",
    .usage = "[--format=text|json|dot|svg] CONFIG",
    .summary = "Show the shape of a tree",
    .options = options,
    .run = run,
};
