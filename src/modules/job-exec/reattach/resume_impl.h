/* Between resume.c and away.c. */
#ifndef JOB_EXEC_RESUME_IMPL_H
#define JOB_EXEC_RESUME_IMPL_H

#include "modules/job-exec/reattach/resume.h"

/* Of jobs that are away. */
struct idmap *away_map_create (void);

/* It is one as others are. */
void resume_end_claim (struct ctx *ctx, struct job *job);
/* It ends as a job does whose shells are lost. */
void resume_lose (struct ctx *ctx, struct job *job, const char *type, const char *note);
/* Tells who waits for it when all were asked for. */
void resume_check_over (struct ctx *ctx);

#endif
