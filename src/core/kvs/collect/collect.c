#include "core/kvs/collect/collect.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "core/kvs/collect/pace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define FETCH_MAX 32 /* blobs that content is asked for at a time, if nobody says */
#define PROGRESS_EVERY 0.25 /* s */

enum { DONE, MORE, FETCHING }; /* FETCHING: all that is left is being fetched */
enum phase { IDLE, ASKING, MARKING, SWEEPING, SHRINKING, ENDING };

static const char *const phase_names[] = { "idle",  "start",  "mark",
                                           "sweep", "shrink", "end" };

/* Stored by themselves, oldest first, as a ring of digests and times. */
struct held {
    char *slots;
    size_t first, count, cap;
};

struct collect {
    flux_t *h;
    struct digest *digest;
    size_t digest_size;
    struct collect_store store;
    void *arg;
    enum phase phase;
    struct mark *mark;
    struct held held;
    size_t held_next;    /* of those that are to be marked */
    struct list fetches; /* struct fetch */
    size_t fetching;
    flux_future_t *asked; /* content or the KVS, for roots or at the end */
    flux_watcher_t *timer;
    struct pace pace;
    struct flux_msglist *waiters, *next; /* next: of the next one */
    bool told;                           /* content knows */
    bool all;                            /* give back what can be given back */
    bool dry;                            /* free nothing */
    size_t fetch_max;
    double began, slice_end, reported, not_before;
    enum phase reported_phase;
    double forgot_until; /* held blobs that there was no more room for */
    int errnum;          /* why it ends, 0: it is done */
    flux_error_t error;
};

/* Held blobs */

static size_t slot_size (const struct collect *c)
{
    return sizeof (double) + c->digest_size;
}

static char *slot (struct collect *c, size_t i)
{
    return c->held.slots + (c->held.first + i) % c->held.cap * slot_size (c);
}

static double slot_time (struct collect *c, size_t i)
{
    double t;

    memcpy (&t, slot (c, i), sizeof (t));
    return t;
}

static int grow_held (struct collect *c)
{
    struct held *old = &c->held;
    struct held new = { .count = old->count, .cap = old->cap ? old->cap * 2 : 64 };

    if (!(new.slots = malloc (new.cap *slot_size (c))))
        return -1;
    for (size_t i = 0; i < old->count; i++)
        memcpy (new.slots + i *slot_size (c), slot (c, i), slot_size (c));
    free (old->slots);
    *old = new;
    return 0;
}

static void drop_held (struct collect *c)
{
    c->held.first = (c->held.first + 1) % c->held.cap;
    c->held.count--;
    if (c->held_next > 0)
        c->held_next--;
}

static void expire_held (struct collect *c)
{
    double now = clock_monotonic ();

    while (c->held.count > 0 && slot_time (c, 0) + COLLECT_HOLD < now)
        drop_held (c);
    if (c->held.count == 0) {
        free (c->held.slots);
        c->held = (struct held){ 0 };
    }
}

int collect_hold (struct collect *c, const void *digest)
{
    double now = clock_monotonic ();

    expire_held (c);
    if (c->held.count >= COLLECT_HELD_MAX && c->phase == IDLE) {
        c->forgot_until = slot_time (c, 0) + COLLECT_HOLD;
        drop_held (c);
    }
    if (c->held.count == c->held.cap && grow_held (c) < 0) {
        errno = ENOMEM;
        return -1;
    }
    c->held.count++;
    memcpy (slot (c, c->held.count - 1), &now, sizeof (now));
    memcpy (slot (c, c->held.count - 1) + sizeof (now), digest, c->digest_size);
    return 0;
}

/* Answers */

static void respond (struct collect *c, const flux_msg_t *msg, json_t *o)
{
    if (flux_respond_pack (c->h, msg, "O", o) < 0)
        flux_log_error (c->h, "error responding to a collection");
}

static void respond_error (struct collect *c, const flux_msg_t *msg, int errnum,
                           const char *text)
{
    if (flux_respond_error (c->h, msg, errnum, text) < 0)
        flux_log_error (c->h, "error responding to a collection");
}

static void report (struct collect *c)
{
    double progress = 0.;
    const flux_msg_t *msg;
    json_t *o;

    if ((clock_monotonic () - c->reported < PROGRESS_EVERY
         && c->phase == c->reported_phase)
        || flux_msglist_count (c->waiters) == 0)
        return;
    c->reported = clock_monotonic ();
    c->reported_phase = c->phase;
    o = c->store.counts (c->arg, &progress);
    json_object_set_new (o, "phase", json_string (phase_names[c->phase]));
    json_object_set_new (o, "progress", json_real (progress));
    for (msg = flux_msglist_first (c->waiters); msg;
         msg = flux_msglist_next (c->waiters))
        if (flux_msg_is_streaming (msg))
            respond (c, msg, o);
    json_decref (o);
}

static json_t *summary (struct collect *c)
{
    double progress;
    json_t *o = c->store.counts (c->arg, &progress);

    json_object_set_new (o, "duration", json_real (clock_monotonic () - c->began));
    json_object_set_new (o, "phase", json_string ("done"));
    return o;
}

static void answer_all (struct collect *c, json_t *o)
{
    const flux_msg_t *msg;

    while ((msg = flux_msglist_pop (c->waiters))) {
        if (c->errnum)
            respond_error (c, msg, c->errnum, c->error.text);
        else
            respond (c, msg, o);
        if (!c->errnum && flux_msg_is_streaming (msg))
            respond_error (c, msg, ENODATA, NULL);
        flux_msg_decref (msg);
    }
}

/* The end */

static void begin (struct collect *c);

static void finish (struct collect *c)
{
    bool by_itself = flux_msglist_count (c->waiters) == 0;
    json_t *o = c->errnum ? NULL : summary (c);
    char *s = o ? json_dumps (o, JSON_COMPACT) : NULL;

    c->phase = IDLE;
    if (c->errnum && by_itself)
        flux_log (c->h, LOG_ERR, "garbage collection: %s", c->error.text);
    else if (!c->errnum)
        flux_log (c->h, LOG_DEBUG, "garbage collection: %s", s ? s : "");
    if (c->errnum)
        c->not_before = clock_monotonic () + COLLECT_AGAIN;
    answer_all (c, o);
    free (s);
    json_decref (o);
    if (flux_msglist_count (c->next) > 0) {
        struct flux_msglist *l = c->waiters;

        c->waiters = c->next;
        c->next = l;
        c->all = true;
        begin (c);
    }
}

static void told_end (flux_future_t *f, void *arg)
{
    struct collect *c = arg;

    c->asked = NULL;
    flux_future_destroy (f);
    finish (c);
}

static int ask (struct collect *c, const char *topic, flux_continuation_f fn,
                const char *fmt, int on)
{
    if (!(c->asked = flux_rpc_pack (c->h, topic, 0, 0, fmt, "on", on)))
        return -1;
    if (flux_future_then (c->asked, -1., fn, c) < 0) {
        flux_future_destroy (c->asked);
        c->asked = NULL;
        return -1;
    }
    return 0;
}

/* Content has to know before the next collection; it is told again by that one. */
static void end (struct collect *c)
{
    bool told = c->told;

    flux_watcher_stop (c->timer);
    c->phase = ENDING;
    c->told = false;
    c->store.end (c->arg, c->errnum == 0 && !c->dry);
    mark_destroy (c->mark);
    c->mark = NULL;
    if (!told || ask (c, "content.collect", told_end, "{s:b}", false) < 0)
        finish (c);
}

static void fail (struct collect *c)
{
    c->errnum = errno ? errno : EIO;
    if (!c->error.text[0])
        error_fail (&c->error, c->errnum, "%s", strerror (c->errnum));
    end (c);
}

/* Blobs that the store does not have */

struct fetch {
    struct list node;
    struct collect *c;
    flux_future_t *future; /* owns this */
    double began;          /* of the collection that it is for */
    unsigned char digest[DIGEST_MAX_SIZE];
};

static void go_on (struct collect *c);

static void fetched (flux_future_t *f, void *arg)
{
    struct fetch *fe = flux_future_aux_get (f, "fetch");
    struct collect *c = fe->c;
    const void *data = NULL;
    size_t len = 0;
    int rc = flux_rpc_get_raw (f, &data, &len), errnum = rc < 0 ? errno : 0;

    if (c->phase == MARKING && fe->began == c->began) {
        if (rc < 0 && errnum != ENOENT)
            rc = error_fail (&c->error, errnum, "%s", flux_future_error_string (f));
        else
            rc = mark_found (c->mark, fe->digest,
                             rc < 0 ? NULL
                             : data ? data
                                    : "",
                             len, &c->error);
        if (rc < 0)
            fail (c);
    }
    flux_future_destroy (f);
    if (c->phase == MARKING)
        go_on (c);
}

static void destroy_fetch (void *arg)
{
    struct fetch *fe = arg;

    fe->c->fetching--;
    list_remove (&fe->node);
    free (fe);
}

static int fetch (struct collect *c, const void *digest)
{
    struct fetch *fe;
    flux_future_t *f;

    if (!(fe = calloc (1, sizeof (*fe))))
        return -1;
    fe->c = c;
    fe->began = c->began;
    memcpy (fe->digest, digest, c->digest_size);
    list_append (&c->fetches, &fe->node);
    c->fetching++;
    if (!(f = flux_rpc_raw (c->h, "content.load", digest, c->digest_size, 0, 0))
        || flux_future_aux_set (f, "fetch", fe, destroy_fetch) < 0) {
        destroy_fetch (fe);
        flux_future_destroy (f);
        return -1;
    }
    fe->future = f;
    if (flux_future_then (f, -1., fetched, c) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

static int fetch_wanted (struct collect *c)
{
    const void *digest;

    while (c->fetching < c->fetch_max && mark_wanted (c->mark, &digest))
        if (fetch (c, digest) < 0)
            return -1;
    return 0;
}

/* Slices */

static bool is_over (void *arg)
{
    struct collect *c = arg;

    return clock_monotonic () >= c->slice_end;
}

static int mark_held (struct collect *c)
{
    for (; c->held_next < c->held.count; c->held_next++) {
        if (c->store.mark.mark (c->arg, slot (c, c->held_next) + sizeof (double), false,
                                &c->error)
                < 0
            && errno != ENOENT)
            return -1;
        if (is_over (c))
            return 1;
    }
    return 0;
}

static int mark_some (struct collect *c)
{
    int rc;

    if ((rc = mark_held (c)) != 0)
        return rc;
    while ((rc = mark_step (c->mark, &c->error)) > 0 && !is_over (c))
        ;
    if (rc < 0 || fetch_wanted (c) < 0)
        return -1;
    if (rc > 0 || !mark_is_done (c->mark))
        return rc > 0 ? MORE : FETCHING;
    return mark_check (c->mark, &c->error);
}

static int run_phase (struct collect *c)
{
    if (c->phase == MARKING)
        return mark_some (c);
    if (c->phase == SWEEPING)
        return c->store.sweep (c->arg, is_over, c, &c->error);
    return c->store.shrink (c->arg, c->all, is_over, c, &c->error);
}

static void wait_for_slice (struct collect *c, double seconds)
{
    flux_reactor_t *r = flux_get_reactor (c->h);

    /* Timers run from when this turn of the reactor began: before the slice. */
    flux_reactor_now_update (r);
    flux_timer_watcher_reset (c->timer, seconds, 0.);
    flux_watcher_start (c->timer);
}

static double rest (struct collect *c)
{
    return pace_wait (&c->pace, clock_monotonic (),
                      (flux_pollevents (c->h) & FLUX_POLLIN) != 0);
}

static void slice (struct collect *c)
{
    double start = clock_monotonic ();
    int rc;

    c->slice_end = start + pace_slice (&c->pace, start);
    errno = 0;
    if ((rc = run_phase (c)) < 0) {
        fail (c);
        return;
    }
    report (c);
    if (rc == DONE && c->dry && c->phase == SWEEPING)
        c->phase++; /* there is nothing to give back */
    if (rc == DONE && c->phase++ == SHRINKING) {
        end (c);
        return;
    }
    pace_grown (&c->pace, c->store.grown (c->arg, c->all));
    pace_worked (&c->pace, start, clock_monotonic ());
    if (rc != FETCHING) /* else its answer goes on */
        wait_for_slice (c, rest (c));
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct collect *c = arg;
    double seconds;

    flux_watcher_stop (w);
    if ((seconds = rest (c)) > 0.)
        wait_for_slice (c, seconds);
    else
        slice (c);
}

static void go_on (struct collect *c)
{
    wait_for_slice (c, rest (c));
}

void collect_grown (struct collect *c)
{
    pace_grown (&c->pace, c->store.grown (c->arg, c->all));
    if (c->phase >= MARKING && c->phase <= SHRINKING
        && flux_watcher_is_active (c->timer))
        go_on (c);
}

void collect_give_way (struct collect *c)
{
    pace_request (&c->pace, clock_monotonic ());
}

/* The beginning */

static int add_roots (struct collect *c, json_t *roots, bool optional)
{
    json_t *ref;
    size_t i;

    json_array_foreach (roots, i, ref) {
        const char *s = json_string_value (ref);

        if (mark_root (c->mark, s ? s : "", optional, &c->error) < 0)
            return -1;
    }
    return 0;
}

/* Of those before the newest a root may be lost. */
static int add_checkpoints (struct collect *c)
{
    struct buf b = BUF_INIT;
    json_t *list = NULL, *o;
    size_t i;
    int rc = c->store.checkpoints (c->arg, &b, &c->error);

    if (rc < 0 && errno == ENOENT) {
        rc = 0;
    } else if (rc == 0 && !(list = json_loads (b.data ? b.data : "", 0, NULL))) {
        rc = error_fail (&c->error, EBADMSG, "a checkpoint is no JSON");
    }
    json_array_foreach (list, i, o) {
        const char *ref = json_string_value (json_object_get (o, "rootref"));

        if (rc == 0)
            rc = mark_root (c->mark, ref ? ref : "", i > 0, &c->error);
    }
    json_decref (list);
    buf_fini (&b);
    c->error.text[0] = rc == 0 ? '\0' : c->error.text[0];
    return rc;
}

/* Without a KVS there is what the checkpoints say. */
static void got_roots (flux_future_t *f, void *arg)
{
    struct collect *c = arg;
    json_t *roots = NULL, *coming = NULL;
    int rc = flux_rpc_get_unpack (f, "{s:o s:o}", "roots", &roots, "coming", &coming);

    c->asked = NULL;
    if (rc < 0 && errno != ENOSYS)
        error_fail (&c->error, errno, "roots of the KVS: %s",
                    flux_future_error_string (f));
    else
        rc = 0;
    if (rc < 0 || add_checkpoints (c) < 0 || add_roots (c, roots, false) < 0
        || add_roots (c, coming, true) < 0) {
        fail (c);
    } else {
        c->phase = MARKING;
        pace_grown (&c->pace, c->store.grown (c->arg, c->all));
        go_on (c);
    }
    flux_future_destroy (f);
}

static void told_begin (flux_future_t *f, void *arg)
{
    struct collect *c = arg;
    int rc = flux_rpc_get (f, NULL);

    c->asked = NULL;
    c->told = rc == 0;
    if (rc < 0)
        error_fail (&c->error, errno, "content: %s", flux_future_error_string (f));
    if (rc < 0 || ask (c, "kvs.roots", got_roots, "{s:b}", true) < 0)
        fail (c);
    flux_future_destroy (f);
}

/* Without a payload: as usual. -1: it makes no sense. */
static int decode_request (const flux_msg_t *msg, int *dry, int *maxreqs)
{
    *dry = 0;
    *maxreqs = FETCH_MAX;
    if (!flux_msg_has_payload (msg))
        return 0;
    return flux_msg_unpack (msg, "{s?b s?i}", "dry_run", dry, "maxreqs", maxreqs) < 0
                   || *maxreqs < 1
               ? -1
               : 0;
}

/* Whoever wants it to free something, and the least that somebody allows. */
static void merge_requests (struct collect *c)
{
    const flux_msg_t *msg = flux_msglist_first (c->waiters);

    c->dry = msg != NULL;
    c->fetch_max = FETCH_MAX;
    for (; msg; msg = flux_msglist_next (c->waiters)) {
        int dry, maxreqs;

        (void)decode_request (msg, &dry, &maxreqs); /* who waits was understood */
        c->dry = c->dry && dry;
        if ((size_t)maxreqs < c->fetch_max)
            c->fetch_max = maxreqs;
    }
}

static void begin (struct collect *c)
{
    merge_requests (c);
    c->phase = ASKING;
    c->began = clock_monotonic ();
    c->reported_phase = IDLE;
    c->errnum = 0;
    c->error.text[0] = '\0';
    c->held_next = 0;
    errno = 0;
    expire_held (c);
    if (!(c->mark = mark_create (&c->store.mark, c->arg, c->digest))
        || c->store.begin (c->arg, c->dry, &c->error) < 0
        || ask (c, "content.collect", told_begin, "{s:b}", true) < 0)
        fail (c);
}

void collect_start (struct collect *c)
{
    double now = clock_monotonic ();

    if (c->phase == IDLE && now >= c->not_before && now >= c->forgot_until) {
        c->all = false;
        begin (c);
    }
}

void collect_request (struct collect *c, const flux_msg_t *msg)
{
    bool idle = c->phase == IDLE;
    int dry, maxreqs;

    if (decode_request (msg, &dry, &maxreqs) < 0) {
        respond_error (c, msg, EPROTO, "maxreqs is a number from 1, dry_run a boolean");
        return;
    }
    if (idle && clock_monotonic () < c->forgot_until) {
        respond_error (
            c, msg, EBUSY,
            "so many blobs were stored within the last hour to which nothing "
            "refers yet that they cannot be told from garbage: try later");
        return;
    }
    /* What is garbage only now is none for one that is under way. */
    if (flux_msglist_append (idle ? c->waiters : c->next, msg) < 0) {
        respond_error (c, msg, errno, NULL);
    } else if (idle) {
        c->all = true;
        begin (c);
    }
}

void collect_disconnect (struct collect *c, const flux_msg_t *msg)
{
    flux_msglist_disconnect (c->waiters, msg);
    flux_msglist_disconnect (c->next, msg);
}

bool collect_is_busy (const struct collect *c)
{
    return c->phase != IDLE;
}

struct collect *collect_create (flux_t *h, struct digest *digest,
                                const struct collect_store *store, void *arg)
{
    struct collect *c;

    if (!(c = calloc (1, sizeof (*c))))
        return NULL;
    c->h = h;
    c->digest = digest;
    c->digest_size = digest_size (digest);
    c->store = *store;
    c->arg = arg;
    list_init (&c->fetches);
    if (!(c->waiters = flux_msglist_create ()) || !(c->next = flux_msglist_create ())
        || !(c->timer = flux_timer_watcher_create (flux_get_reactor (h), 0., 0.,
                                                   timer_cb, c))) {
        collect_destroy (c);
        return NULL;
    }
    return c;
}

void collect_destroy (struct collect *c)
{
    if (c) {
        int saved_errno = errno;

        c->errnum = ENOSYS;
        error_fail (&c->error, ENOSYS, "the backing store is being removed");
        list_foreach (&c->fetches, it)
            flux_future_destroy (container_of (it, struct fetch, node)->future);
        if (c->waiters)
            answer_all (c, NULL);
        flux_msglist_destroy (c->waiters);
        if ((c->waiters = c->next))
            answer_all (c, NULL);
        flux_future_destroy (c->asked);
        flux_watcher_destroy (c->timer);
        flux_msglist_destroy (c->waiters);
        mark_destroy (c->mark);
        free (c->held.slots);
        free (c);
        errno = saved_errno;
    }
}
