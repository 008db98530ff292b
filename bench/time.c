/* bench-time COUNT PROGRAM [ARG...]: run it COUNT times, one after the other,
 * and print the median in milliseconds. Fails if the program does. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

static int by_value (const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double run (char *argv[], posix_spawn_file_actions_t *actions)
{
    double t0 = bench_now ();
    pid_t pid;
    int status;

    if ((errno = posix_spawnp (&pid, argv[0], actions, NULL, argv, environ)) != 0
        || waitpid (pid, &status, 0) < 0)
        bench_die (argv[0]);
    if (status != 0) {
        fprintf (stderr, "bench-time: %s: failed (wait status 0x%x)\n", argv[0],
                 status);
        exit (1);
    }
    return (bench_now () - t0) * 1000;
}

int main (int argc, char *argv[])
{
    posix_spawn_file_actions_t actions;
    int count = argc > 2 ? atoi (argv[1]) : 0;
    double *ms;

    if (count < 1) {
        fprintf (stderr, "usage: bench-time COUNT PROGRAM [ARG...]\n");
        return 2;
    }
    if (!(ms = calloc (count, sizeof (*ms))))
        bench_die ("bench-time");
    posix_spawn_file_actions_init (&actions);
    posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen (&actions, 1, "/dev/null", O_WRONLY, 0);
    for (int i = 0; i < count; i++)
        ms[i] = run (&argv[2], &actions);
    qsort (ms, count, sizeof (*ms), by_value);
    printf ("%.3f\n", ms[count / 2]);
    free (ms);
    return 0;
}
