/* What was given on the command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/optparse/parser.h"
#include "value/fsd.h"

/* Asking for an option that was not registered is the programmer's mistake. */
static struct option *get_option (optparse_t *p, const char *name)
{
    for (int i = 0; i < p->noptions; i++) {
        struct option *opt = p->options[i];
        if (!opt->is_doc && !strcmp (opt->o.name, name))
            return opt;
    }
    return NULL;
}

static struct option *need_option (optparse_t *p, const char *name)
{
    struct option *opt = get_option (p, name);

    if (!opt) {
        p->log_fn ("%s: no option '%s' in the table\n", p->program_name, name);
        p->fatal_fn (p->fatal_handle, 1);
    }
    return opt;
}

static const char *last_arg (struct option *opt)
{
    return opt && opt->nargs > 0 ? opt->args[opt->nargs - 1] : NULL;
}

int optparse_hasopt (optparse_t *p, const char *name)
{
    return optparse_getopt (p, name, NULL);
}

int optparse_getopt (optparse_t *p, const char *name, const char **optargp)
{
    struct option *opt = get_option (p, name);

    if (optargp)
        *optargp = last_arg (opt);
    return opt ? opt->seen : -1;
}

const char *optparse_getopt_next (optparse_t *p, const char *name)
{
    struct option *opt = get_option (p, name);

    if (!opt || opt->next_arg >= opt->nargs)
        return NULL;
    return opt->args[opt->next_arg++];
}

int optparse_getopt_iterator_reset (optparse_t *p, const char *name)
{
    struct option *opt = get_option (p, name);

    if (!opt)
        return -1;
    opt->next_arg = 0;
    return opt->nargs;
}

static void bad_value (optparse_t *p, const char *name, const char *what)
{
    p->log_fn ("%s: Option '%s' requires %s argument\n", p->program_name, name, what);
    p->fatal_fn (p->fatal_handle, 1);
}

int optparse_get_int (optparse_t *p, const char *name, int default_value)
{
    const char *s = last_arg (need_option (p, name));
    char *end;
    long value;

    if (!s)
        return default_value;
    errno = 0;
    value = strtol (s, &end, 10);
    if (errno || end == s || *end || value != (int)value) {
        bad_value (p, name, "an integer");
        return default_value;
    }
    return value;
}

double optparse_get_double (optparse_t *p, const char *name, double default_value)
{
    const char *s = last_arg (need_option (p, name));
    char *end;
    double value;

    if (!s)
        return default_value;
    errno = 0;
    value = strtod (s, &end);
    if (errno || end == s || *end) {
        bad_value (p, name, "a floating point");
        return default_value;
    }
    return value;
}

double optparse_get_duration (optparse_t *p, const char *name, double default_value)
{
    const char *s = last_arg (need_option (p, name));
    double value;

    if (!s)
        return default_value;
    if (fsd_parse (s, &value) < 0) {
        p->log_fn ("%s: Invalid argument for option '%s': '%s'\n", p->program_name,
                   name, s);
        p->fatal_fn (p->fatal_handle, 1);
        return default_value;
    }
    return value;
}

static int parse_size (const char *s, uint64_t *result)
{
    static const char suffixes[] = "kMGTPE";
    char *end;
    double value;
    int shift = 0;

    errno = 0;
    value = strtod (s, &end);
    if (errno || end == s || !(value >= 0))
        return -1;
    if (*end) {
        const char *suffix = strchr (suffixes, *end == 'K' ? 'k' : *end);
        if (!suffix || end[1])
            return -1;
        shift = (suffix - suffixes + 1) * 10;
    }
    value *= (double)(1ULL << shift);
    if (value >= 18446744073709551616.0)
        return -1;
    /* Whole numbers do not take the way through a double. */
    if (shift == 0 && !strpbrk (s, ".eExXnN"))
        *result = strtoull (s, NULL, 10);
    else
        *result = value;
    return 0;
}

uint64_t optparse_get_size_int (optparse_t *p, const char *name, const char *dflt)
{
    const char *s = optparse_get_str (p, name, dflt);
    uint64_t value = 0;

    if (s && parse_size (s, &value) < 0) {
        p->log_fn ("%s: Invalid argument for option '%s': '%s'\n", p->program_name,
                   name, s);
        p->fatal_fn (p->fatal_handle, 1);
    }
    return value;
}

uint64_t optparse_get_size (optparse_t *p, const char *name, const char *dflt)
{
    return optparse_get_size_int (p, name, dflt);
}

void optparse_reset (optparse_t *p)
{
    for (int i = 0; i < p->noptions; i++) {
        struct option *opt = p->options[i];

        for (int k = 0; k < opt->nargs; k++)
            free (opt->args[k]);
        opt->seen = opt->nargs = opt->next_arg = 0;
    }
    p->option_index = -1;
    for (int i = 0; i < p->nsubcommands; i++)
        optparse_reset (p->subcommands[i]);
}

const char *optparse_get_str (optparse_t *p, const char *name, const char *dflt)
{
    const char *s = last_arg (need_option (p, name));

    return s ? s : dflt;
}

int optparse_get_color (optparse_t *p, const char *name)
{
    const char *when;
    int seen = optparse_getopt (p, name, &when);

    if (seen > 0 && (!when || !strcmp (when, "always")))
        return 1;
    if (seen > 0 && !strcmp (when, "never"))
        return 0;
    if (seen > 0 && strcmp (when, "auto")) {
        p->log_fn ("%s: Invalid argument for option '%s': '%s'\n", p->program_name,
                   name, when);
        p->fatal_fn (p->fatal_handle, 1);
    }
    const char *no = getenv ("NO_COLOR");
    return isatty (STDOUT_FILENO) && !(no && *no);
}
