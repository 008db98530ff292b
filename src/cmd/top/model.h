/* What flux top shows of one instance. Pure: answers and keys come in, the layout
 * (layout.h) reads the state. */
#ifndef CMD_TOP_MODEL_H
#define CMD_TOP_MODEL_H

#include <flux/job.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define TOP_ROWS_MAX                                                                   \
    10000 /* jobs that are looked at when they are sorted or filtered */
#define TOP_ROWS_DEFAULT 1000

enum top_view { TOP_RUNNING, TOP_PENDING, TOP_INACTIVE, TOP_VIEWS };

enum top_sort {
    TOP_BY_TIME, /* the instance's order: newest first, pending by priority */
    TOP_BY_RUNTIME,
    TOP_BY_NODES,
    TOP_BY_TASKS,
    TOP_BY_USER,
    TOP_BY_NAME,
    TOP_SORTS,
};

enum top_mode { TOP_NORMAL, TOP_TYPING, TOP_CONFIRM, TOP_HELP };

/* Characters are themselves. */
enum top_key {
    TOP_KEY_UP = 0x200000,
    TOP_KEY_DOWN,
    TOP_KEY_LEFT,
    TOP_KEY_RIGHT,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_BACKSPACE,
    TOP_KEY_ESCAPE,
};

enum top_action {
    TOP_NOTHING,
    TOP_DRAW,
    TOP_REDRAW, /* the whole terminal */
    TOP_ASK,    /* other jobs, or another queue: ask again */
    TOP_OPEN,   /* the instance at the cursor */
    TOP_BACK,   /* leave this instance if it is in another one */
    TOP_LEAVE,  /* the same, or the program */
    TOP_CANCEL, /* model->target */
};

struct top_bar {
    int total, used, down;
};

struct top_counts {
    char name[64];    /* of the queue; "" is the whole instance */
    json_t *requires; /* of the queue: an array of properties, or NULL */
    int pending, running, successful, failed;
};

struct top_job {
    flux_jobid_t id;
    uint32_t userid;
    int state;
    int result;
    int ntasks, nnodes;
    double t_begin; /* of what the time column shows: run, or submit */
    double t_end;   /* 0: it goes on */
    char user[16];
    char *name; /* printable */
    char *uri;  /* NULL: no instance, or not now */
    bool mine;
    size_t order;
};

struct top_model {
    char *path; /* "/ƒ1/ƒ2", "" at the top */
    char version[32];
    int size, depth;
    double starttime, expiration; /* 0: unknown */
    bool owner;
    bool heart;
    struct top_bar nodes, cores, gpus;
    struct top_counts *queues; /* [0] is all */
    size_t queue_count;
    size_t queue;      /* index */
    json_t *resources; /* the last answer: for another queue */
    enum top_view view;
    enum top_sort sort;
    bool reverse;
    bool split_inactive;
    struct top_job *jobs; /* all that came */
    size_t job_count;
    struct top_job **rows; /* that pass the filter, sorted */
    size_t row_count;
    flux_jobid_t cursor_id;
    size_t cursor, scroll, page; /* rows; page is what the last layout had */
    enum top_mode mode;
    char filter[64];
    flux_jobid_t target; /* of the question, of TOP_CANCEL */
    char target_name[64];
    char message[256]; /* "" if there is none */
    uint32_t userid;
    const char *(*username) (uint32_t userid);
};

/* 0, or -1 with ENOMEM. */
int top_init (struct top_model *m, const char *path, uint32_t userid,
              const char *(*username) (uint32_t userid));
void top_fini (struct top_model *m);

/* {"NAME": {"requires": [..]}, ...}: queues of the configuration; may be NULL. */
int top_set_queues (struct top_model *m, json_t *queues);
/* -1 if there is no such queue. */
int top_select_queue (struct top_model *m, const char *name);
/* Answers: job-list.job-stats, sched.resource-status, job-list.list. */
void top_stats (struct top_model *m, json_t *o);
void top_resources (struct top_model *m, json_t *o);
void top_jobs (struct top_model *m, json_t *o);
/* What to ask job-list for: new. */
json_t *top_list_payload (const struct top_model *m);

enum top_action top_key (struct top_model *m, int key);
/* NULL if there is no row. */
const struct top_job *top_selected (const struct top_model *m);
void top_say (struct top_model *m, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

#endif
