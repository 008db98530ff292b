/* Jobs as job-list tells them (RFC 43), read where they stand: no object is made of a job,
 * which would cost more than all the rest of a long table.
 *
 * Pure: text in, values out. */
#ifndef CMD_JOBS_ROWS_H
#define CMD_JOBS_ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value/job/attrs.h"

struct jobs_value {
    const char
        *s; /* a string ends in NUL, and its escapes are gone; else it is len bytes */
    uint32_t len;
    char type; /* as jscan_peek has it; 0: the job has no such attribute */
};

struct jobs_rows {
    int8_t slot[J_COUNT]; /* in a row, or -1 */
    uint8_t attr[J_COUNT + 1];
    int nslots;
    struct jobs_value *values; /* row after row */
    size_t count, cap;
    json_t *annotations, *dependencies; /* of the row that was last asked for them */
};

/* attrs: those that job-list was asked for. */
void jobs_rows_init (struct jobs_rows *rows, json_t *attrs);
void jobs_rows_fini (struct jobs_rows *rows);
/* The jobs of one answer. Its text, which ends in NUL, is changed, and has to stay as long
 * as the rows. -1 with EINVAL or ENOMEM. */
int jobs_rows_add (struct jobs_rows *rows, char *text, size_t len);

static inline const struct jobs_value *jobs_rows_at (const struct jobs_rows *rows,
                                                     size_t i)
{
    return rows->values + i * rows->nslots;
}

/* Of a row; NULL if it has none. */
const struct jobs_value *jobs_row_value (const struct jobs_rows *rows,
                                         const struct jobs_value *row,
                                         enum job_attr attr);
/* 0 if it is no number. */
int64_t jobs_value_int (const struct jobs_value *v);
double jobs_value_number (const struct jobs_value *v);
/* Of annotations or dependencies: borrowed, until another row is asked. NULL if it has
 * none. */
json_t *jobs_row_json (struct jobs_rows *rows, const struct jobs_value *row,
                       enum job_attr attr);

#endif
