/* Sends one packet through the module conduit: conduit-put KEY JSON */
#include <flux/core.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int put (flux_t *h, const char *key, json_t *data)
{
    flux_future_t *f = flux_rpc_pack (h, "conduit.put", FLUX_NODEID_ANY, 0, "{s:s s:O}",
                                      "key", key, "data", data);
    int rc = f ? flux_rpc_get (f, NULL) : -1;

    if (rc < 0)
        fprintf (stderr, "conduit-put: %s: %s\n", key,
                 f ? flux_future_error_string (f) : strerror (errno));
    flux_future_destroy (f);
    return rc;
}

int main (int argc, char *argv[])
{
    json_t *data;
    flux_t *h;
    int rc;

    if (argc != 3) {
        fprintf (stderr, "usage: conduit-put KEY JSON\n");
        return 2;
    }
    if (!(data = json_loads (argv[2], JSON_DECODE_ANY, NULL))) {
        fprintf (stderr, "conduit-put: %s: not JSON\n", argv[2]);
        return 1;
    }
    if (!(h = flux_open (NULL, 0))) {
        fprintf (stderr, "conduit-put: no connection to Flux\n");
        return 1;
    }
    rc = put (h, argv[1], data);
    json_decref (data);
    flux_close (h);
    return rc < 0 ? 1 : 0;
}
