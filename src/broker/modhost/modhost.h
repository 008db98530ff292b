/* The module's side: a thread that runs mod_main (RFC 5). */
#ifndef BROKER_MODHOST_H
#define BROKER_MODHOST_H

#include <flux/core.h>
#include <jansson.h>
#include <pthread.h>

#include "broker/attrs.h"
#include "core/handle/channel.h"

enum module_status {
    MODULE_INIT = 0,
    MODULE_RUNNING = 1,
    MODULE_FINALIZING = 2,
    MODULE_EXITED = 3,
};

/* What the thread is given. It owns the channel end; the rest belongs to the
 * creator, who may touch it again when the other end says ECONNRESET and the
 * thread is joined. */
struct modhost {
    char *name;
    char *path;
    char id[40];
    int argc;
    char **argv;
    json_t *attrs; /* name: value of attributes that do not change */
    json_t *conf;
    struct channel_end *end;
    pthread_t thread;
    int errnum; /* of mod_main, or of loading it */
    char errstr[160];
};

struct modhost *modhost_create (const char *name, const char *path, const char *id,
                                json_t *args, const struct attrs *attrs, json_t *conf);
void modhost_destroy (struct modhost *mh);
/* Takes end. */
int modhost_start (struct modhost *mh, struct channel_end *end);
void modhost_join (struct modhost *mh);

#endif
