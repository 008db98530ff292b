/* PMI-1 server (RFC 13): text in, text out. No descriptor, no clock: the
 * owner (flux start, flux-shell) moves the lines. */
#ifndef CORE_PMI_SERVER_H
#define CORE_PMI_SERVER_H

struct pmi_server;

/* Lines carry their newline. client: local index from 0. */
struct pmi_server_ops {
    /* Send a line to a client. */
    void (*respond) (int client, const char *line, void *arg);
    /* All local clients entered the barrier. The owner exchanges what
     * pmi_server_dirty tells with its peers (if any), stores what they had
     * with pmi_server_store, then calls pmi_server_barrier_done. */
    void (*barrier) (struct pmi_server *s, void *arg);
    void (*abort) (int client, int exitcode, const char *msg, void *arg);
    /* Optional: one line for each request and response, for tracing. */
    void (*trace) (int client, const char *line, void *arg);
};

struct pmi_server *pmi_server_create (const struct pmi_server_ops *ops, void *arg,
                                      const char *kvsname, int universe_size,
                                      int local_count, int appnum);
void pmi_server_destroy (struct pmi_server *s);
/* -1 with EINVAL: no line has room for that key or value, or it would be another line;
 * ENOSPC: all together are too much; ENOMEM. */
int pmi_server_store (struct pmi_server *s, const char *key, const char *value);
const char *pmi_server_lookup (struct pmi_server *s, const char *key);
/* What clients put since the last barrier: call until false, *pos from 0. */
int pmi_server_dirty (struct pmi_server *s, int *pos, const char **key,
                      const char **value);
/* -1 with EPROTO for a line that is no PMI-1: the owner drops the client. */
int pmi_server_request (struct pmi_server *s, int client, const char *line);
void pmi_server_barrier_done (struct pmi_server *s, int rc);

#endif
