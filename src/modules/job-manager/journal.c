/* The journal: all events of all jobs, for job-list and whoever else follows.
 * A reader first gets the events of the jobs that are active, then one response
 * with an empty array, then one response for each reactor turn with events. */
#include "ctx.h"

#include <errno.h>
#include <string.h>

/* So that one response of the backlog does not grow without bound. */
#define BACKLOG_CHUNK (1 << 20)

static void add_backlog (struct buf *b, const struct job *job)
{
    const char *p = job->log.data, *end = p + job->log.len;

    while (p && p < end) {
        const char *nl = memchr (p, '\n', end - p);
        if (!nl)
            break;
        buf_printf (b,
                    "%s{\"id\":%llu,\"entry\":", b->data[b->len - 1] == '[' ? "" : ",",
                    (unsigned long long)job->id);
        buf_add (b, p, nl - p);
        struct span entry = { p, nl - p }, name, text;
        if (jsontext_get (entry, "name", &name) == 0 && jsontext_plain (name, &text)) {
            if (text.len == 6 && memcmp (text.s, "submit", 6) == 0) {
                buf_adds (b, ",\"jobspec\":");
                buf_add (b, job->spec.text, job->spec.len);
            } else if (text.len == 5 && memcmp (text.s, "alloc", 5) == 0 && job->R) {
                buf_adds (b, ",\"R\":");
                buf_adds (b, job->R);
            }
        }
        buf_addc (b, '}');
        p = nl + 1;
    }
}

static void begin (struct buf *b)
{
    buf_reset (b);
    buf_adds (b, "{\"events\":[");
}

static void end (struct ctx *ctx, const flux_msg_t *msg, struct buf *b)
{
    buf_adds (b, "]}");
    flux_respond (ctx->h, msg, b->data);
}

static void send_backlog (struct ctx *ctx, const flux_msg_t *msg)
{
    struct buf *b = &ctx->scratch;
    size_t empty;

    begin (b);
    empty = b->len;
    list_foreach (&ctx->m->all, l) {
        add_backlog (b, container_of (l, struct job, all_link));
        if (b->len > BACKLOG_CHUNK) {
            end (ctx, msg, b);
            begin (b);
        }
    }
    if (b->len > empty)
        end (ctx, msg, b);
    flux_respond (ctx->h, msg, "{\"events\":[]}");
}

void journal_turn (struct ctx *ctx)
{
    struct buf *b = &ctx->scratch;

    if (ctx->m->journal.len == 0)
        return;
    begin (b);
    buf_add (b, ctx->m->journal.data, ctx->m->journal.len);
    buf_adds (b, "]}");
    buf_reset (&ctx->m->journal);
    ctx->njournal++;
    for (const flux_msg_t *msg = flux_msglist_first (ctx->readers); msg;
         msg = flux_msglist_next (ctx->readers))
        flux_respond (ctx->h, msg, b->data);
}

static void journal_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct ctx *ctx = arg;

    if (!flux_msg_is_streaming (msg)) {
        flux_respond_error (h, msg, EPROTO, "events-journal must be streaming");
        return;
    }
    journal_turn (ctx); /* what others have to hear is in the backlog */
    send_backlog (ctx, msg);
    if (flux_msglist_append (ctx->readers, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
    ctx->m->journal_on = true;
}

static void journal_cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct ctx *ctx = arg;

    flux_msglist_cancel (h, ctx->readers, msg);
    ctx->m->journal_on = flux_msglist_count (ctx->readers) > 0;
}

void journal_disconnect (struct ctx *ctx, const flux_msg_t *msg)
{
    flux_msglist_disconnect (ctx->readers, msg);
    ctx->m->journal_on = flux_msglist_count (ctx->readers) > 0;
}

const struct flux_msg_handler_spec journal_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.events-journal", journal_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.events-journal-cancel", journal_cancel_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};
