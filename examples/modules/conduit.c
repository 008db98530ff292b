/* A conduit: data that jobs send comes into the KVS, and to all who listen to its events.
 *
 *   conduit.put {key, data}   answered when it is stored and told; key has no dots
 *   conduit.stored            the event: {packets: {KEY: DATA, ...}}
 *
 * What comes while a commit is under way goes into the next one, with one event for all;
 * beyond WAITING_MAX it is refused with EAGAIN. If that commit fails, all in it are told so.
 * The data lies in conduit.KEY.
 *
 *   flux module load ./conduit.so
 *   flux submit -N1 -n1 ./datastore.py 5
 *   flux submit -N1 -n1 ./compute.py 5
 */
#include <flux/core.h>
#include <jansson.h>
#include <string.h>

enum { WAITING_MAX = 1024 };

struct conduit {
    flux_t *h;
    struct flux_msglist *waiting;
    struct flux_msglist *batch; /* under way: being committed, then told */
    flux_future_t *f;           /* of that; NULL: there is none */
};

static void commit_batch (struct conduit *c);

/* errnum 0: all went well. */
static void answer_batch (struct conduit *c, int errnum, const char *errstr)
{
    const flux_msg_t *msg;

    while ((msg = flux_msglist_pop (c->batch))) {
        if (errnum)
            flux_respond_error (c->h, msg, errnum, errstr);
        else
            flux_respond (c->h, msg, NULL);
        flux_msg_decref (msg);
    }
    commit_batch (c);
}

static void fail_batch (struct conduit *c)
{
    int errnum = errno;

    answer_batch (c, errnum, c->f ? flux_future_error_string (c->f) : NULL);
}

/* f (NULL: it could not be sent) is what the batch waits for next. */
static void wait_for (struct conduit *c, flux_future_t *f, flux_continuation_f cb)
{
    flux_future_destroy (c->f);
    c->f = f;
    if (!f || flux_future_then (f, -1., cb, c) < 0)
        fail_batch (c);
}

static void told (flux_future_t *f, void *arg)
{
    struct conduit *c = arg;

    if (flux_future_get (f, NULL) < 0)
        fail_batch (c);
    else
        answer_batch (c, 0, NULL);
}

static json_t *packets (struct flux_msglist *l)
{
    json_t *o = json_object (), *data;
    const flux_msg_t *msg = flux_msglist_first (l);
    const char *key;

    for (; o && msg; msg = flux_msglist_next (l)) {
        if (flux_request_unpack (msg, NULL, "{s:s s:o}", "key", &key, "data", &data)
            == 0)
            (void)json_object_set (o, key, data);
    }
    return o;
}

static void stored (flux_future_t *f, void *arg)
{
    struct conduit *c = arg;

    if (flux_future_get (f, NULL) < 0)
        fail_batch (c);
    else
        wait_for (c,
                  flux_event_publish_pack (c->h, "conduit.stored", 0, "{s:o}",
                                           "packets", packets (c->batch)),
                  told);
}

static flux_kvs_txn_t *transaction (struct flux_msglist *l)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    const flux_msg_t *msg = flux_msglist_first (l);
    const char *key;
    char path[128];
    json_t *data;

    for (; txn && msg; msg = flux_msglist_next (l)) {
        if (flux_request_unpack (msg, NULL, "{s:s s:o}", "key", &key, "data", &data) < 0
            || snprintf (path, sizeof (path), "conduit.%s", key) >= (int)sizeof (path)
            || flux_kvs_txn_pack (txn, 0, path, "O", data) < 0) {
            flux_kvs_txn_destroy (txn);
            return NULL;
        }
    }
    return txn;
}

/* All that waits becomes the batch. */
static void commit_batch (struct conduit *c)
{
    struct flux_msglist *l = c->batch;
    flux_kvs_txn_t *txn;

    flux_future_destroy (c->f);
    c->f = NULL;
    if (flux_msglist_count (c->waiting) == 0)
        return;
    c->batch = c->waiting;
    c->waiting = l;
    txn = transaction (c->batch);
    wait_for (c, txn ? flux_kvs_commit (c->h, NULL, 0, txn) : NULL, stored);
    flux_kvs_txn_destroy (txn);
}

static bool is_name (const char *key)
{
    size_t len = strlen (key);

    return len > 0 && len <= 64 && !strchr (key, '.');
}

static void put_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct conduit *c = arg;
    const char *key;
    json_t *data;

    if (flux_request_unpack (msg, NULL, "{s:s s:o}", "key", &key, "data", &data) < 0)
        flux_respond_error (h, msg, EPROTO, "key or data is missing");
    else if (!is_name (key))
        flux_respond_error (h, msg, EINVAL, "key: 1 to 64 bytes, without dots");
    else if (flux_msglist_count (c->waiting) >= WAITING_MAX)
        flux_respond_error (h, msg, EAGAIN, "too much waits already");
    else if (flux_msglist_append (c->waiting, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (!c->f)
        commit_batch (c);
}

/* Only the owner of the instance may call it, for no other role is allowed. */
static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "conduit.put", put_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct conduit c = { h, flux_msglist_create (), flux_msglist_create (), NULL };
    flux_msg_handler_t **registered = NULL;
    int rc = -1;

    if (argc > 0) {
        flux_log (h, LOG_ERR, "%s: no such option", argv[0]);
        errno = EINVAL;
    } else if (c.waiting && c.batch
               && flux_msg_handler_addvec (h, handlers, &c, &registered) == 0)
        rc = flux_reactor_run (flux_get_reactor (h), 0);
    flux_msg_handler_delvec (registered);
    flux_future_destroy (c.f);
    flux_msglist_destroy (c.waiting);
    flux_msglist_destroy (c.batch);
    return rc;
}
