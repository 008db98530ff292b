/* The limit for small jobs: posix_spawn and reap a program, four at a time.
 * Prints how many per second. */
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "bench.h"

int main (int argc, char *argv[])
{
    int count = argc > 1 ? atoi (argv[1]) : 1000;
    int in_flight = argc > 2 ? atoi (argv[2]) : 4;
    char *cmd[] = { (char *)(argc > 3 ? argv[3] : "/bin/true"), NULL };
    int started = 0, running = 0;
    double t0 = bench_now ();

    while (started < count || running > 0) {
        while (started < count && running < in_flight) {
            pid_t pid;

            if (posix_spawn (&pid, cmd[0], NULL, NULL, cmd, NULL) != 0)
                bench_die (cmd[0]);
            started++;
            running++;
        }
        if (waitpid (-1, NULL, 0) < 0)
            bench_die ("waitpid");
        running--;
    }
    printf ("%.0f\n", count / (bench_now () - t0));
    return 0;
}
