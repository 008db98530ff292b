#include "base/hashmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* One table serves both kinds of map. A slot's key says what it is: NULL is
 * free, GONE was removed (probing continues past it, so that an iteration
 * survives the removal of its current entry), ID holds an integer key in
 * `hash`, all others are the copied string whose hash is `hash`. */
static char gone_mark, id_mark;
#define GONE (&gone_mark)
#define ID (&id_mark)

#define REST_CAP 4096

struct slot {
    uint64_t hash;
    char *key;
    void *value;
};

struct table {
    struct slot *slots;
    size_t cap;  /* power of two, or 0 */
    size_t live; /* entries */
    size_t used; /* entries and removed slots */
    hashmap_free_f free_fn;
};

struct hashmap {
    struct table t;
};
struct idmap {
    struct table t;
};

static inline uint64_t mix (uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    return x ^ x >> 32;
}

/* Others choose many of the keys: what they cannot know keeps them from choosing keys that
 * fall on one slot. */
static uint64_t seed;

void hash_seed (uint64_t n)
{
    seed = n;
}

__attribute__ ((constructor)) static void seed_at_random (void)
{
    int saved_errno = errno;

    /* Early in a boot, or where the call is refused, addresses are random as well. */
    if (getrandom (&seed, sizeof (seed), GRND_NONBLOCK) != sizeof (seed))
        seed = (uintptr_t)&saved_errno ^ (uintptr_t)&seed << 32;
    errno = saved_errno;
}

/* Where the search for a slot begins. */
static inline uint64_t place (uint64_t hash)
{
    return mix (hash ^ seed);
}

uint64_t hash_bytes (const void *data, size_t len)
{
    return XXH3_64bits_withSeed (data, len, seed);
}

/* What was stored by earlier versions depends on this. */
uint64_t hash_stable (const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = len * 0x9e3779b97f4a7c15ULL;
    uint64_t w;

    while (len > 0) {
        size_t n = len < sizeof (w) ? len : sizeof (w);

        w = 0;
        memcpy (&w, p, n);
        h = mix (h ^ w);
        p += n;
        len -= n;
    }
    return mix (h);
}

static inline bool occupied (const struct slot *s)
{
    return s->key && s->key != GONE;
}

static inline bool matches (const struct slot *s, uint64_t hash, const char *key)
{
    if (s->hash != hash || s->key == GONE)
        return false;
    return s->key == ID || !strcmp (s->key, key);
}

static struct slot *find (const struct table *t, uint64_t hash, const char *key)
{
    if (t->cap == 0)
        return NULL;
    for (size_t i = place (hash);; i++) {
        struct slot *s = &t->slots[i & (t->cap - 1)];
        if (!s->key)
            return NULL;
        if (matches (s, hash, key))
            return s;
    }
}

static int resize (struct table *t)
{
    struct table new = *t;

    new.cap = 8;
    while (new.cap < t->live * 2 + 2)
        new.cap *= 2;
    new.used = t->live;
    if (!(new.slots = calloc (new.cap, sizeof (*new.slots)))) {
        errno = ENOMEM;
        return -1;
    }
    for (size_t n = 0; n < t->cap; n++) {
        size_t i;
        if (!occupied (&t->slots[n]))
            continue;
        for (i = place (t->slots[n].hash); new.slots[i & (new.cap - 1)].key; i++)
            ;
        new.slots[i & (new.cap - 1)] = t->slots[n];
    }
    free (t->slots);
    *t = new;
    return 0;
}

static void free_value (struct table *t, void *value)
{
    if (t->free_fn && value) {
        int saved_errno = errno;
        t->free_fn (value);
        errno = saved_errno;
    }
}

static int insert (struct table *t, uint64_t hash, const char *key, void *value)
{
    struct slot *s = find (t, hash, key);
    char *copy = ID;
    size_t i;

    if (s) {
        void *old = s->value;
        s->value = value;
        if (old != value)
            free_value (t, old);
        return 0;
    }
    /* At most three quarters in use. */
    if ((t->used + 1) * 4 > t->cap * 3 && resize (t) < 0)
        return -1;
    if (key && !(copy = strdup (key))) {
        errno = ENOMEM;
        return -1;
    }
    for (i = place (hash); occupied (&t->slots[i & (t->cap - 1)]); i++)
        ;
    s = &t->slots[i & (t->cap - 1)];
    if (s->key != GONE)
        t->used++;
    t->live++;
    *s = (struct slot){ hash, copy, value };
    return 0;
}

/* A table that was large and is empty costs nothing more. An iteration is at its end. */
static void rest (struct table *t)
{
    if (t->live > 0 || t->cap <= REST_CAP)
        return;
    free (t->slots);
    t->slots = NULL;
    t->cap = t->used = 0;
}

static void *take (struct table *t, struct slot *s)
{
    void *value;

    if (!s)
        return NULL;
    value = s->value;
    if (s->key != ID)
        free (s->key);
    s->key = GONE;
    t->live--;
    rest (t);
    return value;
}

static bool next (const struct table *t, size_t *pos, struct slot **slot)
{
    while (*pos < t->cap) {
        struct slot *s = &t->slots[(*pos)++];
        if (occupied (s)) {
            *slot = s;
            return true;
        }
    }
    return false;
}

static void fini (struct table *t)
{
    size_t pos = 0;
    struct slot *s;

    while (next (t, &pos, &s)) {
        if (s->key != ID)
            free (s->key);
        free_value (t, s->value);
    }
    free (t->slots);
}

static uint64_t hash_string (const char *key)
{
    return hash_bytes (key, strlen (key));
}

struct hashmap *hashmap_create (hashmap_free_f free_fn)
{
    struct hashmap *m = calloc (1, sizeof (*m));

    if (m)
        m->t.free_fn = free_fn;
    return m;
}

void hashmap_destroy (struct hashmap *m)
{
    if (m) {
        int saved_errno = errno;
        fini (&m->t);
        free (m);
        errno = saved_errno;
    }
}

int hashmap_insert (struct hashmap *m, const char *key, void *value)
{
    return insert (&m->t, hash_string (key), key, value);
}

void *hashmap_lookup (const struct hashmap *m, const char *key)
{
    struct slot *s = find (&m->t, hash_string (key), key);
    return s ? s->value : NULL;
}

bool hashmap_remove (struct hashmap *m, const char *key)
{
    struct slot *s = find (&m->t, hash_string (key), key);

    if (!s)
        return false;
    free_value (&m->t, take (&m->t, s));
    return true;
}

void *hashmap_take (struct hashmap *m, const char *key)
{
    return take (&m->t, find (&m->t, hash_string (key), key));
}

size_t hashmap_count (const struct hashmap *m)
{
    return m->t.live;
}

bool hashmap_next (const struct hashmap *m, size_t *pos, const char **key, void **value)
{
    struct slot *s;

    if (!next (&m->t, pos, &s))
        return false;
    if (key)
        *key = s->key;
    if (value)
        *value = s->value;
    return true;
}

struct idmap *idmap_create (hashmap_free_f free_fn)
{
    struct idmap *m = calloc (1, sizeof (*m));

    if (m)
        m->t.free_fn = free_fn;
    return m;
}

void idmap_destroy (struct idmap *m)
{
    if (m) {
        int saved_errno = errno;
        fini (&m->t);
        free (m);
        errno = saved_errno;
    }
}

int idmap_insert (struct idmap *m, uint64_t key, void *value)
{
    return insert (&m->t, key, NULL, value);
}

void *idmap_lookup (const struct idmap *m, uint64_t key)
{
    struct slot *s = find (&m->t, key, NULL);
    return s ? s->value : NULL;
}

bool idmap_remove (struct idmap *m, uint64_t key)
{
    struct slot *s = find (&m->t, key, NULL);

    if (!s)
        return false;
    free_value (&m->t, take (&m->t, s));
    return true;
}

void *idmap_take (struct idmap *m, uint64_t key)
{
    return take (&m->t, find (&m->t, key, NULL));
}

size_t idmap_count (const struct idmap *m)
{
    return m->t.live;
}

bool idmap_next (const struct idmap *m, size_t *pos, uint64_t *key, void **value)
{
    struct slot *s;

    if (!next (&m->t, pos, &s))
        return false;
    if (key)
        *key = s->hash;
    if (value)
        *value = s->value;
    return true;
}
