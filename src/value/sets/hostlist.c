/* An array of names. */
#include <flux/hostlist.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/sort.h"
#include "value/sets/hostnames.h"

/* Of the cursor. */
#define BEFORE (-1)
#define NONE (-2)

struct hostlist {
    char **names;
    int count;
    int cap;
    int current;  /* NONE, or BEFORE: the first one is next */
    size_t bytes; /* of all names */
    /* Name -> its first index + 1, made by the find that sees a long list a second
     * time. What is appended goes into it; with any other change it is gone. */
    struct hashmap *index;
    int finds;
};

/* Shorter lists are searched faster than an index is made. */
#define INDEX_FROM 32

static void changed (struct hostlist *hl)
{
    hashmap_destroy (hl->index);
    hl->index = NULL;
    hl->finds = 0;
}

struct hostlist *hostlist_create (void)
{
    struct hostlist *hl = calloc (1, sizeof (*hl));

    if (hl)
        hl->current = NONE;
    return hl;
}

static void truncate_to (struct hostlist *hl, int count)
{
    changed (hl);
    while (hl->count > count) {
        hl->bytes -= strlen (hl->names[--hl->count]);
        free (hl->names[hl->count]);
    }
}

void hostlist_destroy (struct hostlist *hl)
{
    if (hl) {
        int saved_errno = errno;
        truncate_to (hl, 0);
        free (hl->names);
        free (hl);
        errno = saved_errno;
    }
}

/* Without memory there is no index, and finding is slow. */
static void index_last (struct hostlist *hl)
{
    const char *name = hl->names[hl->count - 1];

    if (!hashmap_lookup (hl->index, name)
        && hashmap_insert (hl->index, name, (void *)(intptr_t)hl->count) < 0)
        changed (hl);
}

static int push (struct hostlist *hl, const char *name, size_t len)
{
    if (hl->count == HOSTNAMES_MAX || len > HOSTNAMES_MAX_BYTES - hl->bytes) {
        errno = ERANGE;
        return -1;
    }
    if (hl->count == hl->cap) {
        int cap = hl->cap ? hl->cap * 2 : 8;
        char **names = realloc (hl->names, cap * sizeof (*names));
        if (!names)
            return -1;
        hl->names = names;
        hl->cap = cap;
    }
    if (!(hl->names[hl->count] = strndup (name, len)))
        return -1;
    hl->bytes += len;
    hl->count++;
    if (hl->index)
        index_last (hl);
    return 0;
}

static int invalid (void)
{
    errno = EINVAL;
    return -1;
}

static int push_name (const char *name, size_t len, void *arg)
{
    return push (arg, name, len);
}

/* All or nothing. The number of hosts added, or -1. */
static int append_text (struct hostlist *hl, const char *s)
{
    int before = hl->count;
    int rc = hostnames_expand (s, push_name, hl);

    if (rc < 0) {
        int saved_errno = errno;
        truncate_to (hl, before);
        errno = saved_errno;
    }
    return rc;
}

struct hostlist *hostlist_decode (const char *s)
{
    struct hostlist *hl;

    if (!s) {
        errno = EINVAL;
        return NULL;
    }
    if (!(hl = hostlist_create ()))
        return NULL;
    if (append_text (hl, s) < 0) {
        hostlist_destroy (hl);
        return NULL;
    }
    return hl;
}

char *hostlist_encode (struct hostlist *hl)
{
    if (!hl) {
        errno = EINVAL;
        return NULL;
    }
    return hostnames_encode ((const char *const *)hl->names, hl->count);
}

struct hostlist *hostlist_copy (const struct hostlist *hl)
{
    struct hostlist *cpy;

    if (!hl) {
        errno = EINVAL;
        return NULL;
    }
    if (!(cpy = hostlist_create ()))
        return NULL;
    if (hostlist_append_list (cpy, (struct hostlist *)hl) < 0) {
        hostlist_destroy (cpy);
        return NULL;
    }
    return cpy;
}

int hostlist_append (struct hostlist *hl, const char *hosts)
{
    if (!hl || !hosts)
        return invalid ();
    return append_text (hl, hosts);
}

int hostlist_append_list (struct hostlist *a, struct hostlist *b)
{
    int n, before;

    if (!a || !b)
        return invalid ();
    n = b->count;
    before = a->count;
    for (int i = 0; i < n; i++) {
        if (push (a, b->names[i], strlen (b->names[i])) < 0) {
            truncate_to (a, before);
            return -1;
        }
    }
    return n;
}

static const char *at (struct hostlist *hl, int i)
{
    if (i < 0 || i >= hl->count) {
        errno = ENOENT;
        return NULL;
    }
    hl->current = i;
    return hl->names[i];
}

const char *hostlist_nth (struct hostlist *hl, int n)
{
    if (!hl) {
        errno = EINVAL;
        return NULL;
    }
    return at (hl, n);
}

/* Without memory there is no index, and finding is slow. */
static void make_index (struct hostlist *hl)
{
    if (!(hl->index = hashmap_create (NULL)))
        return;
    for (int i = hl->count - 1; i >= 0; i--) {
        if (hashmap_insert (hl->index, hl->names[i], (void *)((intptr_t)i + 1)) < 0) {
            changed (hl);
            return;
        }
    }
}

static int find_name (struct hostlist *hl, const char *name)
{
    if (!hl->index && hl->count >= INDEX_FROM && hl->finds++ > 0)
        make_index (hl);
    if (hl->index)
        return (int)(intptr_t)hashmap_lookup (hl->index, name) - 1;
    for (int i = 0; i < hl->count; i++)
        if (!strcmp (hl->names[i], name))
            return i;
    return -1;
}

int hostlist_find (struct hostlist *hl, const char *hostname)
{
    int i;

    if (!hl || !hostname)
        return invalid ();
    if ((i = find_name (hl, hostname)) < 0)
        errno = ENOENT;
    else
        hl->current = i;
    return i;
}

static void remove_at (struct hostlist *hl, int i)
{
    changed (hl);
    hl->bytes -= strlen (hl->names[i]);
    free (hl->names[i]);
    hl->count--;
    memmove (&hl->names[i], &hl->names[i + 1], (hl->count - i) * sizeof (*hl->names));
}

/* How often each name of the list occurs. */
static struct hashmap *count_names (const struct hostlist *hl)
{
    struct hashmap *counts = hashmap_create (NULL);

    for (int i = 0; counts && i < hl->count; i++) {
        intptr_t n = (intptr_t)hashmap_lookup (counts, hl->names[i]);
        if (hashmap_insert (counts, hl->names[i], (void *)(n + 1)) < 0) {
            hashmap_destroy (counts);
            return NULL;
        }
    }
    return counts;
}

/* Each name of `hosts` takes away the first one that is still there. */
int hostlist_delete (struct hostlist *hl, const char *hosts)
{
    struct hostlist *del;
    struct hashmap *counts;
    int before, kept = 0;

    if (!hl || !hosts)
        return invalid ();
    if (!(del = hostlist_decode (hosts)))
        return -1;
    counts = count_names (del);
    hostlist_destroy (del);
    if (!counts)
        return -1;
    changed (hl);
    before = hl->count;
    for (int i = 0; i < before; i++) {
        char *name = hl->names[i];
        intptr_t n = (intptr_t)hashmap_lookup (counts, name);
        if (n > 0) {
            (void)hashmap_insert (counts, name, (void *)(n - 1));
            hl->bytes -= strlen (name);
            free (name);
        } else
            hl->names[kept++] = name;
    }
    hl->count = kept;
    hl->current = NONE;
    hashmap_destroy (counts);
    return before - kept;
}

int hostlist_count (struct hostlist *hl)
{
    return hl ? hl->count : 0;
}

static int compare (const void *pa, const void *pb)
{
    return hostnames_compare (*(char *const *)pa, *(char *const *)pb);
}

void hostlist_sort (struct hostlist *hl)
{
    if (!hl)
        return;
    changed (hl);
    sort_array (hl->names, hl->count, sizeof (*hl->names), compare);
    hl->current = NONE;
}

void hostlist_uniq (struct hostlist *hl)
{
    int n = 0;

    if (!hl)
        return;
    hostlist_sort (hl);
    for (int i = 0; i < hl->count; i++) {
        if (n > 0 && !strcmp (hl->names[n - 1], hl->names[i])) {
            hl->bytes -= strlen (hl->names[i]);
            free (hl->names[i]);
        } else
            hl->names[n++] = hl->names[i];
    }
    hl->count = n;
}

const char *hostlist_first (struct hostlist *hl)
{
    return hostlist_nth (hl, 0);
}

const char *hostlist_last (struct hostlist *hl)
{
    return hostlist_nth (hl, hl ? hl->count - 1 : 0);
}

const char *hostlist_next (struct hostlist *hl)
{
    if (!hl) {
        errno = EINVAL;
        return NULL;
    }
    if (hl->current == NONE || hl->current + 1 >= hl->count) {
        hl->current = NONE;
        return NULL;
    }
    return hl->names[++hl->current];
}

const char *hostlist_current (struct hostlist *hl)
{
    if (!hl) {
        errno = EINVAL;
        return NULL;
    }
    if (hl->current < 0 || hl->current >= hl->count)
        return NULL;
    return hl->names[hl->current];
}

int hostlist_remove_current (struct hostlist *hl)
{
    if (!hl)
        return invalid ();
    if (!hostlist_current (hl))
        return 0;
    remove_at (hl, hl->current);
    hl->current--; /* hostlist_next gives the one behind */
    return 1;
}

struct hostlist_hostname {
    char *name;
};

struct hostlist_hostname *hostlist_hostname_create (const char *hn)
{
    struct hostlist_hostname *host;

    if (!hn || hn[0] == '\0') {
        errno = EINVAL;
        return NULL;
    }
    if (!(host = malloc (sizeof (*host))))
        return NULL;
    if (!(host->name = strdup (hn))) {
        free (host);
        return NULL;
    }
    return host;
}

void hostlist_hostname_destroy (struct hostlist_hostname *hn)
{
    int saved_errno = errno;

    if (hn)
        free (hn->name);
    free (hn);
    errno = saved_errno;
}

int hostlist_find_hostname (struct hostlist *hl, struct hostlist_hostname *hn)
{
    if (!hl || !hn) {
        errno = EINVAL;
        return -1;
    }
    return hostlist_find (hl, hn->name);
}
