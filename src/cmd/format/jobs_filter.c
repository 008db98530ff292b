#include "cmd/format/jobs_filter.h"

#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>

static void add_filter_word (json_t *states, json_t *results, const char *word)
{
    flux_job_state_t state;
    flux_job_result_t result;
    if (flux_job_strtostate (word, &state) == 0 || !strcmp (word, "pending")
        || !strcmp (word, "running") || !strcmp (word, "active")
        || !strcmp (word, "inactive"))
        json_array_append_new (states, json_string (word));
    else if (flux_job_strtoresult (word, &result) == 0)
        json_array_append_new (results, json_string (word));
    else
        cmd_die ("ERROR: Invalid filter specified: %s", word);
}

json_t *jobs_filter_constraint (const char *filter)
{
    json_t *states = json_array ();
    json_t *results = json_array ();
    char *copy = strdup (filter);
    char *rest = copy;
    char *word;
    while (rest && (word = strsep (&rest, ","))) {
        for (char *c = word; *c; c++)
            *c = *c >= 'A' && *c <= 'Z' ? *c + 32 : *c;
        if (*word)
            add_filter_word (states, results, word);
    }
    free (copy);
    if (json_array_size (states) + json_array_size (results) == 0)
        cmd_die ("ERROR: Invalid filter specified: %s", filter);
    json_t *o;
    if (json_array_size (results) == 0)
        o = json_pack ("{s:O}", "states", states);
    else if (json_array_size (states) == 0)
        o = json_pack ("{s:O}", "results", results);
    else
        o = json_pack ("{s:[{s:O},{s:O}]}", "or", "states", states, "results", results);
    json_decref (states);
    json_decref (results);
    return o;
}
