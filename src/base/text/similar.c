#include "base/text/similar.h"

#include <string.h>

#define LONGEST 63

static unsigned int least (unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

/* Three rows of the table of distances between all beginnings of a and b. */
unsigned int similar_distance (const char *a, const char *b)
{
    unsigned int rows[3][LONGEST + 1];
    unsigned int *before = rows[0], *last = rows[1], *row = rows[2], *tmp;
    size_t na = strlen (a), nb = strlen (b);

    if (na > LONGEST || nb > LONGEST)
        return 2 * LONGEST;
    for (size_t j = 0; j <= nb; j++)
        last[j] = j;
    for (size_t i = 1; i <= na; i++) {
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = least (last[j], row[j - 1]) + 1;
            row[j] = least (row[j], last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least (row[j], before[j - 2] + 1);
        }
        tmp = before;
        before = last;
        last = row;
        row = tmp;
    }
    return last[nb];
}

void similar_try (struct similar *s, const char *candidate)
{
    size_t len = strlen (s->word);
    unsigned int d = similar_distance (s->word, candidate);

    if (len >= 3 && strncmp (candidate, s->word, len) == 0)
        d = 1;
    if (d <= (len + 1) / 4 + (len == 2) && d < len && (!s->best || d < s->distance)) {
        s->best = candidate;
        s->distance = d;
    }
}
