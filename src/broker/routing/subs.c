#include "broker/routing/subs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sub {
    char *prefix;
    size_t len;
    int count;
};

void subs_fini (struct subs *s)
{
    for (size_t i = 0; i < s->count; i++)
        free (s->v[i].prefix);
    free (s->v);
    memset (s, 0, sizeof (*s));
}

/* Where prefix is, or would go: the array is sorted. */
static size_t position (const struct subs *s, const char *prefix, bool *found)
{
    size_t low = 0, high = s->count;

    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int diff = strcmp (s->v[mid].prefix, prefix);

        if (diff == 0) {
            *found = true;
            return mid;
        }
        if (diff < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int subs_grow (struct subs *s)
{
    size_t cap = s->cap ? s->cap * 2 : 4;
    struct sub *v;

    if (s->count < s->cap)
        return 0;
    if (!(v = realloc (s->v, cap * sizeof (*v))))
        return -1;
    s->v = v;
    s->cap = cap;
    return 0;
}

int subs_add (struct subs *s, const char *prefix)
{
    struct sub sub = { .len = strlen (prefix), .count = 1 };
    bool found;
    size_t i = position (s, prefix, &found);

    if (found) {
        s->v[i].count++;
        return 0;
    }
    if (sub.len > SUBS_PREFIX_MAX || s->count == SUBS_MAX) {
        errno = sub.len > SUBS_PREFIX_MAX ? ENAMETOOLONG : ENOSPC;
        return -1;
    }
    if (subs_grow (s) < 0 || !(sub.prefix = strdup (prefix)))
        return -1;
    memmove (s->v + i + 1, s->v + i, (s->count - i) * sizeof (*s->v));
    s->v[i] = sub;
    s->count++;
    return 0;
}

int subs_remove (struct subs *s, const char *prefix)
{
    bool found;
    size_t i = position (s, prefix, &found);

    if (!found) {
        errno = ENOENT;
        return -1;
    }
    if (--s->v[i].count == 0) {
        free (s->v[i].prefix);
        s->count--;
        memmove (s->v + i, s->v + i + 1, (s->count - i) * sizeof (*s->v));
    }
    return 0;
}

/* How many prefixes are not behind the first len bytes of topic. */
static size_t not_behind (const struct subs *s, const char *topic, size_t len)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int diff = strncmp (s->v[mid].prefix, topic, len);

        if (diff < 0 || (diff == 0 && s->v[mid].len <= len))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static size_t common_len (const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] && a[n] == b[n])
        n++;
    return n;
}

/* The last prefix that is not behind the topic matches it, or all that do are no
 * longer than what the two have in common: look again for that much of the topic. */
bool subs_match (const struct subs *s, const char *topic)
{
    size_t len, i;

    if (s->count == 0)
        return false;
    len = strlen (topic);
    while ((i = not_behind (s, topic, len)) > 0) {
        const struct sub *sub = &s->v[i - 1];

        len = common_len (sub->prefix, topic);
        if (len == sub->len)
            return true;
    }
    return false;
}
