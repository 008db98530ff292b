/* The journal: all events of all jobs, for job-list and whoever else follows.
 * A reader first gets the events of the jobs that are active, then one response
 * with an empty array, then one response for each commit of events. Nothing is
 * told that the KVS has not acknowledged: what is told survives. A reader that names the
 * events it wants ("allow") is spared all others, above all the jobspecs; one that only
 * wants to know when to look ("backlog": false) those of before. One that asks for "commits"
 * is told whether any may be on its way ("busy"): watchers of the KVS may then know more than
 * the reader, until events-journal-sync is answered. */
#include "ctx.h"

#include <errno.h>
#include <stdlib.h>

#define READERS_MAX 1024

/* So that one response of the backlog does not grow without bound. */
#define BACKLOG_CHUNK (1 << 20)

/* No commit for so long, in seconds: the next is worth a word again. */
#define QUIET_AFTER 0.05

static const char filter_key[] = "flux::journal-filter";
static const char commits_key[] = "flux::journal-commits";

/* NULL, and errno is ENOMEM, or 0: all is wanted. */
static uint64_t *filter_create (const flux_msg_t *msg)
{
    json_t *allow = NULL, *deny = NULL;
    uint64_t types = UINT64_MAX, *f;

    if (flux_request_unpack (msg, NULL, "{s?o s?o}", "allow", &allow, "deny", &deny)
        == 0)
        types = journal_filter (allow, deny);
    errno = 0;
    if (types == UINT64_MAX || !(f = malloc (sizeof (*f))))
        return NULL;
    *f = types;
    return f;
}

static bool wants (const flux_msg_t *msg, const char *what, int by_default)
{
    (void)flux_request_unpack (msg, NULL, "{s?b}", what, &by_default);
    return by_default;
}

static void tell_busy (struct ctx *ctx, const flux_msg_t *msg)
{
    flux_respond (ctx->h, msg,
                  ctx->busy ? "{\"events\":[],\"busy\":true}"
                            : "{\"events\":[],\"busy\":false}");
}

static void set_busy (struct ctx *ctx, bool busy)
{
    if (ctx->busy == busy)
        return;
    ctx->busy = busy;
    for (const flux_msg_t *msg = flux_msglist_first (ctx->readers); msg;
         msg = flux_msglist_next (ctx->readers))
        if (flux_msg_aux_get (msg, commits_key))
            tell_busy (ctx, msg);
}

void journal_commit (struct ctx *ctx)
{
    flux_watcher_stop (ctx->quiet);
    set_busy (ctx, true);
}

void journal_committed (struct ctx *ctx)
{
    flux_timer_watcher_reset (ctx->quiet, QUIET_AFTER, 0.);
    flux_watcher_start (ctx->quiet);
}

void journal_quiet_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ctx *ctx = arg;

    if (!ctx->f_commit)
        set_busy (ctx, false);
}

static void send (struct ctx *ctx, const flux_msg_t *msg, struct buf *b)
{
    journal_end (b);
    flux_respond (ctx->h, msg, b->data);
}

static void send_backlog (struct ctx *ctx, const flux_msg_t *msg, uint64_t filter)
{
    struct buf *b = &ctx->scratch;
    bool some = false;

    journal_begin (b);
    list_foreach (&ctx->m->all, l) {
        some = journal_add_backlog (b, container_of (l, struct job, all_link), filter);
        if (b->len > BACKLOG_CHUNK) {
            send (ctx, msg, b);
            journal_begin (b);
            some = false;
        }
    }
    if (some)
        send (ctx, msg, b);
    flux_respond (ctx->h, msg, "{\"events\":[]}");
}

static void send_turn (struct ctx *ctx, const flux_msg_t *msg, const uint64_t *filter)
{
    struct buf *b = &ctx->scratch;

    journal_begin (b);
    if (journal_add_sent (b, &ctx->m->sent, filter ? *filter : UINT64_MAX))
        send (ctx, msg, b);
}

void journal_publish (struct ctx *ctx)
{
    if (ctx->m->sent.text.len == 0)
        return;
    ctx->njournal++;
    for (const flux_msg_t *msg = flux_msglist_first (ctx->readers); msg;
         msg = flux_msglist_next (ctx->readers))
        send_turn (ctx, msg, flux_msg_aux_get (msg, filter_key));
    journal_reset (&ctx->m->sent);
    journal_relax (&ctx->scratch);
}

static void journal_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct ctx *ctx = arg;
    uint64_t *f;

    if (!flux_msg_is_streaming (msg)) {
        flux_respond_error (h, msg, EPROTO, "events-journal must be streaming");
        return;
    }
    if (flux_msglist_count (ctx->readers) >= READERS_MAX) {
        flux_respond_error (h, msg, EAGAIN, "the journal has too many readers");
        return;
    }
    f = filter_create (msg);
    if (errno == ENOMEM || (f && flux_msg_aux_set (msg, filter_key, f, free) < 0)) {
        free (f);
        flux_respond_error (h, msg, ENOMEM, NULL);
        return;
    }
    if (wants (msg, "backlog", true))
        send_backlog (ctx, msg, f ? *f : UINT64_MAX);
    else
        flux_respond (h, msg, "{\"events\":[]}");
    if (wants (msg, "commits", false)
        && flux_msg_aux_set (msg, commits_key, ctx, NULL) == 0)
        tell_busy (ctx, msg);
    if (flux_msglist_append (ctx->readers, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

static void journal_cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct ctx *ctx = arg;

    flux_msglist_cancel (h, ctx->readers, msg);
}

/* All that the KVS has of what happened was said before this is answered. */
static void journal_sync_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                             void *arg)
{
    commit_catch_up (arg);
    flux_respond (h, msg, NULL);
}

void journal_disconnect (struct ctx *ctx, const flux_msg_t *msg)
{
    flux_msglist_disconnect (ctx->readers, msg);
}

const struct flux_msg_handler_spec journal_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.events-journal", journal_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.events-journal-cancel", journal_cancel_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.events-journal-sync", journal_sync_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};
