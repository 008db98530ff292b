/* Reading a command line. Like getopt_long(3), but without global state and
 * long options may be cut short, as long as no other begins like that. */
#include <stdlib.h>
#include <string.h>

#include "base/text/similar.h"
#include "core/optparse/parser.h"

static int try_help (optparse_t *p)
{
    p->log_fn ("Try `%s --help' for more information.\n", p->program_name);
    return -1;
}

static struct option *find_long (optparse_t *p, const char *name, size_t len)
{
    for (int i = 0; i < p->noptions; i++) {
        struct option *opt = p->options[i];
        if (opt->is_doc || opt->o.flags & OPTPARSE_OPT_SHORTOPT_ONLY)
            continue;
        if (strlen (opt->o.name) == len && !memcmp (opt->o.name, name, len))
            return opt;
    }
    return NULL;
}

static bool begins_with (const struct option *opt, const char *name, size_t len)
{
    return !opt->is_doc
           && !(opt->o.flags & (OPTPARSE_OPT_SHORTOPT_ONLY | OPTPARSE_OPT_HIDDEN))
           && strncmp (opt->o.name, name, len) == 0;
}

/* The only one that begins so, or NULL; *other: there is a second. */
static struct option *find_cut_short (optparse_t *p, const char *name, size_t len,
                                      struct option **other)
{
    struct option *found = NULL;

    *other = NULL;
    for (int i = 0; i < p->noptions && len > 0; i++) {
        if (!begins_with (p->options[i], name, len))
            continue;
        if (found && strcmp (found->o.name, p->options[i]->o.name) != 0)
            *other = p->options[i];
        else
            found = p->options[i];
    }
    return found;
}

static struct option *find_short (optparse_t *p, char key)
{
    for (int i = 0; i < p->noptions; i++)
        if (!p->options[i]->is_doc && p->options[i]->o.key == (unsigned char)key)
            return p->options[i];
    return NULL;
}

static int add_arg (struct option *opt, const char *arg, size_t len)
{
    char **args = realloc (opt->args, (opt->nargs + 1) * sizeof (*args));

    if (!args)
        return -1;
    opt->args = args;
    if (!(args[opt->nargs] = strndup (arg, len)))
        return -1;
    opt->nargs++;
    return 0;
}

static int add_split (struct option *opt, const char *arg)
{
    for (;;) {
        size_t len = strcspn (arg, ",");
        if (len > 0 && add_arg (opt, arg, len) < 0)
            return -1;
        if (arg[len] == '\0')
            return 0;
        arg += len + 1;
    }
}

static int take_option (optparse_t *p, struct option *opt, const char *arg)
{
    int rc = 0;

    opt->seen++;
    if (arg)
        rc = opt->o.flags & OPTPARSE_OPT_AUTOSPLIT ? add_split (opt, arg)
                                                   : add_arg (opt, arg, strlen (arg));
    if (rc < 0) {
        p->log_fn ("%s: out of memory\n", p->program_name);
        return -1;
    }
    if (opt->o.cb && opt->o.cb (p, &opt->o, arg) < 0)
        return -1;
    return 0;
}

static int unknown_long (optparse_t *p, const char *name, size_t len)
{
    char word[64];
    struct similar s = { .word = word };

    snprintf (word, sizeof (word), "%.*s", (int)len, name);
    for (int i = 0; i < p->noptions; i++) {
        struct option *opt = p->options[i];
        if (!opt->is_doc
            && !(opt->o.flags & (OPTPARSE_OPT_SHORTOPT_ONLY | OPTPARSE_OPT_HIDDEN)))
            similar_try (&s, opt->o.name);
    }
    p->log_fn ("%s: unrecognized option '--%.*s'%s%s%s\n", p->program_name, (int)len,
               name, s.best ? ", did you mean '--" : "", s.best ? s.best : "",
               s.best ? "'?" : "");
    return try_help (p);
}

/* argv[i] begins with two dashes. The number of elements used, or -1. */
static int parse_long (optparse_t *p, int argc, char **argv, int i)
{
    const char *name = argv[i] + 2;
    size_t len = strcspn (name, "=");
    const char *arg = name[len] == '=' ? name + len + 1 : NULL;
    struct option *opt = find_long (p, name, len), *other = NULL;
    int used = 1;

    if (!opt && !(opt = find_cut_short (p, name, len, &other)))
        return unknown_long (p, name, len);
    if (other) {
        p->log_fn ("%s: option '--%.*s' is ambiguous: '--%s' or '--%s'?\n",
                   p->program_name, (int)len, name, opt->o.name, other->o.name);
        return try_help (p);
    }
    if (arg && opt->o.has_arg == 0) {
        p->log_fn ("%s: option '--%s' doesn't allow an argument\n", p->program_name,
                   opt->o.name);
        return try_help (p);
    }
    if (!arg && opt->o.has_arg == 1) {
        if (i + 1 >= argc) {
            p->log_fn ("%s: option '--%s' requires an argument\n", p->program_name,
                       opt->o.name);
            return try_help (p);
        }
        arg = argv[i + 1];
        used = 2;
    }
    return take_option (p, opt, arg) < 0 ? -1 : used;
}

/* argv[i] is a cluster of letters; the argument of the last may stand behind a =. The number of elements used, or -1. */
static int parse_short (optparse_t *p, int argc, char **argv, int i)
{
    for (const char *s = argv[i] + 1; *s; s++) {
        struct option *opt = find_short (p, *s);
        const char *arg = NULL;
        int used = 1;

        if (!opt) {
            p->log_fn ("%s: invalid option -- '%c'\n", p->program_name, *s);
            return try_help (p);
        }
        if (opt->o.has_arg && s[1])
            arg = s[1] == '=' ? s + 2 : s + 1;
        else if (opt->o.has_arg == 1) {
            if (i + 1 >= argc) {
                p->log_fn ("%s: option requires an argument -- '%c'\n", p->program_name,
                           *s);
                return try_help (p);
            }
            arg = argv[i + 1];
            used = 2;
        }
        if (take_option (p, opt, arg) < 0)
            return -1;
        if (arg)
            return used;
    }
    return 1;
}

/* Move the count elements at `from` down to `to`, past the operands between. */
static void move_down (char **argv, int to, int from, int count)
{
    for (int n = 0; n < count; n++) {
        char *arg = argv[from + n];
        memmove (&argv[to + n + 1], &argv[to + n], (from - to) * sizeof (*argv));
        argv[to + n] = arg;
    }
}

int optparse_parse_args (optparse_t *p, int argc, char *argv[])
{
    bool permute = !p->posixly_correct && p->nsubcommands == 0;
    int end = 1; /* options and their arguments, moved to the front */
    int i = 1;

    p->option_index = -1;
    while (i < argc) {
        int used;

        if (!strcmp (argv[i], "--")) {
            move_down (argv, end++, i, 1);
            break;
        }
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            if (!permute)
                break;
            i++;
            continue;
        }
        used = argv[i][1] == '-' ? parse_long (p, argc, argv, i)
                                 : parse_short (p, argc, argv, i);
        if (used < 0)
            return -1;
        move_down (argv, end, i, used);
        end += used;
        i += used;
    }
    return p->option_index = end < argc ? end : argc;
}

static int bad_subcommand (optparse_t *p, const char *name)
{
    if (name)
        p->log_fn ("%s: Unknown subcommand: %s\n", p->program_name, name);
    else
        p->log_fn ("%s: missing subcommand\n", p->program_name);
    optparse_fprint_usage (p, stderr);
    return p->fatal_fn (p->fatal_handle, 1);
}

int optparse_run_subcommand (optparse_t *p, int argc, char *argv[])
{
    optparse_t *sub;
    int index = p->option_index;

    if (index < 0 && (index = optparse_parse_args (p, argc, argv)) < 0)
        return p->fatal_fn (p->fatal_handle, 1);
    if (index >= argc)
        return bad_subcommand (p, NULL);
    if (!(sub = optparse_get_subcommand (p, argv[index])))
        return bad_subcommand (p, argv[index]);
    argc -= index;
    argv += index;
    if (sub->no_options)
        sub->option_index = 1;
    else if (optparse_parse_args (sub, argc, argv) < 0)
        return p->fatal_fn (p->fatal_handle, 1);
    return sub->fn (sub, argc, argv);
}
