#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/reactor/reactor.h"

static void count_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    (*(int *)arg)++;
}

static void timers (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    int count = 0;
    flux_watcher_t *w = flux_timer_watcher_create (r, 0.001, 0, count_cb, &count);
    flux_watcher_t *idle = flux_timer_watcher_create (r, 3600, 0, count_cb, &count);

    flux_watcher_start (w);
    flux_watcher_start (idle);
    flux_watcher_unref (idle); /* does not keep the reactor running */
    assert_int_equal (flux_reactor_run (r, 0), 0);
    assert_int_equal (count, 1);
    assert_false (flux_watcher_is_active (w));
    /* A timer that ended by itself while unreferenced. */
    flux_watcher_unref (w);
    flux_timer_watcher_reset (w, 0, 0);
    flux_watcher_start (w);
    assert_int_equal (flux_reactor_run (r, FLUX_REACTOR_ONCE), 0);
    assert_int_equal (count, 2);
    flux_watcher_destroy (w);
    flux_watcher_destroy (idle);
    flux_reactor_destroy (r);
}

static void fd_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    char c;

    assert_int_equal (revents, FLUX_POLLIN);
    assert_int_equal (read (flux_fd_watcher_get_fd (w), &c, 1), 1);
    *(char *)arg = c;
    flux_watcher_stop (w);
}

static void descriptors (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_watcher_t *w;
    int fds[2];
    char c = 0;

    assert_int_equal (pipe (fds), 0);
    w = flux_fd_watcher_create (r, fds[0], FLUX_POLLIN, fd_cb, &c);
    flux_watcher_start (w);
    assert_true (flux_reactor_run (r, FLUX_REACTOR_NOWAIT) > 0);
    assert_int_equal (write (fds[1], "x", 1), 1);
    assert_int_equal (flux_reactor_run (r, 0), 0);
    assert_int_equal (c, 'x');
    flux_watcher_destroy (w);
    flux_reactor_destroy (r);
    close (fds[0]);
    close (fds[1]);
}

static void child_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    *(int *)arg = flux_child_watcher_get_rstatus (w);
}

static void children (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_watcher_t *w[10];
    int status[10];

    for (int i = 0; i < 10; i++) {
        pid_t pid = fork ();

        if (pid == 0)
            _exit (i);
        status[i] = -1;
        w[i] = flux_child_watcher_create (r, pid, false, child_cb, &status[i]);
        assert_non_null (w[i]);
        assert_int_equal (flux_child_watcher_get_rpid (w[i]), pid);
        flux_watcher_start (w[i]);
    }
    assert_int_equal (flux_reactor_run (r, 0), 0);
    for (int i = 0; i < 10; i++) {
        assert_true (WIFEXITED (status[i]));
        assert_int_equal (WEXITSTATUS (status[i]), i);
        flux_watcher_destroy (w[i]);
    }
    flux_reactor_destroy (r);
}

static void traced_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    int status = flux_child_watcher_get_rstatus (w);
    char *seen = arg;

    strcat (seen, WIFSTOPPED (status) ? "s" : WIFCONTINUED (status) ? "c" : "e");
    if (WIFSTOPPED (status))
        kill (flux_child_watcher_get_rpid (w), SIGCONT);
    else if (WIFCONTINUED (status))
        kill (flux_child_watcher_get_rpid (w), SIGKILL);
}

static pid_t child_that_stops (void)
{
    pid_t pid = fork ();

    if (pid == 0) {
        raise (SIGSTOP);
        for (;;)
            pause ();
    }
    return pid;
}

/* One stops before anybody looks; for the other, a thread waits for stops already. */
static void traced_children (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);

    for (int i = 0; i < 2; i++) {
        pid_t pid = child_that_stops ();
        char seen[8] = "";
        flux_watcher_t *w;
        siginfo_t si;

        if (i == 0)
            assert_int_equal (waitid (P_PID, pid, &si, WSTOPPED | WNOWAIT), 0);
        w = flux_child_watcher_create (r, pid, true, traced_cb, seen);
        assert_non_null (w);
        flux_watcher_start (w);
        assert_int_equal (flux_reactor_run (r, 0), 0);
        assert_string_equal (seen, "sce");
        flux_watcher_destroy (w);
    }
    flux_reactor_destroy (r);
}

static void gone_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    (*(int *)arg)++;
    flux_watcher_destroy (w);
}

/* The moment comes when stops are to be looked for, in the turn in which it ends. */
static void traced_child_that_is_gone (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    double start = flux_reactor_time ();
    pid_t pid = fork ();
    siginfo_t si;
    int calls = 0;

    if (pid == 0)
        _exit (0);
    flux_watcher_t *w = flux_child_watcher_create (r, pid, true, gone_cb, &calls);
    assert_non_null (w);
    flux_watcher_set_priority (w, 1);
    flux_watcher_start (w);
    assert_int_equal (waitid (P_PID, pid, &si, WEXITED | WNOWAIT), 0);
    while (flux_reactor_time () < start + 0.02)
        ;
    assert_int_equal (flux_reactor_run (r, 0), 0);
    assert_int_equal (calls, 1);
    flux_reactor_destroy (r);
}

static void stop_error_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    errno = ECONNRESET;
    flux_reactor_stop_error (r);
}

static void run_inner_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_watcher_t *stop = flux_timer_watcher_create (r, 0, 0, stop_error_cb, NULL);

    flux_watcher_start (stop);
    assert_int_equal (flux_reactor_run (r, 0), -1);
    assert_int_equal (errno, ECONNRESET);
    flux_watcher_destroy (stop);
}

static void run_in_run (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_watcher_t *w = flux_timer_watcher_create (r, 0, 0, run_inner_cb, NULL);

    flux_watcher_start (w);
    assert_int_equal (flux_reactor_run (r, 0), 0);
    flux_watcher_destroy (w);
    flux_reactor_destroy (r);
}

static void signals_and_stop (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_watcher_t *w = flux_signal_watcher_create (r, SIGUSR1, stop_error_cb, NULL);

    flux_watcher_start (w);
    raise (SIGUSR1);
    assert_int_equal (flux_reactor_run (r, 0), -1);
    assert_int_equal (errno, ECONNRESET);
    assert_int_equal (flux_signal_watcher_get_signum (w), SIGUSR1);
    flux_watcher_destroy (w);
    flux_reactor_destroy (r);
}

static void loop_watchers (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    int prepare = 0, check = 0, idle = 0;
    flux_watcher_t *w[3] = { flux_prepare_watcher_create (r, count_cb, &prepare),
                             flux_check_watcher_create (r, count_cb, &check),
                             flux_idle_watcher_create (r, count_cb, &idle) };

    for (int i = 0; i < 3; i++)
        flux_watcher_start (w[i]);
    for (int i = 0; i < 3; i++)
        assert_true (flux_reactor_run (r, FLUX_REACTOR_ONCE) > 0);
    assert_int_equal (prepare, 3);
    assert_int_equal (check, 3);
    assert_int_equal (idle, 3);
    for (int i = 0; i < 3; i++)
        flux_watcher_destroy (w[i]);
    flux_reactor_destroy (r);
}

static void stat_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct stat st, prev;

    assert_int_equal (flux_stat_watcher_get_rstat (w, &st, &prev), 0);
    assert_int_equal (st.st_size, 3);
    assert_int_equal (prev.st_size, 0);
    flux_watcher_stop (w);
}

static void files (void **state)
{
    char path[] = "/tmp/reactor_test.XXXXXX";
    int fd = mkstemp (path);
    flux_reactor_t *r = flux_reactor_create (0);
    flux_watcher_t *w = flux_stat_watcher_create (r, path, 0.01, stat_cb, NULL);

    flux_watcher_start (w);
    assert_int_equal (write (fd, "abc", 3), 3);
    assert_int_equal (flux_reactor_run (r, 0), 0);
    flux_watcher_destroy (w);
    flux_reactor_destroy (r);
    close (fd);
    unlink (path);
}

struct posted {
    struct reactor_task task;
    flux_reactor_t *r;
    int count;
};

static void post_again (void *arg)
{
    struct posted *p = arg;

    if (++p->count < 3)
        reactor_post (p->r, &p->task);
}

static void tasks (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    struct posted p = { .r = r }, late = { .r = r }, gone = { .r = r };

    reactor_task_init (&p.task, post_again, &p);
    reactor_task_init (&late.task, post_again, &late);
    reactor_task_init (&gone.task, post_again, &gone);
    reactor_post (r, &p.task);
    reactor_post (r, &p.task);
    reactor_post (r, &gone.task);
    reactor_task_cancel (&gone.task);
    reactor_before_sleep (r, &late.task);
    assert_int_equal (flux_reactor_run (r, 0), 0);
    assert_int_equal (p.count, 3);
    assert_int_equal (gone.count, 0);
    assert_true (late.count >= 1);
    reactor_task_cancel (&late.task);
    flux_reactor_destroy (r);
}

static void before_sleep_again (void *arg)
{
    struct posted *p = arg;

    if (++p->count < 5)
        reactor_before_sleep (p->r, &p->task);
}

/* A task that brings about another is not left alone with a long sleep. */
static void tasks_before_sleep (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    struct posted p = { .r = r };
    int count = 0;
    flux_watcher_t *w = flux_timer_watcher_create (r, 0.001, 0, count_cb, &count);

    reactor_task_init (&p.task, before_sleep_again, &p);
    reactor_before_sleep (r, &p.task);
    flux_watcher_start (w);
    assert_int_equal (flux_reactor_run (r, FLUX_REACTOR_ONCE), 0);
    assert_int_equal (p.count, 5);
    flux_watcher_destroy (w);
    flux_reactor_destroy (r);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (timers),
        cmocka_unit_test (descriptors),
        cmocka_unit_test (children),
        cmocka_unit_test (traced_children),
        cmocka_unit_test (traced_child_that_is_gone),
        cmocka_unit_test (signals_and_stop),
        cmocka_unit_test (run_in_run),
        cmocka_unit_test (loop_watchers),
        cmocka_unit_test (files),
        cmocka_unit_test (tasks),
        cmocka_unit_test (tasks_before_sleep),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
