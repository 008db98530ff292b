#include "broker/service/logring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct line {
    size_t len;
    char text[];
};

struct logring {
    uint64_t first, next;
    int size;
    struct line **lines; /* seq at index seq % size */
};

struct logring *logring_create (int size)
{
    struct logring *r = calloc (1, sizeof (*r));

    if (r && logring_resize (r, size) < 0) {
        free (r);
        r = NULL;
    }
    return r;
}

static void drop_first (struct logring *r)
{
    free (r->lines[r->first % r->size]);
    r->lines[r->first % r->size] = NULL;
    r->first++;
}

void logring_clear (struct logring *r)
{
    while (r->first < r->next)
        drop_first (r);
}

void logring_destroy (struct logring *r)
{
    if (r) {
        logring_clear (r);
        free (r->lines);
        free (r);
    }
}

int logring_resize (struct logring *r, int size)
{
    struct line **lines;

    if (size < 1 || size > 1 << 24) {
        errno = EINVAL;
        return -1;
    }
    if (!(lines = calloc (size, sizeof (*lines))))
        return -1;
    while (r->next - r->first > (uint64_t)size)
        drop_first (r);
    for (uint64_t seq = r->first; seq < r->next; seq++)
        lines[seq % size] = r->lines[seq % r->size];
    free (r->lines);
    r->lines = lines;
    r->size = size;
    return 0;
}

int logring_append (struct logring *r, const char *text, size_t len)
{
    struct line *line = malloc (sizeof (*line) + len + 1);

    if (!line)
        return -1;
    line->len = len;
    memcpy (line->text, text, len);
    line->text[len] = '\0';
    if (r->next - r->first == (uint64_t)r->size)
        drop_first (r);
    r->lines[r->next++ % r->size] = line;
    return 0;
}

uint64_t logring_first (const struct logring *r)
{
    return r->first;
}

uint64_t logring_next (const struct logring *r)
{
    return r->next;
}

const char *logring_get (const struct logring *r, uint64_t seq, size_t *len)
{
    struct line *line;

    if (seq < r->first || seq >= r->next)
        return NULL;
    line = r->lines[seq % r->size];
    if (len)
        *len = line->len;
    return line->text;
}
