#include "order.h"

void order_init (struct order *o, order_before_f before)
{
    *o = (struct order){ .before = before, .seed = 2463534242u };
}

static uint32_t next_heat (struct order *o)
{
    o->seed ^= o->seed << 13;
    o->seed ^= o->seed >> 17;
    o->seed ^= o->seed << 5;
    return o->seed;
}

/* Put n in the place of old, below old's parent. */
static void replace (struct order *o, struct order_node *old, struct order_node *n)
{
    if (!old->up)
        o->root = n;
    else if (old->up->left == old)
        old->up->left = n;
    else
        old->up->right = n;
    if (n)
        n->up = old->up;
}

/* n goes above its parent. */
static void rotate_up (struct order *o, struct order_node *n)
{
    struct order_node *p = n->up, *mid;
    bool left = p->left == n;

    replace (o, p, n);
    mid = left ? n->right : n->left;
    if (left) {
        p->left = mid;
        n->right = p;
    } else {
        p->right = mid;
        n->left = p;
    }
    if (mid)
        mid->up = p;
    p->up = n;
}

void order_insert (struct order *o, struct order_node *n)
{
    struct order_node **at = &o->root, *up = NULL;

    while (*at) {
        up = *at;
        at = o->before (n, up) ? &up->left : &up->right;
    }
    *n = (struct order_node){ .up = up, .heat = next_heat (o) };
    *at = n;
    while (n->up && n->up->heat < n->heat)
        rotate_up (o, n);
    o->count++;
}

void order_remove (struct order *o, struct order_node *n)
{
    while (n->left && n->right)
        rotate_up (o, n->left->heat > n->right->heat ? n->left : n->right);
    replace (o, n, n->left ? n->left : n->right);
    n->up = n->left = n->right = NULL;
    o->count--;
}

static struct order_node *leftmost (struct order_node *n)
{
    while (n && n->left)
        n = n->left;
    return n;
}

struct order_node *order_first (const struct order *o)
{
    return leftmost (o->root);
}

struct order_node *order_after (const struct order_node *n)
{
    if (n->right)
        return leftmost (n->right);
    while (n->up && n->up->right == n)
        n = n->up;
    return n->up;
}

struct order_node *order_from (const struct order *o, const struct order_node *key)
{
    struct order_node *n = o->root, *best = NULL;

    while (n) {
        if (o->before (n, key))
            n = n->right;
        else {
            best = n;
            n = n->left;
        }
    }
    return best;
}
