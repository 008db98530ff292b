#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/shell/protocol.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Every line is a frame, or skipped: never an endless loop, never a text beyond its
 * line. */
static size_t read_all (struct frame_reader *r)
{
    struct frame f;
    size_t lines = 0;
    int rc;

    while ((rc = frame_reader_next (r, &f)) != 0) {
        lines++;
        if (rc > 0 && (f.text[f.len] != '\0' || memchr (f.text, '\n', f.len)))
            abort ();
        if (rc < 0 && errno == EMSGSIZE)
            break;
    }
    frame_reader_compact (r);
    return lines;
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct frame_reader r = { 0 };
    size_t half = size / 2, lines = 0, newlines = 0;

    frame_reader_add (&r, data, half);
    lines += read_all (&r);
    frame_reader_add (&r, data + half, size - half);
    lines += read_all (&r);
    for (size_t i = 0; i < size; i++)
        newlines += data[i] == '\n';
    if (lines != newlines)
        abort ();
    frame_reader_fini (&r);
    return 0;
}
