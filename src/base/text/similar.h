/* Words that were meant: for hints about names that do not exist. */
#ifndef BASE_SIMILAR_H
#define BASE_SIMILAR_H

#include <stddef.h>

/* How many letters have to be added, dropped, replaced, or swapped with their
 * neighbour, to make b of a. Words of more than 63 bytes are far from all others. */
unsigned int similar_distance (const char *a, const char *b);

/* The best of many words: begin with { .word = X }, call similar_try for each. */
struct similar {
    const char *word;
    const char *best; /* borrowed; NULL: none is near */
    unsigned int distance;
};
/* Near is what differs in a third of the letters at most, and what begins with word. */
void similar_try (struct similar *s, const char *candidate);

#endif
