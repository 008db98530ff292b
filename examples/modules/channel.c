/* A service through which the elements of jobs hand data to each other, wherever they run:
 *
 *   channel.put {name, data}   answered when somebody has been sent the data
 *   channel.get {name}         answered with {data} of the oldest put of that name
 *
 * Who comes first waits for the other. What waits goes when its sender leaves, or asks for
 * that (channel.cancel); beyond WAITING_MAX it is refused with EAGAIN. The service is called
 * as the module is.
 *
 *   flux module load ./channel.so
 *   flux submit -N2 -n2 ./compute.lua 120
 *   flux submit -N1 -n1 ./io-forwarding.lua 240
 */
#include <flux/core.h>
#include <jansson.h>
#include <string.h>

enum { WAITING_MAX = 1024 };

struct channel {
    struct flux_msglist *puts;
    struct flux_msglist *gets;
};

/* The oldest request of that name, or NULL. It is the caller's. */
static const flux_msg_t *take (struct flux_msglist *l, const char *name)
{
    const flux_msg_t *msg = flux_msglist_first (l);
    const char *other;

    for (; msg; msg = flux_msglist_next (l)) {
        if (flux_request_unpack (msg, NULL, "{s:s}", "name", &other) == 0
            && strcmp (name, other) == 0) {
            flux_msg_incref (msg);
            flux_msglist_delete (l);
            return msg;
        }
    }
    return NULL;
}

static void wait_for_other (flux_t *h, struct flux_msglist *l, const flux_msg_t *msg)
{
    if (flux_msglist_count (l) >= WAITING_MAX)
        flux_respond_error (h, msg, EAGAIN, "too many wait already");
    else if (flux_msglist_append (l, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

/* Data that could not be sent is not taken. */
static void hand_over (flux_t *h, const flux_msg_t *put, const flux_msg_t *get)
{
    json_t *data;

    if (flux_request_unpack (put, NULL, "{s:o}", "data", &data) < 0
        || flux_respond_pack (h, get, "{s:O}", "data", data) < 0)
        flux_respond_error (h, put, errno, NULL);
    else
        flux_respond (h, put, NULL);
}

static void put_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct channel *c = arg;
    const flux_msg_t *get;
    const char *name;
    json_t *data;

    if (flux_request_unpack (msg, NULL, "{s:s s:o}", "name", &name, "data", &data) < 0)
        flux_respond_error (h, msg, EPROTO, "name or data is missing");
    else if ((get = take (c->gets, name))) {
        hand_over (h, msg, get);
        flux_msg_decref (get);
    } else
        wait_for_other (h, c->puts, msg);
}

static void get_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct channel *c = arg;
    const flux_msg_t *put;
    const char *name;

    if (flux_request_unpack (msg, NULL, "{s:s}", "name", &name) < 0)
        flux_respond_error (h, msg, EPROTO, "name is missing");
    else if ((put = take (c->puts, name))) {
        hand_over (h, put, msg);
        flux_msg_decref (put);
    } else
        wait_for_other (h, c->gets, msg);
}

static void cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct channel *c = arg;

    flux_msglist_cancel (h, c->puts, msg);
    flux_msglist_cancel (h, c->gets, msg);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct channel *c = arg;

    flux_msglist_disconnect (c->puts, msg);
    flux_msglist_disconnect (c->gets, msg);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct channel *c = arg;

    flux_respond_pack (h, msg, "{s:i s:i}", "puts", flux_msglist_count (c->puts),
                       "gets", flux_msglist_count (c->gets));
}

/* Only the owner of the instance may call them, for no other role is allowed. */
static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "put", put_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "get", get_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "cancel", cancel_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "disconnect", disconnect_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "stats-get", stats_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct channel c = { flux_msglist_create (), flux_msglist_create () };
    flux_msg_handler_t **registered = NULL;
    const char *name = flux_aux_get (h, "flux::name");
    int rc = -1;

    if (argc > 0) {
        flux_log (h, LOG_ERR, "%s: no such option", argv[0]);
        errno = EINVAL;
    } else if (c.puts && c.gets && name
               && flux_msg_handler_addvec_ex (h, name, handlers, &c, &registered) == 0)
        rc = flux_reactor_run (flux_get_reactor (h), 0);
    flux_msg_handler_delvec (registered);
    flux_msglist_destroy (c.puts);
    flux_msglist_destroy (c.gets);
    return rc;
}
