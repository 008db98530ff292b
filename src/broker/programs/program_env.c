#include "broker/programs/program_env.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a program must not inherit: it concerns the broker's own place in an
 * enclosing job. */
static const char *const unset[] = {
    "FLUX_JOB_ID",
    "FLUX_JOB_ID_PATH",
    "FLUX_JOB_SIZE",
    "FLUX_JOB_NNODES",
    "FLUX_JOB_TMPDIR",
    "FLUX_JOB_CC",
    "FLUX_TASK_*",
    "FLUX_KVS_NAMESPACE",
    "FLUX_PROXY_REMOTE",
    "FLUX_URI",
    "FLUX_ENCLOSING_ID",
    "I_MPI_PMI_LIBRARY",
    "OMPI_MCA_btl_vader_backing_directory",
    "PMI_*",
    "SLURM_*",
    "PMIX_*",
    "PALS_*",
};

static bool is_unset (const char *var)
{
    for (size_t i = 0; i < sizeof (unset) / sizeof (unset[0]); i++) {
        size_t len = strlen (unset[i]);

        if (unset[i][len - 1] == '*') {
            if (strncmp (var, unset[i], len - 1) == 0)
                return true;
        } else if (strncmp (var, unset[i], len) == 0 && var[len] == '=')
            return true;
    }
    return false;
}

char **program_env (char **environ, const char *uri, const char *jobid)
{
    size_t count = 0, n = 0;
    char **env;

    while (environ[count])
        count++;
    if (!(env = calloc (count + 3, sizeof (*env))))
        return NULL;
    if (asprintf (&env[n++], "FLUX_URI=%s", uri) < 0
        || (jobid && asprintf (&env[n++], "FLUX_ENCLOSING_ID=%s", jobid) < 0)) {
        env[n - 1] = NULL; /* what a failure leaves is undefined */
        program_env_free (env);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (!is_unset (environ[i]))
            env[n++] = environ[i];
    return env;
}

void program_env_free (char **env)
{
    if (env) {
        free (env[0]);
        if (env[0] && env[1] && strncmp (env[1], "FLUX_ENCLOSING_ID=", 18) == 0)
            free (env[1]);
        free (env);
    }
}
