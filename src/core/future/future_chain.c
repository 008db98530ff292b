/* Chains: a future for the result of a step that starts when the one before
 * it has ended (flux_future_and_then (3)).
 *
 * next owns prev. The continuation of prev may destroy prev. */
#include "core/future/future_impl.h"

#include <stdlib.h>

/* Nobody has said how it goes on, or could. */
static void continue_by_itself (flux_future_t *next, flux_future_t *prev)
{
    if (prev->continue_errnum)
        flux_future_fulfill_error (next, prev->continue_errnum, NULL);
    else if (flux_future_is_ready (prev) && flux_future_fulfill_with (next, prev) < 0)
        flux_future_fulfill_error (next, errno, NULL);
}

static void chain_cb (flux_future_t *prev, void *arg)
{
    flux_future_t *next = prev->next;
    bool failed = flux_future_has_error (prev);
    flux_continuation_f cb = failed ? prev->or_cb : prev->and_cb;

    if (!next)
        return;
    flux_future_incref (prev);
    flux_future_incref (next);
    prev->continued = false;
    prev->continue_errnum = 0;
    if (cb)
        cb (prev, failed ? prev->or_arg : prev->and_arg);
    if (!prev->continued)
        continue_by_itself (next, prev);
    flux_future_decref (next);
    flux_future_decref (prev);
}

static void init_chain (flux_future_t *next, void *arg)
{
    flux_future_t *prev = next->prev;

    if (!prev)
        return;
    future_set_context (prev, flux_future_get_reactor (next),
                        next->h ? flux_future_get_flux (next) : NULL);
    if (flux_future_then (prev, -1., chain_cb, NULL) < 0)
        flux_future_fulfill_error (next, errno, NULL);
}

static flux_future_t *get_next (flux_future_t *prev)
{
    flux_future_t *next;

    if (prev->next)
        return prev->next;
    if (!(next = flux_future_create (init_chain, NULL)))
        return NULL;
    next->prev = prev;
    prev->next = next;
    next->h = prev->h;
    next->reactor = prev->reactor;
    return next;
}

void future_fini_chain (flux_future_t *f)
{
    flux_future_t *prev = f->prev;

    if (f->next)
        f->next->prev = NULL;
    f->next = NULL;
    if (prev) {
        prev->next = NULL;
        f->prev = NULL;
        flux_future_destroy (prev);
    }
}

flux_future_t *flux_future_and_then (flux_future_t *f, flux_continuation_f cb,
                                     void *arg)
{
    flux_future_t *next;

    if (!f || !cb) {
        errno = EINVAL;
        return NULL;
    }
    if ((next = get_next (f))) {
        f->and_cb = cb;
        f->and_arg = arg;
    }
    return next;
}

flux_future_t *flux_future_or_then (flux_future_t *f, flux_continuation_f cb, void *arg)
{
    flux_future_t *next;

    if (!f || !cb) {
        errno = EINVAL;
        return NULL;
    }
    if ((next = get_next (f))) {
        f->or_cb = cb;
        f->or_arg = arg;
    }
    return next;
}

/* A step of the chain has a result: pass it on. For a stream, make room for
 * the one behind it. */
static void pass_on_cb (flux_future_t *f, void *arg)
{
    flux_future_t *next = arg;

    if (flux_future_fulfill_with (next, f) < 0)
        flux_future_fulfill_error (next, errno, NULL);
    if (!flux_future_has_error (f))
        flux_future_reset (f);
}

/* What next owns: the future of its step. */
struct step {
    flux_future_t *f, *next;
};

static void step_destroy (void *arg)
{
    struct step *step = arg;

    future_forget (step->f, pass_on_cb, step->next);
    flux_future_destroy (step->f);
    free (step);
}

static int add_step (flux_future_t *prev, flux_future_t *next, flux_future_t *f)
{
    struct step *step = calloc (1, sizeof (*step));

    if (!step)
        return -1;
    *step = (struct step){ f, next };
    future_set_context (f, prev->reactor, prev->h);
    if (flux_future_then (f, -1., pass_on_cb, next) < 0) {
        free (step);
        return -1;
    }
    if (flux_future_aux_set (next, NULL, step, step_destroy) < 0) {
        future_forget (f, pass_on_cb, next);
        free (step);
        return -1;
    }
    return 0;
}

int flux_future_continue (flux_future_t *prev, flux_future_t *f)
{
    if (!prev || !prev->next) {
        errno = EINVAL;
        return -1;
    }
    if (f && add_step (prev, prev->next, f) < 0) {
        prev->continue_errnum = errno;
        return -1;
    }
    prev->continued = true;
    return 0;
}

void flux_future_continue_error (flux_future_t *prev, int errnum, const char *errstr)
{
    if (prev && prev->next) {
        prev->continued = true;
        flux_future_fulfill_error (prev->next, errnum, errstr);
    }
}

int flux_future_fulfill_next (flux_future_t *f, void *result, flux_free_f free_fn)
{
    if (!f || !f->next) {
        errno = EINVAL;
        return -1;
    }
    f->continued = true;
    flux_future_fulfill (f->next, result, free_fn);
    return 0;
}
