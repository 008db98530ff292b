/* One match at one time (match.c), as the operations (operate.c) use it. */
#ifndef FLUXION_MATCH_PRIV_H
#define FLUXION_MATCH_PRIV_H

#include "fluxion/sched.h"

/* A vertex that was chosen, with what was chosen below it. */
struct pick {
    uint32_t v;
    bool exclusive;
    bool whole; /* all of its subtree is taken too */
    int64_t needs;
    const char *label;
    struct pick *kids, *next;
};

struct match {
    struct scheduler *s;
    const struct request *req;
    struct window w;
    struct constraint *constraint; /* on nodes, or NULL */
    uint32_t constraint_v;
    int64_t *need, *need_one;
    int64_t root_need[MAX_TRACKED];
    int fault; /* errno that ends the match */
    flux_error_t *error;
};

int match_prepare (struct match *m, const struct request *req);
/* 0 with s->sel filled in, or -1 with EBUSY, EINVAL, ENOMEM. */
int match_now (struct match *m, const struct window *w, flux_error_t *error);

#endif
