#include "core/aux.h"

#include <stdlib.h>
#include <string.h>

struct aux_item {
    struct aux_item *next;
    void *value;
    flux_free_f destroy;
    char name[];
};

static void item_free (struct aux_item *item)
{
    int saved_errno = errno;

    if (item->destroy)
        item->destroy (item->value);
    free (item);
    errno = saved_errno;
}

static struct aux_item **find (struct aux_item **head, const char *name)
{
    for (; *head; head = &(*head)->next)
        if (!strcmp ((*head)->name, name))
            return head;
    return NULL;
}

int aux_set (struct aux_item **head, const char *name, void *value, flux_free_f destroy)
{
    struct aux_item **old, *item;

    if ((!name && !value) || (!value && destroy) || (name && name[0] == '\0')) {
        errno = EINVAL;
        return -1;
    }
    if (name && (old = find (head, name))) {
        item = *old;
        *old = item->next;
        item_free (item);
    }
    if (!value)
        return 0;
    if (!name)
        name = "";
    if (!(item = malloc (sizeof (*item) + strlen (name) + 1)))
        return -1;
    strcpy (item->name, name);
    item->value = value;
    item->destroy = destroy;
    item->next = *head;
    *head = item;
    return 0;
}

void *aux_get (struct aux_item *head, const char *name)
{
    struct aux_item **item;

    if (!name || name[0] == '\0') {
        errno = EINVAL;
        return NULL;
    }
    if (!(item = find (&head, name))) {
        errno = ENOENT;
        return NULL;
    }
    return (*item)->value;
}

void aux_delete (struct aux_item **head, const void *value)
{
    for (; *head; head = &(*head)->next) {
        if ((*head)->value == value) {
            struct aux_item *item = *head;

            *head = item->next;
            item_free (item);
            return;
        }
    }
}

void aux_destroy (struct aux_item **head)
{
    struct aux_item *item;

    while ((item = *head)) {
        *head = item->next;
        item_free (item);
    }
}
