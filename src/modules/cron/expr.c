#include "expr.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAYS_MAX (5 * 366)

struct field {
    const char *why;
    int min, max;
    const char *names; /* three letters each */
};

static const struct field fields[] = {
    { "minutes are 0-59", 0, 59, NULL },
    { "hours are 0-23", 0, 23, NULL },
    { "days of the month are 1-31", 1, 31, NULL },
    { "months are 0-11 or jan-dec", 0, 11, "janfebmaraprmayjunjulaugsepoctnovdec" },
    { "days of the week are 0-7 or sun-sat", 0, 7, "sunmontuewedthufrisat" },
};

static const struct {
    const char *name, *expr;
} shorthands[] = {
    { "@hourly", "0 * * * *" },   { "@daily", "0 0 * * *" },
    { "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
    { "@monthly", "0 0 1 * *" },  { "@yearly", "0 0 1 0 *" },
    { "@annually", "0 0 1 0 *" },
};

static int parse_name (const struct field *f, const char **pos)
{
    for (int i = 0; f->names && f->names[3 * i]; i++) {
        if (!strncasecmp (*pos, f->names + 3 * i, 3)) {
            *pos += 3;
            return i;
        }
    }
    return -1;
}

static int parse_number (const struct field *f, const char **pos)
{
    int n = 0, digits = 0;

    if (!isdigit ((unsigned char)**pos))
        return parse_name (f, pos);
    for (; isdigit ((unsigned char)**pos) && digits < 4; digits++)
        n = n * 10 + *(*pos)++ - '0';
    return n;
}

/* "*", "N" or "N-M", with "/STEP". */
static int parse_range (const struct field *f, const char **pos, uint64_t *bits)
{
    int from = f->min, to = f->max, step = 1;

    if (**pos == '*') {
        (*pos)++;
    } else {
        to = from = parse_number (f, pos);
        if (**pos == '-') {
            (*pos)++;
            to = parse_number (f, pos);
        }
    }
    if (**pos == '/') {
        (*pos)++;
        step = isdigit ((unsigned char)**pos) ? parse_number (f, pos) : 0;
    }
    if (from < f->min || to > f->max || from > to || step < 1)
        return -1;
    for (int i = from; i <= to; i += step)
        *bits |= UINT64_C (1) << i;
    return 0;
}

static int parse_field (const struct field *f, const char **pos, uint64_t *bits,
                        bool *any)
{
    *bits = 0;
    *any = **pos == '*' && ((*pos)[1] == '\0' || isblank ((unsigned char)(*pos)[1]));
    do {
        if (parse_range (f, pos, bits) < 0)
            return -1;
    } while (**pos == ',' && (*pos)++);
    return **pos == '\0' || isspace ((unsigned char)**pos) ? 0 : -1;
}

static const char *expand (const char *s, size_t *len)
{
    *len = strcspn (s, " \t\n");
    for (size_t i = 0; i < sizeof (shorthands) / sizeof (shorthands[0]); i++)
        if (strlen (shorthands[i].name) == *len
            && !strncmp (s, shorthands[i].name, *len))
            return shorthands[i].expr;
    return NULL;
}

int cron_expr_parse (struct cron_expr *e, const char *s, const char **why)
{
    const char *pos = s + strspn (s, " \t"), *text;
    uint64_t bits[5];
    bool any[5];
    size_t len;

    if (*pos == '@') {
        if (!(text = expand (pos, &len))) {
            *why = "there is no such @NAME";
            errno = EINVAL;
            return -1;
        }
        cron_expr_parse (e, text, why);
        return pos + len - s;
    }
    for (int i = 0; i < 5; i++) {
        pos += strspn (pos, " \t");
        if (parse_field (&fields[i], &pos, &bits[i], &any[i]) < 0) {
            *why = fields[i].why;
            errno = EINVAL;
            return -1;
        }
    }
    e->minutes = bits[0];
    e->hours = bits[1];
    e->days = bits[2];
    e->months = bits[3];
    e->weekdays = (bits[4] & 127) | (bits[4] >> 7 & 1);
    e->any_day = any[2];
    e->any_weekday = any[4];
    return pos - s;
}

static bool is_day (const struct cron_expr *e, const struct tm *tm)
{
    bool day = e->days >> tm->tm_mday & 1, weekday = e->weekdays >> tm->tm_wday & 1;

    if (!(e->months >> tm->tm_mon & 1))
        return false;
    if (!e->any_day && !e->any_weekday)
        return day || weekday;
    return day && weekday;
}

/* The first time of tm's day that is not before hour and minute. */
static bool find_time (const struct cron_expr *e, int *hour, int *minute)
{
    for (int h = *hour; h < 24; h++) {
        if (!(e->hours >> h & 1))
            continue;
        for (int m = h == *hour ? *minute : 0; m < 60; m++) {
            if (e->minutes >> m & 1) {
                *hour = h;
                *minute = m;
                return true;
            }
        }
    }
    return false;
}

/* A time that the clock skips is later than it says, or did not come at all. */
time_t cron_expr_next (const struct cron_expr *e, time_t t)
{
    struct tm day;
    int hour, minute;

    localtime_r (&t, &day);
    hour = day.tm_hour;
    minute = day.tm_min + 1;
    for (int i = 0; i < DAYS_MAX; i++) {
        while (is_day (e, &day) && find_time (e, &hour, &minute)) {
            struct tm tm = day;
            time_t next;

            tm.tm_hour = hour;
            tm.tm_min = minute;
            tm.tm_sec = 0;
            tm.tm_isdst = -1;
            if ((next = mktime (&tm)) > t)
                return next;
            minute++;
        }
        day.tm_mday++;
        day.tm_hour = 12; /* there is always a noon */
        day.tm_min = day.tm_sec = 0;
        day.tm_isdst = -1;
        mktime (&day);
        hour = minute = 0;
    }
    return -1;
}
