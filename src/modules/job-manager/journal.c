/* The journal: all events of all jobs, for job-list and whoever else follows.
 * A reader first gets the events of the jobs that are active, then one response
 * with an empty array, then one response for each commit of events. Nothing is
 * told that the KVS has not acknowledged: what is told survives. A reader that names the
 * events it wants ("allow") is spared all others, above all the jobspecs; one that only
 * wants to know when to look ("backlog": false) those of before. */
#include "ctx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READERS_MAX 1024

/* So that one response of the backlog does not grow without bound. */
#define BACKLOG_CHUNK (1 << 20)

static const char filter_key[] = "flux::journal-filter";

/* A bit for each event type that the reader wants. */
struct filter {
    uint64_t types;
};

static bool wanted (const struct filter *f, int type)
{
    return !f || (f->types >> type & 1);
}

/* "allow" and "deny" are objects whose keys are event names. NULL with errno 0:
 * no filter. */
static struct filter *filter_create (const flux_msg_t *msg)
{
    json_t *allow = NULL, *deny = NULL, *value;
    struct filter *f;
    const char *name;

    errno = 0;
    if (flux_request_unpack (msg, NULL, "{s?o s?o}", "allow", &allow, "deny", &deny) < 0
        || (!json_is_object (allow) && !json_is_object (deny))) {
        errno = 0;
        return NULL;
    }
    if (!(f = calloc (1, sizeof (*f))))
        return NULL;
    f->types = json_is_object (allow) ? 0 : UINT64_MAX;
    json_object_foreach (allow, name, value) {
        f->types |= 1ull << event_type_of (name);
    }
    json_object_foreach (deny, name, value) {
        if (event_type_of (name) != EV_OTHER)
            f->types &= ~(1ull << event_type_of (name));
    }
    return f;
}

static bool entry_wanted (const struct filter *f, struct span text)
{
    char name[64];

    snprintf (name, sizeof (name), "%.*s", (int)text.len, text.s);
    return wanted (f, event_type_of (name));
}

static void add_backlog (struct buf *b, const struct job *job, const struct filter *f)
{
    const char *p = job->log.data, *end = p + job->committed;

    while (p && p < end) {
        const char *nl = memchr (p, '\n', end - p);
        if (!nl)
            break;
        struct span entry = { p, nl - p }, name, text;
        if (jsontext_get (entry, "name", &name) < 0 || !jsontext_plain (name, &text)
            || !entry_wanted (f, text)) {
            p = nl + 1;
            continue;
        }
        buf_printf (b,
                    "%s{\"id\":%llu,\"entry\":", b->data[b->len - 1] == '[' ? "" : ",",
                    (unsigned long long)job->id);
        buf_add (b, p, nl - p);
        if (text.len == 6 && memcmp (text.s, "submit", 6) == 0) {
            buf_adds (b, ",\"jobspec\":");
            buf_add (b, job->spec.text, job->spec.len);
        } else if (text.len == 5 && memcmp (text.s, "alloc", 5) == 0 && job->R) {
            buf_adds (b, ",\"R\":");
            buf_adds (b, job->R);
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

static bool wants_backlog (const flux_msg_t *msg)
{
    int backlog = 1;

    (void)flux_request_unpack (msg, NULL, "{s?b}", "backlog", &backlog);
    return backlog;
}

static void send_backlog (struct ctx *ctx, const flux_msg_t *msg, struct filter *f)
{
    struct buf *b = &ctx->scratch;
    size_t empty;

    begin (b);
    empty = b->len;
    list_foreach (&ctx->m->all, l) {
        add_backlog (b, container_of (l, struct job, all_link), f);
        if (b->len > BACKLOG_CHUNK) {
            end (ctx, msg, b);
            begin (b);
        }
    }
    if (b->len > empty)
        end (ctx, msg, b);
    flux_respond (ctx->h, msg, "{\"events\":[]}");
}

static void send_turn (struct ctx *ctx, const flux_msg_t *msg, const struct filter *f)
{
    const struct journal *sent = &ctx->m->sent;
    const struct journal_item *item = (void *)sent->index.data;
    size_t count = sent->index.len / sizeof (*item), empty;
    struct buf *b = &ctx->scratch;

    begin (b);
    empty = b->len;
    for (size_t i = 0; i < count; i++)
        if (wanted (f, item[i].type)) {
            if (b->len > empty)
                buf_addc (b, ',');
            buf_add (b, sent->text.data + item[i].start, item[i].len);
        }
    if (b->len > empty)
        end (ctx, msg, b);
}

void journal_publish (struct ctx *ctx)
{
    if (ctx->m->sent.text.len == 0)
        return;
    ctx->njournal++;
    for (const flux_msg_t *msg = flux_msglist_first (ctx->readers); msg;
         msg = flux_msglist_next (ctx->readers))
        send_turn (ctx, msg, flux_msg_aux_get (msg, filter_key));
    buf_reset (&ctx->m->sent.text);
    buf_reset (&ctx->m->sent.index);
}

static void journal_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct ctx *ctx = arg;
    struct filter *f;

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
        send_backlog (ctx, msg, f);
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
