/* The plugins run in a process of their own, python -m flux.cli.plugin, for as long as
 * jobspecs are made. Questions and answers are lines of JSON, over a socket. */
#include "cmd/submit/plugins.h"

#include "base/error.h"

#include <dirent.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"

extern char **environ;

static struct {
    pid_t pid; /* 0: not started */
    FILE *stream;
    const struct command *cmd;
    json_t *described; /* what the options are made of */
    struct optparse_option *options;
    char **argv; /* what the options of the last job refer to */
} plugins;

/* --- are there any? --- */

static bool has_plugin (const char *dir)
{
    DIR *d = opendir (dir);
    const struct dirent *e;
    bool found = false;
    while (d && !found && (e = readdir (d))) {
        size_t len = strlen (e->d_name);
        found = len > 3 && !strcmp (e->d_name + len - 3, ".py") && e->d_name[0] != '.'
                && e->d_name[0] != '_';
    }
    if (d)
        closedir (d);
    return found;
}

static bool any_plugin (const char *dirs)
{
    bool found = false;
    while (dirs && *dirs && !found) {
        size_t n = strcspn (dirs, ":");
        char *dir = strndup (dirs, n);
        found = dir && n > 0 && has_plugin (dir);
        free (dir);
        dirs += n + (dirs[n] == ':');
    }
    return found;
}

static bool there_are_plugins (void)
{
    const char *override = getenv ("FLUX_CLI_PLUGINPATH_OVERRIDE");
    if (override)
        return any_plugin (override);
    return any_plugin (getenv ("FLUX_CLI_PLUGINPATH"))
           || any_plugin (flux_conf_builtin_get ("cli_pluginpath", FLUX_CONF_AUTO));
}

/* --- the process --- */

static int start (const char *prog, flux_error_t *error)
{
    char number[16];
    int fd[2];
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        return error_fail (error, errno, "plugins: socketpair: %s", strerror (errno));
    /* What dup makes lacks the flag that closes it. */
    int theirs = dup (fd[1]);
    close (fd[1]);
    snprintf (number, sizeof (number), "%d", theirs);
    const char *argv[] = { FLUX_PYTHON, "-m", "flux.cli.plugin", prog, number, NULL };
    errno = theirs < 0 ? errno
                       : posix_spawn (&plugins.pid, argv[0], NULL, NULL, (char **)argv,
                                      environ);
    int errnum = errno;
    if (theirs >= 0)
        close (theirs);
    if (errnum || !(plugins.stream = fdopen (fd[0], "r"))) {
        close (fd[0]);
        return error_fail (error, errnum, "plugins: %s: %s", argv[0],
                           strerror (errnum));
    }
    return 0;
}

void plugins_end (void)
{
    if (plugins.stream)
        fclose (plugins.stream);
    if (plugins.pid > 0)
        waitpid (plugins.pid, NULL, 0);
    plugins.stream = NULL;
    plugins.pid = 0;
}

static int send_line (const char *s)
{
    size_t len = strlen (s);
    while (len > 0) {
        ssize_t n = send (fileno (plugins.stream), s, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return -1;
        s += n > 0 ? n : 0;
        len -= n > 0 ? n : 0;
    }
    return 0;
}

/* Takes the question. The answer, or NULL with *error. */
static json_t *ask (json_t *question, flux_error_t *error)
{
    char *text = json_dumps (question, JSON_COMPACT | JSON_REAL_PRECISION (16));
    json_t *answer = NULL;
    char *line = NULL;
    const char *why;
    size_t size = 0;
    json_decref (question);
    if (!text)
        return error_null (error, EINVAL, "plugins: an argument is not valid UTF-8");
    if (plugins.stream && send_line (text) == 0 && send_line ("\n") == 0
        && getline (&line, &size, plugins.stream) > 0)
        answer = json_loads (line, 0, NULL);
    free (line);
    free (text);
    if (!answer)
        return error_null (error, ECHILD, "plugins: their process has ended");
    if (json_unpack (answer, "{s:s}", "error", &why) == 0) {
        error_null (error, EINVAL, "plugins: %s", why);
        json_decref (answer);
        return NULL;
    }
    return answer;
}

/* --- options --- */

typedef void (*option_f) (const struct optparse_option *o, void *arg);

static void each_option (option_f f, void *arg)
{
    const struct optparse_option *tables[5] = { plugins.cmd->options };
    int count = 1;
    while (count < 4 && plugins.cmd->more_options[count - 1]) {
        tables[count] = plugins.cmd->more_options[count - 1];
        count++;
    }
    tables[count++] = plugins.options;
    for (int i = 0; i < count; i++) {
        for (const struct optparse_option *o = tables[i]; o && o->name; o++)
            f (o, arg);
    }
}

static void add_known (const struct optparse_option *o, void *arg)
{
    json_object_set_new (arg, o->name, json_integer (o->has_arg));
}

static void make_options (json_t *described)
{
    size_t i;
    json_t *value;
    struct optparse_option *o = calloc (json_array_size (described) + 1, sizeof (*o));
    if (!o)
        cmd_die ("out of memory");
    plugins.options = o;
    plugins.described = json_incref (described);
    json_array_foreach (described, i, value) {
        if (json_unpack (value, "{s:s s:i s:s s:s}", "name", &o->name, "has_arg",
                         &o->has_arg, "arginfo", &o->arginfo, "usage", &o->usage)
            < 0)
            cmd_die ("ERROR: plugins: malformed description of an option");
        o++->group = 2;
    }
}

static void load (const struct command *cmd)
{
    flux_error_t error = { { 0 } };
    json_t *answer = NULL;
    json_t *known = json_object ();
    plugins.cmd = cmd;
    each_option (add_known, known);
    if (start (cmd->name, &error) == 0)
        answer = ask (json_pack ("{s:s s:O}", "call", "hello", "known", known), &error);
    json_decref (known);
    if (!answer)
        cmd_die ("ERROR: %s", error.text);
    make_options (json_object_get (answer, "options"));
    json_decref (answer);
}

void plugins_add_options (const struct command *cmd, optparse_t *p)
{
    if (!plugins.cmd) {
        if (!there_are_plugins ())
            return;
        load (cmd);
    }
    if (!plugins.options->name)
        return;
    if (optparse_add_doc (p, "Options provided by plugins:", 2) != OPTPARSE_SUCCESS
        || optparse_add_option_table (p, plugins.options) != OPTPARSE_SUCCESS)
        cmd_die ("ERROR: plugins: bad option");
}

const struct optparse_option *plugins_find_option (const char *arg)
{
    for (struct optparse_option *o = plugins.options; o && o->name; o++) {
        size_t n = strlen (o->name);
        if (!strncmp (arg, "--", 2) && !strncmp (arg + 2, o->name, n)
            && (arg[2 + n] == '\0' || arg[2 + n] == '='))
            return o;
    }
    return NULL;
}

/* --- what was given --- */

struct given {
    optparse_t *p;
    json_t *options; /* {name: [value or null for each time]} */
};

static void add_given (const struct optparse_option *o, void *arg)
{
    struct given *g = arg;
    int count = optparse_hasopt (g->p, o->name);
    if (count <= 0)
        return;
    json_t *values = json_array ();
    optparse_getopt_iterator_reset (g->p, o->name);
    for (int i = 0; i < count; i++) {
        const char *s = o->has_arg ? optparse_getopt_next (g->p, o->name) : NULL;
        json_array_append_new (values, s ? json_string (s) : json_null ());
    }
    optparse_getopt_iterator_reset (g->p, o->name);
    json_object_set_new (g->options, o->name, values);
}

struct words {
    char **argv;
    size_t count;
    json_t *options;
};

static void add_words (const struct optparse_option *o, void *arg)
{
    struct words *w = arg;
    size_t i;
    json_t *value, *values = json_object_get (w->options, o->name);
    json_array_foreach (values, i, value) {
        const char *s = json_string_value (value);
        if (asprintf (&w->argv[w->count++], "--%s%s%s", o->name, s ? "=" : "",
                      s ? s : "")
            < 0)
            cmd_die ("out of memory");
    }
}

static void free_words (void)
{
    for (int i = 0; plugins.argv && plugins.argv[i]; i++)
        free (plugins.argv[i]);
    free (plugins.argv);
    plugins.argv = NULL;
}

/* The parser sees options as they are now. */
static int parse_again (optparse_t *p, json_t *options, flux_error_t *error)
{
    struct words w = { .options = options, .count = 1 };
    size_t room = 2;
    const char *name;
    json_t *values;
    json_object_foreach (options, name, values)
        room += json_array_size (values);
    if (!(w.argv = calloc (room, sizeof (*w.argv)))
        || !(w.argv[0] = strdup (optparse_program_name (p))))
        cmd_die ("out of memory");
    each_option (add_words, &w);
    optparse_reset (p);
    free_words (); /* the parser referred to them until now */
    plugins.argv = w.argv;
    if (optparse_parse_args (p, w.count, w.argv) != (int)w.count)
        return error_invalid (error, "plugins: they have made a wrong option");
    return 0;
}

static int preinit (optparse_t *p, int argc, char **argv, flux_error_t *error)
{
    struct given given = { p, json_object () };
    json_t *command = json_array ();
    json_t *answer, *changed;
    each_option (add_given, &given);
    for (int i = 0; i < argc; i++)
        json_array_append_new (command, json_string (argv[i]));
    answer = ask (json_pack ("{s:s s:O s:o}", "call", "preinit", "given", given.options,
                             "command", command),
                  error);
    int rc = answer ? 0 : -1;
    changed = json_object_get (answer, "changed");
    if (json_object_size (changed) > 0) {
        json_object_update (given.options, changed);
        rc = parse_again (p, given.options, error);
    }
    json_decref (given.options);
    json_decref (answer);
    return rc;
}

/* Takes the jobspec, which may be NULL. */
static json_t *finish (json_t *jobspec, flux_error_t *error)
{
    if (!jobspec || !plugins.cmd)
        return jobspec;
    json_t *answer =
        ask (json_pack ("{s:s s:o}", "call", "jobspec", "found", jobspec), error);
    json_t *made = json_incref (json_object_get (answer, "jobspec"));
    json_decref (answer);
    return made;
}

json_t *plugins_task_jobspec (optparse_t *p, int argc, char **argv, flux_error_t *error)
{
    if (plugins.cmd && preinit (p, argc, argv, error) < 0)
        return NULL;
    return finish (jobspec_from_task_options (p, argc, argv, error), error);
}

json_t *plugins_batch_jobspec (optparse_t *p, const struct jobspec_batch *batch,
                               int argc, char **argv, flux_error_t *error)
{
    if (plugins.cmd && preinit (p, argc, argv, error) < 0)
        return NULL;
    return finish (jobspec_from_batch_options (p, batch, argc, argv, error), error);
}
