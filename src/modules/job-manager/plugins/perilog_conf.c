#include "modules/job-manager/plugins/perilog_conf.h"

#include "base/error.h"
#include "base/json/keys.h"
#include "value/fsd.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_command (const char *where, json_t *command, flux_error_t *error)
{
    json_t *arg;
    size_t i;

    if (!json_is_array (command))
        return error_invalid (error, "%s.command: must be an array", where);
    if (json_array_size (command) == 0)
        return error_invalid (error, "%s.command: must not be empty", where);
    json_array_foreach (command, i, arg) {
        if (!json_is_string (arg))
            return error_invalid (error, "%s.command: must be an array of strings",
                                  where);
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
    static const struct json_key keys[] = {
        { "command", JSON_KIND_ANY },
        { "per-rank", JSON_KIND_BOOLEAN },
        { "timeout", JSON_KIND_ANY },
        { "kill-timeout", JSON_KIND_ANY },
        { "cancel-on-exception", JSON_KIND_BOOLEAN },
        { "exit-on-first-error", JSON_KIND_BOOLEAN },
        { NULL },
    };
    json_t *command = NULL, *timeout = NULL, *kill_timeout = NULL;
    int per_rank = 0, cancel = ac->cancel_on_exception, first = 0;
    char where[64];

    snprintf (where, sizeof (where), "job-manager.%s", ac->name);
    if (json_check_keys (table, where, keys, error) < 0)
        return -1;
    (void)json_unpack (table, "{s?o s?b s?o s?o s?b s?b}", "command", &command,
                       "per-rank", &per_rank, "timeout", &timeout, "kill-timeout",
                       &kill_timeout, "cancel-on-exception", &cancel,
                       "exit-on-first-error", &first);
    if (command && check_command (where, command, error) < 0)
        return -1;
    if (!command && !imp)
        return error_invalid (
            error, "%s.command: no command specified and exec.imp not defined", where);
    if (read_seconds (timeout, &ac->timeout) < 0)
        return error_invalid (error, "%s.timeout: invalid %s timeout", where, ac->name);
    if (read_seconds (kill_timeout, &ac->kill_timeout) < 0)
        return error_invalid (error, "%s.kill-timeout: invalid %s kill-timeout", where,
                              ac->name);
    ac->per_rank = per_rank;
    ac->cancel_on_exception = cancel;
    ac->exit_on_first_error = first;
    ac->command = command ? json_incref (command) : imp_command (imp, ac->name);
    return 0;
}

static int read_ignore (struct perilog_conf *pc, json_t *table, flux_error_t *error)
{
    static const char where[] = "job-manager.perilog";
    static const struct json_key keys[] = { { "log-ignore", JSON_KIND_ARRAY },
                                            { NULL } };
    json_t *list = json_object_get (table, "log-ignore"), *o;
    size_t i;

    if (json_check_keys (table, where, keys, error) < 0)
        return -1;
    if (!(pc->ignore = calloc (json_array_size (list) + 1, sizeof (*pc->ignore))))
        return -1;
    json_array_foreach (list, i, o) {
        const char *s = json_string_value (o);
        if (!s || regcomp (&pc->ignore[pc->nignore], s, REG_EXTENDED | REG_NOSUB) != 0)
            return error_invalid (error,
                                  "%s.log-ignore: Failed to compile regex: %.40s",
                                  where, s ? s : "not a string");
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
        return error_invalid (error, "job-manager: %.120s", err.text);
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
