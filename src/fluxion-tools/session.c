#include "fluxion-tools/session.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct command {
    const char *name, *abbr;
    int (*run) (struct session *ss, int argc, char **argv); /* NULL: help, quit */
    const char *note;
};

static const struct command commands[] = {
    { "match", "m", command_match,
      "Allocate or reserve matching resources (subcmd: allocate | "
      "allocate_with_satisfiability | allocate_orelse_reserve | satisfiability | "
      "without_allocating | without_allocating_future): resource-query> match allocate "
      "jobspec" },
    { "multi-match", "M", command_multi_match,
      "Allocate or reserve for multiple jobspecs (subcmd: as of match): "
      "resource-query> multi-match allocate jobspec1 jobspec2 ..." },
    { "update", "u", command_update,
      "Update resources with a JGF or RV1 file (subcmd: allocate | reserve): "
      "resource-query> update allocate jgf jgf_file jobid starttime duration" },
    { "attach", "j", command_attach,
      "Attach a JGF subgraph to the resource graph: resource-query> attach jgf_file" },
    { "remove", "j", command_remove,
      "Remove a subgraph, by path or by ranks: resource-query> remove /path true | "
      "remove idset false" },
    { "find", "f", command_find,
      "Find resources that match a criteria expression: resource-query> find "
      "status=down "
      "or sched-now=allocated" },
    { "cancel", "c", command_cancel,
      "Cancel an allocation or reservation: resource-query> cancel jobid [stats]" },
    { "partial-cancel", "pc", command_partial_cancel,
      "Release a part of an allocation: resource-query> partial-cancel jobid "
      "(jgf | rv1exec) R_file [stats]" },
    { "set-property", "p", command_set_property,
      "Set a property of a resource: resource-query> set-property /path "
      "PROPERTY=VALUE" },
    { "get-property", "g", command_get_property,
      "Get the properties of a resource: resource-query> get-property /path" },
    { "set-status", "t", command_set_status,
      "Set a resource up or down: resource-query> set-status /path (up | down)" },
    { "get-status", "e", command_get_status,
      "Tell whether a resource is up: resource-query> get-status /path" },
    { "list", "l", command_list, "List all jobs: resource-query> list" },
    { "info", "i", command_info, "Print a job: resource-query> info jobid" },
    { "stat", "s", command_stat, "Print overall statistics: resource-query> stat" },
    { "cat", "a", command_cat, "Print a jobspec file: resource-query> cat jobspec" },
    { "help", "h", NULL, "Print help: resource-query> help [command]" },
    { "quit", "q", NULL, "Quit the session: resource-query> quit" },
};
#define NCOMMANDS (sizeof (commands) / sizeof (commands[0]))
#define MAX_WORDS 1024

double session_now (void)
{
    struct timespec ts;

    clock_gettime (CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

char *session_read (const char *path, size_t *len)
{
    char *text = file_read_all (path, len);

    if (!text)
        fprintf (stderr, "ERROR: can't open %s\n", path);
    return text;
}

void session_print_line (struct session *ss)
{
    fputs ("INFO: =============================\n", ss->out);
}

void session_print_R (struct session *ss, const struct selected *sel, uint32_t nsel,
                      int64_t at, int64_t end, const char *queue)
{
    struct write_info info = { .starttime = at, .expiration = end, .queue = queue };
    struct buf b = BUF_INIT;

    if (fluxion_write (ss->format, scheduler_graph (ss->s), sel, nsel, &info, &b) < 0)
        fprintf (stderr, "ERROR: %s\n", strerror (errno));
    else
        buf_print (&b, ss->out);
    buf_fini (&b);
}

void session_print_job (struct session *ss, uint64_t id, const char *state, int64_t at,
                        double seconds)
{
    struct scheduler_counts n = scheduler_counts (ss->s);

    session_print_line (ss);
    fprintf (ss->out, "INFO: JOBID=%llu\n", (unsigned long long)id);
    fprintf (ss->out, "INFO: RESOURCES=%s\n", state);
    if (at == 0)
        fprintf (ss->out, "INFO: SCHEDULED AT=Now\n");
    else
        fprintf (ss->out, "INFO: SCHEDULED AT=%lld\n", (long long)at);
    if (ss->elapse) {
        printf ("INFO: ELAPSE=%f\n", seconds);
        printf ("INFO: PREORDER VISIT COUNT=%llu\n", (unsigned long long)n.preorder);
        printf ("INFO: POSTORDER VISIT COUNT=%llu\n", (unsigned long long)n.postorder);
    }
    session_print_line (ss);
}

static const struct command *find_command (const char *word)
{
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (strcmp (commands[i].name, word) == 0
            || strcmp (commands[i].abbr, word) == 0)
            return &commands[i];
    return NULL;
}

static void help (struct session *ss, int argc, char **argv)
{
    bool all = argc < 2, known = false;

    for (size_t i = 0; i < NCOMMANDS; i++) {
        const struct command *c = &commands[i];
        if (!all && strcmp (c->name, argv[1]) && strcmp (c->abbr, argv[1]))
            continue;
        fprintf (ss->out, "INFO: %s (%s) -- %s\n", c->name, c->abbr, c->note);
        known = true;
    }
    if (!known)
        fprintf (stderr, "ERROR: unknown command: %s\n", argv[1]);
}

bool session_command (struct session *ss, const char *line)
{
    char *copy = strdup (line), *save = NULL;
    char *argv[MAX_WORDS + 1];
    int argc = 0;
    bool quit = false;

    if (!copy)
        return true;
    for (char *w = strtok_r (copy, " \t\r\n", &save); w && argc < MAX_WORDS;
         w = strtok_r (NULL, " \t\r\n", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    const struct command *c = argc ? find_command (argv[0]) : NULL;
    if (c && c->run)
        c->run (ss, argc, argv);
    else if (c && strcmp (c->name, "quit") == 0)
        quit = true;
    else if (c)
        help (ss, argc, argv);
    free (copy);
    return quit;
}
