/* Reactor and watchers. One reactor belongs to one thread. */
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

flux_reactor_t *flux_reactor_create (int flags);
void flux_reactor_destroy (flux_reactor_t *r);
void flux_reactor_incref (flux_reactor_t *r);
void flux_reactor_decref (flux_reactor_t *r);
/* Number of active watchers, or -1 if stopped with an error. */
int flux_reactor_run (flux_reactor_t *r, int flags);
void flux_reactor_stop (flux_reactor_t *r);
void flux_reactor_stop_error (flux_reactor_t *r);
double flux_reactor_now (flux_reactor_t *r);
void flux_reactor_now_update (flux_reactor_t *r);
double flux_reactor_time (void);
void flux_reactor_active_incref (flux_reactor_t *r);
void flux_reactor_active_decref (flux_reactor_t *r);

typedef void (*flux_watcher_f) (flux_reactor_t *r, flux_watcher_t *w, int revents,
                                void *arg);

void flux_watcher_start (flux_watcher_t *w);
void flux_watcher_stop (flux_watcher_t *w);
void flux_watcher_ref (flux_watcher_t *w);
void flux_watcher_unref (flux_watcher_t *w);
bool flux_watcher_is_active (flux_watcher_t *w);
bool flux_watcher_is_referenced (flux_watcher_t *w);
void flux_watcher_set_priority (flux_watcher_t *w, int priority);
double flux_watcher_next_wakeup (flux_watcher_t *w);
void flux_watcher_destroy (flux_watcher_t *w);

flux_watcher_t *flux_fd_watcher_create (flux_reactor_t *r, int fd, int events,
                                        flux_watcher_f cb, void *arg);
int flux_fd_watcher_get_fd (flux_watcher_t *w);
flux_watcher_t *flux_timer_watcher_create (flux_reactor_t *r, double after,
                                           double repeat, flux_watcher_f cb, void *arg);
void flux_timer_watcher_reset (flux_watcher_t *w, double after, double repeat);
void flux_timer_watcher_again (flux_watcher_t *w);
typedef double (*flux_reschedule_f) (flux_watcher_t *w, double now, void *arg);
flux_watcher_t *flux_periodic_watcher_create (flux_reactor_t *r, double offset,
                                              double interval,
                                              flux_reschedule_f reschedule_cb,
                                              flux_watcher_f cb, void *arg);
void flux_periodic_watcher_reset (flux_watcher_t *w, double next_wakeup,
                                  double interval, flux_reschedule_f reschedule_cb);
flux_watcher_t *flux_prepare_watcher_create (flux_reactor_t *r, flux_watcher_f cb,
                                             void *arg);
flux_watcher_t *flux_check_watcher_create (flux_reactor_t *r, flux_watcher_f cb,
                                           void *arg);
flux_watcher_t *flux_idle_watcher_create (flux_reactor_t *r, flux_watcher_f cb,
                                          void *arg);
/* Signals are only seen by a reactor of the main thread. */
flux_watcher_t *flux_signal_watcher_create (flux_reactor_t *r, int signum,
                                            flux_watcher_f cb, void *arg);
int flux_signal_watcher_get_signum (flux_watcher_t *w);
/* A child, by pidfd: works in every thread. The watcher reaps. */
flux_watcher_t *flux_child_watcher_create (flux_reactor_t *r, pid_t pid, bool trace,
                                           flux_watcher_f cb, void *arg);
int flux_child_watcher_get_rpid (flux_watcher_t *w);
int flux_child_watcher_get_rstatus (flux_watcher_t *w);
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
