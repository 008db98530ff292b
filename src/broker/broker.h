/* One broker: the ground that all of its parts stand on. A part has a header of its
 * own and includes those of the parts below it: routing, modhost, service, overlay,
 * boot, lifecycle, main. What it has to tell those above it goes through hooks.
 *
 * The main thread owns all of this. Modules run in threads of their own and
 * meet it only through a channel (core/handle/channel.h). */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <flux/core.h>
#include <flux/idset.h>
#include <jansson.h>
#include <sys/types.h>

#include "broker/attrs.h"
#include "broker/state.h"
#include "core/reactor/reactor.h"

#define ROUTE_ID_SIZE 40
#define BROKER_LOG_MAX 2048 /* a line is cut here */

struct broker;

/* What a part tells those above it. NULL: nobody is there to hear it. */
struct broker_hooks {
    /* A line for the log. */
    void (*log) (struct broker *b, int level, const char *text);
    /* A line that was logged, for those who wait for the shutdown. */
    void (*logged) (struct broker *b, int severity, const char *line);
    /* Membership of broker.online changed (rank 0). */
    void (*online_changed) (struct broker *b);
    /* A child came or went, or left without a word. */
    void (*children_changed) (struct broker *b);
    void (*child_left) (struct broker *b, const char *hostname, int rank);
    /* An overlay that heals: these ranks below are there (again); this one is waited for;
     * what an update from this peer does not speak for (new; NULL: nothing). */
    void (*ranks_announced) (struct broker *b, const struct idset *ranks);
    bool (*is_awaited) (struct broker *b, unsigned int rank);
    struct idset *(*not_through) (struct broker *b, const char *id);
    /* An event of the broker's own: rank 0 has a new configuration. */
    void (*config_sync) (struct broker *b, const flux_msg_t *event);
    /* A new one that is no good: -1 with *error, before anybody has seen it. */
    int (*config_check) (json_t *conf, flux_error_t *error);
};

struct broker {
    flux_reactor_t *reactor;
    struct attrs *attrs;
    json_t *conf;       /* object, never changed in place */
    json_t *conf_added; /* what of it no file of config.path has (--conf), or NULL */
    struct bootstrap
        *bootstrap; /* of conf at the start, until boot has used it, or NULL */
    struct topology *topo;
    struct services *services;
    struct groups *groups;

    int rank, size;
    char uuid[ROUTE_ID_SIZE]; /* route id and identity in the overlay */
    char hostname[256];
    uid_t owner;
    bool verbose;
    int exit_code;
    int exit_signum;   /* what asked a running instance to end, or 0 */
    bool asked_to_end; /* by flux shutdown */

    enum broker_state state;
    double t_start, t_enter; /* reactor time: of the broker, of its state */
    struct state_queue events;
    struct reactor_task run_events; /* the state machine's */
    struct broker_hooks hooks;

    const struct router_links *links; /* NULL: no other brokers */
    struct router *router;
    struct quota *quota;
    struct builtins *builtins;
    struct log *log;
    struct modlist *modlist; /* what rc1 loads */
    struct modules *modules;
    struct local *local;
    struct machine *machine;
    struct rc *rc;
    struct rc2 *rc2;
    struct runat *runat;
    struct overlay *overlay; /* NULL if size is 1 */
    struct boot *boot;
    struct groups_service *groups_service;
    struct config_service *config_service;
    struct trace *trace;
    struct memory *memory;
    struct notify *notify; /* NULL if nobody is to be told */

    int init_argc; /* initial program */
    char **init_argv;
};

/* An event for the state machine, which sees it later in this turn. */
void broker_post (struct broker *b, enum state_event event);
/* Without a log, errors go to stderr. Keeps errno. */
void broker_log (struct broker *b, int level, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));

#endif
