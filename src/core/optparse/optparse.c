/* The table of options and subcommands, and the parser's settings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/optparse/parser.h"

static int log_stderr (const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = vfprintf (stderr, fmt, ap);
    va_end (ap);
    return rc;
}

static int fatal_exit (void *handle, int exitval)
{
    exit (exitval);
}

static int show_help (optparse_t *p, struct optparse_option *o, const char *optarg)
{
    optparse_print_usage (p);
    return p->fatal_fn (p->fatal_handle, 0);
}

static void option_destroy (struct option *opt)
{
    if (opt) {
        for (int i = 0; i < opt->nargs; i++)
            free (opt->args[i]);
        free (opt->args);
        free (opt->strings);
        free (opt);
    }
}

/* All strings of an option in one allocation. */
static int copy_strings (struct option *opt)
{
    const char **fields[] = { &opt->o.name, &opt->o.arginfo, &opt->o.usage };
    size_t size = 1;
    char *s;

    for (int i = 0; i < 3; i++)
        size += *fields[i] ? strlen (*fields[i]) + 1 : 0;
    if (!(s = opt->strings = malloc (size)))
        return -1;
    for (int i = 0; i < 3; i++) {
        if (*fields[i]) {
            size_t len = strlen (*fields[i]) + 1;
            memcpy (s, *fields[i], len);
            *fields[i] = s;
            s += len;
        }
    }
    return 0;
}

static int append_option (optparse_t *p, const struct optparse_option *o, bool is_doc)
{
    struct option **options;
    struct option *opt;

    options = realloc (p->options, (p->noptions + 1) * sizeof (*options));
    if (!options)
        return -1;
    p->options = options;
    if (!(opt = calloc (1, sizeof (*opt))))
        return -1;
    opt->o = *o;
    opt->is_doc = is_doc;
    if (copy_strings (opt) < 0) {
        option_destroy (opt);
        return -1;
    }
    p->options[p->noptions++] = opt;
    return 0;
}

static int find_option (optparse_t *p, const char *name)
{
    for (int i = 0; i < p->noptions; i++) {
        struct option *opt = p->options[i];
        if (!opt->is_doc && opt->o.name && !strcmp (opt->o.name, name))
            return i;
    }
    return -1;
}

optparse_t *optparse_create (const char *program_name)
{
    static const struct optparse_option help = {
        .name = "help", .key = 'h', .usage = "Display this message.", .cb = show_help
    };
    optparse_t *p = calloc (1, sizeof (*p));

    if (!p)
        return NULL;
    p->log_fn = log_stderr;
    p->fatal_fn = fatal_exit;
    p->option_width = 25;
    p->left_margin = 2;
    p->option_index = -1;
    p->print_subcommands = true;
    p->posixly_correct = true;
    if (!(p->program_name = strdup (program_name))
        || optparse_add_option (p, &help) != OPTPARSE_SUCCESS) {
        optparse_destroy (p);
        errno = ENOMEM;
        return NULL;
    }
    return p;
}

void optparse_destroy (optparse_t *p)
{
    int saved_errno = errno;

    if (!p)
        return;
    for (int i = 0; i < p->nsubcommands; i++)
        optparse_destroy (p->subcommands[i]);
    for (int i = 0; i < p->noptions; i++)
        option_destroy (p->options[i]);
    free (p->subcommands);
    free (p->options);
    hashmap_destroy (p->data);
    free (p->program_name);
    free (p->usage);
    free (p->doc);
    free (p->name);
    free (p);
    errno = saved_errno;
}

optparse_err_t optparse_add_option (optparse_t *p, const struct optparse_option *o)
{
    if (!p || !o || !o->name)
        return OPTPARSE_BAD_ARG;
    if (find_option (p, o->name) >= 0)
        return OPTPARSE_EEXIST;
    return append_option (p, o, false) < 0 ? OPTPARSE_NOMEM : OPTPARSE_SUCCESS;
}

optparse_err_t optparse_remove_option (optparse_t *p, const char *name)
{
    int i = find_option (p, name);

    if (i < 0)
        return OPTPARSE_FAILURE;
    option_destroy (p->options[i]);
    p->noptions--;
    memmove (&p->options[i], &p->options[i + 1],
             (p->noptions - i) * sizeof (p->options[0]));
    return OPTPARSE_SUCCESS;
}

optparse_err_t optparse_add_option_table (optparse_t *p,
                                          const struct optparse_option opts[])
{
    int before = p->noptions;

    for (; opts->name || opts->usage; opts++) {
        optparse_err_t rc = opts->name ? optparse_add_option (p, opts)
                                       : optparse_add_doc (p, opts->usage, opts->group);
        if (rc != OPTPARSE_SUCCESS) {
            /* All or nothing. */
            while (p->noptions > before)
                option_destroy (p->options[--p->noptions]);
            return rc;
        }
    }
    return OPTPARSE_SUCCESS;
}

optparse_err_t optparse_add_doc (optparse_t *p, const char *doc, int group)
{
    struct optparse_option o = { .usage = doc, .group = group };

    return append_option (p, &o, true) < 0 ? OPTPARSE_NOMEM : OPTPARSE_SUCCESS;
}

static optparse_err_t set_string (char **dst, const char *src)
{
    char *copy = NULL;

    if (src && !(copy = strdup (src)))
        return OPTPARSE_NOMEM;
    free (*dst);
    *dst = copy;
    return OPTPARSE_SUCCESS;
}

static optparse_err_t set_option_cb (optparse_t *p, const char *name, optparse_cb_f cb)
{
    int i = name ? find_option (p, name) : -1;

    if (i < 0)
        return OPTPARSE_BAD_ARG;
    p->options[i]->o.cb = cb;
    return OPTPARSE_SUCCESS;
}

static optparse_err_t set_width (int *dst, int value)
{
    if (value < 0 || value > 512)
        return OPTPARSE_BAD_ARG;
    *dst = value;
    return OPTPARSE_SUCCESS;
}

static optparse_err_t vset (optparse_t *p, optparse_item_t item, va_list ap)
{
    switch (item) {
    case OPTPARSE_USAGE:
        return set_string (&p->usage, va_arg (ap, char *));
    case OPTPARSE_LOG_FN:
        p->log_fn = va_arg (ap, int (*) (const char *, ...));
        if (!p->log_fn)
            p->log_fn = log_stderr;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_FATALERR_FN:
        p->fatal_fn = va_arg (ap, int (*) (void *, int));
        if (!p->fatal_fn)
            p->fatal_fn = fatal_exit;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_FATALERR_HANDLE:
        p->fatal_handle = va_arg (ap, void *);
        return OPTPARSE_SUCCESS;
    case OPTPARSE_OPTION_CB: {
        const char *name = va_arg (ap, const char *);
        return set_option_cb (p, name, va_arg (ap, optparse_cb_f));
    }
    case OPTPARSE_OPTION_WIDTH:
        return set_width (&p->option_width, va_arg (ap, int));
    case OPTPARSE_LEFT_MARGIN:
        return set_width (&p->left_margin, va_arg (ap, int));
    case OPTPARSE_PRINT_SUBCMDS:
        p->print_subcommands = va_arg (ap, int);
        return OPTPARSE_SUCCESS;
    case OPTPARSE_SUBCMD_NOOPTS:
        p->no_options = va_arg (ap, int);
        return OPTPARSE_SUCCESS;
    case OPTPARSE_SUBCMD_HIDE:
        p->hidden = va_arg (ap, int);
        return OPTPARSE_SUCCESS;
    case OPTPARSE_POSIXLY_CORRECT:
        p->posixly_correct = va_arg (ap, int);
        return OPTPARSE_SUCCESS;
    case OPTPARSE_SORTED:
        p->sorted = va_arg (ap, int);
        return OPTPARSE_SUCCESS;
    }
    return OPTPARSE_BAD_ARG;
}

optparse_err_t optparse_set (optparse_t *p, optparse_item_t item, ...)
{
    optparse_err_t rc;
    va_list ap;

    va_start (ap, item);
    rc = vset (p, item, ap);
    va_end (ap);
    return rc;
}

static optparse_err_t vget (optparse_t *p, optparse_item_t item, va_list ap)
{
    switch (item) {
    case OPTPARSE_USAGE:
        *va_arg (ap, char **) = p->usage;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_LOG_FN:
        *va_arg (ap, int (**) (const char *, ...)) = p->log_fn;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_FATALERR_FN:
        *va_arg (ap, int (**) (void *, int)) = p->fatal_fn;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_FATALERR_HANDLE:
        *va_arg (ap, void **) = p->fatal_handle;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_OPTION_CB:
        return OPTPARSE_ENOSYS;
    case OPTPARSE_OPTION_WIDTH:
        *va_arg (ap, int *) = p->option_width;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_LEFT_MARGIN:
        *va_arg (ap, int *) = p->left_margin;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_PRINT_SUBCMDS:
        *va_arg (ap, int *) = p->print_subcommands;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_SUBCMD_NOOPTS:
        *va_arg (ap, int *) = p->no_options;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_SUBCMD_HIDE:
        *va_arg (ap, int *) = p->hidden;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_POSIXLY_CORRECT:
        *va_arg (ap, int *) = p->posixly_correct;
        return OPTPARSE_SUCCESS;
    case OPTPARSE_SORTED:
        *va_arg (ap, int *) = p->sorted;
        return OPTPARSE_SUCCESS;
    }
    return OPTPARSE_BAD_ARG;
}

optparse_err_t optparse_get (optparse_t *p, optparse_item_t item, ...)
{
    optparse_err_t rc;
    va_list ap;

    va_start (ap, item);
    rc = vget (p, item, ap);
    va_end (ap);
    return rc;
}

void *optparse_get_data (optparse_t *p, const char *name)
{
    for (; p; p = p->parent) {
        void *value = p->data ? hashmap_lookup (p->data, name) : NULL;
        if (value)
            return value;
    }
    return NULL;
}

void optparse_set_data (optparse_t *p, const char *name, void *data)
{
    if (!data) {
        if (p->data)
            hashmap_remove (p->data, name);
        return;
    }
    if (!p->data)
        p->data = hashmap_create (NULL);
    if (p->data)
        (void)hashmap_insert (p->data, name, data);
}

static optparse_t *create_subcommand (optparse_t *parent, const char *name)
{
    char full[256];
    optparse_t *p;

    snprintf (full, sizeof (full), "%s %s", parent->program_name, name);
    if (!(p = optparse_create (full)))
        return NULL;
    if (!(p->name = strdup (name))) {
        optparse_destroy (p);
        return NULL;
    }
    p->parent = parent;
    p->log_fn = parent->log_fn;
    p->fatal_fn = parent->fatal_fn;
    p->fatal_handle = parent->fatal_handle;
    p->option_width = parent->option_width;
    p->left_margin = parent->left_margin;
    return p;
}

optparse_err_t optparse_reg_subcommand (optparse_t *p, const char *name,
                                        optparse_subcmd_f fn, const char *usage,
                                        const char *doc, int flags,
                                        const struct optparse_option opts[])
{
    optparse_t **subs;
    optparse_t *sub;
    optparse_err_t rc;

    if (!p || !name || !fn)
        return OPTPARSE_BAD_ARG;
    if (optparse_get_subcommand (p, name))
        return OPTPARSE_EEXIST;
    subs = realloc (p->subcommands, (p->nsubcommands + 1) * sizeof (*subs));
    if (!subs)
        return OPTPARSE_NOMEM;
    p->subcommands = subs;
    if (!(sub = create_subcommand (p, name)))
        return OPTPARSE_NOMEM;
    sub->fn = fn;
    sub->no_options = flags & OPTPARSE_SUBCMD_SKIP_OPTS;
    sub->hidden = flags & OPTPARSE_SUBCMD_HIDDEN;
    if ((rc = set_string (&sub->usage, usage)) != OPTPARSE_SUCCESS
        || (rc = set_string (&sub->doc, doc)) != OPTPARSE_SUCCESS
        || (opts && (rc = optparse_add_option_table (sub, opts)) != OPTPARSE_SUCCESS)) {
        optparse_destroy (sub);
        return rc;
    }
    p->subcommands[p->nsubcommands++] = sub;
    return OPTPARSE_SUCCESS;
}

optparse_t *optparse_add_subcommand (optparse_t *p, const char *name,
                                     optparse_subcmd_f fn)
{
    if (optparse_reg_subcommand (p, name, fn, NULL, NULL, 0, NULL) != OPTPARSE_SUCCESS)
        return NULL;
    return p->subcommands[p->nsubcommands - 1];
}

optparse_err_t optparse_reg_subcommands (optparse_t *p,
                                         struct optparse_subcommand cmds[])
{
    optparse_err_t rc = OPTPARSE_SUCCESS;

    for (; cmds->name && rc == OPTPARSE_SUCCESS; cmds++)
        rc = optparse_reg_subcommand (p, cmds->name, cmds->fn, cmds->usage, cmds->doc,
                                      cmds->flags, cmds->opts);
    return rc;
}

optparse_t *optparse_get_parent (optparse_t *p)
{
    return p->parent;
}

optparse_t *optparse_get_subcommand (optparse_t *p, const char *name)
{
    for (int i = 0; i < p->nsubcommands; i++)
        if (!strcmp (p->subcommands[i]->name, name))
            return p->subcommands[i];
    return NULL;
}

const char *optparse_program_name (optparse_t *p)
{
    return p->program_name;
}

int optparse_option_index (optparse_t *p)
{
    return p->option_index;
}
