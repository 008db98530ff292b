/* What a program of the broker inherits, and what it does not. */
#include "base/test.h"

#include "broker/programs/program_env.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    const char *var;
    bool passed;
} vars[] = {
    { "PATH=/bin", true },
    { "FLUX_URI=local:///outer", false },
    { "FLUX_URI_PATH=x", true }, /* a name that only begins so */
    { "FLUX_JOB_ID=f1", false },
    { "FLUX_JOB_ID_PATH=/f1", false },
    { "FLUX_JOB_SIZE=1", false },
    { "FLUX_JOB_NNODES=1", false },
    { "FLUX_JOB_TMPDIR=/t", false },
    { "FLUX_JOB_CC=1", false },
    { "FLUX_JOB_OTHER=1", true },
    { "FLUX_TASK_RANK=0", false },
    { "FLUX_TASK_", false },
    { "FLUX_KVS_NAMESPACE=n", false },
    { "FLUX_PROXY_REMOTE=h", false },
    { "FLUX_ENCLOSING_ID=f2", false },
    { "I_MPI_PMI_LIBRARY=/l", false },
    { "PMI_RANK=0", false },
    { "PMIX_RANK=0", false },
    { "PMI=1", true },
    { "SLURM_JOB_ID=1", false },
    { "PALS_RANKID=0", false },
    { "FLUX_HOSTNAME=", true },
    { "", true },
    { "no-equals", true },
    { "FLUX_JOB_ID", true }, /* no assignment: nobody reads it */
};

#define COUNT (sizeof (vars) / sizeof (vars[0]))

static void inherited (void **state)
{
    char *environ[COUNT + 1] = { NULL };

    for (size_t i = 0; i < COUNT; i++)
        environ[i] = (char *)vars[i].var;
    for (int job = 0; job < 2; job++) {
        char **env = program_env (environ, "local:///run/x", job ? "f7" : NULL);
        size_t n = 0;

        assert_non_null (env);
        assert_string_equal (env[n++], "FLUX_URI=local:///run/x");
        if (job)
            assert_string_equal (env[n++], "FLUX_ENCLOSING_ID=f7");
        for (size_t i = 0; i < COUNT; i++)
            if (vars[i].passed)
                assert_ptr_equal (env[n++], vars[i].var);
        assert_null (env[n]);
        program_env_free (env);
    }
    program_env_free (NULL);
}

static void empty (void **state)
{
    char *environ[] = { NULL };
    char **env = program_env (environ, "u", NULL);

    assert_string_equal (env[0], "FLUX_URI=u");
    assert_null (env[1]);
    program_env_free (env);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (inherited),
        cmocka_unit_test (empty),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
