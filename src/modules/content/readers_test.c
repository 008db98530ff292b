/* Results come in order, whatever becomes of each, and nobody is left behind. */
#include "base/test.h"
#include "readers.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEN = 3 * 1024 * 1024, COUNT = 200 };

static struct digest *digest;
static char path[64], *data;
static int dropped;

static int setup (void **state)
{
    FILE *f;

    strcpy (path, "/tmp/readers-test.XXXXXX");
    close (mkstemp (path));
    data = malloc (LEN);
    for (int i = 0; i < LEN; i++)
        data[i] = random () >> 7;
    assert_non_null (f = fopen (path, "w"));
    assert_int_equal (fwrite (data, LEN, 1, f), 1);
    assert_int_equal (fclose (f), 0);
    digest = digest_create ("sha256");
    dropped = 0;
    return 0;
}

static int teardown (void **state)
{
    unlink (path);
    free (data);
    digest_destroy (digest);
    return 0;
}

static void drop (void *item)
{
    dropped++;
}

/* The next, when it is there. */
static void *take (struct readers *r, int *errnum, void *out)
{
    struct pollfd pfd = { .fd = readers_fd (r), .events = POLLIN };
    void *item;

    while (!(item = readers_take (r, errnum, out)))
        assert_int_equal (poll (&pfd, 1, 60000), 1);
    return item;
}

static void in_pieces (void **state)
{
    static const char *const names[] = { "sha1", "sha256" };
    unsigned char a[DIGEST_MAX_SIZE], b[DIGEST_MAX_SIZE];

    for (int i = 0; i < 2; i++) {
        struct digest *d = digest_create (names[i]);

        assert_int_equal (readers_hash (d, path, 1, LEN - 1, a), 0);
        assert_int_equal (digest_hash (d, data + 1, LEN - 1, b), 0);
        assert_memory_equal (a, b, digest_size (d));
        digest_destroy (d);
    }
}

/* Long ones and short ones, some that fail, and places where nothing is read. */
static void in_order (void **state)
{
    struct readers *r = readers_create (digest);
    unsigned char a[DIGEST_MAX_SIZE], b[DIGEST_MAX_SIZE];
    int items[COUNT], errnum;

    assert_non_null (r);
    for (int turn = 0; turn < 3; turn++) {
        assert_true (readers_empty (r));
        for (int i = 0; i < COUNT; i++)
            assert_int_equal (readers_add (r,
                                           i % 10 == 9   ? NULL
                                           : i % 10 == 8 ? "/nosuch/file"
                                                         : path,
                                           i,
                                           i % 10 == 7 ? LEN
                                           : i % 2     ? 100
                                                       : LEN / 2,
                                           &items[i]),
                              0);
        for (int i = 0; i < COUNT; i++) {
            assert_ptr_equal (take (r, &errnum, a), &items[i]);
            assert_int_equal (errnum, i % 10 == 8 ? ENOENT : i % 10 == 7 ? ENODATA : 0);
            if (i % 10 >= 7)
                continue;
            digest_hash (digest, data + i, i % 2 ? 100 : LEN / 2, b);
            assert_memory_equal (a, b, digest_size (digest));
        }
    }
    readers_destroy (r, drop);
    assert_int_equal (dropped, 0);
}

static void bounded (void **state)
{
    struct readers *r = readers_create (digest);
    unsigned char a[DIGEST_MAX_SIZE];
    int item, errnum, n = 0;

    assert_null (readers_take (r, &errnum, a));
    while (readers_add (r, path, 0, 10, &item) == 0)
        n++;
    assert_int_equal (errno, EAGAIN);
    assert_int_equal (n, READERS_QUEUE_MAX);
    assert_ptr_equal (take (r, &errnum, a), &item);
    assert_int_equal (readers_add (r, path, 0, LEN, &item), 0);
    readers_destroy (r, drop);
    assert_int_equal (dropped, READERS_QUEUE_MAX);
}

/* A pipe that nobody writes to. */
static void no_file (void **state)
{
    struct readers *r = readers_create (digest);
    unsigned char a[DIGEST_MAX_SIZE];
    int item, errnum;

    unlink (path);
    assert_int_equal (mkfifo (path, 0600), 0);
    assert_int_equal (readers_add (r, path, 0, 10, &item), 0);
    assert_ptr_equal (take (r, &errnum, a), &item);
    assert_int_not_equal (errnum, 0);
    readers_destroy (r, drop);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (in_pieces),
        TEST (in_order),
        TEST (bounded),
        TEST (no_file),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
