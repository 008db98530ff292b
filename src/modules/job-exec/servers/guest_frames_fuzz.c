/* Frames of another user's shell: each line is one, with its type first. What passes has a
 * sense, and bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "modules/job-exec/servers/guest_frames.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *end = p + size;
    struct guest_frames g;
    double now = 1.;

    guest_frames_init (&g, p, size);
    g.window = 1000;
    for (; p < end; now += 0.001) {
        const char *nl = memchr (p, '\n', end - p);
        size_t len = (nl ? nl : end) - p;
        char *text = len > 0 ? strndup (p + 1, len - 1) : NULL;
        if (text && *p >= 'A' && *p <= 'Z' && len % 3 == 0)
            guest_frames_sent (&g, *p, text, strlen (text));
        else if (text && !guest_frames_check (&g, *p, text, strlen (text), now)
                 && (!*p || !strchr ("rsetobwxlcapvTX", *p)))
            abort ();
        free (text);
        if (g.talk > 1024 * 1024 || g.output < 0 || g.unanswered < 0)
            abort ();
        p += len + 1;
    }
    return 0;
}
