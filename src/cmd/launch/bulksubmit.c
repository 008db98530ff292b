/* flux bulksubmit: a command template and lists of inputs. */
#include "cmd/cmd.h"
#include "cmd/jobspec/jobspec_cli.h"
#include "cmd/submit/bulk.h"
#include "cmd/submit/plugins.h"
#include "cmd/submit/submit.h"

#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct optparse_option own_options[] = {
    { .name = "define",
      .has_arg = 1,
      .arginfo = "NAME=CODE",
      .usage = "{.NAME} is CODE, a Python expression of the input x (repeatable)" },
    { .name = "shuffle", .usage = "Submit in random order" },
    { .name = "sep",
      .has_arg = 1,
      .arginfo = "STRING",
      .usage = "Separator of inputs in files (default: newline; none: white space)" },
    OPTPARSE_TABLE_END,
};

/* The job that the template became with one combination of inputs. */
struct current {
    optparse_t *p;
    char **argv;
    struct jobspec_template *template;
    struct idset *ids; /* of --cc, or NULL */
    unsigned int cc;
    bool taken;
    int urgency, flags;
};

struct bulk_run {
    struct bulk *bulk;
    int argc; /* of the template: options and command */
    char **argv;
    int command; /* where the command begins in argv */
    size_t next;
    size_t *order;
    struct current current;
};

static void current_fini (struct bulk_run *b)
{
    struct current *c = &b->current;
    for (int k = 0; c->argv && k < b->argc; k++)
        free (c->argv[k]);
    free (c->argv);
    jobspec_template_destroy (c->template);
    idset_destroy (c->ids);
    optparse_destroy (c->p);
    *c = (struct current){ 0 };
}

static void expand_argv (struct bulk_run *b, size_t i)
{
    flux_error_t error = { { 0 } };
    struct current *c = &b->current;
    if (!(c->argv = calloc (b->argc + 1, sizeof (*c->argv))))
        cmd_die ("out of memory");
    for (int k = 0; k < b->argc; k++) {
        if (!(c->argv[k] = bulk_expand (b->bulk, i, b->argv[k], &error)))
            cmd_die ("ERROR: %s", error.text);
    }
}

/* What stands in the options is of this job, too. */
static void expand_job (struct bulk_run *b, size_t i)
{
    flux_error_t error = { { 0 } };
    struct current *c = &b->current;
    current_fini (b);
    expand_argv (b, i);
    if (!(c->p = command_optparse (command_find ("bulksubmit"))))
        cmd_die ("out of memory");
    plugins_add_options (command_find ("bulksubmit"), c->p);
    int index = optparse_parse_args (c->p, b->argc, c->argv);
    if (index < 0)
        exit (2);
    json_t *o = plugins_task_jobspec (c->p, b->argc - index, c->argv + index, &error);
    if (!o || jobspec_urgency (c->p, &c->urgency, &error) < 0
        || jobspec_flags (c->p, &c->flags, &error) < 0)
        cmd_die ("ERROR: %s", error.text);
    if (!(c->template = jobspec_template_create (o, jobspec_env_has_cc (c->p))))
        cmd_die ("out of memory");
    json_decref (o);
    c->ids = submit_cc (c->p);
    c->cc = c->ids ? idset_first (c->ids) : IDSET_INVALID_ID;
}

static bool current_done (const struct current *c)
{
    return !c->template || (c->ids ? c->cc == IDSET_INVALID_ID : c->taken);
}

static bool next_request (void *arg, struct submit_request *req)
{
    struct bulk_run *b = arg;
    struct current *c = &b->current;
    char text[16];
    const char *cc = NULL;
    while (current_done (c)) {
        if (b->next == bulk_count (b->bulk))
            return false;
        size_t i = b->next++;
        expand_job (b, b->order ? b->order[i] : i);
    }
    c->taken = true;
    if (c->ids) {
        snprintf (text, sizeof (text), "%u", c->cc);
        cc = text;
        c->cc = idset_next (c->ids, c->cc);
    }
    req->jobspec = jobspec_template_expand (c->template, cc ? cc : "",
                                            optparse_hasopt (c->p, "cc"));
    if (!req->jobspec)
        cmd_die ("out of memory");
    req->log = submit_expand_cc (optparse_get_str (c->p, "log", NULL), cc);
    req->log_stderr =
        submit_expand_cc (optparse_get_str (c->p, "log-stderr", NULL), cc);
    req->urgency = c->urgency;
    req->flags = c->flags;
    return true;
}

/* --- what would be submitted --- */

static const struct optparse_option *find_option (const struct optparse_option *o,
                                                  const char *arg)
{
    for (; o->name; o++) {
        size_t n = strlen (o->name);
        if (arg[1] == '-' ? !strncmp (arg + 2, o->name, n)
                                && (arg[2 + n] == '\0' || arg[2 + n] == '=')
                          : o->key == arg[1])
            return o;
    }
    return NULL;
}

/* Options that say how to submit, not what. */
static bool is_about_submitting (const char *arg)
{
    const struct optparse_option *o;
    return find_option (own_options, arg) || !strcmp (arg, "--dry-run")
           || ((o = find_option (submit_many_options, arg)) && strcmp (o->name, "cc"));
}

static bool takes_next (const char *arg)
{
    const struct optparse_option *tables[] = { own_options, submit_many_options,
                                               jobspec_task_options,
                                               jobspec_common_options };
    for (int i = 0; i < 5; i++) {
        const struct optparse_option *o =
            i < 4 ? find_option (tables[i], arg) : plugins_find_option (arg);
        if (o)
            return o->has_arg == 1 && (arg[1] == '-' ? !strchr (arg, '=') : !arg[2]);
    }
    return false;
}

static void print_job (const struct bulk_run *b)
{
    char **argv = b->current.argv;
    fputs ("bulksubmit: submit", stdout);
    for (int k = 1; k < b->argc; k++) {
        bool option = k < b->command && argv[k][0] == '-';
        bool joined = option && k + 1 < b->command && takes_next (argv[k]);
        if (!option || !is_about_submitting (argv[k]))
            printf (" %s%s%s", argv[k], joined && argv[k][1] == '-' ? "=" : "",
                    joined ? argv[k + 1] : "");
        k += joined;
    }
    fputc ('\n', stdout);
}

static int dry_run (struct bulk_run *b)
{
    for (size_t i = 0; i < bulk_count (b->bulk); i++) {
        expand_job (b, b->order ? b->order[i] : i);
        print_job (b);
    }
    return 0;
}

/* --- */

static void shuffle (struct bulk_run *b)
{
    size_t n = bulk_count (b->bulk);
    if (!(b->order = calloc (n + 1, sizeof (*b->order))))
        cmd_die ("out of memory");
    srandom (getpid ());
    for (size_t i = 0; i < n; i++) {
        size_t k = (size_t)random () % (i + 1);
        b->order[i] = b->order[k];
        b->order[k] = i;
    }
}

/* For the bar; the ids of --cc may differ from job to job. */
static size_t total (optparse_t *p, const struct bulk_run *b)
{
    const char *cc = optparse_get_str (p, "cc", optparse_get_str (p, "bcc", NULL));
    flux_error_t error;
    size_t sum = 0;
    if (!cc)
        return bulk_count (b->bulk);
    for (size_t i = 0; i < bulk_count (b->bulk); i++) {
        char *s = bulk_expand (b->bulk, i, cc, &error);
        struct idset *ids = s ? idset_decode (s) : NULL;
        sum += ids ? idset_count (ids) : 0;
        idset_destroy (ids);
        free (s);
    }
    return sum;
}

/* argv is options, command (none: the inputs are commands), lists. */
static void split_argv (struct bulk_run *b, optparse_t *p, int argc, char **argv)
{
    static char template[] = "{}";
    flux_error_t error = { { 0 } };
    const char *s;
    b->command = b->argc = optparse_option_index (p);
    while (b->argc < argc && !bulk_is_separator (argv[b->argc]))
        b->argc++;
    b->bulk = bulk_create (argc - b->argc, argv + b->argc,
                           optparse_get_str (p, "sep", NULL), &error);
    if (!b->bulk)
        cmd_die ("ERROR: %s", error.text);
    if (bulk_count (b->bulk) == 0)
        cmd_die ("ERROR: no jobs provided for bulk submission");
    while ((s = optparse_getopt_next (p, "define"))) {
        if (bulk_define_code (b->bulk, s, &error) < 0)
            cmd_die ("ERROR: %s", error.text);
    }
    if (!(b->argv = calloc (b->argc + 2, sizeof (*b->argv))))
        cmd_die ("out of memory");
    memcpy (b->argv, argv, b->argc * sizeof (*argv));
    if (b->argc == b->command)
        b->argv[b->argc++] = template;
}

static int run (optparse_t *p, int argc, char **argv)
{
    struct bulk_run b = { 0 };
    struct submit_options opt;
    int rc;
    submit_options_get (&opt, p);
    split_argv (&b, p, argc, argv);
    if (optparse_hasopt (p, "shuffle"))
        shuffle (&b);
    if (optparse_hasopt (p, "dry-run"))
        rc = dry_run (&b);
    else {
        opt.total = total (p, &b);
        rc = submit_all (cmd_open (), &opt, next_request, &b);
    }
    plugins_end ();
    current_fini (&b);
    bulk_destroy (b.bulk);
    free (b.argv);
    free (b.order);
    return rc;
}

const struct command cmd_bulksubmit = {
    .name = "bulksubmit",
    .summary = "Submit a job for each combination of inputs",
    .usage = "[OPTIONS...] [COMMAND [ARGS...]] ::: INPUT...",
    .group = "submission",
    .options = own_options,
    .more_options = { submit_many_options, jobspec_task_options,
                      jobspec_common_options },
    .run = run,
    .flags = CMD_USAGE2 | CMD_PLUGINS,
};
