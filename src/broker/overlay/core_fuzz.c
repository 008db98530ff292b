/* Children, and the parent, of a broker say what they like, in any order: frames of an op, a
 * length and so many bytes. A byte of the op tells from whom; what is no encoded message is
 * the payload of a greeting, or the numbers of a control message. */
#include <flux/core.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/overlay/core.h"
#include "broker/routing/topology.h"
#include "core/message/message.h"

#define RANKS 15

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static double now;
static int in[RANKS];

static double op_now (void *arg)
{
    return now;
}

static enum broker_state op_state (void *arg)
{
    return STATE_RUN;
}

static int op_send (const flux_msg_t *msg, void *arg)
{
    return 0;
}

static int op_send_child (const char *id, const flux_msg_t *msg, void *arg)
{
    return strcmp (id, "gone") == 0 ? -1 : 0;
}

static json_t *op_welcome (void *arg)
{
    return json_pack ("{s:{} s:{}}", "conf", "attrs");
}

static uint32_t op_event_seq (void *arg)
{
    return 7;
}

static bool op_is_online (int rank, void *arg)
{
    return rank % 2;
}

static void op_new_id (char id[OVERLAY_ID_SIZE], void *arg)
{
    snprintf (id, OVERLAY_ID_SIZE, "another");
}

static void op_tick_in (double seconds, void *arg)
{
}

/* Each that came in goes once. */
static int op_child_joined (struct overlay_child *c, void *arg)
{
    if (c->rank < 0 || c->rank >= RANKS || in[c->rank]++ > 0)
        abort ();
    return 0;
}

static void op_child (struct overlay_child *c, void *arg)
{
}

static void op_child_left (struct overlay_child *c, const struct idset *gone, void *arg)
{
    if (in[c->rank]-- != 1)
        abort ();
}

static void op_moved (const char *id, void *arg)
{
    if (strlen (id) >= OVERLAY_ID_SIZE)
        abort ();
}

static void op_ranks_gone (const struct idset *ranks, void *arg)
{
}

static void op_child_msg (struct overlay_child *c, flux_msg_t *msg, void *arg)
{
    if (!in[c->rank])
        abort ();
    flux_msg_decref (msg);
}

static int op_parent_joined (const char *id, json_t *welcome, flux_error_t *error,
                             void *arg)
{
    return 0;
}

static void op_parent_failed (int errnum, const char *why, void *arg)
{
}

static void op_parent_said (const char *why, void *arg)
{
}

static int op_parent_rank (int rank, const char *id, void *arg)
{
    if (rank < 0 || rank >= RANKS)
        abort ();
    return 0;
}

static void op_parent_state (int state, void *arg)
{
}

static void op_parent_msg (flux_msg_t *msg, void *arg)
{
    flux_msg_decref (msg);
}

static void op_log (int severity, const char *text, void *arg)
{
}

static flux_msg_t *make_hello (const uint8_t *p, size_t len)
{
    flux_msg_t *msg = flux_request_encode ("overlay.hello", NULL);
    char *text = strndup ((const char *)p, len);

    if (msg && text)
        (void)flux_msg_set_string (msg, text);
    free (text);
    return msg;
}

static flux_msg_t *make_control (const uint8_t *p, size_t len)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_CONTROL);

    if (msg)
        (void)flux_msg_set_control (msg, len > 0 ? (int8_t)p[0] : 0,
                                    len > 1 ? (int8_t)p[1] : 0);
    return msg;
}

static flux_msg_t *make_response (const uint8_t *p, size_t len)
{
    flux_msg_t *msg = flux_response_encode ("overlay.hello", NULL);
    char *text = strndup ((const char *)p, len);

    if (msg && text)
        (void)flux_msg_set_string (msg, text);
    free (text);
    return msg;
}

static void one (struct overlay_core *ov, uint8_t op, const uint8_t *p, size_t len)
{
    static const char *const ids[] = { "a", "b", "c", "gone" };
    const char *id = ids[op >> 4 & 3];
    flux_msg_t *msg = NULL;

    switch (op & 15) {
    case 0:
        overlay_core_child_lost (ov, id);
        return;
    case 1:
        now += len;
        overlay_core_tick (ov);
        return;
    case 2:
        overlay_core_parent_lost (ov, "lost");
        return;
    case 3:
        (void)overlay_core_disconnect (ov, (int)len % RANKS, "out");
        return;
    case 4:
    case 5:
    case 6:
        msg = make_hello (p, len);
        break;
    case 7:
    case 8:
        msg = make_control (p, len);
        break;
    case 9:
        msg = make_response (p, len);
        break;
    default:
        msg = flux_msg_decode (p, len);
    }
    if (msg && op & 0x80)
        overlay_core_parent_recv (ov, msg);
    else if (msg)
        overlay_core_child_recv (ov, id, msg);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct topology *topo = topology_create ("kary:2", RANKS, NULL);
    struct overlay_core_conf conf = {
        .rank = 1,
        .topo = topo,
        .uuid = "self",
        .hostname = "host",
        .version = "1.2.3",
        .ops = { .now = op_now,
                 .state = op_state,
                 .send_child = op_send_child,
                 .send_parent = op_send,
                 .welcome = op_welcome,
                 .event_seq = op_event_seq,
                 .is_online = op_is_online,
                 .new_id = op_new_id,
                 .tick_in = op_tick_in,
                 .child_joined = op_child_joined,
                 .child_resumed = op_child,
                 .child_left = op_child_left,
                 .moved = op_moved,
                 .ranks_gone = op_ranks_gone,
                 .child_torpid = op_child,
                 .child_msg = op_child_msg,
                 .parent_joined = op_parent_joined,
                 .parent_failed = op_parent_failed,
                 .parent_left = op_parent_said,
                 .parent_away = op_parent_said,
                 .parent_connect = op_parent_rank,
                 .parent_found = op_parent_rank,
                 .parent_state = op_parent_state,
                 .parent_msg = op_parent_msg,
                 .log = op_log },
    };
    struct overlay_core *ov = topo ? overlay_core_create (&conf) : NULL;

    now = 1.;
    memset (in, 0, sizeof (in));
    if (ov) {
        overlay_core_set_torpid (ov, 5., 30.);
        overlay_core_set_heal (ov, size > 0 && data[0] & 1 ? 60. : 0.);
        (void)overlay_core_hello (ov);
        overlay_core_enter (ov, STATE_RUN);
    }
    for (size_t pos = 1; ov && pos + 3 <= size;) {
        size_t len = data[pos + 1] | (size_t)data[pos + 2] << 8;
        if (len > size - pos - 3)
            len = size - pos - 3;
        one (ov, data[pos], data + pos + 3, len);
        pos += 3 + len;
    }
    overlay_core_destroy (ov);
    topology_destroy (topo);
    return 0;
}
