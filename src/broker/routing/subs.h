/* Event subscriptions of one client or module: topic prefixes (RFC 3). */
#ifndef BROKER_SUBS_H
#define BROKER_SUBS_H

#include <stdbool.h>
#include <stddef.h>

struct subs {
    struct sub *v;
    size_t count, cap;
};

/* A client that subscribes without end is stopped here (ENOSPC). */
#define SUBS_MAX 65536
/* What each may cost: longer ones are refused (ENAMETOOLONG). */
#define SUBS_PREFIX_MAX 1024

void subs_fini (struct subs *s);
/* "" is all. The same prefix may be added more than once. */
int subs_add (struct subs *s, const char *prefix);
/* ENOENT if it is not there. */
int subs_remove (struct subs *s, const char *prefix);
/* In logarithmic time. */
bool subs_match (const struct subs *s, const char *topic);

#endif
