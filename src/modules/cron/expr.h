/* Crontab expressions: MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK, with *, lists, ranges
 * and steps; or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually.
 * Minutes 0-59, hours 0-23, days 1-31, months 0-11 or jan-dec, days of the week 0-7
 * (0 and 7: Sunday) or sun-sat. If both kinds of days are restricted, either will do. */
#ifndef CRON_EXPR_H
#define CRON_EXPR_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct cron_expr {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays; /* bits */
    bool any_day, any_weekday;
};

/* The characters of s that belong to it (the command follows behind blanks), or -1 with
 * EINVAL, and *why. */
int cron_expr_parse (struct cron_expr *e, const char *s, const char **why);
/* The first minute after t that it names, in local time; -1 if there is none within
 * five years (the 30th of February). */
time_t cron_expr_next (const struct cron_expr *e, time_t t);

#endif
