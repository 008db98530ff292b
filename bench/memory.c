/* bench-memory PID [WITHOUT]: kilobytes (PSS) of a process and all below it,
 * without the subtree of WITHOUT. */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>

#include "bench.h"

static int parent_of (int pid)
{
    char path[64], line[256];
    int ppid = -1;
    FILE *f;

    snprintf (path, sizeof (path), "/proc/%d/status", pid);
    if (!(f = fopen (path, "r")))
        return -1;
    while (fgets (line, sizeof (line), f))
        if (sscanf (line, "PPid: %d", &ppid) == 1)
            break;
    fclose (f);
    return ppid;
}

static long pss_of (int pid)
{
    char path[64], line[256];
    long kb = 0;
    FILE *f;

    snprintf (path, sizeof (path), "/proc/%d/smaps_rollup", pid);
    if (!(f = fopen (path, "r")))
        return 0;
    while (fgets (line, sizeof (line), f))
        if (sscanf (line, "Pss: %ld kB", &kb) == 1)
            break;
    fclose (f);
    return kb;
}

static bool is_below (int pid, int top, int without)
{
    while (pid > 1) {
        if (pid == without)
            return false;
        if (pid == top)
            return true;
        pid = parent_of (pid);
    }
    return false;
}

int main (int argc, char *argv[])
{
    int top = argc > 1 ? atoi (argv[1]) : 0;
    int without = argc > 2 ? atoi (argv[2]) : -1;
    struct dirent *d;
    long total = 0;
    DIR *dir;

    if (top <= 0) {
        fprintf (stderr, "usage: bench-memory PID [WITHOUT]\n");
        return 2;
    }
    if (!(dir = opendir ("/proc")))
        bench_die ("/proc");
    while ((d = readdir (dir))) {
        int pid = atoi (d->d_name);

        if (pid > 0 && is_below (pid, top, without))
            total += pss_of (pid);
    }
    closedir (dir);
    printf ("%ld\n", total);
    return 0;
}
