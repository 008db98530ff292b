/* One match at one time, as its files share it and the operations use it. */
#ifndef FLUXION_MATCH_PRIV_H
#define FLUXION_MATCH_PRIV_H

#include "fluxion/match/sched.h"

/* A vertex that was chosen, with what was chosen below it. */
struct pick {
    uint32_t v;
    bool exclusive;
    bool whole; /* all of its subtree is taken too */
    int64_t needs;
    const char *label;
    struct pick *kids, *next;
    struct draw *draws; /* from pools, with what is below; see pool.h */
    uint32_t ndraws;
    uint32_t own;                /* the last of them, if it begins a slot that draws */
    const struct resource *slot; /* from pools itself: for what */
};

struct match {
    struct scheduler *s;
    const struct resource *top; /* the request's resources */
    uint32_t ntop;
    uint32_t nall; /* resources at all levels */
    double duration;
    struct window w;
    struct constraint *constraint; /* on nodes, or NULL */
    uint32_t constraint_v;
    int64_t *need, *need_one;
    int64_t root_need[MAX_TRACKED];
    bool draws;    /* the request names what comes from pools */
    bool pools;    /* so, or vertices have several parents: see pool.h */
    bool missed;   /* in this try, slots may not have been found that there are */
    int64_t steps; /* that may still be made with choices taken back */
    int64_t deals; /* that may still be tried at this time, of kinds of slots */
    int fault;     /* errno that ends the match */
    flux_error_t *error;
};

/* Sum up what the request needs. */
int match_prepare (struct match *m);
/* 0 with s->sel filled in, or -1 with EBUSY, EINVAL, ENOMEM. */
int match_now (struct match *m, const struct window *w, flux_error_t *error);

/* Candidates (cand.c) */

struct cand {
    int64_t score;
    int64_t uniq;
    uint32_t v;
    uint32_t order;
    uint32_t group;  /* the vertex that it was found under */
    uint32_t wanted; /* by others of the match, see pool.h */
    int64_t units;
    struct pick *pick;
};

struct list {
    struct cand *c;
    uint32_t n, cap;
    int64_t units;
};

/* At the end of the list; NULL with m->fault. */
struct cand *cand_add (struct match *m, struct list *l);
void cand_copy (struct match *m, struct list *l, const struct cand *c);
/* The score of v by itself. */
void cand_set (struct match *m, struct cand *c, uint32_t v, int64_t factor);
/* What passing through v adds. */
int64_t cand_node_factor (const struct match *m, uint32_t v);
/* Best first, by the policy, if so many units are wanted. */
void cand_sort (struct match *m, struct list *l, int64_t want);

/* The same one after the other: of many, few are wanted. Candidates stay where they are,
 * while the list is left alone; where all may be wanted, it is sorted. */
struct ranking {
    struct cand *c;
    uint32_t n, at;
    uint32_t *index; /* in c, in order or as a heap; NULL: that is in order */
    const struct near *near;
    int (*compare) (const void *a, const void *b);
    bool heap;
};
/* False with m->fault. */
bool cand_rank (struct match *m, struct list *l, int64_t want, struct ranking *r);
struct cand *cand_next (struct ranking *r); /* NULL: there are no more */

/* The walk (match.c) */

/* What a search for one resource of a request looks for. */
struct query {
    const struct resource *r;
    const struct resource *beside; /* all of its level: where to stop going down */
    uint32_t nbeside;
    bool pristine; /* nothing of the request has matched yet: levels may be missing */
    bool excl;
    bool slots;     /* each vertex is one slot, whatever its size */
    int64_t want;   /* units, at most; or */
    int64_t bundle; /* not 0: bundles of so many, each of whole vertices, at most */
};

/* What of it has been found. */
struct tally {
    int64_t units, part, bundles;
};
void tally_add (const struct query *q, struct tally *t, int64_t units);
bool tally_full (const struct query *q, const struct tally *t);

/* The largest count that there is: more need not be looked for. */
int64_t match_most (const struct count_spec *c);
/* Can v itself be had, or shared, and is there enough below it for r? */
bool match_serves (struct match *m, uint32_t v, const struct resource *r, bool excl);
/* Is v a node that is not to be shared? */
bool match_takes_whole (const struct match *m, uint32_t v);
/* Candidates below u, in the order of discovery; verified (with picks) only if
 * `verify` is set. */
void match_gather (struct match *m, uint32_t u, const struct query *q, bool verify,
                   struct list *out);
/* The best below u, verified, best first, up to what the query wants. */
void match_best (struct match *m, uint32_t u, const struct query *q, struct list *l);
/* Sibling slots, among which each slot may be of any kind. */
uint32_t match_alternatives (const struct query *q);
/* Sibling slots are searched together, with the first of them. */
bool match_is_later_alternative (const struct resource *beside,
                                 const struct resource *slot);
/* Does any of a level, slots aside, ask for the type? */
bool match_is_beside (const struct resource *beside, uint32_t n, uint16_t type);
bool match_can_pass (struct match *m, uint32_t v);
/* Does u have children that a slot is made of: of some types, or of all that it needs?
 * Of several kinds in a query, the best. */
enum slot_fit { SLOT_NONE, SLOT_SOME, SLOT_WHOLE };
enum slot_fit match_kind_fit (struct match *m, uint32_t u, const struct resource *slot);
enum slot_fit match_slot_fit (struct match *m, uint32_t u, const struct query *q);
/* Like match_best, for slots anywhere below the root (memo.c). False: not done. */
bool memo_take (struct match *m, uint32_t u, const struct query *q, struct list *l);
/* Link p, and what follows it, at the tail; returns the new tail. */
struct pick **pick_chain (struct pick **tail, struct pick *p);
/* Slots that fit under u (slots.c); each is one candidate. Where not all that a kind is
 * made of are children, it may be further down. */
void match_slots (struct match *m, uint32_t u, const struct query *q, struct list *out);
/* What a slot has drawn itself is no longer there: draw elsewhere. False: it cannot. */
bool match_redraw_slot (struct match *m, struct cand *c);
/* How many slots of each kind are made is tried: so many slots are dealt at one place, and
 * at all places of a match, that a large graph takes no longer than a small one. What is not
 * found within that is missed. */
#define DEALS_AT_PLACE 100000
#define DEALS_IN_ALL 200000
/* Slots of several kinds that are found at different depths: of the first kind as many
 * as there are, then of the next. */
void match_mixed_slots (struct match *m, uint32_t u, const struct query *q,
                        struct list *out);

bool select_vertex (struct match *m, uint32_t v, bool exclusive, int64_t needs,
                    const char *label);
/* Is v, or what it is in below top, down? */
bool match_down_within (const struct match *m, uint32_t v, uint32_t top);
/* From picks to s->sel (select.c): all that is above them too, in post-order. */
void match_select (struct match *m, const struct pick *picks);

/* Choices that are taken back (backtrack.c), where choices that contend have not done.
 * The limit: so many steps in a search, and in all searches of a request (for every time
 * and every alternative), where a step is a choice, or a vertex that is looked at. So
 * where several parents or supplies are contended for, in a graph with more vertices than
 * steps, there are no more choices than pool.h tries; slots of several kinds are searched
 * under the vertex where they contend. A request for more vertices and slots than
 * BACKTRACK_CHOICES is not searched so, and of a moldable count only the least is. What
 * cannot be found within that is missed: the answer is as if it were not there. */
#define BACKTRACK_STEPS 10000
#define BACKTRACK_ALL_STEPS 20000
#define BACKTRACK_CHOICES 256

/* For all of the match; then it is selected, as match_select does. */
bool backtrack_match (struct match *m);
/* n slots below u, as match_mixed_slots finds them: not from pools. */
bool backtrack_slots (struct match *m, uint32_t u, const struct query *q, int64_t n,
                      struct list *out);

/* Alternatives (flexible.c). Each way to choose among the xor_slots of a request, in
 * order: the nth, made in the arena; last, if there are several xor_slots, some of each.
 * -1: there is none; EINVAL: too many. */
int flexible_variant (struct match *m, const struct request *req, uint32_t n,
                      flux_error_t *error);
bool flexible_has_variants (const struct match *m, const struct request *req);

#endif
