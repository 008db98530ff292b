/* A wall clock that the test sets: preloaded, it adds the seconds that the file
 * named by FLUX_TEST_CLOCK holds; or, with @ before them, stands there. Monotonic clocks
 * are left alone. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* *stands: it is no offset. */
static long offset (bool *stands)
{
    const char *path = getenv ("FLUX_TEST_CLOCK");
    char buf[32] = "";
    int fd = path ? open (path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        if (read (fd, buf, sizeof (buf) - 1) < 0)
            buf[0] = '\0';
        close (fd);
    }
    *stands = buf[0] == '@';
    return strtol (buf + *stands, NULL, 10);
}

int clock_gettime (clockid_t id, struct timespec *ts)
{
    int rc = syscall (SYS_clock_gettime, id, ts);

    if (rc == 0 && id == CLOCK_REALTIME) {
        bool stands;
        long seconds = offset (&stands);
        ts->tv_sec = stands ? seconds : ts->tv_sec + seconds;
        ts->tv_nsec = stands ? 0 : ts->tv_nsec;
    }
    return rc;
}

int gettimeofday (struct timeval *restrict tv, void *restrict tz)
{
    struct timespec ts;

    clock_gettime (CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time (time_t *t)
{
    struct timespec ts;

    clock_gettime (CLOCK_REALTIME, &ts);
    if (t)
        *t = ts.tv_sec;
    return ts.tv_sec;
}
