/* A format, which prints some rows. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/format/format.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const char *const names[] = { "null", "s", "i", "f", "b" };

static bool resolve (const char *name, struct format_field *field)
{
    for (int i = 0; i < 5; i++) {
        if (!strcmp (names[i], name)) {
            field->id = i;
            return true;
        }
    }
    if (strncmp (name, "user.", 5) != 0)
        return false;
    field->id = 5;
    field->arg = name + 5;
    return true;
}

static void get (const struct format_field *field, const void *row,
                 struct format_value *v, void *arg)
{
    static const char *const texts[] = { "", "ƒ58", "a \x1b[1m line" };
    static const double floats[] = { 0., -1.5, 1.796e9, INFINITY };
    int n = *(const int *)row;

    *v = (struct format_value){ .type = field->id < 5 ? field->id : FORMAT_STRING };
    if (field->id == FORMAT_STRING)
        v->s = texts[n % 3];
    else if (field->id == FORMAT_INT)
        v->i = n == 1 ? INT64_MIN : n;
    else if (field->id == FORMAT_FLOAT)
        v->f = floats[n % 4];
    else if (field->id == FORMAT_BOOL)
        v->b = n % 2;
    else if (field->id == 5)
        v->s = field->arg;
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const struct format_source source = { resolve, get, NULL };
    static const int rows[] = { 0, 1, 2, 3 };
    char *text = strndup ((const char *)data, size < 4096 ? size : 4096);
    struct buf b = BUF_INIT;
    flux_error_t error;
    struct format *f;

    if (text && (f = format_create (text, &source, &error))) {
        (void)format_table (f, rows, 4, sizeof (rows[0]), true, &b);
        format_destroy (f);
    }
    buf_fini (&b);
    free (text);
    return 0;
}
