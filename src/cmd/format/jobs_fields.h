/* The fields of `flux jobs`: from a job-list object (RFC 43) to cells. */
#ifndef CMD_JOBS_FIELDS_H
#define CMD_JOBS_FIELDS_H

#include "cmd/format/format.h"
#include "cmd/format/jobs_rows.h"

/* Rows are json_t job objects, or, where rows is set, its rows. */
struct jobs_source {
    struct format_source source;
    struct jobs_rows *rows;
    double now; /* of runtime and t_remaining */
    char text[1024];
};

void jobs_source_init (struct jobs_source *js, double now);

/* Attributes that job-list must be asked for so that f can be printed, as a
 * new JSON array. f NULL: all. color: what the color of a row needs, too. */
json_t *jobs_attrs (const struct format *f, bool color);

/* True if f shows {instance.*}: the caller sets "instance" of jobs that are one to what
 * instance_info() says. */
bool jobs_uses_instance (const struct format *f);

/* A job for --json: numbers as numbers, unset fields left out. */
json_t *jobs_to_json (struct jobs_source *js, const json_t *job);

/* What a terminal is told before the row, or NULL. */
const char *jobs_color (const struct jobs_source *js, const void *row);
/* "CD", "F", "R", ...: status_abbrev. */
const char *jobs_status_abbrev (const json_t *job);
/* The job's URI (it is an instance), or NULL. */
const char *jobs_uri (const json_t *job);
bool jobs_is_active (const json_t *job);

extern const struct format_named jobs_formats[];

#endif
