/* Which task of a job runs which command: the file of `flux multi-prog`. Each line is
 * an idset of tasks, or * for all that no other line has, and a command in the quoting
 * of a shell; # begins a comment. In the command %t is the task, %o its place in the
 * idset (from 0). */
#ifndef CMD_JOB_TASK_TABLE_H
#define CMD_JOB_TASK_TABLE_H

#include <flux/types.h>

struct task_table;

/* NULL with EINVAL (or ENOMEM), and *error: "line N: what". */
struct task_table *task_table_parse (const char *text, flux_error_t *error);
void task_table_destroy (struct task_table *t);
/* The words of a task's command, NULL at the end, for task_table_free_words; NULL with
 * ENOENT if no line (or only one without a command) has the task. */
char **task_table_command (const struct task_table *t, unsigned int task);
void task_table_free_words (char **words);

#endif
