/* One broker: what its parts know of each other.
 *
 * The main thread owns all of this. Modules run in threads of their own and
 * meet it only through a channel (core/handle/channel.h). */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <flux/core.h>
#include <jansson.h>
#include <sys/types.h>

#include "broker/lifecycle/state.h"
#include "broker/overlay/topology.h"
#include "broker/routing/inflight.h"
#include "broker/routing/quota.h"
#include "broker/routing/services.h"
#include "broker/routing/subs.h"
#include "broker/service/attrs.h"
#include "broker/service/groups.h"
#include "core/message/msgqueue.h"
#include "core/reactor/reactor.h"

#define ROUTE_ID_SIZE 40

struct broker {
    flux_reactor_t *reactor;
    struct attrs *attrs;
    json_t *conf; /* object, never changed in place */
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

    struct router *router;
    struct quota *quota;
    struct builtins *builtins;
    struct log *log;
    struct modules *modules;
    struct local *local;
    struct machine *machine;
    struct rc *rc;
    struct rc2 *rc2;
    struct runat *runat;
    struct overlay *overlay; /* NULL if size is 1 */
    struct boot *boot;
    struct groups_service *groups_service;
    struct trace *trace;
    struct memory *memory;
    struct notify *notify; /* NULL if nobody is to be told */

    int init_argc; /* initial program */
    char **init_argv;
};

/* ---- router.c: messages between peers ---- */

enum peer_kind { PEER_BUILTIN, PEER_MODULE, PEER_CLIENT, PEER_CHILD, PEER_PARENT };

/* Where messages come from and go to. Embedded in its owner. */
struct peer {
    enum peer_kind kind;
    char id[ROUTE_ID_SIZE];
    char why[96]; /* what is said to those whom it owes an answer when it goes */
    /* Takes *msg and sets it to NULL; -1 with errno: the caller keeps it. EAGAIN: it
     * takes no more now; the router keeps what comes until peer_writable. Adds and
     * removes no peer: whoever has to close one does it at the turn's end. */
    int (*send) (struct peer *p, flux_msg_t **msg);
    /* Called at the turn's end if so much waits for it that something would be lost:
     * the peer has to be removed. For those whose send says EAGAIN. */
    void (*stuck) (struct peer *p);
    void *arg;
    struct flux_msg_cred cred; /* of a client */
    struct user *user;         /* who pays for a client, or NULL */
    size_t serves;             /* services that a client registered */
    struct subs subs;
    struct inflight_peer *inflight; /* what it has to answer, what came through it */
    struct hashmap *used;           /* services that it talked to */
    double t_active;                /* reactor time of the last message from it */
    uint64_t last_used;
    struct msgqueue out; /* waits for peer_writable */
    size_t out_bytes;
    bool is_stuck;
    struct list node, stuck_node;
};

int router_init (struct broker *b);
void router_fini (struct broker *b);
/* p->id may be empty: then one is made. */
int peer_add (struct broker *b, struct peer *p);
/* Takes it out of all tables. The peer may be freed or added again at once. At the end
 * of this turn, and so many at a time that nobody else has to wait, what it has not
 * answered fails with errnum, and those who were to answer requests that came through
 * it, and the services that it used, get disconnects. */
void peer_remove (struct broker *b, struct peer *p, int errnum);
/* It takes messages again. */
void peer_writable (struct broker *b, struct peer *p);
struct peer *peer_lookup (struct broker *b, const char *id);
void make_route_id (char id[ROUTE_ID_SIZE]);
/* What was left for the end of the turn. True if there is more. The reactor calls it,
 * where there is one. */
bool router_turn (struct broker *b);
bool router_pending (struct broker *b);
size_t router_inflight (struct broker *b); /* requests */
void router_set_queue_max (struct broker *b, size_t bytes);
/* Counters of "broker.stats-get", new. */
json_t *router_stats (struct broker *b);

/* A message from a peer (NULL: from the broker itself) on its way. All take
 * the message. */
void router_recv (struct broker *b, struct peer *from, flux_msg_t *msg);
void router_request (struct broker *b, struct peer *from, flux_msg_t *msg);
void router_response (struct broker *b, struct peer *from, flux_msg_t *msg);
/* Sequence and distribute (rank 0), or send towards rank 0. */
void router_publish (struct broker *b, flux_msg_t *msg, uint32_t *seq);
/* No blanks, no control characters, nothing but ASCII: fit for a terminal. */
bool is_printable (const char *s);
/* Whether the sender may publish events of this topic; the reason if not. */
bool router_may_publish (struct broker *b, const char *topic, struct flux_msg_cred cred,
                         flux_error_t *error);
/* A sequenced event on its way down. */
void router_event (struct broker *b, flux_msg_t *msg);
/* Past the services here, as if it had UPSTREAM. */
void router_forward_up (struct broker *b, const flux_msg_t *request);

/* An RPC of the broker's own. cb may be NULL: no answer wanted. response is
 * borrowed. json is taken. */
typedef void (*broker_rpc_f) (struct broker *b, const flux_msg_t *response, void *arg);
int broker_rpc (struct broker *b, const char *topic, uint32_t nodeid, json_t *json,
                broker_rpc_f cb, void *arg);
int broker_rpc_raw (struct broker *b, const char *topic, uint32_t nodeid,
                    const void *data, size_t len);

/* ---- builtin.c: services of the broker itself ---- */

typedef void (*builtin_f) (struct broker *b, const flux_msg_t *msg, void *arg);
struct builtin {
    const char *topic;
    builtin_f cb;
    uint32_t rolemask; /* allowed beside OWNER */
};
int builtins_init (struct broker *b);
void builtins_fini (struct broker *b);
/* Topics of one part. The services (first words) are registered too. */
int builtins_add (struct broker *b, const struct builtin *table, void *arg);
/* [{topic, type, rolemask}] of all; NULL if there is no memory. */
json_t *builtins_describe (struct broker *b);
/* Called with each disconnect that reaches a built-in service. */
void builtins_on_disconnect (struct broker *b, builtin_f cb, void *arg);

/* Answers to a request; none is sent if none is wanted. o is taken; NULL is
 * an empty answer. */
void broker_respond (struct broker *b, const flux_msg_t *req, json_t *o);
void broker_respond_pack (struct broker *b, const flux_msg_t *req, const char *fmt,
                          ...);
void broker_respond_error (struct broker *b, const flux_msg_t *req, int errnum,
                           const char *errstr);
/* A service that must be asked with STREAMING: answers EPROTO if not. */
bool broker_check_streaming (struct broker *b, const flux_msg_t *req);

int core_services_init (struct broker *b); /* services_core.c: attr, ... */
/* Rank 0 tells the others of a new configuration by this event. */
#define CONFIG_SYNC_TOPIC "config.sync"
void config_sync (struct broker *b, const flux_msg_t *event);

/* ---- log.c ---- */

int log_init (struct broker *b);
void log_fini (struct broker *b);
void broker_log (struct broker *b, int level, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/* Before shutdown: what is followed ends. */
void log_end_followers (struct broker *b);

/* ---- modules.c, modhost.c ---- */

/* Called once: errnum 0 when the module runs, else why it does not. */
typedef void (*module_f) (struct broker *b, const char *name, int errnum,
                          const char *errstr, void *arg);
int modules_init (struct broker *b);
void modules_fini (struct broker *b);
/* path: a name to search for, or a path with a '/'. name NULL: from the path.
 * -1 with errno and *error if it cannot start; cb is not called then. */
int modules_load (struct broker *b, const char *path, const char *name, json_t *args,
                  module_f cb, void *arg, flux_error_t *error);
/* cb is called when it is gone, with what it ended with. ENOENT. */
int modules_remove (struct broker *b, const char *name, module_f cb, void *arg);
/* The peer of this id, if it is a module, logged an error: that is why it ends, if it
 * ends now. */
void modules_note_error (struct broker *b, const char *id, const char *text,
                         size_t len);
bool modules_loaded (struct broker *b, const char *name);
int modules_count (struct broker *b);
void modules_foreach (struct broker *b,
                      void (*fn) (struct broker *b, const char *name, void *arg),
                      void *arg);
/* A new configuration for all of them. */
void modules_config (struct broker *b);

/* ---- trace.c ---- */

int trace_init (struct broker *b);
void trace_fini (struct broker *b);
/* dir: "rx" what a module is sent, "tx" what it sends. */
void trace_message (struct broker *b, const char *name, const char *dir,
                    const flux_msg_t *msg);

/* ---- memory.c ---- */

void memory_limit (void); /* before there are threads */
int memory_init (struct broker *b);
void memory_fini (struct broker *b);
/* A message passes: when there were many, free memory is given back. */
void memory_used (struct broker *b);

/* ---- local.c: connector-local ---- */

int local_init (struct broker *b, flux_error_t *error);
void local_fini (struct broker *b);
/* Writes what waits for clients, as far as it goes. */
void local_flush (struct broker *b);

/* ---- machine.c: the state machine ---- */

int machine_init (struct broker *b);
void machine_fini (struct broker *b);
void machine_post (struct broker *b, enum state_event event);
enum broker_state machine_state (struct broker *b);
double machine_start_time (struct broker *b); /* reactor time */
/* Leave cleanup, shutdown or finalize without waiting any longer. */
void machine_force (struct broker *b);
/* A line of the log, for those who wait for the shutdown. */
void machine_log (struct broker *b, int severity, const char *text);
/* Membership of broker.online changed (rank 0), a child came or went. */
void machine_online_changed (struct broker *b);
void machine_children_changed (struct broker *b);
void machine_child_left (struct broker *b, const char *hostname, int rank);

/* ---- rc.c: rc1, rc3; rc2.c; runat.c ---- */

/* True if rc1 has a module of this name, here or on another rank. */
bool rc_knows (const char *name, size_t len);
int rc_init (struct broker *b);
void rc_fini (struct broker *b);
void rc1_start (struct broker *b);
void rc3_start (struct broker *b);
void rc_cleanup_start (struct broker *b);

int rc2_init (struct broker *b);
void rc2_fini (struct broker *b);
void rc2_start (struct broker *b);
/* signum to the initial program, if it runs. */
void rc2_kill (struct broker *b, int signum);

/* A command in the broker's environment for programs, by "sh -c". status is
 * that of wait(2). */
typedef void (*command_f) (struct broker *b, int status, void *arg);
int command_run (struct broker *b, const char *cmdline, command_f cb, void *arg);
/* They are asked to end: nobody waits for them any longer. */
void command_stop_all (struct broker *b);
void command_fini (struct broker *b);
char **broker_program_env (struct broker *b);
void broker_program_env_free (char **env);

int runat_init (struct broker *b);
void runat_fini (struct broker *b);
/* Runs the list, last pushed first; cb when all have ended. */
void runat_start (struct broker *b, const char *name, command_f cb, void *arg);

/* ---- groups_service.c ---- */

int groups_service_init (struct broker *b);
void groups_service_fini (struct broker *b);
/* After a change of b->groups: tell followers and parent, once in this turn. */
void groups_changed (struct broker *b);

/* ---- overlay/overlay.c ---- */

struct overlay_conf;
int overlay_services_init (struct broker *b); /* overlay.*, also if size is 1 */
void overlay_fini (struct broker *b);
/* Starts to connect to the parent: EVENT_PARENT_READY or _FAIL follows. */
int overlay_connect (struct broker *b, flux_error_t *error);
/* NULL if that child is not connected. */
struct peer *overlay_child (struct broker *b, int rank);
struct peer *overlay_parent (struct broker *b);
int overlay_child_count (struct broker *b); /* connected */
/* This broker is in a new state: its children are let in, or told. */
void overlay_enter (struct broker *b, enum broker_state state);
/* Follow what the parent has told of its state. */
void overlay_parent_state (struct broker *b);
/* Last word to the parent. */
void overlay_goodbye (struct broker *b);

/* ---- boot/boot.c ---- */

/* rank, size, topology, overlay endpoints: by PMI, or single. */
int boot_run (struct broker *b, flux_error_t *error);

void error_set (flux_error_t *error, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

#endif
