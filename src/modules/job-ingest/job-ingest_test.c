/* The wiring over loop://: what is committed when, what job-manager is told, and who gets
 * which answer. The KVS and job-manager are this test. */
#include "job-ingest.c"

#include "base/test.h"

#include <stdio.h>

#define ENV(e) "\"environment\":" e
#define SPEC(system)                                                                   \
    "{\"resources\":[{\"type\":\"slot\",\"count\":1,\"with\":[{\"type\":\"core\","     \
    "\"count\":1}],\"label\":\"task\"}],\"tasks\":[{\"command\":[\"true\"],\"slot\":"  \
    "\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":0" \
    "," system "}},\"version\":1}"

#define MAX 64

static flux_t *h;
static struct ctx ctx;
static flux_future_t *commits[MAX]; /* what the KVS was asked, in order */
static char *texts[MAX];
static int ncommits;
static const flux_msg_t *told[MAX]; /* what job-manager was */
static int ntold;
static flux_future_t *jobs[MAX]; /* submissions */
static int njobs;
static bool at_once; /* both answer as soon as they are asked */
static bool marked;

/* --- the KVS --- */

struct flux_kvs_txn {
    struct buf text;
};

flux_kvs_txn_t *flux_kvs_txn_create (void)
{
    return calloc (1, sizeof (struct flux_kvs_txn));
}

void flux_kvs_txn_destroy (flux_kvs_txn_t *txn)
{
    if (txn)
        buf_fini (&txn->text);
    free (txn);
}

int flux_kvs_txn_put_raw (flux_kvs_txn_t *txn, int flags, const char *key,
                          const void *data, size_t len)
{
    buf_printf (&txn->text, "+%s ", strrchr (key, '.') + 1);
    return 0;
}

int flux_kvs_txn_unlink (flux_kvs_txn_t *txn, int flags, const char *key)
{
    buf_printf (&txn->text, "-%s ", key);
    return 0;
}

flux_future_t *flux_kvs_commit (flux_t *handle, const char *ns, int flags,
                                flux_kvs_txn_t *txn)
{
    flux_future_t *f = flux_future_create (NULL, NULL);

    assert_non_null (f);
    assert_true (ncommits < MAX);
    flux_future_set_flux (f, handle);
    assert_non_null (texts[ncommits] = strdup (txn->text.data ? txn->text.data : ""));
    commits[ncommits++] = f;
    if (at_once)
        flux_future_fulfill (f, NULL, NULL);
    return f;
}

static flux_future_t *R_asked; /* the lookup of R that waits, or NULL */
static int nasked;
static const char *R_text;

flux_future_t *flux_kvs_lookup (flux_t *handle, const char *ns, int flags,
                                const char *key)
{
    flux_future_t *f = flux_future_create (NULL, NULL);

    assert_non_null (f);
    assert_string_equal (key, "resource.R");
    assert_null (R_asked);
    flux_future_set_flux (f, handle);
    nasked++;
    return R_asked = f;
}

int flux_kvs_lookup_get (flux_future_t *f, const char **value)
{
    *value = R_text;
    return flux_future_get (f, NULL);
}

/* --- job-manager --- */

static void submit_request (flux_t *handle, flux_msg_handler_t *mh,
                            const flux_msg_t *msg, void *arg)
{
    assert_true (ntold < MAX);
    told[ntold++] = flux_msg_incref (msg);
    if (at_once)
        flux_respond (handle, msg, NULL);
}

static void mark_request (flux_t *handle, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    marked = true;
}

static const struct flux_msg_handler_spec manager[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.submit", submit_request, 0 },
    { FLUX_MSGTYPE_REQUEST, "test.mark", mark_request, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

/* --- what is common --- */

static flux_msg_handler_t **manager_handlers;

static int begin (void **state)
{
    h = flux_open ("loop://", 0);
    flux_log_set_redirect (h, NULL, NULL);
    ctx = (struct ctx){ .h = h };
    ingest_init (&ctx.ingest, getuid ());
    ingest_init (&ctx.again, getuid ());
    jobid_gen_init (&ctx.ingest.gen, 0, (uint64_t)(flux_reactor_time () * 1000), 0);
    ctx.prepare = flux_prepare_watcher_create (flux_get_reactor (h), prepare_cb, &ctx);
    flux_watcher_start (ctx.prepare);
    ncommits = ntold = njobs = nasked = 0;
    R_asked = NULL;
    at_once = false;
    return flux_msg_handler_addvec (h, spec, &ctx, &ctx.handlers) < 0
                   || flux_msg_handler_addvec (h, manager, NULL, &manager_handlers) < 0
               ? -1
               : 0;
}

static int end (void **state)
{
    assert_int_equal (ctx.in_flight, 0);
    assert_int_equal (ctx.jobs_in_flight, 0);
    assert_int_equal (ctx.committing, 0);
    assert_int_equal (ctx.bytes, 0);
    for (int i = 0; i < ncommits; i++)
        free (texts[i]);
    for (int i = 0; i < ntold; i++)
        flux_msg_decref (told[i]);
    for (int i = 0; i < njobs; i++)
        flux_future_destroy (jobs[i]);
    flux_msg_handler_delvec (ctx.handlers);
    flux_msg_handler_delvec (manager_handlers);
    flux_watcher_destroy (ctx.prepare);
    flux_msglist_destroy (ctx.unsure);
    ingest_fini (&ctx.ingest);
    ingest_fini (&ctx.again);
    flux_close (h);
    return 0;
}

/* Until what was sent has come, and what it has caused as well. */
static void settle (void)
{
    for (int i = 0; i < 3; i++) {
        marked = false;
        flux_future_destroy (flux_rpc (h, "test.mark", NULL, 0, FLUX_RPC_NORESPONSE));
        while (!marked)
            flux_reactor_run (flux_get_reactor (h), FLUX_REACTOR_ONCE);
    }
}

static int submit_text (const char *payload)
{
    assert_true (njobs < MAX);
    assert_non_null (
        jobs[njobs] = flux_rpc (h, "job-ingest.submit", payload, FLUX_NODEID_ANY, 0));
    return njobs++;
}

static int submit (const char *jobspec)
{
    char *payload;
    int n;

    assert_true (
        asprintf (&payload, "{\"urgency\":16,\"flags\":0,\"jobspec\":%s}", jobspec)
        > 0);
    n = submit_text (payload);
    free (payload);
    return n;
}

static void submit_many (int n)
{
    while (n-- > 0)
        submit (SPEC (ENV ("{}")));
    settle ();
}

static void commit_says (int n, int errnum, const char *text)
{
    assert_true (n < ncommits);
    if (errnum)
        flux_future_fulfill_error (commits[n], errnum, text);
    else
        flux_future_fulfill (commits[n], NULL, NULL);
    settle ();
}

static void R_is (const char *text)
{
    flux_future_t *f = R_asked;

    assert_non_null (f);
    R_asked = NULL;
    R_text = text;
    if (text)
        flux_future_fulfill (f, NULL, NULL);
    else
        flux_future_fulfill_error (f, ENOENT, NULL);
    settle ();
}

static json_t *job_told (int n, int i)
{
    json_t *o;

    assert_true (n < ntold);
    assert_int_equal (flux_request_unpack (told[n], NULL, "{s:o}", "jobs", &o), 0);
    return json_array_get (o, i);
}

static size_t count_told (int n)
{
    json_t *o;

    assert_true (n < ntold);
    assert_int_equal (flux_request_unpack (told[n], NULL, "{s:o}", "jobs", &o), 0);
    return json_array_size (o);
}

static json_int_t id_told (int n, int i)
{
    return json_integer_value (json_object_get (job_told (n, i), "id"));
}

static void manager_says (int n, const char *payload)
{
    assert_true (n < ntold);
    flux_respond (h, told[n], payload);
    settle ();
}

static void is_waiting (int job)
{
    assert_false (flux_future_is_ready (jobs[job]));
}

static void has_id (int job, json_int_t want)
{
    json_int_t id = 0;

    assert_true (flux_future_is_ready (jobs[job]));
    assert_int_equal (flux_rpc_get_unpack (jobs[job], "{s:I}", "id", &id), 0);
    assert_true (id == want);
}

static void has_failed (int job, int errnum, const char *text)
{
    assert_true (flux_future_is_ready (jobs[job]));
    errno = 0;
    assert_int_equal (flux_future_get (jobs[job], NULL), -1);
    assert_int_equal (errno, errnum);
    if (text)
        assert_string_equal (flux_future_error_string (jobs[job]), text);
}

/* --- tests --- */

static void stored_then_told_then_answered (void **state)
{
    int job = submit (SPEC (ENV ("{\"A\":\"b\"}")));

    settle ();
    assert_int_equal (ncommits, 1);
    assert_string_equal (texts[0], "+jobspec ");
    assert_int_equal (ntold, 0);
    commit_says (0, 0, NULL);
    assert_int_equal (count_told (0), 1);
    is_waiting (job);
    manager_says (0, NULL);
    has_id (job, id_told (0, 0));
    assert_int_equal (ctx.njobs, 1);
}

/* What comes while a commit is on its way shares the next one. */
static void many_share_a_commit (void **state)
{
    submit_many (1);
    submit_many (5);
    submit_many (4);
    assert_int_equal (ncommits, 1);
    commit_says (0, 0, NULL);
    assert_int_equal (ncommits, 2);
    commit_says (1, 0, NULL);
    assert_int_equal (ntold, 2);
    assert_int_equal (count_told (1), 9);
    for (int i = 1; i < 9; i++)
        assert_true (id_told (1, i) > id_told (1, i - 1));
    assert_true (id_told (1, 0) > id_told (0, 0));
    manager_says (1, NULL); /* before the first */
    is_waiting (0);
    for (int i = 0; i < 9; i++)
        has_id (1 + i, id_told (1, i));
    manager_says (0, NULL);
    has_id (0, id_told (0, 0));
    assert_int_equal (ctx.nbatches, 2);
}

static int env_told (int i)
{
    return json_integer_value (json_object_get (job_told (0, i), "env"));
}

/* An environment is told once for the jobs beside each other that have it. */
static void environments_are_shared (void **state)
{
    json_t *envs;

    submit (SPEC (ENV ("{\"A\":\"1\"}")));
    submit (SPEC (ENV ("{\"A\":\"1\"}")));
    submit (SPEC (ENV ("{\"A\":\"2\"}")));
    submit (SPEC ("\"cwd\":\"/\""));
    submit (SPEC (ENV ("{\"A\":\"2\"}")));
    submit (SPEC (ENV ("{\"A\":\"22\"}")));
    settle ();
    commit_says (0, 0, NULL);
    assert_int_equal (flux_request_unpack (told[0], NULL, "{s:o}", "envs", &envs), 0);
    assert_int_equal (json_array_size (envs), 3);
    assert_int_equal (env_told (0), 0);
    assert_int_equal (env_told (1), 0);
    assert_int_equal (env_told (2), 1);
    assert_int_equal (env_told (3), -1);
    assert_int_equal (env_told (4), 1);
    assert_int_equal (env_told (5), 2);
    assert_string_equal (
        json_string_value (json_object_get (json_array_get (envs, 1), "A")), "2");
    manager_says (0, NULL);
}

static void a_refused_commit_refuses_its_jobs (void **state)
{
    submit_many (3);
    submit_many (1);
    commit_says (0, ENOSPC, "the disk is full");
    for (int i = 0; i < 3; i++)
        has_failed (i, ENOSPC, "the disk is full");
    assert_int_equal (ntold, 0);
    is_waiting (3);
    commit_says (1, 0, NULL); /* that of the next is another */
    manager_says (0, NULL);
    has_id (3, id_told (0, 0));
}

static void what_is_refused_is_removed_first (void **state)
{
    char payload[256], key[64], want[80];

    submit_many (3);
    commit_says (0, 0, NULL);
    json_int_t id = id_told (0, 1);
    snprintf (payload, sizeof (payload),
              "{\"errors\":[{\"id\":%lld,\"errnum\":22,\"text\":\"not so\"},"
              "{\"id\":1,\"errnum\":22,\"text\":\"nobody's\"}]}",
              (long long)id);
    flux_job_kvs_key (key, sizeof (key), id, NULL);
    snprintf (want, sizeof (want), "-%s ", key);
    manager_says (0, payload);
    has_id (0, id_told (0, 0));
    has_id (2, id_told (0, 2));
    is_waiting (1);
    assert_int_equal (ncommits, 2);
    assert_string_equal (texts[1], want);
    commit_says (1, 0, NULL);
    has_failed (1, EINVAL, "not so");
    assert_int_equal (ctx.nrefused, 1);
}

/* Why it was refused is what counts, not that it is still there. */
static void a_removal_that_fails_is_no_answer (void **state)
{
    char payload[128];

    submit_many (1);
    commit_says (0, 0, NULL);
    snprintf (payload, sizeof (payload),
              "{\"errors\":[{\"id\":%lld,\"errnum\":1,\"text\":\"not you\"}]}",
              (long long)id_told (0, 0));
    manager_says (0, payload);
    commit_says (1, EIO, NULL);
    has_failed (0, EPERM, "not you");
}

static void without_job_manager (void **state)
{
    submit_many (2);
    commit_says (0, 0, NULL);
    flux_respond_error (h, told[0], ENOSYS, "no job-manager");
    settle ();
    has_failed (0, ENOSYS, "no job-manager");
    has_failed (1, ENOSYS, "no job-manager");
}

/* As long as job-manager has many to look at, the next batch grows; but not for ever. */
static void a_batch_grows_while_many_are_in_flight (void **state)
{
    static char env[BATCH_MAX_BYTES + 64], spec_text[BATCH_MAX_BYTES + 1024];

    submit_many (MANY_JOBS);
    commit_says (0, 0, NULL);
    submit_many (2);
    assert_int_equal (ncommits, 1);
    memset (env, 'x', BATCH_MAX_BYTES);
    snprintf (spec_text, sizeof (spec_text), SPEC (ENV ("{\"A\":\"%s\"}")), env);
    submit (spec_text);
    settle ();
    assert_int_equal (ncommits, 2);
    submit_many (1);
    assert_int_equal (ncommits, 2);
    manager_says (0, NULL);
    assert_int_equal (ncommits, 2); /* the second is still being committed */
    commit_says (1, 0, NULL);
    assert_int_equal (ncommits, 3);
    assert_int_equal (count_told (1), 3);
    commit_says (2, 0, NULL);
    manager_says (1, NULL);
    manager_says (2, NULL);
    has_id (MANY_JOBS + 3, id_told (2, 0));
}

static void a_batch_has_as_many_as_configured (void **state)
{
    ctx.stages.batch_count = 3;
    submit_many (2);
    assert_int_equal (ncommits, 0);
    submit_many (1);
    assert_int_equal (ncommits, 1);
    commit_says (0, 0, NULL);
    assert_int_equal (count_told (0), 3);
    manager_says (0, NULL);
}

static void what_is_wrong_is_refused_at_once (void **state)
{
    int bad = submit ("{\"version\":1}"), none = submit_text (NULL),
        text = submit_text ("{\"urgency\":16,\"flags\":0}"),
        good = submit (SPEC (ENV ("{}")));

    settle ();
    has_failed (bad, EINVAL, NULL);
    has_failed (none, EPROTO, NULL);
    has_failed (text, EPROTO, NULL);
    commit_says (0, 0, NULL);
    assert_int_equal (count_told (0), 1);
    manager_says (0, NULL);
    has_id (good, id_told (0, 0));
}

static void too_many_bytes_try_again (void **state)
{
    size_t had;

    submit_many (1);
    had = ctx.bytes;
    assert_true (had > 0);
    ctx.bytes = MAX_BYTES + 1;
    submit_many (1);
    has_failed (1, EAGAIN, "too many submissions are on their way");
    ctx.bytes = had;
    commit_says (0, 0, NULL);
    manager_says (0, NULL);
    submit_many (1);
    commit_says (1, 0, NULL);
    manager_says (1, NULL);
    has_id (2, id_told (1, 0));
}

#define WANTS(host) SPEC ("\"constraints\":{\"hostlist\":[\"" host "\"]}")
#define R(hosts, ranks)                                                                \
    "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"" ranks                     \
    "\",\"children\":{\"core\":\"0\"}}],\"nodelist\":[\"" hosts "\"],\"starttime\":0," \
    "\"expiration\":0}}"
#define NO_HOST "host constraint contains invalid hosts: host 'b' not found"

/* R is read once for all that wait, and again for a host that it had not. */
static void an_unknown_host_is_looked_for (void **state)
{
    int a = submit (WANTS ("a")), b = submit (WANTS ("b"));

    settle ();
    assert_int_equal (ncommits, 0);
    R_is (R ("a", "0"));
    has_failed (b, EPERM, NO_HOST);
    is_waiting (a);
    at_once = true;
    commit_says (0, 0, NULL);
    settle ();
    has_id (a, id_told (0, 0));
    a = submit (WANTS ("a"));
    settle ();
    settle ();
    assert_int_equal (nasked, 1);
    has_id (a, id_told (1, 0));
    b = submit (WANTS ("b"));
    settle ();
    is_waiting (b);
    R_is (R ("[a-b]", "0-1"));
    settle ();
    has_id (b, id_told (2, 0));
    assert_int_equal (nasked, 2);
}

static void without_R_the_scheduler_has_to_say (void **state)
{
    int job = submit (WANTS ("a"));

    at_once = true;
    settle ();
    R_is (NULL);
    settle ();
    has_id (job, id_told (0, 0));
    job = submit (WANTS ("b")); /* there may be one now */
    settle ();
    R_is (R ("a", "0"));
    has_failed (job, EPERM, NO_HOST);
}

static void the_end_waits_for_no_host (void **state)
{
    int job = submit (WANTS ("a"));

    settle ();
    flux_future_incref (R_asked);
    finish (&ctx);
    settle ();
    has_failed (job, EAGAIN, ENDING);
    flux_future_destroy (R_asked);
}

/* Whoever was not told that he is refused is submitted. */
static void the_end_finishes_what_was_begun (void **state)
{
    ctx.stages.batch_count = 10;
    submit_many (2);
    assert_int_equal (ncommits, 0);
    at_once = true;
    finish (&ctx);
    assert_int_equal (ntold, 1);
    submit_many (1);
    has_id (0, id_told (0, 0));
    has_id (1, id_told (0, 1));
    has_failed (2, EAGAIN,
                "job-ingest ends: try again when module job-ingest is loaded");
}

#define test_with_ctx(f) cmocka_unit_test_setup_teardown (f, begin, end)

int main (void)
{
    const struct CMUnitTest tests[] = {
        test_with_ctx (stored_then_told_then_answered),
        test_with_ctx (many_share_a_commit),
        test_with_ctx (environments_are_shared),
        test_with_ctx (a_refused_commit_refuses_its_jobs),
        test_with_ctx (what_is_refused_is_removed_first),
        test_with_ctx (a_removal_that_fails_is_no_answer),
        test_with_ctx (without_job_manager),
        test_with_ctx (a_batch_grows_while_many_are_in_flight),
        test_with_ctx (a_batch_has_as_many_as_configured),
        test_with_ctx (what_is_wrong_is_refused_at_once),
        test_with_ctx (too_many_bytes_try_again),
        test_with_ctx (an_unknown_host_is_looked_for),
        test_with_ctx (without_R_the_scheduler_has_to_say),
        test_with_ctx (the_end_waits_for_no_host),
        test_with_ctx (the_end_finishes_what_was_begun),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
