/* PMI by a library, with one that only pretends (library_test_dso.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/pmi/library.h"

static char dir[1024];
static flux_error_t error;

/* "libpmi:…/pmi-fake.so", or libpmi2 */
static const char *fake (const char *name)
{
    static char method[2048];

    snprintf (method, sizeof (method), "%s:%s/src/core/pmi/pmi-fake.so", name, dir);
    return method;
}

static struct pmi_client *begin (const char *name, int flags)
{
    return pmi_library_open (fake (name), flags, &error);
}

static void refuse (const char *name, int flags, const char *failing, int errnum,
                    const char *text)
{
    setenv ("PMI_FAKE_FAIL", failing, 1);
    errno = 0;
    assert_null (begin (name, flags));
    unsetenv ("PMI_FAKE_FAIL");
    assert_int_equal (errno, errnum);
    assert_non_null (strstr (error.text, text));
}

static void names_are_libpmi_and_libpmi2 (void **state)
{
    static const char *const no[] = { "", "simple", "libpm", "libpmi3", "libpmix:/x" };

    assert_true (pmi_library_is ("libpmi"));
    assert_true (pmi_library_is ("libpmi2"));
    assert_true (pmi_library_is ("libpmi:/lib/x.so"));
    assert_true (pmi_library_is ("libpmi2:x"));
    for (size_t i = 0; i < sizeof (no) / sizeof (*no); i++)
        assert_false (pmi_library_is (no[i]));
    assert_null (pmi_method_open ("nosuch", 0, &error));
    assert_int_equal (errno, ENOENT);
    assert_string_equal (error.text, "method 'nosuch' is not available");
    unsetenv ("PMI_FD");
    assert_null (pmi_method_open ("simple", 0, &error));
    assert_int_equal (errno, ENOENT);
}

static void both_versions_exchange (void **state)
{
    static const char *const names[] = { "libpmi", "libpmi2" };
    struct pmi_client *c;
    int n;

    for (int i = 0; i < 2; i++) {
        assert_non_null (c = pmi_method_open (fake (names[i]), 0, &error));
        assert_int_equal (pmi_client_rank (c), 0);
        assert_int_equal (pmi_client_size (c), 2);
        assert_string_equal (pmi_client_kvsname (c), i == 0 ? "fake" : "fake2");
        assert_null (pmi_client_get (c, "k", &error));
        assert_int_equal (errno, ENOENT);
        assert_int_equal (pmi_client_put (c, "k", "v = 1", &error), 0);
        assert_int_equal (pmi_client_barrier (c, &error), 0);
        assert_string_equal (pmi_client_get (c, "k", &error), "v = 1");
        assert_int_equal (pmi_client_universe_size (c, &n, &error), -1);
        assert_int_equal (errno, ENOSYS);
        assert_int_equal (pmi_client_put (c, "", "", NULL), 0);
        assert_int_equal (pmi_client_barrier (c, NULL), 0);
        assert_int_equal (pmi_client_abort (c, 3, "why"), 0);
        assert_int_equal (pmi_client_finalize (c, &error), 0);
        pmi_client_close (c);
    }
}

static void the_mapping_is_an_attribute_in_version_2 (void **state)
{
    struct pmi_client *c = begin ("libpmi2", 0);

    assert_non_null (c);
    assert_string_equal (pmi_client_get (c, "PMI_process_mapping", &error),
                         "(vector,(0,1,2))");
    setenv ("PMI_FAKE_FAIL", "attr", 1);
    assert_null (pmi_client_get (c, "PMI_process_mapping", &error));
    assert_int_equal (errno, ENOENT);
    unsetenv ("PMI_FAKE_FAIL");
    pmi_client_close (c);
}

static void cray_has_base64_and_no_keys_of_flux (void **state)
{
    struct pmi_client *c = begin ("libpmi2", PMI_LIBRARY_CRAY);
    char big[1024];

    assert_non_null (c);
    assert_int_equal (pmi_client_put (c, "flux.x", "{\"a\":1}", &error), 0);
    assert_string_equal (pmi_client_get (c, "raw", &error), "{\"a\":1}");
    assert_int_equal (pmi_client_barrier (c, &error), 0);
    assert_null (pmi_client_get (c, "flux.x", &error));
    assert_int_equal (errno, ENOENT);
    memset (big, 'x', sizeof (big) - 1);
    big[sizeof (big) - 1] = '\0';
    assert_int_equal (pmi_client_put (c, "k", big, &error), -1);
    assert_int_equal (errno, EMSGSIZE);
    pmi_client_close (c);

    /* what is there without is no base64 */
    assert_non_null (c = begin ("libpmi2", 0));
    assert_int_equal (pmi_client_put (c, "k", "{}", &error), 0);
    assert_string_equal (pmi_client_get (c, "raw", &error), "{}");
    pmi_client_close (c);
    assert_non_null (c = begin ("libpmi2", PMI_LIBRARY_CRAY));
    assert_null (pmi_client_get (c, "raw", &error));
    assert_int_equal (errno, EPROTO);
    pmi_client_close (c);
}

static void what_fails_is_told (void **state)
{
    static const char *const calls[] = { "put", "barrier", "finalize" };
    static const char *const names[] = { "libpmi", "libpmi2" };

    refuse ("libpmi", 0, "init", EIO, "PMI_Init failed with code 7");
    refuse ("libpmi", 0, "rank", EIO, "failed with code 7");
    refuse ("libpmi", 0, "room", EPROTO, "no room");
    refuse ("libpmi", 0, "name", EIO, "PMI_KVS_Get_my_name failed with code 7");
    refuse ("libpmi2", 0, "init", EIO, "PMI2_Init failed with code 7");
    refuse ("libpmi2", 0, "name", EIO, "PMI2_Job_GetId failed with code 7");
    for (int i = 0; i < 2; i++) {
        struct pmi_client *c = begin (names[i], 0);

        assert_non_null (c);
        for (int k = 0; k < 3; k++) {
            setenv ("PMI_FAKE_FAIL", calls[k], 1);
            assert_int_equal (k == 0   ? pmi_client_put (c, "k", "v", &error)
                              : k == 1 ? pmi_client_barrier (c, &error)
                                       : pmi_client_finalize (c, &error),
                              -1);
            unsetenv ("PMI_FAKE_FAIL");
            assert_int_equal (errno, EIO);
            assert_non_null (strstr (error.text, "failed with code 7"));
        }
        setenv ("PMI_FAKE_FAIL", i == 0 ? "commit" : "cut", 1);
        assert_int_equal (pmi_client_put (c, "k", "v", &error), i == 0 ? -1 : 0);
        assert_int_equal (pmi_client_barrier (c, &error), 0);
        if (i == 1)
            assert_null (pmi_client_get (c, "k", &error));
        unsetenv ("PMI_FAKE_FAIL");
        pmi_client_close (c);
    }
    setenv ("PMI_FAKE_SIZE", "0", 1);
    refuse ("libpmi", 0, "", EINVAL, "rank 0 of size 0 is impossible");
    unsetenv ("PMI_FAKE_SIZE");
}

static void what_is_no_library_is_told (void **state)
{
    assert_null (pmi_library_open ("libpmi:/nosuch/lib.so", 0, &error));
    assert_int_equal (errno, ENOENT);
    assert_non_null (strstr (error.text, "/nosuch/lib.so"));
    assert_null (pmi_library_open ("libpmi2:libm.so.6", 0, &error));
    assert_int_equal (errno, EINVAL);
    assert_string_equal (error.text, "pmi: the library has no PMI2_Init");
}

/* The library of FLUX_PMI_LIBRARY_PATH is found by its name, unless it is not wanted. */
static void flux_has_its_own (void **state)
{
    char file[2048], link[1024], root[] = "/tmp/pmi.XXXXXX";
    struct pmi_client *c;

    assert_non_null (mkdtemp (root));
    snprintf (link, sizeof (link), "%s/libpmi.so", root);
    snprintf (file, sizeof (file), "%s/src/core/pmi/pmi-fake.so", dir);
    assert_int_equal (symlink (file, link), 0);
    setenv ("FLUX_PMI_LIBRARY_PATH", link, 1);
    assert_non_null (c = pmi_library_open ("libpmi", 0, &error));
    assert_string_equal (pmi_client_kvsname (c), "fake");
    pmi_client_close (c);
    snprintf (file, sizeof (file), "libpmi:%s", link);
    assert_null (pmi_library_open (file, PMI_LIBRARY_NOFLUX, &error));
    assert_int_equal (errno, ENOENT);
    assert_non_null (strstr (error.text, "is that of Flux"));
    unsetenv ("FLUX_PMI_LIBRARY_PATH");
    assert_non_null (c = pmi_library_open (file, PMI_LIBRARY_NOFLUX, &error));
    pmi_client_close (c);
    unlink (link);
    rmdir (root);
}

static void who_only_tries_goes_on (void **state)
{
    struct pmi_client *c;

    refuse ("libpmi", PMI_LIBRARY_TRY, "init", ENOENT, "PMI_Init failed");
    assert_non_null (c = begin ("libpmi2", PMI_LIBRARY_TRY));
    pmi_client_close (c);
    setenv ("PMI_FAKE_SIZE", "1", 1);
    refuse ("libpmi2", PMI_LIBRARY_TRY, "", ENOENT, "there is no launcher");
    assert_non_null (c = begin ("libpmi2", 0));
    assert_int_equal (pmi_client_size (c), 1);
    pmi_client_close (c);
    unsetenv ("PMI_FAKE_SIZE");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (names_are_libpmi_and_libpmi2),
        cmocka_unit_test (both_versions_exchange),
        cmocka_unit_test (the_mapping_is_an_attribute_in_version_2),
        cmocka_unit_test (cray_has_base64_and_no_keys_of_flux),
        cmocka_unit_test (what_fails_is_told),
        cmocka_unit_test (what_is_no_library_is_told),
        cmocka_unit_test (flux_has_its_own),
        cmocka_unit_test (who_only_tries_goes_on),
    };
    ssize_t n = readlink ("/proc/self/exe", dir, sizeof (dir) - 1);

    /* build/test/NAME_test */
    dir[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 2; i++)
        *strrchr (dir, '/') = '\0';
    return cmocka_run_group_tests (tests, NULL, NULL);
}
