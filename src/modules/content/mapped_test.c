#include "base/test.h"
#include "mapped.h"
#include "readers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    struct digest *digest;
    struct mapped *m;
    char path[64];
};

static void write_file (const char *path, const char *text)
{
    FILE *f = fopen (path, "w");

    assert_non_null (f);
    fputs (text, f);
    fclose (f);
}

static int setup (void **state)
{
    struct fixture *x = calloc (1, sizeof (*x));

    assert_non_null (x);
    strcpy (x->path, "/tmp/mapped-test.XXXXXX");
    close (mkstemp (x->path));
    write_file (x->path, "0123456789abcdefghij");
    x->digest = digest_create ("sha1");
    x->m = mapped_create (x->digest);
    assert_non_null (x->m);
    *state = x;
    return 0;
}

static int teardown (void **state)
{
    struct fixture *x = *state;

    mapped_destroy (x->m);
    digest_destroy (x->digest);
    unlink (x->path);
    free (x);
    return 0;
}

static int add (struct fixture *x, const char *tag, int64_t session, const char *path,
                int64_t offset, int64_t size, void *digest)
{
    if (mapped_check (x->m, tag, session, path, offset, size) < 0
        || readers_hash (x->digest, path, offset, size, digest) < 0)
        return -1;
    return mapped_add (x->m, tag, session, path, offset, size, digest);
}

static void reads (void **state)
{
    struct fixture *x = *state;
    unsigned char a[DIGEST_MAX_SIZE], b[DIGEST_MAX_SIZE];
    struct buf out = BUF_INIT;
    const char *path;

    assert_int_equal (add (x, "t", 1, x->path, 0, 10, a), 0);
    assert_int_equal (add (x, "t", 1, x->path, 10, 10, b), 0);
    assert_true (mapped_has (x->m, a));
    assert_int_equal (mapped_read (x->m, b, &out, &path), 0);
    assert_int_equal (out.len, 10);
    assert_memory_equal (out.data, "abcdefghij", 10);
    buf_fini (&out);
}

static void changed (void **state)
{
    struct fixture *x = *state;
    unsigned char a[DIGEST_MAX_SIZE];
    struct buf out = BUF_INIT;
    const char *path;

    assert_int_equal (add (x, "t", 1, x->path, 0, 10, a), 0);
    write_file (x->path, "0123456789abcdefghij");
    assert_int_equal (mapped_read (x->m, a, &out, &path), 0);
    write_file (x->path, "X123456789abcdefghij");
    assert_int_equal (mapped_read (x->m, a, &out, &path), -1);
    assert_int_equal (errno, EBADMSG);
    assert_string_equal (path, x->path);
    write_file (x->path, "012");
    assert_int_equal (mapped_read (x->m, a, &out, &path), -1);
    assert_int_equal (errno, EBADMSG);
    unlink (x->path);
    assert_int_equal (mapped_read (x->m, a, &out, &path), -1);
    assert_int_equal (errno, ENOENT);
    buf_fini (&out);
}

/* The same bytes in two archives: each may go. */
static void twice (void **state)
{
    struct fixture *x = *state;
    unsigned char a[DIGEST_MAX_SIZE], b[DIGEST_MAX_SIZE];
    struct buf out = BUF_INIT;
    const char *path;
    json_t *o;

    assert_int_equal (add (x, "t", 1, x->path, 0, 10, a), 0);
    assert_int_equal (add (x, "u", 2, x->path, 0, 10, a), 0);
    assert_int_equal (add (x, "t", 3, x->path, 5, 5, b), 0);
    assert_non_null (o = mapped_stats (x->m));
    assert_int_equal (json_integer_value (json_object_get (o, "blobs")), 3);
    assert_int_equal (json_object_size (json_object_get (o, "tags")), 2);
    json_decref (o);
    assert_int_equal (mapped_remove (x->m, "u", 0, 0), 1);
    assert_int_equal (mapped_read (x->m, a, &out, &path), 0);
    assert_int_equal (mapped_remove (x->m, "t", 0, 3), 1);
    assert_false (mapped_has (x->m, a));
    assert_true (mapped_has (x->m, b));
    assert_int_equal (mapped_remove (x->m, "t", 2, 0), 0);
    assert_int_equal (mapped_remove (x->m, "t", 3, 0), 1);
    assert_int_equal (mapped_remove (x->m, "t", 0, 0), 0);
    assert_int_equal (mapped_read (x->m, b, &out, &path), -1);
    assert_int_equal (errno, ENOENT);
    buf_fini (&out);
}

static void refused (void **state)
{
    struct fixture *x = *state;
    unsigned char a[DIGEST_MAX_SIZE];

    assert_int_equal (add (x, "t", 1, "relative", 0, 1, a), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (add (x, "t", 1, x->path, -1, 1, a), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (add (x, "t", 1, x->path, 0, 0, a), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (add (x, "t", 1, x->path, 15, 10, a), -1);
    assert_int_equal (errno, ENODATA);
    assert_int_equal (add (x, "t", 1, x->path, 0, INT64_MAX, a), -1);
    assert_int_equal (errno, EFBIG);
    assert_int_equal (add (x, "t", 1, "/nosuch/file", 0, 1, a), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (mapped_add (x->m, "t", 1, "relative", 0, 1, a), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (mapped_remove (x->m, "t", 0, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (reads),
        TEST (changed),
        TEST (twice),
        TEST (refused),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
