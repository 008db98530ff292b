/* Broker attributes: a table of names, values and what may change them. */
#ifndef BROKER_ATTRS_H
#define BROKER_ATTRS_H

#include <flux/types.h>
#include <stdint.h>

struct attrs;

enum {
    ATTR_IMMUTABLE = 1, /* fixed once the broker runs: clients may cache it */
    ATTR_RUNTIME = 2,   /* attr.set may change it */
    ATTR_NOBOOT = 4,    /* -S must not set it */
};

/* Refuses a new value: -1 with errno and *error. Also where the new value
 * takes effect. */
typedef int (*attrs_check_f) (const char *name, const char *val, void *arg,
                              flux_error_t *error);

/* With all attributes that have a default; NULL with ENOMEM. */
struct attrs *attrs_create (void);
void attrs_destroy (struct attrs *a);

/* For the broker itself: adds or replaces, whatever the flags say. val may
 * be NULL (no value). flags < 0: those of the built-in table, else 0. */
int attrs_put (struct attrs *a, const char *name, const char *val, int flags);
int attrs_putf (struct attrs *a, const char *name, int flags, const char *fmt, ...)
    __attribute__ ((format (printf, 4, 5)));
/* Called when attr.set or -S changes the value. */
void attrs_on_set (struct attrs *a, const char *name, attrs_check_f check, void *arg);

/* -S NAME=VAL. */
int attrs_set_boot (struct attrs *a, const char *name, const char *val,
                    flux_error_t *error);
/* The same but for setting it. */
int attrs_check_boot (const char *name, const char *val, flux_error_t *error);
/* attr.set. ENOENT "unknown attribute", EPERM "attribute may not be updated".
 * force goes past the second, but not past ATTR_IMMUTABLE. */
int attrs_set (struct attrs *a, const char *name, const char *val, bool force,
               flux_error_t *error);
/* attr.rm: what has a default has that again, and who watches it is told. */
int attrs_remove (struct attrs *a, const char *name, flux_error_t *error);

/* ENOENT if there is none; a present attribute may have no value. */
int attrs_get (const struct attrs *a, const char *name, const char **val, int *flags);
/* Value, or NULL. */
const char *attrs_val (const struct attrs *a, const char *name);
/* The statedir outlives the instance. Where rundir stands in for it, whoever made that
 * removes it. */
bool attrs_keep_state (const struct attrs *a);
/* Sorted by name. False at the end; start with *pos = 0. */
bool attrs_next (const struct attrs *a, size_t *pos, const char **name,
                 const char **val, int *flags);

#endif
