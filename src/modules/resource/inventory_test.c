/* The state of resources: drain and undrain as RFC 28's scheduler and those who ask for
 * the status see them, and what an eventlog of an earlier run restores. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "inventory.h"

static struct idset *ids (const char *s)
{
    struct idset *set = idset_decode (s);

    assert_non_null (set);
    return set;
}

static void assert_ids (struct idset *set, const char *want)
{
    char *s = idset_encode (set, IDSET_FLAG_RANGE);

    assert_string_equal (s, want);
    free (s);
}

/* Takes the set. */
static void assert_new_ids (struct idset *take_set, const char *want)
{
    assert_non_null (take_set);
    assert_ids (take_set, want);
    idset_destroy (take_set);
}

/* Four hosts with two cores each, all online. */
static void start (struct inventory *inv)
{
    assert_int_equal (inventory_init (inv, hostlist_decode ("n[0-3]")), 0);
    inv->R = rset_create ();
    for (unsigned int rank = 0; rank < 4; rank++) {
        char host[8];
        snprintf (host, sizeof (host), "n%u", rank);
        assert_int_equal (rset_add_rank (inv->R, rank, host, "0-1", NULL), 0);
    }
    idset_destroy (inv->online);
    inv->online = ids ("0-3");
}

static int drain (struct inventory *inv, const char *ranks, const char *reason,
                  double t, enum drain_mode mode, flux_error_t *error)
{
    struct idset *set = ids (ranks);
    int rc = inventory_drain (inv, set, reason, t, mode, error);
    int saved = errno;

    idset_destroy (set);
    errno = saved;
    return rc;
}

static int undrain (struct inventory *inv, const char *ranks, bool force,
                    flux_error_t *error)
{
    struct idset *set = ids (ranks);
    int rc = inventory_undrain (inv, set, force, error);
    int saved = errno;

    idset_destroy (set);
    errno = saved;
    return rc;
}

static void replay (struct inventory *inv, const char *log)
{
    inventory_replay (inv, log, strlen (log));
}

static void assert_drain (struct inventory *inv, int rank, double t, const char *reason)
{
    assert_true (idset_test (inv->drained, rank));
    assert_true (inv->drains[rank].timestamp == t);
    if (reason)
        assert_string_equal (inv->drains[rank].reason, reason);
    else
        assert_null (inv->drains[rank].reason);
}

/* RFC 28: up is what may be used: in R, online, neither drained nor excluded. */
static void up (void **state)
{
    struct inventory inv;
    struct rset *r;

    start (&inv);
    assert_new_ids (inventory_up (&inv), "0-3");
    (void)idset_clear (inv.online, 1);
    assert_new_ids (inventory_up (&inv), "0,2-3");
    (void)idset_set (inv.excluded, 2);
    assert_new_ids (inventory_up (&inv), "0,3");
    assert_int_equal (drain (&inv, "3", NULL, 1., DRAIN_NEW, NULL), 0);
    assert_new_ids (inventory_up (&inv), "0");
    /* torpid is shown, and takes nothing away */
    (void)idset_set (inv.torpid, 0);
    assert_new_ids (inventory_up (&inv), "0");
    /* a broker without resources gives none */
    (void)idset_set (inv.online, 1);
    assert_int_equal (rset_remove_ranks (inv.R, inv.torpid), 0);
    assert_new_ids (inventory_up (&inv), "1");
    /* drained again online: still not up */
    assert_int_equal (undrain (&inv, "3", false, NULL), 0);
    assert_new_ids (inventory_up (&inv), "1,3");
    /* until R is known there is nothing to say */
    r = inv.R;
    inv.R = NULL;
    assert_null (inventory_up (&inv));
    inv.R = r;
    inventory_fini (&inv);
}

/* "rank 1 already drained": nothing changes, not even for those that were not. */
static void drain_new (void **state)
{
    flux_error_t error = { { 0 } };
    struct inventory inv;

    start (&inv);
    assert_int_equal (drain (&inv, "1-2", "disk", 10., DRAIN_NEW, &error), 0);
    assert_drain (&inv, 1, 10., "disk");
    assert_drain (&inv, 2, 10., "disk");
    assert_int_equal (drain (&inv, "0-1", "fan", 20., DRAIN_NEW, &error), -1);
    assert_int_equal (errno, EEXIST);
    assert_string_equal (error.text, "rank 1 already drained");
    assert_ids (inv.drained, "1-2");
    assert_drain (&inv, 1, 10., "disk");
    assert_int_equal (drain (&inv, "0-3", NULL, 20., DRAIN_NEW, &error), -1);
    assert_string_equal (error.text, "ranks 1-2 already drained");
    assert_int_equal (drain (&inv, "1", NULL, 20., DRAIN_NEW, NULL), -1);
    assert_int_equal (errno, EEXIST);
    inventory_fini (&inv);
}

/* Of those that have a reason, update keeps it; one without gets the new one, and keeps
 * the time at which it was drained. */
static void drain_update (void **state)
{
    struct inventory inv;

    start (&inv);
    assert_int_equal (drain (&inv, "0", "disk", 10., DRAIN_NEW, NULL), 0);
    assert_int_equal (drain (&inv, "1", NULL, 11., DRAIN_NEW, NULL), 0);
    assert_int_equal (drain (&inv, "0-2", "fan", 20., DRAIN_UPDATE, NULL), 0);
    assert_drain (&inv, 0, 10., "disk");
    assert_drain (&inv, 1, 11., "fan");
    assert_drain (&inv, 2, 20., "fan");
    assert_ids (inv.drained, "0-2");
    inventory_fini (&inv);
}

static void drain_overwrite (void **state)
{
    struct inventory inv;

    start (&inv);
    assert_int_equal (drain (&inv, "0", "disk", 10., DRAIN_NEW, NULL), 0);
    assert_int_equal (drain (&inv, "0-1", "fan", 20., DRAIN_REASON, NULL), 0);
    assert_drain (&inv, 0, 10., "fan");
    assert_drain (&inv, 1, 20., "fan");
    assert_int_equal (drain (&inv, "0", NULL, 30., DRAIN_ALL, NULL), 0);
    assert_drain (&inv, 0, 30., NULL);
    inventory_fini (&inv);
}

static void modes (void **state)
{
    flux_error_t error;
    enum drain_mode mode;
    bool force;

    assert_int_equal (drain_mode_decode (NULL, &mode, &error), 0);
    assert_int_equal (mode, DRAIN_NEW);
    assert_int_equal (drain_mode_decode ("default", &mode, &error), 0);
    assert_int_equal (mode, DRAIN_NEW);
    assert_int_equal (drain_mode_decode ("update", &mode, &error), 0);
    assert_int_equal (mode, DRAIN_UPDATE);
    assert_int_equal (drain_mode_decode ("overwrite", &mode, &error), 0);
    assert_int_equal (mode, DRAIN_REASON);
    assert_int_equal (drain_mode_decode ("force-overwrite", &mode, &error), 0);
    assert_int_equal (mode, DRAIN_ALL);
    assert_int_equal (drain_mode_overwrite (DRAIN_NEW), 0);
    assert_int_equal (drain_mode_overwrite (DRAIN_UPDATE), 0);
    assert_int_equal (drain_mode_overwrite (DRAIN_REASON), 1);
    assert_int_equal (drain_mode_overwrite (DRAIN_ALL), 2);
    assert_int_equal (drain_mode_decode ("force", &mode, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (error.text, "unknown mode 'force'");
    assert_int_equal (drain_mode_decode ("", &mode, NULL), -1);

    assert_int_equal (undrain_mode_decode (NULL, &force, &error), 0);
    assert_false (force);
    assert_int_equal (undrain_mode_decode ("default", &force, &error), 0);
    assert_false (force);
    assert_int_equal (undrain_mode_decode ("force", &force, &error), 0);
    assert_true (force);
    assert_int_equal (undrain_mode_decode ("update", &force, &error), -1);
    assert_string_equal (error.text, "unknown mode 'update'");
}

static void undrained (void **state)
{
    flux_error_t error = { { 0 } };
    struct inventory inv;

    start (&inv);
    assert_int_equal (drain (&inv, "1-2", "disk", 10., DRAIN_NEW, NULL), 0);
    assert_int_equal (undrain (&inv, "0-1", false, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (error.text, "rank 0 not drained");
    assert_ids (inv.drained, "1-2");
    assert_drain (&inv, 1, 10., "disk");
    assert_int_equal (undrain (&inv, "0,3", false, &error), -1);
    assert_string_equal (error.text, "ranks 0,3 not drained");
    assert_int_equal (undrain (&inv, "0-1", true, &error), 0);
    assert_ids (inv.drained, "2");
    /* the reason of an earlier time does not come back */
    assert_int_equal (drain (&inv, "1", NULL, 20., DRAIN_UPDATE, NULL), 0);
    assert_drain (&inv, 1, 20., NULL);
    /* what an eventlog of a larger instance says */
    assert_int_equal (undrain (&inv, "2,90", true, &error), 0);
    assert_ids (inv.drained, "1");
    inventory_fini (&inv);
}

/* Who was drained together is shown together: same time and same reason. */
static void status (void **state)
{
    struct inventory inv;
    const char *online, *offline, *exclude, *torpid, *reason;
    json_t *o, *drains, *R = NULL;
    double t;

    start (&inv);
    idset_destroy (inv.online);
    inv.online = ids ("0-1");
    (void)idset_set (inv.excluded, 3);
    (void)idset_set (inv.torpid, 1);
    assert_int_equal (drain (&inv, "0,2", "disk", 10., DRAIN_NEW, NULL), 0);
    assert_int_equal (drain (&inv, "1", "disk", 11., DRAIN_NEW, NULL), 0);
    assert_int_equal (drain (&inv, "2", NULL, 10., DRAIN_ALL, NULL), 0);
    assert_non_null (o = inventory_status (&inv));
    assert_int_equal (json_unpack (o, "{s:s s:s s:s s:s s:o s:o}", "online", &online,
                                   "offline", &offline, "exclude", &exclude, "torpid",
                                   &torpid, "drain", &drains, "R", &R),
                      0);
    assert_string_equal (online, "0-1");
    assert_string_equal (offline, "2-3");
    assert_string_equal (exclude, "3");
    assert_string_equal (torpid, "1");
    assert_int_equal (json_object_size (drains), 3);
    assert_int_equal (
        json_unpack (drains, "{s:{s:f s:s}}", "0", "timestamp", &t, "reason", &reason),
        0);
    assert_true (t == 10.);
    assert_string_equal (reason, "disk");
    assert_non_null (json_object_get (drains, "1"));
    assert_int_equal (
        json_unpack (drains, "{s:{s:f s:s}}", "2", "timestamp", &t, "reason", &reason),
        0);
    assert_string_equal (reason, "");
    assert_true (json_is_object (R));
    json_decref (o);

    rset_destroy (inv.R);
    inv.R = NULL;
    assert_non_null (o = inventory_status (&inv));
    assert_null (json_object_get (o, "R"));
    json_decref (o);
    inventory_fini (&inv);
}

static struct rset *R_of (int nodes, int gap)
{
    struct rset *R = rset_create ();

    for (int rank = 0; rank < nodes; rank++) {
        char host[16];
        snprintf (host, sizeof (host), "p%d", rank);
        if (rank != gap)
            assert_int_equal (rset_add_rank (R, rank, host, "0-1", NULL), 0);
    }
    return R;
}

/* More hosts than brokers: R has them behind. */
static void pretended (void **state)
{
    struct inventory inv;
    char *s;

    start (&inv);
    assert_int_equal (drain (&inv, "1", "mine", 1., DRAIN_NEW, NULL), 0);
    inventory_define (&inv, R_of (1000, -1));
    assert_int_equal (inv.count, 1000);
    assert_int_equal (inv.size, 4);
    assert_non_null (s = hostlist_encode (inv.names));
    assert_string_equal (s, "p[0-999]");
    free (s);
    assert_int_equal (drain (&inv, "5,999", "both", 2., DRAIN_NEW, NULL), 0);
    assert_drain (&inv, 1, 1., "mine");
    assert_drain (&inv, 999, 2., "both");
    assert_int_equal (undrain (&inv, "5", false, NULL), 0);
    assert_ids (inv.drained, "1,999");
    /* fewer, and a gap: those behind it have no name */
    inventory_define (&inv, R_of (10, 8));
    assert_int_equal (inv.count, 8);
    assert_ids (inv.drained, "1");
    inventory_define (&inv, R_of (3, 1)); /* fewer than brokers */
    assert_int_equal (inv.count, 4);
    assert_non_null (s = hostlist_encode (inv.names));
    assert_string_equal (s, "p0,n1,p2,n3");
    free (s);
    assert_drain (&inv, 1, 1., "mine");
    inventory_fini (&inv);
}

#define AT(T, NAME, CONTEXT)                                                           \
    "{\"timestamp\":" #T ".0,\"name\":\"" NAME "\",\"context\":" CONTEXT "}\n"

/* A restart knows what was drained, when and why. */
static void replayed (void **state)
{
    struct inventory inv;

    start (&inv);
    replay (
        &inv,
        AT (1, "restart", "{\"ranks\":\"0-3\",\"online\":\"\"}") AT (
            2, "drain",
            "{\"idset\":\"0-1\",\"nodelist\":\"n[0-1]\",\"reason\":\"disk\","
            "\"overwrite\":0}") AT (3, "online", "{\"idset\":\"0\"}")
            AT (4, "drain", "{\"idset\":\"1\",\"reason\":\"x\",\"overwrite\":0}")
                AT (5, "drain", "{\"idset\":\"2\",\"nodelist\":\"n2\",\"overwrite\":0}")
                    AT (6, "undrain", "{\"idset\":\"0\",\"nodelist\":\"n0\"}")
                        AT (7, "drain",
                            "{\"idset\":\"2\",\"reason\":\"y\",\"overwrite\":2}")
                            AT (8, "drain", "{\"idset\":\"3\",\"reason\":\"z\"}")
                                AT (9, "drain",
                                    "{\"idset\":\"3\",\"reason\":\"new\","
                                    "\"overwrite\":1}"));
    assert_ids (inv.drained, "1-3");
    assert_drain (&inv, 1, 2., "disk");
    assert_drain (&inv, 3, 8., "new");
    assert_drain (&inv, 2, 7., "y");
    inventory_fini (&inv);
}

/* Hosts that have other ranks now: the name counts, wherever there is one. */
static void replayed_elsewhere (void **state)
{
    struct inventory inv;

    start (&inv);
    replay (&inv, AT (2, "drain",
                      "{\"idset\":\"0,7\",\"nodelist\":\"n3,n1\",\"overwrite\":0}"));
    assert_ids (inv.drained, "1,3");
    inventory_fini (&inv);

    /* a host that has gone, and a rank that there is no more */
    start (&inv);
    replay (&inv, AT (2, "drain", "{\"idset\":\"0-1\",\"nodelist\":\"gone,n1\"}")
                      AT (3, "drain", "{\"idset\":\"3-9\"}"));
    assert_ids (inv.drained, "1,3");
    inventory_fini (&inv);

    /* several brokers on a host: the rank, where its name is still the same */
    assert_int_equal (inventory_init (&inv, hostlist_decode ("a,a,a")), 0);
    replay (&inv, AT (2, "drain", "{\"idset\":\"1-2\",\"nodelist\":\"a,a\"}"));
    assert_ids (inv.drained, "1-2");
    inventory_fini (&inv);
}

/* What somebody damaged costs the line that it damages. */
static void replayed_damage (void **state)
{
    static const char *const damage[] = {
        "",
        "\n",
        "{\n",
        "null\n",
        AT (2, "drain", "{}"),
        AT (2, "drain", "[]"),
        AT (2, "drain", "{\"idset\":1}"),
        AT (2, "drain", "{\"idset\":\"1-\"}"),
        AT (2, "drain", "{\"idset\":\"\"}"),
        AT (2, "drain", "{\"idset\":\"4294967295\"}"),
        AT (2, "undrain", "{\"idset\":\"4-9\"}"),
        AT (2, "drained", "{\"idset\":\"1\"}"),
        "{\"timestamp\":2.0,\"name\":\"drain\"}\n",
        "{\"timestamp\":\"2\",\"name\":\"drain\",\"context\":{\"idset\":\"1\"}}\n",
        "{\"name\":\"drain\",\"context\":{\"idset\":\"1\"}}\n",
    };

    for (size_t i = 0; i < sizeof (damage) / sizeof (damage[0]); i++) {
        struct inventory inv;
        char log[512];
        start (&inv);
        snprintf (log, sizeof (log), "%s%s", damage[i],
                  AT (5, "drain", "{\"idset\":\"3\",\"overwrite\":0}"));
        replay (&inv, log);
        assert_ids (inv.drained, "3");
        inventory_fini (&inv);
    }
}

/* An instance that says nothing about its hosts, and one that could not begin. */
static void empty (void **state)
{
    struct inventory inv = { 0 };
    json_t *o;

    inventory_fini (&inv);
    assert_int_equal (inventory_init (&inv, hostlist_create ()), 0);
    assert_null (inventory_up (&inv));
    assert_non_null (o = inventory_status (&inv));
    assert_string_equal (json_string_value (json_object_get (o, "offline")), "");
    json_decref (o);
    inventory_fini (&inv);
}

/* A rank is not both excluded and drained: who excludes ends the drain, whether it was
 * before or comes from an eventlog; and a drain of it is refused, whole. */
static void excluded (void **state)
{
    flux_error_t error = { { 0 } };
    struct inventory inv;

    start (&inv);
    assert_int_equal (drain (&inv, "0-1", "disk", 1., DRAIN_NEW, NULL), 0);
    inventory_exclude (&inv, ids ("1-2"));
    assert_ids (inv.excluded, "1-2");
    assert_ids (inv.drained, "0");
    assert_null (inv.drains[1].reason);
    assert_int_equal (drain (&inv, "0-3", "x", 2., DRAIN_ALL, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (error.text, "ranks 1-2 excluded");
    assert_drain (&inv, 0, 1., "disk");
    assert_ids (inv.drained, "0");
    replay (&inv, AT (2, "drain", "{\"idset\":\"2-3\",\"overwrite\":0}"));
    assert_ids (inv.drained, "0,3");
    inventory_exclude (&inv, ids (""));
    assert_int_equal (drain (&inv, "1-2", "x", 2., DRAIN_NEW, NULL), 0);
    inventory_fini (&inv);
}

/* Ranks drained together are one line of the status. */
static void together (void **state)
{
    struct inventory inv;
    json_t *o, *drains;

    start (&inv);
    assert_int_equal (drain (&inv, "0,2-3", "disk", 10., DRAIN_NEW, NULL), 0);
    assert_int_equal (drain (&inv, "1", "fan", 10., DRAIN_NEW, NULL), 0);
    assert_non_null (o = inventory_status (&inv));
    drains = json_object_get (o, "drain");
    assert_int_equal (json_object_size (drains), 2);
    assert_non_null (json_object_get (drains, "0,2-3"));
    assert_non_null (json_object_get (drains, "1"));
    json_decref (o);
    inventory_fini (&inv);
}

/* Whatever the order of drains and undrains: what is drained has its time, what is not
 * has no reason left, and a failed request changed nothing. */
static void at_random (void **state)
{
    for (unsigned int seed = 1; seed <= 200; seed++) {
        struct inventory inv;
        const char *reasons[] = { NULL, "a", "b" };
        srand (seed);
        start (&inv);
        for (int step = 1; step <= 50; step++) {
            struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);
            struct idset *before = idset_copy (inv.drained), *want;
            bool add = rand () % 2, force = rand () % 2;
            enum drain_mode mode = rand () % 3;
            int rc;
            for (int rank = 0; rank < 4; rank++)
                if (rand () % 2)
                    (void)idset_set (ranks, rank);
            if (add)
                rc = inventory_drain (&inv, ranks, reasons[rand () % 3], step, mode,
                                      NULL);
            else
                rc = inventory_undrain (&inv, ranks, force, NULL);
            if (add)
                want = idset_union (before, ranks);
            else
                want = idset_difference (before, ranks);
            assert_true (idset_equal (inv.drained, rc < 0 ? before : want));
            for (int rank = 0; rank < 4; rank++) {
                if (!idset_test (inv.drained, rank))
                    assert_null (inv.drains[rank].reason);
                else
                    assert_true (inv.drains[rank].timestamp > 0
                                 && inv.drains[rank].timestamp <= step);
                if (rc < 0 || !idset_test (ranks, rank))
                    assert_true (inv.drains[rank].timestamp < step);
            }
            idset_destroy (want);
            idset_destroy (before);
            idset_destroy (ranks);
        }
        inventory_fini (&inv);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (up),
        cmocka_unit_test (drain_new),
        cmocka_unit_test (drain_update),
        cmocka_unit_test (drain_overwrite),
        cmocka_unit_test (modes),
        cmocka_unit_test (undrained),
        cmocka_unit_test (status),
        cmocka_unit_test (pretended),
        cmocka_unit_test (replayed),
        cmocka_unit_test (replayed_elsewhere),
        cmocka_unit_test (replayed_damage),
        cmocka_unit_test (excluded),
        cmocka_unit_test (together),
        cmocka_unit_test (empty),
        cmocka_unit_test (at_random),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
