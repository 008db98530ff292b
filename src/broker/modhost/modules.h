/* The broker's side of its modules, see modules.c. */
#ifndef BROKER_MODULES_H
#define BROKER_MODULES_H

#include "broker/broker.h"

/* Called once: errnum 0 when the module runs, else why it does not. */
typedef void (*module_f) (struct broker *b, const char *name, int errnum,
                          const char *errstr, void *arg);
int modules_init (struct broker *b);
void modules_fini (struct broker *b);
/* path: a name to search for, or a path with a '/'. name NULL: from the path. loader:
 * NULL for a thread of the broker; "" for a process of flux-module-exec; or the path of the
 * program to run instead, which is given the path of the module.
 * -1 with errno and *error if it cannot start; cb is not called then. */
int modules_load (struct broker *b, const char *path, const char *name, json_t *args,
                  const char *loader, module_f cb, void *arg, flux_error_t *error);
/* cb is called when it is gone, with what it ended with. ENOENT. */
int modules_remove (struct broker *b, const char *name, module_f cb, void *arg);
/* The peer of this id, if it is a module, logged an error: that is why it ends, if it
 * ends now. */
void modules_note_error (struct broker *b, const char *id, const char *text,
                         size_t len);
bool modules_loaded (struct broker *b, const char *name);
/* Name of the module that has registered this service, or NULL. */
const char *modules_server (struct broker *b, const char *service);
int modules_count (struct broker *b);
void modules_foreach (struct broker *b,
                      void (*fn) (struct broker *b, const char *name, void *arg),
                      void *arg);
/* A new configuration for all of them. done is called once, when all have answered, with
 * what one of them has against it ("NAME: why"), or NULL. */
typedef void (*modules_config_f) (struct broker *b, const char *refusal, void *arg);
void modules_config (struct broker *b, modules_config_f done, void *arg);

#endif
