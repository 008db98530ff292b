/* Who asks first is served first, and no two at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "fluxion-server/fair.h"

#define THREADS 4

static struct fair fair;
static char order[THREADS + 2];
static size_t norder;
static int64_t sum;

static void *take_once (void *name)
{
    fair_lock (&fair);
    order[norder++] = *(char *)name;
    fair_unlock (&fair);
    return NULL;
}

/* The one that gives it up comes back behind those that wait. */
static void in_order (void **state)
{
    pthread_t thread[THREADS];
    char names[] = "abcd";

    fair_init (&fair);
    assert_int_equal (fair_count (&fair), 0);
    fair_lock (&fair);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal (pthread_create (&thread[i], NULL, take_once, &names[i]), 0);
        while (fair_count (&fair) < i + 2)
            sched_yield ();
    }
    fair_unlock (&fair);
    fair_lock (&fair);
    order[norder++] = 'z';
    fair_unlock (&fair);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join (thread[i], NULL);
    assert_string_equal (order, "abcdz");
    assert_int_equal (fair_count (&fair), 0);
    fair_fini (&fair);
}

static void *add (void *arg)
{
    for (int i = 0; i < 10000; i++) {
        fair_lock (&fair);
        sum++;
        fair_unlock (&fair);
    }
    return NULL;
}

static void one_at_a_time (void **state)
{
    pthread_t thread[THREADS];

    fair_init (&fair);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal (pthread_create (&thread[i], NULL, add, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join (thread[i], NULL);
    assert_int_equal (sum, THREADS * 10000);
    fair_fini (&fair);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (in_order),
        cmocka_unit_test (one_at_a_time),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
