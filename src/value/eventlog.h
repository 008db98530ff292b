/* Eventlogs (RFC 18): lines of JSON {timestamp, name, context?}. */
#ifndef VALUE_EVENTLOG_H
#define VALUE_EVENTLOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A line with its newline, owned by the caller. context may be NULL (none);
 * it is borrowed. timestamp <= 0: now. */
char *eventlog_line (double timestamp, const char *name, json_t *context);
/* An entry object; NULL with EINVAL if s is not one valid entry. */
json_t *eventlog_entry_decode (const char *s, size_t len);
bool eventlog_entry_valid (json_t *entry);
/* Borrowed from the entry; any of the three may be NULL. */
int eventlog_entry_parse (json_t *entry, double *timestamp, const char **name,
                          json_t **context);
/* An array of entries; NULL with EINVAL. */
json_t *eventlog_decode (const char *s, size_t len);
/* Iterate over the lines of a log without decoding them all. */
bool eventlog_next_line (const char **pos, const char *end, const char **line,
                         size_t *len);

/* Text as `flux job eventlog` and `flux kvs eventlog` print it. */
enum eventlog_time {
    EVENTLOG_TIME_RAW,
    EVENTLOG_TIME_ISO,
    EVENTLOG_TIME_OFFSET,
    EVENTLOG_TIME_HUMAN
};
struct eventlog_formatter {
    enum eventlog_time time;
    bool json; /* one JSON object per line instead of text */
    bool color;
    double t0; /* set by the first entry */
    double last_minute;
};
/* One line without newline, owned by the caller. */
char *eventlog_format (struct eventlog_formatter *f, json_t *entry);
/* Only "key=val key=val", owned by the caller. */
char *eventlog_format_context (json_t *context);

#endif
