#include <stdint.h>

#include "shell/protocol.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct frame_reader r = { 0 };
    struct frame f;
    size_t half = size / 2;
    int rc;

    frame_reader_add (&r, data, half);
    while ((rc = frame_reader_next (&r, &f)) > 0)
        ;
    frame_reader_compact (&r);
    if (rc == 0) {
        frame_reader_add (&r, data + half, size - half);
        while (frame_reader_next (&r, &f) > 0)
            ;
    }
    frame_reader_fini (&r);
    return 0;
}
