/* What plugins keep with a job: items with a name, subscriptions, and the jobspec and R
 * that were read for them. */
#include "core/aux.h"
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tap_aux {
    struct list link;
    const void *owner;
    struct aux_item *items;
};

struct tap_sub {
    struct list link;
    const void *owner;
};

struct tap_open {
    struct list link;
    const void *owner;
    bool epilog;
    char *description;
};

struct job_tap *job_tap_get (struct job *job)
{
    if (!job->tap && (job->tap = calloc (1, sizeof (*job->tap)))) {
        list_init (&job->tap->aux);
        list_init (&job->tap->subs);
        list_init (&job->tap->open);
    }
    return job->tap;
}

static void aux_drop (struct tap_aux *a)
{
    list_remove (&a->link);
    aux_destroy (&a->items);
    free (a);
}

static void sub_drop (struct tap_sub *sub)
{
    list_remove (&sub->link);
    free (sub);
}

static void open_drop (struct tap_open *o)
{
    list_remove (&o->link);
    free (o->description);
    free (o);
}

void job_tap_destroy (struct job_tap *tap)
{
    if (!tap)
        return;
    int saved_errno = errno;
    list_foreach (&tap->aux, l)
        aux_drop (container_of (l, struct tap_aux, link));
    list_foreach (&tap->subs, l)
        sub_drop (container_of (l, struct tap_sub, link));
    list_foreach (&tap->open, l)
        open_drop (container_of (l, struct tap_open, link));
    json_decref (tap->jobspec);
    json_decref (tap->R);
    free (tap);
    errno = saved_errno;
}

static struct tap_aux *aux_find (const struct job *job, const void *owner)
{
    if (!job->tap)
        return NULL;
    list_foreach (&job->tap->aux, l) {
        struct tap_aux *a = container_of (l, struct tap_aux, link);
        if (a->owner == owner)
            return a;
    }
    return NULL;
}

static struct tap_aux *aux_make (struct job *job, const void *owner)
{
    struct tap_aux *a = aux_find (job, owner);

    if (a)
        return a;
    if (!job_tap_get (job) || !(a = calloc (1, sizeof (*a))))
        return NULL;
    a->owner = owner;
    list_append (&job->tap->aux, &a->link);
    return a;
}

int job_aux_set (struct job *job, const void *owner, const char *name, void *val,
                 flux_free_f destroy)
{
    struct tap_aux *a = aux_make (job, owner);

    return a ? aux_set (&a->items, name, val, destroy) : -1;
}

void *job_aux_get (const struct job *job, const void *owner, const char *name)
{
    struct tap_aux *a = aux_find (job, owner);
    void *val = a ? aux_get (a->items, name) : NULL;

    if (val)
        return val;
    if (job->tap) {
        list_foreach (&job->tap->aux, l) {
            a = container_of (l, struct tap_aux, link);
            if ((val = aux_get (a->items, name)))
                return val;
        }
    }
    errno = name ? ENOENT : EINVAL;
    return NULL;
}

void job_aux_delete (struct job *job, const void *owner, const void *val)
{
    struct tap_aux *a = aux_find (job, owner);

    if (a)
        aux_delete (&a->items, val);
}

static struct tap_sub *sub_find (const struct job *job, const void *owner)
{
    if (!job->tap)
        return NULL;
    list_foreach (&job->tap->subs, l) {
        struct tap_sub *sub = container_of (l, struct tap_sub, link);
        if (sub->owner == owner)
            return sub;
    }
    return NULL;
}

bool job_has_subscriber (const struct job *job, const void *owner)
{
    return sub_find (job, owner) != NULL;
}

int job_subscribe (struct job *job, const void *owner)
{
    struct tap_sub *sub;

    if (sub_find (job, owner))
        return 0;
    if (!job_tap_get (job) || !(sub = calloc (1, sizeof (*sub))))
        return -1;
    sub->owner = owner;
    list_append (&job->tap->subs, &sub->link);
    return 0;
}

void job_unsubscribe (struct job *job, const void *owner)
{
    struct tap_sub *sub = sub_find (job, owner);

    if (sub)
        sub_drop (sub);
}

int job_perilog_begun (struct job *job, const void *owner, bool epilog,
                       const char *description)
{
    struct tap_open *o;

    if (!job_tap_get (job) || !(o = calloc (1, sizeof (*o))))
        return -1;
    if (!(o->description = strdup (description))) {
        free (o);
        return -1;
    }
    o->owner = owner;
    o->epilog = epilog;
    list_init (&o->link);
    list_append (&job->tap->open, &o->link);
    return 0;
}

void job_perilog_ended (struct job *job, bool epilog, const char *description)
{
    if (!job->tap)
        return;
    list_foreach (&job->tap->open, l) {
        struct tap_open *o = container_of (l, struct tap_open, link);
        if (o->epilog == epilog && strcmp (o->description, description) == 0) {
            open_drop (o);
            return;
        }
    }
}

char *job_perilog_take (struct job *job, const void *owner, bool *epilog)
{
    if (!job->tap)
        return NULL;
    list_foreach (&job->tap->open, l) {
        struct tap_open *o = container_of (l, struct tap_open, link);
        if (o->owner == owner) {
            char *description = o->description;
            *epilog = o->epilog;
            o->description = NULL;
            open_drop (o);
            return description;
        }
    }
    return NULL;
}

void job_tap_forget (struct job *job, const void *owner)
{
    struct tap_aux *a = aux_find (job, owner);

    if (a)
        aux_drop (a);
    job_unsubscribe (job, owner);
}
