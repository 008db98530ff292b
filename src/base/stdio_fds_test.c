/* What is closed is opened, what is open stays what it was. Each case runs in a
 * child: the test's own output needs descriptor 1. */
#include "base/stdio_fds.h"
#include "base/test.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_null (int fd)
{
    struct stat a;
    struct stat b;
    return fstat (fd, &a) == 0 && stat ("/dev/null", &b) == 0 && a.st_rdev == b.st_rdev
           && S_ISCHR (a.st_mode);
}

/* Bit n of mask: descriptor n is closed before, and must be /dev/null after. */
static int child (int mask)
{
    char c = 'x';
    int pfd[2];
    if (pipe (pfd) < 0)
        return 1;
    for (int fd = 0; fd <= 2; fd++) {
        if (dup2 (pfd[1], fd) < 0)
            return 2;
    }
    for (int fd = 0; fd <= 2; fd++) {
        if ((mask & (1 << fd)) && close (fd) < 0)
            return 3;
    }
    if (stdio_fds_open () < 0)
        return 4;
    for (int fd = 0; fd <= 2; fd++) {
        if (is_null (fd) != ((mask & (1 << fd)) != 0))
            return 5;
        if (is_null (fd) && (read (fd, &c, 1) != 0 || write (fd, &c, 1) != 1))
            return 6;
    }
    /* The next one is none of them. */
    return open ("/dev/null", O_RDONLY) > 2 ? 0 : 7;
}

static void all_masks (void **state)
{
    (void)state;
    for (int mask = 0; mask < 8; mask++) {
        int status;
        pid_t pid = fork ();
        if (pid == 0)
            _exit (child (mask));
        assert_true (pid > 0);
        assert_int_equal (waitpid (pid, &status, 0), pid);
        assert_true (WIFEXITED (status));
        assert_int_equal (WEXITSTATUS (status), 0);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (all_masks),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
