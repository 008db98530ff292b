/* A plugin: its handlers, and the shared object that they may come from. */
#include "core/plugin/plugin.h"

#include <dlfcn.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/json/json.h"
#include "base/list.h"
#include "core/aux.h"

#define ALL_FLAGS                                                                      \
    (FLUX_PLUGIN_RTLD_LAZY | FLUX_PLUGIN_RTLD_NOW | FLUX_PLUGIN_RTLD_GLOBAL            \
     | FLUX_PLUGIN_RTLD_DEEPBIND)

struct handler {
    struct list link;
    flux_plugin_f cb;
    void *arg;
    char topic[];
};

struct flux_plugin {
    int flags;
    char *name;
    char *path;
    char uuid[37];
    void *dso;
    json_t *conf;
    char *conf_text; /* of conf, since somebody asked for it */
    struct list handlers;
    unsigned long serial;
    struct aux_item *aux;
    char error[256];
};

__attribute__ ((format (printf, 3, 4))) static int fail (flux_plugin_t *p, int errnum,
                                                         const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (p->error, sizeof (p->error), fmt, ap);
    va_end (ap);
    errno = errnum;
    return -1;
}

static int einval (flux_plugin_t *p)
{
    if (p)
        return fail (p, EINVAL, "%s", "invalid argument");
    errno = EINVAL;
    return -1;
}

/* RFC 4122, version 4. */
static int make_uuid (char *text)
{
    unsigned char b[16];

    if (getrandom (b, sizeof (b), 0) != sizeof (b))
        return -1;
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    for (size_t i = 0; i < sizeof (b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        text += sprintf (text, "%02x", b[i]);
    }
    return 0;
}

flux_plugin_t *flux_plugin_create (void)
{
    flux_plugin_t *p = calloc (1, sizeof (*p));

    if (!p)
        return NULL;
    list_init (&p->handlers);
    p->flags = FLUX_PLUGIN_RTLD_LAZY;
    if (make_uuid (p->uuid) < 0) {
        flux_plugin_destroy (p);
        return NULL;
    }
    return p;
}

static void handler_destroy (struct handler *hand)
{
    list_remove (&hand->link);
    free (hand);
}

void flux_plugin_destroy (flux_plugin_t *p)
{
    int saved_errno = errno;
    struct handler *hand;

    if (!p)
        return;
    aux_destroy (&p->aux);
    while ((hand = list_first (&p->handlers, struct handler, link)))
        handler_destroy (hand);
    if (p->dso)
        dlclose (p->dso);
    json_decref (p->conf);
    free (p->conf_text);
    free (p->name);
    free (p->path);
    free (p);
    errno = saved_errno;
}

int flux_plugin_get_flags (flux_plugin_t *p)
{
    return p ? p->flags : 0;
}

int flux_plugin_set_flags (flux_plugin_t *p, int flags)
{
    if (!p || (flags & ~ALL_FLAGS))
        return einval (p);
    p->flags = flags;
    return 0;
}

const char *flux_plugin_strerror (flux_plugin_t *p)
{
    return p ? p->error : "invalid argument";
}

int flux_plugin_set_name (flux_plugin_t *p, const char *name)
{
    char *copy;

    if (!p || !name || name[0] == '\0')
        return einval (p);
    if (!(copy = strdup (name)))
        return -1;
    free (p->name);
    p->name = copy;
    return 0;
}

const char *flux_plugin_get_name (flux_plugin_t *p)
{
    if (!p) {
        errno = EINVAL;
        return NULL;
    }
    return p->name ? p->name : p->path;
}

const char *flux_plugin_get_path (flux_plugin_t *p)
{
    if (!p) {
        errno = EINVAL;
        return NULL;
    }
    return p->path;
}

const char *flux_plugin_get_uuid (flux_plugin_t *p)
{
    if (!p) {
        errno = EINVAL;
        return NULL;
    }
    return p->uuid;
}

static struct handler *find (flux_plugin_t *p, const char *topic)
{
    list_foreach (&p->handlers, it) {
        struct handler *hand = container_of (it, struct handler, link);

        if (!strcmp (hand->topic, topic))
            return hand;
    }
    return NULL;
}

static struct handler *match (flux_plugin_t *p, const char *topic)
{
    list_foreach (&p->handlers, it) {
        struct handler *hand = container_of (it, struct handler, link);

        if (fnmatch (hand->topic, topic, 0) == 0)
            return hand;
    }
    return NULL;
}

int flux_plugin_remove_handler (flux_plugin_t *p, const char *topic)
{
    struct handler *hand;

    if (!p || !topic)
        return einval (p);
    if ((hand = find (p, topic)))
        handler_destroy (hand);
    p->serial++;
    return 0;
}

int flux_plugin_add_handler (flux_plugin_t *p, const char *topic, flux_plugin_f cb,
                             void *arg)
{
    struct handler *hand;

    if (!p || !topic || topic[0] == '\0')
        return einval (p);
    if (!cb)
        return flux_plugin_remove_handler (p, topic);
    if (!(hand = find (p, topic))) {
        if (!(hand = calloc (1, sizeof (*hand) + strlen (topic) + 1)))
            return -1;
        strcpy (hand->topic, topic);
        list_append (&p->handlers, &hand->link);
        p->serial++;
    }
    hand->cb = cb;
    hand->arg = arg;
    return 0;
}

static flux_plugin_f handler_of (flux_plugin_t *p, const char *topic,
                                 struct handler *(*look) (flux_plugin_t *p,
                                                          const char *topic))
{
    struct handler *hand;

    if (!p || !topic) {
        einval (p);
        return NULL;
    }
    return (hand = look (p, topic)) ? hand->cb : NULL;
}

unsigned long plugin_serial (const flux_plugin_t *p)
{
    return p->serial;
}

flux_plugin_f flux_plugin_get_handler (flux_plugin_t *p, const char *topic)
{
    return handler_of (p, topic, find);
}

flux_plugin_f flux_plugin_match_handler (flux_plugin_t *p, const char *topic)
{
    return handler_of (p, topic, match);
}

int flux_plugin_register (flux_plugin_t *p, const char *name,
                          const struct flux_plugin_handler t[])
{
    if (!p)
        return einval (p);
    if (name && flux_plugin_set_name (p, name) < 0)
        return -1;
    for (; t && t->topic; t++) {
        if (flux_plugin_add_handler (p, t->topic, t->cb, t->data) < 0)
            return -1;
    }
    return 0;
}

int flux_plugin_aux_set (flux_plugin_t *p, const char *key, void *val,
                         flux_free_f destroy)
{
    if (!p)
        return einval (p);
    return aux_set (&p->aux, key, val, destroy);
}

void *flux_plugin_aux_get (flux_plugin_t *p, const char *key)
{
    if (!p) {
        einval (p);
        return NULL;
    }
    return aux_get (p->aux, key);
}

void flux_plugin_aux_delete_value (flux_plugin_t *p, const void *val)
{
    if (p)
        aux_delete (&p->aux, val);
}

void flux_plugin_aux_delete (flux_plugin_t *p, const void *val)
{
    flux_plugin_aux_delete_value (p, val);
}

int flux_plugin_set_conf (flux_plugin_t *p, const char *json_str)
{
    json_error_t error;
    json_t *o;

    if (!p || !json_str)
        return einval (p);
    if (!(o = json_decode_or (EINVAL, json_str, strlen (json_str), 0, &error)))
        return errno == ENOMEM ? fail (p, ENOMEM, "out of memory")
                               : fail (p, EINVAL, "parse error: col %d: %s",
                                       error.column, error.text);
    if (!json_is_object (o)) {
        json_decref (o);
        return fail (p, EINVAL, "the configuration of a plugin is a JSON object");
    }
    json_decref (p->conf);
    p->conf = o;
    free (p->conf_text);
    p->conf_text = NULL;
    return 0;
}

const char *flux_plugin_get_conf (flux_plugin_t *p)
{
    if (!p) {
        errno = EINVAL;
        return NULL;
    }
    if (!p->conf) {
        fail (p, ENOENT, "no configuration is set");
        return NULL;
    }
    if (!p->conf_text && !(p->conf_text = json_dumps (p->conf, JSON_COMPACT)))
        errno = ENOMEM;
    return p->conf_text;
}

int flux_plugin_conf_unpack (flux_plugin_t *p, const char *fmt, ...)
{
    json_error_t error;
    va_list ap;
    int rc;

    if (!p || !fmt)
        return einval (p);
    if (!p->conf)
        return fail (p, ENOENT, "no configuration is set");
    va_start (ap, fmt);
    rc = json_vunpack_or (EINVAL, p->conf, &error, fmt, ap);
    va_end (ap);
    if (rc < 0)
        return fail (p, errno, "%s", errno == ENOMEM ? "out of memory" : error.text);
    return 0;
}

static int dlopen_flags (int flags)
{
    int mode = flags & FLUX_PLUGIN_RTLD_NOW ? RTLD_NOW : RTLD_LAZY;

    if (flags & FLUX_PLUGIN_RTLD_GLOBAL)
        mode |= RTLD_GLOBAL;
    if (flags & FLUX_PLUGIN_RTLD_DEEPBIND)
        mode |= RTLD_DEEPBIND;
    return mode;
}

/* What was loaded stays with the plugin, whose handlers may point into it. */
int flux_plugin_load_dso (flux_plugin_t *p, const char *path)
{
    flux_plugin_init_f init;

    if (!p || !path)
        return einval (p);
    if (p->dso)
        return fail (p, EBUSY, "%s: this plugin has loaded %s", path, p->path);
    if (!(p->path = strdup (path)))
        return -1;
    dlerror ();
    if (!(p->dso = dlopen (path, dlopen_flags (p->flags)))) {
        fail (p, ENOENT, "%s", dlerror ());
        free (p->path);
        p->path = NULL;
        errno = ENOENT;
        return -1;
    }
    if (!(init = (flux_plugin_init_f)dlsym (p->dso, "flux_plugin_init")))
        return fail (p, EINVAL, "%s: there is no flux_plugin_init() in it", path);
    p->error[0] = '\0';
    if (init (p) < 0) {
        if (p->error[0] == '\0')
            fail (p, EINVAL, "flux_plugin_init failed");
        errno = EINVAL;
        return -1;
    }
    return 0;
}

int flux_plugin_call (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args)
{
    struct handler *hand;

    if (!p || !topic)
        return einval (p);
    p->error[0] = '\0';
    if (!(hand = match (p, topic)))
        return 0;
    /* hand may be gone when its function returns */
    return hand->cb (p, topic, args, hand->arg) < 0 ? -1 : 1;
}
