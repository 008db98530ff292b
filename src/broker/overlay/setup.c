/* Where the children of this broker find it, and where it finds its parent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "broker/attrs.h"
#include "broker/overlay/address.h"
#include "broker/overlay/overlay.h"
#include "broker/overlay/overlay_impl.h"

static int bind_uri (struct overlay *ov, const char *uri, flux_error_t *error)
{
    char endpoint[512];

    if (ov->ops->bind (ov->transport, uri, endpoint, sizeof (endpoint)) < 0) {
        error_text (error, "overlay: bind %.100s: %s", uri, strerror (errno));
        return -1;
    }
    json_array_append_new (ov->uris, json_string (endpoint));
    if (!attrs_val (ov->b->attrs, "tbon.endpoint"))
        attrs_put (ov->b->attrs, "tbon.endpoint", endpoint, -1);
    return 0;
}

int overlay_bind (struct broker *b, bool ipc, bool tcp, flux_error_t *error)
{
    struct overlay *ov = b->overlay;
    const char *hint = attrs_val (b->attrs, "tbon.interface-hint");
    char uri[512], addr[ADDRESS_SIZE];

    if (ipc) {
        snprintf (uri, sizeof (uri), "ipc://%s/tbon-%d", attrs_val (b->attrs, "rundir"),
                  b->rank);
        if (bind_uri (ov, uri, error) < 0)
            return -1;
    }
    if (tcp) {
        if (address_find (hint, address_prefers_v6 (), addr, error) < 0)
            return -1;
        snprintf (uri, sizeof (uri), "tcp://%s:*", addr);
        if (bind_uri (ov, uri, error) < 0)
            return -1;
    }
    ov->needs_key = tcp;
    return 0;
}

json_t *overlay_card (struct broker *b)
{
    struct overlay *ov = b->overlay;
    json_t *card = json_pack ("{s:s s:O}", "hostname", b->hostname, "uri", ov->uris);

    if (card && ov->needs_key)
        json_object_set_new (card, "pubkey",
                             json_string (ov->ops->pubkey (ov->transport)));
    return card;
}

void overlay_need_key (struct broker *b)
{
    b->overlay->needs_key = true;
}

void overlay_authorize (struct broker *b, json_t *card)
{
    const char *key = json_string_value (json_object_get (card, "pubkey"));

    if (key)
        (void)b->overlay->ops->authorize (b->overlay->transport, key);
}

static struct ancestor *add_ancestor (struct broker *b, int rank)
{
    struct overlay *ov = b->overlay;
    struct ancestor *v =
        realloc (ov->ancestors, (ov->ancestor_count + 1) * sizeof (*v));

    if (!v)
        return NULL;
    ov->ancestors = v;
    v += ov->ancestor_count++;
    memset (v, 0, sizeof (*v));
    v->rank = rank;
    return v;
}

static int note_parent (struct broker *b, flux_error_t *error)
{
    struct overlay *ov = b->overlay;

    if (ov->ancestor_count > 1
        || attrs_put (b->attrs, "tbon.parent-endpoint", ov->ancestors[0].uri, -1) == 0)
        return 0;
    error_text (error, "out of memory");
    return -1;
}

int overlay_add_ancestor (struct broker *b, int rank, json_t *card, bool local,
                          flux_error_t *error)
{
    const char *key = json_string_value (json_object_get (card, "pubkey"));
    struct ancestor *a = add_ancestor (b, rank);
    json_t *uri;
    size_t i;

    if (!a) {
        error_text (error, "out of memory");
        return -1;
    }
    json_array_foreach (json_object_get (card, "uri"), i, uri) {
        const char *s = json_string_value (uri);

        if (s && strncmp (s, local ? "ipc://" : "tcp://", 6) == 0)
            snprintf (a->uri, sizeof (a->uri), "%s", s);
    }
    if (!a->uri[0]) {
        error_text (error, "business card of rank %d has no %s address", rank,
                    local ? "ipc" : "tcp");
        errno = EPROTO;
        return -1;
    }
    if (key && !local)
        snprintf (a->key, sizeof (a->key), "%s", key);
    return note_parent (b, error);
}

bool overlay_heals (struct broker *b)
{
    return b->overlay->heal > 0;
}

int overlay_use_keys (struct broker *b, const char *pubkey, const char *seckey,
                      flux_error_t *error)
{
    struct overlay *ov = b->overlay;

    if (ov->ops->set_keys (ov->transport, pubkey, seckey) < 0
        || ov->ops->authorize (ov->transport, pubkey) < 0) {
        error_text (error, "overlay: keys: %s", strerror (errno));
        return -1;
    }
    snprintf (ov->shared_key, sizeof (ov->shared_key), "%s", pubkey);
    return 0;
}

void overlay_enable_ipv6 (struct broker *b)
{
    b->overlay->ops->enable_ipv6 (b->overlay->transport);
}

int overlay_bind_at (struct broker *b, const char *uri, flux_error_t *error)
{
    return bind_uri (b->overlay, uri, error);
}

int overlay_add_ancestor_at (struct broker *b, int rank, const char *uri,
                             flux_error_t *error)
{
    struct overlay *ov = b->overlay;
    struct ancestor *a = add_ancestor (b, rank);

    if (!a || strlen (uri) >= sizeof (a->uri)) {
        error_text (error, "overlay: the address of rank %d is too long", rank);
        errno = EINVAL;
        return -1;
    }
    strcpy (a->uri, uri);
    strcpy (a->key, ov->shared_key);
    return note_parent (b, error);
}
