/* Option cpu-affinity. Binding tasks to the cores of R. The cores of a node are numbered as its
 * first hardware threads are, which needs no hwloc. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell/job/layout.h"
#include "shell/options.h"
#include "shell/plug.h"
#include "shell/shell.h"
#include "value/resource/rset.h"

#define CORE_MAX 1024

/* Found once, inherited by the shells. */
static struct {
    int count;
    cpu_set_t *cpus; /* of each core */
} machine;

struct affinity {
    bool per_task;
    cpu_set_t all;
    cpu_set_t *tasks; /* by local id */
};

static bool read_siblings (int cpu, char *buf, size_t len)
{
    char path[96];
    snprintf (path, sizeof (path),
              "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *f = fopen (path, "r");
    if (!f)
        return false;
    bool ok = fgets (buf, len, f) != NULL;
    fclose (f);
    buf[strcspn (buf, "\n")] = '\0';
    return ok;
}

static void add_core (const struct idset *threads)
{
    cpu_set_t *set = &machine.cpus[machine.count++];
    CPU_ZERO (set);
    for (unsigned int i = idset_first (threads); i != IDSET_INVALID_ID;
         i = idset_next (threads, i)) {
        if (i < CPU_SETSIZE)
            CPU_SET (i, set);
    }
}

void affinity_probe (void)
{
    long count = sysconf (_SC_NPROCESSORS_CONF);
    char text[256];

    if (count > CORE_MAX)
        count = CORE_MAX;
    if (count < 1 || !(machine.cpus = calloc (count, sizeof (*machine.cpus))))
        return;
    for (int cpu = 0; cpu < count; cpu++) {
        struct idset *threads =
            read_siblings (cpu, text, sizeof (text)) ? idset_decode (text) : NULL;
        /* a core counts when its first thread is met */
        if (threads && idset_first (threads) == (unsigned int)cpu)
            add_core (threads);
        idset_destroy (threads);
    }
}

/* False if the machine has fewer cores than R says (a pretended one). */
static bool cores_to_cpus (const struct idset *cores, cpu_set_t *set)
{
    CPU_ZERO (set);
    for (unsigned int i = idset_first (cores); i != IDSET_INVALID_ID;
         i = idset_next (cores, i)) {
        if (i >= (unsigned int)machine.count)
            return false;
        CPU_OR (set, set, &machine.cpus[i]);
    }
    return CPU_COUNT (set) > 0;
}

/* Consecutive shares of the cores, wrapping when there are more tasks. */
static bool share_cores (struct affinity *a, const struct jobspec *js,
                         const struct idset *cores, int task_count)
{
    int share = layout_share (js, idset_count (cores), task_count, js->cores_per_slot);
    unsigned int core = idset_first (cores);

    if (!(a->tasks = calloc (task_count, sizeof (*a->tasks))))
        return false;
    for (int t = 0; t < task_count; t++) {
        CPU_ZERO (&a->tasks[t]);
        for (int i = 0; i < share; i++) {
            CPU_OR (&a->tasks[t], &a->tasks[t], &machine.cpus[core]);
            core = idset_next (cores, core);
            if (core == IDSET_INVALID_ID)
                core = idset_first (cores);
        }
    }
    return true;
}

static bool add_cpus (cpu_set_t *set, const struct idset *ids)
{
    CPU_ZERO (set);
    for (unsigned int i = idset_first (ids); i != IDSET_INVALID_ID;
         i = idset_next (ids, i)) {
        if (i < CPU_SETSIZE)
            CPU_SET (i, set);
    }
    return CPU_COUNT (set) > 0;
}

/* What is asked for by number must be there. */
static bool has_cpus (const char *map)
{
    long count = sysconf (_SC_NPROCESSORS_CONF);
    bool has = true;

    for (const char *p = map; p && has; p = strchr (p, ';'), p = p ? p + 1 : NULL) {
        struct idset *ids = option_map_set (p, 0);
        has = ids && (long)idset_last (ids) < count;
        idset_destroy (ids);
    }
    return has;
}

/* map:CPUS;CPUS;... in turn for the tasks */
static bool parse_map (struct affinity *a, const char *map, int task_count)
{
    if (!(a->tasks = calloc (task_count, sizeof (*a->tasks))))
        return false;
    for (int t = 0; t < task_count; t++) {
        struct idset *cpus = option_map_set (map, t);
        bool ok = cpus && add_cpus (&a->tasks[t], cpus);
        idset_destroy (cpus);
        if (!ok)
            return false;
    }
    return true;
}

static void log_set (struct shell *sh, const char *who, const cpu_set_t *set)
{
    struct idset *ids = idset_create (CPU_SETSIZE, 0);
    char *s = NULL;

    for (int i = 0; ids && i < CPU_SETSIZE; i++) {
        if (CPU_ISSET (i, set))
            idset_set (ids, i);
    }
    if (ids && (s = idset_encode (ids, IDSET_FLAG_RANGE)))
        shell_log (sh, SHELL_NOTICE, "cpu-affinity: %s: cpus %s", who, s);
    free (s);
    idset_destroy (ids);
}

static void log_sets (struct shell *sh, const struct affinity *a)
{
    char who[32];

    if (!a->tasks)
        log_set (sh, "all tasks", &a->all);
    for (int t = 0; a->tasks && t < sh->task_count; t++) {
        snprintf (who, sizeof (who), "task %d", sh->tasks[t].rank);
        log_set (sh, who, &a->tasks[t]);
    }
}

bool affinity_cpus (const struct shell *sh, cpu_set_t *set)
{
    const struct idset *cores = rset_children (sh->R, sh->broker_rank, "core");
    return cores && cores_to_cpus (cores, set);
}

/* False: there is nothing to bind to. */
static bool make_sets (struct shell *sh, struct affinity *a,
                       const struct affinity_option *option)
{
    const struct idset *cores = rset_children (sh->R, sh->broker_rank, "core");

    if (option->kind == AFFINITY_MAP)
        return parse_map (a, option->map, sh->task_count);
    if (!cores || !cores_to_cpus (cores, &a->all))
        return false;
    return option->kind == AFFINITY_ON
           || share_cores (a, &sh->jobspec, cores, sh->task_count);
}

int shell_affinity_init (struct shell *sh)
{
    struct affinity_option option;
    struct affinity *a;
    bool ok;

    if (option_affinity (shell_option (sh, "cpu-affinity"), &option) < 0
        || option.kind == AFFINITY_OFF || sh->task_count == 0
        || (shell_plug && shell_plug->replaces (sh, "cpu-affinity")))
        return 0;
    if (option.kind == AFFINITY_MAP && !option.dry_run && !has_cpus (option.map)) {
        shell_fatal (sh, 1, "cpu-affinity: %s: this host has no such cpu", option.map);
        return -1;
    }
    if (!(a = calloc (1, sizeof (*a))))
        return -1;
    sh->affinity_sets = a;
    ok = make_sets (sh, a, &option);
    if (option.verbose && ok)
        log_sets (sh, a);
    else if (option.verbose)
        shell_log (
            sh, SHELL_NOTICE,
            "cpu-affinity: this host has not the cores of R; tasks are not bound");
    sh->affinity = ok && !option.dry_run;
    return 0;
}

void shell_affinity_fini (struct shell *sh)
{
    struct affinity *a = sh->affinity_sets;
    if (a)
        free (a->tasks);
    free (a);
}

void shell_affinity_apply (const struct shell *sh, int localid)
{
    const struct affinity *a = sh->affinity_sets;
    /* may fail in a container with fewer CPUs: the task runs anyway */
    if (sh->affinity)
        sched_setaffinity (0, sizeof (cpu_set_t),
                           a->tasks ? &a->tasks[localid] : &a->all);
}
