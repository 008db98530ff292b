/* Broker attributes, log, configuration, module entry point.
 *
 * Calls return 0, or -1 (NULL) with errno: EINVAL where there is no handle or an argument
 * is no good, ENOMEM, and what an RPC may say where they have to ask. */
#ifndef FLUX_ATTR_H
#define FLUX_ATTR_H

#include <flux/rpc.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Attributes of the broker. Names and values that these calls give are the handle's, and
 * stay as they are until its last reference goes, whatever is set meanwhile.
 *
 * get asks the broker, unless it is known that the attribute cannot change: then once.
 * ENOENT: there is none of that name. set: ENOENT, or EPERM: it may not be changed while
 * the broker runs (force: unless it never may), or by this user; EINVAL: not to that;
 * *error (may be NULL) says more. cacheonly tells get what to say, and never to ask; val
 * NULL: to forget it. */
const char *flux_attr_get (flux_t *h, const char *name);
int flux_attr_set (flux_t *h, const char *name, const char *val);
int flux_attr_set_ex (flux_t *h, const char *name, const char *val, bool force,
                      flux_error_t *error);
int flux_attr_set_cacheonly (flux_t *h, const char *name, const char *val);
/* Walk the names of what is cached; NULL at the end. Whatever changes the cache ends the
 * walk. */
const char *flux_attr_cache_first (flux_t *h);
const char *flux_attr_cache_next (flux_t *h);

/* Of attributes that cannot change: asked for once. size: of the instance, in brokers;
 * EINVAL also where the value is no number. hostbyrank never fails: "any", "upstream" for
 * these node ids, and "(null)" where there is no name; the handle's. rankbyhost: the lowest
 * rank on a host; ENOENT. starttime: seconds since 1970. */
int flux_get_size (flux_t *h, uint32_t *size);
int flux_get_rank (flux_t *h, uint32_t *rank);
const char *flux_get_hostbyrank (flux_t *h, uint32_t rank);
int flux_get_rankbyhost (flux_t *h, const char *host);
/* Ranks (RFC 22) to the names of their hosts (RFC 29), or the other way round. To be
 * freed; NULL with EINVAL or ENOENT and *error (may be NULL). */
char *flux_hostmap_lookup (flux_t *h, const char *targets, flux_error_t *error);
int flux_get_instance_starttime (flux_t *h, double *starttime);

/* A line of RFC 5424 for the log of the broker. level: syslog(3). Text is copied; newlines
 * at its end are not kept. It is sent, and not waited for: 0 does not say that it has
 * arrived. errno stays as it is unless the call fails. h NULL: to stderr.
 * set_*: for this handle and its clones. appname (48 bytes; the program's name) and procid
 * (128; its pid) are cut. */
void flux_log_set_appname (flux_t *h, const char *s);
void flux_log_set_procid (flux_t *h, const char *s);
int flux_vlog (flux_t *h, int level, const char *fmt, va_list ap);
int flux_log (flux_t *h, int level, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/* Appends ": strerror(errno)" at level error. Keeps errno. The text has 1023 bytes. */
void flux_log_error (flux_t *h, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
void flux_log_verror (flux_t *h, const char *fmt, va_list ap);
/* Instead of the rank, in the field of RFC 5424 for the host. */
void flux_log_set_hostname (flux_t *h, const char *s);
/* A logger of other libraries' kind: arg is a flux_t; file, line and the rest say where. */
void flux_llog (void *arg, const char *file, int line, const char *func,
                const char *subsys, int level, const char *fmt, va_list ap);
enum {
    FLUX_DMESG_CLEAR = 1,
    FLUX_DMESG_FOLLOW = 2,
};
/* fun (NULL: none) gets the lines in the place of the broker: len bytes and a NUL, borrowed
 * for the call. */
typedef void (*flux_log_f) (const char *buf, int len, void *arg);
void flux_log_set_redirect (flux_t *h, flux_log_f fun, void *arg);
/* For all threads; never NULL, and never freed. */
const char *flux_strerror (int errnum);

typedef struct flux_conf flux_conf_t;
enum flux_conf_flags {
    FLUX_CONF_INSTALLED = 1,
    FLUX_CONF_INTREE = 2,
    FLUX_CONF_AUTO = 0
};
/* Configurations: tables in tables, as in TOML. They are counted; create, copy, pack and
 * parse give new ones, and decref keeps errno. pack: jansson's formats; EINVAL: not that of
 * a table. */
flux_conf_t *flux_conf_create (void);
flux_conf_t *flux_conf_copy (const flux_conf_t *conf);
const flux_conf_t *flux_conf_incref (const flux_conf_t *conf);
void flux_conf_decref (const flux_conf_t *conf);
flux_conf_t *flux_conf_pack (const char *fmt, ...);
flux_conf_t *flux_conf_vpack (const char *fmt, va_list ap);
/* path: a .toml or .json file, or a directory of them, in the order of their names. *error
 * (may be NULL) says which file and line; errno is that of the file, or EINVAL. */
flux_conf_t *flux_conf_parse (const char *path, flux_error_t *error);
/* EINVAL and *error (may be NULL): there is no such key, or it is of another type. What is
 * not a number is borrowed, and lives as long as conf is not changed. */
int flux_conf_unpack (const flux_conf_t *conf, flux_error_t *error, const char *fmt,
                      ...);
int flux_conf_vunpack (const flux_conf_t *conf, flux_error_t *error, const char *fmt,
                       va_list ap);
/* Merge text in TOML or JSON into conf; it stays as it was if that fails. */
int flux_conf_update (flux_conf_t *conf, const char *text, flux_error_t *error);
/* path: "a.b.c", made where it is not there; NULL: the root, and a table. The value there
 * is replaced; a table is merged. */
int flux_conf_update_pack (flux_conf_t *conf, flux_error_t *error, const char *path,
                           const char *fmt, ...);
/* get: borrowed from the handle, until another is set; it asks the broker the first time,
 * but for modules, which have it from their start. set_new: conf is the handle's from now
 * on, unless that fails. reload_decode, of a module's config-reload (RFC 5): *conf (may be
 * NULL) is borrowed from the request; EPROTO: that is no table. */
flux_conf_t *flux_get_conf (flux_t *h);
int flux_set_conf_new (flux_t *h, const flux_conf_t *conf);
int flux_conf_reload_decode (const flux_msg_t *msg, const flux_conf_t **conf);
/* A path or URI that the library was built with; never freed. flags: enum flux_conf_flags;
 * AUTO: as the program lies in the build tree or not. EINVAL: no such name. */
const char *flux_conf_builtin_get (const char *name, int flags);

/* Entry point of a broker module (RFC 5), for the module to define; argv[0] is the first
 * argument; all is borrowed. < 0: it has failed, with errno. set_running says before the
 * reactor runs that it has been initialised. */
int mod_main (flux_t *h, int argc, char *argv[]);
int flux_module_set_running (flux_t *h);

/* For loaders of modules, which are processes that the broker has started with
 * FLUX_MODULE_URI (RFC 5): open that, then call these in their order. Each is 0, or -1
 * with errno and *error (may be NULL).
 *
 * initialize waits for the broker's welcome, and gives h the module's name and uuid (aux
 * keys flux::name, flux::uuid), the attributes that do not change, and the
 * configuration. *args (may be NULL) are the module's arguments with a blank between them,
 * to be freed, or NULL if there are none. EPROTO: that was no welcome.
 *
 * register_handlers answers what each module answers unless it does so itself: shutdown,
 * ping, stats-get, stats-clear, rusage, debug, config-reload. It tells the broker that the
 * module runs when the reactor of h runs first. EINVAL: there was no initialize. They go
 * with the handle.
 *
 * finalize tells that the module has ended, with what (0: well), and refuses the requests
 * that it has not answered. */
int flux_module_initialize (flux_t *h, char **args, flux_error_t *error);
int flux_module_register_handlers (flux_t *h, flux_error_t *error);
int flux_module_finalize (flux_t *h, int errnum, flux_error_t *error);
/* NAME.ping, stats-get, stats-clear (also the event), rusage and debug, for any service.
 * *msg_handlers is for flux_msg_handler_delvec. */
int flux_register_default_methods (flux_t *h, const char *name,
                                   flux_msg_handler_t **msg_handlers[]);
bool flux_module_debug_test (flux_t *h, int flag, bool clear);
int flux_module_config_request_decode (const flux_msg_t *msg, flux_conf_t **conf);

/* "MAJOR.MINOR.PATCH" and what may follow; never freed. The numbers (each may be NULL), and
 * all in one: MAJOR << 16 | MINOR << 8 | PATCH. */
const char *flux_core_version_string (void);
int flux_core_version (int *major, int *minor, int *patch);

#ifdef __cplusplus
}
#endif

#endif
