/* Times as people type them, for --begin-time and --since. */
#ifndef CMD_DATETIME_H
#define CMD_DATETIME_H

/* now: seconds since the epoch. Local time zone. Accepts
 *   now, today, tomorrow, midnight, noon
 *   +FSD (from now), -FSD (before now), in FSD, FSD ago; in place of FSD also words:
 *   2 hours, 1 day 30 minutes, an hour
 *   YYYY-MM-DD and YYYY-MM-DD[T ]HH:MM[:SS], with Z for UTC
 *   HH:MM[:SS][am|pm], 3pm: the next time that the clock shows it
 *   [today|tomorrow|yesterday] TIME, and TIME [today|...]
 *   [next|last] monday, ... [TIME]: the next, or the last, day of that name
 *   jan 2 [2030] [TIME], 2 january [2030]; without a year it is this one
 *   last week, next hour: so long ago, or from now
 *   seconds since the epoch (ten digits or more), also with a leading @
 * A date without a time is its midnight. -1 with EINVAL. */
int datetime_parse (const char *s, double now, double *result);

#endif
