/* Groups of brokers: sets of ranks by name, known to rank 0.
 *
 * Each broker keeps what is to be told to its parent, and hands it over once
 * per turn, so that a thousand joins below it are one message above it. */
#ifndef BROKER_GROUPS_H
#define BROKER_GROUPS_H

#include <flux/idset.h>
#include <jansson.h>

/* Groups that clients of a broker may have, and bytes of a name. */
#define GROUPS_MAX 1024
#define GROUPS_NAME_MAX 128

struct groups;

struct groups *groups_create (int size);
void groups_destroy (struct groups *g);

/* A client on this broker joins or leaves. EEXIST if it is a member already,
 * ENOENT if it is none, ENAMETOOLONG, ENOSPC. The rank is in the group while one client
 * is. */
int groups_join (struct groups *g, const char *name, const char *client, int rank);
int groups_leave (struct groups *g, const char *name, const char *client, int rank);
/* The client is gone: leaves all. */
void groups_disconnect (struct groups *g, const char *client, int rank);

/* Ranks join or leave, told by a child or by the broker itself. */
int groups_set (struct groups *g, const char *name, const struct idset *ranks);
int groups_clear (struct groups *g, const char *name, const struct idset *ranks);
/* Ranks that are lost leave all groups. */
void groups_clear_all (struct groups *g, const struct idset *ranks);

/* {name: {set: idset, clear: idset}} of what changed since the last call,
 * new; NULL if nothing did. Groups that nobody is in any more are forgotten. */
json_t *groups_take_update (struct groups *g);
/* The same of all that is, new. */
json_t *groups_all (const struct groups *g);
/* What a child took, but for what it says of some ranks (NULL: none). EPROTO if it is
 * malformed: nothing has changed then. */
int groups_apply_update (struct groups *g, json_t *update, const struct idset *except);

/* Borrowed; NULL if nobody is in it. Complete on rank 0 only. */
const struct idset *groups_members (const struct groups *g, const char *name);

#endif
