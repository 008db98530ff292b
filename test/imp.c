/* imp exec SHELL ARGS | imp run ARGS: a double of the setuid helper of RFC 15, for
 * system/trust/imp*.t. Installed setuid it runs SHELL as the user that has signed the
 * jobspec which $FLUX_IMP_EXEC_HELPER prints, passes signals on, SIGUSR1 as SIGKILL, and
 * ends as that does. Beside it lie files of the test: `imp.log`, `fails`, `talks`, with which
 * it says so when it begins, `hangs`, with which it does not end where it should end others,
 * and `hostile`, which is run in the place of a server of shells. */
#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/encode.h"

static char dir[PATH_MAX];
static uid_t caller;

static void die (const char *what)
{
    fprintf (stderr, "imp: %s: %s\n", what, strerror (errno));
    exit (1);
}

static const char *beside (const char *name)
{
    static char path[PATH_MAX + 32];

    snprintf (path, sizeof (path), "%s/%s", dir, name);
    return path;
}

static void become (uid_t uid)
{
    if (setgroups (0, NULL) < 0 || setresgid (uid, uid, uid) < 0
        || setresuid (uid, uid, uid) < 0)
        die ("setresuid");
}

/* As the caller, who could do so anyway. */
static json_t *ask_caller (void)
{
    char *helper = getenv ("FLUX_IMP_EXEC_HELPER"), *argv[8], *save;
    int fd[2], n = 0;

    if (!helper || pipe (fd) < 0)
        die ("FLUX_IMP_EXEC_HELPER");
    if (fork () == 0) {
        become (caller);
        dup2 (fd[1], 1);
        for (char *s = strtok_r (helper, " ", &save); s && n < 7;
             s = strtok_r (NULL, " ", &save))
            argv[n++] = s;
        argv[n] = NULL;
        execv (argv[0], argv);
        die (argv[0]);
    }
    close (fd[1]);
    FILE *f = fdopen (fd[0], "r");
    json_t *o = json_loadf (f, JSON_DISABLE_EOF_CHECK, NULL);
    fclose (f);
    wait (NULL);
    unsetenv ("FLUX_IMP_EXEC_HELPER");
    return o;
}

/* The head of a signed jobspec is names and values, with a NUL behind each. */
static uid_t signer (void)
{
    const char *J;
    char head[512], text[256];
    json_t *o = ask_caller ();

    if (!o || json_unpack (o, "{s:s}", "J", &J) < 0)
        die ("no jobspec");
    size_t len = strcspn (J, ".");
    snprintf (head, sizeof (head), "%.*s", (int)len, J);
    ssize_t n = base64_decode (text, head, strlen (head));
    for (char *p = text; n > 0 && p < text + n; p += strlen (p) + 1) {
        if (strcmp (p, "userid") == 0)
            return (uid_t)strtoul (p + 8, NULL, 10); /* behind "userid", "i" */
    }
    die ("nobody has signed");
    return 0;
}

static void note (uid_t uid, char **argv)
{
    FILE *f = fopen (beside ("imp.log"), "a");

    if (!f)
        return;
    fprintf (f, "exec %u", (unsigned)uid);
    for (; *argv; argv++)
        fprintf (f, " %s", strrchr (*argv, '/') ? strrchr (*argv, '/') + 1 : *argv);
    fprintf (f, "\n");
    fclose (f);
}

static pid_t shell;

static void pass (int signum)
{
    kill (shell, signum == SIGUSR1 ? SIGKILL : signum);
}

static int follow (void)
{
    static const int signums[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT };
    struct sigaction sa = { .sa_handler = pass };
    int status;

    for (size_t i = 0; i < sizeof (signums) / sizeof (signums[0]); i++)
        sigaction (signums[i], &sa, NULL);
    while (waitpid (shell, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

static int run_shell (char **argv)
{
    uid_t uid = signer ();

    note (uid, argv);
    if (access (beside ("talks"), F_OK) == 0)
        fprintf (stderr, "imp: as %u\n", (unsigned)uid);
    if (access (beside ("fails"), F_OK) == 0) {
        fprintf (stderr, "imp: no\n");
        return 1;
    }
    if (strcmp (argv[1], "--end") == 0 && access (beside ("hangs"), F_OK) == 0) {
        become (0); /* the caller cannot kill it */
        for (;;)
            pause ();
    }
    if (strcmp (argv[1], "--server") == 0 && access (beside ("hostile"), F_OK) == 0)
        argv[0] = strdup (beside ("hostile"));
    if ((shell = fork ()) == 0) {
        become (uid);
        execv (argv[0], argv);
        die (argv[0]);
    }
    return follow ();
}

int main (int argc, char *argv[])
{
    ssize_t n = readlink ("/proc/self/exe", dir, sizeof (dir) - 1);

    if (n < 0)
        die ("/proc/self/exe");
    *strrchr (dir, '/') = '\0';
    caller = getuid ();
    if (argc > 2 && strcmp (argv[1], "run") == 0) {
        argv[1] = (char *)"echo"; /* echo NAME ARGS */
        execvp ("echo", argv + 1);
    }
    if (argc < 4 || strcmp (argv[1], "exec") != 0)
        return 2;
    return run_shell (argv + 2);
}
