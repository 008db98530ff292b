/* JSON read in one pass, in place: strings are unescaped where they stand, nothing is
 * allocated. For graphs, whose text is large and whose keys are known. */
#ifndef FLUXION_JSCAN_H
#define FLUXION_JSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jscan {
    char *start, *p, *end; /* end[0] is writable and is set to NUL */
    const char *fault;     /* set once; every call fails from then on */
    char *fault_at;
    int depth;
    bool first; /* nothing of the object or array was read yet */
};

void jscan_init (struct jscan *s, char *text, size_t len);
/* '{' '[' '"' 't' 'f' 'n', '0' for a number, 0 at the end or on a fault. */
char jscan_peek (struct jscan *s);
/* Go into an object or array; then next_key or next_item until it is false. */
bool jscan_object (struct jscan *s);
bool jscan_array (struct jscan *s);
bool jscan_next_key (struct jscan *s, char **key);
bool jscan_next_item (struct jscan *s);
bool jscan_string (struct jscan *s, char **out);
bool jscan_int (struct jscan *s, int64_t *n);
bool jscan_skip (struct jscan *s);
/* Nothing but space may follow. */
bool jscan_end (struct jscan *s);
bool jscan_fail (struct jscan *s, const char *why);
void jscan_where (const struct jscan *s, int *line, int *column);

#endif
