/* Jobs that one reader sees: what changed since it was told. Pure. */
#ifndef CMD_WEB_ROWS_H
#define CMD_WEB_ROWS_H

#include <jansson.h>

struct rows {
    json_t *order; /* ids as text, as last told */
    json_t *known; /* id -> the row as last told */
};

int rows_init (struct rows *r);
void rows_fini (struct rows *r);
/* jobs: what job-list answered (RFC 43). New: {"order": [ids], "rows": [those that are
 * new or changed]}; NULL: nothing changed. Ids become text: they do not fit a number of
 * JavaScript. */
json_t *rows_update (struct rows *r, json_t *jobs);

/* A constraint for what a page asks for: state "running", "pending", "inactive",
 * "failed" or "active"; queue and text may be NULL. text: name:X, user:N, or a name
 * (with * and ?). New; NULL with EINVAL. */
json_t *rows_constraint (const char *state, const char *queue, const char *text);

#endif
