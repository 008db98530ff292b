/* Man pages in scdoc(5), from the table: flux help --scdoc COMMAND. */
#include "cmd/cmd.h"
#include "cmd/help.h"

#include <string.h>

static void print_text (FILE *f, const char *s)
{
    for (; *s; s++) {
        if (strchr ("\\*_#<>[]|`", *s))
            fputc ('\\', f);
        fputc (*s == '\n' ? ' ' : *s, f);
    }
}

static void print_option (FILE *f, const struct optparse_option *o)
{
    bool has_short = o->key > ' ' && o->key <= 255;
    if (has_short)
        fprintf (f, "*-%c*%s", o->key, o->name ? ", " : "");
    if (o->name) {
        fputs ("*--", f);
        print_text (f, o->name);
        fputc ('*', f);
    }
    if (o->has_arg) {
        fputs (o->has_arg == 2 ? "\\[=" : "=", f);
        print_text (f, o->arginfo ? o->arginfo : "ARG");
        fputs (o->has_arg == 2 ? "\\]" : "", f);
    }
    fputs ("\n\t", f);
    print_text (f, o->usage ? o->usage : "");
    fputs (".\n\n", f);
}

static void print_table (FILE *f, const struct optparse_option *o)
{
    for (; o && o->name; o++) {
        if (!(o->flags & OPTPARSE_OPT_HIDDEN))
            print_option (f, o);
    }
}

static bool has_options (const struct command *cmd)
{
    return cmd->options || cmd->more_options[0];
}

static void print_subcommands (FILE *f, const struct command *cmd)
{
    fputs ("# SUBCOMMANDS\n\n", f);
    for (const struct optparse_subcommand *s = cmd->subcommands; s->name; s++) {
        if (s->flags & OPTPARSE_SUBCMD_HIDDEN)
            continue;
        /* scdoc copies a heading as it is */
        fprintf (f, "## flux %s %s %s\n\n", cmd->name, s->name,
                 s->usage ? s->usage : "");
        print_text (f, s->doc ? s->doc : "");
        fputs (".\n\n", f);
        print_table (f, s->opts);
    }
}

void help_print_scdoc (FILE *f, const struct command *cmd)
{
    fprintf (f, "flux-%s(1)\n\n# NAME\n\nflux-%s - ", cmd->name, cmd->name);
    print_text (f, cmd->summary);
    fprintf (f, "\n\n# SYNOPSIS\n\n*flux %s* ", cmd->name);
    print_text (f, cmd->usage ? cmd->usage : "");
    fputs ("\n\n", f);
    if (has_options (cmd)) {
        fputs ("# OPTIONS\n\n", f);
        print_table (f, cmd->options);
        for (int i = 0; i < 3 && cmd->more_options[i]; i++)
            print_table (f, cmd->more_options[i]);
    }
    if (cmd->subcommands)
        print_subcommands (f, cmd);
}

void help_print_scdoc_main (FILE *f)
{
    fputs (
        "flux(1)\n\n# NAME\n\nflux - the Flux resource manager\n\n"
        "# SYNOPSIS\n\n*flux* \\[-h\\] \\[-p\\]... \\[-r\\] \\[-v\\] \\[-V\\] "
        "_COMMAND_ \\[ARGS\\]\n\n"
        "# DESCRIPTION\n\nRuns a command. A name that is not listed below is looked "
        "for as program *flux-NAME* in _FLUX\\_EXEC\\_PATH\\_PREPEND_, the install "
        "directory, _FLUX\\_EXEC\\_PATH_ and _PATH_. Commands talk to the broker that "
        "_FLUX\\_URI_ names.\n\n"
        "# OPTIONS\n\n*-h*, *--help*\n\tList all commands.\n\n"
        "*-p*, *--parent*\n\tTalk to the enclosing instance. May be repeated.\n\n"
        "*-r*, *--root*\n\tTalk to the outermost instance.\n\n"
        "*-v*, *--verbose*\n\tBe verbose.\n\n"
        "*-V*, *--version*\n\tPrint the version.\n\n# COMMANDS\n\n",
        f);
    for (int i = 0; commands[i]; i++) {
        if (commands[i]->flags & CMD_HIDDEN)
            continue;
        fprintf (f, "*flux-%s*(1)\n\t", commands[i]->name);
        print_text (f, commands[i]->summary);
        fputs (".\n\n", f);
    }
}
