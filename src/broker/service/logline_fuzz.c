/* A line of the log, as any broker or client may send it: what is taken apart lies in the
 * text, and can be printed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/service/logline.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void lies_in (const char *text, size_t size, const char *s, int len)
{
    if (len < 0 || (len > 0 && (s < text || s + len > text + size)))
        abort ();
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct logline l;
    char buf[64];

    if (logline_decode (text, size, &l) < 0)
        return 0;
    lies_in (text, size, l.timestamp, l.timestamp_len);
    lies_in (text, size, l.hostname, l.hostname_len);
    lies_in (text, size, l.appname, l.appname_len);
    lies_in (text, size, l.procid, l.procid_len);
    lies_in (text, size, l.msg, l.msg_len);
    if (l.severity < 0 || l.severity > 7)
        abort ();
    (void)logline_format (buf, sizeof (buf), &l);
    return 0;
}
