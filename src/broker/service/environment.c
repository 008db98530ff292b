#include "broker/service/environment.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What was replaced. */
struct old {
    struct old *next;
    void *p;
};

static struct {
    char **list; /* environ, but if somebody else has changed it */
    size_t count, room;
    struct old *old;
    size_t old_bytes;
} env;

static int keep (void *p, size_t size)
{
    struct old *o = malloc (sizeof (*o));

    if (!o)
        return -1;
    *o = (struct old){ env.old, p };
    env.old = o;
    env.old_bytes += size + sizeof (*o);
    return 0;
}

static void show (char **place, char *entry)
{
    __atomic_store_n (place, entry, __ATOMIC_RELEASE);
}

/* A list with room for more, without the variable that has index skip. */
static int renew (size_t room, size_t skip)
{
    char **list = calloc (room + 1, sizeof (*list));
    size_t n = 0;

    if (!list || (env.list && keep (env.list, env.room * sizeof (*list)) < 0)) {
        free (list);
        return -1;
    }
    for (size_t i = 0; i < env.count; i++)
        if (i != skip)
            list[n++] = environ[i];
    env.list = list;
    env.count = n;
    env.room = room;
    __atomic_store_n (&environ, list, __ATOMIC_RELEASE);
    return 0;
}

static int own (void)
{
    if (env.list && environ == env.list)
        return 0;
    for (env.count = 0; environ && environ[env.count];)
        env.count++;
    return renew (env.count + 64, SIZE_MAX);
}

static size_t find (const char *name)
{
    size_t i, len = strlen (name);

    for (i = 0; i < env.count; i++)
        if (strncmp (environ[i], name, len) == 0 && environ[i][len] == '=')
            break;
    return i;
}

static int put (size_t i, char *entry)
{
    char *was = environ[i];

    if (was && keep (was, strlen (was)) < 0)
        return -1;
    if (!was && env.count == env.room && renew (env.room * 2, SIZE_MAX) < 0)
        return -1;
    env.count += !was;
    show (&environ[i], entry); /* behind it is NULL already */
    return 0;
}

int environment_set (const char *name, const char *value)
{
    char *entry;
    size_t i;

    if (own () < 0)
        return -1;
    i = find (name);
    if (value ? i < env.count && strcmp (environ[i] + strlen (name) + 1, value) == 0
              : i == env.count)
        return 0;
    if (env.old_bytes > ENVIRONMENT_OLD_MAX) {
        errno = ENOSPC;
        return -1;
    }
    if (!value) {
        char *was = environ[i];

        return renew (env.room, i) < 0 ? -1 : keep (was, strlen (was));
    }
    if (asprintf (&entry, "%s=%s", name, value) < 0)
        return -1;
    if (put (i, entry) < 0) {
        free (entry);
        return -1;
    }
    return 0;
}

size_t environment_size (void)
{
    size_t size = 0;

    for (char **e = environ; e && *e; e++)
        size += strlen (*e) + 1 + sizeof (*e);
    return size;
}
