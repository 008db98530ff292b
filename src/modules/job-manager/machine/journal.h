/* The journal's text: entries of all jobs as readers get them, which of them a reader
 * wants, and what it gets of the jobs that there were before it came. */
#ifndef JOB_MANAGER_JOURNAL_H
#define JOB_MANAGER_JOURNAL_H

#include "event.h"
#include "job.h"

/* Where an entry stands in the journal. */
struct journal_item {
    size_t start, len;
    int type; /* enum event_type */
    flux_jobid_t id;
};

struct journal {
    struct buf text;  /* "{entry},{entry}" */
    struct buf index; /* struct journal_item of each entry in it */
};

void journal_init (struct journal *j);
void journal_fini (struct journal *j);
void journal_reset (struct journal *j);

#define JOURNAL_KEPT (64 * 1024) /* bytes of memory, from one turn to the next */
/* Empties a text; the memory of a long one is freed. What has failed stays so. */
void journal_relax (struct buf *b);

/* line: the entry as the eventlog has it, newline included. */
void journal_add (struct journal *j, const struct job *job, const struct event *ev,
                  struct span line);

/* How far it was. */
struct journal_mark {
    size_t text, index;
};
struct journal_mark journal_mark (const struct journal *j);
/* What was added of that job since: readers do not hear of it. */
void journal_retract (struct journal *j, const struct journal_mark *since,
                      flux_jobid_t id);

/* All of j joins sent, behind what is there. -1: out of memory, now or before. */
int journal_seal (struct journal *j, struct journal *sent);

/* A bit for each event type that a reader wants. allow and deny are objects whose keys are
 * names of events; what is no object says nothing. A name that is not in RFC 21 allows
 * all such, and denies none. */
uint64_t journal_filter (json_t *allow, json_t *deny);

/* Responses: begin, add as often as there is something, end. add: is there anything in it
 * now? */
void journal_begin (struct buf *b);
bool journal_add_sent (struct buf *b, const struct journal *sent, uint64_t filter);
/* What is committed of a job's log. */
bool journal_add_backlog (struct buf *b, const struct job *job, uint64_t filter);
void journal_end (struct buf *b);

#endif
