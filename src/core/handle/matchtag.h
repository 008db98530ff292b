/* Matchtags (RFC 6): which RPC a response belongs to, in constant time.
 *
 * A tag is a slot number with a generation above it. Slots are reused oldest
 * first, so a late response to an abandoned RPC finds nobody. */
#ifndef CORE_MATCHTAG_H
#define CORE_MATCHTAG_H

#include <flux/message.h>

#define MATCHTAG_SLOT_BITS 20
#define MATCHTAG_MAX ((1u << MATCHTAG_SLOT_BITS) - 1)

typedef void (*matchtag_f) (const flux_msg_t *response, void *arg);

struct matchtags;

struct matchtags *matchtags_create (void);
void matchtags_destroy (struct matchtags *m);
/* FLUX_MATCHTAG_NONE with EBUSY if all are in use, or ENOMEM. */
uint32_t matchtags_alloc (struct matchtags *m);
/* Unknown tags are ignored. */
void matchtags_free (struct matchtags *m, uint32_t tag);
/* Is an RPC of this tag still waited for, or is the tag taken otherwise? */
bool matchtags_used (const struct matchtags *m, uint32_t tag);
uint32_t matchtags_avail (const struct matchtags *m);
/* Whom a response with this tag is for. cb may be NULL; it is called with
 * NULL when the tags are destroyed: no response will come. */
void matchtags_bind (struct matchtags *m, uint32_t tag, matchtag_f cb, void *arg);
/* The tags that somebody is bound to, one after the other: start with 0, FLUX_MATCHTAG_NONE
 * at the end. */
uint32_t matchtags_next_bound (const struct matchtags *m, uint32_t tag);
/* True if somebody was called. */
bool matchtags_deliver (struct matchtags *m, uint32_t tag, const flux_msg_t *response);

#endif
