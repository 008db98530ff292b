/* The overlay: not there yet for more than one broker. */
#include "broker/overlay/overlay.h"

int overlay_create (struct broker *b, flux_error_t *error)
{
    error_set (error, "only one broker is supported");
    errno = ENOSYS;
    return -1;
}

int overlay_bind (struct broker *b, bool ipc, bool tcp, flux_error_t *error)
{
    return -1;
}

json_t *overlay_card (struct broker *b)
{
    return NULL;
}

void overlay_authorize (struct broker *b, json_t *card)
{
}

int overlay_set_parent (struct broker *b, json_t *card, bool local, flux_error_t *error)
{
    return -1;
}

int overlay_services_init (struct broker *b)
{
    return 0;
}

void overlay_fini (struct broker *b)
{
}

int overlay_connect (struct broker *b, flux_error_t *error)
{
    return -1;
}

bool overlay_send_parent (struct broker *b, flux_msg_t **msg)
{
    return false;
}

struct peer *overlay_child (struct broker *b, int rank)
{
    return NULL;
}

struct peer *overlay_parent (struct broker *b)
{
    return NULL;
}

void overlay_mcast (struct broker *b, const flux_msg_t *event)
{
}

int overlay_child_count (struct broker *b)
{
    return 0;
}

void overlay_tell_state (struct broker *b, enum broker_state state)
{
}

void overlay_accept (struct broker *b)
{
}

void overlay_goodbye (struct broker *b)
{
}
