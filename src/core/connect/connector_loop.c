/* loop:// - what is sent is received. For tests. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/connect/connector.h"
#include "core/message/msgqueue.h"

struct loop {
    struct msgqueue queue;
    struct flux_msg_cred cred;
};

static int op_pollevents (void *impl)
{
    struct loop *l = impl;

    return FLUX_POLLOUT | (msgqueue_empty (&l->queue) ? 0 : FLUX_POLLIN);
}

/* What no connector has vouched for comes from the owner of this process. */
static int op_send (void *impl, const flux_msg_t *msg, int flags)
{
    struct loop *l = impl;
    flux_msg_t *cpy = flux_msg_copy (msg, true);
    uint32_t userid;

    if (!cpy)
        return -1;
    if (flux_msg_get_userid (cpy, &userid) == 0 && userid == FLUX_USERID_UNKNOWN)
        flux_msg_set_cred (cpy, l->cred);
    if (msgqueue_push (&l->queue, cpy) < 0) {
        flux_msg_decref (cpy);
        return -1;
    }
    return 0;
}

static flux_msg_t *op_recv (void *impl)
{
    struct loop *l = impl;

    if (msgqueue_empty (&l->queue)) {
        errno = EAGAIN;
        return NULL;
    }
    return msgqueue_pop (&l->queue);
}

/* "flux::testing_userid", "flux::testing_rolemask" */
static int op_setopt (void *impl, const char *option, const void *val, size_t len)
{
    struct loop *l = impl;
    const uint32_t *p = val;

    if (len == sizeof (*p) && !strcmp (option, "flux::testing_userid"))
        l->cred.userid = *p;
    else if (len == sizeof (*p) && !strcmp (option, "flux::testing_rolemask"))
        l->cred.rolemask = *p;
    else {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

static void op_destroy (void *impl)
{
    struct loop *l = impl;

    msgqueue_fini (&l->queue);
    free (l);
}

flux_t *connector_loop_open (const char *unused, int flags, double limit,
                             flux_error_t *error)
{
    static const struct flux_handle_ops ops = {
        .pollevents = op_pollevents,
        .send = op_send,
        .recv = op_recv,
        .setopt = op_setopt,
        .destroy = op_destroy,
    };
    struct loop *l = calloc (1, sizeof (*l));
    flux_t *h;

    if (!l)
        return NULL;
    l->cred.userid = getuid ();
    l->cred.rolemask = FLUX_ROLE_OWNER;
    if (!(h = flux_handle_create (l, &ops, flags)))
        free (l);
    return h;
}
