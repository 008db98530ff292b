/* A process that is asked about jobs: a line of JSON for each, which it answers with a
 * line, in their order. It is started when there is something to ask. */
#ifndef JOB_INGEST_CREW_H
#define JOB_INGEST_CREW_H

#include <flux/handle.h>
#include <jansson.h>

struct crew;

/* errnum 0: the job may be, and data is what its jobspec is to be, or NULL if that is
 * as it was; else why not, for people. Called once for each crew_ask. */
typedef void (*crew_answer_f) (int errnum, const char *text, json_t *data, void *arg);

/* config: see stages.h; buffer_size: bytes that it may have before it. */
struct crew *crew_create (flux_t *h, const char *config, size_t buffer_size,
                          crew_answer_f cb);
/* Whoever waits is told EAGAIN. */
void crew_destroy (struct crew *crew);
/* line: with its newline. -1 with errno: arg was not taken. */
int crew_ask (struct crew *crew, const char *line, size_t len, void *arg);

#endif
