#include "broker/subs.h"

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

static struct sub *find (const struct subs *s, const char *prefix)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp (s->v[i].prefix, prefix) == 0)
            return &s->v[i];
    return NULL;
}

int subs_add (struct subs *s, const char *prefix)
{
    struct sub *sub = find (s, prefix);

    if (sub) {
        sub->count++;
        return 0;
    }
    if (s->count == SUBS_MAX) {
        errno = ENOSPC;
        return -1;
    }
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 4;
        struct sub *v = realloc (s->v, cap * sizeof (*v));

        if (!v)
            return -1;
        s->v = v;
        s->cap = cap;
    }
    sub = &s->v[s->count];
    if (!(sub->prefix = strdup (prefix)))
        return -1;
    sub->len = strlen (prefix);
    sub->count = 1;
    s->count++;
    return 0;
}

int subs_remove (struct subs *s, const char *prefix)
{
    struct sub *sub = find (s, prefix);

    if (!sub) {
        errno = ENOENT;
        return -1;
    }
    if (--sub->count == 0) {
        free (sub->prefix);
        *sub = s->v[--s->count];
    }
    return 0;
}

bool subs_match (const struct subs *s, const char *topic)
{
    for (size_t i = 0; i < s->count; i++)
        if (strncmp (s->v[i].prefix, topic, s->v[i].len) == 0)
            return true;
    return false;
}
