/* An ordered set (intrusive treap): insert, remove, next and after in O(log n). */
#ifndef JOB_LIST_ORDER_H
#define JOB_LIST_ORDER_H

#include <stdbool.h>
#include <stddef.h>

struct order_node {
    struct order_node *parent, *left, *right;
    unsigned int weight; /* 0: in no set */
};

/* < 0: a comes before b. Never 0 for different nodes of a set. */
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
struct order_node *order_last (const struct order *o);
struct order_node *order_next (const struct order_node *n);
struct order_node *order_prev (const struct order_node *n);
/* The first that comes after n, which is in no set. */
struct order_node *order_after (const struct order *o, const struct order_node *n);

#endif
