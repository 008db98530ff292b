/* Reactor and watchers. One reactor belongs to one thread. Times are seconds; those that
 * the clock shows, since the epoch. */
#ifndef FLUX_REACTOR_H
#define FLUX_REACTOR_H

#include <flux/types.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flux_reactor flux_reactor_t;
typedef struct flux_watcher flux_watcher_t;

enum { FLUX_REACTOR_NOWAIT = 1, FLUX_REACTOR_ONCE = 2 };
enum { FLUX_POLLIN = 1, FLUX_POLLOUT = 2, FLUX_POLLERR = 4 };

/* flags 0 (EINVAL). destroy is decref; watchers hold their reactor. */
flux_reactor_t *flux_reactor_create (int flags);
void flux_reactor_destroy (flux_reactor_t *r);
void flux_reactor_incref (flux_reactor_t *r);
void flux_reactor_decref (flux_reactor_t *r);
/* Until nothing is active that counts, or stop; ONCE: one turn, NOWAIT: without sleeping.
 * Runs may be nested; stop ends the innermost. The number of active watchers that count;
 * or -1 after stop_error, with the errno that was there then, or EINVAL. */
int flux_reactor_run (flux_reactor_t *r, int flags);
void flux_reactor_stop (flux_reactor_t *r);
void flux_reactor_stop_error (flux_reactor_t *r);
/* now: when this turn woke, or the last update. time: the clock itself. */
double flux_reactor_now (flux_reactor_t *r);
void flux_reactor_now_update (flux_reactor_t *r);
double flux_reactor_time (void);
/* Counts as an active watcher until decref. */
void flux_reactor_active_incref (flux_reactor_t *r);
void flux_reactor_active_decref (flux_reactor_t *r);

/* revents: FLUX_POLL* for descriptors and handles, else 0. */
typedef void (*flux_watcher_f) (flux_reactor_t *r, flux_watcher_t *w, int revents,
                                void *arg);

/* A watcher is made stopped, by the calls below: NULL with EINVAL or ENOMEM. Its maker
 * destroys it, also in its callback. unref: it is active without counting. priority: -2
 * to 2, cut to that; higher ones are called first. next_wakeup: of timers and periodic
 * ones; -1 with EINVAL for others, as all that ask a watcher of another kind. */
void flux_watcher_start (flux_watcher_t *w);
void flux_watcher_stop (flux_watcher_t *w);
void flux_watcher_ref (flux_watcher_t *w);
void flux_watcher_unref (flux_watcher_t *w);
bool flux_watcher_is_active (flux_watcher_t *w);
bool flux_watcher_is_referenced (flux_watcher_t *w);
void flux_watcher_set_priority (flux_watcher_t *w, int priority);
double flux_watcher_next_wakeup (flux_watcher_t *w);
void flux_watcher_destroy (flux_watcher_t *w);

/* fd is borrowed; stop before it is closed. */
flux_watcher_t *flux_fd_watcher_create (flux_reactor_t *r, int fd, int events,
                                        flux_watcher_f cb, void *arg);
int flux_fd_watcher_get_fd (flux_watcher_t *w);
/* After so long (from flux_reactor_now), then in each repeat; 0: once. reset: from now if
 * it is active, else from its start. again: in repeat from now, active or not; it stops
 * if that is 0. */
flux_watcher_t *flux_timer_watcher_create (flux_reactor_t *r, double after,
                                           double repeat, flux_watcher_f cb, void *arg);
void flux_timer_watcher_reset (flux_watcher_t *w, double after, double repeat);
void flux_timer_watcher_again (flux_watcher_t *w);
/* By the clock: at each offset + N * interval; interval 0: once, at offset. Instead of
 * that, reschedule_cb (may be NULL) tells the next time, after now. reset also starts. */
typedef double (*flux_reschedule_f) (flux_watcher_t *w, double now, void *arg);
flux_watcher_t *flux_periodic_watcher_create (flux_reactor_t *r, double offset,
                                              double interval,
                                              flux_reschedule_f reschedule_cb,
                                              flux_watcher_f cb, void *arg);
void flux_periodic_watcher_reset (flux_watcher_t *w, double next_wakeup,
                                  double interval, flux_reschedule_f reschedule_cb);
/* prepare: before the reactor sleeps. check: when it woke. idle: in a turn that has nothing
 * else; with one active it does not sleep. */
flux_watcher_t *flux_prepare_watcher_create (flux_reactor_t *r, flux_watcher_f cb,
                                             void *arg);
flux_watcher_t *flux_check_watcher_create (flux_reactor_t *r, flux_watcher_f cb,
                                           void *arg);
flux_watcher_t *flux_idle_watcher_create (flux_reactor_t *r, flux_watcher_f cb,
                                          void *arg);
/* One reactor at a time has a signal: as a rule that of the main thread. After its last
 * watcher the signal does what it does by default. */
flux_watcher_t *flux_signal_watcher_create (flux_reactor_t *r, int signum,
                                            flux_watcher_f cb, void *arg);
int flux_signal_watcher_get_signum (flux_watcher_t *w);
/* The end of a child, by pidfd: works in every thread. The watcher reaps, calls and stops.
 * trace: it also calls when the child has been stopped or goes on, with the last of these
 * (from then on no other wait of this program sees stops). ESRCH: no such process; EAGAIN:
 * trace, and no thread to be had. rstatus: as wait(2); 0 if somebody else has reaped. */
flux_watcher_t *flux_child_watcher_create (flux_reactor_t *r, pid_t pid, bool trace,
                                           flux_watcher_f cb, void *arg);
int flux_child_watcher_get_rpid (flux_watcher_t *w);
int flux_child_watcher_get_rstatus (flux_watcher_t *w);
/* When what is at path (copied) has changed; it is looked at in each interval, 0: libev's.
 * rstat: what it is and was (each may be NULL); st_nlink 0: nothing is there. */
struct stat;
flux_watcher_t *flux_stat_watcher_create (flux_reactor_t *r, const char *path,
                                          double interval, flux_watcher_f cb,
                                          void *arg);
int flux_stat_watcher_get_rstat (flux_watcher_t *w, struct stat *stat,
                                 struct stat *prev);

#ifdef __cplusplus
}
#endif

#endif
