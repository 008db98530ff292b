#include "cmd/format/jobs_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/json/jsontext.h"

void jobs_rows_init (struct jobs_rows *rows, json_t *attrs)
{
    *rows = (struct jobs_rows){ 0 };
    memset (rows->slot, -1, sizeof (rows->slot));
    rows->slot[J_ID] = rows->nslots++;
    rows->attr[0] = J_ID;
    /* In the order in which job-list says them. */
    for (int attr = 0; attr < J_ID; attr++) {
        json_t *o;
        size_t i;

        json_array_foreach (attrs, i, o) {
            if (rows->slot[attr] < 0
                && !strcmp (json_string_value (o), job_attr_names[attr])) {
                rows->attr[rows->nslots] = attr;
                rows->slot[attr] = rows->nslots++;
            }
        }
    }
}

void jobs_rows_fini (struct jobs_rows *rows)
{
    free (rows->values);
    json_decref (rows->annotations);
    json_decref (rows->dependencies);
}

static struct jobs_value *add_row (struct jobs_rows *rows)
{
    struct jobs_value *row;

    if (rows->count == rows->cap) {
        size_t cap = rows->cap ? 2 * rows->cap : 256;
        void *p = reallocarray (rows->values, cap * rows->nslots, sizeof (*row));

        if (!p)
            return NULL;
        rows->values = p;
        rows->cap = cap;
    }
    row = rows->values + rows->count++ * rows->nslots;
    memset (row, 0, rows->nslots * sizeof (*row));
    return row;
}

static bool is (struct span key, const char *name)
{
    return strlen (name) == key.len && !memcmp (name, key.s, key.len);
}

/* Attributes come in their order: begin with the one that is expected. -1: nobody asked. */
static int find_slot (const struct jobs_rows *rows, struct span key, int expected)
{
    for (int i = 0; i < rows->nslots; i++) {
        int slot =
            expected + i < rows->nslots ? expected + i : expected + i - rows->nslots;

        if (is (key, job_attr_names[rows->attr[slot]]))
            return slot;
    }
    return -1;
}

/* *v is as it was if that is none. */
static bool read_value (struct jscan *s, struct jobs_value *v)
{
    struct span text;
    bool flag;
    char *string, type = jscan_peek (s);

    text.s = s->p;
    if (type == '"') {
        if (!jscan_string_in_place (s, &string))
            return false;
        text = (struct span){ string, strlen (string) };
    } else if (type == '0') {
        if (!jscan_number (s, &text, &flag))
            return false;
    } else {
        if (!jscan_skip (s))
            return false;
        text.len = s->p - text.s;
    }
    *v = (struct jobs_value){ .s = text.s, .len = text.len, .type = type };
    return true;
}

static bool read_job (struct jobs_rows *rows, struct jscan *s)
{
    struct jobs_value *row;
    struct span key;
    bool escaped;
    int expected = 0;

    if (!jscan_object (s))
        return false;
    if (!(row = add_row (rows)))
        return jscan_fail (s, "out of memory");
    while (jscan_next_key (s, &key, &escaped)) {
        int slot = find_slot (rows, key, expected);

        if (slot < 0 ? !jscan_skip (s) : !read_value (s, &row[slot]))
            return false;
        expected = slot + 1 < rows->nslots ? slot + 1 : 0;
    }
    return !s->fault;
}

int jobs_rows_add (struct jobs_rows *rows, char *text, size_t len)
{
    struct jscan s;
    struct span key;
    bool escaped;

    jscan_init (&s, text, len);
    if (jscan_object (&s)) {
        while (jscan_next_key (&s, &key, &escaped)) {
            if (!is (key, "jobs"))
                jscan_skip (&s);
            else if (jscan_array (&s))
                while (jscan_next_item (&s) && read_job (rows, &s))
                    ;
        }
    }
    if (jscan_end (&s))
        return 0;
    errno = EINVAL;
    return -1;
}

const struct jobs_value *jobs_row_value (const struct jobs_rows *rows,
                                         const struct jobs_value *row,
                                         enum job_attr attr)
{
    int slot = rows->slot[attr];

    return slot < 0 || !row[slot].type ? NULL : &row[slot];
}

int64_t jobs_value_int (const struct jobs_value *v)
{
    struct jscan s;
    int64_t n = 0;

    if (!v || v->type != '0')
        return 0;
    if (v->len < 19 && v->s[0] != '-') { /* digits, as nearly always */
        uint32_t i = 0;

        while (i < v->len && v->s[i] >= '0' && v->s[i] <= '9')
            n = n * 10 + (v->s[i++] - '0');
        if (i == v->len)
            return n;
    }
    jscan_init (&s, v->s, v->len);
    return jscan_int (&s, &n) ? n : 0;
}

/* Digits with a point in them, as times are: 2^53 of them, and powers of ten, are exact, so
 * that their quotient is the nearest number there is. */
static bool read_decimal (const struct jobs_value *v, double *x)
{
    static const double power[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8 };
    uint64_t n = 0;
    uint32_t i = 0, point = v->len;

    for (; i < v->len; i++) {
        char c = v->s[i];

        if (c >= '0' && c <= '9')
            n = n * 10 + (c - '0');
        else if (c == '.' && point == v->len)
            point = i;
        else
            return false;
    }
    uint32_t fraction = point < v->len ? v->len - point - 1 : 0;
    if (v->len > 18 || n > (uint64_t)1 << 53 || fraction > 8)
        return false;
    *x = (double)n / power[fraction];
    return true;
}

double jobs_value_number (const struct jobs_value *v)
{
    double x;

    if (!v || v->type != '0')
        return 0;
    if (read_decimal (v, &x) || jsontext_number ((struct span){ v->s, v->len }, &x))
        return x;
    return 0;
}

json_t *jobs_row_json (struct jobs_rows *rows, const struct jobs_value *row,
                       enum job_attr attr)
{
    json_t **kept = attr == J_ANNOTATIONS ? &rows->annotations : &rows->dependencies;
    const struct jobs_value *v = jobs_row_value (rows, row, attr);

    json_decref (*kept);
    *kept = v ? json_decode (v->s, v->len, 0, NULL) : NULL;
    return *kept;
}
