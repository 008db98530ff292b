/* Flux Standard Duration (RFC 23). */
#ifndef VALUE_FSD_H
#define VALUE_FSD_H

#include <stddef.h>

/* Seconds >= 0, maybe INFINITY; -1 with EINVAL. */
int fsd_parse (const char *s, double *seconds);
/* "%.6g" in the largest fitting unit: 12.9368ms, 2.55448m (broker log). */
int fsd_format (char *buf, size_t len, double seconds);
/* digits significant digits: 2 for flux uptime, 4 for job tables. */
int fsd_format_digits (char *buf, size_t len, double seconds, int digits);

#endif
