/* LD_PRELOAD=bench-count.so FLUX_BENCH_COUNTS=FILE: counts what all processes under it
 * do, in seven 64-bit numbers at the beginning of FILE, which has a page at least:
 * messages sent, JSON decodes and encodes, bytes copied, processes started, system calls,
 * calls of memcpy and memmove.
 *
 * What is counted are calls through a symbol: copies that the compiler or libc makes
 * itself are not, nor system calls within libc (locks, malloc). libflux-core is linked
 * anew for it, without -Bsymbolic-functions, see bench/run. */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MESSAGES, DECODES, ENCODES, BYTES, STARTS, SYSCALLS, COPIES, COUNTERS };

static _Atomic uint64_t none[COUNTERS];
static _Atomic uint64_t *counts = none;
static __thread int depth; /* of counted calls: those below are theirs */

__attribute__ ((constructor)) static void begin (void)
{
    const char *path = getenv ("FLUX_BENCH_COUNTS");
    int fd = path ? open (path, O_RDWR | O_CLOEXEC) : -1;
    void *p = fd < 0 ? MAP_FAILED
                     : mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close (fd);
    if (p != MAP_FAILED)
        counts = p;
}

static void count (int which, uint64_t n)
{
    atomic_fetch_add_explicit (&counts[which], n, memory_order_relaxed);
}

/* NAME, with ARGS of these TYPES, is counted as WHICH, and then done. */
#define COUNT(which, type, name, types, args)                                          \
    type name types;                                                                   \
    type name types                                                                    \
    {                                                                                  \
        static type (*real) types;                                                     \
        if (!real)                                                                     \
            *(void **)&real = dlsym (RTLD_NEXT, #name);                                \
        if (depth == 0)                                                                \
            count (which, 1);                                                          \
        depth++;                                                                       \
        type result = real args;                                                       \
        depth--;                                                                       \
        return result;                                                                 \
    }

typedef void *P;
typedef const void *C;

COUNT (MESSAGES, int, flux_send_new, (P h, P m, int flags), (h, m, flags))
COUNT (MESSAGES, int, flux_send, (P h, C m, int flags), (h, m, flags))

COUNT (DECODES, P, json_decode, (C s, size_t n, size_t f, P e), (s, n, f, e))
COUNT (DECODES, P, json_loads, (C s, size_t f, P e), (s, f, e))
COUNT (DECODES, P, json_loadb, (C s, size_t n, size_t f, P e), (s, n, f, e))
COUNT (ENCODES, int, json_encode, (P b, C o), (b, o))
COUNT (ENCODES, char *, json_dumps, (C o, size_t f), (o, f))
COUNT (ENCODES, size_t, json_dumpb, (C o, P s, size_t n, size_t f), (o, s, n, f))

COUNT (STARTS, pid_t, fork, (void), ())
COUNT (STARTS, int, posix_spawn,
       (pid_t * pid, const char *path, const posix_spawn_file_actions_t *fa,
        const posix_spawnattr_t *a, char *const argv[], char *const env[]),
       (pid, path, fa, a, argv, env))
COUNT (STARTS, int, posix_spawnp,
       (pid_t * pid, const char *path, const posix_spawn_file_actions_t *fa,
        const posix_spawnattr_t *a, char *const argv[], char *const env[]),
       (pid, path, fa, a, argv, env))

COUNT (SYSCALLS, ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
COUNT (SYSCALLS, ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
COUNT (SYSCALLS, ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
COUNT (SYSCALLS, ssize_t, pwrite64, (int fd, const void *p, size_t n, off_t o),
       (fd, p, n, o))
COUNT (SYSCALLS, ssize_t, pread64, (int fd, void *p, size_t n, off_t o), (fd, p, n, o))
COUNT (SYSCALLS, ssize_t, send, (int fd, const void *p, size_t n, int f),
       (fd, p, n, f))
COUNT (SYSCALLS, ssize_t, recv, (int fd, void *p, size_t n, int f), (fd, p, n, f))
COUNT (SYSCALLS, ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f))
COUNT (SYSCALLS, ssize_t, recvmsg, (int fd, struct msghdr *m, int f), (fd, m, f))
COUNT (SYSCALLS, int, epoll_wait, (int fd, struct epoll_event *e, int n, int t),
       (fd, e, n, t))
COUNT (SYSCALLS, int, epoll_ctl, (int fd, int op, int f, struct epoll_event *e),
       (fd, op, f, e))
COUNT (SYSCALLS, int, poll, (struct pollfd * f, nfds_t n, int t), (f, n, t))
COUNT (SYSCALLS, int, madvise, (void *p, size_t n, int a), (p, n, a))

/* Before dlsym() works, and in it, bytes go one by one. */
static void *copy (void *dst, const void *src, size_t n)
{
    volatile unsigned char *d = dst;
    const volatile unsigned char *s = src;

    if (d < s) {
        for (size_t i = 0; i < n; i++)
            d[i] = s[i];
    } else {
        while (n-- > 0)
            d[n] = s[n];
    }
    return dst;
}

static void *(*real_memmove) (void *, const void *, size_t);

static void *copied (void *dst, const void *src, size_t n)
{
    static _Atomic int looking;

    if (!real_memmove) {
        if (atomic_exchange (&looking, 1))
            return copy (dst, src, n);
        *(void **)&real_memmove = dlsym (RTLD_NEXT, "memmove");
    }
    count (COPIES, 1);
    count (BYTES, n);
    return real_memmove (dst, src, n);
}

void *memcpy (void *restrict dst, const void *restrict src, size_t n)
{
    return copied (dst, src, n);
}

void *memmove (void *dst, const void *src, size_t n)
{
    return copied (dst, src, n);
}
