/* The process that is asked about jobs, flux.job.pipeline.
 *
 * Happy path: crew_ask starts it, and writes a line; stdout_cb finds its answer, which
 * is that to the one who waits longest.
 * Failures: it does not start, ends, or says what is no answer: all who wait are told,
 * with its last words; the next one that is asked for starts another. Its input is
 * full: EAGAIN. */
#include "crew.h"

#include <flux/attr.h>
#include <flux/flog.h>
#include <flux/subprocess.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include "base/list.h"
#include "config.h"

struct asked {
    struct list node;
    void *arg;
};

struct crew {
    flux_t *h;
    char *config;
    size_t buffer_size;
    crew_answer_f cb;
    flux_subprocess_t *p; /* NULL: there is none */
    struct list asked;
    char words[256]; /* the last line on stderr */
};

static void answer_first (struct crew *crew, int errnum, const char *text, json_t *data)
{
    struct asked *a = container_of (list_pop (&crew->asked), struct asked, node);
    void *arg = a->arg;

    free (a);
    crew->cb (errnum, text, data, arg);
}

static void answer_all (struct crew *crew, int errnum, const char *text)
{
    while (!list_empty (&crew->asked))
        answer_first (crew, errnum, text, NULL);
}

/* Nobody else would reap it. */
static void drop (struct crew *crew)
{
    pid_t pid = crew->p ? flux_subprocess_pid (crew->p) : -1;

    if (pid > 0 && flux_subprocess_state (crew->p) != FLUX_SUBPROCESS_EXITED) {
        kill (pid, SIGKILL);
        waitpid (pid, NULL, 0);
    }
    flux_subprocess_destroy (crew->p);
    crew->p = NULL;
}

static void lost (struct crew *crew, const char *why)
{
    char text[512];

    snprintf (text, sizeof (text), "job plugins: %s%s%s", why,
              crew->words[0] ? ": " : "", crew->words);
    flux_log (crew->h, LOG_ERR, "%s", text);
    drop (crew);
    answer_all (crew, EAGAIN, text);
}

static bool take_line (struct crew *crew, const char *line, size_t len)
{
    json_t *o = json_loadb (line, len, 0, NULL);
    json_t *data = NULL;
    const char *text = "refused by a plugin";
    int errnum;

    if (list_empty (&crew->asked)
        || json_unpack (o, "{s:i s?s s?o}", "errnum", &errnum, "errstr", &text, "data",
                        &data)
               < 0) {
        json_decref (o);
        return false;
    }
    answer_first (crew, errnum, text, data);
    json_decref (o);
    return true;
}

static void stdout_cb (flux_subprocess_t *p, const char *stream)
{
    struct crew *crew = flux_subprocess_aux_get (p, "crew");
    const char *line;
    int n = flux_subprocess_read_line (p, stream, &line);

    if (p == crew->p && n > 0 && !take_line (crew, line, n))
        lost (crew, "what they print is no answer");
}

static void stderr_cb (flux_subprocess_t *p, const char *stream)
{
    struct crew *crew = flux_subprocess_aux_get (p, "crew");
    const char *line;
    int n = flux_subprocess_read_trimmed_line (p, stream, &line);

    if (n <= 0)
        return;
    flux_log (crew->h, LOG_ERR, "job plugins: %.*s", n, line);
    snprintf (crew->words, sizeof (crew->words), "%.*s", n, line);
}

static void completion_cb (flux_subprocess_t *p)
{
    struct crew *crew = flux_subprocess_aux_get (p, "crew");
    int status = flux_subprocess_status (p);
    char why[64];

    if (p != crew->p)
        return;
    if (WIFSIGNALED (status))
        snprintf (why, sizeof (why), "%s", strsignal (WTERMSIG (status)));
    else
        snprintf (why, sizeof (why), "exit %d", WEXITSTATUS (status));
    lost (crew, why);
}

static flux_cmd_t *create_command (const struct crew *crew)
{
    char *argv[] = { (char *)FLUX_PYTHON, (char *)"-m", (char *)"flux.job.pipeline",
                     crew->config, NULL };
    const char *uri = flux_attr_get (crew->h, "local-uri");
    flux_cmd_t *cmd = flux_cmd_create (4, argv, environ);
    char size[32];

    snprintf (size, sizeof (size), "%zu", crew->buffer_size);
    if (cmd && flux_cmd_setopt (cmd, "stdin_BUFSIZE", size) == 0
        && flux_cmd_setopt (cmd, "stdout_BUFSIZE", size) == 0
        && flux_cmd_setcwd (cmd, "/") == 0
        && (!uri || flux_cmd_setenvf (cmd, 1, "FLUX_URI", "%s", uri) == 0))
        return cmd;
    flux_cmd_destroy (cmd);
    return NULL;
}

static int start (struct crew *crew)
{
    static const flux_subprocess_ops_t ops = {
        .on_completion = completion_cb,
        .on_stdout = stdout_cb,
        .on_stderr = stderr_cb,
    };
    flux_cmd_t *cmd = create_command (crew);

    crew->words[0] = '\0';
    crew->p = cmd ? flux_local_exec (flux_get_reactor (crew->h), 0, cmd, &ops) : NULL;
    int saved_errno = errno;
    flux_cmd_destroy (cmd);
    errno = saved_errno;
    if (!crew->p)
        return -1;
    if (flux_subprocess_aux_set (crew->p, "crew", crew, NULL) < 0) {
        drop (crew);
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

int crew_ask (struct crew *crew, const char *line, size_t len, void *arg)
{
    struct asked *a;

    if (!crew->p && start (crew) < 0)
        return -1;
    if (!(a = calloc (1, sizeof (*a))))
        return -1;
    a->arg = arg;
    if (flux_subprocess_write (crew->p, "stdin", line, len) < 0) {
        free (a);
        errno = errno == ENOSPC ? EAGAIN : errno;
        return -1;
    }
    list_append (&crew->asked, &a->node);
    return 0;
}

struct crew *crew_create (flux_t *h, const char *config, size_t buffer_size,
                          crew_answer_f cb)
{
    struct crew *crew = calloc (1, sizeof (*crew));

    if (!crew || !(crew->config = strdup (config))) {
        free (crew);
        return NULL;
    }
    crew->h = h;
    crew->buffer_size = buffer_size;
    crew->cb = cb;
    list_init (&crew->asked);
    return crew;
}

void crew_destroy (struct crew *crew)
{
    if (!crew)
        return;
    drop (crew);
    answer_all (crew, EAGAIN, "job plugins: they are ended");
    free (crew->config);
    free (crew);
}
