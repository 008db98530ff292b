#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/os/private.h"

static char dir[256];
static char why[PRIVATE_WHY_SIZE];

static int setup (void **state)
{
    snprintf (dir, sizeof (dir), "%s/private-XXXXXX", private_tmpdir ());
    return private_mkdtemp (dir) ? 0 : -1;
}

static int teardown (void **state)
{
    return dir_remove (dir);
}

static void path_of (char path[512], const char *name)
{
    snprintf (path, 512, "%s/%s", dir, name);
}

static void test_modes (void **state)
{
    static const struct {
        mode_t mode;
        bool good;
    } cases[] = { { 0700, true },  { 0755, true },   { 0711, true },
                  { 0770, false }, { 0707, false },  { 0777, false },
                  { 0720, false }, { 01777, false }, { 0702, false } };

    for (size_t i = 0; i < sizeof (cases) / sizeof (cases[0]); i++) {
        int fd;

        assert_int_equal (chmod (dir, cases[i].mode), 0);
        fd = private_dir_open (dir, why);
        assert_int_equal (fd >= 0, cases[i].good);
        if (fd >= 0)
            close (fd);
        else
            assert_non_null (strstr (why, "others may write to it"));
    }
}

static void test_umask (void **state)
{
    char path[512];
    struct stat st;
    mode_t old = umask (0777);

    path_of (path, "d-XXXXXX");
    assert_non_null (private_mkdtemp (path));
    umask (old);
    assert_int_equal (stat (path, &st), 0);
    assert_int_equal (st.st_mode & 07777, 0700);
}

static void test_kinds (void **state)
{
    char link[512], file[512];

    path_of (link, "link");
    path_of (file, "file");
    assert_int_equal (symlink (dir, link), 0);
    assert_int_equal (private_dir_open (link, why), -1);
    assert_string_equal (why, "is a symbolic link");
    assert_int_equal (file_write_all (file, "", 0, 0600), 0);
    assert_int_equal (private_dir_open (file, why), -1);
    assert_string_equal (why, "is not a directory");
    path_of (file, "none");
    assert_int_equal (private_dir_open (file, why), -1);
    assert_int_equal (errno, ENOENT);
}

static void test_owner (void **state)
{
    if (geteuid () != 0)
        test_skip ("only root gives files away");
    assert_int_equal (chown (dir, 65534, 65534), 0);
    assert_int_equal (private_dir_open (dir, why), -1);
    assert_string_equal (why, "belongs to user 65534");
    assert_int_equal (chown (dir, 0, 0), 0);
}

static void test_entries (void **state)
{
    static const char *const prefixes[] = { "local-", "content.sqlite", NULL };
    char path[512];
    int fd = private_dir_open (dir, why);

    assert_true (fd >= 0);
    path_of (path, "local-0");
    assert_int_equal (file_write_all (path, "", 0, 0600), 0);
    path_of (path, "other");
    assert_int_equal (symlink ("/etc/passwd", path), 0);
    assert_int_equal (private_dir_check (fd, prefixes, why), 0);
    path_of (path, "content.sqlite-wal");
    assert_int_equal (symlink ("/nonexistent", path), 0);
    assert_int_equal (private_dir_check (fd, prefixes, why), -1);
    assert_string_equal (why, "content.sqlite-wal: is a symbolic link");
    assert_int_equal (unlink (path), 0);
    if (geteuid () == 0) {
        path_of (path, "local-0");
        assert_int_equal (chown (path, 65534, 65534), 0);
        assert_int_equal (private_dir_check (fd, prefixes, why), -1);
        assert_string_equal (why, "local-0: belongs to user 65534");
    }
    close (fd);
}

static void test_tmpdir (void **state)
{
    char *old = getenv ("TMPDIR") ? strdup (getenv ("TMPDIR")) : NULL;

    setenv ("TMPDIR", "/some/where", 1);
    assert_string_equal (private_tmpdir (), "/some/where");
    setenv ("TMPDIR", "", 1);
    assert_string_equal (private_tmpdir (), "/tmp");
    unsetenv ("TMPDIR");
    assert_string_equal (private_tmpdir (), "/tmp");
    if (old)
        setenv ("TMPDIR", old, 1);
    free (old);
}

/* The other end was another process, and another user if this one may become one. */
static void test_peer (void **state)
{
    uid_t uid, other = geteuid () == 0 ? 65534 : geteuid ();
    pid_t pid, child;
    int pair[2];
    int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sa_family_t name = AF_UNIX; /* the kernel chooses one */
    struct sockaddr_storage addr;
    socklen_t len = sizeof (addr);

    assert_int_equal (bind (listener, (struct sockaddr *)&name, sizeof (name)), 0);
    assert_int_equal (listen (listener, 1), 0);
    assert_int_equal (getsockname (listener, (struct sockaddr *)&addr, &len), 0);
    if ((child = fork ()) == 0) {
        int s = socket (AF_UNIX, SOCK_STREAM, 0);
        _exit (setuid (other) < 0 || connect (s, (struct sockaddr *)&addr, len) < 0);
    }
    int fd = accept (listener, NULL, NULL);
    assert_int_equal (private_peer (fd, &uid, &pid), 0);
    assert_int_equal (uid, other);
    assert_int_equal (pid, child);
    assert_int_equal (waitpid (child, NULL, 0), child);
    close (fd);
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal (private_peer (pair[0], &uid, NULL), 0);
    assert_int_equal (uid, geteuid ());
    close (pair[0]);
    close (pair[1]);
    errno = 0;
    assert_int_equal (private_peer (pair[0], &uid, NULL), -1);
    assert_int_equal (errno, EBADF);
    close (listener);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (test_modes, setup, teardown),
        cmocka_unit_test_setup_teardown (test_umask, setup, teardown),
        cmocka_unit_test_setup_teardown (test_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown (test_owner, setup, teardown),
        cmocka_unit_test_setup_teardown (test_entries, setup, teardown),
        cmocka_unit_test (test_tmpdir),
        cmocka_unit_test (test_peer),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
