#include "fluxion-server/answers.h"

#include "base/test.h"

#include <errno.h>
#include <string.h>

static int add (struct answers *a, const char *id, int64_t jobid, const char *text)
{
    return answers_add (a, id, answers_question (text, false), jobid,
                        (const uint8_t *)text, strlen (text));
}

static void asking_again_gets_the_same (void **state)
{
    struct answers *a = answers_create (4096);

    assert_null (answers_find (a, "one"));
    assert_int_equal (add (a, "one", 7, "text"), 0);
    assert_int_equal (add (a, "two", 8, ""), 0);
    struct answer *one = answers_find (a, "one");
    assert_int_equal (one->jobid, 7);
    assert_int_equal (one->len, 4);
    assert_memory_equal (one->data, "text", 4);
    assert_ptr_equal (answers_of_job (a, 7), one);
    assert_int_equal (answers_find (a, "two")->len, 0);
    answers_destroy (a);
}

static void it_goes_with_its_job (void **state)
{
    struct answers *a = answers_create (4096);

    assert_int_equal (add (a, "one", 7, "text"), 0);
    answers_forget (a, 8);
    assert_non_null (answers_find (a, "one"));
    answers_forget (a, 7);
    assert_null (answers_find (a, "one"));
    assert_null (answers_of_job (a, 7));
    answers_forget (a, 7);
    assert_int_equal (add (a, "one", 9, "other"), 0);
    assert_int_equal (answers_find (a, "one")->jobid, 9);
    answers_destroy (a);
}

static void a_job_goes_with_its_last_claim (void **state)
{
    struct answers *a = answers_create (4096);

    assert_int_equal (add (a, "one", 7, "text"), 0);
    answers_find (a, "one")->claims++; /* asked for again */
    assert_false (answers_disclaim (a, 7));
    assert_true (answers_disclaim (a, 7));
    assert_true (answers_disclaim (a, 99)); /* without an id */
    answers_destroy (a);
}

static void there_is_a_bound (void **state)
{
    struct answers *a = answers_create (1000);
    char text[600];

    memset (text, 'x', sizeof (text) - 1);
    text[sizeof (text) - 1] = '\0';
    assert_int_equal (add (a, "one", 1, text), 0);
    errno = 0;
    assert_int_equal (add (a, "two", 2, text), -1);
    assert_int_equal (errno, ENOSPC);
    assert_null (answers_find (a, "two"));
    assert_null (answers_of_job (a, 2));
    /* What is forgotten makes room. */
    for (int i = 2; i < 50; i++) {
        answers_forget (a, i - 1);
        assert_int_equal (add (a, "two", i, text), 0);
    }
    answers_destroy (a);
}

static void a_question_is_what_is_asked_and_how (void **state)
{
    assert_int_equal (answers_question ("a", true), answers_question ("a", true));
    assert_int_not_equal (answers_question ("a", true), answers_question ("a", false));
    assert_int_not_equal (answers_question ("a", true), answers_question ("b", true));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (asking_again_gets_the_same),
        cmocka_unit_test (it_goes_with_its_job),
        cmocka_unit_test (a_job_goes_with_its_last_claim),
        cmocka_unit_test (there_is_a_bound),
        cmocka_unit_test (a_question_is_what_is_asked_and_how),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
