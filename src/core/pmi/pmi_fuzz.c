/* Tasks of a job, or brokers that a launcher has started, say what they like to the server:
 * the first byte tells how many there are, each line begins with whose it is. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pmi/server.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* One line, which a reader of PMI-1 can take apart. */
static void respond (int client, const char *line, void *arg)
{
    const char *nl = strchr (line, '\n');

    if (!nl || nl[1] != '\0' || strncmp (line, "cmd=", 4) != 0)
        abort ();
}

static void barrier (struct pmi_server *s, void *arg)
{
    const char *key, *value;
    int pos = 0;

    while (pmi_server_dirty (s, &pos, &key, &value))
        (void)pmi_server_store (s, key, value);
    pmi_server_barrier_done (s, 0);
}

static void aborted (int client, int exitcode, const char *msg, void *arg)
{
    if (msg && strchr (msg, '\n'))
        abort ();
}

static void say (struct pmi_server *s, int count, const char *p, size_t len)
{
    char *line = malloc (len + 2);

    if (!line)
        return;
    memcpy (line, p + 1, len - 1);
    memcpy (line + len - 1, "\n", 2);
    if (!memchr (line, '\0', len - 1))
        (void)pmi_server_request (s, (uint8_t)p[0] % count, line);
    free (line);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const struct pmi_server_ops ops = { .respond = respond,
                                               .barrier = barrier,
                                               .abort = aborted };
    const char *p = (const char *)data + 1, *end = (const char *)data + size;
    int count = size > 0 ? 1 + data[0] % 4 : 1;

    if (size < 2)
        return 0;
    struct pmi_server *s = pmi_server_create (&ops, NULL, "kvs", count, count, 0);
    while (s && p < end) {
        const char *nl = memchr (p, '\n', end - p);
        size_t len = (nl ? nl : end) - p;
        if (len > 1)
            say (s, count, p, len);
        p += len + 1;
    }
    pmi_server_destroy (s);
    return 0;
}
