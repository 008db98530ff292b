/* The store of blobs against a model of it, from a seed (CONTENT_SEED): states, references
 * and bytes after any order of calls; who owns bytes gets them back, once. */
#include "base/test.h"

#include "base/hashmap.h"

#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOBS 12
#define AGE 3

/* What must be true of a blob. */
struct want {
    bool there;
    enum blob_state state;
    bool keep;
    bool hold;    /* stored by itself, and the backing store does not know */
    bool telling; /* it is in the batch under way, as that */
    uint32_t refs;
    int used; /* epoch */
};

static struct want want[BLOBS];
static struct store store;
static int epoch, owned, returned;
static bool renew; /* garbage is looked for below */
static unsigned int seed;

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

/* Two in a chain: the first eight bytes are those of another. */
static const unsigned char *digest (int n)
{
    static unsigned char d[20];

    memset (d, 0, sizeof (d));
    d[0] = n / 2;
    d[19] = n;
    return d;
}

static void unref (void *owner)
{
    assert_ptr_equal (owner, &owned);
    returned++;
}

/* Some bytes are copied, some have an owner. */
static struct bytes_of bytes_of (int n)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    bool own = rnd (2);

    owned += own;
    return (struct bytes_of){ text, n + 1, own ? &owned : NULL };
}

static void use (int n)
{
    want[n].used = epoch;
}

/* The call that brings a blob: what state a new one has, and one that is there. */
static void bring (int n, int how)
{
    static const enum blob_state fresh[] = { BLOB_CLEAN, BLOB_DIRTY, BLOB_DIRTY,
                                             BLOB_STORING };
    struct want *w = &want[n];
    struct blob *b;

    if (!w->there)
        *w = (struct want){ .there = true, .state = fresh[how] };
    else if (how == 0 && !renew && !w->hold
             && (w->state == BLOB_DIRTY || w->state == BLOB_STALE))
        w->state = BLOB_CLEAN;
    else if (how > 0 && w->state == BLOB_STALE)
        w->state = how == 3 ? BLOB_STORING : BLOB_DIRTY;
    else if (w->state == BLOB_CLEAN && (how == 1 || (how == 2 && renew)))
        w->state = BLOB_DIRTY;
    w->keep = w->keep || how == 1;
    w->hold = w->hold || how == 1;
    w->refs += how > 1;
    use (n);
    b = how == 0   ? store_clean (&store, digest (n), bytes_of (n))
        : how == 1 ? store_keep (&store, digest (n), bytes_of (n))
        : how == 2 ? store_ref (&store, digest (n), bytes_of (n))
                   : store_hold (&store, digest (n), bytes_of (n));
    assert_non_null (b);
    assert_int_equal (b->len, n + 1);
}

static void unref_blob (int n)
{
    struct want *w = &want[n];

    store_unref (&store, digest (n));
    if (!w->there || w->refs == 0 || --w->refs > 0 || w->keep || w->state != BLOB_DIRTY)
        return;
    w->state = BLOB_STALE;
    use (n);
}

static void release (int n)
{
    struct want *w = &want[n];

    store_release (&store, digest (n));
    if (!w->there || w->state == BLOB_CLEAN)
        return;
    w->refs -= w->refs > 0;
    w->state = w->refs > 0 || w->keep ? BLOB_DIRTY : BLOB_STALE;
    use (n);
}

static void begin (void)
{
    struct blob *b = store_begin (&store);
    int dirty = 0;

    for (int n = 0; n < BLOBS; n++)
        dirty += want[n].there && want[n].state == BLOB_DIRTY;
    assert_int_equal (b != NULL, dirty > 0);
    if (b) {
        assert_int_equal (want[b->digest[19]].state, BLOB_DIRTY);
        want[b->digest[19]].state = BLOB_STORING;
        want[b->digest[19]].telling = want[b->digest[19]].hold;
    }
}

static void finish (int n, bool ok)
{
    struct want *w = &want[n];

    store_finish (&store, digest (n), ok);
    if (!w->there || w->state != BLOB_STORING)
        return;
    w->hold = w->hold && !(ok && w->telling);
    w->telling = false;
    w->state = ok && !w->hold ? BLOB_CLEAN : BLOB_DIRTY;
    w->keep = w->keep || !ok;
    use (n);
}

static void pin (void)
{
    store_pin (&store);
    for (int n = 0; n < BLOBS; n++) {
        if (!want[n].there || want[n].state == BLOB_CLEAN)
            continue;
        if (want[n].state == BLOB_STALE)
            want[n].state = BLOB_DIRTY;
        want[n].keep = true;
    }
}

static void tick (void)
{
    store_tick (&store, AGE, AGE + 1);
    epoch++;
    for (int n = 0; n < BLOBS; n++) {
        struct want *w = &want[n];
        int age = epoch - w->used;

        if (w->there && w->state == BLOB_CLEAN && age > AGE)
            w->there = false;
        if (w->there && w->state == BLOB_STALE && age > AGE + 1)
            w->there = false;
    }
}

static void forget_clean (void)
{
    for (int n = 0; n < BLOBS; n++)
        if (want[n].state == BLOB_CLEAN)
            want[n].there = false;
}

static void drop_clean (void)
{
    store_drop_clean (&store);
    forget_clean ();
}

static void set_renew (bool on)
{
    store_set_renew (&store, on);
    renew = on;
    if (!on)
        forget_clean ();
}

static void step (void)
{
    int n = rnd (BLOBS), what = rnd (15);

    if (what < 4)
        bring (n, what);
    else if (what == 4)
        begin ();
    else if (what == 5)
        finish (n, true);
    else if (what == 6)
        finish (n, false);
    else if (what == 7 || what == 8)
        unref_blob (n);
    else if (what == 9)
        release (n);
    else if (what == 10 && rnd (4) == 0)
        pin ();
    else if (what == 11)
        tick ();
    else if (what == 12 && rnd (4) == 0)
        drop_clean ();
    else if (what == 13 && rnd (8) == 0)
        set_renew (!renew);
}

/* In what order blobs stand in their lists: by last use. */
static void check_order (const struct list *l)
{
    uint32_t last = 0;

    for (const struct list *it = l->next; it != l; it = it->next) {
        const struct blob *b = container_of (it, struct blob, node);

        assert_true (b->epoch >= last);
        last = b->epoch;
    }
}

static void check (void)
{
    size_t count[4] = { 0 }, bytes[4] = { 0 };

    for (const struct list *l = store.clean.next; l != &store.clean; l = l->next)
        assert_true (want[container_of (l, struct blob, node)->digest[19]].there);
    check_order (&store.clean);
    check_order (&store.stale);
    for (int i = 0; i < BLOBS; i++) {
        /* To look is to use; so not all each time. */
        int n = rnd (BLOBS);
        struct blob *b = store_lookup (&store, digest (n));

        assert_int_equal (b != NULL, want[n].there);
        if (!b)
            continue;
        use (n);
        assert_int_equal (b->state, want[n].state);
        assert_int_equal (b->keep, want[n].keep);
        assert_int_equal (b->hold, want[n].hold);
        assert_int_equal (b->refs, want[n].refs);
        assert_int_equal (b->len, n + 1);
        assert_int_equal (b->data[n], 'a' + n);
    }
    for (int n = 0; n < BLOBS; n++) {
        if (!want[n].there)
            continue;
        count[want[n].state]++;
        bytes[want[n].state] += sizeof (struct blob) + 20 + n + 1 + 64;
    }
    assert_memory_equal (store.count, count, sizeof (count));
    assert_memory_equal (store.bytes, bytes, sizeof (bytes));
}

static void model (void **state)
{
    const char *s = getenv ("CONTENT_SEED");
    unsigned int first = s ? strtoul (s, NULL, 0) : 1, last = s ? first : 60;

    for (unsigned int i = first; i <= last; i++) {
        seed = i;
        memset (want, 0, sizeof (want));
        epoch = owned = returned = 0;
        renew = false;
        print_message ("# CONTENT_SEED=%u\n", i);
        assert_int_equal (store_init (&store, 20, 1 << 20, 1 << 20, unref), 0);
        for (int k = 0; k < 600; k++) {
            step ();
            check ();
        }
        store_fini (&store);
        assert_int_equal (owned, returned);
    }
}

/* More than may be kept: what is handed back is there, or nothing is. */
static void larger_than_all (void **state)
{
    static char bytes[4096];

    for (size_t len = 3600; len <= 4096; len += 8) {
        struct blob *b;

        assert_int_equal (store_init (&store, 20, 1000, 1000, unref), 0);
        b = store_clean (&store, digest (1), (struct bytes_of){ bytes, len, NULL });
        assert_ptr_equal (b, store_lookup (&store, digest (1)));
        assert_int_equal (store.count[BLOB_CLEAN], b != NULL);
        store_fini (&store);
    }
}

/* Stale blobs have a bound of their own; the oldest go first, dirty ones stay. */
static void stale_bound (void **state)
{
    static char bytes[200];

    assert_int_equal (store_init (&store, 20, 1000, 1000, unref), 0);
    for (int n = 0; n < 10; n++) {
        store_ref (&store, digest (n), (struct bytes_of){ bytes, 200, NULL });
        store_keep (&store, digest (n + 10), (struct bytes_of){ bytes, 200, NULL });
    }
    for (int n = 0; n < 10; n++) {
        store_unref (&store, digest (n));
        assert_true (store.bytes[BLOB_STALE] <= 1000);
    }
    assert_null (store_lookup (&store, digest (0)));
    assert_non_null (store_lookup (&store, digest (9)));
    assert_int_equal (store.count[BLOB_DIRTY], 10);
    store_fini (&store);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (model),
        cmocka_unit_test (larger_than_all),
        cmocka_unit_test (stale_bound),
    };

    hash_seed (1); /* a run is all in its own seed */
    return cmocka_run_group_tests (tests, NULL, NULL);
}
