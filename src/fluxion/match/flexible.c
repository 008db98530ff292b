/* The flexible traverser: xor_slots are alternatives for the whole request, sibling
 * slots are alternatives for each slot (slots.c). */
#include "fluxion/match/match_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VARIANTS 1000

/* How many ways there are to choose below a list, at most MAX_VARIANTS + 1. */
static uint32_t count_ways (const struct match *m, const struct resource *list,
                            uint32_t n)
{
    uint64_t product = 1, choices = 0;
    bool has_xor = false;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t ways = count_ways (m, list[i].with, list[i].nwith);
        if (list[i].type_id == m->s->g->t_xor_slot) {
            has_xor = true;
            choices += ways;
        } else {
            product *= ways;
        }
        if (product > MAX_VARIANTS || choices > MAX_VARIANTS)
            return MAX_VARIANTS + 1;
    }
    product *= has_xor ? choices : 1;
    return product > MAX_VARIANTS ? MAX_VARIANTS + 1 : product;
}

/* The nth way, 0 <= n < count_ways: of the xor_slots of a list one is left, as an
 * ordinary slot. */
static struct resource *choose (struct match *m, const struct resource *list,
                                uint32_t nlist, uint32_t n, uint32_t *nout)
{
    struct resource *out = arena_alloc (m->s->arena, (nlist + 1) * sizeof (*out));
    uint32_t chosen = UINT32_MAX, chosen_way = 0, total = 0;

    *nout = 0;
    if (!out)
        return NULL;
    for (uint32_t i = 0; i < nlist; i++)
        if (list[i].type_id == m->s->g->t_xor_slot)
            total += count_ways (m, list[i].with, list[i].nwith);
    if (total > 0) {
        uint32_t k = n % total;
        n /= total;
        for (uint32_t i = 0; i < nlist && chosen == UINT32_MAX; i++) {
            if (list[i].type_id != m->s->g->t_xor_slot)
                continue;
            uint32_t ways = count_ways (m, list[i].with, list[i].nwith);
            if (k < ways) {
                chosen = i;
                chosen_way = k;
            } else {
                k -= ways;
            }
        }
    }
    for (uint32_t i = 0; i < nlist; i++) {
        bool is_xor = list[i].type_id == m->s->g->t_xor_slot;
        uint32_t ways = count_ways (m, list[i].with, list[i].nwith);
        uint32_t way = is_xor ? chosen_way : n % ways;
        if (is_xor && i != chosen)
            continue;
        if (!is_xor)
            n /= ways;
        struct resource *r = &out[(*nout)++];
        *r = list[i];
        r->ord = m->nall++;
        if (is_xor)
            r->type_id = m->s->g->t_slot;
        if (list[i].nwith
            && !(r->with = choose (m, list[i].with, list[i].nwith, way, &r->nwith)))
            return NULL;
    }
    return out;
}

int flexible_variant (struct match *m, const struct request *req, uint32_t n,
                      flux_error_t *error)
{
    uint32_t ways = count_ways (m, req->resources, req->nresources);

    if (ways > MAX_VARIANTS) {
        snprintf (error->text, sizeof (error->text),
                  "xor_slots make more than %d alternatives", MAX_VARIANTS);
        errno = EINVAL;
        return -1;
    }
    if (n >= ways) {
        errno = ENOENT;
        return -1;
    }
    m->nall = 0;
    if (!(m->top = choose (m, req->resources, req->nresources, n, &m->ntop))) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}
