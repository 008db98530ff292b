/* A constraint on jobs, as anybody may send one, on some jobs: what its states rule out
 * beforehand it does not match. */
#include <stdint.h>
#include <stdlib.h>

#include "jobs.h"
#include "value/resource/constraint.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void try (const struct constraint *c, int states, const struct job *job)
{
    if (job_match (c, job) && !(states & job->state))
        abort ();
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    json_t *o =
        json_loadb ((const char *)data, size, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    flux_error_t error = { "" };
    struct constraint *c = o ? job_constraint (o, &error) : NULL;

    if (o && !c && !error.text[0])
        abort (); /* it is said why */
    if (c) {
        int states = job_constraint_states (o);

        for (int i = 0; i < 7; i++) {
            struct job job = {
                .id = i,
                .userid = i % 3,
                .urgency = 16,
                .state = 1 << i,
                .result = 1 << i % 4,
                .t = { 1700000000. + i, i > 2 ? 1700000001. : 0 },
            };

            try (c, states, &job);
            job.nodelist = "n[0-3]";
            job.ranks = "0-3";
            job.name = "ab";
            job.queue = "a";
            try (c, states, &job);
        }
    }
    constraint_destroy (c);
    json_decref (o);
    return 0;
}
