/* An ordered set (intrusive treap): insert, remove and next in O(log n). */
#ifndef JOB_LIST_ORDER_H
#define JOB_LIST_ORDER_H

#include <stdbool.h>
#include <stddef.h>

struct order_node {
    struct order_node *parent, *left, *right;
    unsigned int weight; /* 0: in no set */
};

/* < 0: a comes before b. Never 0 for different nodes. */
typedef int (*order_cmp_f) (const struct order_node *a, const struct order_node *b);

struct order {
    struct order_node *root;
    size_t count;
    order_cmp_f cmp;
    unsigned int seed;
};

void order_init (struct order *o, order_cmp_f cmp);
void order_insert (struct order *o, struct order_node *n);
/* Safe on a node that is in no set. */
void order_remove (struct order *o, struct order_node *n);
struct order_node *order_first (const struct order *o);
struct order_node *order_next (const struct order_node *n);

#endif
