/* Binding tasks to the cores of R. The cores of a node are numbered as its
 * first hardware threads are, which needs no hwloc. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell/shell.h"
#include "value/rset.h"

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
static bool share_cores (struct affinity *a, const struct idset *cores, int task_count)
{
    int count = idset_count (cores);
    int share = count / task_count > 0 ? count / task_count : 1;
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

/* map:CPUS;CPUS;... in turn for the tasks */
static bool parse_map (struct affinity *a, const char *map, int task_count)
{
    const char *p = map;

    if (!(a->tasks = calloc (task_count, sizeof (*a->tasks))))
        return false;
    for (int t = 0; t < task_count; t++) {
        size_t len = strcspn (p, ";");
        struct idset *cpus = idset_ndecode (p, len);
        if (!cpus || idset_empty (cpus)) {
            idset_destroy (cpus);
            return false;
        }
        CPU_ZERO (&a->tasks[t]);
        for (unsigned int i = idset_first (cpus); i != IDSET_INVALID_ID;
             i = idset_next (cpus, i)) {
            if (i < CPU_SETSIZE)
                CPU_SET (i, &a->tasks[t]);
        }
        idset_destroy (cpus);
        p = p[len] == ';' ? p + len + 1 : map;
    }
    return true;
}

int shell_affinity_init (struct shell *sh)
{
    json_t *o = shell_option (sh, "cpu-affinity");
    const char *option = json_is_string (o) ? json_string_value (o) : "on";
    const struct idset *cores = rset_children (sh->R, sh->broker_rank, "core");
    struct affinity *a;
    bool ok;

    while (!strncmp (option, "verbose,", 8) || !strncmp (option, "dry-run,", 8))
        option += 8;
    if (!strcmp (option, "off") || (json_is_integer (o) && !json_integer_value (o))
        || json_is_false (o) || !cores || sh->task_count == 0)
        return 0;
    if (!(a = calloc (1, sizeof (*a))))
        return -1;
    sh->affinity_sets = a;
    if (!strncmp (option, "map:", 4)) {
        if (!parse_map (a, option + 4, sh->task_count)) {
            shell_fatal (sh, 1, "cpu-affinity: invalid map '%s'", option + 4);
            return -1;
        }
        sh->affinity = true;
        return 0;
    }
    if (strcmp (option, "on") && strcmp (option, "per-task")) {
        shell_fatal (sh, 1, "cpu-affinity: unknown value '%s'", option);
        return -1;
    }
    ok = cores_to_cpus (cores, &a->all);
    if (ok && !strcmp (option, "per-task"))
        ok = share_cores (a, cores, sh->task_count);
    sh->affinity = ok;
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
