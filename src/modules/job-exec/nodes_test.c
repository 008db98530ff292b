/* What rank 0 sends to the agents of a job's ranks and makes of what they say, over
 * loop://. The agents are this test. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctx.h"

static struct ctx ctx;
static struct buf trace;
static const flux_msg_t *attached[8]; /* by rank */
static size_t sent_bytes, sent_messages, sent_max;
static bool count_only;

/* ---- what else nodes.c needs ---- */

bool site_has_plugins (struct site *site)
{
    return site->found;
}

void resume_rank (struct ctx *c, unsigned int rank)
{
}

void exec_set_timer (struct ctx *c, struct timer *t, double after, timer_f cb,
                     void *arg)
{
    assert_int_equal (timer_set (&c->timers, t, after, cb, arg), 0);
}

void agent_frame (struct agent *a, uint64_t id, char type, const char *text, size_t len)
{
    buf_printf (&trace, "local(%c %d %.*s) ", type, (int)id, (int)len, text);
}

/* ---- the agents ---- */

static unsigned int rank_of (const flux_msg_t *msg)
{
    uint32_t rank;

    assert_int_equal (flux_msg_get_nodeid (msg, &rank), 0);
    assert_true (rank < 8);
    return rank;
}

static void attach_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    unsigned int rank = rank_of (msg);
    const char *shell;

    assert_int_equal (flux_request_unpack (msg, NULL, "{s:s}", "shell", &shell), 0);
    assert_string_equal (shell, "/sh");
    const char *token = NULL;
    double timeout = 0;
    assert_int_equal (flux_request_unpack (msg, NULL, "{s?s s?F}", "token", &token,
                                           "reattach_timeout", &timeout),
                      0);
    if (token)
        buf_printf (&trace, "%s,%.0f:", token, timeout);
    assert_true (flux_msg_is_streaming (msg));
    buf_printf (&trace, "attach(%u) ", rank);
    flux_msg_decref (attached[rank]);
    attached[rank] = flux_msg_incref (msg);
}

static void frames_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    const char *data;
    size_t len;

    assert_int_equal (flux_request_decode_raw (msg, NULL, (const void **)&data, &len),
                      0);
    assert_true (len > 0 && data[len - 1] == '\n'); /* whole frames */
    sent_bytes += len;
    sent_messages++;
    if (len > sent_max)
        sent_max = len;
    if (!count_only)
        buf_printf (&trace, "frames(%u %.*s) ", rank_of (msg), (int)len - 1, data);
}

static const struct flux_msg_handler_spec handler_tab[] = {
    { FLUX_MSGTYPE_REQUEST, "job-exec.attach", attach_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-exec.frames", frames_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

static void spin (void)
{
    for (int i = 0; i < 20; i++) {
        nodes_flush (&ctx);
        (void)flux_reactor_run (flux_get_reactor (ctx.h), FLUX_REACTOR_NOWAIT);
    }
}

static void agent_says (unsigned int rank, const char *text)
{
    assert_non_null (attached[rank]);
    assert_int_equal (flux_respond_raw (ctx.h, attached[rank], text, strlen (text)), 0);
    spin ();
}

static void agent_fails (unsigned int rank, int errnum, const char *text)
{
    assert_int_equal (flux_respond_error (ctx.h, attached[rank], errnum, text), 0);
    spin ();
}

static void expect (const char *text)
{
    spin ();
    assert_string_equal (trace.data ? trace.data : "", text);
    buf_fini (&trace);
}

/* ---- jobs ---- */

static void send_op (struct job *job, struct shell_ref *s, char type, const char *text,
                     size_t len, void *arg)
{
    node_send (&ctx, job, s, type, text, len);
}

static void input_done_op (struct job *job, void *request, int errnum, void *arg)
{
}

static void dirty_op (struct job *job, void *arg)
{
}

static void barrier_op (struct job *job, bool complete, void *arg)
{
}

static void start_op (struct job *job, void *arg)
{
    buf_printf (&trace, "started(%d) ", (int)job->id);
}

static void exception_op (struct job *job, int severity, const char *type,
                          const char *note, void *arg)
{
    buf_printf (&trace, "exception(%d %s: %s) ", (int)job->id, type, note);
}

static void finish_op (struct job *job, void *arg)
{
    buf_printf (&trace, "finish(%d %d) ", (int)job->id, job->status);
}

static void log_op (struct job *job, const char *text, void *arg)
{
    buf_printf (&trace, "log(%d %s) ", (int)job->id, text);
}

static void resumed_op (struct job *job, struct shell_ref *s, enum job_resumed what,
                        void *arg)
{
    buf_printf (&trace, "resumed(%d %u %d) ", (int)job->id, s->rank, what);
}

/* It is looked for when all of it is stored. */
void resume_away (struct ctx *c, struct job *job)
{
    buf_printf (&trace, "away(%d) ", (int)job->id);
    for (int i = 0; i < job->shell_count; i++)
        list_remove (&job->shells[i].node);
    job->away = true;
}

static void limit_answer_op (struct job *job, void *arg)
{
    assert_ptr_equal (arg, &ctx);
    buf_printf (&trace, "answer(%d %d) ", (int)job->id, limit_verdict (job));
}

static const struct job_ops ops = {
    .limit_answer = limit_answer_op,
    .send = send_op,
    .input_done = input_done_op,
    .dirty = dirty_op,
    .barrier = barrier_op,
    .start = start_op,
    .exception = exception_op,
    .finish = finish_op,
    .log = log_op,
    .resumed = resumed_op,
};

static struct job *add (int id, const char *ranks)
{
    char s[256];
    flux_error_t error;
    struct job *job;

    snprintf (s, sizeof (s),
              "{\"id\":%d,\"userid\":1,\"jobspec\":{\"attributes\":{\"system\":{}}},"
              "\"R\":{\"execution\":{\"R_lite\":[{\"rank\":\"%s\"}]}}}",
              id, ranks);
    assert_non_null (job = job_create (s, strlen (s), &error));
    job->ops = &ops;
    job_set_window (job, 1000);
    assert_int_equal (idmap_insert (ctx.jobs, id, job), 0);
    return job;
}

static struct job *start (int id, const char *ranks)
{
    struct job *job = add (id, ranks);

    nodes_start_job (&ctx, job, "{}", 2, 0.5);
    return job;
}

static void free_job (void *arg)
{
    job_destroy (arg);
}

static int set_up (void **state)
{
    memset (&ctx, 0, sizeof (ctx));
    list_init (&ctx.dirty_nodes);
    list_init (&ctx.dead_nodes);
    ctx.config.shell = (char *)"/sh";
    ctx.facts = (char *)"\"f\":1";
    if (!(ctx.h = flux_open ("loop://", 0)) || !(ctx.jobs = idmap_create (free_job))
        || !(ctx.nodes = idmap_create (NULL))
        || flux_msg_handler_addvec (ctx.h, handler_tab, NULL, &ctx.handlers) < 0)
        return -1;
    flux_attr_set_cacheonly (ctx.h, "rank", "0");
    flux_attr_set_cacheonly (ctx.h, "hostlist", "host[0-7]");
    sent_bytes = sent_messages = sent_max = 0;
    count_only = false;
    return 0;
}

static int tear_down (void **state)
{
    nodes_flush (&ctx);
    nodes_destroy (&ctx);
    idmap_destroy (ctx.jobs);
    timer_heap_fini (&ctx.timers);
    flux_msg_handler_delvec (ctx.handlers);
    for (int i = 0; i < 8; i++) {
        flux_msg_decref (attached[i]);
        attached[i] = NULL;
    }
    flux_close (ctx.h);
    buf_fini (&trace);
    return 0;
}

/* ---- */

#define RECORD(i, n, rank, ranks)                                                      \
    "{\"rank\":" #i ",\"size\":" #n ",\"broker_rank\":" #rank "," ranks                \
    "\"output_window\":1000,\"time_left\":0.500000"

static void each_rank_gets_its_record (void **state)
{
    start (7, "0-2,5");
    expect ("local(S 7 " RECORD (
        0, 4, 0,
        "\"ranks\":\"0-2,5\",") ",\"f\":1} {}) "
                                "attach(1) attach(2) attach(5) "
                                "frames(1 S 7 " RECORD (
                                    1, 4, 1,
                                    "\"ranks\":\"0-2,5\",") ",\"f\":1} {}) "
                                                            "frames(2 S "
                                                            "7 " RECORD (
                                                                2, 4, 2,
                                                                "\"ranks\":\"0-2,"
                                                                "5\",") ",\"f\":"
                                                                        "1} {}) "
                                                                        "frames("
                                                                        "5 S "
                                                                        "7"
                                                                        " " RECORD (
                                                                            3, 4, 5,
                                                                            "\"ra"
                                                                            "nks"
                                                                            "\":"
                                                                            "\"0-"
                                                                            "2,"
                                                                            "5\""
                                                                            ",") ",\"f"
                                                                                 "\":1}"
                                                                                 " {})"
                                                                                 " ");
    /* who is attached stays so; one shell needs no ranks; all hear of plugins */
    ctx.site.found = true;
    start (8, "5");
    expect (
        "frames(5 S 8 " RECORD (0, 1, 5, "") ",\"site_plugins\":true,\"f\":1} {}) ");
}

static void frames_are_their_jobs (void **state)
{
    start (7, "1-2");
    start (8, "1");
    spin ();
    buf_fini (&trace);
    agent_says (1, "s 7 \ns 8 \nl 8 one\nl 9 nobody\n");
    agent_says (2, "l 8 not here\n");
    expect ("started(8) log(8 one) ");
    agent_says (2, "s 7 \n");
    nodes_local_frame (7, 'l', "not here", 8, &ctx);
    expect ("started(7) ");
    agent_says (1, "X 8 256\nl 8 late\n");
    expect ("finish(8 256) ");
    agent_says (2, "X 7 0\nX 7 512\n");
    agent_says (1, "X 7 0\n");
    expect ("frames(1 w 7 1 - \"eof\") finish(7 0) ");
}

/* A rank answers in the order in which it was told: who is not yet there waits, as long as
 * that goes on. */
static void questions_have_their_turn (void **state)
{
    struct job *jobs[4];

    for (int i = 0; i < 4; i++)
        jobs[i] = start (i + 1, "1");
    jobs[3]->guest = true;
    for (int i = 0; i < 4; i++)
        limit_ask (jobs[i]);
    spin ();
    buf_fini (&trace);
    assert_false (nodes_move (&ctx, jobs[2]));
    agent_says (1, "s 2 \n");
    expect ("started(2) ");
    assert_true (nodes_move (&ctx, jobs[2]));
    assert_false (nodes_move (&ctx, jobs[2]));
    agent_says (1, "l 2 more\n"); /* that is no further */
    assert_false (nodes_move (&ctx, jobs[2]));
    agent_says (1, "T 2 9 0\n"); /* nor is what nobody has asked */
    expect ("log(2 more) ");
    assert_false (nodes_move (&ctx, jobs[2]));
    agent_says (1, "T 2 1 0\n");
    expect ("answer(2 1) ");
    assert_true (nodes_move (&ctx, jobs[2]));
    assert_false (
        nodes_move (&ctx, jobs[0])); /* it was its turn, and it said nothing */
    assert_false (nodes_move (&ctx, jobs[3])); /* it has a server of its own */
    agent_says (1, "T 3 1 1\n");
    expect ("answer(3 2) ");
    /* another way has another line */
    agent_fails (1, EHOSTUNREACH, NULL);
    buf_fini (&trace);
    assert_true (nodes_move (&ctx, jobs[0]));
}

static void a_line_that_is_no_frame_costs_one_job (void **state)
{
    start (7, "1");
    start (8, "1");
    spin ();
    buf_fini (&trace);
    agent_says (1, "nonsense\no 7x\nl 8 fine\no 9x\n");
    expect ("exception(7 exec: malformed frame from job shell on host1 (rank 1)) "
            "log(8 fine) frames(1 K 7 ) ");
}

static void a_lost_node_is_told (void **state)
{
    start (7, "1-2");
    start (8, "2");
    spin ();
    buf_fini (&trace);
    agent_fails (2, EHOSTUNREACH, NULL);
    expect ("exception(7 node-failure: node failure on host2 (rank 2)) "
            "exception(8 node-failure: node failure on host2 (rank 2)) started(8) "
            "finish(8 9) frames(1 L 7 1 0\nw 7 1 - \"eof\") ");
    agent_says (1, "X 7 0\n");
    expect ("started(7) finish(7 9) ");
    /* the next job tries again */
    start (9, "2");
    expect ("attach(2) frames(2 S 9 " RECORD (0, 1, 2, "") ",\"f\":1} {}) ");
    agent_fails (2, EBUSY, "another has attached");
    expect ("exception(9 exec: lost contact with job shell on host2 (rank 2): another "
            "has attached) started(9) finish(9 9) ");
}

static void claim (struct job *job, int shell, uint64_t kept)
{
    job->resuming = true;
    job->shells[shell].kept = kept;
    assert_int_equal (nodes_claim (&ctx, job, &job->shells[shell]), 0);
}

static void what_others_left_is_claimed (void **state)
{
    struct job *job = add (7, "0-1");

    ctx.resume.token = (char *)"tok";
    ctx.config.reattach_timeout = 5;
    claim (job, 0, 0);
    claim (job, 1, 1234);
    expect ("local(R 7 0 0-1) tok,5:attach(1) frames(1 R 7 1234 0-1) ");
    /* nobody else is to be claimed: those that come later are told, too, once */
    ctx.resume.over = true;
    nodes_claims_over (&ctx);
    expect ("local(E 0 ) frames(1 E 0 ) ");
    start (8, "1-2");
    expect ("tok,5:attach(2) frames(1 S 8 " RECORD (
        0, 2, 1,
        "\"ranks\":\"1-2\",") ",\"f\":1} {}) frames(2 S 8 " RECORD (1, 2, 2,
                                                                    "\"ranks\":\"1-"
                                                                    "2\",") ",\"f\":1} "
                                                                            "{}\nE 0 "
                                                                            ") ");
    nodes_forget (&ctx, job);
    expect ("local(F 7 ) frames(1 F 7 ) ");
    nodes_end (&ctx);
    spin ();
    assert_non_null (strstr (trace.data, "frames(1 Q 0 ) "));
    assert_non_null (strstr (trace.data, "frames(2 Q 0 ) "));
    buf_fini (&trace);
    job->resuming = false;
}

/* Z is heard of a shell that has ended. */
static void all_is_heard (void **state)
{
    struct job *job = add (7, "1-2");

    ctx.resume.token = (char *)"tok";
    claim (job, 0, 0);
    claim (job, 1, 0);
    spin ();
    buf_fini (&trace);
    agent_says (1, "A 7 1000 900\nX 7 0\nZ 7\nl 7 late\n");
    agent_says (2, "N 7 never\n");
    expect ("resumed(7 1 0) resumed(7 1 1) resumed(7 2 2) ");
    agent_says (2, "N 7 unknown\n");
    expect ("resumed(7 2 3) ");
    assert_int_equal (job->shells[0].granted.window, 1000);
}

/* Who kills all brokers kills one after the other. */
static void a_lost_node_is_not_told_at_once (void **state)
{
    ctx.resume.token = (char *)"tok";
    start (8, "2");
    spin ();
    buf_fini (&trace);
    agent_fails (2, EHOSTUNREACH, NULL);
    expect ("");
    timer_run (&ctx.timers, 1e18);
    expect ("exception(8 node-failure: node failure on host2 (rank 2)) started(8) "
            "finish(8 9) ");
    start (9, "2");
    agent_fails (2, EHOSTUNREACH, NULL);
    buf_fini (&trace);
}

/* Its broker may come back, and then the job is asked for; it does not wait if it is about
 * to end, if it can do without that rank, or if time is over. */
static void a_lost_node_may_come_back (void **state)
{
    struct job *job;

    ctx.resume.token = (char *)"tok";
    ctx.config.rejoin_timeout = 5;
    job = start (7, "1-2");
    start (8, "2")->exception = true;
    start (9, "2")->away_until = 1;
    job_set_critical (start (10, "1-2"), "0");
    spin ();
    agent_says (1, "s 10 {}\n");
    agent_says (2, "s 10\n");
    spin ();
    buf_fini (&trace);
    agent_fails (2, ENOSYS, NULL);
    expect ("");
    timer_run (&ctx.timers, 1e18);
    spin ();
    assert_non_null (
        strstr (trace.data, "away(7) started(8) finish(8 9) exception(9 exec: "));
    assert_non_null (strstr (trace.data, "exception(10 exec: "));
    assert_null (strstr (trace.data, "finish(10"));
    buf_fini (&trace);
    /* what is said of it is not heard, and not said */
    agent_says (1, "x 7 {\"type\":\"exec\",\"severity\":0}\n");
    node_send (&ctx, job, &job->shells[0], 'k', "9", 1);
    expect ("");
    /* nor what its other shell says before it was asked again */
    job->away = false;
    claim (job, 0, 0);
    agent_says (1, "l 7 early\nA 7 1000 900 0\nl 7 told\n");
    expect ("frames(1 R 7 0 1-2) resumed(7 1 0) log(7 told) ");
    job->resuming = false;
}

/* A signal may go the way that is lost, before its loss is known: it is kept until the agent
 * tells that it has it. */
static void a_signal_is_not_lost (void **state)
{
    struct job *job;

    ctx.resume.token = (char *)"tok";
    ctx.config.rejoin_timeout = 5;
    job = start (7, "1-2");
    spin ();
    agent_says (1, "c 0 1\n");
    buf_fini (&trace);
    job_send_all (job, 'k', "10");
    job_send_all (job, 'k', "64");
    expect ("frames(1 k 7 10\nk 7 64) frames(2 k 7 10\nk 7 64) ");
    agent_says (1, "c 0 100000\n");
    assert_int_equal (job->shells[0].signals, 0);
    agent_fails (2, EHOSTUNREACH, NULL);
    timer_run (&ctx.timers, 1e18);
    expect ("away(7) ");
    /* they are found: those that are not known to have come go again */
    job->away = false;
    claim (job, 0, 0);
    claim (job, 1, 0);
    spin ();
    buf_fini (&trace);
    job->resuming = false;
    job->signals = SIGNAL_BIT (1);
    job_send_signals (job);
    expect ("frames(1 k 7 1) frames(2 k 7 1\nk 7 10\nk 7 64) ");
    job->signals = job->shells[0].signals = job->shells[1].signals = 0;
    job_send_signals (job);
    expect ("");
}

/* An agent that takes nothing is sent no more than its window, and gets the rest. */
static void credit_is_kept (void **state)
{
    struct job *job = start (7, "1");
    size_t len = 60 * 1000, count = 40, frame = len + strlen ("i 7 \n");
    char *text = malloc (len);
    char told[32];

    memset (text, 'y', len);
    spin ();
    count_only = true;
    size_t before = sent_bytes;
    for (size_t i = 0; i < count; i++)
        node_send (&ctx, job, &job->shells[0], 'i', text, len);
    spin ();
    assert_true (sent_bytes - before < count * frame);
    assert_in_range (sent_bytes, AGENT_WINDOW, AGENT_WINDOW + 256 * 1024);
    assert_true (sent_max <= 256 * 1024);
    size_t paused = sent_bytes;
    spin ();
    assert_int_equal (sent_bytes, paused);
    while (sent_bytes < before + count * frame) {
        paused = sent_bytes;
        snprintf (told, sizeof (told), "c 0 %d\n", AGENT_WINDOW / 2);
        agent_says (1, told);
        assert_true (sent_bytes > paused);
    }
    assert_int_equal (sent_bytes, before + count * frame);
    free (text);
}

/* A frame that is longer than a message should be is sent whole, alone. */
static void a_long_frame_is_one_message (void **state)
{
    struct job *job = start (7, "1");
    size_t len = 400 * 1000;
    char *text = malloc (len);

    memset (text, 'y', len);
    spin ();
    count_only = true;
    sent_messages = 0;
    node_send (&ctx, job, &job->shells[0], 'B', text, len);
    node_send (&ctx, job, &job->shells[0], 'k', "9", 1);
    spin ();
    assert_int_equal (sent_max, len + strlen ("B 7 \n"));
    assert_int_equal (sent_messages, 2);
    free (text);
}

#define TEST(f) cmocka_unit_test_setup_teardown (f, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (each_rank_gets_its_record),
        TEST (frames_are_their_jobs),
        TEST (questions_have_their_turn),
        TEST (a_line_that_is_no_frame_costs_one_job),
        TEST (a_lost_node_is_told),
        TEST (what_others_left_is_claimed),
        TEST (all_is_heard),
        TEST (a_lost_node_is_not_told_at_once),
        TEST (a_lost_node_may_come_back),
        TEST (a_signal_is_not_lost),
        TEST (credit_is_kept),
        TEST (a_long_frame_is_one_message),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
