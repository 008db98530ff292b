/* The scanner of JSON text (RFC 8259): all that reads JSON reads it by this, in place,
 * over a text that need not end in NUL.
 *
 * Two ways over the same text. Strict: one pass, every byte is looked at, and a fault
 * has a place (struct jscan); for whoever wants all that is there. By spans: the end of
 * a value is found as fast as can be, and no more is checked than that needs
 * (json_span_next); for whoever wants a member or two, of a text that was, or will be,
 * read strictly by somebody else. What is deeper than JSCAN_DEPTH_MAX is a fault. */
#ifndef BASE_JSCAN_H
#define BASE_JSCAN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define JSCAN_DEPTH_MAX 512

struct span {
    const char *s;
    size_t len;
};

/* Strict */

struct jscan {
    const char *start, *p, *end;
    const char *fault; /* set once; every call fails from then on */
    const char *fault_at;
    int depth;
    bool first; /* nothing of the object or array was read yet */
};

void jscan_init (struct jscan *s, const char *text, size_t len);
/* '{' '[' '"' 't' 'f' 'n', '0' for a number, 0 at the end or on a fault. */
char jscan_peek (struct jscan *s);
/* Go into an object or array; then next_key or next_item until it is false. */
bool jscan_object (struct jscan *s);
bool jscan_array (struct jscan *s);
bool jscan_next_key (struct jscan *s, struct span *key, bool *escaped);
bool jscan_next_item (struct jscan *s);
/* What stands between the quotes: UTF-8, valid escapes, no control characters. */
bool jscan_string (struct jscan *s, struct span *inner, bool *escaped);
/* whole: without fraction and exponent. */
bool jscan_number (struct jscan *s, struct span *text, bool *whole);
bool jscan_int (struct jscan *s, int64_t *n);
bool jscan_word (struct jscan *s, const char *word); /* true, false, null */
bool jscan_skip (struct jscan *s);
/* Nothing but space may follow. */
bool jscan_end (struct jscan *s);
bool jscan_fail (struct jscan *s, const char *why);
void jscan_where (const struct jscan *s, int *line, int *column);

/* As jscan_next_key and jscan_string, for a text that the caller may change, to its
 * last byte: strings are unescaped where they stand, with a NUL behind them. */
bool jscan_next_key_in_place (struct jscan *s, char **key);
bool jscan_string_in_place (struct jscan *s, char **out);

/* By spans */

/* The one value that fills s, white space around it allowed. -1 with EINVAL. */
int json_span (const char *s, size_t len, struct span *value);
/* Iterate over the members of an object or the elements of an array: start with
 * *pos = 0. The key (of an element: empty) is what stands between the quotes. 1: one
 * more, 0: end, -1: EINVAL. */
int json_span_next (struct span container, size_t *pos, struct span *key,
                    struct span *value);
/* Quotes included: is it a string without escapes? Then *inner is what it stands for. */
bool json_span_plain (struct span quoted, struct span *inner);
/* What a string, quotes included, stands for is added to b. -1 with EINVAL or ENOMEM. */
int json_span_unquote (struct span quoted, struct buf *b);

/* What the inside of a string stands for, which is never longer; out may be where it
 * is. Its length, or -1 if an escape is none (U+0000 is refused, as jansson does). */
ssize_t json_unescape (char *out, const char *inner, size_t len);

#endif
