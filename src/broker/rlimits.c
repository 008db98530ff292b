/* What the system has to grant before a broker can run. Libraries abort where they
 * run out of it, so that is found out first. */
#include "broker/rlimits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* Measured: an idle broker with all modules, and some clients and jobs. */
#define DESCRIPTORS 60
#define DESCRIPTORS_OVERLAY 10
#define ADDRESS_SPACE_MB 64
#define ADDRESS_SPACE_OVERLAY_MB 48

static rlim_t soft_nofile = RLIM_INFINITY;

static int check_nofile (rlim_t need, flux_error_t *error)
{
    struct rlimit rl;

    if (getrlimit (RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < need) {
        snprintf (error->text, sizeof (error->text),
                  "at least %lu descriptors are needed, the limit is %lu (ulimit -n)",
                  (unsigned long)need, (unsigned long)rl.rlim_cur);
        errno = EMFILE;
        return -1;
    }
    return 0;
}

static int check_as (rlim_t need_mb, flux_error_t *error)
{
    struct rlimit rl;

    if (getrlimit (RLIMIT_AS, &rl) == 0 && rl.rlim_cur < need_mb << 20) {
        snprintf (error->text, sizeof (error->text),
                  "at least %lu KB of address space are needed, the limit is %lu KB"
                  " (ulimit -v)",
                  (unsigned long)need_mb << 10, (unsigned long)(rl.rlim_cur >> 10));
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

int limits_init (flux_error_t *error)
{
    struct rlimit rl;

    if (getrlimit (RLIMIT_NOFILE, &rl) == 0) {
        soft_nofile = rl.rlim_cur;
        rl.rlim_cur = rl.rlim_max;
        (void)setrlimit (RLIMIT_NOFILE, &rl);
    }
    if (check_nofile (DESCRIPTORS, error) < 0)
        return -1;
    return check_as (ADDRESS_SPACE_MB, error);
}

int limits_check_overlay (int children, flux_error_t *error)
{
    if (check_nofile (DESCRIPTORS + DESCRIPTORS_OVERLAY + children, error) < 0)
        return -1;
    return check_as (ADDRESS_SPACE_MB + ADDRESS_SPACE_OVERLAY_MB, error);
}

rlim_t limits_soft_nofile (void)
{
    return soft_nofile;
}
