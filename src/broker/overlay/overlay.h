/* This broker's edges in the tree. */
#ifndef BROKER_OVERLAY_H
#define BROKER_OVERLAY_H

#include "broker/broker.h"

/* ---- while it boots ---- */

int overlay_create (struct broker *b, flux_error_t *error);
/* Sockets for children, of each kind that is needed. */
int overlay_bind (struct broker *b, bool ipc, bool tcp, flux_error_t *error);
/* Business card: {hostname, pubkey?, uri: []}, new. */
json_t *overlay_card (struct broker *b);
/* This broker reaches its parent by tcp: the card must have its key. */
void overlay_need_key (struct broker *b);
/* A child's card: its key may connect. */
void overlay_authorize (struct broker *b, json_t *card);
/* The parent's card, then, where a broker may have to find another (overlay_heals), those
 * of the others up to the root; local: it is on this node. */
int overlay_add_ancestor (struct broker *b, int rank, json_t *card, bool local,
                          flux_error_t *error);
bool overlay_heals (struct broker *b);

/* The same, as the configuration says. Keys: this broker's and all others', before it
 * binds. */
int overlay_use_keys (struct broker *b, const char *pubkey, const char *seckey,
                      flux_error_t *error);
void overlay_enable_ipv6 (struct broker *b);
int overlay_bind_at (struct broker *b, const char *uri, flux_error_t *error);
int overlay_add_ancestor_at (struct broker *b, int rank, const char *uri,
                             flux_error_t *error);

/* ---- while it runs ---- */

int overlay_services_init (struct broker *b); /* overlay.*, also if size is 1 */
void overlay_fini (struct broker *b);
/* Starts to connect to the parent: EVENT_PARENT_READY or _FAIL follows. */
int overlay_connect (struct broker *b, flux_error_t *error);
int overlay_child_count (struct broker *b); /* connected */
/* This broker is in a new state: its children are let in, or told. */
void overlay_enter (struct broker *b, enum broker_state state);
/* Follow what the parent has told of its state. */
void overlay_parent_state (struct broker *b);
/* Last word to the parent. */
void overlay_goodbye (struct broker *b);

#endif
