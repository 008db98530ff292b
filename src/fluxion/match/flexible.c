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

/* The xor_slots of a list are ordinary slots beside each other. */
static struct resource *mix (struct match *m, const struct resource *list, uint32_t n)
{
    struct resource *out = arena_alloc (m->s->arena, (n + 1) * sizeof (*out));

    for (uint32_t i = 0; out && i < n; i++) {
        out[i] = list[i];
        out[i].ord = m->nall++;
        if (list[i].type_id == m->s->g->t_xor_slot)
            out[i].type_id = m->s->g->t_slot;
        if (list[i].nwith && !(out[i].with = mix (m, list[i].with, list[i].nwith)))
            return NULL;
    }
    return out;
}

/* Are there several xor_slots beside each other, of which more than one is wanted? */
static bool mixable (const struct match *m, const struct resource *list, uint32_t n)
{
    uint32_t xors = 0;
    bool several = false;

    for (uint32_t i = 0; i < n; i++) {
        if (mixable (m, list[i].with, list[i].nwith))
            return true;
        if (list[i].type_id != m->s->g->t_xor_slot)
            continue;
        xors++;
        several |= list[i].count.max > 1;
    }
    return xors > 1 && several;
}

bool flexible_has_variants (const struct match *m, const struct request *req)
{
    return m->s->flexible && count_ways (m, req->resources, req->nresources) > 1;
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
    m->nall = 0;
    if (n > ways || (n == ways && !mixable (m, req->resources, req->nresources))) {
        errno = ENOENT;
        return -1;
    }
    m->ntop = req->nresources;
    m->top = n == ways ? mix (m, req->resources, req->nresources)
                       : choose (m, req->resources, req->nresources, n, &m->ntop);
    if (!m->top) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}
