/* An ordered set, intrusive: a treap. To insert and to remove cost O(log n); the next
 * element, O(1) in the mean. */
#ifndef SCHED_FLUXION_QMANAGER_ORDER_H
#define SCHED_FLUXION_QMANAGER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct order_node {
    struct order_node *up, *left, *right;
    uint32_t heat; /* of the treap */
};

typedef bool (*order_before_f) (const struct order_node *a, const struct order_node *b);

struct order {
    struct order_node *root;
    order_before_f before;
    size_t count;
    uint32_t seed;
};

void order_init (struct order *o, order_before_f before);
/* n is in no set. No two are equal. */
void order_insert (struct order *o, struct order_node *n);
void order_remove (struct order *o, struct order_node *n);
struct order_node *order_first (const struct order *o);
struct order_node *order_after (const struct order_node *n);
/* The first that is not before `key`, which may be in no set. */
struct order_node *order_from (const struct order *o, const struct order_node *key);

#endif
