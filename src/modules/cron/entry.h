/* An entry of cron: what is run, when, and what came of it. */
#ifndef CRON_ENTRY_H
#define CRON_ENTRY_H

#include "base/list.h"
#include "expr.h"
#include "plan.h"

#include <flux/core.h>
#include <flux/subprocess.h>
#include <jansson.h>

#define HISTORY_MAX 1000
#define ENTRIES_MAX 10000
#define ENTRY_SIZE_MAX (1024 * 1024)        /* bytes of a request */
#define ENTRIES_SIZE_MAX (64 * 1024 * 1024) /* of all entries */
#define RECORDS_MAX 100000                  /* of tasks, that all entries may keep */
#define AT_LATE 60. /* s: it was still to come when the request was made */

struct cron {
    flux_t *h;
    struct list entries;
    struct list tasks;           /* of entries, and of those that were deleted */
    size_t count, size, records; /* of entries, as the bounds have them */
    int next_id;
    struct cron_sync sync;
    char *sync_topic; /* or NULL */
    flux_msg_handler_t *sync_mh;
    flux_msg_handler_t **handlers;
};

enum cron_type { CRON_INTERVAL, CRON_EVENT, CRON_DATETIME };

struct entry {
    struct list node;
    struct cron *cron;
    int id;
    enum cron_type type;
    char *name, *command, *cwd;
    json_t *argv, *environ; /* environ may be NULL: the broker's */
    size_t size;            /* bytes */
    int rank;
    double timeout; /* s; 0: none */
    size_t history;
    bool stopped;

    struct cron_interval interval;
    struct cron_events events;
    char *topic;
    struct cron_expr expr; /* of CRON_DATETIME, unless at is given */
    char *expr_text;
    double at;   /* or 0 */
    double next; /* of CRON_DATETIME: seconds since the epoch; < 0: never */
    flux_watcher_t *timer;
    flux_msg_handler_t *mh;

    struct cron_counts counts;
    double ctime, starttime, lastrun;
    int total, success, failure, deferred, skipped;
    bool skips;        /* while this task runs */
    bool waits;        /* for the sync event */
    struct task *task; /* that runs, or NULL */
    json_t *tasks;     /* records, newest first */
};

/* parse.c: NULL, or what is wrong with the request; e is to be freed in any case. now: of
 * the wall's clock. */
const char *entry_parse (struct entry *e, json_t *request, uint32_t size, double now);
void entry_parse_fini (struct entry *e);

/* entry.c: NULL with errno and a text. */
struct entry *entry_create (struct cron *cron, const flux_msg_t *request,
                            flux_error_t *error);
void entry_destroy (struct entry *e);
int entry_start (struct entry *e);
void entry_stop (struct entry *e);
json_t *entry_encode (const struct entry *e);
/* The sync event has come. */
void entry_sync (struct entry *e);
/* A task has ended. */
void entry_done (struct entry *e, bool success);

/* task.c: runs the command; the record is put before e->tasks. */
void task_run (struct entry *e);
void task_defer (struct entry *e);
void task_kill (struct task *t);
/* The entry goes; the task may go on. */
void task_forget (struct task *t);
/* At the end of the module: ends those that run. */
void task_destroy_all (struct cron *cron);

#endif
