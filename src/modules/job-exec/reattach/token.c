#include "modules/job-exec/reattach/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/encode.h"
#include "core/kvs/txn.h"

#define TOKEN_KEY "admin.job-exec"
#define TOKEN_BYTES 16

static char *new_token (void)
{
    unsigned char bytes[TOKEN_BYTES];
    char text[2 * TOKEN_BYTES + 1];

    if (getrandom (bytes, sizeof (bytes), 0) != sizeof (bytes))
        return NULL;
    hex_encode (text, bytes, sizeof (bytes));
    return strdup (text);
}

flux_future_t *token_commit (flux_t *h, const char *token)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    flux_future_t *f = NULL;

    if (txn && flux_kvs_txn_put_raw (txn, 0, TOKEN_KEY, token, strlen (token)) == 0)
        f = flux_kvs_commit (h, NULL, KVS_TXN_ORDERED, txn);
    flux_kvs_txn_destroy (txn);
    return f;
}

/* NULL: there is none, or with an errno other than ENOENT. */
static char *look_up (flux_t *h)
{
    flux_future_t *f = flux_kvs_lookup (h, NULL, 0, TOKEN_KEY);
    const void *data = NULL;
    char *token = NULL;
    size_t len = 0;
    int rc = f ? flux_kvs_lookup_get_raw (f, &data, &len) : -1;

    if (rc == 0 && len > 0)
        token = strndup (data, len);
    else if (rc == 0)
        errno = ENOENT;
    flux_future_destroy (f);
    return token;
}

char *token_find (flux_t *h)
{
    char *token = look_up (h);
    flux_future_t *f;

    if (!token && errno == ENOENT)
        token = new_token ();
    f = token ? token_commit (h, token) : NULL;
    if (!f || flux_future_get (f, NULL) < 0) {
        flux_log_error (h, "%s", TOKEN_KEY);
        free (token);
        token = NULL;
    }
    flux_future_destroy (f);
    return token;
}
