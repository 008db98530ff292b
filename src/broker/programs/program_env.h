/* The environment of programs that the broker starts: its own, without what concerns the
 * broker's place in an enclosing job, and with its own address. */
#ifndef BROKER_PROGRAM_ENV_H
#define BROKER_PROGRAM_ENV_H

/* jobid: of the instance, or NULL. Borrows from environ, but for the variables that it
 * sets: they come first. NULL with ENOMEM. */
char **program_env (char **environ, const char *uri, const char *jobid);
void program_env_free (char **env);

#endif
