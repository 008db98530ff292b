/* The resources of an instance: which there are, which are up.
 *
 * On rank 0: at the start, an event "restart"; R comes from source.c, or when
 * all hosts have reported; the group broker.online tells who is there.
 * On all others: looks at its machine, passes reports on, and no more. */
#include "resource.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/error.h"
#include "core/handle/module.h"
#include "core/reason.h"
#include "topo.h"
#include "value/eventlog.h"

json_t *resource_context (struct resource *ctx, const struct idset *ranks)
{
    struct hostlist *hl = hostlist_create ();
    char *ids = idset_encode (ranks, IDSET_FLAG_RANGE);
    char *names;
    unsigned int rank;
    json_t *o;

    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        const char *name = hostlist_nth (ctx->inv.names, rank);
        if (name)
            hostlist_append (hl, name);
    }
    names = hostlist_encode (hl);
    o = json_pack ("{s:s s:s}", "idset", ids ? ids : "", "nodelist",
                   names ? names : "");
    free (ids);
    free (names);
    hostlist_destroy (hl);
    return o;
}

static json_t *drain_context (struct resource *ctx, const struct idset *ranks,
                              const char *reason, int overwrite)
{
    json_t *o = resource_context (ctx, ranks);

    if (reason)
        json_object_set_new (o, "reason", json_string (reason));
    json_object_set_new (o, "overwrite", json_integer (overwrite));
    return o;
}

void resource_drain (struct resource *ctx, const struct idset *ranks,
                     const char *reason)
{
    if (inventory_drain (&ctx->inv, ranks, reason, flux_reactor_time (), DRAIN_UPDATE,
                         NULL)
        < 0)
        return;
    journal_post (ctx, "drain", drain_context (ctx, ranks, reason, 0));
    acquire_changed (ctx);
}

/* NULL: there is not one, or it is unknown. */
static struct idset *some_targets (struct resource *ctx, const char *targets,
                                   flux_error_t *error)
{
    struct idset *ranks = targets_decode (targets, ctx->inv.names, error);

    if (ranks && idset_empty (ranks)) {
        error_invalid (error, "no targets");
        idset_destroy (ranks);
        return NULL;
    }
    return ranks;
}

static void drain_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct resource *ctx = arg;
    flux_error_t error = { "malformed request" };
    const char *targets, *reason = NULL, *name = NULL;
    struct idset *ranks = NULL;
    enum drain_mode mode;

    if (flux_request_unpack (msg, NULL, "{s:s s?s s?s}", "targets", &targets, "reason",
                             &reason, "mode", &name)
            < 0
        || reason_check (reason, &error) < 0
        || drain_mode_decode (name, &mode, &error) < 0
        || !(ranks = some_targets (ctx, targets, &error))
        || inventory_drain (&ctx->inv, ranks, reason, flux_reactor_time (), mode,
                            &error)
               < 0)
        flux_respond_error (h, msg, errno, error.text);
    else {
        journal_post (ctx, "drain",
                      drain_context (ctx, ranks, reason, drain_mode_overwrite (mode)));
        journal_answer (ctx, msg);
        acquire_changed (ctx);
    }
    idset_destroy (ranks);
}

static void undrain_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct resource *ctx = arg;
    flux_error_t error = { "malformed request" };
    const char *targets, *reason = NULL, *mode = NULL;
    struct idset *ranks = NULL;
    bool force;

    if (flux_request_unpack (msg, NULL, "{s:s s?s s?s}", "targets", &targets, "reason",
                             &reason, "mode", &mode)
            < 0
        || undrain_mode_decode (mode, &force, &error) < 0
        || !(ranks = some_targets (ctx, targets, &error))
        || inventory_undrain (&ctx->inv, ranks, force, &error) < 0) {
        flux_respond_error (h, msg, errno, error.text);
        idset_destroy (ranks);
        return;
    }
    journal_post (ctx, "undrain", drain_context (ctx, ranks, reason, force));
    journal_answer (ctx, msg);
    acquire_changed (ctx);
    idset_destroy (ranks);
}

static void respond_status (struct resource *ctx, const flux_msg_t *msg)
{
    json_t *o = inventory_status (&ctx->inv);

    if (!o || flux_respond_pack (ctx->h, msg, "O", o) < 0)
        flux_log_error (ctx->h, "status: cannot answer");
    json_decref (o);
}

static void respond_R (struct resource *ctx, const flux_msg_t *msg)
{
    char *s = rset_encode (ctx->inv.R);

    if (!s || flux_respond (ctx->h, msg, s) < 0)
        flux_log_error (ctx->h, "get: cannot answer");
    free (s);
}

/* What a scheduler would say, if there was one. */
static void respond_own_status (struct resource *ctx, const flux_msg_t *msg)
{
    struct idset *up = inventory_up (&ctx->inv);
    struct rset *all = rset_copy (ctx->inv.R);
    struct rset *down = all ? rset_copy (all) : NULL;
    struct rset *none = rset_create ();
    int rc = -1;

    if (up && down && none && rset_remove_ranks (all, ctx->inv.excluded) == 0
        && rset_remove_ranks (down, ctx->inv.excluded) == 0
        && rset_remove_ranks (down, up) == 0)
        rc = flux_respond_pack (ctx->h, msg, "{s:o s:o s:o}", "all",
                                rset_encode_json (all), "down", rset_encode_json (down),
                                "allocated", rset_encode_json (none));
    if (rc < 0)
        flux_log_error (ctx->h, "sched-status: cannot answer");
    rset_destroy (all);
    rset_destroy (down);
    rset_destroy (none);
    idset_destroy (up);
}

static void sched_status_done (flux_future_t *f, void *arg)
{
    struct resource *ctx = arg;
    const flux_msg_t *msg = flux_future_aux_get (f, "request");
    const char *s;

    if (flux_rpc_get (f, &s) == 0)
        flux_respond (ctx->h, msg, s);
    else if (errno == ENOSYS)
        respond_own_status (ctx, msg);
    else
        flux_respond_error (ctx->h, msg, errno, flux_future_error_string (f));
    flux_future_destroy (f);
}

static void respond_sched_status (struct resource *ctx, const flux_msg_t *msg)
{
    flux_future_t *f;

    acquire_tell (ctx); /* what came before the question belongs to its answer */
    f = flux_rpc (ctx->h, "sched.resource-status", NULL, FLUX_NODEID_ANY, 0);

    if (!f
        || flux_future_aux_set (f, "request", (void *)flux_msg_incref (msg),
                                (flux_free_f)flux_msg_decref)
               < 0
        || flux_future_then (f, -1., sched_status_done, ctx) < 0) {
        flux_respond_error (ctx->h, msg, errno, NULL);
        flux_future_destroy (f);
    }
}

/* Requests that need R. */
static void answer (struct resource *ctx, const flux_msg_t *msg)
{
    const char *topic;

    if (flux_msg_get_topic (msg, &topic) < 0)
        return;
    stream_catch_up (ctx->online); /* what came before the question */
    stream_catch_up (ctx->torpid);
    if (!strcmp (topic, "resource.status"))
        respond_status (ctx, msg);
    else if (!strcmp (topic, "resource.sched-status"))
        respond_sched_status (ctx, msg);
    else
        respond_R (ctx, msg);
}

static void query_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct resource *ctx = arg;

    if (ctx->inv.R)
        answer (ctx, msg);
    else if (flux_msglist_count (ctx->waiting) >= 1024)
        flux_respond_error (h, msg, EAGAIN, "resources are not known yet");
    else if (flux_msglist_append (ctx->waiting, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

void resource_defined (struct resource *ctx)
{
    const flux_msg_t *msg;

    while ((msg = flux_msglist_pop (ctx->waiting))) {
        answer (ctx, msg);
        flux_msg_decref (msg);
    }
}

/* Takes what topo has. */
static int add_topo (struct resource *ctx, struct rset *r, unsigned int rank,
                     struct topo *topo)
{
    char *cores = idset_encode (topo->cores, IDSET_FLAG_RANGE);
    char *gpus = topo->gpus ? idset_encode (topo->gpus, IDSET_FLAG_RANGE) : NULL;
    int rc = cores ? rset_add_rank (r, rank, hostlist_nth (ctx->inv.hosts, rank), cores,
                                    gpus)
                   : -1;

    free (cores);
    free (gpus);
    topo_fini (topo);
    return rc;
}

/* Of the files RANK.xml in a directory of this host. */
static struct rset *read_xml (struct resource *ctx, const char *dir,
                              flux_error_t *error)
{
    struct rset *r = rset_create ();

    for (unsigned int rank = 0; r && rank < ctx->size; rank++) {
        char path[PATH_MAX];
        struct topo topo;
        snprintf (path, sizeof (path), "%s/%u.xml", dir, rank);
        if (access (path, R_OK) < 0)
            continue;
        if (topo_discover (&topo, path, true, error) < 0
            || add_topo (ctx, r, rank, &topo) < 0) {
            rset_destroy (r);
            return NULL;
        }
    }
    if (r && rset_count (r, "node") == 0) {
        snprintf (error->text, sizeof (error->text),
                  "%.100s: invalid directory: no XML input files found", dir);
        rset_destroy (r);
        return NULL;
    }
    return r;
}

/* Ranks that this instance does not have. */
static int check_ranks (struct resource *ctx, const struct rset *r, flux_error_t *error)
{
    struct idset *ranks = rset_ranks (r);
    unsigned int last = idset_last (ranks);

    idset_destroy (ranks);
    if (last == IDSET_INVALID_ID || last < ctx->size)
        return 0;
    snprintf (error->text, sizeof (error->text),
              "resources contain rank %u, this instance has %u ranks", last, ctx->size);
    return -1;
}

static void reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct resource *ctx = arg;
    flux_error_t error = { "malformed request" };
    struct rset *r = NULL;
    json_t *o = NULL;
    const char *dir = NULL;
    int force = 0;

    if (ctx->acquirer) {
        flux_respond_error (h, msg, EBUSY, "resources are in use by the scheduler");
        return;
    }
    if (flux_request_unpack (msg, NULL, "{s?o s?s s?b}", "R", &o, "xml", &dir, "force",
                             &force)
            < 0
        || !(r = dir ? read_xml (ctx, dir, &error) : rset_decode_json (o, &error))
        || (!force && check_ranks (ctx, r, &error) < 0)) {
        flux_respond_error (h, msg, EINVAL, error.text);
        rset_destroy (r);
        return;
    }
    source_define (ctx, r, "reload");
    journal_answer (ctx, msg);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct resource *ctx = arg;

    acquire_disconnect (ctx, msg);
    flux_msglist_disconnect (ctx->waiting, msg);
    flux_msglist_disconnect (ctx->journal_readers, msg);
}

static int read_settings (struct settings *s, const flux_conf_t *conf,
                          flux_error_t *error)
{
    json_t *all;

    return flux_conf_unpack (conf, error, "o", &all) < 0
               ? -1
               : settings_init (s, all, error);
}

/* Names of nodes as they are after the next start. NULL: there will be none. */
static struct hostlist *next_names (struct resource *ctx, const struct settings *s,
                                    flux_error_t *error)
{
    struct rset *r;
    struct hostlist *names;

    if (!s->R)
        return hostlist_copy (ctx->inv.names);
    if (!(r = source_configured (ctx, s, error)))
        return NULL;
    names = inventory_names (&ctx->inv, r);
    rset_destroy (r);
    return names;
}

static int check_names (struct resource *ctx, const struct settings *s,
                        flux_error_t *error)
{
    struct hostlist *names = next_names (ctx, s, error);
    struct idset *ranks = NULL;
    flux_error_t why;
    int rc = names ? 0 : -1;

    if (names && s->exclude && !(ranks = targets_decode (s->exclude, names, &why)))
        rc = error_invalid (error, "resource.exclude: %.130s", why.text);
    idset_destroy (ranks);
    hostlist_destroy (names);
    return rc;
}

/* It counts from the next start on, which must not be the first to find it wrong. */
static int check_settings (struct resource *ctx, const flux_conf_t *conf,
                           flux_error_t *error)
{
    struct settings s = { 0 };
    int rc = read_settings (&s, conf, error);

    if (rc == 0) {
        s.verify = s.verify && !ctx->noverify;
        if (ctx->rank == 0)
            rc = check_names (ctx, &s, error);
    }
    settings_fini (&s);
    return rc;
}

static void config_reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                              void *arg)
{
    flux_error_t error = { "" };
    const flux_conf_t *conf;

    if (flux_conf_reload_decode (msg, &conf) < 0
        || check_settings (arg, conf, &error) < 0) {
        flux_respond_error (h, msg, errno, error.text[0] ? error.text : NULL);
        return;
    }
    (void)flux_set_conf_new (h, flux_conf_incref (conf));
    flux_respond (h, msg, NULL);
}

static const struct flux_msg_handler_spec common_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "resource.config-reload", config_reload_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.report", report_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.discover", discover_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

static const struct flux_msg_handler_spec root_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "resource.config-reload", config_reload_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.report", report_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.drain", drain_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.undrain", undrain_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.status", query_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "resource.sched-status", query_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "resource.get", query_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "resource.reload", reload_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.journal", journal_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.acquire", acquire_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.acquire-mute", acquire_mute_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "resource.disconnect", disconnect_cb, FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

/* Posts what joined and what left. */
static void post_members (struct resource *ctx, struct idset *old,
                          const struct idset *new, const char *joined, const char *left)
{
    struct idset *more = idset_difference (new, old);
    struct idset *less = idset_difference (old, new);
    char *m = idset_encode (more, IDSET_FLAG_RANGE);
    char *l = idset_encode (less, IDSET_FLAG_RANGE);

    if (m && *m)
        journal_post (ctx, joined, json_pack ("{s:s}", "idset", m));
    if (l && *l)
        journal_post (ctx, left, json_pack ("{s:s}", "idset", l));
    free (m);
    free (l);
    idset_destroy (more);
    idset_destroy (less);
}

static int members_cb (flux_future_t *f, struct resource *ctx, struct idset **members,
                       const char *joined, const char *left)
{
    struct idset *ids;
    const char *s;

    if (flux_rpc_get_unpack (f, "{s:s}", "members", &s) < 0
        || !(ids = idset_decode (s))) {
        flux_log (ctx->h, LOG_ERR, "groups.get: %s", flux_future_error_string (f));
        return -1;
    }
    post_members (ctx, *members, ids, joined, left);
    idset_destroy (*members);
    *members = ids;
    acquire_changed (ctx);
    return 0;
}

static int online_cb (flux_future_t *f, void *arg)
{
    struct resource *ctx = arg;

    return members_cb (f, ctx, &ctx->inv.online, "online", "offline");
}

static int torpid_cb (flux_future_t *f, void *arg)
{
    struct resource *ctx = arg;

    return members_cb (f, ctx, &ctx->inv.torpid, "torpid", "lively");
}

static struct stream *watch_group (struct resource *ctx, const char *name,
                                   stream_f *changed)
{
    return stream_open (flux_rpc_pack (ctx->h, "groups.get", 0, FLUX_RPC_STREAMING,
                                       "{s:s}", "name", name),
                        changed, ctx);
}

/* Then nothing is online: no job is to be started. */
static bool is_recovery (struct resource *ctx)
{
    const char *s = flux_attr_get (ctx->h, "broker.recovery-mode");

    return s && strcmp (s, "1") == 0;
}

/* Pretended hosts, too, of which there are more than brokers. True if that failed. */
static bool force_up (struct resource *ctx)
{
    struct idset *all = idset_create (0, IDSET_FLAG_AUTOGROW);
    struct idset *ranks = ctx->inv.R ? rset_ranks (ctx->inv.R) : NULL;

    if (!all || idset_range_set (all, 0, ctx->size - 1) < 0
        || (ranks && idset_add (all, ranks) < 0)) {
        idset_destroy (all);
        idset_destroy (ranks);
        return true;
    }
    idset_destroy (ranks);
    post_members (ctx, ctx->inv.online, all, "online", "offline");
    idset_destroy (ctx->inv.online);
    ctx->inv.online = all;
    acquire_changed (ctx);
    return false;
}

static void post_restart (struct resource *ctx)
{
    struct idset *all = idset_create (0, IDSET_FLAG_AUTOGROW);
    char *ids, *names;

    (void)idset_range_set (all, 0, ctx->size - 1);
    ids = idset_encode (all, IDSET_FLAG_RANGE);
    names = hostlist_encode (ctx->inv.hosts);
    journal_post (ctx, "restart",
                  json_pack ("{s:s s:s s:s}", "ranks", ids ? ids : "", "online", "",
                             "nodelist", names ? names : ""));
    free (ids);
    free (names);
    idset_destroy (all);
}

static int set_excluded (struct resource *ctx)
{
    flux_error_t error;
    struct idset *ranks;

    if (!ctx->settings.exclude)
        return 0;
    if (!(ranks = targets_decode (ctx->settings.exclude, ctx->inv.names, &error))) {
        flux_log (ctx->h, LOG_ERR, "resource.exclude: %s", error.text);
        return -1;
    }
    inventory_exclude (&ctx->inv, ranks);
    return 0;
}

static int set_configured (struct resource *ctx)
{
    flux_error_t error;
    struct rset *r;

    if (!ctx->settings.R)
        return 0;
    if (!(r = source_configured (ctx, &ctx->settings, &error))) {
        flux_log (ctx->h, LOG_ERR, "%s", error.text);
        return -1;
    }
    inventory_define (&ctx->inv, r);
    return 0;
}

static int init_root (struct resource *ctx)
{
    const char *text = flux_attr_get (ctx->h, "hostlist");
    struct hostlist *hosts = text ? hostlist_decode (text) : NULL;

    if (!hosts || hostlist_count (hosts) != (int)ctx->size) {
        flux_log (ctx->h, LOG_ERR, "hostlist '%s' does not have %u hosts",
                  text ? text : "", ctx->size);
        hostlist_destroy (hosts);
        errno = EINVAL;
        return -1;
    }
    if (inventory_init (&ctx->inv, hosts) < 0
        || !(ctx->waiting = flux_msglist_create ()) || set_configured (ctx) < 0
        || set_excluded (ctx) < 0)
        return -1;
    post_restart (ctx);
    parent_init (ctx);
    source_init (ctx);
    if (flux_msg_handler_addvec (ctx->h, root_handlers, ctx, &ctx->handlers) < 0
        || (!is_recovery (ctx)
            && (ctx->force_up
                    ? force_up (ctx)
                    : !(ctx->online = watch_group (ctx, "broker.online", online_cb))))
        || !(ctx->torpid = watch_group (ctx, "broker.torpid", torpid_cb)))
        return -1;
    return 0;
}

static int init_settings (struct resource *ctx)
{
    flux_error_t error;

    if (read_settings (&ctx->settings, flux_get_conf (ctx->h), &error) < 0) {
        flux_log (ctx->h, LOG_ERR, "%s", error.text);
        return -1;
    }
    if (ctx->noverify)
        ctx->settings.verify = false;
    ctx->force_up = ctx->force_up || ctx->settings.force_up;
    return 0;
}

static int init (struct resource *ctx)
{
    report_prepare (ctx);
    acquire_prepare (ctx);
    if (journal_init (ctx) < 0)
        return -1;
    if (flux_get_rank (ctx->h, &ctx->rank) < 0 || flux_get_size (ctx->h, &ctx->size) < 0
        || init_settings (ctx) < 0)
        return -1;
    if (ctx->rank == 0 && init_root (ctx) < 0)
        return -1;
    if (report_init (ctx) < 0)
        return -1;
    if (ctx->rank > 0
        && flux_msg_handler_addvec (ctx->h, common_handlers, ctx, &ctx->handlers) < 0)
        return -1;
    return report_local (ctx);
}

static void fini (struct resource *ctx)
{
    stream_close (ctx->online);
    stream_close (ctx->torpid);
    flux_msg_handler_delvec (ctx->handlers);
    parent_fini (ctx);
    report_fini (ctx);
    acquire_fini (ctx);
    journal_fini (ctx);
    flux_msglist_destroy (ctx->waiting);
    inventory_fini (&ctx->inv);
    settings_fini (&ctx->settings);
}

/* noverify: as resource.noverify. monitor-force-up: all ranks count as online. */
static int parse_args (struct resource *ctx, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!strcmp (argv[i], "noverify"))
            ctx->noverify = true;
        else if (!strcmp (argv[i], "monitor-force-up"))
            ctx->force_up = true;
        else
            return module_no_args (ctx->h, 1, &argv[i]);
    }
    return 0;
}

int mod_main (flux_t *h, int argc, char **argv)
{
    struct resource ctx = { .h = h };
    int rc = -1;

    if (parse_args (&ctx, argc, argv) < 0)
        return -1;
    if (init (&ctx) < 0) {
        if (errno != EINVAL) /* it is said what */
            flux_log_error (h, "cannot start");
    } else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) > 0)
        rc = 0;
    fini (&ctx);
    return rc;
}
