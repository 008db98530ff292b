/* The help text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/optparse/parser.h"

#define WIDTH 80

/* Print text from column `at` on, wrapped at words, each further line
 * indented to `column`. A newline in the text is kept. */
static void print_wrapped (FILE *f, const char *text, int column, int at)
{
    int room = WIDTH - column > 20 ? WIDTH - column : 20;

    while (*text) {
        size_t line = strcspn (text, "\n");
        size_t len = line;

        if (len > (size_t)room) {
            for (len = room; len > 0 && text[len] != ' '; len--)
                ;
            if (len == 0)
                len = strcspn (text, " \n");
        }
        fprintf (f, "%*s%.*s\n", at < column ? column - at : 0, "", (int)len, text);
        text += len;
        text += *text == '\n' ? 1 : strspn (text, " ");
        at = 0;
    }
}

static void print_option (optparse_t *p, FILE *f, const struct optparse_option *o)
{
    const char *arg = o->arginfo ? o->arginfo : "ARG";
    bool has_short = o->key > ' ' && o->key <= 255;
    struct buf b = BUF_INIT;

    buf_printf (&b, "%*s", p->left_margin, "");
    if (has_short)
        buf_printf (&b, "-%c", o->key);
    if (o->flags & OPTPARSE_OPT_SHORTOPT_ONLY) {
        if (o->has_arg)
            buf_printf (&b, o->has_arg == 2 ? "[%s]" : " %s", arg);
    } else {
        buf_printf (&b, "%s--%s", has_short ? ", " : "    ", o->name);
        if (o->has_arg)
            buf_printf (&b, o->has_arg == 2 ? "[=%s]" : "=%s", arg);
    }
    if (b.err) {
        buf_fini (&b);
        return;
    }
    fputs (b.data, f);
    if (!o->usage || !*o->usage)
        fputc ('\n', f);
    else if ((int)b.len < p->option_width)
        print_wrapped (f, o->usage, p->option_width, b.len);
    else {
        fputc ('\n', f);
        print_wrapped (f, o->usage, p->option_width, 0);
    }
    buf_fini (&b);
}

static bool same_kind_less (const struct option *a, const struct option *b)
{
    return !a->is_doc && !b->is_doc && strcmp (a->o.name, b->o.name) < 0;
}

/* By group; within a group as registered, or by name. Insertion sort: the
 * tables are short and the order has to be stable. */
static void sort_options (struct option **options, int count, bool by_name)
{
    for (int i = 1; i < count; i++) {
        struct option *x = options[i];
        int j = i;
        while (j > 0
               && (options[j - 1]->o.group > x->o.group
                   || (by_name && options[j - 1]->o.group == x->o.group
                       && same_kind_less (x, options[j - 1])))) {
            options[j] = options[j - 1];
            j--;
        }
        options[j] = x;
    }
}

static void print_options (optparse_t *p, FILE *f)
{
    struct option **options = calloc (p->noptions, sizeof (*options));

    if (!options)
        return;
    memcpy (options, p->options, p->noptions * sizeof (*options));
    sort_options (options, p->noptions, p->sorted);
    for (int i = 0; i < p->noptions; i++) {
        if (options[i]->is_doc)
            fprintf (f, "%s\n", options[i]->o.usage);
        else if (!(options[i]->o.flags & OPTPARSE_OPT_HIDDEN))
            print_option (p, f, &options[i]->o);
    }
    free (options);
}

static void print_subcommands (optparse_t *p, FILE *f)
{
    bool any = false;
    int width = 15;

    for (int i = 0; i < p->nsubcommands; i++) {
        int len = strlen (p->subcommands[i]->name);
        any = any || !p->subcommands[i]->hidden;
        if (!p->subcommands[i]->hidden && len >= width)
            width = len + 1;
    }
    if (!any || !p->print_subcommands)
        return;
    fputc ('\n', f);
    for (const char *s = p->program_name; *s; s++)
        fputc (*s == '-' ? ' ' : *s, f);
    fputs (" subcommands:\n", f);
    for (int i = 0; i < p->nsubcommands; i++) {
        optparse_t *sub = p->subcommands[i];
        if (!sub->hidden)
            fprintf (f, "   %-*s %s\n", width, sub->name, sub->doc ? sub->doc : "");
    }
}

int optparse_fprint_usage (optparse_t *p, FILE *f)
{
    const char *usage = p->usage;

    if (!usage)
        usage = p->nsubcommands > 0 ? "COMMAND [OPTIONS]" : "[OPTIONS]...";
    fprintf (f, "Usage: %s %s\n", p->program_name, usage);
    if (p->doc)
        fprintf (f, "%s\n", p->doc);
    print_options (p, f);
    print_subcommands (p, f);
    return 0;
}

int optparse_print_usage (optparse_t *p)
{
    return optparse_fprint_usage (p, stdout);
}

int optparse_fatal_usage (optparse_t *p, int code, const char *fmt, ...)
{
    if (fmt) {
        char text[512];
        va_list ap;

        va_start (ap, fmt);
        vsnprintf (text, sizeof (text), fmt, ap);
        va_end (ap);
        text[strcspn (text, "\n")] = '\0';
        p->log_fn ("%s: %s\n", p->program_name, text);
    }
    optparse_fprint_usage (p, stderr);
    return p->fatal_fn (p->fatal_handle, code);
}
