/* Intrusive doubly linked list. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

#define container_of(ptr, type, member)                                                \
    ((type *)((char *)(ptr)-offsetof (type, member)))

/* An initialised node is also an empty list. */
static inline void list_init (struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_empty (const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_before (struct list *at, struct list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_append (struct list *l, struct list *node)
{
    list_insert_before (l, node);
}

static inline void list_prepend (struct list *l, struct list *node)
{
    list_insert_before (l->next, node);
}

/* Safe on a node that is in no list, as long as it was initialised. */
static inline void list_remove (struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init (node);
}

static inline struct list *list_pop (struct list *l)
{
    struct list *node = l->next;
    if (node == l)
        return NULL;
    list_remove (node);
    return node;
}

#define list_first(l, type, member)                                                    \
    (list_empty (l) ? NULL : container_of ((l)->next, type, member))

/* The current entry may be removed or freed in the body. */
#define list_foreach(l, it)                                                            \
    for (struct list *it = (l)->next, *it##_next = it->next; it != (l);                \
         it = it##_next, it##_next = it->next)

#endif
