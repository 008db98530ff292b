#include "inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "value/eventlog.h"

int inventory_init (struct inventory *inv, struct hostlist *take_hosts)
{
    *inv = (struct inventory){ .hosts = take_hosts };
    inv->size = inv->count = hostlist_count (take_hosts);
    inv->names = hostlist_copy (take_hosts);
    inv->online = idset_create (0, IDSET_FLAG_AUTOGROW);
    inv->torpid = idset_create (0, IDSET_FLAG_AUTOGROW);
    inv->excluded = idset_create (0, IDSET_FLAG_AUTOGROW);
    inv->drained = idset_create (0, IDSET_FLAG_AUTOGROW);
    inv->drains = calloc (inv->size + 1, sizeof (*inv->drains));
    if (!inv->names || !inv->online || !inv->torpid || !inv->excluded || !inv->drained
        || !inv->drains)
        return -1;
    return 0;
}

void inventory_fini (struct inventory *inv)
{
    for (int i = 0; inv->drains && i < inv->count; i++)
        free (inv->drains[i].reason);
    free (inv->drains);
    idset_destroy (inv->online);
    idset_destroy (inv->torpid);
    idset_destroy (inv->excluded);
    idset_destroy (inv->drained);
    hostlist_destroy (inv->hosts);
    hostlist_destroy (inv->names);
    rset_destroy (inv->R);
    json_decref (inv->R_json);
}

struct hostlist *inventory_names (const struct inventory *inv, const struct rset *R)
{
    struct idset *ranks = rset_ranks (R);
    struct hostlist *given = rset_nodelist (R), *names = hostlist_create ();
    const char *name = given ? hostlist_first (given) : NULL;
    unsigned int next = ranks && name ? idset_first (ranks) : IDSET_INVALID_ID;
    bool ok = ranks && given && names;

    for (int n = 0; ok && (n < inv->size || (unsigned int)n == next); n++) {
        if ((unsigned int)n != next) {
            ok = hostlist_append (names, hostlist_nth (inv->hosts, n)) >= 0;
            continue;
        }
        ok = hostlist_append (names, name) >= 0;
        name = hostlist_next (given);
        next = name ? idset_next (ranks, next) : IDSET_INVALID_ID;
    }
    idset_destroy (ranks);
    hostlist_destroy (given);
    if (!ok) {
        hostlist_destroy (names);
        return NULL;
    }
    return names;
}

static void forget_json (struct inventory *inv)
{
    json_decref (inv->R_json);
    inv->R_json = NULL;
}

void inventory_set_times (struct inventory *inv, double starttime, double expiration)
{
    forget_json (inv);
    rset_set_times (inv->R, starttime, expiration);
}

void inventory_define (struct inventory *inv, struct rset *take_R)
{
    struct hostlist *names;
    struct drain *drains;
    int count;

    forget_json (inv);
    rset_destroy (inv->R);
    inv->R = take_R;
    if (!(names = inventory_names (inv, inv->R)))
        return;
    count = hostlist_count (names);
    for (int i = count; i < inv->count; i++) {
        free (inv->drains[i].reason);
        inv->drains[i].reason = NULL;
        (void)idset_clear (inv->drained, i);
    }
    if (!(drains = realloc (inv->drains, (count + 1) * sizeof (*drains)))) {
        hostlist_destroy (names);
        return;
    }
    for (int i = inv->count; i < count; i++)
        drains[i] = (struct drain){ 0 };
    inv->drains = drains;
    hostlist_destroy (inv->names);
    inv->names = names;
    inv->count = count;
}

struct idset *inventory_up (const struct inventory *inv)
{
    struct idset *ranks = inv->R ? rset_ranks (inv->R) : NULL;
    struct idset *up = ranks ? idset_intersect (ranks, inv->online) : NULL;

    idset_destroy (ranks);
    if (up) {
        (void)idset_subtract (up, inv->drained);
        (void)idset_subtract (up, inv->excluded);
    }
    return up;
}

static int refuse_mode (const char *name, flux_error_t *error)
{
    if (error)
        snprintf (error->text, sizeof (error->text), "unknown mode '%.60s'", name);
    errno = EINVAL;
    return -1;
}

int drain_mode_decode (const char *name, enum drain_mode *mode, flux_error_t *error)
{
    if (!name || !strcmp (name, "default"))
        *mode = DRAIN_NEW;
    else if (!strcmp (name, "update"))
        *mode = DRAIN_UPDATE;
    else if (!strcmp (name, "overwrite"))
        *mode = DRAIN_REASON;
    else if (!strcmp (name, "force-overwrite"))
        *mode = DRAIN_ALL;
    else
        return refuse_mode (name, error);
    return 0;
}

int drain_mode_overwrite (enum drain_mode mode)
{
    return mode == DRAIN_ALL ? 2 : mode == DRAIN_REASON;
}

int undrain_mode_decode (const char *name, bool *force, flux_error_t *error)
{
    *force = name && !strcmp (name, "force");
    if (name && !*force && strcmp (name, "default") != 0)
        return refuse_mode (name, error);
    return 0;
}

static void set_error (flux_error_t *error, const char *before, struct idset *ranks,
                       const char *after)
{
    char *s = idset_encode (ranks, IDSET_FLAG_RANGE);

    if (error)
        snprintf (error->text, sizeof (error->text), "%s%s %.60s %s", before,
                  idset_count (ranks) > 1 ? "s" : "", s ? s : "?", after);
    free (s);
}

void inventory_exclude (struct inventory *inv, struct idset *take_ranks)
{
    idset_destroy (inv->excluded);
    inv->excluded = take_ranks;
    (void)inventory_undrain (inv, inv->excluded, true, NULL);
}

int inventory_drain (struct inventory *inv, const struct idset *ranks,
                     const char *reason, double timestamp, enum drain_mode mode,
                     flux_error_t *error)
{
    struct idset *already, *excluded = idset_intersect (inv->excluded, ranks);
    unsigned int rank;

    if (!excluded)
        return -1;
    if (!idset_empty (excluded)) {
        set_error (error, "rank", excluded, "excluded");
        idset_destroy (excluded);
        errno = EINVAL;
        return -1;
    }
    idset_destroy (excluded);
    if (!(already = idset_intersect (inv->drained, ranks)))
        return -1;
    if (mode == DRAIN_NEW && !idset_empty (already)) {
        set_error (error, "rank", already, "already drained");
        idset_destroy (already);
        errno = EEXIST;
        return -1;
    }
    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        struct drain *d = &inv->drains[rank];
        bool was = idset_test (already, rank);
        if (was && mode == DRAIN_UPDATE && d->reason)
            continue;
        if (!was || mode == DRAIN_ALL)
            d->timestamp = timestamp;
        free (d->reason);
        d->reason = reason ? strdup (reason) : NULL;
        (void)idset_set (inv->drained, rank);
    }
    idset_destroy (already);
    return 0;
}

int inventory_undrain (struct inventory *inv, const struct idset *ranks, bool force,
                       flux_error_t *error)
{
    struct idset *not = idset_difference (ranks, inv->drained);
    unsigned int rank;

    if (!not )
        return -1;
    if (!force && !idset_empty (not )) {
        set_error (error, "rank", not, "not drained");
        idset_destroy (not );
        errno = EINVAL;
        return -1;
    }
    idset_destroy (not );
    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        if ((int)rank < inv->count) {
            free (inv->drains[rank].reason);
            inv->drains[rank].reason = NULL;
            (void)idset_clear (inv->drained, rank);
        }
    }
    return 0;
}

/* Hosts may have other ranks now: where names are told, they count. */
static struct idset *replay_ranks (struct inventory *inv, json_t *context)
{
    const char *text = NULL, *nodelist = NULL;
    struct idset *then = NULL, *now = NULL;
    struct hostlist *hl = NULL;
    unsigned int rank;
    int n = 0;

    if (json_unpack (context, "{s:s s?s}", "idset", &text, "nodelist", &nodelist) < 0
        || !(then = idset_decode (text))
        || !(now = idset_create (0, IDSET_FLAG_AUTOGROW)))
        goto out;
    hl = nodelist ? hostlist_decode (nodelist) : NULL;
    for (rank = idset_first (then); rank != IDSET_INVALID_ID;
         rank = idset_next (then, rank)) {
        const char *want = hl ? hostlist_nth (hl, n++) : NULL;
        const char *have =
            (int)rank < inv->count ? hostlist_nth (inv->names, rank) : NULL;
        int found = have ? (int)rank : -1;
        if (want && (!have || strcmp (want, have)))
            found = hostlist_find (inv->names, want);
        if (found >= 0 && !idset_test (inv->excluded, found))
            (void)idset_set (now, found);
    }
out:
    hostlist_destroy (hl);
    idset_destroy (then);
    return now;
}

void inventory_replay (struct inventory *inv, const char *eventlog, size_t len)
{
    const char *end = eventlog + len;
    const char *line;
    size_t line_len;

    while (eventlog_next_line (&eventlog, end, &line, &line_len)) {
        json_t *entry = eventlog_entry_decode (line, line_len);
        struct idset *ranks = NULL;
        const char *name = "", *reason = NULL;
        json_t *context = NULL;
        double timestamp;

        if (eventlog_entry_parse (entry, &timestamp, &name, &context) == 0
            && (!strcmp (name, "drain") || !strcmp (name, "undrain"))
            && (ranks = replay_ranks (inv, context))) {
            int overwrite = 0;
            (void)json_unpack (context, "{s?s s?i}", "reason", &reason, "overwrite",
                               &overwrite);
            if (!strcmp (name, "drain"))
                (void)inventory_drain (inv, ranks, reason, timestamp,
                                       overwrite == 2   ? DRAIN_ALL
                                       : overwrite == 1 ? DRAIN_REASON
                                                        : DRAIN_UPDATE,
                                       NULL);
            else
                (void)inventory_undrain (inv, ranks, true, NULL);
        }
        idset_destroy (ranks);
        json_decref (entry);
    }
}

static json_t *encode_ids (const struct idset *ids)
{
    char *s = idset_encode (ids, IDSET_FLAG_RANGE);
    json_t *o = json_string (s ? s : "");

    free (s);
    return o;
}

static bool same_drain (const struct drain *a, const struct drain *b)
{
    if (a->timestamp != b->timestamp || !a->reason != !b->reason)
        return false;
    return !a->reason || !strcmp (a->reason, b->reason);
}

/* Ranks that were drained together are shown together. */
static json_t *encode_drains (const struct inventory *inv)
{
    struct idset *left = idset_copy (inv->drained);
    json_t *o = json_object ();
    unsigned int first, rank;

    while ((first = idset_first (left)) != IDSET_INVALID_ID) {
        struct idset *group = idset_create (0, IDSET_FLAG_AUTOGROW);
        const struct drain *d = &inv->drains[first];
        char *key;
        for (rank = first; rank != IDSET_INVALID_ID; rank = idset_next (left, rank))
            if (same_drain (d, &inv->drains[rank]))
                (void)idset_set (group, rank);
        (void)idset_subtract (left, group);
        if ((key = idset_encode (group, IDSET_FLAG_RANGE)))
            json_object_set_new (o, key,
                                 json_pack ("{s:f s:s}", "timestamp", d->timestamp,
                                            "reason", d->reason ? d->reason : ""));
        free (key);
        idset_destroy (group);
    }
    idset_destroy (left);
    return o;
}

/* Nobody changes what is in an answer. */
static json_t *encode_R (struct inventory *inv)
{
    if (!inv->R_json)
        inv->R_json = rset_encode_json (inv->R);
    return json_incref (inv->R_json);
}

json_t *inventory_status (struct inventory *inv)
{
    struct idset *offline = idset_create (0, IDSET_FLAG_AUTOGROW);
    json_t *o;

    if (!offline)
        return NULL;
    if (inv->size > 0)
        (void)idset_range_set (offline, 0, inv->size - 1);
    (void)idset_subtract (offline, inv->online);
    o = json_pack ("{s:o s:o s:o s:o s:o}", "online", encode_ids (inv->online),
                   "offline", encode_ids (offline), "exclude",
                   encode_ids (inv->excluded), "torpid", encode_ids (inv->torpid),
                   "drain", encode_drains (inv));
    if (o && inv->R)
        json_object_set_new (o, "R", encode_R (inv));
    idset_destroy (offline);
    return o;
}
