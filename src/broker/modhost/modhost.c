/* A module in its thread.
 *
 * Happy path: dlopen, default services, mod_main; RUNNING is told when its
 * reactor runs first; when mod_main returns, FINALIZING and EXITED are told and
 * the channel is closed.
 *
 * Failures: no such file, no mod_main, mod_main returns -1: EXITED with errnum
 * and a text. */
#include "broker/modhost/modhost.h"
#include "base/os/thread.h"
#include "broker/attrs.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_SIZE (1024 * 1024)

typedef int (*mod_main_f) (flux_t *h, int argc, char **argv);

struct host {
    struct modhost *mh;
    flux_t *h;
};

struct modhost *modhost_create (const char *name, const char *path, const char *id,
                                json_t *args, const struct attrs *attrs, json_t *conf)
{
    struct modhost *mh = calloc (1, sizeof (*mh));
    const char *key, *val;
    size_t pos = 0;
    int flags;

    if (!mh || !(mh->name = strdup (name)) || !(mh->path = strdup (path))
        || !(mh->argv = calloc (json_array_size (args) + 1, sizeof (char *)))
        || !(mh->attrs = json_object ()) || !(mh->conf = json_deep_copy (conf))) {
        modhost_destroy (mh);
        return NULL;
    }
    snprintf (mh->id, sizeof (mh->id), "%s", id);
    for (size_t i = 0; i < json_array_size (args); i++) {
        const char *s = json_string_value (json_array_get (args, i));

        if (!(mh->argv[mh->argc++] = strdup (s ? s : ""))) {
            modhost_destroy (mh);
            return NULL;
        }
    }
    while (attrs_next (attrs, &pos, &key, &val, &flags))
        if ((flags & ATTR_IMMUTABLE) && val)
            json_object_set_new (mh->attrs, key, json_string (val));
    return mh;
}

void modhost_destroy (struct modhost *mh)
{
    if (mh) {
        for (int i = 0; i < mh->argc; i++)
            free (mh->argv[i]);
        free (mh->argv);
        free (mh->name);
        free (mh->path);
        json_decref (mh->attrs);
        json_decref (mh->conf);
        free (mh);
    }
}

/* ---- the thread ---- */

static void tell_status (flux_t *h, int status, int errnum)
{
    flux_future_destroy (flux_rpc_pack (h, "module.status", FLUX_NODEID_ANY,
                                        FLUX_RPC_NORESPONSE, "{s:i s:i}", "status",
                                        status, "errnum", errnum));
}

static int fail (struct modhost *mh, int errnum, const char *errstr)
{
    mh->errnum = errnum ? errnum : ECANCELED;
    snprintf (mh->errstr, sizeof (mh->errstr), "%s", errstr ? errstr : "");
    return -1;
}

static int prepare_handle (struct host *host)
{
    struct modhost *mh = host->mh;
    const char *name;
    flux_conf_t *conf;
    json_t *val;

    if (!(host->h = channel_open_handle (mh->end, 0))) {
        channel_close (mh->end);
        return -1;
    }
    json_object_foreach (mh->attrs, name, val)
        (void)flux_attr_set_cacheonly (host->h, name, json_string_value (val));
    if (!(conf = flux_conf_pack ("O", mh->conf))
        || flux_set_conf_new (host->h, conf) < 0)
        return -1;
    flux_log_set_appname (host->h, mh->name);
    if (flux_aux_set (host->h, "flux::name", mh->name, NULL) < 0
        || flux_aux_set (host->h, "flux::uuid", mh->id, NULL) < 0
        || flux_module_register_handlers (host->h, NULL) < 0)
        return -1;
    return 0;
}

static int run (struct host *host, void **dso)
{
    struct modhost *mh = host->mh;
    mod_main_f main_fn;

    if (!(*dso = dlopen (mh->path, RTLD_LAZY | RTLD_LOCAL)))
        return fail (mh, ENOENT, dlerror ());
    if (!(main_fn = (mod_main_f)dlsym (*dso, "mod_main")))
        return fail (mh, EINVAL, "module does not define mod_main");
    errno = 0;
    if (main_fn (host->h, mh->argc, mh->argv) < 0)
        return fail (mh, errno, NULL);
    return 0;
}

/* Sanitizers need the code until the end: they name functions in their reports, and
 * the thread sanitizer stops if a library goes that its suppressions speak of. */
static void unload (void *dso)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (dso)
        dlclose (dso);
#endif
}

static void *module_thread (void *arg)
{
    struct host host = { .mh = arg };
    struct modhost *mh = arg;
    char comm[16];
    void *dso = NULL;

    snprintf (comm, sizeof (comm), "%s", mh->name);
    pthread_setname_np (pthread_self (), comm);
    if (prepare_handle (&host) < 0)
        fail (mh, errno, "module handle");
    else
        (void)run (&host, &dso);
    if (host.h) {
        tell_status (host.h, MODULE_FINALIZING, 0);
        tell_status (host.h, MODULE_EXITED, mh->errnum);
    }
    /* A module that leaks a future keeps its handle alive: the broker learns of
     * the end nevertheless. */
    if (host.h)
        channel_shutdown (mh->end);
    flux_close (host.h);
    unload (dso);
    return NULL;
}

int modhost_start (struct modhost *mh, struct channel_end *end)
{
    mh->end = end;
    if (thread_start (&mh->thread, STACK_SIZE, module_thread, mh) < 0) {
        int saved_errno = errno;

        channel_close (end);
        errno = saved_errno;
        return -1;
    }
    return 0;
}

void modhost_join (struct modhost *mh)
{
    pthread_join (mh->thread, NULL);
}
