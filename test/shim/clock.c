/* Preloaded: the wall's clock of a process is off by the seconds that the first 8
 * bytes of the file $CLOCK_SHIM hold (an int64_t), at any moment. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;
static int (*real_clock_gettime) (clockid_t id, struct timespec *ts);

__attribute__ ((constructor)) static void init (void)
{
    const char *path = getenv ("CLOCK_SHIM");
    int fd = path ? open (path, O_RDONLY | O_CLOEXEC) : -1;

    real_clock_gettime = dlsym (RTLD_NEXT, "clock_gettime");
    if (fd < 0)
        return;
    void *p = mmap (NULL, sizeof (*offset), PROT_READ, MAP_SHARED, fd, 0);
    close (fd);
    if (p != MAP_FAILED)
        offset = p;
}

int clock_gettime (clockid_t id, struct timespec *ts)
{
    if (!real_clock_gettime)
        init ();
    int rc = real_clock_gettime (id, ts);
    if (rc == 0 && offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ts->tv_sec += *offset;
    return rc;
}

int gettimeofday (struct timeval *restrict tv, void *restrict tz)
{
    struct timespec ts;

    (void)tz;
    if (clock_gettime (CLOCK_REALTIME, &ts) < 0)
        return -1;
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time (time_t *t)
{
    struct timespec ts;

    if (clock_gettime (CLOCK_REALTIME, &ts) < 0)
        return -1;
    if (t)
        *t = ts.tv_sec;
    return ts.tv_sec;
}
