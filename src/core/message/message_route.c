/* The route stack of a message (RFC 3).
 *
 * Routes lie in one small buffer, the first pushed (the client) first, so
 * that a hop appends or cuts off a few bytes at the end. */
#include <flux/message.h>

#include <stdlib.h>
#include <string.h>

#include "core/message/message.h"
#include "core/message/message_impl.h"

void flux_msg_route_enable (flux_msg_t *msg)
{
    if (msg)
        msg->flags |= FLUX_MSGFLAG_ROUTE;
}

void flux_msg_route_clear (flux_msg_t *msg)
{
    if (msg)
        msg->route_count = msg->routes_len = 0;
}

void flux_msg_route_disable (flux_msg_t *msg)
{
    if (msg) {
        flux_msg_route_clear (msg);
        msg->flags &= ~FLUX_MSGFLAG_ROUTE;
    }
}

static int reserve (flux_msg_t *msg, size_t len)
{
    size_t cap = msg->routes_cap;
    char *routes;

    while (cap < msg->routes_len + len)
        cap *= 2;
    if (cap == msg->routes_cap)
        return 0;
    if (!(routes = malloc (cap)))
        return -1;
    memcpy (routes, msg->routes, msg->routes_len);
    if (msg->routes != msg->routes_buf)
        free (msg->routes);
    msg->routes = routes;
    msg->routes_cap = cap;
    return 0;
}

int flux_msg_route_push (flux_msg_t *msg, const char *id)
{
    size_t len;

    if (!msg || !id || (len = strlen (id)) == 0 || len > MSG_STRING_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (!(msg->flags & FLUX_MSGFLAG_ROUTE) || msg->route_count == MSG_MAX_ROUTES) {
        errno = EPROTO;
        return -1;
    }
    if (reserve (msg, len + 1) < 0)
        return -1;
    memcpy (msg->routes + msg->routes_len, id, len + 1);
    msg->routes_len += len + 1;
    msg->route_count++;
    return 0;
}

/* The string that ends before end, where end points behind its NUL. */
static const char *route_before (const flux_msg_t *msg, const char *end)
{
    const char *p = end - 1;

    while (p > msg->routes && p[-1] != '\0')
        p--;
    return p;
}

const char *msg_route_top (const flux_msg_t *msg)
{
    if (msg->route_count == 0)
        return NULL;
    return route_before (msg, msg->routes + msg->routes_len);
}

const char *msg_route_below (const flux_msg_t *msg, const char *route)
{
    if (route == msg->routes)
        return NULL;
    return route_before (msg, route);
}

int flux_msg_route_delete_last (flux_msg_t *msg)
{
    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    if (!(msg->flags & FLUX_MSGFLAG_ROUTE)) {
        errno = EPROTO;
        return -1;
    }
    if (msg->route_count > 0) {
        msg->routes_len = msg_route_top (msg) - msg->routes;
        msg->route_count--;
    }
    return 0;
}

const char *flux_msg_route_first (const flux_msg_t *msg)
{
    return msg && msg->route_count > 0 ? msg->routes : NULL;
}

const char *flux_msg_route_last (const flux_msg_t *msg)
{
    return msg ? msg_route_top (msg) : NULL;
}

const char *msg_routes (const flux_msg_t *msg, size_t *len)
{
    *len = msg->route_count > 0 ? msg->routes_len : 0;
    return msg->routes;
}

int flux_msg_route_count (const flux_msg_t *msg)
{
    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    if (!(msg->flags & FLUX_MSGFLAG_ROUTE)) {
        errno = EPROTO;
        return -1;
    }
    return msg->route_count;
}

/* UUIDs are shown by their first eight digits. */
static size_t shown_len (const char *id)
{
    size_t len = strlen (id);

    return len == 36 && id[8] == '-' ? 8 : len;
}

char *flux_msg_route_string (const flux_msg_t *msg)
{
    const char *id;
    char *s, *p;

    if (flux_msg_route_count (msg) < 0)
        return NULL;
    if (!(s = p = malloc (msg->routes_len + 1)))
        return NULL;
    id = msg->routes;
    for (int i = 0; i < msg->route_count; i++, id += strlen (id) + 1) {
        size_t len = shown_len (id);

        if (i > 0)
            *p++ = '!';
        memcpy (p, id, len);
        p += len;
    }
    *p = '\0';
    return s;
}

bool flux_msg_route_match_first (const flux_msg_t *a, const flux_msg_t *b)
{
    const char *id_a = flux_msg_route_first (a);
    const char *id_b = flux_msg_route_first (b);

    if (!id_a || !id_b)
        return !id_a && !id_b;
    return !strcmp (id_a, id_b);
}
