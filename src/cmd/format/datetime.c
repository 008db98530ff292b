#include "cmd/format/datetime.h"

#include "value/fsd.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static int invalid (void)
{
    errno = EINVAL;
    return -1;
}

/* Cut the next word off *s; NULL at the end. */
static char *next_word (char **s)
{
    char *word = *s + strspn (*s, " \t");
    if (!*word)
        return NULL;
    *s = word + strcspn (word, " \t");
    if (**s)
        *(*s)++ = '\0';
    return word;
}

static int parse_epoch (const char *s, double *result)
{
    char *end;
    bool marked = *s == '@';
    if (marked)
        s++;
    if (!isdigit ((unsigned char)*s) || (!marked && strspn (s, "0123456789") < 10))
        return -1;
    double x = strtod (s, &end);
    if (*end)
        return -1;
    *result = x;
    return 0;
}

/* HH:MM[:SS][am|pm] or HH(am|pm); the whole of s. */
static int parse_clock (const char *s, struct tm *tm)
{
    int hour, min = 0, sec = 0;
    int n = 0;
    bool colon = false;
    if (!isdigit ((unsigned char)*s) || sscanf (s, "%2d%n", &hour, &n) != 1)
        return -1;
    s += n;
    if (*s == ':') {
        colon = true;
        if (!isdigit ((unsigned char)s[1]) || sscanf (s, ":%2d%n", &min, &n) != 1)
            return -1;
        s += n;
        if (*s == ':') {
            if (!isdigit ((unsigned char)s[1]) || sscanf (s, ":%2d%n", &sec, &n) != 1)
                return -1;
            s += n;
        }
    }
    bool am = !strcasecmp (s, "am");
    bool pm = !strcasecmp (s, "pm");
    if ((*s && !am && !pm) || (!colon && !am && !pm))
        return -1;
    if (min > 59 || sec > 60 || hour > 23 || ((am || pm) && (hour < 1 || hour > 12)))
        return -1;
    if (am || pm)
        hour = hour % 12 + (pm ? 12 : 0);
    tm->tm_hour = hour;
    tm->tm_min = min;
    tm->tm_sec = sec;
    return 0;
}

static int parse_date (const char *s, struct tm *tm)
{
    int year, mon, day, n = 0;
    if (sscanf (s, "%4d-%2d-%2d%n", &year, &mon, &day, &n) != 3 || s[n] != '\0' || n < 8
        || mon < 1 || mon > 12 || day < 1 || day > 31)
        return -1;
    tm->tm_year = year - 1900;
    tm->tm_mon = mon - 1;
    tm->tm_mday = day;
    return 0;
}

/* No such day as February 30: mktime would take it for March 2. */
static int make_time (struct tm *tm, bool utc, double *result)
{
    int mday = tm->tm_mday;
    tm->tm_isdst = -1;
    time_t t = utc ? timegm (tm) : mktime (tm);
    if (t == (time_t)-1 || (mday > 0 && mday <= 31 && tm->tm_mday != mday))
        return invalid ();
    *result = t;
    return 0;
}

/* 0: sunday; -1: no day of the week. Three letters are enough. */
static int week_day (const char *word)
{
    static const char *const names[] = { "sunday",   "monday", "tuesday", "wednesday",
                                         "thursday", "friday", "saturday" };
    size_t len = strlen (word);

    for (int i = 0; i < 7; i++)
        if (len >= 3 && len <= strlen (names[i]) && !strncasecmp (word, names[i], len))
            return i;
    return -1;
}

static int day_number (const char *word)
{
    if (!strcasecmp (word, "today"))
        return 0;
    if (!strcasecmp (word, "tomorrow"))
        return 1;
    if (!strcasecmp (word, "yesterday"))
        return -1;
    return -2;
}

static bool parse_time_word (const char *word, struct tm *tm)
{
    if (!strcasecmp (word, "noon") || !strcasecmp (word, "midnight")) {
        tm->tm_hour = tolower ((unsigned char)*word) == 'n' ? 12 : 0;
        return true;
    }
    return parse_clock (word, tm) == 0;
}

static void move_days (struct tm *tm, int days)
{
    tm->tm_mday += days;
    tm->tm_isdst = -1;
    mktime (tm);
    tm->tm_hour = tm->tm_min = tm->tm_sec = 0;
}

/* [next|last] DAY OF THE WEEK: never today. */
static bool parse_week_day (const char *word, char **rest, struct tm *tm)
{
    bool last = !strcasecmp (word, "last");

    if (last || !strcasecmp (word, "next"))
        word = next_word (rest);
    int day = word ? week_day (word) : -1;
    if (day < 0)
        return false;
    int ahead = (day - tm->tm_wday + 7) % 7;
    if (last)
        move_days (tm, ahead == 0 ? -7 : ahead - 7);
    else
        move_days (tm, ahead == 0 ? 7 : ahead);
    return true;
}

/* 0: january; -1: no month. Three letters are enough. */
static int month (const char *word)
{
    static const char *const names[] = {
        "january", "february", "march",     "april",   "may",      "june",
        "july",    "august",   "september", "october", "november", "december"
    };
    size_t len = strlen (word);

    for (int i = 0; i < 12; i++)
        if (len >= 3 && len <= strlen (names[i]) && !strncasecmp (word, names[i], len))
            return i;
    return -1;
}

/* So many digits, at most, and nothing else but a comma; -1: they are not. */
static int small_number (const char *word, size_t digits)
{
    size_t len = strspn (word, "0123456789");

    return len > 0 && len <= digits && (!word[len] || !strcmp (word + len, ","))
               ? atoi (word)
               : -1;
}

/* MONTH DAY [YEAR], DAY MONTH [YEAR]: without a year it is this one. */
static bool parse_month (const char *word, char **rest, struct tm *tm)
{
    const char *other = NULL;
    int mon = month (word);

    if (mon < 0 && small_number (word, 2) < 0)
        return false;
    if (!(other = next_word (rest)))
        return false;
    if (mon < 0)
        mon = month (other), other = word;
    int day = small_number (other, 2);
    if (mon < 0 || day < 1 || day > 31)
        return false;
    *rest += strspn (*rest, " \t");
    if (strspn (*rest, "0123456789") == 4 && strcspn (*rest, " \t") == 4)
        tm->tm_year = atoi (next_word (rest)) - 1900;
    tm->tm_mon = mon;
    tm->tm_mday = day;
    return true;
}

/* A date, and what stands for one. */
static bool parse_day (const char *word, char **rest, struct tm *tm)
{
    int day = day_number (word);

    if (day > -2)
        move_days (tm, day);
    return day > -2 || parse_date (word, tm) == 0
           || (month (word) >= 0 || small_number (word, 2) >= 0
                   ? parse_month (word, rest, tm)
                   : parse_week_day (word, rest, tm));
}

/* [DATE|today|tomorrow] [TIME], or the other way round */
static int parse_calendar (char *s, double now, double *result)
{
    struct tm tm;
    time_t t = (time_t)now;
    bool utc = false;
    bool dated = false;
    char *word;
    size_t len = strlen (s);
    char *sep = len > 10 && s[4] == '-' && toupper ((unsigned char)s[10]) == 'T'
                    ? s + 10
                    : NULL;
    if (sep)
        *sep = ' ';
    if (len > 11 && s[4] == '-' && toupper ((unsigned char)s[len - 1]) == 'Z') {
        s[len - 1] = '\0';
        utc = true;
    }
    localtime_r (&t, &tm);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    if (!(word = next_word (&s)))
        return invalid ();
    dated = parse_day (word, &s, &tm);
    if (dated && !(word = next_word (&s)))
        return make_time (&tm, utc, result);
    struct tm clock = { 0 };
    if (!word || !parse_time_word (word, &clock))
        return invalid ();
    if ((word = next_word (&s))) {
        if (dated || !(dated = parse_day (word, &s, &tm)) || next_word (&s))
            return invalid ();
    }
    tm.tm_hour = clock.tm_hour;
    tm.tm_min = clock.tm_min;
    tm.tm_sec = clock.tm_sec;
    if (make_time (&tm, utc, result) < 0)
        return -1;
    if (!dated && *result <= now) {
        tm.tm_mday++;
        tm.tm_isdst = -1;
        *result = mktime (&tm);
    }
    return 0;
}

static double unit_seconds (const char *word)
{
    static const struct {
        const char *names;
        double seconds;
    } units[] = {
        { " s sec secs second seconds ", 1 }, { " m min mins minute minutes ", 60 },
        { " h hr hrs hour hours ", 3600 },    { " d day days ", 86400 },
        { " w week weeks ", 7 * 86400 },
    };
    char text[16];

    snprintf (text, sizeof (text), " %s ", word);
    for (size_t i = 0; i < sizeof (units) / sizeof (units[0]); i++)
        if (strcasestr (units[i].names, text))
            return units[i].seconds;
    return 0;
}

/* "2 hours 30 minutes", "an hour". Cuts s into words. */
static int parse_units (char *s, double *seconds)
{
    char *word, *end;
    double sum = 0;
    int count = 0;

    while ((word = next_word (&s))) {
        bool one = !strcasecmp (word, "a") || !strcasecmp (word, "an");
        double n = one ? 1 : strtod (word, &end);
        if (!one && (!isdigit ((unsigned char)*word) || *end))
            return -1;
        double unit = (word = next_word (&s)) ? unit_seconds (word) : 0;
        if (unit == 0)
            return -1;
        sum += n * unit;
        count++;
    }
    *seconds = sum;
    return count > 0 ? 0 : -1;
}

/* last hour, next week: so long ago, or from now. */
static int parse_last_unit (const char *s, double *seconds)
{
    double unit = strlen (s) > 5 ? unit_seconds (s + 5) : 0;

    if (unit == 0 || (strncasecmp (s, "last ", 5) && strncasecmp (s, "next ", 5)))
        return -1;
    *seconds = tolower ((unsigned char)*s) == 'l' ? -unit : unit;
    return 0;
}

static int parse_relative (const char *s, double now, double *result)
{
    double d;
    char text[64];
    size_t len = strlen (s);
    int sign = 1;
    if (parse_last_unit (s, &d) == 0) {
        *result = now + d;
        return 0;
    }
    if (*s == '+' || *s == '-')
        sign = *s++ == '+' ? 1 : -1;
    else if (!strncasecmp (s, "in ", 3))
        s += 3;
    else if (len > 4 && !strcasecmp (s + len - 4, " ago") && len < sizeof (text)) {
        snprintf (text, sizeof (text), "%.*s", (int)(len - 4), s);
        s = text;
        sign = -1;
    } else
        return -1;
    s += strspn (s, " ");
    char words[64];
    snprintf (words, sizeof (words), "%s", s);
    if ((fsd_parse (s, &d) < 0 && parse_units (words, &d) < 0) || !isfinite (d))
        return -1;
    *result = now + sign * d;
    return 0;
}

int datetime_parse (const char *s, double now, double *result)
{
    char text[64];
    s += strspn (s, " \t");
    size_t len = strlen (s);
    while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
        len--;
    if (len == 0 || len >= sizeof (text))
        return invalid ();
    memcpy (text, s, len);
    text[len] = '\0';
    if (!strcasecmp (text, "now")) {
        *result = now;
        return 0;
    }
    if (parse_epoch (text, result) == 0 || parse_relative (text, now, result) == 0)
        return 0;
    return parse_calendar (text, now, result);
}
