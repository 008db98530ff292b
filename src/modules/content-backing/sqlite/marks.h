/* Which rows of a table are to be kept, and which of them are walked directories. The
 * numbers are dense, or far between after many collections: 64 bits for 32 rows, in a map. */
#ifndef CONTENT_SQLITE_MARKS_H
#define CONTENT_SQLITE_MARKS_H

#include <stdbool.h>
#include <stdint.h>

struct marks;

struct marks *marks_create (void);
void marks_destroy (struct marks *m);
/* walked: also as a directory. 1: that is new, 0: it was, -1 with ENOMEM. */
int marks_set (struct marks *m, int64_t row, bool walked);
bool marks_has (const struct marks *m, int64_t row);

#endif
