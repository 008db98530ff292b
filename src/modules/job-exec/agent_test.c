/* What an agent makes of frames of its shells, of rank 0's requests and of barriers, over
 * loop://. Shells and exchanges are this test. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/buf.h"
#include "exchange.h"
#include "modules/job-exec/servers/shells.h"

static flux_t *h;
static struct agent *agent;
static struct buf trace;
static shells_frame_f shell_says; /* NULL: there are no shells */
static void *shell_arg;
static int start_errnum;
static const struct exchange_ops *ops;
static void *ops_arg;
static void *asked; /* a request that waits for its answer */

/* ---- shells ---- */

struct shells *shells_create (flux_t *handle, const char *path,
                              const struct shells_keep *keep, shells_frame_f cb,
                              void *arg)
{
    if (keep)
        buf_printf (&trace, "keep(%s %.0f) ", keep->token, keep->timeout);
    buf_printf (&trace, "create(%s) ", path);
    shell_says = cb;
    shell_arg = arg;
    return (struct shells *)&trace;
}

/* A guest's are known by their helper. */
static shells_frame_f guest_says;
static void *guest_arg;

struct shells *shells_create_guest (flux_t *handle, const char *path, const char *imp,
                                    const char *unit, uint64_t id, shells_frame_f cb,
                                    void *arg)
{
    buf_printf (&trace, "guest(%d %s %s%s%s) ", (int)id, imp, path, unit ? " " : "",
                unit ? unit : "");
    guest_says = cb;
    guest_arg = arg;
    return (struct shells *)&guest_says;
}

void shells_destroy (struct shells *sh)
{
    if (sh == (struct shells *)&guest_says) {
        buf_adds (&trace, "leave-guest ");
        return;
    }
    if (sh)
        buf_adds (&trace, "destroy ");
    shell_says = NULL;
}

/* Those that are not kept end. */
void shells_abandon (struct shells *sh)
{
    if (sh)
        buf_adds (&trace, "abandon ");
    shell_says = NULL;
}

int shells_claim (struct shells *sh, uint64_t id, const char *kept, size_t len)
{
    buf_printf (&trace, "claim(%d %.*s) ", (int)id, (int)len, kept);
    return 0;
}

void shells_forget (struct shells *sh, uint64_t id)
{
    buf_printf (&trace, "forget(%d) ", (int)id);
}

void shells_claims_over (struct shells *sh)
{
    buf_adds (&trace, "over ");
}

int shells_start (struct shells *sh, uint64_t id, const char *record, size_t len)
{
    buf_printf (&trace, "start(%d) ", (int)id);
    errno = start_errnum;
    return start_errnum ? -1 : 0;
}

void shells_send (struct shells *sh, uint64_t id, char type, const char *text,
                  size_t len)
{
    if (len > 100)
        buf_printf (&trace, "send(%d %c %zu) ", (int)id, type, len);
    else
        buf_printf (&trace, "send(%d %c %.*s) ", (int)id, type, (int)len, text);
}

void shells_flush (struct shells *sh)
{
}

int shells_servers (const struct shells *sh)
{
    return 1;
}

/* ---- exchanges ---- */

struct exchanges *exchanges_create (unsigned int rank, const struct idset *below,
                                    const struct exchange_ops *o, void *arg)
{
    assert_int_equal (below != NULL, rank > 0);
    if (below)
        assert_true (idset_count (below) == 1 && idset_test (below, rank));
    ops = o;
    ops_arg = arg;
    return (struct exchanges *)&trace;
}

void exchanges_destroy (struct exchanges *x)
{
}

void exchange_enter (struct exchanges *x, uint64_t id, unsigned int seq,
                     const char *ranks, const char *keys, size_t len)
{
    buf_printf (&trace, "enter(%d %u %s %.*s) ", (int)id, seq, ranks, (int)len, keys);
}

void exchange_leave (struct exchanges *x, uint64_t id)
{
    buf_printf (&trace, "leave(%d) ", (int)id);
}

void exchange_forget (struct exchanges *x, uint64_t id)
{
}

int exchange_request (struct exchanges *x, const char *text, size_t len, void *request)
{
    if (len == 3 && !memcmp (text, "bad", 3))
        return -1;
    buf_printf (&trace, "request(%.*s%s) ", (int)len, text, request ? "?" : "");
    asked = request;
    return 0;
}

void exchange_disconnect (struct exchanges *x, bool (*match) (void *request, void *arg),
                          void *arg)
{
    buf_adds (&trace, "gone ");
}

void exchange_answer (struct exchanges *x, uint64_t id, unsigned int seq, int errnum,
                      const char *text, size_t len)
{
    buf_printf (&trace, "answer(%d %u %d %.*s) ", (int)id, seq, errnum, (int)len,
                text ? text : "");
}

size_t exchange_count (const struct exchanges *x)
{
    return 2;
}

/* ---- rank 0 ---- */

static void up (uint64_t id, char type, const char *text, size_t len, void *arg)
{
    buf_printf (&trace, "%c(%d)%.*s ", type, (int)id, (int)len, text);
}

static void say (uint64_t id, char type, const char *text)
{
    assert_non_null (shell_says);
    shell_says (id, type, text, strlen (text), shell_arg);
}

static void frame (uint64_t id, char type, const char *text)
{
    agent_frame (agent, id, type, text, strlen (text));
}

static void spin (void)
{
    for (int i = 0; i < 8; i++)
        (void)flux_reactor_run (flux_get_reactor (h), FLUX_REACTOR_NOWAIT);
}

static void expect (const char *text)
{
    spin ();
    assert_string_equal (trace.data ? trace.data : "", text);
    buf_fini (&trace);
}

static void begin (const char *rank)
{
    start_errnum = 0;
    asked = NULL;
    assert_non_null (h = flux_open ("loop://", 0));
    flux_attr_set_cacheonly (h, "rank", rank);
    flux_attr_set_cacheonly (h, "tbon.descendants", "0");
    if (!strcmp (rank, "0"))
        agent = agent_create (h, "/sh", NULL, up, NULL);
    else
        agent = agent_create (h, NULL, NULL, NULL, NULL);
    assert_non_null (agent);
}

static void end (void)
{
    agent_destroy (agent, false);
    flux_close (h);
    buf_fini (&trace);
}

static void frames_pass (void **state)
{
    begin ("0");
    frame (7, 'S', "{\"rank\":0} {}");
    frame (7, 'i', "in");
    say (7, 's', "");
    say (7, 'o', "out");
    say (7, 'X', "0");
    expect ("create(/sh) start(7) send(7 i in) s(7) o(7)out X(7)0 ");
    end ();
}

static void barriers_are_counted (void **state)
{
    begin ("0");
    frame (7, 'S', "{\"ranks\":\"0-1\"} {}");
    frame (8, 'S', "{\"ranks\":\"0,5\"} {}");
    say (7, 'b', "k");
    say (8, 'b', "l");
    say (7, 'b', "m");
    say (7, 'X', "0");
    expect ("create(/sh) start(7) start(8) enter(7 0 0-1 k) enter(8 0 0,5 l) "
            "enter(7 1 0-1 m) leave(7) X(7)0 ");
    /* another of this id begins anew */
    frame (7, 'S', "{\"ranks\":\"0-2\"} {}");
    say (7, 'b', "");
    expect ("start(7) enter(7 0 0-2 ) ");
    end ();
}

static void one_shell_has_no_barrier (void **state)
{
    begin ("0");
    frame (7, 'S', "{} {\"ranks\":\"0-1\"}"); /* what it says of itself is no fact */
    say (7, 'b', "k");
    expect ("create(/sh) start(7) x(7){\"type\":\"exec\",\"severity\":0,\"note\":"
            "\"barrier of a job with one shell: Protocol error\"} ");
    end ();
}

static void a_shell_that_cannot_be_had_is_told (void **state)
{
    begin ("0");
    start_errnum = ENOMEM;
    frame (7, 'S', "{} {}");
    expect ("create(/sh) start(7) x(7){\"type\":\"exec\",\"severity\":0,\"note\":"
            "\"cannot start a job shell: Cannot allocate memory\"} X(7)256 ");
    end ();
}

static void what_was_exchanged_is_delivered (void **state)
{
    begin ("0");
    ops->deliver (7, 0, "keys", 4, ops_arg);
    ops->deliver (7, EPROTO, NULL, 0, ops_arg);
    expect ("create(/sh) send(7 B keys) x(7){\"type\":\"exec\",\"severity\":0,\"note\":"
            "\"exchange of PMI keys failed: Protocol error\"} ");
    end ();
}

static void guests_have_servers_of_their_own (void **state)
{
    begin ("0");
    frame (7, 'S', "{\"rank\":0,\"imp\":\"/imp\"} {}");
    frame (8, 'S', "{\"rank\":0} {\"imp\":\"/other\"}"); /* which is what a job says */
    frame (7, 'i', "in");
    expect ("create(/sh) guest(7 /imp /sh) start(7) start(8) send(7 i in) ");
    guest_says (7, 'o', "out", 3, guest_arg);
    guest_says (7, 'X', "0", 1, guest_arg);
    guest_says (7, 'x', "more", 4, guest_arg); /* it is over */
    agent_flush (agent);
    expect ("o(7)out X(7)0 leave-guest ");
    frame (7, 'S', "{\"imp\":\"/imp\"} {}");
    expect ("guest(7 /imp /sh) start(7) ");
    start_errnum = ENOMEM;
    frame (9, 'S', "{\"imp\":\"/imp\"} {}");
    expect (
        "guest(9 /imp /sh) start(9) leave-guest x(9){\"type\":\"exec\",\"severity\":"
        "0,\"note\":\"cannot start a job shell: Cannot allocate memory\"} X(9)256 ");
    end ();
}

/* Whoever's they are; ours are started by flux-shell itself. */
static void units_too (void **state)
{
    begin ("0");
    frame (7, 'S', "{\"rank\":0,\"unit\":{\"stop-timer\":3}} {\"unit\":5}");
    frame (8, 'S', "{\"imp\":\"/imp\",\"unit\":{}} {}");
    frame (9, 'S', "{\"rank\":0} {\"unit\":{}}");
    expect ("create(/sh) guest(7 /sh /sh {\"stop-timer\":3}) start(7) "
            "guest(8 /imp /sh {}) start(8) start(9) ");
    end ();
}

/* ---- other ranks ---- */

static flux_future_t *attach (void)
{
    flux_future_t *f = flux_rpc_pack (h, "job-exec.attach", FLUX_NODEID_ANY,
                                      FLUX_RPC_STREAMING, "{s:s}", "shell", "/s");
    assert_non_null (f);
    spin ();
    return f;
}

static void tell (const char *topic, const void *data, size_t len)
{
    flux_future_t *f =
        flux_rpc_raw (h, topic, data, len, FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE);
    assert_non_null (f);
    flux_future_destroy (f);
    spin ();
}

static void check_answer (flux_future_t *f, const char *text)
{
    const void *data;
    size_t len;

    spin ();
    assert_true (flux_future_is_ready (f));
    assert_int_equal (flux_rpc_get_raw (f, &data, &len), 0);
    assert_int_equal (len, strlen (text));
    assert_memory_equal (data, text, len);
    flux_future_reset (f);
}

static void check_error (flux_future_t *f, int errnum)
{
    spin ();
    assert_true (flux_future_is_ready (f));
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, errnum);
    flux_future_destroy (f);
}

static void rank_0_attaches (void **state)
{
    flux_future_t *f;

    begin ("3");
    tell ("job-exec.frames", "i 7 lost\n", 9); /* of nobody */
    f = attach ();
    expect ("create(/s) ");
    check_error (attach (), EBUSY);
    tell ("job-exec.frames", "S 7 {\"ranks\":\"0,3\"} {}\ni 7 in\n", 30);
    expect ("start(7) send(7 i in) ");
    /* what is said in one turn is one message */
    say (7, 's', "");
    say (7, 'o', "out");
    say (7, 'b', "k");
    say (7, 'X', "0");
    expect ("enter(7 0 0,3 k) leave(7) ");
    check_answer (f, "s 7 \no 7 out\nX 7 0\n");
    /* a frame that is none ends its message, and nothing else */
    tell ("job-exec.frames", "i 7 a\nnonsense\ni 7 b\n", 21);
    tell ("job-exec.frames", "i 7 c\n", 6);
    expect ("send(7 i a) send(7 i c) ");
    flux_future_destroy (f);
    end ();
}

static void what_is_taken_is_told (void **state)
{
    size_t len = AGENT_WINDOW / 8;
    char *text = malloc (len);
    flux_future_t *f;
    char told[32];

    begin ("3");
    f = attach ();
    memset (text, 'y', len);
    memcpy (text, "i 7 ", 4);
    text[len - 1] = '\n';
    tell ("job-exec.frames", text, len);
    assert_false (flux_future_is_ready (f));
    tell ("job-exec.frames", text, len);
    snprintf (told, sizeof (told), "c 0 %zu\n", 2 * len);
    check_answer (f, told);
    tell ("job-exec.frames", text, len);
    assert_false (flux_future_is_ready (f));
    /* of signals at once */
    tell ("job-exec.frames", "k 7 10\n", 7);
    snprintf (told, sizeof (told), "c 0 %zu\n", len + 7);
    check_answer (f, told);
    flux_future_destroy (f);
    free (text);
    end ();
}

/* A message does not grow without end while a turn lasts. */
static void much_is_cut (void **state)
{
    size_t len = 200 * 1024;
    char *text = malloc (len + 1);
    flux_future_t *f;
    const void *data;
    size_t got;

    begin ("3");
    f = attach ();
    memset (text, 'y', len);
    text[len] = '\0';
    for (int i = 0; i < 4; i++)
        say (7, 'e', text);
    for (int i = 0; i < 4; i++) {
        spin ();
        assert_int_equal (flux_rpc_get_raw (f, &data, &got), 0);
        assert_int_equal (got, len + strlen ("e 7 \n"));
        flux_future_reset (f);
    }
    assert_false (flux_future_is_ready (f));
    flux_future_destroy (f);
    free (text);
    end ();
}

static void shells_end_with_who_attached (void **state)
{
    flux_future_t *f;

    begin ("3");
    f = attach ();
    frame (7, 'S', "{\"ranks\":\"0,3\"} {}");
    say (7, 'o', "never sent");
    tell ("job-exec.disconnect", NULL, 0);
    expect ("create(/s) start(7) gone leave(7) abandon ");
    frame (7, 'i', "lost");
    expect ("");
    flux_future_destroy (f);
    f = attach ();
    say (8, 'o', "new");
    check_answer (f, "o 8 new\n");
    flux_future_destroy (f);
    end ();
}

/* taken < 0: for the first time. */
static flux_future_t *attach_session (int number, int taken)
{
    json_t *o =
        json_pack ("{s:s s:i s:f}", "shell", "/s", "session", number, "heal", 0.05);
    flux_future_t *f;

    if (taken >= 0)
        json_object_set_new (o, "taken", json_integer (taken));
    f = flux_rpc_pack (h, "job-exec.attach", FLUX_NODEID_ANY, FLUX_RPC_STREAMING, "o",
                       o);
    assert_non_null (f);
    spin ();
    return f;
}

static void refuse_session (int number, int taken, int errnum)
{
    flux_future_t *f = attach_session (number, taken);

    assert_int_equal (flux_rpc_get_raw (f, NULL, NULL), -1);
    flux_future_destroy (f);
    f = attach_session (number, taken);
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, errnum);
    flux_future_destroy (f);
}

static const void *next_answer (flux_future_t *f)
{
    const void *data;
    size_t len;

    spin ();
    assert_int_equal (flux_rpc_get_raw (f, &data, &len), 0);
    return data;
}

/* The way to rank 0 is lost, and what was on it. */
static void a_session_goes_on (void **state)
{
    flux_future_t *f;

    begin ("3");
    f = attach_session (5, -1);
    assert_string_equal (next_answer (f), "0");
    flux_future_reset (f);
    tell ("job-exec.frames", "S 7 {} {}\n", 10);
    expect ("create(/s) start(7) ");
    say (7, 'e', "heard");
    assert_memory_equal (next_answer (f), "e 7 heard\n", 10);
    say (7, 'e', "lost");
    spin ();
    flux_future_destroy (f);
    tell ("job-exec.disconnect", NULL, 0);
    say (7, 'e', "said meanwhile");
    expect ("gone ");
    refuse_session (6, 10, ESRCH); /* another broker's */
    refuse_session (5, 1000, EPROTO);
    f = attach_session (5, 10);
    assert_string_equal (next_answer (f), "10");
    flux_future_reset (f);
    assert_memory_equal (next_answer (f), "e 7 lost\ne 7 said meanwhile\n", 28);
    tell ("job-exec.frames", "k 7 15\n", 7);
    expect ("send(7 k 15) ");
    flux_future_destroy (f);
    /* it does not come back in time */
    tell ("job-exec.disconnect", NULL, 0);
    while (!strstr (trace.data ? trace.data : "", "abandon"))
        (void)flux_reactor_run (flux_get_reactor (h), FLUX_REACTOR_ONCE);
    refuse_session (5, 38, ESRCH);
    end ();
}

static flux_future_t *attach_kept (void)
{
    flux_future_t *f = flux_rpc_pack (h, "job-exec.attach", FLUX_NODEID_ANY,
                                      FLUX_RPC_STREAMING, "{s:s s:s s:f}", "shell",
                                      "/s", "token", "tok", "reattach_timeout", 5.);
    assert_non_null (f);
    spin ();
    return f;
}

static void shells_are_claimed_and_forgotten (void **state)
{
    flux_future_t *f;

    begin ("3");
    f = attach_kept ();
    frame (7, 'R', "1234");
    frame (0, 'E', "");
    say (7, 'A', "1000 900");
    say (7, 'Z', "");
    check_answer (f, "A 7 1000 900\nZ 7 \n");
    frame (7, 'F', "");
    frame (8, 'S', "{\"ranks\":\"0,3\"} {}");
    frame (8, 'F', "");
    expect ("keep(tok 5) create(/s) claim(7 1234) over forget(7) start(8) leave(8) "
            "forget(8) ");
    tell ("job-exec.disconnect", NULL, 0);
    expect ("gone abandon ");
    flux_future_destroy (f);
    /* an end that is one is said before */
    f = attach_kept ();
    frame (0, 'Q', "");
    frame (7, 'R', "0");
    tell ("job-exec.disconnect", NULL, 0);
    expect ("keep(tok 5) create(/s) destroy gone ");
    flux_future_destroy (f);
    end ();
}

/* Their barriers go on where they were, and a lost broker ends none. */
static void shells_with_others_are_claimed (void **state)
{
    flux_future_t *f;

    begin ("3");
    f = attach_kept ();
    frame (7, 'R', "1234 0,3");
    frame (8, 'R', "0 3,5");
    say (8, 'N', "never");
    say (7, 'Z', "");
    frame (7, 'G', "4");
    say (7, 'b', "keys");
    say (7, 'b', "more");
    say (8, 'b', "");
    ops->deliver (7, EHOSTUNREACH, NULL, 0, ops_arg);
    check_answer (f, "N 8 never\nZ 7 \nx 8 {\"type\":\"exec\",\"severity\":0,\"note\":"
                     "\"barrier of a job with one shell: Protocol error\"}\n");
    expect ("keep(tok 5) create(/s) claim(7 1234 0,3) claim(8 0 3,5) leave(8) "
            "send(7 G 4) enter(7 4 0,3 keys) enter(7 5 0,3 more) ");
    flux_future_destroy (f);
    end ();
}

static const flux_msg_t *commits[2]; /* that wait for their answers */
static int commit_count;

static void kvs_cb (flux_t *handle, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg)
{
    assert_true (commit_count < 2);
    commits[commit_count++] = flux_msg_incref (msg);
}

static flux_msg_handler_t **hold_commits (void)
{
    static const struct flux_msg_handler_spec tab[] = {
        { FLUX_MSGTYPE_REQUEST, "kvs.*", kvs_cb, 0 },
        FLUX_MSGHANDLER_TABLE_END,
    };
    flux_msg_handler_t **handlers;

    commit_count = 0;
    assert_int_equal (flux_msg_handler_addvec (h, tab, NULL, &handlers), 0);
    return handlers;
}

/* The job says more than goes up. */
static void store_much (uint64_t id)
{
    static char large[70000];
    int before = commit_count;

    frame (id, 'S', "{} {}");
    memset (large, 'x', sizeof (large) - 1);
    say (id, 'o', large);
    frame (id, 'M', "");
    spin ();
    assert_int_equal (commit_count, before + 1);
}

/* What one job-exec of rank 0 has let it store is known when the next one claims the job:
 * until then it waits, and nobody is told that all were claimed. */
static void a_claim_waits_for_what_is_on_its_way (void **state)
{
    flux_msg_handler_t **handlers;
    flux_future_t *f;

    begin ("3");
    handlers = hold_commits ();
    f = attach_kept ();
    store_much (7);
    tell ("job-exec.disconnect", NULL, 0);
    expect ("keep(tok 5) create(/s) start(7) gone abandon ");
    flux_future_destroy (f);
    f = attach_kept ();
    frame (8, 'R', "5");
    frame (7, 'R', "11");
    frame (7, 'k', "9");
    frame (0, 'E', "");
    expect ("keep(tok 5) create(/s) ");
    assert_int_equal (flux_respond (h, commits[0], "{}"), 0);
    expect ("claim(8 5) claim(7 69999) send(7 k 9) over ");
    say (7, 'A', "1000 900 0");
    check_answer (f, "A 7 1000 900 0 69999\n");
    flux_future_destroy (f);
    flux_msg_decref (commits[0]);
    flux_msg_handler_delvec (handlers);
    end ();
}

/* And for nothing that was sent later, of which there may always be some. */
static void a_claim_waits_for_nothing_else (void **state)
{
    flux_msg_handler_t **handlers;
    flux_future_t *f;

    begin ("3");
    handlers = hold_commits ();
    f = attach_kept ();
    store_much (7);
    frame (8, 'R', "5 0,3");
    store_much (9);
    frame (8, 'G', "0");
    frame (0, 'E', "");
    expect ("keep(tok 5) create(/s) start(7) start(9) ");
    assert_int_equal (flux_respond (h, commits[0], "{}"), 0);
    expect ("send(7 C 69999) claim(8 5 0,3) send(8 G 0) over ");
    assert_int_equal (flux_respond (h, commits[1], "{}"), 0);
    expect ("send(9 C 69999) ");
    flux_future_destroy (f);
    flux_msg_decref (commits[0]);
    flux_msg_decref (commits[1]);
    flux_msg_handler_delvec (handlers);
    end ();
}

static void who_may_not_attach_is_told (void **state)
{
    begin ("0"); /* it is called */
    check_error (attach (), EINVAL);
    end ();
    begin ("3");
    check_error (flux_rpc_pack (h, "job-exec.attach", FLUX_NODEID_ANY, 0, "{s:s}",
                                "shell", "/s"),
                 EPROTO);
    check_error (
        flux_rpc (h, "job-exec.attach", "{}", FLUX_NODEID_ANY, FLUX_RPC_STREAMING),
        EPROTO);
    expect ("");
    end ();
}

/* ---- barriers across ranks ---- */

static void a_child_is_answered (void **state)
{
    flux_future_t *f;

    begin ("0");
    f = flux_rpc_raw (h, "job-exec.exchange", "p 7", 3, FLUX_NODEID_ANY, 0);
    expect ("create(/sh) request(p 7?) ");
    ops->answer (asked, 0, "keys", 4, ops_arg);
    check_answer (f, "keys");
    flux_future_destroy (f);
    f = flux_rpc_raw (h, "job-exec.exchange", "g 7", 3, FLUX_NODEID_ANY, 0);
    expect ("request(g 7?) ");
    ops->answer (asked, ENOENT, NULL, 0, ops_arg);
    check_error (f, ENOENT);
    check_error (flux_rpc_raw (h, "job-exec.exchange", "bad", 3, FLUX_NODEID_ANY, 0),
                 EPROTO);
    check_error (flux_rpc (h, "job-exec.exchange", NULL, FLUX_NODEID_ANY, 0), EPROTO);
    tell ("job-exec.exchange", "bad", 3);
    tell ("job-exec.exchange", "a 7", 3);
    expect ("request(a 7) ");
    end ();
}

static void a_parent_is_asked (void **state)
{
    json_t *stats;

    begin ("3");
    assert_int_equal (ops->ask (7, 2, "p 7", 3, ops_arg), 0);
    expect ("request(p 7?) "); /* the parent of a loop is itself */
    ops->answer (asked, 0, "keys", 4, ops_arg);
    expect ("answer(7 2 0 keys) ");
    assert_int_equal (ops->ask (7, 3, "bad", 3, ops_arg), 0);
    expect ("answer(7 3 71 ) ");
    ops->tell ("a 7", 3, ops_arg);
    expect ("request(a 7) ");
    stats = agent_stats (agent);
    assert_int_equal (json_integer_value (json_object_get (stats, "exchange_messages")),
                      4);
    assert_int_equal (json_integer_value (json_object_get (stats, "exchange_bytes")),
                      13);
    json_decref (stats);
    /* one that is not answered any more */
    assert_int_equal (ops->ask (7, 4, "p 8", 3, ops_arg), 0);
    expect ("request(p 8?) ");
    flux_msg_decref (asked);
    end ();
}

static flux_future_t *ask_to_write (const char *frames)
{
    return flux_rpc_raw (h, "job-exec.write", frames, strlen (frames), FLUX_NODEID_ANY,
                         0);
}

/* Rank 0 and other ranks have something for the leader's file: each hears of its own. */
static void a_leader_writes (void **state)
{
    flux_future_t *f, *g;

    begin ("0");
    frame (7, 'S', "{\"ranks\":\"0,3\"} {}");
    frame (7, 'w', "ab");
    f = ask_to_write ("w 7 c\nw 7 de\n");
    spin ();
    frame (7, 'w', "f");
    g = ask_to_write ("w 7 g\n");
    expect ("create(/sh) start(7) send(7 w ab) send(7 w c) send(7 w de) send(7 w f) "
            "send(7 w g) ");
    say (7, 'a', "1");
    expect ("");
    say (7, 'a', "3"); /* half of the second */
    expect ("a(7)2 ");
    assert_false (flux_future_is_ready (f));
    say (7, 'a', "2");
    expect ("a(7)1 ");
    assert_int_equal (flux_rpc_get (f, NULL), 0);
    flux_future_destroy (f);
    say (7, 'X', "0"); /* nobody will write the last */
    check_error (g, ENOENT);
    expect ("leave(7) X(7)0 ");
    say (7, 'a', "5");
    expect ("");
    end ();
}

static void what_is_no_write_is_refused (void **state)
{
    static const char *const bad[] = { "",        "nonsense",       "w 7 a",
                                       "o 7 a\n", "w 7 a\nw 8 b\n", "+w 7 a\n",
                                       "w 7 \n",  "w 7 a\nw 7 b" };

    begin ("3");
    check_error (ask_to_write ("w 7 a\n"), EHOSTUNREACH); /* no shells at all */
    flux_future_t *f = attach ();
    frame (7, 'S', "{\"ranks\":\"3-4\"} {}");
    frame (8, 'S', "{} {}"); /* alone in its job */
    expect ("create(/s) start(7) start(8) ");
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        check_error (ask_to_write (bad[i]), EPROTO);
    check_error (ask_to_write ("w 8 a\n"), ENOENT);
    check_error (ask_to_write ("w 9 a\n"), ENOENT);
    tell ("job-exec.write", "w 7 a\n", 6);
    expect ("");
    flux_future_destroy (f);
    end ();
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (frames_pass),
        cmocka_unit_test (barriers_are_counted),
        cmocka_unit_test (one_shell_has_no_barrier),
        cmocka_unit_test (a_shell_that_cannot_be_had_is_told),
        cmocka_unit_test (what_was_exchanged_is_delivered),
        cmocka_unit_test (guests_have_servers_of_their_own),
        cmocka_unit_test (units_too),
        cmocka_unit_test (rank_0_attaches),
        cmocka_unit_test (what_is_taken_is_told),
        cmocka_unit_test (much_is_cut),
        cmocka_unit_test (shells_end_with_who_attached),
        cmocka_unit_test (shells_are_claimed_and_forgotten),
        cmocka_unit_test (shells_with_others_are_claimed),
        cmocka_unit_test (a_claim_waits_for_what_is_on_its_way),
        cmocka_unit_test (a_claim_waits_for_nothing_else),
        cmocka_unit_test (a_session_goes_on),
        cmocka_unit_test (who_may_not_attach_is_told),
        cmocka_unit_test (a_child_is_answered),
        cmocka_unit_test (a_parent_is_asked),
        cmocka_unit_test (a_leader_writes),
        cmocka_unit_test (what_is_no_write_is_refused),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
