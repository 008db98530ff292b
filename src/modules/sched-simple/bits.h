/* A bitmap of nodes, all of one size. */
#ifndef SCHED_SIMPLE_BITS_H
#define SCHED_SIMPLE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t bits_t;

static inline size_t bits_words (size_t count)
{
    return (count + 63) / 64;
}

static inline bool bits_test (const bits_t *b, size_t i)
{
    return b[i / 64] >> (i % 64) & 1;
}

static inline void bits_set (bits_t *b, size_t i)
{
    b[i / 64] |= 1ULL << (i % 64);
}

static inline void bits_clear (bits_t *b, size_t i)
{
    b[i / 64] &= ~(1ULL << (i % 64));
}

#endif
