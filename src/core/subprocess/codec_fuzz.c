#include <stdint.h>
#include <stdlib.h>

#include "core/subprocess/command.h"
#include "core/subprocess/io.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    json_t *o = json_loadb ((const char *)data, size, JSON_ALLOW_NUL, NULL);
    struct io io;

    if (!o)
        return 0;
    flux_cmd_t *cmd = cmd_decode (o);
    if (cmd) {
        json_t *again = cmd_encode (cmd);
        json_decref (again);
        flux_cmd_destroy (cmd);
    }
    if (io_decode (o, &io) == 0) {
        json_t *again =
            io_encode (io.stream, io.rank, io.data ? io.data : "", io.len, io.eof);
        json_decref (again);
        free (io.data);
    }
    json_decref (o);
    return 0;
}
