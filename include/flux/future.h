/* Futures, e.g. of RPCs (RFC 6). Calls return 0, or -1 (NULL) with errno: EINVAL where
 * there is no future or an argument is no good, ENOMEM. A future is of one thread. */
#ifndef FLUX_FUTURE_H
#define FLUX_FUTURE_H

#include <flux/handle.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flux_future flux_future_t;
typedef void (*flux_continuation_f) (flux_future_t *f, void *arg);
typedef void (*flux_future_init_f) (flux_future_t *f, void *arg);

/* cb (may be NULL) sets to work what will fulfill the future; the first then and the first
 * wait_for call it. destroy is decref; a continuation may call it. */
flux_future_t *flux_future_create (flux_future_init_f cb, void *arg);
void flux_future_incref (flux_future_t *f);
void flux_future_decref (flux_future_t *f);
void flux_future_destroy (flux_future_t *f);

/* timeout in seconds; < 0: none.
 *
 * then: the reactor calls cb for each result. When time is up the future is fulfilled with
 * ETIMEDOUT. EINVAL also: it has a continuation already, or no reactor.
 * wait_for runs nothing but what this future is made of. 0: there is a result or an error.
 * ETIMEDOUT: it stays as it is. EDEADLK: nothing could ever come. Else the connection's.
 * reset drops the result for the one behind it; the timeout of then starts anew.
 * get waits if need be; -1 with the errno of the error. *result (result may be NULL) and
 * error_string (NULL: no error) are the future's, until reset or destroy. */
int flux_future_then (flux_future_t *f, double timeout, flux_continuation_f cb,
                      void *arg);
int flux_future_wait_for (flux_future_t *f, double timeout);
void flux_future_reset (flux_future_t *f);
bool flux_future_is_ready (flux_future_t *f);
bool flux_future_has_error (flux_future_t *f);
const char *flux_future_error_string (flux_future_t *f);
int flux_future_get (flux_future_t *f, const void **result);

/* result is the future's from now on, and goes with free_fn (may be NULL). What comes while
 * there is a result waits behind it. errnum 0 is EINVAL; errstr is copied, or NULL for
 * flux_strerror. fatal_error comes before all results, and stays. with: the result or
 * error of p, which f holds from now on; EAGAIN: p is not ready; EEXIST: f has another. */
void flux_future_fulfill (flux_future_t *f, void *result, flux_free_f free_fn);
void flux_future_fulfill_error (flux_future_t *f, int errnum, const char *errstr);
int flux_future_fulfill_with (flux_future_t *f, flux_future_t *p);
void flux_future_fatal_error (flux_future_t *f, int errnum, const char *errstr);

/* As flux_aux_set (flux/handle.h); items go with the future. get also finds those of the
 * future that this one was fulfilled with. */
void *flux_future_aux_get (flux_future_t *f, const char *name);
int flux_future_aux_set (flux_future_t *f, const char *name, void *aux,
                         flux_free_f destroy);
/* What is set is borrowed. get gives that, or NULL with EINVAL; inside wait_for its own
 * reactor, and a clone for that, which are the future's: cb of create uses these. */
void flux_future_set_reactor (flux_future_t *f, flux_reactor_t *r);
flux_reactor_t *flux_future_get_reactor (flux_future_t *f);
void flux_future_set_flux (flux_future_t *f, flux_t *h);
flux_t *flux_future_get_flux (flux_future_t *f);

/* Composites: fulfilled, with NULL, once all children or any of them are ready, be it with
 * an error. push: f is the composite's, unless that fails; the name (NULL: "") is copied;
 * a composite without handle and reactor takes those of f. Names and children are
 * borrowed; NULL at the end of a walk, get_child: with ENOENT. */
flux_future_t *flux_future_wait_all_create (void);
flux_future_t *flux_future_wait_any_create (void);
int flux_future_push (flux_future_t *cf, const char *name, flux_future_t *f);
const char *flux_future_first_child (flux_future_t *cf);
const char *flux_future_next_child (flux_future_t *cf);
flux_future_t *flux_future_get_child (flux_future_t *cf, const char *name);

/* Chains. and_then and or_then of the same f give the same future, of the next step: new,
 * and the owner of f. When f is ready, the one's cb is called, or with an error the
 * other's, with f, which it may destroy. It says how the next step goes on; if it says
 * nothing, or is not there, that step is fulfilled with f.
 * continue: it is fulfilled with each result of f, which is its own from now on; if this
 * fails f is the caller's, and the step fails so if he says nothing else. f NULL: with nothing yet. continue_error and fulfill_next: as fulfill_error
 * and fulfill. EINVAL: there is no next step. */
flux_future_t *flux_future_and_then (flux_future_t *f, flux_continuation_f cb,
                                     void *arg);
flux_future_t *flux_future_or_then (flux_future_t *f, flux_continuation_f cb,
                                    void *arg);
int flux_future_continue (flux_future_t *prev, flux_future_t *f);
void flux_future_continue_error (flux_future_t *prev, int errnum, const char *errstr);
int flux_future_fulfill_next (flux_future_t *f, void *result, flux_free_f free_fn);

#ifdef __cplusplus
}
#endif

#endif
