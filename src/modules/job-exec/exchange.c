#include "exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hashmap.h"
#include "base/list.h"

#define PIECE_MAX (256 * 1024)
/* Of a job, and so of each broker's memory for it. */
#define KEYS_MAX (192 * 1024 * 1024)

/* What a child brings. */
struct part {
    struct list node;
    unsigned int rank;
    int count;
    size_t total;
    struct buf keys;
    void *request; /* to be answered */
    bool complete;
    size_t given; /* of the answer */
};

struct exchange {
    struct list node; /* of those of its job */
    struct job_exchanges *job;
    unsigned int seq;
    char *ranks;
    int size;     /* shells of the job */
    int expected; /* of them: here and below */
    int have;
    bool local;    /* our shell is in, and waits */
    bool asked;    /* the parent, and it has not answered */
    bool done;     /* mine is what all have brought */
    size_t pushed; /* of mine, to the parent */
    struct buf mine;
    struct buf all; /* what came from the parent */
    struct list parts;
};

struct job_exchanges {
    uint64_t id;
    struct list list; /* a fast shell may be in the next */
};

struct exchanges {
    unsigned int rank;
    const struct idset *below;
    const struct exchange_ops *ops;
    void *arg;
    struct idmap *jobs;
    size_t count;
};

struct exchanges *exchanges_create (unsigned int rank, const struct idset *below,
                                    const struct exchange_ops *ops, void *arg)
{
    struct exchanges *x = calloc (1, sizeof (*x));

    if (!x || !(x->jobs = idmap_create (NULL))) {
        free (x);
        return NULL;
    }
    x->rank = rank;
    x->below = below;
    x->ops = ops;
    x->arg = arg;
    return x;
}

static void answer (struct exchanges *x, struct part *pt, int errnum, const char *text,
                    size_t len)
{
    void *request = pt->request;

    pt->request = NULL;
    if (request)
        x->ops->answer (request, errnum, text, len, x->arg);
}

static void part_destroy (struct part *pt)
{
    list_remove (&pt->node);
    buf_fini (&pt->keys);
    free (pt);
}

static void exchange_destroy (struct exchanges *x, struct exchange *ex)
{
    struct job_exchanges *job = ex->job;

    while (!list_empty (&ex->parts))
        part_destroy (list_first (&ex->parts, struct part, node));
    list_remove (&ex->node);
    if (list_empty (&job->list)) {
        idmap_remove (x->jobs, job->id);
        free (job);
    }
    buf_fini (&ex->mine);
    buf_fini (&ex->all);
    free (ex->ranks);
    free (ex);
    x->count--;
}

/* All that wait for it are told; the parent, too, unless it was who said so. */
static void fail (struct exchanges *x, struct exchange *ex, int errnum, bool tell)
{
    uint64_t id = ex->job->id;
    bool local = ex->local;

    list_foreach (&ex->parts, it)
        answer (x, container_of (it, struct part, node), errnum, NULL, 0);
    if (tell && ex->asked) {
        char text[64];
        int len =
            snprintf (text, sizeof (text), "a %llu %u %u%s\n", (unsigned long long)id,
                      ex->seq, x->rank, errnum == EHOSTUNREACH ? " lost" : "");
        x->ops->tell (text, len, x->arg);
    }
    exchange_destroy (x, ex);
    if (local)
        x->ops->deliver (id, errnum, NULL, 0, x->arg);
}

void exchanges_destroy (struct exchanges *x)
{
    size_t pos;
    void *value;

    if (!x)
        return;
    for (pos = 0; idmap_next (x->jobs, &pos, NULL, &value); pos = 0) {
        struct job_exchanges *job = value;
        struct exchange *ex = list_first (&job->list, struct exchange, node);

        list_foreach (&ex->parts, it)
            answer (x, container_of (it, struct part, node), ENOSYS, NULL, 0);
        exchange_destroy (x, ex);
    }
    idmap_destroy (x->jobs);
    free (x);
}

static struct exchange *find (struct exchanges *x, uint64_t id, unsigned int seq)
{
    struct job_exchanges *job = idmap_lookup (x->jobs, id);

    if (!job)
        return NULL;
    list_foreach (&job->list, it) {
        struct exchange *ex = container_of (it, struct exchange, node);
        if (ex->seq == seq)
            return ex;
    }
    return NULL;
}

/* How many shells there are, and how many of them at or below us. */
static int count_shells (const struct exchanges *x, struct exchange *ex)
{
    struct idset *ranks = idset_decode (ex->ranks);

    if (!ranks || idset_count (ranks) == 0) {
        idset_destroy (ranks);
        errno = EPROTO;
        return -1;
    }
    ex->size = ex->expected = idset_count (ranks);
    if (x->below) {
        ex->expected = 0;
        for (unsigned int r = idset_first (ranks); r != IDSET_INVALID_ID;
             r = idset_next (ranks, r))
            ex->expected += idset_test (x->below, r);
    }
    idset_destroy (ranks);
    return 0;
}

static struct job_exchanges *get_job (struct exchanges *x, uint64_t id)
{
    struct job_exchanges *job = idmap_lookup (x->jobs, id);

    if (job || !(job = calloc (1, sizeof (*job))))
        return job;
    job->id = id;
    list_init (&job->list);
    if (idmap_insert (x->jobs, id, job) < 0) {
        free (job);
        return NULL;
    }
    return job;
}

static struct exchange *get (struct exchanges *x, uint64_t id, unsigned int seq,
                             const char *ranks)
{
    struct exchange *ex = find (x, id, seq);
    struct job_exchanges *job;

    if (ex)
        return ex;
    if (!(job = get_job (x, id)))
        return NULL;
    if (!(ex = calloc (1, sizeof (*ex)))) {
        if (list_empty (&job->list)) {
            idmap_remove (x->jobs, id);
            free (job);
        }
        return NULL;
    }
    ex->job = job;
    ex->seq = seq;
    list_init (&ex->node);
    list_init (&ex->parts);
    list_append (&job->list, &ex->node);
    x->count++;
    if (!(ex->ranks = strdup (ranks)) || count_shells (x, ex) < 0) {
        int saved = errno;
        exchange_destroy (x, ex);
        errno = saved;
        return NULL;
    }
    return ex;
}

static void ask (struct exchanges *x, struct exchange *ex, struct buf *b)
{
    if (b->err)
        errno = ENOMEM;
    ex->asked = true;
    if (b->err || x->ops->ask (ex->job->id, ex->seq, b->data, b->len, x->arg) < 0)
        fail (x, ex, errno, true);
    buf_fini (b);
}

static void push (struct exchanges *x, struct exchange *ex)
{
    struct buf b = BUF_INIT;
    size_t n = ex->mine.len - ex->pushed;

    if (n > PIECE_MAX)
        n = PIECE_MAX;
    buf_printf (&b, "p %llu %u %u %d %zu %zu %s\n", (unsigned long long)ex->job->id,
                ex->seq, x->rank, ex->have, ex->mine.len, ex->pushed, ex->ranks);
    if (n > 0)
        buf_add (&b, ex->mine.data + ex->pushed, n);
    ex->pushed += n;
    ask (x, ex, &b);
}

static void pull (struct exchanges *x, struct exchange *ex)
{
    struct buf b = BUF_INIT;

    buf_printf (&b, "g %llu %u %u %zu\n", (unsigned long long)ex->job->id, ex->seq,
                x->rank, ex->all.len);
    ask (x, ex, &b);
}

/* The next piece of all keys. A child that has the last is done. */
static void give (struct exchanges *x, struct exchange *ex, struct part *pt)
{
    struct buf b = BUF_INIT;
    size_t n = ex->all.len - pt->given;

    if (n > PIECE_MAX)
        n = PIECE_MAX;
    buf_printf (&b, "%zu\n", ex->all.len);
    if (n > 0)
        buf_add (&b, ex->all.data + pt->given, n);
    pt->given += n;
    answer (x, pt, b.err ? ENOMEM : 0, b.data, b.len);
    buf_fini (&b);
    if (pt->given == ex->all.len)
        part_destroy (pt);
}

static void complete (struct exchanges *x, struct exchange *ex)
{
    ex->done = true;
    ex->asked = false;
    buf_fini (&ex->mine);
    list_foreach (&ex->parts, it)
        give (x, ex, container_of (it, struct part, node));
    if (ex->local) {
        ex->local = false;
        x->ops->deliver (ex->job->id, 0, ex->all.data ? ex->all.data : "", ex->all.len,
                         x->arg);
    }
    if (list_empty (&ex->parts))
        exchange_destroy (x, ex);
}

/* True if it was the last that is expected. */
static void add_keys (struct exchanges *x, struct exchange *ex, int count,
                      const char *keys, size_t len)
{
    if (count > ex->expected - ex->have) { /* more than there are */
        fail (x, ex, EPROTO, true);
        return;
    }
    ex->have += count;
    if (ex->mine.len + len > KEYS_MAX)
        fail (x, ex, ENOSPC, true);
    else if (len > 0 && buf_add (&ex->mine, keys, len) < 0)
        fail (x, ex, ENOMEM, true);
    else if (ex->have < ex->expected)
        ;
    else if (ex->expected < ex->size)
        push (x, ex);
    else {
        ex->all = ex->mine;
        buf_init (&ex->mine);
        complete (x, ex);
    }
}

void exchange_enter (struct exchanges *x, uint64_t id, unsigned int seq,
                     const char *ranks, const char *keys, size_t len)
{
    struct exchange *ex = get (x, id, seq, ranks);

    if (!ex) {
        x->ops->deliver (id, errno, NULL, 0, x->arg);
        return;
    }
    ex->local = true;
    add_keys (x, ex, 1, keys, len);
}

void exchange_leave (struct exchanges *x, uint64_t id)
{
    struct job_exchanges *job = idmap_lookup (x->jobs, id);

    if (!job)
        return;
    size_t left = 0;
    list_foreach (&job->list, it)
        left++;
    for (struct list *it = job->list.next; left > 0; left--) {
        struct exchange *ex = container_of (it, struct exchange, node);
        it = it->next; /* the job goes with its last */
        if (ex->local) {
            ex->local = false;
            fail (x, ex, ECANCELED, true);
        }
    }
}

void exchange_forget (struct exchanges *x, uint64_t id)
{
    struct job_exchanges *job;

    while ((job = idmap_lookup (x->jobs, id))) {
        struct exchange *ex = list_first (&job->list, struct exchange, node);
        ex->local = false;
        fail (x, ex, EHOSTUNREACH, true);
    }
}

static struct part *find_part (struct exchange *ex, unsigned int rank)
{
    list_foreach (&ex->parts, it) {
        struct part *pt = container_of (it, struct part, node);
        if (pt->rank == rank)
            return pt;
    }
    return NULL;
}

/* The fields of a message, and the keys behind its line. */
struct message {
    char what;
    unsigned long long id;
    unsigned int seq, from;
    int count;
    size_t total, offset;
    bool lost;
    char *ranks; /* owned */
    const char *keys;
    size_t len;
};

static int parse_push (const char *head, const char *text, const char *nl,
                       struct message *m)
{
    int n = 0;

    if (sscanf (head, "p %llu %u %u %d %zu %zu %n", &m->id, &m->seq, &m->from,
                &m->count, &m->total, &m->offset, &n)
            != 6
        || n == 0 || n >= nl - text || m->count < 1 || m->total > KEYS_MAX
        || m->offset > m->total || m->len > m->total - m->offset)
        return -1;
    return (m->ranks = strndup (text + n, nl - text - n)) ? 0 : -1;
}

static int parse (const char *text, size_t len, struct message *m)
{
    char head[128]; /* the numbers */
    const char *nl = memchr (text, '\n', len);

    memset (m, 0, sizeof (*m));
    errno = EPROTO;
    if (!nl)
        return -1;
    size_t n = nl - text;
    if (n >= sizeof (head))
        n = sizeof (head) - 1;
    memcpy (head, text, n);
    head[n] = '\0';
    m->keys = nl + 1;
    m->len = text + len - m->keys;
    m->what = head[0];
    if (m->what == 'p')
        return parse_push (head, text, nl, m);
    if (m->what == 'g'
        && sscanf (head, "g %llu %u %u %zu", &m->id, &m->seq, &m->from, &m->offset)
               == 4)
        return 0;
    m->lost = n >= 5 && memcmp (head + n - 5, " lost", 5) == 0;
    if (m->what == 'a' && sscanf (head, "a %llu %u %u", &m->id, &m->seq, &m->from) == 3)
        return 0;
    return -1;
}

static struct part *get_part (struct exchange *ex, const struct message *m)
{
    struct part *pt = find_part (ex, m->from);

    if (pt || m->offset > 0 || !(pt = calloc (1, sizeof (*pt))))
        return pt;
    pt->rank = m->from;
    pt->count = m->count;
    pt->total = m->total;
    list_init (&pt->node);
    list_append (&ex->parts, &pt->node);
    return pt;
}

static void refuse (struct exchanges *x, void *request, int errnum)
{
    if (request)
        x->ops->answer (request, errnum, NULL, 0, x->arg);
}

static void got_push (struct exchanges *x, const struct message *m, void *request)
{
    /* only a first piece begins something */
    struct exchange *ex =
        m->offset == 0 ? get (x, m->id, m->seq, m->ranks) : find (x, m->id, m->seq);
    struct part *pt = ex && !ex->done ? get_part (ex, m) : NULL;

    if (!pt || pt->complete || pt->request || pt->keys.len != m->offset
        || pt->total != m->total || pt->count != m->count) {
        refuse (x, request, ex ? EPROTO : m->offset > 0 ? ECANCELED : errno);
        return;
    }
    pt->request = request;
    if (m->len > 0 && buf_add (&pt->keys, m->keys, m->len) < 0) {
        fail (x, ex, ENOMEM, true);
        return;
    }
    if (pt->keys.len < pt->total) {
        answer (x, pt, 0, "", 0);
        return;
    }
    pt->complete = true;
    struct buf keys = pt->keys;
    buf_init (&pt->keys);
    add_keys (x, ex, pt->count, keys.data, keys.len);
    buf_fini (&keys);
}

static void got_pull (struct exchanges *x, const struct message *m, void *request)
{
    struct exchange *ex = find (x, m->id, m->seq);
    struct part *pt = ex && ex->done ? find_part (ex, m->from) : NULL;

    if (!pt || pt->request || m->offset != pt->given) {
        refuse (x, request, ENOENT);
        return;
    }
    pt->request = request;
    give (x, ex, pt);
    if (list_empty (&ex->parts))
        exchange_destroy (x, ex);
}

int exchange_request (struct exchanges *x, const char *text, size_t len, void *request)
{
    struct message m;
    struct exchange *ex;

    if (parse (text, len, &m) < 0)
        return -1;
    if (m.what == 'p')
        got_push (x, &m, request);
    else if (m.what == 'g')
        got_pull (x, &m, request);
    else {
        refuse (x, request, EINVAL);
        if ((ex = find (x, m.id, m.seq)) && find_part (ex, m.from))
            fail (x, ex, m.lost ? EHOSTUNREACH : ECANCELED, true);
    }
    free (m.ranks);
    return 0;
}

/* True if it had to do with this exchange, which may be gone now. */
static bool lose_parts (struct exchanges *x, struct exchange *ex,
                        bool (*match) (void *request, void *arg), void *arg)
{
    list_foreach (&ex->parts, it) {
        struct part *pt = container_of (it, struct part, node);
        if (!pt->request || !match (pt->request, arg))
            continue;
        fail (x, ex, EHOSTUNREACH, true);
        return true;
    }
    return false;
}

/* The job may be gone, too. */
static bool lose_one_of_job (struct exchanges *x, struct job_exchanges *job,
                             bool (*match) (void *request, void *arg), void *arg)
{
    list_foreach (&job->list, it)
        if (lose_parts (x, container_of (it, struct exchange, node), match, arg))
            return true;
    return false;
}

static bool lose_one (struct exchanges *x, bool (*match) (void *request, void *arg),
                      void *arg)
{
    size_t pos = 0;
    void *value;

    while (idmap_next (x->jobs, &pos, NULL, &value))
        if (lose_one_of_job (x, value, match, arg))
            return true;
    return false;
}

void exchange_disconnect (struct exchanges *x, bool (*match) (void *request, void *arg),
                          void *arg)
{
    while (lose_one (x, match, arg)) /* rare: a broker is lost */
        ;
}

void exchange_answer (struct exchanges *x, uint64_t id, unsigned int seq, int errnum,
                      const char *text, size_t len)
{
    struct exchange *ex = find (x, id, seq);
    const char *nl;
    char *end;

    if (!ex || !ex->asked)
        return;
    ex->asked = false;
    if (errnum) {
        fail (x, ex, errnum, false);
        return;
    }
    if (ex->pushed < ex->mine.len) {
        push (x, ex);
        return;
    }
    size_t total = len > 0 ? strtoull (text, &end, 10) : 0;
    if (len == 0 || !(nl = memchr (text, '\n', len)) || end != nl || total > KEYS_MAX
        || (nl + 1 == text + len && ex->all.len < total)) {
        fail (x, ex, EPROTO, false);
        return;
    }
    if (nl + 1 < text + len && buf_add (&ex->all, nl + 1, text + len - nl - 1) < 0)
        fail (x, ex, ENOMEM, false);
    else if (ex->all.len < total)
        pull (x, ex);
    else
        complete (x, ex);
}

size_t exchange_count (const struct exchanges *x)
{
    return x->count;
}
