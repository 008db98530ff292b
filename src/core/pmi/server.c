/* PMI-1 server.
 *
 * Happy path of a client: init, get_maxes, get_my_kvsname, put..., barrier_in
 * (answered when all local clients are in and the owner has exchanged what is
 * dirty), get..., finalize.
 *
 * Failures: a line that is no PMI-1 is refused with EPROTO; what is well-formed
 * but cannot be served is answered with rc != 0; a client that puts without end
 * is stopped at STORE_MAX_BYTES.
 */
#include "core/pmi/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "core/pmi/wire.h"

/* Bounds what all clients together may put. */
#define STORE_MAX_BYTES (256u << 20)

enum { PMI_FAIL = -1, PMI_ERR_INVALID_KEY = 4 };

struct entry {
    char *value;
    bool dirty;
    char key[];
};

struct client {
    bool in_barrier;
    bool in_mcmd; /* between mcmd= and endcmd */
};

struct pmi_server {
    struct pmi_server_ops ops;
    void *arg;
    char kvsname[PMI_KVSNAME_MAX];
    int universe_size;
    int appnum;
    int count;
    int entered; /* clients in the barrier */
    struct hashmap *store;
    size_t store_bytes;
    struct entry **dirty; /* borrowed from the store */
    int dirty_count;
    int dirty_cap;
    struct client clients[];
};

static void entry_destroy (void *arg)
{
    struct entry *e = arg;

    if (e) {
        free (e->value);
        free (e);
    }
}

struct pmi_server *pmi_server_create (const struct pmi_server_ops *ops, void *arg,
                                      const char *kvsname, int universe_size,
                                      int local_count, int appnum)
{
    struct pmi_server *s;

    if (!ops || !ops->respond || !kvsname || local_count < 1
        || pmi_wire_check_word (kvsname, PMI_KVSNAME_MAX) < 0) {
        errno = EINVAL;
        return NULL;
    }
    s = calloc (1, sizeof (*s) + local_count * sizeof (s->clients[0]));
    if (!s)
        return NULL;
    s->ops = *ops;
    s->arg = arg;
    strcpy (s->kvsname, kvsname);
    s->universe_size = universe_size;
    s->appnum = appnum;
    s->count = local_count;
    if (!(s->store = hashmap_create (entry_destroy))) {
        pmi_server_destroy (s);
        return NULL;
    }
    return s;
}

void pmi_server_destroy (struct pmi_server *s)
{
    int saved_errno = errno;

    if (s) {
        hashmap_destroy (s->store);
        free (s->dirty);
        free (s);
    }
    errno = saved_errno;
}

static size_t entry_cost (const char *key, const char *value)
{
    return strlen (key) + strlen (value) + sizeof (struct entry);
}

/* Adds or replaces, and tells the entry. */
static struct entry *store (struct pmi_server *s, const char *key, const char *value)
{
    struct entry *e = hashmap_lookup (s->store, key);
    size_t cost = e ? strlen (value) : entry_cost (key, value);
    size_t freed = e ? strlen (e->value) : 0;
    char *copy;

    if (pmi_wire_check_word (key, PMI_KEYLEN_MAX) < 0
        || pmi_wire_check_value (value, PMI_VALLEN_MAX) < 0) {
        errno = EINVAL;
        return NULL;
    }
    if (s->store_bytes - freed + cost > STORE_MAX_BYTES) {
        errno = ENOSPC;
        return NULL;
    }
    if (!(copy = strdup (value)))
        return NULL;
    if (e) {
        free (e->value);
    } else {
        if (!(e = malloc (sizeof (*e) + strlen (key) + 1))) {
            free (copy);
            return NULL;
        }
        strcpy (e->key, key);
        e->dirty = false;
        if (hashmap_insert (s->store, key, e) < 0) {
            free (e);
            free (copy);
            return NULL;
        }
    }
    s->store_bytes += cost - freed;
    e->value = copy;
    return e;
}

int pmi_server_store (struct pmi_server *s, const char *key, const char *value)
{
    return store (s, key, value) ? 0 : -1;
}

const char *pmi_server_lookup (struct pmi_server *s, const char *key)
{
    struct entry *e = hashmap_lookup (s->store, key);

    return e ? e->value : NULL;
}

int pmi_server_dirty (struct pmi_server *s, int *pos, const char **key,
                      const char **value)
{
    if (*pos >= s->dirty_count)
        return 0;
    *key = s->dirty[*pos]->key;
    *value = s->dirty[*pos]->value;
    (*pos)++;
    return 1;
}

static int mark_dirty (struct pmi_server *s, struct entry *e)
{
    if (e->dirty)
        return 0;
    if (s->dirty_count == s->dirty_cap) {
        int cap = s->dirty_cap ? s->dirty_cap * 2 : 16;
        struct entry **p = realloc (s->dirty, cap * sizeof (*p));

        if (!p)
            return -1;
        s->dirty = p;
        s->dirty_cap = cap;
    }
    s->dirty[s->dirty_count++] = e;
    e->dirty = true;
    return 0;
}

static void trace (struct pmi_server *s, int client, char dir, const char *line)
{
    char buf[PMI_LINE_MAX + 8];

    if (s->ops.trace) {
        snprintf (buf, sizeof (buf), "%c: %.*s", dir, (int)strcspn (line, "\n"), line);
        s->ops.trace (client, buf, s->arg);
    }
}

__attribute__ ((format (printf, 3, 4))) static void
respond (struct pmi_server *s, int client, const char *fmt, ...)
{
    char line[PMI_LINE_MAX];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (line, sizeof (line), fmt, ap);
    va_end (ap);
    trace (s, client, 'S', line);
    s->ops.respond (client, line, s->arg);
}

static void do_init (struct pmi_server *s, int client, const char *line)
{
    int version = 0, subversion = 0;

    if (!pmi_wire_int (line, "pmi_version", &version)
        || !pmi_wire_int (line, "pmi_subversion", &subversion) || version != 1)
        respond (s, client,
                 "cmd=response_to_init rc=%d pmi_version=1 pmi_subversion=1\n",
                 PMI_FAIL);
    else
        respond (s, client,
                 "cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1\n");
}

static void do_get_maxes (struct pmi_server *s, int client, const char *line)
{
    respond (s, client, "cmd=maxes rc=0 kvsname_max=%d keylen_max=%d vallen_max=%d\n",
             PMI_KVSNAME_MAX, PMI_KEYLEN_MAX, PMI_VALLEN_MAX);
}

static void do_get_my_kvsname (struct pmi_server *s, int client, const char *line)
{
    respond (s, client, "cmd=my_kvsname rc=0 kvsname=%s\n", s->kvsname);
}

static void do_get_universe_size (struct pmi_server *s, int client, const char *line)
{
    respond (s, client, "cmd=universe_size rc=0 size=%d\n", s->universe_size);
}

static void do_get_appnum (struct pmi_server *s, int client, const char *line)
{
    respond (s, client, "cmd=appnum rc=0 appnum=%d\n", s->appnum);
}

static bool kvsname_ok (struct pmi_server *s, const char *line)
{
    char name[PMI_KVSNAME_MAX];

    return pmi_wire_word (line, "kvsname", name, sizeof (name))
           && strcmp (name, s->kvsname) == 0;
}

static void do_put (struct pmi_server *s, int client, const char *line)
{
    char key[PMI_KEYLEN_MAX];
    char value[PMI_VALLEN_MAX];
    struct entry *e;

    if (!kvsname_ok (s, line) || !pmi_wire_word (line, "key", key, sizeof (key))
        || key[0] == '\0' || !pmi_wire_string (line, "value", value, sizeof (value)))
        respond (s, client, "cmd=put_result rc=%d msg=invalid_argument\n", PMI_FAIL);
    else if (!(e = store (s, key, value)) || mark_dirty (s, e) < 0)
        respond (s, client, "cmd=put_result rc=%d msg=no_space\n", PMI_FAIL);
    else
        respond (s, client, "cmd=put_result rc=0\n");
}

static void do_get (struct pmi_server *s, int client, const char *line)
{
    char key[PMI_KEYLEN_MAX];
    const char *value = NULL;

    if (kvsname_ok (s, line) && pmi_wire_word (line, "key", key, sizeof (key)))
        value = pmi_server_lookup (s, key);
    if (value)
        respond (s, client, "cmd=get_result rc=0 value=%s\n", value);
    else
        respond (s, client, "cmd=get_result rc=%d\n", PMI_ERR_INVALID_KEY);
}

static void do_barrier_in (struct pmi_server *s, int client, const char *line)
{
    if (s->clients[client].in_barrier) {
        respond (s, client, "cmd=barrier_out rc=%d\n", PMI_FAIL);
        return;
    }
    s->clients[client].in_barrier = true;
    if (++s->entered < s->count)
        return;
    if (s->ops.barrier)
        s->ops.barrier (s, s->arg);
    else
        pmi_server_barrier_done (s, 0);
}

void pmi_server_barrier_done (struct pmi_server *s, int rc)
{
    while (s->dirty_count > 0)
        s->dirty[--s->dirty_count]->dirty = false;
    s->entered = 0;
    for (int i = 0; i < s->count; i++) {
        if (s->clients[i].in_barrier) {
            s->clients[i].in_barrier = false;
            respond (s, i, "cmd=barrier_out rc=%d\n", rc);
        }
    }
}

static void do_finalize (struct pmi_server *s, int client, const char *line)
{
    respond (s, client, "cmd=finalize_ack rc=0\n");
}

static void do_abort (struct pmi_server *s, int client, const char *line)
{
    char msg[PMI_VALLEN_MAX] = "";
    int exitcode = 1;

    (void)pmi_wire_int (line, "exitcode", &exitcode);
    (void)pmi_wire_string (line, "error_msg", msg, sizeof (msg));
    if (s->ops.abort)
        s->ops.abort (client, exitcode, msg, s->arg);
}

/* Name service (RFC 13 "publish_name"): not offered, and said so. */
static void do_publish (struct pmi_server *s, int client, const char *line)
{
    respond (s, client, "cmd=publish_result rc=%d msg=not_supported\n", PMI_FAIL);
}

static void do_unpublish (struct pmi_server *s, int client, const char *line)
{
    respond (s, client, "cmd=unpublish_result rc=%d msg=not_supported\n", PMI_FAIL);
}

static void do_lookup (struct pmi_server *s, int client, const char *line)
{
    respond (s, client, "cmd=lookup_result rc=%d msg=not_supported\n", PMI_FAIL);
}

static const struct {
    const char *cmd;
    void (*fn) (struct pmi_server *s, int client, const char *line);
} requests[] = {
    { "get", do_get },
    { "put", do_put },
    { "barrier_in", do_barrier_in },
    { "init", do_init },
    { "get_maxes", do_get_maxes },
    { "get_my_kvsname", do_get_my_kvsname },
    { "get_universe_size", do_get_universe_size },
    { "get_appnum", do_get_appnum },
    { "finalize", do_finalize },
    { "abort", do_abort },
    { "publish_name", do_publish },
    { "unpublish_name", do_unpublish },
    { "lookup_name", do_lookup },
};

/* Lines of a multi-line request are swallowed until endcmd. Spawn is the only
 * one there is, and it is refused. */
static void mcmd_line (struct pmi_server *s, int client, const char *line)
{
    if (strncmp (line, "endcmd", 6) == 0) {
        s->clients[client].in_mcmd = false;
        respond (s, client, "cmd=spawn_result rc=%d msg=not_supported\n", PMI_FAIL);
    }
}

int pmi_server_request (struct pmi_server *s, int client, const char *line)
{
    char cmd[64];

    if (client < 0 || client >= s->count) {
        errno = EINVAL;
        return -1;
    }
    trace (s, client, 'C', line);
    if (s->clients[client].in_mcmd) {
        mcmd_line (s, client, line);
        return 0;
    }
    if (pmi_wire_word (line, "mcmd", cmd, sizeof (cmd))) {
        s->clients[client].in_mcmd = true;
        return 0;
    }
    if (pmi_wire_word (line, "cmd", cmd, sizeof (cmd))) {
        for (size_t i = 0; i < sizeof (requests) / sizeof (requests[0]); i++) {
            if (strcmp (cmd, requests[i].cmd) == 0) {
                requests[i].fn (s, client, line);
                return 0;
            }
        }
    }
    errno = EPROTO;
    return -1;
}
