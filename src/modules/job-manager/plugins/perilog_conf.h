/* [job-manager.prolog], [job-manager.epilog] and [job-manager.perilog]. */
#ifndef JOB_MANAGER_PERILOG_CONF_H
#define JOB_MANAGER_PERILOG_CONF_H

#include <flux/types.h>
#include <jansson.h>
#include <regex.h>

struct action_conf {
    const char *name; /* "prolog", "epilog" */
    json_t *command;  /* array of strings; NULL: there is none */
    bool per_rank;
    bool cancel_on_exception;
    bool exit_on_first_error;
    double timeout;      /* s; 0: none */
    double kill_timeout; /* s */
};

struct perilog_conf {
    struct action_conf prolog, epilog;
    regex_t *ignore; /* lines of output that are not logged */
    size_t nignore;
};

/* -1 with EINVAL and *error; *pc is then empty. */
int perilog_conf_read (struct perilog_conf *pc, json_t *conf, flux_error_t *error);
void perilog_conf_fini (struct perilog_conf *pc);
bool perilog_conf_ignores (const struct perilog_conf *pc, const char *line);
/* For people: {} where there is none. */
json_t *action_conf_encode (const struct action_conf *ac);

#endif
