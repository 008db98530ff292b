/* The walk of a collection over a store in memory. */
#include "base/test.h"

#include "base/hashmap.h"
#include "core/kvs/collect/mark.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct digest *digest;
static struct hashmap *blobs, *marks; /* by blobref: text; "k" or "w" */
static bool broken;

static const char *ref_of (const char *text)
{
    static char refs[64][BLOBREF_MAX_SIZE];
    static int n;
    unsigned char d[DIGEST_MAX_SIZE];

    digest_hash (digest, text, strlen (text), d);
    blobref_encode ("sha1", d, 20, refs[n = (n + 1) % 64]);
    return refs[n];
}

static const char *put (const char *text)
{
    hashmap_insert (blobs, ref_of (text), (void *)text);
    return ref_of (text);
}

static const char *dir_of (const char *name, const char *type, const char *ref)
{
    static char *made[64]; /* the last ones */
    static int n;
    char **s = &made[n = (n + 1) % 64];

    free (*s);
    assert_true (
        asprintf (s,
                  "{\"data\":{\"%s\":{\"data\":[\"%s\"],\"type\":\"%s\",\"ver\":1}"
                  "},\"type\":\"dir\",\"ver\":1}",
                  name, ref, type)
        > 0);
    return *s;
}

static int do_mark (void *arg, const void *d, bool dir, flux_error_t *error)
{
    char ref[BLOBREF_MAX_SIZE];
    const char *was;

    blobref_encode ("sha1", d, 20, ref);
    if (broken || !hashmap_lookup (blobs, ref)) {
        if (broken)
            strcpy (error->text, "the disk is broken");
        errno = broken ? EIO : ENOENT;
        return -1;
    }
    was = hashmap_lookup (marks, ref);
    if (was && (!dir || *was == 'w'))
        return 0;
    hashmap_insert (marks, ref, dir ? (void *)"w" : (void *)"k");
    return dir;
}

static int do_load (void *arg, const void *d, struct buf *out, flux_error_t *error)
{
    char ref[BLOBREF_MAX_SIZE];

    blobref_encode ("sha1", d, 20, ref);
    buf_reset (out);
    return buf_adds (out, hashmap_lookup (blobs, ref));
}

static const struct mark_ops ops = { do_mark, do_load };
static struct mark *m;
static flux_error_t error;

static int enter (void **state)
{
    blobs = hashmap_create (NULL);
    marks = hashmap_create (NULL);
    broken = false;
    m = mark_create (&ops, NULL, digest);
    return 0;
}

static int leave (void **state)
{
    mark_destroy (m);
    hashmap_destroy (blobs);
    hashmap_destroy (marks);
    return 0;
}

static int walk (void)
{
    int rc;

    while ((rc = mark_step (m, &error)) > 0)
        ;
    return rc;
}

static void test_walk (void **state)
{
    const char *value = put ("value"), *sub = put (dir_of ("v", "valref", value));
    const char *root = put (dir_of ("d", "dirref", sub)), *other = put ("garbage");

    assert_int_equal (mark_root (m, root, false, &error), 0);
    assert_false (mark_is_done (m));
    assert_int_equal (walk (), 0);
    assert_true (mark_is_done (m) && mark_check (m, &error) == 0);
    assert_string_equal (hashmap_lookup (marks, value), "k");
    assert_string_equal (hashmap_lookup (marks, sub), "w");
    assert_null (hashmap_lookup (marks, other));
}

/* What is kept for another reason is looked at all the same, once. */
static void test_kept_before (void **state)
{
    const char *value = put ("value"), *sub = put (dir_of ("v", "valref", value));
    const char *root = put (dir_of ("d", "dirref", sub));

    hashmap_insert (marks, sub, (void *)"k");
    assert_int_equal (mark_root (m, root, false, &error), 0);
    assert_int_equal (mark_root (m, root, false, &error), 0);
    assert_int_equal (walk (), 0);
    assert_string_equal (hashmap_lookup (marks, value), "k");
}

/* A directory that is not in the store yet is asked for; a value is not. */
static void test_wanted (void **state)
{
    const char *value = put ("value"), *text = dir_of ("v", "valref", value);
    const char *root = put (dir_of ("d", "dirref", ref_of (text))), *gone = "gone";
    const void *d;

    put (dir_of ("x", "valref", ref_of (gone)));
    assert_int_equal (mark_root (m, root, false, &error), 0);
    assert_int_equal (
        mark_root (m, put (dir_of ("x", "valref", ref_of (gone))), false, &error), 0);
    assert_int_equal (walk (), 0);
    assert_false (mark_is_done (m));
    assert_true (mark_wanted (m, &d));
    assert_false (mark_is_done (m));
    assert_int_equal (mark_found (m, d, text, strlen (text), &error), 0);
    assert_false (mark_wanted (m, &d));
    assert_true (mark_is_done (m) && mark_check (m, &error) == 0);
    assert_string_equal (hashmap_lookup (marks, value), "k");
}

static void test_missing (void **state)
{
    const void *d;
    const char *ref = ref_of ("nobody has it");

    assert_int_equal (mark_root (m, ref, true, &error), 0);
    assert_true (mark_wanted (m, &d) && mark_found (m, d, NULL, 0, &error) == 0);
    assert_int_equal (mark_check (m, &error), 0); /* it was optional */
    mark_destroy (m);
    m = mark_create (&ops, NULL, digest);
    assert_int_equal (mark_root (m, ref, true, &error), 0);
    assert_int_equal (mark_root (m, ref, false, &error), 0); /* and now is not */
    assert_true (mark_wanted (m, &d) && mark_found (m, d, NULL, 0, &error) == 0);
    assert_int_equal (mark_check (m, &error), -1);
    assert_int_equal (errno, EBADMSG);
    assert_non_null (
        strstr (error.text, "1 directories are missing, one is blob sha1-"));
}

static void test_bad (void **state)
{
    assert_int_equal (mark_root (m, "sha1-12", false, &error), -1);
    assert_int_equal (mark_root (m, "", false, &error), -1);
    assert_int_equal (mark_root (m, put ("no directory"), false, &error), 0);
    assert_int_equal (walk (), -1);
    assert_int_equal (errno, EBADMSG);
    assert_non_null (strstr (error.text, "is not a directory"));
    assert_int_equal (
        mark_root (m, put (dir_of ("a", "dirref", "sha1-zz")), false, &error), 0);
    assert_int_equal (walk (), -1);
    broken = true;
    assert_int_equal (mark_root (m, put ("{}"), false, &error), -1);
    assert_int_equal (errno, EIO);
    assert_string_equal (error.text, "the disk is broken");
}

#define test(f) cmocka_unit_test_setup_teardown (f, enter, leave)

int main (void)
{
    const struct CMUnitTest tests[] = { test (test_walk), test (test_kept_before),
                                        test (test_wanted), test (test_missing),
                                        test (test_bad) };
    int rc;

    digest = digest_create ("sha1");
    rc = cmocka_run_group_tests (tests, NULL, NULL);
    digest_destroy (digest);
    return rc;
}
