/* How reactors and watchers fail. */
#include "api.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static flux_reactor_t *r;

static void stop_with_error (flux_reactor_t *re, flux_watcher_t *w, int revents,
                             void *arg)
{
    errno = ENOTTY;
    flux_reactor_stop_error (re);
}

static double tomorrow (flux_watcher_t *w, double now, void *arg)
{
    return now + 86400;
}

static void reactors (void **state)
{
    flux_watcher_t *w = flux_idle_watcher_create (r, stop_with_error, NULL);

    NULLS (flux_reactor_create, EINVAL, flux_reactor_create (0x1000));
    FIRST (flux_reactor_create, flux_reactor_create (0), flux_reactor_destroy (made));
    FAILS (flux_reactor_run, EINVAL, flux_reactor_run (NULL, 0));
    FAILS (flux_reactor_run, EINVAL, flux_reactor_run (r, 0x1000));
    flux_watcher_start (w);
    FAILS (flux_reactor_run, ENOTTY, flux_reactor_run (r, 0));
    flux_watcher_destroy (w);
    assert_int_equal (flux_reactor_run (r, 0), 0);
}

static void watchers (void **state)
{
    flux_watcher_t *idle = flux_idle_watcher_create (r, stop_with_error, NULL);
    flux_t *h = flux_open ("loop://", 0);
    struct stat st;

    assert_true (idle && h);
    NULLS (flux_fd_watcher_create, EINVAL,
           flux_fd_watcher_create (NULL, 0, FLUX_POLLIN, stop_with_error, NULL));
    NULLS (flux_fd_watcher_create, EINVAL,
           flux_fd_watcher_create (r, -1, FLUX_POLLIN, stop_with_error, NULL));
    FIRST (flux_fd_watcher_create,
           flux_fd_watcher_create (r, 0, FLUX_POLLIN, stop_with_error, NULL),
           flux_watcher_destroy (made));
    FAILS (flux_fd_watcher_get_fd, EINVAL, flux_fd_watcher_get_fd (NULL));
    FAILS (flux_fd_watcher_get_fd, EINVAL, flux_fd_watcher_get_fd (idle));
    NULLS (flux_timer_watcher_create, EINVAL,
           flux_timer_watcher_create (NULL, 1, 0, stop_with_error, NULL));
    NULLS (flux_timer_watcher_create, EINVAL,
           flux_timer_watcher_create (r, -1, 0, stop_with_error, NULL));
    NULLS (flux_timer_watcher_create, EINVAL,
           flux_timer_watcher_create (r, 1, -1, stop_with_error, NULL));
    FIRST (flux_timer_watcher_create,
           flux_timer_watcher_create (r, 1, 0, stop_with_error, NULL),
           flux_watcher_destroy (made));
    NULLS (flux_periodic_watcher_create, EINVAL,
           flux_periodic_watcher_create (NULL, 1, 1, NULL, stop_with_error, NULL));
    NULLS (flux_periodic_watcher_create, EINVAL,
           flux_periodic_watcher_create (r, -1, 1, NULL, stop_with_error, NULL));
    NULLS (flux_periodic_watcher_create, EINVAL,
           flux_periodic_watcher_create (r, 1, -1, NULL, stop_with_error, NULL));
    FIRST (flux_periodic_watcher_create,
           flux_periodic_watcher_create (r, 0, 0, tomorrow, stop_with_error, NULL),
           flux_watcher_destroy (made));
    NULLS (flux_prepare_watcher_create, EINVAL,
           flux_prepare_watcher_create (NULL, stop_with_error, NULL));
    FIRST (flux_prepare_watcher_create,
           flux_prepare_watcher_create (r, stop_with_error, NULL),
           flux_watcher_destroy (made));
    NULLS (flux_check_watcher_create, EINVAL,
           flux_check_watcher_create (NULL, stop_with_error, NULL));
    FIRST (flux_check_watcher_create,
           flux_check_watcher_create (r, stop_with_error, NULL),
           flux_watcher_destroy (made));
    NULLS (flux_idle_watcher_create, EINVAL,
           flux_idle_watcher_create (NULL, stop_with_error, NULL));
    FIRST (flux_idle_watcher_create,
           flux_idle_watcher_create (r, stop_with_error, NULL),
           flux_watcher_destroy (made));
    NULLS (flux_signal_watcher_create, EINVAL,
           flux_signal_watcher_create (NULL, SIGUSR1, stop_with_error, NULL));
    NULLS (flux_signal_watcher_create, EINVAL,
           flux_signal_watcher_create (r, 0, stop_with_error, NULL));
    NULLS (flux_signal_watcher_create, EINVAL,
           flux_signal_watcher_create (r, 1000, stop_with_error, NULL));
    FIRST (flux_signal_watcher_create,
           flux_signal_watcher_create (r, SIGUSR1, stop_with_error, NULL),
           flux_watcher_destroy (made));
    FAILS (flux_signal_watcher_get_signum, EINVAL,
           flux_signal_watcher_get_signum (NULL));
    FAILS (flux_signal_watcher_get_signum, EINVAL,
           flux_signal_watcher_get_signum (idle));
    NULLS (flux_child_watcher_create, EINVAL,
           flux_child_watcher_create (NULL, getpid (), false, stop_with_error, NULL));
    FAILS (flux_child_watcher_get_rpid, EINVAL, flux_child_watcher_get_rpid (idle));
    FAILS (flux_child_watcher_get_rstatus, EINVAL,
           flux_child_watcher_get_rstatus (idle));
    NULLS (flux_stat_watcher_create, EINVAL,
           flux_stat_watcher_create (NULL, "/", 0, stop_with_error, NULL));
    NULLS (flux_stat_watcher_create, EINVAL,
           flux_stat_watcher_create (r, NULL, 0, stop_with_error, NULL));
    FIRST (flux_stat_watcher_create,
           flux_stat_watcher_create (r, "/", 0, stop_with_error, NULL),
           flux_watcher_destroy (made));
    FAILS (flux_stat_watcher_get_rstat, EINVAL,
           flux_stat_watcher_get_rstat (NULL, &st, &st));
    FAILS (flux_stat_watcher_get_rstat, EINVAL,
           flux_stat_watcher_get_rstat (idle, &st, &st));
    NULLS (flux_handle_watcher_create, EINVAL,
           flux_handle_watcher_create (NULL, h, FLUX_POLLIN, stop_with_error, NULL));
    NULLS (flux_handle_watcher_create, EINVAL,
           flux_handle_watcher_create (r, NULL, FLUX_POLLIN, stop_with_error, NULL));
    FIRST (flux_handle_watcher_create,
           flux_handle_watcher_create (r, h, FLUX_POLLIN, stop_with_error, NULL),
           flux_watcher_destroy (made));
    NULLS (flux_handle_watcher_get_flux, EINVAL, flux_handle_watcher_get_flux (NULL));
    NULLS (flux_handle_watcher_get_flux, EINVAL, flux_handle_watcher_get_flux (idle));
    errno = 0;
    assert_true (flux_watcher_next_wakeup (idle) == -1 && errno == EINVAL);
    flux_watcher_destroy (idle);
    flux_close (h);
}

int main (void)
{
    const struct CMUnitTest tests[] = { ROWS (reactors), ROWS (watchers) };

    r = flux_reactor_create (0);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
