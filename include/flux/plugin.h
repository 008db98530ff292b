/* Plugins: handlers, found by topic, from a shared object or from the program itself.
 *
 * A shared object has one entry, flux_plugin_init(). It registers handlers; whoever
 * loaded it calls them by topic, with arguments that are JSON objects: one that goes in,
 * and one that comes back. Calls fail with -1 or NULL and errno; where they have a
 * plugin or arguments at hand, flux_plugin_strerror() and flux_plugin_arg_strerror()
 * tell more. */
#ifndef FLUX_PLUGIN_H
#define FLUX_PLUGIN_H

#include <flux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flux_plugin flux_plugin_t;
typedef struct flux_plugin_arg flux_plugin_arg_t;

typedef int (*flux_plugin_f) (flux_plugin_t *p, const char *topic,
                              flux_plugin_arg_t *args, void *data);
/* What a shared object exports as flux_plugin_init. */
typedef int (*flux_plugin_init_f) (flux_plugin_t *p);

/* A topic may be a glob(7) pattern. A table ends with one that has no topic. */
struct flux_plugin_handler {
    const char *topic;
    flux_plugin_f cb;
    void *data;
};

/* How flux_plugin_load_dso() opens the object: see dlopen(3). Default is
 * FLUX_PLUGIN_RTLD_LAZY. */
enum {
    FLUX_PLUGIN_RTLD_LAZY = 1,
    FLUX_PLUGIN_RTLD_NOW = 2,
    FLUX_PLUGIN_RTLD_GLOBAL = 4,
    FLUX_PLUGIN_RTLD_DEEPBIND = 8,
};

flux_plugin_t *flux_plugin_create (void);
/* Closes the shared object when the aux items are gone. */
void flux_plugin_destroy (flux_plugin_t *p);

int flux_plugin_get_flags (flux_plugin_t *p);
/* EINVAL: a flag that there is not. */
int flux_plugin_set_flags (flux_plugin_t *p, int flags);

/* What went wrong in the last call that failed; "" if none did. */
const char *flux_plugin_strerror (flux_plugin_t *p);

/* The name is the plugin's own, or the path of its object until it takes one, or NULL.
 * The strings belong to the plugin. */
int flux_plugin_set_name (flux_plugin_t *p, const char *name);
const char *flux_plugin_get_name (flux_plugin_t *p);
const char *flux_plugin_get_path (flux_plugin_t *p);
/* An RFC 4122 UUID, another one for each plugin that is created. */
const char *flux_plugin_get_uuid (flux_plugin_t *p);

/* Keep a handler for topic; an older one for the same topic goes. Without cb only that.
 * ENOMEM, EINVAL. */
int flux_plugin_add_handler (flux_plugin_t *p, const char *topic, flux_plugin_f cb,
                             void *arg);
/* No error if there is none. */
int flux_plugin_remove_handler (flux_plugin_t *p, const char *topic);
/* The handler that was added for exactly this topic, or the first whose pattern it
 * matches; NULL if there is none. */
flux_plugin_f flux_plugin_get_handler (flux_plugin_t *p, const char *topic);
flux_plugin_f flux_plugin_match_handler (flux_plugin_t *p, const char *topic);
/* The name (unless NULL), and all handlers of a table. */
int flux_plugin_register (flux_plugin_t *p, const char *name,
                          const struct flux_plugin_handler t[]);

/* Items live as long as the plugin; destroy is called on their values when they go.
 * As flux_aux_set(3). */
int flux_plugin_aux_set (flux_plugin_t *p, const char *key, void *val,
                         flux_free_f destroy);
void *flux_plugin_aux_get (flux_plugin_t *p, const char *key);
/* Forget the item that has this value, and destroy it. */
void flux_plugin_aux_delete_value (flux_plugin_t *p, const void *val);
void flux_plugin_aux_delete (flux_plugin_t *p, const void *val);

/* Configuration: the text of a JSON object. get: NULL if none was set; it belongs to the
 * plugin. unpack: as json_unpack of jansson. */
int flux_plugin_set_conf (flux_plugin_t *p, const char *json_str);
const char *flux_plugin_get_conf (flux_plugin_t *p);
int flux_plugin_conf_unpack (flux_plugin_t *p, const char *fmt, ...);

/* Open a shared object and call its flux_plugin_init(). A plugin can load one. */
int flux_plugin_load_dso (flux_plugin_t *p, const char *path);

/* Call the handler that matches. 0: there is none; 1: it succeeded; -1: it failed. */
int flux_plugin_call (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args);

/* Arguments. Flags: which of the two objects, and whether what is set or packed takes
 * its place or is merged with it, key by key. */
enum {
    FLUX_PLUGIN_ARG_IN = 0,
    FLUX_PLUGIN_ARG_OUT = 1,
    FLUX_PLUGIN_ARG_REPLACE = 2,
};
flux_plugin_arg_t *flux_plugin_arg_create (void);
void flux_plugin_arg_destroy (flux_plugin_arg_t *args);
const char *flux_plugin_arg_strerror (flux_plugin_arg_t *args);
/* Without json_str the object goes. EINVAL: not the text of an object. */
int flux_plugin_arg_set (flux_plugin_arg_t *args, int flags, const char *json_str);
/* The text of the object, to be freed; ENOENT if there is none. */
int flux_plugin_arg_get (flux_plugin_arg_t *args, int flags, char **json_str);
/* As json_pack and json_unpack of jansson. */
int flux_plugin_arg_pack (flux_plugin_arg_t *args, int flags, const char *fmt, ...);
int flux_plugin_arg_vpack (flux_plugin_arg_t *args, int flags, const char *fmt,
                           va_list ap);
int flux_plugin_arg_unpack (flux_plugin_arg_t *args, int flags, const char *fmt, ...);
int flux_plugin_arg_vunpack (flux_plugin_arg_t *args, int flags, const char *fmt,
                             va_list ap);

#ifdef __cplusplus
}
#endif

#endif
