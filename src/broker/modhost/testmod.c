/* A module for tests: does on demand what modules should not do.
 *
 * Arguments: "fail" (mod_main fails at once), "service=NAME" (registers it),
 * "waits" (for an answer of its own, for ever).
 * Requests: testmod.hold is never answered, testmod.die ends the module with an
 * error, testmod.args answers the arguments, testmod.many {count} answers so many
 * numbers, testmod.count {numbers} how many there were; testmod.disconnects how many
 * clients have left. */
#include <flux/core.h>
#include <jansson.h>
#include <string.h>
#include <syslog.h>

static int args_count;
static char **args;

static void hold_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
}

static int disconnects;

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    disconnects++;
}

static void disconnects_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                            void *arg)
{
    (void)flux_respond_pack (h, msg, "{s:i}", "count", disconnects);
}

static void die_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    errno = ENOTRECOVERABLE;
    flux_reactor_stop_error (flux_get_reactor (h));
}

static void late_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_watcher_destroy (w);
    flux_log (arg, LOG_ERR, "it is too late");
    errno = EIO;
    flux_reactor_stop_error (r);
}

/* Dies by itself when it runs. */
static void die_late (flux_t *h)
{
    flux_reactor_t *r = flux_get_reactor (h);

    flux_watcher_start (flux_timer_watcher_create (r, 0.001, 0., late_cb, h));
}

static void args_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    (void)flux_respond_pack (h, msg, "{s:s}", "first", args_count ? args[0] : "");
}

static void many_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    json_t *numbers = json_array ();
    int count = 0;

    (void)flux_request_unpack (msg, NULL, "{s:i}", "count", &count);
    for (int i = 0; i < count; i++)
        json_array_append_new (numbers, json_integer (i));
    (void)flux_respond_pack (h, msg, "{s:o}", "numbers", numbers);
}

static void count_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    json_t *numbers;

    if (flux_request_unpack (msg, NULL, "{s:o}", "numbers", &numbers) < 0)
        (void)flux_respond_error (h, msg, errno, NULL);
    else
        (void)flux_respond_pack (h, msg, "{s:i}", "count",
                                 (int)json_array_size (numbers));
}

static const struct flux_msg_handler_spec spec[] = {
    { FLUX_MSGTYPE_REQUEST, "hold", hold_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "disconnect", disconnect_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "disconnects", disconnects_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "die", die_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "args", args_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "many", many_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "count", count_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

/* For ever. */
static void wait_for_itself (flux_t *h, const char *name)
{
    char topic[128];

    snprintf (topic, sizeof (topic), "%s.hold", name);
    flux_future_t *f = flux_rpc (h, topic, NULL, 0, 0);
    (void)flux_future_get (f, NULL);
    flux_future_destroy (f);
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    flux_msg_handler_t **handlers = NULL;
    const char *name = flux_aux_get (h, "flux::name");
    bool bad_end = false;
    int rc;

    args_count = argc;
    args = argv;
    for (int i = 0; i < argc; i++) {
        if (strcmp (argv[i], "fail") == 0) {
            errno = EPERM;
            return -1;
        }
        bad_end |= strcmp (argv[i], "bad-end") == 0;
        if (strcmp (argv[i], "late") == 0)
            die_late (h);
        if (strcmp (argv[i], "waits") == 0)
            wait_for_itself (h, name);
        if (strncmp (argv[i], "service=", 8) == 0) {
            flux_future_t *f = flux_service_register (h, argv[i] + 8);

            rc = f ? flux_rpc_get (f, NULL) : -1;
            flux_future_destroy (f);
            if (rc < 0)
                return -1;
        }
    }
    if (flux_msg_handler_addvec_ex (h, name, spec, NULL, &handlers) < 0)
        return -1;
    rc = flux_reactor_run (flux_get_reactor (h), 0);
    flux_msg_handler_delvec (handlers);
    if (bad_end) {
        flux_log (h, LOG_ERR, "it could not be saved");
        errno = EIO;
    }
    return rc < 0 || bad_end ? -1 : 0;
}
