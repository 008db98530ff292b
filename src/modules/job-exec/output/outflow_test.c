/* What an agent does with much output: nothing of a stream passes anything, credit comes
 * when it is kept, and the end is told last. The KVS, rank 0 and the shells are this
 * test. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules/job-exec/output/outflow.h"

#define BATCHES 10000

static struct outflow *of;
static struct buf trace;
static struct outflow_batch *batches[BATCHES]; /* as they came */
static int batch_count, batch_done;
static char large[OUTFLOW_SMALL + 1];

static void up_op (uint64_t id, char type, const char *text, size_t len, void *arg)
{
    if (len > 100)
        buf_printf (&trace, "%c(%d %zu) ", type, (int)id, len);
    else
        buf_printf (&trace, "%c(%d)%.*s ", type, (int)id, (int)len, text);
}

static void down_op (uint64_t id, char type, const char *text, size_t len, void *arg)
{
    buf_printf (&trace, "down(%c %d %.*s) ", type, (int)id, (int)len, text);
}

static void store_op (struct outflow_batch *batch, void *arg)
{
    assert_true (batch_count < BATCHES);
    batches[batch_count++] = batch;
    buf_adds (&trace, "store(");
    list_foreach (&batch->parts, it) {
        struct outflow_part *part = container_of (it, struct outflow_part, node);
        assert_true (part->text.len > 0 && part->cost > 0);
        assert_int_equal (part->text.data[part->text.len - 1], '\n');
        if (part->text.len > 100)
            buf_printf (&trace, "%d %zu;", (int)part->id, part->text.len);
        else
            buf_printf (&trace, "%d %.*s;", (int)part->id, (int)part->text.len - 1,
                        part->text.data);
    }
    buf_adds (&trace, ") ");
}

static int64_t leader_op (uint64_t id, void *arg)
{
    return id == 9 ? -1 : 2;
}

static int write_errnum;

static int write_op (uint64_t id, int64_t leader, const char *frames, size_t len,
                     size_t cost, void *arg)
{
    buf_printf (&trace, "write(%d %d %zu %.*s) ", (int)id, (int)leader, cost,
                len > 0 ? (int)len - 1 : 0, frames);
    errno = write_errnum;
    return write_errnum ? -1 : 0;
}

static void expect (const char *text)
{
    assert_string_equal (trace.data ? trace.data : "", text);
    buf_fini (&trace);
}

static void say (uint64_t id, char type, const char *text)
{
    outflow_frame (of, id, type, text, strlen (text));
}

static void stored (const char *error)
{
    assert_true (batch_done < batch_count);
    outflow_stored (of, batches[batch_done++], error);
}

static int setup (void **state)
{
    static const struct outflow_ops ops = {
        .up = up_op,
        .down = down_op,
        .store = store_op,
        .leader = leader_op,
        .write = write_op,
    };

    write_errnum = 0;
    memset (large, 'x', sizeof (large) - 1);
    batch_count = batch_done = 0;
    return (of = outflow_create (&ops, NULL)) ? 0 : -1;
}

static int teardown (void **state)
{
    while (batch_done < batch_count)
        outflow_batch_destroy (batches[batch_done++]);
    outflow_destroy (of);
    buf_fini (&trace);
    return 0;
}

/* This shell's entries are stored here from now on. */
static void open_shell (uint64_t id)
{
    say (id, 'o', large);
    say (id, 'o', "first");
    outflow_open (of, id);
    outflow_flush (of);
    stored (NULL);
    buf_fini (&trace);
}

static void little_goes_up (void **state)
{
    say (7, 's', "");
    say (7, 'o', "a");
    say (7, 'e', "{}");
    say (7, 'X', "0");
    outflow_flush (of);
    expect ("s(7) o(7)a e(7){} X(7)0 ");
    say (8, 'X', "256"); /* one without output */
    expect ("X(8)256 ");
    say (7, 'o', large); /* another of that id begins anew */
    expect ("o(7 65536) ");
}

/* Of a shell: what went up, and what is stored from here. */
static void what_is_kept_is_counted (void **state)
{
    open_shell (7);
    say (7, 'o', "abc");
    outflow_flush (of);
    struct outflow_part *part =
        list_first (&batches[batch_done]->parts, struct outflow_part, node);
    assert_int_equal (part->kept, strlen (large) + strlen ("firstabc"));
    stored (NULL);
    say (7, 'X', "0");
    /* another broker had stored some */
    outflow_resume (of, 8, 1000);
    open_shell (8);
    say (8, 'o', "abc");
    outflow_flush (of);
    part = list_first (&batches[batch_done]->parts, struct outflow_part, node);
    assert_int_equal (part->kept, 1000 + strlen (large) + strlen ("firstabc"));
    outflow_forget (of, 8);
    stored (NULL);
    buf_fini (&trace);
    outflow_forget (of, 9);
    expect ("");
}

static void much_waits_for_its_turn (void **state)
{
    say (7, 'o', large);
    say (7, 'o', "a");
    say (7, 'o', "b");
    say (7, 'e', "{}"); /* goes elsewhere, and need not wait */
    outflow_flush (of);
    expect ("o(7 65536) m(7) e(7){} ");
    outflow_open (of, 7);
    outflow_flush (of);
    expect ("store(7 a\nb;) ");
    say (7, 'o', "c"); /* little shares the next */
    outflow_flush (of);
    say (7, 'o', "d");
    outflow_flush (of);
    expect ("");
    stored (NULL);
    expect ("down(C 7 2) ");
    outflow_flush (of);
    expect ("store(7 c\nd;) ");
    assert_true (outflow_bytes (of) == 2);
}

/* Nobody asked, or has asked already. */
static void an_answer_to_nothing_is_none (void **state)
{
    outflow_open (of, 7);
    say (7, 'o', "a");
    outflow_open (of, 7);
    say (7, 'o', "b");
    outflow_flush (of);
    expect ("o(7)a o(7)b ");
    open_shell (8);
    say (8, 'o', "c");
    outflow_open (of, 8);
    outflow_flush (of);
    expect ("store(8 c;) ");
}

static void the_end_is_told_last (void **state)
{
    open_shell (7);
    say (7, 'o', "a");
    say (7, 'X', "0");
    expect ("y(7) ");
    outflow_flush (of);
    expect ("store(7 a;) ");
    stored (NULL);
    expect ("X(7)0 ");
}

/* It ends before rank 0 lets it store. */
static void an_end_before_its_turn (void **state)
{
    say (7, 'o', large);
    say (7, 'o', "a");
    say (7, 'X', "9");
    outflow_flush (of);
    expect ("o(7 65536) m(7) y(7) ");
    outflow_open (of, 7);
    outflow_flush (of);
    expect ("store(7 a;) ");
    stored (NULL);
    expect ("X(7)9 ");
}

/* What is no status of a shell is for rank 0 to judge; nothing waits for it. */
static void an_end_that_is_none (void **state)
{
    open_shell (7);
    say (7, 'o', "a");
    say (7, 'X', "a status of more than fifteen bytes");
    expect ("X(7)a status of more than fifteen bytes ");
    outflow_flush (of);
    expect ("");
    open_shell (8);
    say (8, 'X', "");
    expect ("X(8) ");
}

static void jobs_share_a_commit (void **state)
{
    open_shell (7);
    open_shell (8);
    say (7, 'o', "a");
    say (8, 'o', "b");
    say (7, 'o', "c");
    outflow_flush (of);
    expect ("store(7 a\nc;8 b;) ");
    stored (NULL);
    expect ("down(C 7 2) down(C 8 1) ");
}

static void many_are_on_their_way (void **state)
{
    open_shell (7);
    for (int i = 0; i < OUTFLOW_COMMITS + 3; i++) {
        say (7, 'o', large);
        outflow_flush (of);
    }
    assert_int_equal (batch_count - batch_done, OUTFLOW_COMMITS);
    buf_fini (&trace);
    stored (NULL);
    outflow_flush (of);
    expect ("down(C 7 65536) store(7 196611;) "); /* all that waited */
}

static void one_commit_is_not_larger_than_it_may_be (void **state)
{
    size_t len = 0;

    for (int id = 1; id <= 100; id++)
        open_shell (id);
    for (int id = 1; id <= 100; id++)
        say (id, 'o', large);
    outflow_flush (of);
    assert_int_equal (batch_count - batch_done, 2);
    list_foreach (&batches[batch_done]->parts, it)
        len += container_of (it, struct outflow_part, node)->text.len;
    assert_true (len >= OUTFLOW_COMMIT_MAX);
    assert_true (len <= OUTFLOW_COMMIT_MAX + sizeof (large));
}

static void what_is_refused_fails_its_jobs (void **state)
{
    open_shell (7);
    open_shell (8);
    say (7, 'o', "a");
    say (8, 'o', "b");
    outflow_flush (of);
    buf_fini (&trace);
    say (8, 'X', "0");
    stored ("no \"room\"");
#define X(id) "x(" #id "){\"type\":\"exec\",\"severity\":0,\"note\":" NOTE "} "
#define NOTE "\"output cannot be stored: no \\\"room\\\"\""
    expect ("y(8) " X (7) "down(C 7 1) " X (8) "X(8)0 ");
    say (7, 'o', "c"); /* while it is being killed */
    outflow_flush (of);
    expect ("store(7 c;) ");
    assert_true (outflow_bytes (of) == 10); /* the first of each */
}

/* Rank 0 has gone: what comes of what is on its way is nobody's business. */
static void nobody_is_to_hear_of_it (void **state)
{
    open_shell (7);
    open_shell (8);
    say (7, 'o', "a");
    outflow_flush (of);
    say (7, 'o', "b");
    say (8, 'o', large);
    say (9, 'o', "c");
    outflow_flush (of);
    buf_fini (&trace);
    outflow_reset (of);
    while (batch_done < batch_count)
        stored (batch_done ? NULL : "lost");
    outflow_flush (of);
    expect ("");
    open_shell (7);
    say (7, 'o', "d");
    outflow_flush (of);
    expect ("store(7 d;) ");
}

/* To a file: up, kept, and then to the leader. */
static void the_leader_writes (void **state)
{
    say (7, 'w', large);
    say (7, 'w', "a");
    say (7, 'o', "b");
    say (7, 'w', "c");
    outflow_flush (of);
    expect ("w(7 65536) m(7) ");
    outflow_open (of, 7);
    outflow_flush (of);
    expect ("write(7 2 2 w 7 a\nw 7 c) store(7 b;) ");
    say (7, 'w', "d");
    outflow_flush (of);
    expect ("write(7 2 1 w 7 d) ");
    outflow_written (of, 7, 2);
    stored (NULL);
    expect ("down(C 7 2 2) down(C 7 1) ");
    outflow_flush (of);
    expect ("");
}

static void the_end_of_writing_is_told_last (void **state)
{
    say (7, 'w', "\"eof\""); /* nothing is before it */
    expect ("w(7)\"eof\" ");
    say (8, 'w', large);
    say (8, 'w', "a");
    say (8, 'w', "1 2 \"eof\"");
    say (8, 'X', "0");
    expect ("w(8 65536) m(8) y(8) ");
    outflow_open (of, 8);
    outflow_flush (of);
    expect ("write(8 2 1 w 8 a) ");
    outflow_written (of, 8, 1);
    expect ("w(8)1 2 \"eof\" X(8)0 ");
    outflow_written (of, 8, 1); /* too late */
    expect ("");
}

static void a_leader_that_cannot_be_reached (void **state)
{
    say (7, 'w', large);
    say (7, 'w', "ab");
    outflow_open (of, 7);
    buf_fini (&trace);
    write_errnum = ENOMEM;
    outflow_flush (of);
    expect ("write(7 2 2 w 7 ab) x(7){\"type\":\"exec\",\"severity\":0,\"note\":"
            "\"output cannot be stored: Cannot allocate memory\"} down(C 7 2 2) ");
    say (7, 'X', "9");
    expect ("X(7)9 ");
    /* alone in its job: rank 0 may wonder */
    say (9, 'w', large);
    say (9, 'w', "a");
    outflow_open (of, 9);
    outflow_flush (of);
    expect ("w(9 65536) m(9) w(9)a ");
}

static unsigned int seed;

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

/* ---- any order of things: counted as rank 0 and the KVS see it ---- */

#define JOBS 5

static struct {
    int said, seen; /* numbers of entries */
    int asked;
    bool ended, told;
    size_t credit, spent; /* of the shell, after it was opened */
} jobs[JOBS];

static void see (uint64_t id, const char *text, size_t len)
{
    /* entries are their number, padded */
    assert_int_equal (atoi (text), jobs[id].seen);
    assert_false (jobs[id].told);
    jobs[id].seen++;
}

static void count_up (uint64_t id, char type, const char *text, size_t len, void *arg)
{
    if (type == 'o')
        see (id, text, len);
    else if (type == 'm')
        jobs[id].asked++;
    else if (type == 'X') {
        assert_int_equal (jobs[id].seen, jobs[id].said);
        jobs[id].told = true;
    } else
        assert_int_equal (type, 'y');
}

static void count_down (uint64_t id, char type, const char *text, size_t len, void *arg)
{
    assert_int_equal (type, 'C');
    assert_false (jobs[id].ended);
    jobs[id].credit += strtoul (text, NULL, 10);
    assert_true (jobs[id].credit <= jobs[id].spent);
}

static void count_store (struct outflow_batch *batch, void *arg)
{
    batches[batch_count++] = batch;
}

static void kept (void)
{
    struct outflow_batch *batch = batches[batch_done++];

    list_foreach (&batch->parts, it) {
        struct outflow_part *part = container_of (it, struct outflow_part, node);
        for (char *p = part->text.data; p < part->text.data + part->text.len;) {
            char *nl = memchr (p, '\n', part->text.data + part->text.len - p);
            see (part->id, p, nl - p);
            p = nl + 1;
        }
    }
    outflow_stored (of, batch, NULL);
}

static void step (void)
{
    char text[20001];
    int id = rnd (JOBS);

    switch (rnd (6)) {
    case 0:
    case 1:
        if (jobs[id].ended)
            break;
        snprintf (text, sizeof (text), "%-*d", (int)rnd (20000) + 8, jobs[id].said++);
        if (jobs[id].asked)
            jobs[id].spent += strlen (text);
        else { /* it may be the one that asks */
            jobs[id].spent += strlen (text);
            say (id, 'o', text);
            if (!jobs[id].asked)
                jobs[id].spent = 0;
            break;
        }
        say (id, 'o', text);
        break;
    case 2:
        if (jobs[id].asked)
            outflow_open (of, id);
        break;
    case 3:
        outflow_flush (of);
        break;
    case 4:
        if (batch_done < batch_count)
            kept ();
        break;
    case 5:
        if (rnd (20) == 0 && !jobs[id].ended) {
            jobs[id].ended = true;
            say (id, 'X', "0");
        }
        break;
    }
}

static void any_order (void **state)
{
    static const struct outflow_ops ops = {
        .up = count_up,
        .down = count_down,
        .store = count_store,
        .leader = leader_op,
    };

    for (seed = 1; seed < 200; seed++) {
        outflow_destroy (of);
        assert_non_null (of = outflow_create (&ops, NULL));
        batch_count = batch_done = 0;
        memset (jobs, 0, sizeof (jobs));
        unsigned int saved = seed;
        for (int i = 0; i < 300; i++)
            step ();
        for (int id = 0; id < JOBS; id++) {
            outflow_open (of, id);
            if (!jobs[id].ended)
                say (id, 'X', "0");
            jobs[id].ended = true;
        }
        do {
            outflow_flush (of);
            while (batch_done < batch_count)
                kept ();
            outflow_flush (of);
        } while (batch_done < batch_count);
        for (int id = 0; id < JOBS; id++) {
            assert_true (jobs[id].told);
            assert_true (jobs[id].asked <= 1);
        }
        seed = saved;
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (little_goes_up, setup, teardown),
        cmocka_unit_test_setup_teardown (what_is_kept_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown (much_waits_for_its_turn, setup, teardown),
        cmocka_unit_test_setup_teardown (an_answer_to_nothing_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown (the_end_is_told_last, setup, teardown),
        cmocka_unit_test_setup_teardown (an_end_before_its_turn, setup, teardown),
        cmocka_unit_test_setup_teardown (an_end_that_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown (jobs_share_a_commit, setup, teardown),
        cmocka_unit_test_setup_teardown (many_are_on_their_way, setup, teardown),
        cmocka_unit_test_setup_teardown (one_commit_is_not_larger_than_it_may_be, setup,
                                         teardown),
        cmocka_unit_test_setup_teardown (what_is_refused_fails_its_jobs, setup,
                                         teardown),
        cmocka_unit_test_setup_teardown (nobody_is_to_hear_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown (the_leader_writes, setup, teardown),
        cmocka_unit_test_setup_teardown (the_end_of_writing_is_told_last, setup,
                                         teardown),
        cmocka_unit_test_setup_teardown (a_leader_that_cannot_be_reached, setup,
                                         teardown),
        cmocka_unit_test_setup_teardown (any_order, setup, teardown),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
