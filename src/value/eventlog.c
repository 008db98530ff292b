#include "value/eventlog.h"
#include "base/json/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/text/printable.h"

static double now (void)
{
    struct timespec ts;

    clock_gettime (CLOCK_REALTIME, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static int add_json (struct buf *b, const json_t *o)
{
    char *s = json_encode_str (o);

    if (!s || buf_adds (b, s) < 0) {
        free (s);
        return -1;
    }
    free (s);
    return 0;
}

/* Names are plain nearly always: only others take the way through JSON. */
static int add_name (struct buf *b, const char *name)
{
    json_t *o;
    int rc;

    if (name[strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "0123456789-_.:")]
        == '\0') {
        buf_addc (b, '"');
        buf_adds (b, name);
        return buf_addc (b, '"');
    }
    if (!(o = json_string (name))) {
        errno = EINVAL;
        return -1;
    }
    rc = add_json (b, o);
    json_decref (o);
    return rc;
}

char *eventlog_line (double timestamp, const char *name, json_t *context)
{
    struct buf b = BUF_INIT;

    if (!name || !*name || (context && !json_is_object (context))
        || !isfinite (timestamp)) {
        errno = EINVAL;
        return NULL;
    }
    if (timestamp <= 0)
        timestamp = now ();
    buf_printf (&b, "{\"timestamp\":%.6f,\"name\":", timestamp);
    if (add_name (&b, name) < 0)
        goto error;
    if (context) {
        buf_adds (&b, ",\"context\":");
        if (add_json (&b, context) < 0)
            goto error;
    }
    buf_adds (&b, "}\n");
    return buf_take (&b, NULL);
error:
    buf_fini (&b);
    return NULL;
}

bool eventlog_entry_valid (json_t *entry)
{
    return eventlog_entry_parse (entry, NULL, NULL, NULL) == 0;
}

int eventlog_entry_parse (json_t *entry, double *timestamp, const char **name,
                          json_t **context)
{
    json_t *t = json_object_get (entry, "timestamp");
    json_t *n = json_object_get (entry, "name");
    json_t *c = json_object_get (entry, "context");

    if (!json_is_number (t) || !(json_number_value (t) > 0)
        || json_string_length (n) == 0 || (c && !json_is_object (c))
        || json_object_size (entry) != (c ? 3 : 2)) {
        errno = EINVAL;
        return -1;
    }
    if (timestamp)
        *timestamp = json_number_value (t);
    if (name)
        *name = json_string_value (n);
    if (context)
        *context = c;
    return 0;
}

json_t *eventlog_entry_decode (const char *s, size_t len)
{
    json_t *entry = json_decode (s, len, JSON_ALLOW_NUL, NULL);

    if (!entry || !eventlog_entry_valid (entry)) {
        json_decref (entry);
        errno = EINVAL;
        return NULL;
    }
    return entry;
}

bool eventlog_next_line (const char **pos, const char *end, const char **line,
                         size_t *len)
{
    const char *nl;

    if (*pos >= end)
        return false;
    nl = memchr (*pos, '\n', end - *pos);
    *line = *pos;
    *len = (nl ? nl : end) - *pos;
    *pos = nl ? nl + 1 : end;
    return true;
}

json_t *eventlog_decode (const char *s, size_t len)
{
    const char *end = s + len;
    const char *line;
    size_t line_len;
    json_t *array;

    if (len > 0 && s[len - 1] != '\n') {
        errno = EINVAL;
        return NULL;
    }
    if (!(array = json_array ())) {
        errno = ENOMEM;
        return NULL;
    }
    while (eventlog_next_line (&s, end, &line, &line_len)) {
        json_t *entry = eventlog_entry_decode (line, line_len);
        if (!entry || json_array_append_new (array, entry) < 0) {
            json_decref (array);
            errno = EINVAL;
            return NULL;
        }
    }
    return array;
}

enum paint { PAINT_TIME, PAINT_NAME, PAINT_BAD_NAME, PAINT_KEY, PAINT_VALUE };

static void add_painted (struct buf *b, bool color, enum paint paint, const char *s)
{
    static const char *const codes[] = {
        [PAINT_TIME] = "\033[32m",
        [PAINT_NAME] = "\033[33m",
        [PAINT_BAD_NAME] = "\033[1m\033[31m",
        [PAINT_KEY] = "\033[34m",
        [PAINT_VALUE] = "\033[35m",
    };

    if (color)
        buf_adds (b, codes[paint]);
    /* Names, keys and texts are whatever users posted. */
    buf_add_printable (b, s, strlen (s), 0);
    if (color)
        buf_adds (b, "\033[0m");
}

static void add_iso (char *text, size_t size, double t)
{
    time_t sec = t;
    struct tm tm;
    size_t n;

    gmtime_r (&sec, &tm);
    n = strftime (text, size, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf (text + n, size - n, ".%06dZ", (int)((t - sec) * 1e6));
}

/* Like dmesg(1): date and time where a new minute begins, else the distance. */
static void add_human (struct eventlog_formatter *f, char *text, size_t size, double t)
{
    double minute = floor (t / 60);
    time_t sec = t;
    struct tm tm;

    if (f->t0 > 0 && minute == f->last_minute) {
        snprintf (text, size, "[%+11.6f]", t - f->t0);
        return;
    }
    f->last_minute = minute;
    f->t0 = t;
    localtime_r (&sec, &tm);
    strftime (text, size, "[%b%d %H:%M]", &tm);
}

static void format_time (struct eventlog_formatter *f, char *text, size_t size,
                         double t)
{
    /* Beyond the year 9999 the calendar's functions are not to be trusted. */
    bool calendar = t < 253402300800.;

    if (f->t0 == 0 && f->time == EVENTLOG_TIME_OFFSET)
        f->t0 = t;
    if (f->time == EVENTLOG_TIME_ISO && calendar)
        add_iso (text, size, t);
    else if (f->time == EVENTLOG_TIME_OFFSET)
        snprintf (text, size, "%.6f", t - f->t0);
    else if (f->time == EVENTLOG_TIME_HUMAN && calendar)
        add_human (f, text, size, t);
    else
        snprintf (text, size, "%.6f", t);
}

static void add_context (struct buf *b, json_t *context, bool color)
{
    const char *key;
    json_t *value;

    json_object_foreach (context, key, value) {
        char *s = json_encode_str (value);
        if (b->len > 0)
            buf_addc (b, ' ');
        add_painted (b, color, PAINT_KEY, key);
        buf_addc (b, '=');
        add_painted (b, color, PAINT_VALUE, s ? s : "?");
        free (s);
    }
}

char *eventlog_format_context (json_t *context)
{
    struct buf b = BUF_INIT;

    add_context (&b, context, false);
    return buf_take (&b, NULL);
}

char *eventlog_format (struct eventlog_formatter *f, json_t *entry)
{
    struct buf b = BUF_INIT;
    char text[400]; /* the largest double takes 317 */
    const char *name;
    json_t *context;
    double t;

    if (eventlog_entry_parse (entry, &t, &name, &context) < 0)
        return NULL;
    if (f->json)
        return json_encode_str (entry);
    format_time (f, text, sizeof (text), t);
    add_painted (&b, f->color, PAINT_TIME, text);
    buf_addc (&b, ' ');
    add_painted (&b, f->color,
                 !strcmp (name, "exception") ? PAINT_BAD_NAME : PAINT_NAME, name);
    add_context (&b, context, f->color);
    return buf_take (&b, NULL);
}
