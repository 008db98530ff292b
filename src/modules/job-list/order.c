#include "order.h"

#include <string.h>

void order_init (struct order *o, order_cmp_f cmp)
{
    memset (o, 0, sizeof (*o));
    o->cmp = cmp;
    o->seed = 1;
}

static void replace (struct order *o, struct order_node *old, struct order_node *n)
{
    struct order_node *parent = old->parent;

    if (!parent)
        o->root = n;
    else if (parent->left == old)
        parent->left = n;
    else
        parent->right = n;
    if (n)
        n->parent = parent;
}

/* n moves above its parent. */
static void rotate_up (struct order *o, struct order_node *n)
{
    struct order_node *p = n->parent, *inner;

    replace (o, p, n);
    if (p->left == n) {
        inner = n->right;
        n->right = p;
        p->left = inner;
    } else {
        inner = n->left;
        n->left = p;
        p->right = inner;
    }
    if (inner)
        inner->parent = p;
    p->parent = n;
}

void order_insert (struct order *o, struct order_node *n)
{
    struct order_node **p = &o->root, *parent = NULL;

    while (*p) {
        parent = *p;
        p = o->cmp (n, parent) < 0 ? &parent->left : &parent->right;
    }
    o->seed = o->seed * 1664525 + 1013904223;
    *n = (struct order_node){ .parent = parent, .weight = (o->seed >> 1) | 1 };
    *p = n;
    o->count++;
    while (n->parent && n->weight > n->parent->weight)
        rotate_up (o, n);
}

void order_remove (struct order *o, struct order_node *n)
{
    if (n->weight == 0)
        return;
    while (n->left && n->right)
        rotate_up (o, n->left->weight > n->right->weight ? n->left : n->right);
    replace (o, n, n->left ? n->left : n->right);
    memset (n, 0, sizeof (*n));
    o->count--;
}

struct order_node *order_first (const struct order *o)
{
    struct order_node *n = o->root;

    while (n && n->left)
        n = n->left;
    return n;
}

struct order_node *order_next (const struct order_node *n)
{
    if (n->right) {
        n = n->right;
        while (n->left)
            n = n->left;
        return (struct order_node *)n;
    }
    while (n->parent && n->parent->right == n)
        n = n->parent;
    return n->parent;
}

struct order_node *order_last (const struct order *o)
{
    struct order_node *n = o->root;

    while (n && n->right)
        n = n->right;
    return n;
}

struct order_node *order_prev (const struct order_node *n)
{
    if (n->left) {
        n = n->left;
        while (n->right)
            n = n->right;
        return (struct order_node *)n;
    }
    while (n->parent && n->parent->left == n)
        n = n->parent;
    return n->parent;
}

struct order_node *order_after (const struct order *o, const struct order_node *n)
{
    struct order_node *p = o->root, *best = NULL;

    while (p) {
        if (o->cmp (n, p) < 0) {
            best = p;
            p = p->left;
        } else {
            p = p->right;
        }
    }
    return best;
}
