#include "shell/job/simple.h"

#include <string.h>

#include "shell/job/layout.h"
#include "shell/shell.h"

/* Those whose work is done between the start record and the exec of a task, in memory or
 * in the child. Not among them: pty (a session), nosetpgrp (the server's process group),
 * sysmon (of all children of the process), oom.adjust and stop-tasks-in-exec (/proc and
 * ptrace), and what is handed over to the shell with plugins. */
static bool option_is_simple (const char *name)
{
    static const char *const names[] = {
        "cpu-affinity", "exit-on-error", "exit-timeout", "gpu-affinity", "input",
        "mpi",          "output",        "per-resource", "pmi",          "pmi-simple",
        "rlimit",       "signal",        "taskmap",      "verbose",
    };

    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        if (!strcmp (name, names[i]))
            return true;
    }
    return false;
}

/* A file may be a pipe without reader, or lie on a disk that does not answer. */
static bool stream_is_file (const json_t *stream)
{
    const char *type = json_string_value (json_object_get (stream, "type"));
    return type && !strcmp (type, "file");
}

static bool has_files (const struct shell *sh)
{
    const json_t *options = sh->jobspec.shell_options;
    const json_t *output = json_object_get (options, "output");
    const json_t *attributes = json_object_get (sh->jobspec_json, "attributes");
    const json_t *system = json_object_get (attributes, "system");

    return stream_is_file (json_object_get (output, "stdout"))
           || stream_is_file (json_object_get (output, "stderr"))
           || stream_is_file (
               json_object_get (json_object_get (options, "input"), "stdin"))
           || json_object_get (system, "files");
}

bool shell_is_simple (const struct shell *sh, size_t len, uid_t uid)
{
    const char *name;
    json_t *value;
    int tasks;

    if (sh->site_plugins || sh->userid != uid || len > SIMPLE_RECORD_MAX || sh->rank < 0
        || sh->rank >= sh->node_count)
        return false;
    tasks = sh->nodes[sh->rank].tasks;
    if (tasks < 1 || tasks > SIMPLE_TASKS_MAX || has_files (sh))
        return false;
    json_object_foreach (sh->jobspec.shell_options, name, value) {
        if (!option_is_simple (name))
            return false;
    }
    return true;
}
