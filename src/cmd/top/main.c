/* flux-top: one level for each instance on the way down; the last one is shown.
 *
 * Happy path: connect, ask for attributes, queues, statistics, resources and jobs; draw
 * when something has come, and once a second for the clocks.
 *
 * Failures: an instance that goes away while it is shown is left, with a line; the
 * outermost one ends the program with status 1. The terminal is restored in any case:
 * it is only taken when the first instance has been reached. */
#include "cmd/cmd.h"
#include "cmd/live/live.h"
#include "cmd/live/opening.h"
#include "cmd/output/output.h"
#include "cmd/top/layout.h"
#include "cmd/top/options.h"
#include "cmd/top/screen.h"

#include "core/job/uri.h"

#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GOT_STATS = 1, GOT_RESOURCES = 2, GOT_JOBS = 4, GOT_QUEUES = 8, GOT_ALL = 15 };

struct top;

struct level {
    struct top *top;
    struct level *parent;
    struct live *live;
    struct live_query *stats, *resources, *jobs, *queues;
    struct top_model m;
    int got;
};

struct top {
    flux_reactor_t *r;
    struct level *level; /* that is shown */
    struct opening *opening;
    char *path; /* of the instance that is opened */
    flux_watcher_t *draw, *clock, *keys, *heart;
    const char *queue;
    const char *dump;
    bool test_exit;
    bool done;
    bool redraw; /* all of it */
    int status;
    char error[256]; /* said when the terminal is restored */
};

/* --- drawing --- */

static void dump_screen (struct top *t, const struct canvas *c)
{
    FILE *f = fopen (t->dump, "w");
    for (int y = 0; f && y < c->height; y++) {
        char *s = canvas_row (c, y);
        fprintf (f, "%s\n", s ? s : "");
        free (s);
    }
    if (!f || fclose (f) != 0) {
        snprintf (t->error, sizeof (t->error), "%s: %s", t->dump, strerror (errno));
        t->status = 1;
    }
}

static void stop (struct top *t)
{
    t->done = true;
    flux_reactor_stop (t->r);
}

static void draw_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct top *t = arg;
    struct canvas c;
    int width, height;
    flux_watcher_stop (w);
    screen_size (&width, &height);
    if (top_layout (&t->level->m, flux_reactor_time (), width, height, &c) < 0)
        return;
    screen_draw (&c, t->redraw);
    t->redraw = false;
    if (t->test_exit && t->level->got == GOT_ALL) {
        if (t->dump)
            dump_screen (t, &c);
        stop (t);
    }
    canvas_fini (&c);
}

/* What comes in one turn is drawn once. */
static void draw (struct top *t)
{
    if (t->draw && !flux_watcher_is_active (t->draw)) {
        flux_timer_watcher_reset (t->draw, 0.01, 0.);
        flux_watcher_start (t->draw);
    }
}

static void clock_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    draw (arg);
}

/* --- an instance --- */

static void got (struct level *l, int what, const char *topic, const char *error)
{
    l->got |= what;
    if (error && strcmp (l->m.message, error) != 0)
        top_say (&l->m, "%s: %s", topic, error);
    if (l->top->level == l)
        draw (l->top);
}

static void stats_cb (json_t *o, const char *error, void *arg)
{
    struct level *l = arg;
    if (o)
        top_stats (&l->m, o);
    got (l, GOT_STATS, "job-list.job-stats", error);
}

static void resources_cb (json_t *o, const char *error, void *arg)
{
    struct level *l = arg;
    if (o)
        top_resources (&l->m, o);
    got (l, GOT_RESOURCES, "resource.sched-status", error);
}

static void jobs_cb (json_t *o, const char *error, void *arg)
{
    struct level *l = arg;
    if (o)
        top_jobs (&l->m, o);
    got (l, GOT_JOBS, "job-list.list", error);
}

static void fail (struct top *t, const char *fmt, const char *arg)
{
    snprintf (t->error, sizeof (t->error), fmt, arg);
    t->status = 1;
    stop (t);
}

static void queues_cb (json_t *o, const char *error, void *arg)
{
    struct level *l = arg;
    struct top *t = l->top;
    if (o && top_set_queues (&l->m, json_object_get (o, "queues")) < 0)
        error = "out of memory";
    if (t->queue && !l->parent) {
        if (top_select_queue (&l->m, t->queue) < 0) {
            fail (t, "queue %s not configured", t->queue);
            return;
        }
        t->queue = NULL;
        live_ask_again (l->jobs);
    }
    live_ask_again (l->stats);
    got (l, GOT_QUEUES, "config.get", error);
}

static json_t *list_payload (void *arg)
{
    struct level *l = arg;
    return top_list_payload (&l->m);
}

static void heart_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct top *t = arg;
    flux_watcher_stop (w);
    t->level->m.heart = false;
    draw (t);
}

static void signal_cb (int signals, void *arg)
{
    struct level *l = arg;
    struct top *t = l->top;
    if (!(signals & LIVE_PULSE) || t->level != l)
        return;
    l->m.heart = true;
    flux_timer_watcher_reset (t->heart, 0.5, 0.);
    flux_watcher_start (t->heart);
    draw (t);
}

static void level_destroy (struct level *l)
{
    if (!l)
        return;
    live_close (l->live);
    top_fini (&l->m);
    free (l);
}

static void open_end (struct top *t)
{
    opening_drop (t->opening);
    t->opening = NULL;
    free (t->path);
    t->path = NULL;
}

/* The levels below go, too: they were reached through this one. */
static void lost_cb (void *arg)
{
    struct level *l = arg, *parent = l->parent;
    struct top *t = l->top;
    char path[256];
    snprintf (path, sizeof (path), "%s", l->m.path);
    if (!parent) {
        fail (t, "%s", "the connection to the instance is lost");
        return;
    }
    open_end (t);
    for (struct level *x = t->level, *next; x != parent; x = next) {
        next = x->parent;
        level_destroy (x);
    }
    t->level = parent;
    top_say (&t->level->m, "%s has ended", path);
    live_pause (t->level->live, false);
    draw (t);
}

static const struct live_ops ops = { .signal = signal_cb, .lost = lost_cb };

static void take_attributes (struct level *l)
{
    struct top_model *m = &l->m;
    m->size = atoi (live_attr (l->live, "size", "1"));
    m->depth = atoi (live_attr (l->live, "instance-level", "0"));
    m->starttime = live_starttime (l->live);
    m->owner = live_is_owner (l->live);
    snprintf (m->version, sizeof (m->version), "%s",
              safe (live_attr (l->live, "version", "")));
}

/* resource.status has R, and R the expiration (RFC 20). */
static void expiration_cb (flux_future_t *f, void *arg)
{
    struct level *l = arg;
    double t = 0;
    if (f
        && flux_rpc_get_unpack (f, "{s:{s:{s?F}}}", "R", "execution", "expiration", &t)
               == 0)
        l->m.expiration = t;
}

static void ask_expiration (struct level *l)
{
    live_then (l->live, flux_rpc (live_handle (l->live), "resource.status", NULL, 0, 0),
               expiration_cb, l);
}

static int ask (struct level *l)
{
    l->queues = live_ask (l->live, 0, "config.get", NULL, queues_cb, l);
    l->stats = live_ask (l->live, LIVE_JOBS, "job-list.job-stats", NULL, stats_cb, l);
    l->resources = live_ask (l->live, LIVE_JOBS | LIVE_RESOURCES,
                             "resource.sched-status", NULL, resources_cb, l);
    l->jobs = live_ask (l->live, LIVE_JOBS, "job-list.list", list_payload, jobs_cb, l);
    return l->queues && l->stats && l->resources && l->jobs ? 0 : -1;
}

static int enter (struct top *t, flux_t *take_h, const char *path, flux_error_t *error)
{
    struct level *l = calloc (1, sizeof (*l));
    snprintf (error->text, sizeof (error->text), "out of memory");
    if (!l || top_init (&l->m, path, getuid (), cmd_username) < 0) {
        flux_close (take_h);
        free (l);
        return -1;
    }
    l->top = t;
    l->parent = t->level;
    if (!(l->live = live_open_handle (t->r, take_h, &ops, l, error)) || ask (l) < 0) {
        level_destroy (l);
        return -1;
    }
    take_attributes (l);
    ask_expiration (l);
    if (l->parent)
        live_pause (l->parent->live, true);
    t->level = l;
    return 0;
}

/* --- what keys do --- */

static void opened (flux_t *take_h, const flux_error_t *error, void *arg)
{
    struct top *t = arg;
    struct level *l = t->level;
    flux_error_t e = *error;
    t->opening = NULL;
    l->m.message[0] = '\0';
    if (!take_h || enter (t, take_h, t->path, &e) < 0)
        top_say (&l->m, "%s: %s", t->path + strlen (l->m.path) + 1, e.text);
    open_end (t);
    draw (t);
}

static void open_job (struct top *t)
{
    struct level *l = t->level;
    const struct top_job *job = top_selected (&l->m);
    char *uri = job && job->uri ? uri_form (job->uri, URI_CONNECT) : NULL;
    if (!uri)
        return;
    open_end (t);
    if (asprintf (&t->path, "%s/%s", l->m.path, cmd_f58 (job->id)) < 0)
        t->path = NULL;
    else if ((t->opening = opening_start (t->r, uri, opened, t)))
        top_say (&l->m, "%s is being opened", cmd_f58 (job->id));
    else
        top_say (&l->m, "%s: %s", cmd_f58 (job->id), strerror (errno));
    free (uri);
}

/* False: this is the outermost instance. */
static bool leave (struct top *t)
{
    struct level *l = t->level;
    if (!l->parent)
        return false;
    open_end (t);
    t->level = l->parent;
    live_pause (t->level->live, false);
    level_destroy (l);
    return true;
}

struct cancel {
    struct level *level;
    flux_jobid_t id;
};

static void canceled (flux_future_t *f, void *arg)
{
    struct cancel *c = arg;
    struct level *l = c->level;
    if (f && flux_future_get (f, NULL) < 0)
        top_say (&l->m, "cancel %s: %s", cmd_f58 (c->id), cmd_future_error (f));
    else if (f)
        top_say (&l->m, "%s is canceled", cmd_f58 (c->id));
    if (f && l->top->level == l)
        draw (l->top);
    free (c);
}

static void cancel (struct top *t)
{
    struct level *l = t->level;
    struct cancel *c = calloc (1, sizeof (*c));
    if (!c)
        return;
    *c = (struct cancel){ .level = l, .id = l->m.target };
    if (!live_then (l->live, flux_job_cancel (live_handle (l->live), l->m.target, NULL),
                    canceled, c)) {
        top_say (&l->m, "cancel: %s", strerror (errno));
        free (c);
    }
}

static void act (struct top *t, enum top_action action)
{
    switch (action) {
    case TOP_NOTHING:
        return;
    case TOP_REDRAW:
        t->redraw = true;
        break;
    case TOP_ASK:
        live_ask_again (t->level->jobs);
        break;
    case TOP_OPEN:
        open_job (t);
        break;
    case TOP_BACK:
        leave (t);
        break;
    case TOP_LEAVE:
        if (!leave (t))
            stop (t);
        break;
    case TOP_CANCEL:
        cancel (t);
        break;
    default:
        break;
    }
    draw (t);
}

static bool hung_up (void)
{
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    return poll (&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void keys_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct top *t = arg;
    int key;
    bool any = false;
    while (!t->done && (key = screen_key ()) >= 0) {
        any = true;
        act (t, top_key (&t->level->m, key));
    }
    if (!any && hung_up ())
        stop (t);
}

/* --- signals --- */

static void resized (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct top *t = arg;
    screen_resize ();
    t->redraw = true;
    draw (t);
}

static void suspended (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    screen_suspend ();
    resized (r, w, revents, arg);
}

static void ended (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct top *t = arg;
    t->status = 128 + flux_signal_watcher_get_signum (w);
    stop (t);
}

static void start (flux_watcher_t *w)
{
    if (!w)
        cmd_die ("%s", strerror (errno));
    flux_watcher_start (w);
}

static void watch_signals (struct top *t)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    for (size_t i = 0; i < sizeof (signals) / sizeof (signals[0]); i++)
        start (flux_signal_watcher_create (t->r, signals[i], ended, t));
    start (flux_signal_watcher_create (t->r, SIGWINCH, resized, t));
}

/* --- the program --- */

/* Levels are gone when one of them was lost. */
static bool find_lost (struct top *t)
{
    for (struct level *l = t->level; l; l = l->parent) {
        if (live_check (l->live))
            return true;
    }
    return false;
}

static void run (struct top *t, bool color)
{
    start (flux_signal_watcher_create (t->r, SIGTSTP, suspended, t));
    if (screen_open (color) < 0)
        exit (1);
    watch_signals (t);
    t->draw = flux_timer_watcher_create (t->r, 0., 0., draw_cb, t);
    t->heart = flux_timer_watcher_create (t->r, 0., 0., heart_cb, t);
    t->keys = flux_fd_watcher_create (t->r, STDIN_FILENO, FLUX_POLLIN, keys_cb, t);
    t->clock = flux_timer_watcher_create (t->r, 1., 1., clock_cb, t);
    if (!t->draw || !t->heart)
        cmd_die ("%s", strerror (errno));
    start (t->keys);
    start (t->clock);
    draw (t);
    while (!t->done) {
        if (flux_reactor_run (t->r, 0) >= 0)
            continue;
        if (!find_lost (t))
            fail (t, "%s", strerror (errno));
    }
    screen_close ();
}

static void check_terminal (void)
{
    if (!isatty (STDIN_FILENO))
        cmd_die ("stdin is not a terminal");
    if (!isatty (STDOUT_FILENO))
        cmd_die ("stdout is not a terminal");
}

int main (int argc, char **argv)
{
    struct top t = { 0 };
    flux_error_t error;
    char *uri = NULL;
    cmd_name = "flux-top";
    output_init ();
    setlocale (LC_ALL, "");
    if (MB_CUR_MAX == 1)
        setlocale (LC_CTYPE, "C.UTF-8");
    optparse_t *p = optparse_create ("flux-top");
    if (!p || optparse_set (p, OPTPARSE_USAGE, "[OPTIONS] [TARGET]") < 0
        || optparse_add_option_table (p, top_options) < 0)
        cmd_die ("bad option table");
    int i = optparse_parse_args (p, argc, argv);
    if (i < 0)
        exit (1);
    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    t.queue = optparse_get_str (p, "queue", NULL);
    t.test_exit = optparse_hasopt (p, "test-exit");
    t.dump = optparse_get_str (p, "test-exit-dump", NULL);
    if (t.dump && !t.test_exit)
        cmd_die ("--test-exit-dump is for --test-exit");
    check_terminal ();
    if (i < argc && !(uri = uri_resolve (argv[i], URI_CONNECT, &error)))
        cmd_die ("%s", error.text);
    if (!(t.r = flux_reactor_create (0)))
        cmd_die ("%s", strerror (errno));
    flux_t *h = flux_open_ex (uri, 0, &error);
    if (!h || enter (&t, h, "", &error) < 0)
        cmd_die ("connecting to Flux: %s", error.text);
    run (&t, optparse_get_color (p, "color"));
    open_end (&t);
    while (t.level) {
        struct level *l = t.level;
        t.level = l->parent;
        level_destroy (l);
    }
    if (t.error[0])
        cmd_warn ("%s", t.error);
    free (uri);
    optparse_destroy (p);
    return t.status;
}
