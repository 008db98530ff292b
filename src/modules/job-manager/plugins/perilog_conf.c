#include "modules/job-manager/plugins/perilog_conf.h"

#include "value/fsd.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse (flux_error_t *error, const char *table, const char *what)
{
    snprintf (error->text, sizeof (error->text), "[job-manager.%s]: %.120s", table,
              what);
    errno = EINVAL;
    return -1;
}

static int check_command (const char *table, json_t *command, flux_error_t *error)
{
    json_t *arg;
    size_t i;

    if (!json_is_array (command))
        return refuse (error, table, "command must be an array");
    if (json_array_size (command) == 0)
        return refuse (error, table, "command must not be empty");
    json_array_foreach (command, i, arg) {
        if (!json_is_string (arg))
            return refuse (error, table, "command must be an array of strings");
    }
    return 0;
}

/* A number of seconds, or a duration in text; infinity is none. */
static int read_seconds (json_t *o, double *seconds)
{
    if (!o)
        return 0;
    if (json_is_number (o))
        *seconds = json_number_value (o);
    else if (!json_is_string (o) || fsd_parse (json_string_value (o), seconds) < 0)
        return -1;
    if (isinf (*seconds))
        *seconds = 0;
    return *seconds < 0 ? -1 : 0;
}

static json_t *imp_command (const char *imp, const char *name)
{
    return json_pack ("[s s s]", imp, "run", name);
}

static int read_table (struct action_conf *ac, json_t *table, const char *imp,
                       flux_error_t *error)
{
    json_t *command = NULL, *timeout = NULL, *kill_timeout = NULL;
    int per_rank = 0, cancel = ac->cancel_on_exception, first = 0;
    char text[64];
    json_error_t err;

    if (json_unpack_ex (table, &err, JSON_STRICT, "{s?o s?b s?o s?o s?b s?b}",
                        "command", &command, "per-rank", &per_rank, "timeout", &timeout,
                        "kill-timeout", &kill_timeout, "cancel-on-exception", &cancel,
                        "exit-on-first-error", &first)
        < 0)
        return refuse (error, ac->name, err.text);
    if (command && check_command (ac->name, command, error) < 0)
        return -1;
    if (!command && !imp)
        return refuse (error, ac->name,
                       "no command specified and exec.imp not defined");
    snprintf (text, sizeof (text), "invalid %s timeout", ac->name);
    if (read_seconds (timeout, &ac->timeout) < 0)
        return refuse (error, ac->name, text);
    snprintf (text, sizeof (text), "invalid %s kill-timeout", ac->name);
    if (read_seconds (kill_timeout, &ac->kill_timeout) < 0)
        return refuse (error, ac->name, text);
    ac->per_rank = per_rank;
    ac->cancel_on_exception = cancel;
    ac->exit_on_first_error = first;
    ac->command = command ? json_incref (command) : imp_command (imp, ac->name);
    return 0;
}

static int read_ignore (struct perilog_conf *pc, json_t *table, flux_error_t *error)
{
    json_t *list = NULL, *o;
    json_error_t err;
    char text[128];
    size_t i;

    if (json_unpack_ex (table, &err, JSON_STRICT, "{s?o}", "log-ignore", &list) < 0)
        return refuse (error, "perilog", err.text);
    if (list && !json_is_array (list))
        return refuse (error, "perilog", "log-ignore must be an array");
    if (!(pc->ignore = calloc (json_array_size (list) + 1, sizeof (*pc->ignore))))
        return -1;
    json_array_foreach (list, i, o) {
        const char *s = json_string_value (o);
        if (!s
            || regcomp (&pc->ignore[pc->nignore], s, REG_EXTENDED | REG_NOSUB) != 0) {
            snprintf (text, sizeof (text),
                      "error parsing log-ignore: Failed to compile regex: %.40s",
                      s ? s : "not a string");
            return refuse (error, "perilog", text);
        }
        pc->nignore++;
    }
    return 0;
}

int perilog_conf_read (struct perilog_conf *pc, json_t *conf, flux_error_t *error)
{
    json_t *prolog = NULL, *epilog = NULL, *perilog = NULL;
    const char *imp = NULL;
    json_error_t err;

    *pc = (struct perilog_conf){
        .prolog = { .name = "prolog", .cancel_on_exception = true, .timeout = 1800 },
        .epilog = { .name = "epilog" },
    };
    pc->prolog.kill_timeout = pc->epilog.kill_timeout = 60;
    if (json_unpack_ex (conf, &err, 0, "{s?{s?s} s?{s?o s?o s?o}}", "exec", "imp", &imp,
                        "job-manager", "prolog", &prolog, "epilog", &epilog, "perilog",
                        &perilog)
        < 0)
        return refuse (error, "perilog", err.text);
    if ((prolog && read_table (&pc->prolog, prolog, imp, error) < 0)
        || (epilog && read_table (&pc->epilog, epilog, imp, error) < 0)
        || (perilog && read_ignore (pc, perilog, error) < 0)) {
        perilog_conf_fini (pc);
        errno = EINVAL;
        return -1;
    }
    return 0;
}

void perilog_conf_fini (struct perilog_conf *pc)
{
    json_decref (pc->prolog.command);
    json_decref (pc->epilog.command);
    for (size_t i = 0; i < pc->nignore; i++)
        regfree (&pc->ignore[i]);
    free (pc->ignore);
    *pc = (struct perilog_conf){ 0 };
}

bool perilog_conf_ignores (const struct perilog_conf *pc, const char *line)
{
    for (size_t i = 0; i < pc->nignore; i++) {
        if (regexec (&pc->ignore[i], line, 0, NULL, 0) == 0)
            return true;
    }
    return false;
}

json_t *action_conf_encode (const struct action_conf *ac)
{
    if (!ac->command)
        return json_object ();
    return json_pack ("{s:O s:b s:b s:b s:f s:f}", "command", ac->command, "per_rank",
                      ac->per_rank, "cancel_on_exception", ac->cancel_on_exception,
                      "exit_on_first_error", ac->exit_on_first_error, "timeout",
                      ac->timeout, "kill-timeout", ac->kill_timeout);
}
