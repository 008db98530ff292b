#include "store.h"

#include "base/hashmap.h"
#include "base/os/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t key_of (const void *digest)
{
    uint64_t key;

    memcpy (&key, digest, sizeof (key));
    return key;
}

static struct list *list_of (struct store *s, enum blob_state state)
{
    switch (state) {
    case BLOB_CLEAN:
        return &s->clean;
    case BLOB_DIRTY:
        return &s->dirty;
    case BLOB_STORING:
        return &s->storing;
    default:
        return &s->stale;
    }
}

static size_t cost_of (const struct store *s, size_t len)
{
    return sizeof (struct blob) + s->digest_size + len + 64;
}

static size_t cost (const struct store *s, const struct blob *b)
{
    return cost_of (s, b->len);
}

static void enter (struct store *s, struct blob *b, enum blob_state state)
{
    b->state = state;
    list_append (list_of (s, state), &b->node);
    s->count[state]++;
    s->bytes[state] += cost (s, b);
}

static void leave (struct store *s, struct blob *b)
{
    list_remove (&b->node);
    s->count[b->state]--;
    s->bytes[b->state] -= cost (s, b);
}

static void move (struct store *s, struct blob *b, enum blob_state state)
{
    leave (s, b);
    enter (s, b, state);
}

int store_init (struct store *s, size_t digest_size, size_t clean_max, size_t stale_max,
                void (*unref) (void *owner))
{
    memset (s, 0, sizeof (*s));
    s->digest_size = digest_size;
    s->clean_max = clean_max;
    s->stale_max = stale_max;
    s->unref = unref;
    list_init (&s->clean);
    list_init (&s->dirty);
    list_init (&s->storing);
    list_init (&s->stale);
    return (s->map = idmap_create (NULL)) ? 0 : -1;
}

static void free_bytes (struct store *s, struct blob *b)
{
    if (b->owner)
        s->unref (b->owner);
    else
        free ((char *)b->data);
}

static void destroy (struct store *s, struct blob *b)
{
    struct blob *first = idmap_lookup (s->map, key_of (b->digest));

    if (first != b) {
        while (first->next != b)
            first = first->next;
        first->next = b->next;
    } else if (b->next) {
        idmap_insert (s->map, key_of (b->digest), b->next);
    } else {
        idmap_remove (s->map, key_of (b->digest));
    }
    leave (s, b);
    free_bytes (s, b);
    free (b);
}

static void destroy_list (struct store *s, struct list *l)
{
    while (!list_empty (l))
        destroy (s, list_first (l, struct blob, node));
}

void store_fini (struct store *s)
{
    if (s->map) {
        destroy_list (s, &s->clean);
        destroy_list (s, &s->dirty);
        destroy_list (s, &s->storing);
        destroy_list (s, &s->stale);
        idmap_destroy (s->map);
        s->map = NULL;
    }
}

static struct blob *find (struct store *s, const void *digest)
{
    struct blob *b = idmap_lookup (s->map, key_of (digest));

    while (b && memcmp (b->digest, digest, s->digest_size))
        b = b->next;
    return b;
}

struct blob *store_lookup (struct store *s, const void *digest)
{
    struct blob *b = find (s, digest);

    if (b && b->epoch != s->epoch) {
        b->epoch = s->epoch;
        if (b->state == BLOB_CLEAN || b->state == BLOB_STALE)
            move (s, b, b->state);
    }
    return b;
}

/* Older than the others, or too many: out. What was used in this epoch may
 * be needed by a reader that has not seen all yet. */
static void shrink (struct store *s)
{
    while (s->bytes[BLOB_CLEAN] > s->clean_max) {
        struct blob *b = list_first (&s->clean, struct blob, node);

        if (b->epoch == s->epoch && s->bytes[BLOB_CLEAN] < 4 * s->clean_max)
            break;
        destroy (s, b);
    }
    while (s->bytes[BLOB_STALE] > s->stale_max)
        destroy (s, list_first (&s->stale, struct blob, node));
}

static int take_bytes (struct blob *b, struct bytes_of *from)
{
    char *copy;

    b->len = from->len;
    if ((b->owner = from->owner)) {
        b->data = from->data;
        from->owner = NULL;
        return 0;
    }
    if (!(copy = pages_alloc (from->len + 1)))
        return -1;
    if (from->len > 0)
        memcpy (copy, from->data, from->len);
    copy[from->len] = '\0';
    b->data = copy;
    return 0;
}

static struct blob *add (struct store *s, const void *digest, struct bytes_of *from,
                         enum blob_state state)
{
    struct blob *b;

    if (!(b = calloc (1, sizeof (*b) + s->digest_size)))
        return NULL;
    if (take_bytes (b, from) < 0) {
        free (b);
        return NULL;
    }
    memcpy (b->digest, digest, s->digest_size);
    b->epoch = s->epoch;
    list_init (&b->node);
    b->next = idmap_lookup (s->map, key_of (digest));
    if (idmap_insert (s->map, key_of (digest), b) < 0) {
        free_bytes (s, b);
        free (b);
        return NULL;
    }
    enter (s, b, state);
    return b;
}

/* It was there already, or there is no memory. */
static void unused (struct store *s, struct bytes_of *from)
{
    if (from->owner)
        s->unref (from->owner);
}

struct blob *store_clean (struct store *s, const void *digest, struct bytes_of from)
{
    struct blob *b = store_lookup (s, digest);

    /* It was there when it was loaded. */
    if (b && !s->renew && !b->hold
        && (b->state == BLOB_DIRTY || b->state == BLOB_STALE))
        move (s, b, BLOB_CLEAN);
    /* What is larger than all may be would go at once. */
    if (!b && cost_of (s, from.len) < 4 * s->clean_max
        && (b = add (s, digest, &from, BLOB_CLEAN)))
        shrink (s);
    unused (s, &from);
    return b;
}

struct blob *store_keep (struct store *s, const void *digest, struct bytes_of from)
{
    struct blob *b = store_lookup (s, digest);

    if (!b)
        b = add (s, digest, &from, BLOB_DIRTY);
    else if (b->state == BLOB_STALE || b->state == BLOB_CLEAN)
        move (s, b, BLOB_DIRTY);
    if (b)
        b->keep = b->hold = true;
    unused (s, &from);
    return b;
}

struct blob *store_ref (struct store *s, const void *digest, struct bytes_of from)
{
    struct blob *b = store_lookup (s, digest);

    if (!b)
        b = add (s, digest, &from, BLOB_DIRTY);
    else if (b->state == BLOB_STALE || (b->state == BLOB_CLEAN && s->renew))
        move (s, b, BLOB_DIRTY);
    if (b)
        b->refs++;
    unused (s, &from);
    return b;
}

void store_unref (struct store *s, const void *digest)
{
    struct blob *b = find (s, digest);

    if (!b || b->refs == 0 || --b->refs > 0 || b->keep)
        return;
    if (b->state == BLOB_DIRTY) {
        b->epoch = s->epoch;
        move (s, b, BLOB_STALE);
        shrink (s);
    }
}

struct blob *store_hold (struct store *s, const void *digest, struct bytes_of from)
{
    struct blob *b = store_lookup (s, digest);

    if (!b)
        b = add (s, digest, &from, BLOB_STORING);
    else if (b->state == BLOB_STALE)
        move (s, b, BLOB_STORING);
    if (b)
        b->refs++;
    unused (s, &from);
    return b;
}

void store_release (struct store *s, const void *digest)
{
    struct blob *b = find (s, digest);

    if (!b || b->state == BLOB_CLEAN)
        return;
    if (b->refs > 0)
        b->refs--;
    b->epoch = s->epoch;
    move (s, b, b->refs > 0 || b->keep ? BLOB_DIRTY : BLOB_STALE);
    shrink (s);
}

void store_pin (struct store *s)
{
    list_foreach (&s->stale, it)
        move (s, container_of (it, struct blob, node), BLOB_DIRTY);
    list_foreach (&s->dirty, it)
        container_of (it, struct blob, node)->keep = true;
    list_foreach (&s->storing, it)
        container_of (it, struct blob, node)->keep = true;
}

struct blob *store_begin (struct store *s)
{
    struct blob *b = list_first (&s->dirty, struct blob, node);

    if (b) {
        b->telling = b->hold;
        move (s, b, BLOB_STORING);
    }
    return b;
}

void store_finish (struct store *s, const void *digest, bool ok)
{
    struct blob *b = find (s, digest);

    if (b && b->state == BLOB_STORING) {
        b->keep = b->keep || !ok;
        b->hold = b->hold && !(ok && b->telling);
        b->telling = false;
        b->epoch = s->epoch;
        move (s, b, ok && !b->hold ? BLOB_CLEAN : BLOB_DIRTY);
        shrink (s);
    }
}

void store_tick (struct store *s, uint32_t clean_age, uint32_t stale_age)
{
    struct blob *b;

    s->epoch++;
    while ((b = list_first (&s->clean, struct blob, node))
           && s->epoch - b->epoch > clean_age)
        destroy (s, b);
    while ((b = list_first (&s->stale, struct blob, node))
           && s->epoch - b->epoch > stale_age)
        destroy (s, b);
    shrink (s);
}

void store_drop_clean (struct store *s)
{
    destroy_list (s, &s->clean);
}

void store_set_renew (struct store *s, bool on)
{
    s->renew = on;
    if (!on)
        store_drop_clean (s);
}
