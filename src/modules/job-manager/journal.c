/* The journal: all events of all jobs, for job-list and whoever else follows.
 * A reader first gets the events of the jobs that are active, then one response
 * with an empty array, then one response for each commit of events. Nothing is
 * told that the KVS has not acknowledged: what is told survives. A reader that names the
 * events it wants ("allow") is spared all others, above all the jobspecs; one that only
 * wants to know when to look ("backlog": false) those of before. */
#include "ctx.h"

#include <errno.h>
#include <stdlib.h>

#define READERS_MAX 1024

/* So that one response of the backlog does not grow without bound. */
#define BACKLOG_CHUNK (1 << 20)

static const char filter_key[] = "flux::journal-filter";

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

static bool wants_backlog (const flux_msg_t *msg)
{
    int backlog = 1;

    (void)flux_request_unpack (msg, NULL, "{s?b}", "backlog", &backlog);
    return backlog;
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
    if (wants_backlog (msg))
        send_backlog (ctx, msg, f ? *f : UINT64_MAX);
    else
        flux_respond (h, msg, "{\"events\":[]}");
    if (flux_msglist_append (ctx->readers, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

static void journal_cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct ctx *ctx = arg;

    flux_msglist_cancel (h, ctx->readers, msg);
}

void journal_disconnect (struct ctx *ctx, const flux_msg_t *msg)
{
    flux_msglist_disconnect (ctx->readers, msg);
}

const struct flux_msg_handler_spec journal_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.events-journal", journal_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.events-journal-cancel", journal_cancel_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};
