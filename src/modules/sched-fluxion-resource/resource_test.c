/* Options, and the requests of the module over loop://, on a graph that is made from R:
 * each request has one answer, and what is refused changes nothing. */
#include "base/test.h"

#include "core/sched/fluxion_keys.h"
#include "ctx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Options --- */

static const struct {
    const char *table, *arg; /* JSON, KEY=VALUE; NULL: none */
    const char *text;        /* of the error; NULL: it is taken */
    const char *key, *value; /* as params say then */
} options[] = {
    { NULL, NULL, NULL, "policy", "\"first\"" },
    { NULL, NULL, NULL, "load-file", "null" },
    { NULL, NULL, NULL, "load-format", "\"rv1exec\"" },
    { NULL, NULL, NULL, "match-format", "\"rv1_nosched\"" },
    { NULL, NULL, NULL, "subsystems", "\"containment\"" },
    { NULL, NULL, NULL, "prune-filters", "\"ALL:core,ALL:node\"" },
    { NULL, NULL, NULL, "traverser", "\"simple\"" },
    { NULL, "policy=low", NULL, "policy", "\"low\"" },
    { NULL, "match-policy=high", NULL, "policy", "\"high\"" },
    { "{\"policy\":\"low\"}", "policy=high", NULL, "policy", "\"high\"" },
    { NULL, "policy=best", "policy: unknown policy: best", NULL, NULL },
    { NULL, "load-file=", "load-file: no path: ", NULL, NULL },
    { NULL, "load-file=/x", NULL, "load-file", "\"/x\"" },
    { NULL, "load-format=jgf", NULL, "load-format", "\"jgf\"" },
    { NULL, "load-format=xml", "load-format: unknown format: xml", NULL, NULL },
    { NULL, "load-allowlist=node,core", NULL, "load-allowlist", "\"node,core\"" },
    { NULL, "load-allowlist=core,node", NULL, "load-allowlist", "\"core,node\"" },
    { NULL, "load-allowlist=core", "load-allowlist: there is no node in: core", NULL,
      NULL },
    { NULL, "load-allowlist=nodes", "load-allowlist: there is no node in: nodes", NULL,
      NULL },
    { NULL, "load-allowlist=", "load-allowlist: there is no node in: ", NULL, NULL },
    { NULL, "load-allowlist=node,,core", "load-allowlist: an empty type: node,,core",
      NULL, NULL },
    { NULL, "load-allowlist=,node", "load-allowlist: an empty type: ,node", NULL,
      NULL },
    { NULL, "load-allowlist=node,", "load-allowlist: an empty type: node,", NULL,
      NULL },
    { NULL, "match-format=rv1", NULL, "match-format", "\"rv1\"" },
    { NULL, "match-format=rv1_shorthand", NULL, "match-format", "\"rv1_shorthand\"" },
    { NULL, "match-format=simple",
      "match-format: not rv1, rv1_nosched or rv1_shorthand: simple", NULL, NULL },
    { NULL, "match-format=rv11",
      "match-format: not rv1, rv1_nosched or rv1_shorthand: rv11", NULL, NULL },
    { NULL, "subsystems=", "subsystems: no name: ", NULL, NULL },
    { NULL, "reserve-vtx-vec=0", NULL, "reserve-vtx-vec", "0" },
    { NULL, "reserve-vtx-vec=2000000", NULL, "reserve-vtx-vec", "2000000" },
    { NULL, "reserve-vtx-vec=2000001",
      "reserve-vtx-vec: no number from 0 to 2000000: 2000001", NULL, NULL },
    { NULL, "reserve-vtx-vec=-1", "reserve-vtx-vec: no number from 0 to 2000000: -1",
      NULL, NULL },
    { NULL, "reserve-vtx-vec=", "reserve-vtx-vec: no number from 0 to 2000000: ", NULL,
      NULL },
    { NULL, "reserve-vtx-vec=99999999999999999999",
      "reserve-vtx-vec: no number from 0 to 2000000: 99999999999999999999", NULL,
      NULL },
    { "{\"reserve-vtx-vec\":7}", NULL, NULL, "reserve-vtx-vec", "7" },
    { "{\"reserve-vtx-vec\":7.5}", NULL, "reserve-vtx-vec: neither text nor a number",
      NULL, NULL },
    { "{\"policy\":true}", NULL, "policy: neither text nor a number", NULL, NULL },
    { NULL, "prune-filters=ALL:core", NULL, "prune-filters", "\"ALL:core\"" },
    { NULL, "prune-filters=ALL", "prune-filters: not TYPE:TYPE: ALL", NULL, NULL },
    { NULL, "prune-filters=:core", "prune-filters: not TYPE:TYPE: :core", NULL, NULL },
    { NULL, "prune-filters=ALL:", "prune-filters: not TYPE:TYPE: ALL:", NULL, NULL },
    { NULL, "prune-filters=", "prune-filters: not TYPE:TYPE: ", NULL, NULL },
    { NULL, "prune-filters=ALL:core,", "prune-filters: not TYPE:TYPE: ALL:core,", NULL,
      NULL },
    { NULL, "prune-filters=ALL:core,node",
      "prune-filters: not TYPE:TYPE: ALL:core,node", NULL, NULL },
    { "{\"prune-filters\":[\"a:b\",\"c:d\"]}", NULL, NULL, "prune-filters",
      "\"a:b,c:d\"" },
    /* those of the load line replace the table's */
    { "{\"prune-filters\":[\"a:b\",\"c:d\"]}", "prune-filters=e:f", NULL,
      "prune-filters", "\"e:f\"" },
    { "{\"prune-filters\":[1]}", NULL, "prune-filters: neither text nor a number", NULL,
      NULL },
    { NULL, "update-interval=86400", NULL, "update-interval", "86400" },
    { NULL, "update-interval=86401", "update-interval: no number of seconds: 86401",
      NULL, NULL },
    { NULL, "update-interval=1s", "update-interval: no number of seconds: 1s", NULL,
      NULL },
    { NULL, "traverser=flexible", NULL, "traverser", "\"flexible\"" },
    { NULL, "traverser=fast", "traverser: neither simple nor flexible: fast", NULL,
      NULL },
    { NULL, "policies=low", "Unknown option (policies).", NULL, NULL },
    { NULL, "policy", "Unknown option (policy).", NULL, NULL },
    { NULL, "=low", "Unknown option ().", NULL, NULL },
    { "{\"x\":1}", NULL, "Unknown option (x).", NULL, NULL },
    { "[]", NULL, "it is no table", NULL, NULL },
};

static void options_table (void **state)
{
    for (size_t i = 0; i < sizeof (options) / sizeof (options[0]); i++) {
        json_t *table =
            options[i].table ? json_loads (options[i].table, 0, NULL) : NULL;
        char arg[128], *argv[] = { arg };
        flux_error_t error = { "" };
        struct options o = { 0 };
        int rc;

        snprintf (arg, sizeof (arg), "%s", options[i].arg ? options[i].arg : "");
        errno = 0;
        rc = options_init (&o, table, options[i].arg != NULL, argv, &error);
        if (options[i].text) {
            assert_string_equal (error.text, options[i].text);
            assert_int_equal (rc, -1);
            assert_int_equal (errno, EINVAL);
        } else {
            json_t *params = options_encode (&o);
            char *s =
                json_dumps (json_object_get (params, options[i].key), JSON_ENCODE_ANY);

            assert_int_equal (rc, 0);
            assert_string_equal (s, options[i].value);
            free (s);
            json_decref (params);
        }
        options_fini (&o);
        json_decref (table);
    }
}

/* --- Requests --- */

/* Two nodes of four cores. */
#define R_TEXT                                                                         \
    "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0-1\",\"children\":{"       \
    "\"core\":\"0-3\"}}],\"nodelist\":[\"a[0-1]\"],\"starttime\":0,\"expiration\":0}}"
#define R_TAKEN                                                                        \
    "{\\\"version\\\":1,\\\"execution\\\":{\\\"R_lite\\\":[{\\\"rank\\\":\\\"0\\\","   \
    "\\\"children\\\":{\\\"core\\\":\\\"0-3\\\"}}],\\\"nodelist\\\":[\\\"a0\\\"],"     \
    "\\\"starttime\\\":0,\\\"expiration\\\":0}}"
#define JOBSPEC(n)                                                                     \
    "{\\\"version\\\":1,\\\"resources\\\":[{\\\"type\\\":\\\"slot\\\",\\\"count\\\":"  \
    "1,"                                                                               \
    "\\\"label\\\":\\\"t\\\",\\\"with\\\":[{\\\"type\\\":\\\"core\\\","                \
    "\\\"count\\\":" n                                                                 \
    "}]}],\\\"tasks\\\":[{\\\"command\\\":[\\\"a\\\"],\\\"slot\\\":\\\"t\\\","         \
    "\\\"count\\\":{\\\"per_slot\\\":1}}],\\\"attributes\\\":{\\\"system\\\":{"        \
    "\\\"duration\\\":60}}}"

static int changes;

void tell_change (struct ctx *ctx, json_t *take_change)
{
    changes++;
    json_decref (take_change);
}

bool ctx_ready (struct ctx *ctx, const flux_msg_t *msg)
{
    if (!ctx->site)
        flux_respond_error (ctx->h, msg, EAGAIN, "not yet");
    return ctx->site != NULL;
}

static int setup (void **state)
{
    struct ctx *ctx = calloc (1, sizeof (*ctx));
    json_t *R = json_loads (R_TEXT, 0, NULL), *up = json_pack ("{s:s}", "up", "0-1");
    struct site_options opt = { .policy = "first" };
    flux_error_t error = { "" };
    bool capacity;

    ctx->h = flux_open ("loop://", 0);
    ctx->next_jobid = 0;
    ctx->format = WRITE_RV1_NOSCHED;
    ctx->placed = idmap_create (NULL);
    ctx->waiting = flux_msglist_create ();
    ctx->batches = flux_msglist_create ();
    reactor_task_init (&ctx->step, jobs_step, ctx);
    if (!(ctx->site = site_create (R, &opt, &error))
        || site_apply (ctx->site, up, &capacity, &error) < 0)
        fail_msg ("%s", error.text);
    json_decref (R);
    json_decref (up);
    changes = 0;
    *state = ctx;
    return 0;
}

static int teardown (void **state)
{
    struct ctx *ctx = *state;

    reactor_task_cancel (&ctx->step);
    flux_msglist_destroy (ctx->waiting);
    flux_msglist_destroy (ctx->batches);
    status_fini (ctx);
    site_destroy (ctx->site);
    idmap_destroy (ctx->placed);
    buf_fini (&ctx->scratch);
    flux_close (ctx->h);
    free (ctx);
    return 0;
}

typedef void (*handler_f) (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg);

/* The next answer, as text: the payload sorted, or "ERRNO text"; static. */
static const char *answer (struct ctx *ctx)
{
    static char text[8192];
    flux_msg_t *msg = flux_recv (ctx->h, FLUX_MATCH_RESPONSE, FLUX_O_NONBLOCK);
    const char *s = NULL, *why = NULL;

    if (!msg)
        return NULL;
    if (flux_response_decode (msg, NULL, &s) < 0) {
        int errnum = errno;

        if (flux_response_decode_error (msg, &why) < 0)
            why = "";
        snprintf (text, sizeof (text), "%s %s", strerrorname_np (errnum), why);
    } else {
        json_t *o = s ? json_loads (s, 0, NULL) : NULL;
        char *sorted = o ? json_dumps (o, JSON_SORT_KEYS | JSON_COMPACT) : NULL;

        snprintf (text, sizeof (text), "%s", sorted ? sorted : "");
        free (sorted);
        json_decref (o);
    }
    flux_msg_destroy (msg);
    return text;
}

/* As if this request had come. It has one answer. */
static const char *ask (struct ctx *ctx, handler_f cb, const char *payload)
{
    flux_msg_t *msg = flux_request_encode ("x.y", payload);
    static char first[8192];
    const char *s;

    flux_msg_set_cred (msg, (struct flux_msg_cred){ 1, FLUX_ROLE_OWNER });
    cb (ctx->h, NULL, msg, ctx);
    flux_msg_destroy (msg);
    if (!(s = answer (ctx)))
        fail_msg ("no answer to %s", payload);
    snprintf (first, sizeof (first), "%s", s);
    assert_null (answer (ctx));
    return first;
}

#define has(text, part) assert_non_null (strstr (text, part))

static void malformed (void **state)
{
    static const struct {
        handler_f cb;
        const char *payload, *answer;
    } t[] = {
        { match_cb, "{}", "EPROTO" },
        { match_cb, "{\"cmd\":\"steal\",\"jobid\":1,\"jobspec\":\"{}\"}",
          "EINVAL unknown match command" },
        { match_cb, "{\"cmd\":\"allocate\",\"jobid\":1,\"jobspec\":\"{\"}",
          "EBADMSG did not find expected node content" },
        { match_cb, "{\"cmd\":\"allocate\",\"jobid\":1,\"jobspec\":5}", "EPROTO" },
        { match_multi_cb, "{\"cmd\":\"allocate\",\"jobs\":[]}",
          "EPROTO match_multi is" },
        { match_multi_cb, "{\"cmd\":\"allocate\"}", "EPROTO" },
        { update_cb, "{\"jobid\":1}", "EPROTO" },
        { update_cb, "{\"jobid\":1,\"R\":\"{}\"}", "EINVAL" },
        { cancel_cb, "{}", "EPROTO" },
        { cancel_cb, "{\"jobid\":9}", "ENOENT nonexistent job" },
        { partial_cancel_cb, "{\"jobid\":9}", "EPROTO" },
        { info_cb, "{\"jobid\":9}", "ENOENT nonexistent job" },
        { info_cb, "{\"jobid\":\"9\"}", "EPROTO" },
        { find_cb, "{}", "EPROTO" },
        { find_cb, "{\"criteria\":\"status=\"}", "EINVAL" },
        { find_cb, "{\"criteria\":\"status=up\",\"format\":\"x\"}",
          "EINVAL unknown format" },
        { set_status_cb, "{\"resource_path\":\"/x\",\"status\":\"down\"}",
          "ENOENT there is no such resource path" },
        { set_status_cb, "{\"resource_path\":\"/x\",\"status\":\"ill\"}",
          "EINVAL status is neither up nor down" },
        { set_property_cb, "{\"sp_resource_path\":\"/x\",\"sp_keyval\":\"a=b\"}",
          "ENOENT there is no such resource path" },
        { set_property_cb, "{\"sp_resource_path\":\"/x\",\"sp_keyval\":\"ab\"}",
          "EINVAL Incorrect format" },
        { set_property_cb, "{\"sp_resource_path\":\"/x\",\"sp_keyval\":\"=b\"}",
          "EINVAL Incorrect format" },
        { set_property_cb, "{\"sp_resource_path\":\"/x\",\"sp_keyval\":\"a=\"}",
          "EINVAL Incorrect format" },
        { set_property_cb, "{\"sp_resource_path\":\"/x\",\"sp_keyval\":\"-a=b\"}",
          "EINVAL Incorrect format" },
        { set_property_cb, "{\"sp_resource_path\":\"/x\",\"sp_keyval\":\"a^b=c\"}",
          "EINVAL a property's name has none of" },
        { set_property_cb, "{\"sp_resource_path\":5,\"sp_keyval\":\"a=b\"}",
          "EPROTO no resource path" },
        { set_property_cb, "{\"sp_resource_path\":[],\"sp_keyval\":\"a=b\"}",
          "EPROTO no resource path" },
        { set_property_cb, "{\"sp_resource_path\":[5],\"sp_keyval\":\"a=b\"}",
          "EPROTO no resource path" },
        { remove_property_cb, "{\"resource_path\":[null],\"key\":\"a\"}",
          "EPROTO no resource path" },
        { get_property_cb, "{\"gp_resource_path\":\"/x\",\"gp_key\":\"a\"}",
          "ENOENT there is no such resource path" },
        { ns_info_cb, "{\"rank\":7,\"type-name\":\"core\",\"id\":0}",
          "ENOENT there is no such resource" },
        { ns_info_cb, "{\"rank\":0,\"type-name\":\"gpu\",\"id\":0}",
          "ENOENT there is no such resource" },
        { add_subgraph_cb, "{\"subgraph\":\"{}\"}", "EINVAL" },
        { remove_subgraph_cb, "{\"subgraph_path\":\"/x\"}",
          "ENOENT there is no such resource path" },
    };
    struct ctx *ctx = *state;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        const char *s = ask (ctx, t[i].cb, t[i].payload);

        if (strncmp (s, t[i].answer, strlen (t[i].answer)) != 0)
            fail_msg ("%s: %s", t[i].payload, s);
    }
    assert_int_equal (changes, 0);
}

/* Not before resources are known. */
static void too_early (void **state)
{
    static const handler_f all[] = {
        match_cb,      update_cb, partial_cancel_cb, info_cb,         hello_cb,
        next_jobid_cb, find_cb,   stats_get_cb,      set_property_cb, get_property_cb,
        set_status_cb, cancel_cb, match_multi_cb,    add_subgraph_cb, ns_info_cb
    };
    struct ctx *ctx = *state;
    struct site *site = ctx->site;

    ctx->site = NULL;
    for (size_t i = 0; i < sizeof (all) / sizeof (all[0]); i++)
        has (ask (ctx, all[i], "{}"), "EAGAIN");
    ctx->site = site;
}

/* A job's way: allocated, known, given back, forgotten. */
static void a_job (void **state)
{
    struct ctx *ctx = *state;
    const char *s;

    s = ask (ctx, match_cb,
             "{\"cmd\":\"allocate\",\"jobid\":5,\"jobspec\":\"" JOBSPEC ("4") "\"}");
    has (s, "\"status\":\"ALLOCATED\"");
    has (ask (ctx, info_cb, "{\"jobid\":5}"), "\"status\":\"ALLOCATED\"");
    s = ask (ctx, match_cb,
             "{\"cmd\":\"allocate\",\"jobid\":6,\"jobspec\":\"" JOBSPEC ("4") "\"}");
    has (s, "\"status\":\"ALLOCATED\"");
    s = ask (ctx, match_cb,
             "{\"cmd\":\"allocate\",\"jobid\":7,\"jobspec\":\"" JOBSPEC ("1") "\"}");
    has (s, "EBUSY");
    s = ask (ctx, match_cb,
             "{\"cmd\":\"allocate_orelse_reserve\",\"jobid\":7,\"jobspec\":\"" JOBSPEC (
                 "1") "\"}");
    has (s, "\"status\":\"RESERVED\"");
    s = ask (
        ctx, match_cb,
        "{\"cmd\":\"satisfiability\",\"jobid\":8,\"jobspec\":\"" JOBSPEC ("99") "\"}");
    has (s, "ENODEV");
    has (ask (ctx, info_cb, "{\"jobid\":8}"), "ENOENT");
    assert_string_equal (ask (ctx, cancel_cb, "{\"jobid\":5}"), "{}");
    has (ask (ctx, cancel_cb, "{\"jobid\":5}"), "ENOENT");
    s = ask (ctx, match_cb,
             "{\"cmd\":\"allocate\",\"jobid\":5,\"jobspec\":\"" JOBSPEC ("3") "\"}");
    has (s, "\"status\":\"ALLOCATED\"");
    assert_int_equal (ctx->ok.njobs, 4);
    assert_int_equal (ctx->failed.njobs, 2);
    assert_true (ctx->ok.min <= ctx->ok.mean && ctx->ok.mean <= ctx->ok.max);
    assert_string_equal (ask (ctx, stats_clear_cb, "{}"), "");
    has (ask (ctx, stats_get_cb, "{}"), "\"njobs\":4,\"njobs-reset\":0");
}

/* What another scheduler gave is taken over, and partly given back; a new queue manager
 * forgets it. */
static void taken_over (void **state)
{
    struct ctx *ctx = *state;
    const char *s;

    has (ask (ctx, update_cb, "{\"jobid\":5,\"R\":\"" R_TAKEN "\",\"hello\":true}"),
         "\"status\":\"ALLOCATED\"");
    s = ask (ctx, update_cb, "{\"jobid\":6,\"R\":\"" R_TAKEN "\"}");
    has (s, "EINVAL resource already allocated");
    assert_int_equal (idmap_count (ctx->placed), 1);
    has (ask (ctx, status_cb, "{}"), "\"allocated\":{\"execution\":{\"R_lite\":[{");
    has (ask (ctx, partial_cancel_cb, "{\"jobid\":5,\"R\":\"" R_TAKEN "\"}"),
         "\"full-removal\":1");
    assert_int_equal (idmap_count (ctx->placed), 0); /* it has nothing any more */
    has (ask (ctx, update_cb, "{\"jobid\":5,\"R\":\"" R_TAKEN "\",\"hello\":true}"),
         "ALLOCATED");
    assert_string_equal (ask (ctx, hello_cb, "{}"), "");
    assert_int_equal (idmap_count (ctx->placed), 0);
    has (ask (ctx, info_cb, "{\"jobid\":5}"), "\"status\":\"CANCELED\"");
    has (ask (ctx, status_cb, "{}"), "\"allocated\":{\"execution\":{\"R_lite\":[]");
}

/* What a configuration may have is known here. */
static void keys_of_the_table (void **state)
{
    for (const struct json_key *k = fluxion_resource_keys; k->name; k++) {
        json_t *table = json_pack ("{s:s}", k->name, "");
        struct options o = { 0 };
        flux_error_t error = { "" };

        (void)options_init (&o, table, 0, NULL, &error);
        assert_null (strstr (error.text, "Unknown option"));
        options_fini (&o);
        json_decref (table);
    }
}

/* Ids that are in use are passed over. */
static void ids (void **state)
{
    struct ctx *ctx = *state;

    assert_string_equal (ask (ctx, next_jobid_cb, "{}"), "{\"jobid\":0}");
    assert_string_equal (ask (ctx, next_jobid_cb, "{}"), "{\"jobid\":1}");
    ask (ctx, update_cb, "{\"jobid\":2,\"R\":\"" R_TAKEN "\"}");
    assert_string_equal (ask (ctx, next_jobid_cb, "{}"), "{\"jobid\":3}");
}

static void properties (void **state)
{
    struct ctx *ctx = *state;

    assert_string_equal (
        ask (ctx, set_property_cb,
             "{\"sp_resource_path\":\"/cluster0/a0\",\"sp_keyval\":\"k=v=w\"}"),
        "{}");
    assert_string_equal (
        ask (ctx, get_property_cb,
             "{\"gp_resource_path\":\"/cluster0/a0\",\"gp_key\":\"k\"}"),
        "{\"values\":[\"v=w\"]}");
    assert_int_equal (changes, 1);
    /* all paths are known before one is changed */
    has (ask (ctx, set_property_cb,
              "{\"sp_resource_path\":[\"/cluster0/a1\",\"/none\"],\"sp_keyval\":"
              "\"k=v\"}"),
         "ENOENT");
    has (ask (ctx, get_property_cb,
              "{\"gp_resource_path\":\"/cluster0/a1\",\"gp_key\":\"k\"}"),
         "ENOENT Property 'k' was not found for resource /cluster0/a1");
    has (ask (ctx, remove_property_cb,
              "{\"resource_path\":[\"/cluster0/a0\",\"/cluster0/a1\"],\"key\":\"k\"}"),
         "ENOENT");
    has (ask (ctx, get_property_cb,
              "{\"gp_resource_path\":\"/cluster0/a0\",\"gp_key\":\"k\"}"),
         "v=w");
    assert_int_equal (changes, 1);
    assert_string_equal (ask (ctx, remove_property_cb,
                              "{\"resource_path\":[\"/cluster0/a0\"],\"key\":\"k\"}"),
                         "{}");
    has (ask (ctx, remove_property_cb,
              "{\"resource_path\":\"/cluster0/a0\",\"key\":\"k\"}"),
         "ENOENT");
    has (ask (ctx, get_property_cb,
              "{\"gp_resource_path\":\"/cluster0/a0\",\"gp_key\":\"k\"}"),
         "ENOENT");
    assert_int_equal (changes, 2);
}

static void statuses (void **state)
{
    struct ctx *ctx = *state;

    has (ask (ctx, status_cb, "{}"), "\"down\":{\"execution\":{\"R_lite\":[]");
    assert_string_equal (
        ask (ctx, set_status_cb,
             "{\"resource_path\":\"/cluster0/a1\",\"status\":\"down\"}"),
        "{}");
    has (ask (ctx, status_cb, "{}"), "\"down\":{\"execution\":{\"R_lite\":[{");
    assert_string_equal (ask (ctx, find_cb,
                              "{\"criteria\":\"status=down\","
                              "\"format\":\"rv1_nosched\"}"),
                         ask (ctx, find_cb, "{\"criteria\":\"status=down\"}"));
    has (ask (ctx, match_cb,
              "{\"cmd\":\"allocate\",\"jobid\":1,\"jobspec\":\"" JOBSPEC ("4") "\"}"),
         "a0");
    has (ask (ctx, match_cb,
              "{\"cmd\":\"allocate\",\"jobid\":2,\"jobspec\":\"" JOBSPEC ("4") "\"}"),
         "EBUSY");
    ask (ctx, set_status_cb, "{\"resource_path\":\"/cluster0/a1\",\"status\":\"up\"}");
    has (ask (ctx, find_cb, "{\"criteria\":\"status=down\"}"), "{\"R\":null}");
    has (ask (ctx, match_cb,
              "{\"cmd\":\"allocate\",\"jobid\":2,\"jobspec\":\"" JOBSPEC ("4") "\"}"),
         "a1");
    /* with an interval an answer may be that old */
    ctx->opt.update_interval = 1000;
    ctx->status_time = 1e12;
    ask (ctx, cancel_cb, "{\"jobid\":1}");
    has (ask (ctx, status_cb, "{}"), "0-1");
    ctx->opt.update_interval = 0;
    ctx->status_time = 0;
    has (ask (ctx, status_cb, "{}"),
         "\"allocated\":{\"execution\":{\"R_lite\":[{"
         "\"children\":{\"core\":\"0-3\"},\"rank\":\"1\"}]");
}

/* Some at once: in order, until one gets nothing, or all are through. */
static void batches (void **state)
{
    struct ctx *ctx = *state;
    static const char payload[] =
        "{\"cmd\":\"allocate\",\"jobs\":[{\"jobid\":1,\"jobspec\":"
        "\"" JOBSPEC ("4") "\"},"
                           "{\"jobid\":2,\"jobspec\":\"" JOBSPEC (
                               "4") "\"},{\"jobid\":3,\"jobspec\":"
                                    "\"" JOBSPEC ("4") "\"},{\"jobid\":4,"
                                                       "\"jobspec\":"
                                                       "\"" JOBSPEC ("1") "\"}]}";
    static const char again[] =
        "{\"cmd\":\"allocate_orelse_reserve\",\"reservations\":1,\"stop\":false,"
        "\"jobs\":[{\"jobid\":5,\"jobspec\":\"" JOBSPEC ("4") "\"},{\"jobid\":6,"
                                                              "\"jobspec\":\"" JOBSPEC (
                                                                  "4") "\"}]}";
    flux_msg_t *msg = flux_request_encode ("x.match_multi", payload);
    flux_msg_t *msg2 = flux_request_encode ("x.match_multi", again);

    flux_msg_set_streaming (msg);
    flux_msg_set_streaming (msg2);
    match_multi_cb (ctx->h, NULL, msg, ctx);
    match_multi_cb (ctx->h, NULL, msg2, ctx);
    while (flux_msglist_count (ctx->batches) > 0)
        jobs_step (ctx);
    has (answer (ctx), "\"jobid\":1");
    has (answer (ctx), "\"jobid\":2");
    has (answer (ctx), "EBUSY jobid=3 ");
    has (answer (ctx), "\"status\":\"RESERVED\"");
    has (answer (ctx), "\"status\":\"FAILED\"");
    has (answer (ctx), "ENODATA");
    assert_null (answer (ctx));
    assert_int_equal (idmap_count (ctx->placed), 3);
    assert_false (ctx->batch.begun);
    flux_msg_destroy (msg);
    flux_msg_destroy (msg2);
}

static void run_batch (struct ctx *ctx, const char *payload)
{
    flux_msg_t *msg = flux_request_encode ("x.match_multi", payload);

    flux_msg_set_streaming (msg);
    match_multi_cb (ctx->h, NULL, msg, ctx);
    while (flux_msglist_count (ctx->batches) > 0)
        jobs_step (ctx);
    flux_msg_destroy (msg);
}

/* Jobs without a jobspec are as the one before; what was given back is free for them. */
static void batches_share (void **state)
{
    struct ctx *ctx = *state;

    run_batch (ctx, "{\"cmd\":\"allocate\",\"jobs\":[{\"jobid\":1,\"jobspec\":"
                    "\"" JOBSPEC ("4") "\"},{\"jobid\":2},{\"jobid\":3}]}");
    has (answer (ctx), "\"jobid\":1");
    has (answer (ctx), "\"jobid\":2");
    has (answer (ctx), "EBUSY jobid=3 ");
    run_batch (ctx, "{\"cmd\":\"allocate\",\"free\":[99,1],\"jobs\":[{\"jobid\":4,"
                    "\"jobspec\":\"" JOBSPEC ("4") "\"}]}");
    has (answer (ctx), "\"jobid\":4");
    has (answer (ctx), "ENODATA");
    assert_int_equal (idmap_count (ctx->placed), 2);
    run_batch (ctx, "{\"cmd\":\"allocate\",\"jobs\":[{\"jobid\":5}]}");
    has (answer (ctx), "EPROTO malformed request");
    assert_string_equal (ask (ctx, cancel_cb, "{\"jobids\":[2,4]}"), "{}");
    assert_int_equal (idmap_count (ctx->placed), 0);
    has (ask (ctx, status_cb, "{}"), "\"allocated\":{\"execution\":{\"R_lite\":[]");
    has (ask (ctx, cancel_cb, "{\"jobids\":[2,4]}"), "ENOENT");
    has (ask (ctx, cancel_cb, "{\"jobids\":2}"), "EPROTO");
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (options_table),
        cmocka_unit_test (keys_of_the_table),
        T (malformed),
        T (too_early),
        T (a_job),
        T (taken_over),
        T (ids),
        T (properties),
        T (statuses),
        T (batches),
        T (batches_share),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
