#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/list.h"
#include "base/sort.h"

struct item {
    int n;
    struct list node;
};

static void test_list (void **state)
{
    struct list head;
    struct item items[4];
    int sum = 0;

    list_init (&head);
    assert_true (list_empty (&head));
    assert_null (list_pop (&head));
    for (int i = 0; i < 4; i++) {
        items[i].n = i;
        list_append (&head, &items[i].node);
    }
    list_foreach (&head, it) {
        struct item *x = container_of (it, struct item, node);
        sum += x->n;
        if (x->n % 2)
            list_remove (it);
    }
    assert_int_equal (sum, 6);
    assert_int_equal (list_first (&head, struct item, node)->n, 0);
    list_remove (list_pop (&head));
    assert_int_equal (list_first (&head, struct item, node)->n, 2);
}

static int freed;
static void count_free (void *arg)
{
    freed++;
}

/* Two seeds put keys in other slots; what is stored is the same with each. */
static void test_hash_seed (void **state)
{
    uint64_t seeded, stable = hash_stable ("key", 3);

    (void)state;
    assert_true (stable == 0x8f924e866d56ad78);
    assert_true (hash_stable ("a longer key of bytes", 21) == 0x2970262a441d1875);
    hash_seed (1);
    seeded = hash_bytes ("key", 3);
    assert_true (seeded == hash_bytes ("key", 3));
    hash_seed (2);
    assert_true (seeded != hash_bytes ("key", 3));
    assert_true (stable == hash_stable ("key", 3));
    hash_seed (1);
    assert_true (seeded == hash_bytes ("key", 3));
}

static void test_hashmap (void **state)
{
    struct hashmap *m = hashmap_create (count_free);
    char key[32];
    size_t pos = 0, n = 0;
    const char *k;
    void *v;

    freed = 0;
    for (intptr_t i = 1; i <= 10000; i++) {
        snprintf (key, sizeof (key), "key%d", (int)i);
        assert_int_equal (hashmap_insert (m, key, (void *)i), 0);
    }
    assert_int_equal (hashmap_count (m), 10000);
    for (intptr_t i = 1; i <= 10000; i++) {
        snprintf (key, sizeof (key), "key%d", (int)i);
        assert_ptr_equal (hashmap_lookup (m, key), (void *)i);
    }
    assert_null (hashmap_lookup (m, "key0"));
    assert_int_equal (hashmap_insert (m, "key1", &n), 0);
    assert_int_equal (freed, 1);
    assert_ptr_equal (hashmap_take (m, "key1"), &n);
    assert_false (hashmap_remove (m, "key1"));
    assert_int_equal (freed, 1);
    while (hashmap_next (m, &pos, &k, &v)) {
        n++;
        if ((intptr_t)v % 2)
            assert_true (hashmap_remove (m, k));
    }
    assert_int_equal (n, 9999);
    assert_int_equal (hashmap_count (m), 5000);
    /* Many generations in a small map do not fill it with removed slots. */
    for (int i = 0; i < 100000; i++) {
        snprintf (key, sizeof (key), "gen%d", i);
        hashmap_insert (m, key, &n);
        assert_true (hashmap_remove (m, key));
    }
    hashmap_destroy (m);
    assert_int_equal (freed, 1 + 9999 + 100000);
    hashmap_destroy (NULL);
}

static void test_idmap (void **state)
{
    struct idmap *m = idmap_create (NULL);
    uint64_t keys[] = { 0, 1, UINT64_MAX, 1ULL << 63, 42 };
    size_t pos = 0, n = 0;
    uint64_t key;

    for (int i = 0; i < 5; i++)
        assert_int_equal (idmap_insert (m, keys[i], &keys[i]), 0);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal (idmap_lookup (m, keys[i]), &keys[i]);
    assert_null (idmap_lookup (m, 2));
    while (idmap_next (m, &pos, &key, NULL)) {
        n++;
        assert_true (idmap_remove (m, key));
    }
    assert_int_equal (n, 5);
    assert_int_equal (idmap_count (m), 0);
    idmap_destroy (m);
}

static size_t allocated (void)
{
    struct mallinfo2 info = mallinfo2 ();

    return info.uordblks + info.hblkhd;
}

/* A map that had many entries and has none needs no more than a new one. */
static void test_idmap_rest (void **state)
{
    struct idmap *m = idmap_create (NULL);
    size_t before = allocated (), pos = 0, n = 0;
    uint64_t key;

    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 100000; i++)
            assert_int_equal (idmap_insert (m, i, m), 0);
        for (pos = n = 0; idmap_next (m, &pos, &key, NULL); n++)
            assert_true (idmap_remove (m, key));
        assert_int_equal (n, 100000);
        assert_false (idmap_next (m, &pos, &key, NULL));
        assert_null (idmap_lookup (m, 1));
        assert_in_range (allocated (), 0, before + 4096);
    }
    idmap_destroy (m);
}

static void test_buf (void **state)
{
    struct buf b = BUF_INIT;
    size_t len;
    char *s;

    assert_int_equal (buf_print (&b, stdout), 0);
    assert_int_equal (buf_adds (&b, "hello "), 0);
    assert_int_equal (buf_printf (&b, "%0200d", 7), 0);
    assert_int_equal (b.len, 206);
    assert_int_equal (b.data[205], '7');
    buf_consume (&b, 205);
    assert_string_equal (b.data, "7");
    assert_int_equal (buf_addc (&b, '!'), 0);
    buf_addi (&b, 0);
    buf_addi (&b, -90);
    buf_addi (&b, INT64_MIN);
    buf_addi (&b, INT64_MAX);
    buf_addu (&b, UINT64_MAX);
    s = buf_take (&b, &len);
    assert_string_equal (
        s, "7!0-90-9223372036854775808922337203685477580718446744073709551615");
    assert_int_equal (len, 65);
    free (s);
    s = buf_take (&b, &len);
    assert_string_equal (s, "");
    free (s);
    buf_fini (&b);
}

/* Who knows how much it is takes no more; who does not, grows by doubling. */
static void test_buf_room (void **state)
{
    struct buf b = BUF_INIT;
    size_t grown = 0, cap = 0;

    assert_int_equal (buf_reserve (&b, 1 << 20), 0);
    assert_int_equal (b.cap, (1 << 20) + 1);
    buf_fini (&b);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal (buf_addc (&b, 'x'), 0);
        grown += b.cap != cap;
        cap = b.cap;
    }
    assert_true (grown < 16);
    assert_int_equal (b.len, 100000);
    assert_int_equal (b.data[b.len], '\0');
    buf_fini (&b);
    assert_int_equal (buf_reserve (&b, SIZE_MAX), -1);
    assert_int_equal (errno, ENOMEM);
    buf_fini (&b);
}

static void test_base64 (void **state)
{
    static const char *vectors[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };
    static const char *bad[] = { "Z",    "Zg=",      "Zg",     "Z===", "====",
                                 "Zh==", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zg=a" };
    char out[64];

    for (size_t i = 0; i < sizeof (vectors) / sizeof (vectors[0]); i++) {
        size_t len = strlen (vectors[i][0]);
        assert_int_equal (base64_encode (out, vectors[i][0], len),
                          strlen (vectors[i][1]));
        assert_string_equal (out, vectors[i][1]);
        assert_true (strlen (out) < base64_encoded_size (len));
        assert_int_equal (base64_decode (out, vectors[i][1], strlen (vectors[i][1])),
                          len);
        assert_memory_equal (out, vectors[i][0], len);
    }
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        errno = 0;
        assert_int_equal (base64_decode (out, bad[i], strlen (bad[i])), -1);
        assert_int_equal (errno, EINVAL);
    }
}

static void test_hex (void **state)
{
    char out[16];

    hex_encode (out, "\x00\xff\x1a", 3);
    assert_string_equal (out, "00ff1a");
    assert_int_equal (hex_decode (out, "00FF1a", 6), 0);
    assert_memory_equal (out, "\x00\xff\x1a", 3);
    assert_int_equal (hex_decode (out, "0", 1), -1);
    assert_int_equal (hex_decode (out, "0g", 2), -1);
}

static void test_utf8 (void **state)
{
    static const char *bad[] = { "\x80",         "\xc0\x80",         "\xe0\x80\x80",
                                 "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3",
                                 "abcdefgh\xff" };

    assert_true (utf8_valid ("", 0));
    assert_true (utf8_valid ("\xc6\x92uZZybuNNy plain text", 21));
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_false (utf8_valid (bad[i], strlen (bad[i])));
    assert_int_equal (utf8_width ("\xc6\x92"
                                  "ABC"),
                      4);
    assert_int_equal (utf8_width ("\xf0\x9f\x98\x83"), 2);
    assert_int_equal (utf8_width ("e\xcc\x81"), 1);
}

/* Whatever the bytes are, what is left is UTF-8, and what was valid is as it was. */
static void test_utf8_repair (void **state)
{
    static const struct {
        const char *before, *after;
    } t[] = {
        { "", "" },
        { "plain", "plain" },
        { "\xc6\x92 stays", "\xc6\x92 stays" },
        { "a\xc6", "a" },
        { "a\xe2\x82", "a" },
        { "a\xf0\x9f\x98", "a" },
        { "a\xf0\x9f\x98\x83", "a\xf0\x9f\x98\x83" },
        { "a\xe2\x82z", "a??z" },
        { "\xff\xfe", "??" },
        { "\xc0\x80", "??" },
        { "\x80", "?" },
        { "\xed\xa0\x80", "???" },
    };
    unsigned int seed = 1;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        char s[32];
        strcpy (s, t[i].before);
        utf8_repair (s);
        assert_string_equal (s, t[i].after);
    }
    for (int round = 0; round < 20000; round++) {
        static const char some[] = "ab\x80\xbf\xc2\xe0\xe2\xed\xf0\xf4\xff";
        char s[12], before[12];
        int n = (seed >> 16) % 11;
        for (int i = 0; i < n; i++) {
            seed = seed * 1103515245 + 12345;
            s[i] = some[(seed >> 16) % (sizeof (some) - 1)];
        }
        s[n] = '\0';
        seed = seed * 1103515245 + 12345;
        memcpy (before, s, n + 1);
        utf8_repair (s);
        assert_true (utf8_valid (s, strlen (s)));
        assert_true (strlen (s) + 3 >= (size_t)n); /* no more than one character */
        if (utf8_valid (before, n))
            assert_string_equal (s, before);
    }
}

static void test_file (void **state)
{
    char dir[] = "/tmp/base_test.XXXXXX";
    char path[128];
    struct stat st;
    size_t len;
    char *s;
    int fd;

    assert_non_null (mkdtemp (dir));
    snprintf (path, sizeof (path), "%s/sub", dir);
    assert_int_equal (mkdir (path, 0700), 0);
    snprintf (path, sizeof (path), "%s/sub/file", dir);
    assert_int_equal (file_write_all (path, "one", 3, 0600), 0);
    assert_int_equal (file_write_all (path, "a\0b", 3, 0640), 0);
    assert_int_equal (stat (path, &st), 0);
    assert_int_equal (st.st_mode & 0777, 0640);
    s = file_read_all (path, &len);
    assert_int_equal (len, 3);
    assert_memory_equal (s, "a\0b", 4);
    free (s);
    s = file_read_all ("/proc/self/status", &len);
    assert_int_equal (strlen (s), len);
    free (s);
    assert_null (file_read_all ("/nonexistent", NULL));
    assert_int_equal (errno, ENOENT);
    snprintf (path, sizeof (path), "%s/link", dir);
    assert_int_equal (symlink ("/", path), 0);
    assert_int_equal (dir_remove (dir), 0);
    assert_int_equal (stat (dir, &st), -1);
    assert_int_equal (dir_remove (dir), -1);
    fd = open ("/dev/null", O_RDONLY);
    assert_int_equal (fd_set_nonblocking (fd), 0);
    assert_int_equal (fd_set_cloexec (fd), 0);
    assert_true (fcntl (fd, F_GETFL) & O_NONBLOCK);
    assert_true (fcntl (fd, F_GETFD) & FD_CLOEXEC);
    close (fd);
}

/* In a child, whose descriptors may go. */
static int standard_child (void)
{
    int fd;

    close (0);
    close (2);
    if (fd_fill_standard () < 0 || fcntl (0, F_GETFD) < 0 || fcntl (2, F_GETFD) < 0)
        return 1;
    close (1);
    fd = fd_above_standard (open ("/dev/zero", O_RDONLY | O_CLOEXEC));
    if (fd <= 2 || fcntl (1, F_GETFD) >= 0 || !(fcntl (fd, F_GETFD) & FD_CLOEXEC))
        return 2;
    return fd_above_standard (fd) == fd && fd_above_standard (-1) == -1 ? 0 : 3;
}

static void test_standard (void **state)
{
    pid_t pid = fork ();
    int status;

    if (pid == 0)
        _exit (standard_child ());
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
}

static int by_value (const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int by_distance (const void *a, const void *b, void *arg)
{
    int from = *(int *)arg;

    return abs (*(const int *)a - from) - abs (*(const int *)b - from);
}

static void test_sort (void **state)
{
    int n[] = { 3, 1, 2 }, from = 2, *none = NULL;

    sort_array (none, 0, sizeof (*none), by_value);
    sort_array_with (none, 0, sizeof (*none), by_distance, &from);
    sort_array (n, 3, sizeof (*n), by_value);
    assert_true (n[0] == 1 && n[1] == 2 && n[2] == 3);
    sort_array_with (n, 3, sizeof (*n), by_distance, &from);
    assert_int_equal (n[0], 2);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_list),        cmocka_unit_test (test_hashmap),
        cmocka_unit_test (test_hash_seed),   cmocka_unit_test (test_idmap),
        cmocka_unit_test (test_idmap_rest),  cmocka_unit_test (test_buf),
        cmocka_unit_test (test_buf_room),    cmocka_unit_test (test_base64),
        cmocka_unit_test (test_hex),         cmocka_unit_test (test_utf8),
        cmocka_unit_test (test_utf8_repair), cmocka_unit_test (test_file),
        cmocka_unit_test (test_standard),    cmocka_unit_test (test_sort),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
