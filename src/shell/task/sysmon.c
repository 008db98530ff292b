/* Options sysmon and oom.adjust.
 *
 * sysmon: what the tasks of this shell had together, memory and processors: looked at from
 * time to time, and told when they have ended. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "shell/options.h"
#include "shell/plug.h"
#include "shell/shell.h"

#define PERIOD 2. /* s, as the heartbeat's */

/* Bytes that a task has in memory now; what it has started is not counted. */
static double resident (pid_t pid)
{
    char path[64], text[128];
    long size, pages = 0;
    int fd, n = 0;

    snprintf (path, sizeof (path), "/proc/%d/statm", (int)pid);
    if ((fd = open (path, O_RDONLY | O_CLOEXEC)) < 0)
        return 0.;
    if ((n = read (fd, text, sizeof (text) - 1)) > 0) {
        text[n] = '\0';
        if (sscanf (text, "%ld %ld", &size, &pages) != 2)
            pages = 0;
    }
    close (fd);
    return pages * (double)sysconf (_SC_PAGESIZE);
}

static double cpu_seconds (void)
{
    struct rusage u;

    if (getrusage (RUSAGE_CHILDREN, &u) < 0)
        return 0.;
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec
           + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int shell_sysmon_init (struct shell *sh)
{
    json_t *o = shell_option (sh, "sysmon");
    struct sysmon *m = &sh->sysmon;

    if (!o || (!json_is_object (o) && !option_is_on (o))
        || (shell_plug && shell_plug->replaces (sh, "sysmon")))
        return 0;
    m->period = PERIOD;
    option_duration (json_object_get (o, "period"), &m->period);
    if (m->period < 0.001)
        m->period = 0.001;
    m->start = clock_monotonic ();
    m->next = m->start + m->period;
    return 0;
}

void shell_sysmon_look (struct shell *sh)
{
    struct sysmon *m = &sh->sysmon;
    double sum = 0.;

    if (m->next == 0. || clock_monotonic () < m->next)
        return;
    m->next = clock_monotonic () + m->period;
    for (int i = 0; i < sh->task_count; i++) {
        if (sh->tasks[i].pid > 0 && !sh->tasks[i].exited)
            sum += resident (sh->tasks[i].pid);
    }
    if (sum > m->peak)
        m->peak = sum;
    shell_log (sh, SHELL_TRACE, "sysmon: memory.current=%.1fM", sum / (1024 * 1024));
}

/* The tasks have ended: the largest of them may have been larger than what was seen. */
void shell_sysmon_end (struct shell *sh)
{
    struct sysmon *m = &sh->sysmon;
    double elapsed = clock_monotonic () - m->start;
    struct rusage u;

    if (m->next == 0.)
        return;
    m->next = 0.;
    if (getrusage (RUSAGE_CHILDREN, &u) == 0 && u.ru_maxrss * 1024. > m->peak)
        m->peak = u.ru_maxrss * 1024.;
    shell_log (sh, SHELL_NOTICE, "sysmon: memory.peak=%.1fM loadavg-overall=%.2f",
               m->peak / (1024 * 1024), elapsed > 0 ? cpu_seconds () / elapsed : 0.);
}

int shell_oom_adjust (struct shell *sh, struct task *t)
{
    json_t *o = shell_option (sh, "oom.adjust");
    char path[64], text[16];
    int fd, rc;

    if (!o || (shell_plug && shell_plug->replaces (sh, "oom")))
        return 0;
    snprintf (path, sizeof (path), "/proc/%d/oom_score_adj", (int)t->pid);
    snprintf (text, sizeof (text), "%d", (int)json_integer_value (o));
    fd = open (path, O_WRONLY | O_CLOEXEC);
    rc = fd < 0 ? -1 : fd_write_all (fd, text, strlen (text));
    if (rc < 0 && errno != ENOENT && errno != ESRCH) /* it has ended already */
        shell_fatal (sh, 1, "oom.adjust: task %d: %s: %s", t->rank, text,
                     strerror (errno));
    else
        rc = 0;
    if (fd >= 0)
        close (fd);
    return rc;
}
