/* Tables: the column-format language of `flux jobs`, `flux resource list` and
 * others, as flux-jobs(1) describes it.
 *
 *   [sort:KEY,-KEY ]  LITERAL  [?:|+:|?+:]{FIELD[!CONV][:SPEC]}  ...
 *
 * ?: drops the column if all its cells are empty or zero, +: widens it to its
 * longest cell. CONV: D d F H P (and s). SPEC is Python's, with the suffixes
 * h (empty, 0s and the epoch become "-") and + (marks a truncated text); after
 * !d it is strftime's, and may end in ::WIDTH.
 *
 * Pure: text in, text out; values come from the caller's format_source. */
#ifndef CMD_FORMAT_H
#define CMD_FORMAT_H

#include "base/buf.h"

#include <flux/types.h>
#include <jansson.h>

enum format_type {
    FORMAT_NULL,
    FORMAT_STRING,
    FORMAT_INT,
    FORMAT_FLOAT,
    FORMAT_BOOL, /* True, False */
};

struct format_value {
    enum format_type type;
    union {
        const char *s; /* valid until the next get */
        int64_t i;
        double f;
        bool b;
    };
};

/* A field as its source knows it. */
struct format_field {
    int id;
    const char *arg;     /* rest of an open-ended name ("k" of user.k), or NULL */
    const char *heading; /* static, or NULL: the name in capitals */
};

/* Where fields and values come from. */
struct format_source {
    /* False: no such field. */
    bool (*resolve) (const char *name, struct format_field *field);
    void (*get) (const struct format_field *field, const void *row,
                 struct format_value *value, void *arg);
    void *arg; /* passed to get */
};

struct format;

/* NULL with EINVAL and *error: "Unknown format field: nosuch". */
struct format *format_create (const char *text, const struct format_source *source,
                              flux_error_t *error);
void format_destroy (struct format *f);

/* True if a field with this id is used, by a column or as a sort key. */
bool format_uses (const struct format *f, int id);

/* Columns with ?: or +: need to see all rows before the first is printed. */
bool format_needs_scan (const struct format *f);
void format_scan (struct format *f, const void *row);
void format_scan_end (struct format *f);

/* Add one line, without a newline. */
void format_header (struct format *f, struct buf *out);
void format_row (struct format *f, const void *row, struct buf *out);

/* Replaces the keys that the format itself may have. -1 with *error. */
int format_set_sort (struct format *f, const char *keys, flux_error_t *error);
bool format_has_sort (const struct format *f);
/* Stable. Nothing to do without keys. */
int format_sort (struct format *f, const void **rows, size_t count);

/* All rows, each of size bytes, behind a header if there is to be one: scanned, sorted, and
 * as lines in *out. -1 with ENOMEM. */
int format_table (struct format *f, const void *rows, size_t count, size_t size,
                  bool header, struct buf *out);

/* Duration as job tables show it: 0.139s, 10.49s, 5.269h; "" if negative. */
void format_duration (char *buf, size_t len, double seconds);

/* Named formats: a command's own, then those of the files flux/PROGNAME.yaml, .toml and
 * .json in $XDG_CONFIG_HOME (~/.config) and $XDG_CONFIG_DIRS (/etc/xdg):
 * { "formats": { "NAME": { "description", "format" } } }; of a name that is there twice the
 * first in this order counts. */
struct format_named {
    const char *name;
    const char *description;
    const char *text;
};
struct format_set {
    const char *progname;
    const char *table;    /* of the files: formats stand within this key; or NULL */
    const char *variable; /* of the environment: what is meant without -o; or NULL */
    const struct format_named *named; /* one is "default" */
};
/* The text for what -o was given, or NULL for nothing: itself if it has a '{', else that of
 * the named format. Owned by the caller. NULL if it asks for something to be printed, which
 * then stands in *answer ("help": all names; "get-config=NAME": a file's text that would
 * define this one), or with *error: "--format: No such format X (Did you mean '{X}'?)", or
 * which file is wrong, and where. */
char *format_choose (const struct format_set *set, const char *given,
                     struct buf *answer, flux_error_t *error);

#endif
