/* Setting up this broker's edges in the tree, while it boots. */
#ifndef BROKER_OVERLAY_H
#define BROKER_OVERLAY_H

#include "broker/broker.h"

int overlay_create (struct broker *b, flux_error_t *error);
/* Sockets for children, of each kind that is needed. */
int overlay_bind (struct broker *b, bool ipc, bool tcp, flux_error_t *error);
/* Business card: {hostname, pubkey?, uri: []}, new. */
json_t *overlay_card (struct broker *b);
/* This broker reaches its parent by tcp: the card must have its key. */
void overlay_need_key (struct broker *b);
/* A child's card: its key may connect. */
void overlay_authorize (struct broker *b, json_t *card);
/* The parent's card; local: it is on this node. */
int overlay_set_parent (struct broker *b, json_t *card, bool local,
                        flux_error_t *error);

#endif
