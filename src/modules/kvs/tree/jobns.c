#include "jobns.h"

#include "core/kvs/treetext.h"
#include "value/job/jobid.h"
#include "value/treeobj.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool jobns_parse (const char *ns, char dir[JOBNS_DIR_MAX], char guest[JOBNS_DIR_MAX])
{
    char again[JOBNS_DIR_MAX];
    uint64_t id;
    char *end;

    if (strncmp (ns, "job-", 4) != 0 || ns[4] < '0' || ns[4] > '9')
        return false;
    errno = 0;
    id = strtoumax (ns + 4, &end, 10);
    snprintf (again, sizeof (again), "job-%" PRIu64, id);
    if (errno || *end || strcmp (ns, again) != 0
        || jobid_encode (id, JOBID_KVS, dir, JOBNS_DIR_MAX) < 0)
        return false;
    snprintf (guest, JOBNS_DIR_MAX, "%.*s.guest", JOBNS_DIR_MAX - 8, dir);
    return true;
}

char *jobns_key (const char *guest, const char *key)
{
    char *s;

    if (!strcmp (key, "."))
        return strdup (guest);
    return asprintf (&s, "%s.%s", guest, key) < 0 ? NULL : s;
}

/* A link in the job's namespace: to be followed from the primary namespace's root. */
static char *link_below (const char *guest, const char *text, size_t len)
{
    json_t *o = treeobj_decode (text, len);
    const char *target, *ns = NULL;
    char *path, *s = NULL;
    struct buf b = BUF_INIT;

    if (o
        && json_unpack (o, "{s:{s?s s:s}}", "data", "namespace", &ns, "target", &target)
               == 0
        && !ns && (path = jobns_key (guest, target))) {
        treetext_add_symlink (&b, NULL, path);
        s = buf_take (&b, NULL);
        free (path);
    }
    json_decref (o);
    return s;
}

static bool is_link (const struct kvs_txn_op *op)
{
    struct treetext t;

    return op->kind == KVS_TXN_TREEOBJ && treetext_parse (op->data, op->len, &t) == 0
           && t.type == TREEOBJ_SYMLINK;
}

static int add_below (flux_kvs_txn_t *to, const struct kvs_txn_op *op,
                      const char *guest)
{
    char *key, *link = NULL;
    const char *data = op->data;
    size_t len = op->len;
    int rc;

    if (op->key_len == 0 || !strcmp (op->key, ".")) {
        errno = EINVAL;
        return -1;
    }
    if (!(key = jobns_key (guest, op->key)))
        return -1;
    if (is_link (op) && (link = link_below (guest, op->data, op->len))) {
        data = link;
        len = strlen (link);
    }
    rc = kvs_txn_add (to, op->kind, op->flags, key, data, len);
    free (link);
    free (key);
    return rc;
}

int jobns_txn (const struct kvs_txn_reader *txn, struct buf *out)
{
    struct kvs_txn_reader r = *txn;
    char dir[JOBNS_DIR_MAX], guest[JOBNS_DIR_MAX];
    flux_kvs_txn_t *to = flux_kvs_txn_create ();
    struct kvs_txn_op op;
    int rc = -1, saved_errno;

    if (!to)
        return -1;
    if (!jobns_parse (txn->ns, dir, guest))
        errno = EINVAL;
    else
        while ((rc = kvs_txn_next (&r, &op)) == 1)
            if ((rc = add_below (to, &op, guest)) < 0)
                break;
    if (rc == 0)
        kvs_txn_encode (to, dir, txn->flags, out);
    if (rc == 0 && out->err) {
        errno = ENOMEM;
        rc = -1;
    }
    saved_errno = errno;
    flux_kvs_txn_destroy (to);
    errno = saved_errno;
    return rc;
}
