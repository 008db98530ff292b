/* What is handed to flux.brokermod, which another stands for here, and what becomes of
 * what it says: errno of the module. */
#include "python.c"

#include "base/test.h"

#include <flux/handle.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char brokermod[] =
    "import os, threading\n"
    "both = threading.Barrier(2, timeout=30)\n"
    "def _main(h, path, args):\n"
    "    what = args[0] if args else 'nothing'\n"
    "    if what == 'raise':\n"
    "        raise ValueError(path)\n"
    "    if what == 'text':\n"
    "        return 'no number'\n"
    "    if what == 'bytes':\n"
    "        return 0 if os.fsencode(args[1]) == b'a\\xff' else 1\n"
    "    if what == 'handle':\n"
    "        return 0 if h == int(args[1]) and path == 'file' else 1\n"
    "    if what == 'both':\n"
    "        both.wait()\n"
    "        return int(args[1])\n"
    "    return len(args) if what != 'errno' else int(args[1])\n";

static flux_t *h;
static char dir[] = "/tmp/python-test.XXXXXX";

static void path_of (char *buf, size_t size, const char *name)
{
    snprintf (buf, size, "%s/%s", dir, name);
}

static int setup (void **state)
{
    char path[64];
    FILE *f;

    assert_non_null (mkdtemp (dir));
    path_of (path, sizeof (path), "flux");
    assert_int_equal (mkdir (path, 0700), 0);
    path_of (path, sizeof (path), "flux/__init__.py");
    assert_non_null (f = fopen (path, "w"));
    fclose (f);
    path_of (path, sizeof (path), "flux/brokermod.py");
    assert_non_null (f = fopen (path, "w"));
    fputs (brokermod, f);
    assert_int_equal (fclose (f), 0);
    setenv ("PYTHONPATH", dir, 1);
    setenv ("PYTHONDONTWRITEBYTECODE", "1", 1);
    setenv ("PYTHONMALLOC", "malloc", 1); /* so that leaks are seen, and no others */
    h = flux_open ("loop://", 0);
    flux_log_set_redirect (h, NULL, NULL);
    return h ? 0 : -1;
}

static int teardown (void **state)
{
    static const char *const names[] = { "flux/__init__.py", "flux/brokermod.py" };
    char path[64];

    for (int i = 0; i < 2; i++) {
        path_of (path, sizeof (path), names[i]);
        unlink (path);
    }
    path_of (path, sizeof (path), "flux");
    rmdir (path);
    flux_close (h);
    return rmdir (dir);
}

/* 0, or errno. */
static int call (const char *what, const char *arg)
{
    char *argv[] = { (char *)"file", (char *)what, (char *)arg };

    errno = 0;
    return mod_main (h, 1 + (what != NULL) + (arg != NULL), argv) < 0 ? errno : 0;
}

static void hands_over (void **state)
{
    char text[32];

    snprintf (text, sizeof (text), "%llu", (unsigned long long)(uintptr_t)h);
    assert_int_equal (call ("handle", text), 0);
    assert_int_equal (call ("bytes", "a\xff"), 0);
    assert_int_equal (call (NULL, NULL), 0); /* no arguments are no arguments */
    assert_int_equal (call ("count", "x"), 2);
}

static void tells_errno (void **state)
{
    assert_int_equal (call ("errno", "0"), 0);
    assert_int_equal (call ("errno", "2"), ENOENT);
    assert_int_equal (call ("errno", "110"), ETIMEDOUT);
    /* what is none */
    assert_int_equal (call ("errno", "-1"), EINVAL);
    assert_int_equal (call ("raise", NULL), EINVAL);
    assert_int_equal (call ("text", NULL), EINVAL);
    assert_int_equal (call ("errno", "0"), 0); /* and goes on */
}

static void wants_a_file (void **state)
{
    errno = 0;
    assert_int_equal (mod_main (h, 0, NULL), -1);
    assert_int_equal (errno, EINVAL);
}

static void *in_thread (void *arg)
{
    return (void *)(intptr_t)call ("both", arg);
}

/* One interpreter for all; nobody keeps the others out while it waits. */
static void at_once (void **state)
{
    pthread_t t[2];
    void *rc[2];

    assert_int_equal (pthread_create (&t[0], NULL, in_thread, (void *)"3"), 0);
    assert_int_equal (pthread_create (&t[1], NULL, in_thread, (void *)"4"), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal (pthread_join (t[i], &rc[i]), 0);
    assert_int_equal ((intptr_t)rc[0], 3);
    assert_int_equal ((intptr_t)rc[1], 4);
}

static void signals_are_the_brokers (void **state)
{
    struct sigaction sa;

    assert_int_equal (sigaction (SIGINT, NULL, &sa), 0);
    assert_true (sa.sa_handler == SIG_DFL);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (wants_a_file),
        cmocka_unit_test (at_once), /* starts it */
        cmocka_unit_test (hands_over),
        cmocka_unit_test (tells_errno),
        cmocka_unit_test (signals_are_the_brokers),
    };
    return cmocka_run_group_tests (tests, setup, teardown);
}
