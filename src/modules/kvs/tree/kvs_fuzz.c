/* Transactions, blob batches, tree objects and directories from outside. */
#include "fakestore.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void fuzz_txn (const uint8_t *data, size_t size)
{
    struct kvs_txn_reader r;
    struct fake f;

    if (kvs_txn_read (&r, data, size) < 0)
        return;
    fake_init (&f);
    blobs_begin (&f.batch, 20, 0);
    if (kvs_tree_apply (f.tree, r, &f.batch) == 0) {
        char *s;

        kvs_tree_hash (f.tree, &f.batch);
        fake_store (&f);
        fake_reopen (&f);
        s = fake_lookup (&f, ".", FLUX_KVS_READDIR, NULL);
        free (s);
    }
    fake_fini (&f);
}

static void fuzz_blobs (const uint8_t *data, size_t size)
{
    struct blobs_reader r;
    struct blobs_entry e;

    if (blobs_read (&r, data, size) == 0)
        while (blobs_next (&r, &e) == 1)
            ;
}

static void fuzz_node (const uint8_t *data, size_t size)
{
    struct kvs_node *n;

    for (int level = 0; level < 2; level++) {
        if ((n = kvs_node_decode (NULL, (const char *)data, size, level))) {
            struct buf b = BUF_INIT;

            kvs_node_encode (n, false, &b);
            buf_fini (&b);
            kvs_node_destroy (n);
        }
    }
}

static void fuzz_value (const uint8_t *data, size_t size)
{
    struct kvs_cache *c = kvs_cache_create (1000);
    struct kvs_value_pos pos = { 0, 0 };
    struct buf out = BUF_INIT;

    kvs_value_read (c, (const char *)data, size, &pos, LOOKUP_VALUE_MAX, &out);
    buf_fini (&out);
    kvs_cache_destroy (c);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    fuzz_txn (data, size);
    fuzz_blobs (data, size);
    fuzz_node (data, size);
    fuzz_value (data, size);
    return 0;
}
