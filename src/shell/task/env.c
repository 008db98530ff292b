/* The environment of tasks: the jobspec's, and what Flux adds. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell/shell.h"

/* Those that shell_env_task fills in, at the end of sh->env. */
enum { ENV_TASK_RANK, ENV_LOCAL_ID, ENV_PMI_FD, ENV_PMI_RANK, ENV_PMI_SIZE, ENV_SLOTS };

/* Of the submitter's own environment; they would mislead the task. */
bool shell_env_is_ours (const char *name)
{
    static const char *names[] = {
        "FLUX_JOB_ID",        "FLUX_JOB_ID_PATH",
        "FLUX_JOB_SIZE",      "FLUX_JOB_NNODES",
        "FLUX_JOB_TMPDIR",    "FLUX_TASK_RANK",
        "FLUX_TASK_LOCAL_ID", "FLUX_URI",
        "FLUX_KVS_NAMESPACE", "FLUX_PROXY_REMOTE",
        "FLUX_ENCLOSING_ID",  "PMI_FD",
        "PMI_RANK",           "PMI_SIZE",
        "PMI_SPAWNED",        "FLUX_PMI_LIBRARY_PATH",
        "FLUX_FAKE_HOSTNAME",
    };
    if (strncmp (name, "FLUX_", 5) && strncmp (name, "PMI_", 4))
        return false;
    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        if (!strcmp (name, names[i]))
            return true;
    }
    return false;
}

static int find (const struct shell *sh, const char *name, size_t len)
{
    for (int i = 0; i < sh->env_count; i++) {
        if (!strncmp (sh->env[i], name, len) && sh->env[i][len] == '=')
            return i;
    }
    return -1;
}

/* Room for one more, and for what each task gets. */
static int reserve (struct shell *sh, int more)
{
    int need = sh->env_count + more + ENV_SLOTS + 1;
    char **env;

    if (need <= sh->env_size)
        return 0;
    need += need / 2;
    if (!(env = realloc (sh->env, need * sizeof (*env))))
        return -1;
    sh->env = env;
    sh->env_size = need;
    return 0;
}

static int add_entry (struct shell *sh, char *take_entry)
{
    if (!take_entry || reserve (sh, 1) < 0) {
        free (take_entry);
        errno = ENOMEM;
        return -1;
    }
    sh->env[sh->env_count++] = take_entry;
    return 0;
}

static int add (struct shell *sh, const char *name, const char *value)
{
    char *s;
    return add_entry (sh, asprintf (&s, "%s=%s", name, value) < 0 ? NULL : s);
}

const char *shell_env_get (const struct shell *sh, const char *name)
{
    size_t len = strlen (name);
    int i = find (sh, name, len);
    return i < 0 ? NULL : sh->env[i] + len + 1;
}

int shell_env_set (struct shell *sh, const char *name, const char *value)
{
    int i = find (sh, name, strlen (name));
    char *s;

    if (i < 0)
        return add (sh, name, value);
    if (asprintf (&s, "%s=%s", name, value) < 0)
        return -1;
    free (sh->env[i]);
    sh->env[i] = s;
    return 0;
}

void shell_env_unset (struct shell *sh, const char *name)
{
    int i = find (sh, name, strlen (name));

    if (i < 0)
        return;
    free (sh->env[i]);
    sh->env_count--;
    memmove (sh->env + i, sh->env + i + 1, (sh->env_count - i) * sizeof (*sh->env));
}

static int add_int (struct shell *sh, const char *name, int value)
{
    char s[16];
    snprintf (s, sizeof (s), "%d", value);
    return add (sh, name, s);
}

static int add_path (struct shell *sh)
{
    const char *path = sh->jobid_path;
    char s[512];
    size_t len = strlen (path);
    snprintf (s, sizeof (s), "%s%s%s", path, len && path[len - 1] == '/' ? "" : "/",
              sh->f58);
    return add (sh, "FLUX_JOB_ID_PATH", s);
}

int shell_env_pmi (struct shell *sh)
{
    const char *pmi = getenv ("FLUX_PMI_LIBRARY_PATH");
    const char *slash = pmi ? strrchr (pmi, '/') : NULL;
    const char *before;
    char *s;
    int rc;

    if (!slash || !sh->pmi)
        return 0;
    before = shell_env_get (sh, "LD_LIBRARY_PATH");
    if (asprintf (&s, "%.*s%s%s", (int)(slash - pmi), pmi,
                  before && before[0] ? ":" : "", before ? before : "")
        < 0)
        return -1;
    rc = shell_env_set (sh, "LD_LIBRARY_PATH", s);
    free (s);
    /* Open MPI names its shared memory after host and local rank: that is not enough
     * where several shells of a job are on one host. What the submitter's environment has
     * may be of a job around this one. */
    if (rc == 0 && sh->tmpdir[0])
        rc = shell_env_set (sh, "OMPI_MCA_btl_vader_backing_directory", sh->tmpdir);
    return rc < 0 ? -1 : shell_env_set (sh, "FLUX_PMI_LIBRARY_PATH", pmi);
}

int shell_env_init (struct shell *sh)
{
    json_t *env = sh->jobspec.environment;
    const char *uri = getenv ("FLUX_URI"), *host = getenv ("FLUX_FAKE_HOSTNAME");
    const char *name;
    json_t *value;
    char ns[32]; /* flux_job_kvs_namespace */

    if (reserve (sh, json_object_size (env) + 16) < 0)
        return -1;
    json_object_foreach (env, name, value) {
        if (json_is_string (value) && !shell_env_is_ours (name)
            && add (sh, name, json_string_value (value)) < 0)
            return -1;
    }
    if (uri && add (sh, "FLUX_URI", uri) < 0)
        return -1;
    /* An instance that is a job finds itself in R by the name of its broker's host. */
    if (host && add (sh, "FLUX_FAKE_HOSTNAME", host) < 0)
        return -1;
    snprintf (ns, sizeof (ns), "job-%" PRIu64, sh->id);
    if (add (sh, "FLUX_KVS_NAMESPACE", ns) < 0 || add (sh, "FLUX_JOB_ID", sh->f58) < 0
        || add_path (sh) < 0 || add_int (sh, "FLUX_JOB_SIZE", sh->ntasks) < 0
        || add_int (sh, "FLUX_JOB_NNODES", sh->size) < 0
        || add (sh, "FLUX_JOB_TMPDIR", sh->tmpdir) < 0)
        return -1;
    return 0;
}

char **shell_env_task (struct shell *sh, struct task *task, int pmi_fd)
{
    static char slots[ENV_SLOTS][40];
    int n = sh->env_count;

    snprintf (slots[ENV_TASK_RANK], sizeof (slots[0]), "FLUX_TASK_RANK=%d", task->rank);
    snprintf (slots[ENV_LOCAL_ID], sizeof (slots[0]), "FLUX_TASK_LOCAL_ID=%d",
              task->localid);
    snprintf (slots[ENV_PMI_FD], sizeof (slots[0]), "PMI_FD=%d", pmi_fd);
    snprintf (slots[ENV_PMI_RANK], sizeof (slots[0]), "PMI_RANK=%d", task->rank);
    snprintf (slots[ENV_PMI_SIZE], sizeof (slots[0]), "PMI_SIZE=%d", sh->ntasks);
    for (int i = 0; i < (pmi_fd < 0 ? ENV_PMI_FD : ENV_SLOTS); i++)
        sh->env[n++] = slots[i];
    sh->env[n] = NULL;
    return sh->env;
}

void shell_env_fini (struct shell *sh)
{
    for (int i = 0; i < sh->env_count; i++)
        free (sh->env[i]);
    free (sh->env);
}
