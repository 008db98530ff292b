#include "base/test.h"

#include "base/os/thread.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>

static sem_t done;

static void *look (void *arg)
{
    pthread_sigmask (SIG_SETMASK, NULL, arg);
    sem_post (&done);
    return arg;
}

static void joined (void **state)
{
    sigset_t seen, before, after;
    pthread_t thread;
    void *result;

    sem_init (&done, 0, 0);
    pthread_sigmask (SIG_SETMASK, NULL, &before);
    assert_int_equal (thread_start (&thread, 0, look, &seen), 0);
    assert_int_equal (pthread_join (thread, &result), 0);
    assert_ptr_equal (result, &seen);
    assert_true (sigismember (&seen, SIGTERM) && sigismember (&seen, SIGUSR1));
    pthread_sigmask (SIG_SETMASK, NULL, &after);
    assert_int_equal (sigismember (&before, SIGTERM), sigismember (&after, SIGTERM));
}

static void left_alone (void **state)
{
    static sigset_t seen; /* the thread may outlive this call by a little */

    sem_init (&done, 0, 0);
    assert_int_equal (thread_start (NULL, 256 * 1024, look, &seen), 0);
    sem_wait (&done);
    assert_true (sigismember (&seen, SIGINT));
}

static void too_large (void **state)
{
    errno = 0;
    assert_int_equal (thread_start (NULL, (size_t)1 << 60, look, NULL), -1);
    assert_true (errno == EAGAIN || errno == ENOMEM);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (joined),
        cmocka_unit_test (left_alone),
        cmocka_unit_test (too_large),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
