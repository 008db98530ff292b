/* The directory of a server that outlives its broker, and the server, which is a child of
 * this test. */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "modules/job-exec/reattach/found.h"

#define LARGE (4 * 1024 * 1024)

/* Sockets have short names: the directory need not. */
static char top[300];
static char *dir;
static int dir_fd;
static flux_reactor_t *r;
static struct buf got;
static size_t rooms;
static char ended[128];

static void data_cb (const char *data, size_t len, const char *why, void *arg)
{
    assert_ptr_equal (arg, &got);
    if (data)
        buf_add (&got, data, len);
    else
        snprintf (ended, sizeof (ended), "%s", why);
}

static void room_cb (void *arg)
{
    rooms++;
}

static struct found *find (void)
{
    return found_connect (r, dir_fd, data_cb, room_cb, &got);
}

static int listen_there (void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket (AF_UNIX, SOCK_STREAM, 0);

    snprintf (addr.sun_path, sizeof (addr.sun_path), "/proc/self/fd/%d/socket", dir_fd);
    if (fd < 0 || bind (fd, (struct sockaddr *)&addr, sizeof (addr)) < 0
        || listen (fd, 1) < 0)
        abort ();
    return fd;
}

/* Says back what it hears, from the second byte on. The peer is who listens. */
static void echo (int ready)
{
    int fd = listen_there ();

    static char tmp[65536];
    ssize_t n;

    close (ready);
    if ((fd = accept (fd, NULL, NULL)) < 0 || read (fd, tmp, 1) != 1)
        _exit (1);
    usleep (10000); /* its peer has to wait for room */
    while ((n = read (fd, tmp, sizeof (tmp))) > 0)
        (void)fd_write_all (fd, tmp, n);
    _exit (0);
}

static pid_t serve (void)
{
    int ready[2];
    char c;

    assert_int_equal (pipe (ready), 0);
    pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        close (ready[0]);
        echo (ready[1]);
    }
    close (ready[1]);
    assert_int_equal (read (ready[0], &c, 1), 0);
    close (ready[0]);
    return pid;
}

static void turn (void)
{
    assert_true (flux_reactor_run (r, FLUX_REACTOR_ONCE) >= 0);
}

static void there_may_be_none (void **state)
{
    assert_false (found_is_any (dir_fd));
    assert_null (find ());
    assert_int_equal (errno, ENOENT);
    close (listen_there ()); /* it was killed */
    assert_true (found_is_any (dir_fd));
    assert_null (find ());
    assert_int_equal (errno, ECONNREFUSED);
    found_clear (dir_fd);
    assert_false (found_is_any (dir_fd));
    char path[400];
    snprintf (path, sizeof (path), "%s/left", dir);
    assert_int_equal (file_write_all (path, "x", 1, 0600), 0);
    assert_true (found_is_any (dir_fd));
    unlink (path);
}

static void bytes_pass (void **state)
{
    pid_t pid = serve ();
    struct found *f = find ();
    char *large = calloc (1, LARGE);
    size_t sent = 0;
    int status;

    assert_non_null (f);
    memset (large, 'x', LARGE);
    rooms = 0;
    while (sent < LARGE || got.len < LARGE - 1) {
        ssize_t n = found_write (f, large + sent, LARGE - sent);
        assert_true (n >= 0);
        sent += n;
        turn ();
    }
    assert_true (rooms > 0);
    assert_memory_equal (got.data, large, LARGE - 1);
    found_destroy (f); /* which ends this one, as a broker's end would be seen */
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    free (large);
    found_clear (dir_fd);
}

static void its_end_is_told (void **state)
{
    pid_t pid = serve ();
    struct found *f = find ();

    assert_non_null (f);
    assert_int_equal (kill (pid, SIGKILL), 0);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
    ended[0] = '\0';
    while (!ended[0])
        turn ();
    found_kill (f); /* it is nobody any more */
    found_destroy (f);
    found_clear (dir_fd);
}

static void it_can_be_killed (void **state)
{
    pid_t pid = serve ();
    struct found *f = find ();
    int status;

    assert_non_null (f);
    found_kill (f);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, SIGKILL);
    found_destroy (f);
    found_clear (dir_fd);
}

/* Where others could put something nothing is kept. */
static void the_directory_is_ours_alone (void **state)
{
    flux_error_t error;
    char *path, link[400];

    assert_int_equal (chmod (dir, 0777), 0);
    assert_int_equal (found_dir_open (top, 3, true, &path, &error), -1);
    assert_null (path);
    assert_non_null (strstr (error.text, "others may write to it"));
    assert_int_equal (chmod (dir, 0700), 0);
    snprintf (link, sizeof (link), "%s/shells-4", top);
    assert_int_equal (symlink (dir, link), 0);
    assert_int_equal (found_dir_open (top, 4, true, &path, &error), -1);
    assert_non_null (strstr (error.text, "is a symbolic link"));
    unlink (link);
    assert_int_equal (found_dir_open (top, 5, false, &path, &error), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (found_dir_open ("/nonexistent", 4, true, &path, &error), -1);
    assert_int_equal (errno, ENOENT);
}

static int set_up (void **state)
{
    flux_error_t error;
    struct stat st;

    signal (SIGPIPE, SIG_IGN);
    snprintf (top, sizeof (top), "/tmp/job-exec-found-%0200d-XXXXXX", 0);
    if (!mkdtemp (top) || !(r = flux_reactor_create (0))
        || (dir_fd = found_dir_open (top, 3, true, &dir, &error)) < 0
        || stat (dir, &st) < 0)
        return -1;
    return (st.st_mode & 07777) == 0700 ? 0 : -1;
}

static int tear_down (void **state)
{
    flux_reactor_destroy (r);
    buf_fini (&got);
    close (dir_fd);
    free (dir);
    return dir_remove (top);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (there_may_be_none),
        cmocka_unit_test (bytes_pass),
        cmocka_unit_test (its_end_is_told),
        cmocka_unit_test (it_can_be_killed),
        cmocka_unit_test (the_directory_is_ours_alone),
    };
    return cmocka_run_group_tests (tests, set_up, tear_down);
}
