/* Connectors of others: found by name, called, and when not, said why in one line. */
#include <flux/connector.h>
#include <flux/core.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/connect/within.h"

static char folder[3000]; /* beside this program's sources in the build directory */

static int find_folder (void **state)
{
    char self[2000];
    ssize_t len = readlink ("/proc/self/exe", self, sizeof (self) - 1);

    if (len < 0)
        return -1;
    self[len] = '\0';
    *strrchr (self, '/') = '\0'; /* BUILD/test/NAME */
    *strrchr (self, '/') = '\0';
    snprintf (folder, sizeof (folder), "%s/src/core/connect", self);
    return 0;
}

static int at_first (void **state)
{
    unsetenv ("FLUX_CONNECTOR_PATH_PREPEND");
    return setenv ("FLUX_CONNECTOR_PATH", folder, 1);
}

static void refused (const char *uri, int errnum, const char *why)
{
    flux_error_t error;

    errno = 0;
    assert_null (flux_open_ex (uri, 0, &error));
    assert_int_equal (errno, errnum);
    assert_non_null (strstr (error.text, why));
    assert_null (strchr (error.text, '\n'));
    assert_null (flux_open (uri, 0));
}

static void the_handle_is_the_connectors (void **state)
{
    flux_error_t error;
    flux_msg_t *msg;
    flux_t *h = flux_open_ex ("test-good://loop://", FLUX_O_NONBLOCK, &error);

    assert_non_null (h);
    assert_string_equal (error.text, "");
    assert_int_equal (flux_flags_get (h), FLUX_O_NONBLOCK);
    assert_non_null (msg = flux_event_encode ("news", NULL));
    assert_int_equal (flux_send (h, msg, 0), 0);
    flux_msg_decref (msg);
    assert_non_null (msg = flux_recv (h, FLUX_MATCH_EVENT, 0));
    flux_msg_decref (msg);
    flux_close (h);
    for (int i = 0; i < 1000; i++) {
        assert_non_null (h = flux_open ("test-good://test-good://loop://", 0));
        flux_close (h);
    }
}

static void one_that_has_no_connection_says_why (void **state)
{
    flux_error_t error;

    refused ("test-talking://home", EHOSTDOWN, "home is away (0)");
    refused ("test-silent://home", ECONNREFUSED, "test-silent.so");
    refused ("test-good://local:///nonexistent/s", ENOENT, "/nonexistent/s");
    assert_null (open_within ("test-talking://home", 3., &error));
    assert_non_null (strstr (error.text, "home is away (3)"));
}

static void what_is_no_connector_is_not_called (void **state)
{
    refused ("test-unversioned://x", EPROTONOSUPPORT, "no flux_connector_version");
    refused ("test-other://x", EPROTONOSUPPORT, "version 2");
    refused ("test-empty://x", EPROTONOSUPPORT, "connector_init");
}

static void it_is_looked_for_in_order (void **state)
{
    char dir[] = "/tmp/connectors.XXXXXX", path[64], list[4096];
    flux_t *h;

    assert_non_null (mkdtemp (dir));
    snprintf (path, sizeof (path), "%s/test-good.so", dir);
    assert_true (close (creat (path, 0600)) == 0);
    snprintf (list, sizeof (list), "/nonexistent::%s:%s", folder, dir);
    setenv ("FLUX_CONNECTOR_PATH", list, 1);
    assert_non_null (h = flux_open ("test-good://loop://", 0));
    flux_close (h);
    setenv ("FLUX_CONNECTOR_PATH_PREPEND", dir, 1);
    refused ("test-good://loop://", ELIBBAD, path); /* not one: an empty file */
    setenv ("FLUX_CONNECTOR_PATH", dir, 1);
    unlink (path);
    refused ("test-good://loop://", ENOENT, "unknown URI scheme");
    assert_int_equal (symlink ("/dev/null", path), 0);
    refused ("test-good://loop://", ELIBBAD, path);
    unlink (path);
    rmdir (dir);
}

static void a_scheme_is_no_path (void **state)
{
    char *dots, list[4096];

    snprintf (list, sizeof (list), "%s/connect", folder);
    *strrchr (list, '/') = '\0';
    setenv ("FLUX_CONNECTOR_PATH", list, 1);
    refused ("x/../connect/test-good://loop://", ENOENT, "unknown URI scheme");
    refused ("connect/test-good://loop://", ENOENT, "unknown URI scheme");
    refused ("://loop://", ENOENT, "unknown URI scheme");
    refused ("test-good", ENOENT, "unknown URI scheme");
    refused ("9://x", ENOENT, "unknown URI scheme");
    assert_non_null (dots = calloc (1, 5000));
    memset (dots, 'a', 4990);
    strcat (dots, "://");
    refused (dots, ENOENT, "aaa");
    free (dots);
    refused ("shmem://x", ENOSYS, "only a broker and its modules");
    assert_null (flux_open ("loop://", 1 << 30));
    assert_int_equal (errno, EINVAL);
}

/* What a connector tells the handle before it of the one behind. */
static void of_another_handle (void **state)
{
    flux_t *h = flux_open ("loop://", 0);

    assert_non_null (h);
    assert_int_equal (flux_handle_flush (h), 0);
    assert_int_equal (flux_handle_unsent (h), 0);
    assert_int_equal (flux_handle_pollwant (h), FLUX_POLLIN);
    flux_close (h);
    errno = 0;
    assert_int_equal (flux_handle_flush (NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_handle_pollwant (NULL), -1);
    assert_int_equal (flux_handle_unsent (NULL), 0);
    assert_null (flux_handle_create (NULL, NULL, 0));
    assert_int_equal (errno, EINVAL);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (the_handle_is_the_connectors, at_first),
        cmocka_unit_test_setup (one_that_has_no_connection_says_why, at_first),
        cmocka_unit_test_setup (what_is_no_connector_is_not_called, at_first),
        cmocka_unit_test_setup (it_is_looked_for_in_order, at_first),
        cmocka_unit_test_setup (a_scheme_is_no_path, at_first),
        cmocka_unit_test (of_another_handle),
    };

    return cmocka_run_group_tests (tests, find_folder, NULL);
}
