/* Requests that wait for an answer, in order, indexed by who sent them. */
#include <flux/rpc.h>

#include <stdlib.h>

#include "base/list.h"

struct entry {
    struct list node;
    const flux_msg_t *msg;
};

struct flux_msglist {
    struct list entries;
    struct list *cursor; /* NULL: none */
    int count;
};

/* The sender of a cancel or disconnect may only take back what is its own. */
static bool same_user (const flux_msg_t *a, const flux_msg_t *b)
{
    struct flux_msg_cred cred;
    uint32_t userid;

    return flux_msg_get_cred (a, &cred) == 0 && flux_msg_get_userid (b, &userid) == 0
           && flux_msg_cred_authorize (cred, userid) == 0;
}

bool flux_disconnect_match (const flux_msg_t *disconnect, const flux_msg_t *msg)
{
    return flux_msg_route_match_first (disconnect, msg) && same_user (disconnect, msg);
}

bool flux_cancel_match (const flux_msg_t *cancel, const flux_msg_t *msg)
{
    uint32_t tag, wanted;

    return flux_msg_unpack (cancel, "{s:i}", "matchtag", &wanted) == 0
           && flux_msg_get_matchtag (msg, &tag) == 0 && tag == wanted
           && flux_msg_route_match_first (cancel, msg) && same_user (cancel, msg);
}

struct flux_msglist *flux_msglist_create (void)
{
    struct flux_msglist *l = calloc (1, sizeof (*l));

    if (l)
        list_init (&l->entries);
    return l;
}

static void remove_entry (struct flux_msglist *l, struct entry *e)
{
    if (l->cursor == &e->node)
        l->cursor = e->node.prev;
    list_remove (&e->node);
    l->count--;
    free (e);
}

void flux_msglist_destroy (struct flux_msglist *l)
{
    int saved_errno = errno;
    const flux_msg_t *msg;

    if (!l)
        return;
    while ((msg = flux_msglist_pop (l)))
        flux_msg_decref (msg);
    free (l);
    errno = saved_errno;
}

static struct entry *entry_create (const flux_msg_t *msg)
{
    struct entry *e = malloc (sizeof (*e));

    if (e) {
        list_init (&e->node);
        e->msg = flux_msg_incref (msg);
    }
    return e;
}

int flux_msglist_push (struct flux_msglist *l, const flux_msg_t *msg)
{
    struct entry *e;

    if (!l || !msg) {
        errno = EINVAL;
        return -1;
    }
    if (!(e = entry_create (msg)))
        return -1;
    list_prepend (&l->entries, &e->node);
    l->count++;
    return 0;
}

int flux_msglist_append (struct flux_msglist *l, const flux_msg_t *msg)
{
    struct entry *e;

    if (!l || !msg) {
        errno = EINVAL;
        return -1;
    }
    if (!(e = entry_create (msg)))
        return -1;
    list_append (&l->entries, &e->node);
    l->count++;
    return 0;
}

/* The caller gets the reference. */
const flux_msg_t *flux_msglist_pop (struct flux_msglist *l)
{
    struct entry *e;
    const flux_msg_t *msg;

    if (!l || !(e = list_first (&l->entries, struct entry, node)))
        return NULL;
    msg = e->msg;
    remove_entry (l, e);
    return msg;
}

static const flux_msg_t *at_cursor (struct flux_msglist *l)
{
    if (!l->cursor || l->cursor == &l->entries)
        return NULL;
    return container_of (l->cursor, struct entry, node)->msg;
}

const flux_msg_t *flux_msglist_last (struct flux_msglist *l)
{
    if (!l)
        return NULL;
    l->cursor = l->entries.prev;
    return at_cursor (l);
}

const flux_msg_t *flux_msglist_first (struct flux_msglist *l)
{
    if (!l)
        return NULL;
    l->cursor = l->entries.next;
    return at_cursor (l);
}

const flux_msg_t *flux_msglist_next (struct flux_msglist *l)
{
    if (!l || !l->cursor)
        return NULL;
    l->cursor = l->cursor->next;
    if (l->cursor == &l->entries)
        l->cursor = NULL;
    return at_cursor (l);
}

void flux_msglist_delete (struct flux_msglist *l)
{
    const flux_msg_t *msg;

    if (!l || !(msg = at_cursor (l)))
        return;
    remove_entry (l, container_of (l->cursor, struct entry, node));
    flux_msg_decref (msg);
}

int flux_msglist_count (struct flux_msglist *l)
{
    return l ? l->count : 0;
}

/* The canceled request gets ECANCELED. Returns their number (0 or 1). */
int flux_msglist_cancel (flux_t *h, struct flux_msglist *l, const flux_msg_t *cancel)
{
    const flux_msg_t *msg;

    if (!h || !l || !cancel) {
        errno = EINVAL;
        return -1;
    }
    for (msg = flux_msglist_first (l); msg; msg = flux_msglist_next (l)) {
        if (flux_cancel_match (cancel, msg)) {
            int rc = flux_respond_error (h, msg, ECANCELED, NULL);

            flux_msglist_delete (l);
            return rc < 0 ? -1 : 1;
        }
    }
    return 0;
}

/* Returns how many were dropped. */
int flux_msglist_disconnect (struct flux_msglist *l, const flux_msg_t *disconnect)
{
    const flux_msg_t *msg;
    int count = 0;

    if (!l || !disconnect) {
        errno = EINVAL;
        return -1;
    }
    for (msg = flux_msglist_first (l); msg; msg = flux_msglist_next (l)) {
        if (flux_disconnect_match (disconnect, msg)) {
            flux_msglist_delete (l);
            count++;
        }
    }
    return count;
}
