/* --define: python3 runs once for a definition, and computes it for all inputs. */
#include "cmd/submit/bulk.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char program[] =
    "import json, sys\n"
    "lists = json.load(sys.stdin)\n"
    "try:\n"
    "    code = compile(sys.argv[1], '--define', 'eval')\n"
    "    r = [[str(eval(code, {}, {'x': x})) for x in l] for l in lists]\n"
    "except Exception as e:\n"
    "    r = ' '.join(str(e).split()) or type(e).__name__\n"
    "json.dump(r, sys.stdout)\n";

/* The inputs are in a file, so that neither side waits for the other. */
static int input_file (json_t *items)
{
    char *s = json_dumps (items, JSON_COMPACT);
    int fd = s ? memfd_create ("inputs", MFD_CLOEXEC) : -1;
    if (fd >= 0
        && (fd_write_all (fd, s, strlen (s)) < 0 || lseek (fd, 0, SEEK_SET) < 0)) {
        close (fd);
        fd = -1;
    }
    free (s);
    return fd;
}

static pid_t start_python (const char *code, int in, int out)
{
    const char *argv[] = { "python3", "-c", program, code, NULL };
    posix_spawn_file_actions_t actions;
    pid_t pid;
    posix_spawn_file_actions_init (&actions);
    posix_spawn_file_actions_adddup2 (&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2 (&actions, out, STDOUT_FILENO);
    errno = posix_spawnp (&pid, argv[0], &actions, NULL, (char **)argv, environ);
    posix_spawn_file_actions_destroy (&actions);
    return errno == 0 ? pid : -1;
}

/* What it prints, decoded; NULL with *error. */
static json_t *compute (json_t *items, const char *code, flux_error_t *error)
{
    int fd[2] = { -1, -1 };
    int in = input_file (items);
    json_t *o = NULL;
    size_t len;
    pid_t pid = -1;
    if (in >= 0 && pipe2 (fd, O_CLOEXEC) == 0)
        pid = start_python (code, in, fd[1]);
    if (pid < 0)
        error_invalid (error, "python3: %s", strerror (errno));
    close (in);
    close (fd[1]);
    if (pid >= 0) {
        char *text = fd_read_all (fd[0], &len);
        waitpid (pid, NULL, 0);
        if (!text || !(o = json_loads (text, JSON_DECODE_ANY, NULL)))
            error_invalid (error, "python3 has failed");
        free (text);
    }
    close (fd[0]);
    return o;
}

int bulk_define_code (struct bulk *b, const char *arg, flux_error_t *error)
{
    flux_error_t why = { { 0 } };
    size_t n = strcspn (arg, "=");
    if (n == 0 || arg[n] == '\0')
        return error_invalid (error, "--define=%s: not NAME=CODE", arg);
    json_t *items = bulk_items (b, error);
    if (!items)
        return -1;
    json_t *values = compute (items, arg + n + 1, &why);
    char *name = strndup (arg, n);
    int rc = -1;
    if (json_is_array (values) && name)
        rc = bulk_define (b, name, values, error);
    else
        error_invalid (error, "--define=%s: %s", arg,
                       values ? json_string_value (values) : why.text);
    free (name);
    json_decref (items);
    json_decref (values);
    return rc;
}
