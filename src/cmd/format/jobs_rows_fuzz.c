/* What a row says of a job is what the object says that jansson makes of the same text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/format/jobs_rows.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void compare (struct jobs_rows *rows, size_t i, json_t *job)
{
    const struct jobs_value *row = jobs_rows_at (rows, i);

    for (int attr = 0; attr < J_COUNT; attr++) {
        json_t *o = json_object_get (job, job_attr_names[attr]);
        const struct jobs_value *v = jobs_row_value (rows, row, attr);

        if (json_is_string (o) && (!v || strcmp (v->s, json_string_value (o)) != 0))
            abort ();
        if (json_is_integer (o) && jobs_value_int (v) != json_integer_value (o))
            abort ();
        if (json_is_real (o) && jobs_value_number (v) != json_real_value (o)
            && v->len < 64)
            abort ();
    }
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *s = strndup ((const char *)data, size);
    json_t *o = s ? json_loads (s, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *attrs = json_array (), *jobs = json_object_get (o, "jobs"), *job;
    struct jobs_rows rows;
    size_t i;

    for (int attr = 0; attr < J_ID; attr++)
        json_array_append_new (attrs, json_string (job_attr_names[attr]));
    jobs_rows_init (&rows, attrs);
    if (s && jobs_rows_add (&rows, s, strlen (s)) == 0 && o) {
        if (rows.count != json_array_size (jobs))
            abort ();
        json_array_foreach (jobs, i, job)
            compare (&rows, i, job);
    }
    for (i = 0; i < rows.count; i++)
        jobs_row_json (&rows, jobs_rows_at (&rows, i), J_ANNOTATIONS);
    jobs_rows_fini (&rows);
    json_decref (attrs);
    json_decref (o);
    free (s);
    return 0;
}
