/* What each of many requests in flight costs, counted in basic blocks: the compiler
 * calls __sanitizer_cov_trace_pc in each block of inflight.c. Neither the machine nor
 * its load has a part in it. */
#include <stdio.h>
#include <stdlib.h>

#include <flux/rpc.h>

#include "base/test.h"
#include "broker/routing/inflight.h"

#define FEW 1000
#define MANY 16000
#define EACH 10   /* requests of a client */
#define HITS 50   /* of which the mean is taken */
#define BOUND 1.5 /* how much more one may cost among MANY: chains differ */

static uint64_t blocks;

void __sanitizer_cov_trace_pc (void);
void __sanitizer_cov_trace_pc (void)
{
    blocks++;
}

struct flight {
    struct inflight *t;
    struct inflight_peer svc, lost, client;
};

static flux_msg_t *request (const char *topic, int client, uint32_t matchtag)
{
    flux_msg_t *msg = flux_request_encode (topic, NULL);
    char id[16];

    snprintf (id, sizeof (id), "client%d", client);
    assert_non_null (msg);
    flux_msg_set_matchtag (msg, matchtag);
    flux_msg_route_enable (msg);
    flux_msg_route_push (msg, id);
    return msg;
}

static void add (struct flight *f, struct inflight_peer *to, int client, int i)
{
    flux_msg_t *msg = request ("service.method", client, i + 1);

    assert_int_equal (inflight_add (f->t, to, &f->client, NULL, msg), 0);
    flux_msg_decref (msg);
}

static void take_off (struct flight *f, int count)
{
    f->t = inflight_create (NULL);
    assert_non_null (f->t);
    inflight_peer_init (&f->svc, &f->svc);
    inflight_peer_init (&f->lost, &f->lost);
    inflight_peer_init (&f->client, &f->client);
    for (int i = 0; i < count; i++)
        add (f, i % 2 ? &f->svc : &f->lost, i / EACH, i);
}

static void land (struct flight *f)
{
    flux_msg_t *msg;

    while ((msg = inflight_fail (f->t, &f->svc, ENOSYS, NULL))
           || (msg = inflight_fail (f->t, &f->lost, ENOSYS, NULL)))
        flux_msg_decref (msg);
    assert_int_equal (inflight_count (f->t), 0);
    inflight_destroy (f->t);
}

static void disconnect (struct flight *f, int i)
{
    flux_msg_t *msg = request ("service.disconnect", i, 0);

    inflight_disconnect (f->t, &f->svc, msg);
    flux_msg_decref (msg);
}

static void respond (struct flight *f, int i)
{
    int n = 2 * i * EACH + 1; /* one of the service's, of another client each time */
    flux_msg_t *req = request ("service.method", n / EACH, n + 1);
    flux_msg_t *rep = flux_response_derive (req, 0);

    assert_int_equal (inflight_respond (f->t, &f->svc, rep, true), INFLIGHT_ENDED);
    flux_msg_decref (rep);
    flux_msg_decref (req);
}

static void fail_one (struct flight *f, int i)
{
    flux_msg_t *msg = inflight_fail (f->t, &f->lost, EHOSTUNREACH, NULL);

    assert_non_null (msg);
    flux_msg_decref (msg);
}

static void leave (struct flight *f, int i)
{
    struct inflight_peer *to;
    flux_msg_t *msg = inflight_leave (f->t, &f->client, &to);

    assert_non_null (msg);
    flux_msg_decref (msg);
}

static void undo (struct flight *f, int i)
{
    add (f, &f->svc, 1000000 + i, i);
    inflight_undo (f->t, &f->svc);
}

static double cost (void (*step) (struct flight *f, int i), int count)
{
    struct flight f;
    uint64_t before;

    take_off (&f, count);
    before = blocks;
    for (int i = 0; i < HITS; i++)
        step (&f, i);
    before = blocks - before;
    land (&f);
    assert_true (before > 0);
    return (double)before / HITS;
}

static void check (const char *what, void (*step) (struct flight *f, int i))
{
    double few = cost (step, FEW), many = cost (step, MANY);

    print_message ("# %s: %.0f blocks among %d, %.0f among %d\n", what, few, FEW, many,
                   MANY);
    assert_true (many <= few * BOUND);
}

static void a_response (void **state)
{
    check ("a response", respond);
}

static void a_disconnect (void **state)
{
    check ("a disconnect", disconnect);
}

static void an_answer_for_a_lost_peer (void **state)
{
    check ("an answer for a lost peer", fail_one);
}

static void a_client_that_leaves (void **state)
{
    check ("a client that leaves", leave);
}

static void what_could_not_be_sent (void **state)
{
    check ("what could not be sent", undo);
}

/* All of a lost peer's: as many blocks for each of them. */
static void a_whole_drain (void **state)
{
    double each[2];

    for (int i = 0; i < 2; i++) {
        int count = i ? MANY : FEW;
        uint64_t before;
        struct flight f;

        take_off (&f, count);
        before = blocks;
        land (&f);
        each[i] = (double)(blocks - before) / count;
    }
    print_message ("# a drain: %.1f blocks each of %d, %.1f each of %d\n", each[0], FEW,
                   each[1], MANY);
    assert_true (each[1] <= each[0] * BOUND);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_response),
        cmocka_unit_test (a_disconnect),
        cmocka_unit_test (an_answer_for_a_lost_peer),
        cmocka_unit_test (a_client_that_leaves),
        cmocka_unit_test (what_could_not_be_sent),
        cmocka_unit_test (a_whole_drain),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
