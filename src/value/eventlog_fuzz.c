#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value/eventlog.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct eventlog_formatter f = { .time = EVENTLOG_TIME_HUMAN };
    json_t *log = eventlog_decode ((const char *)data, size);
    json_t *entry;
    size_t i;

    json_array_foreach (log, i, entry) {
        f.time = i % 4;
        free (eventlog_format (&f, entry));
    }
    json_decref (log);
    return 0;
}
