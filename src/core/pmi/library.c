#include "core/pmi/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <flux/pmi.h>
#include <flux/pmi2.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"

/* What is called of the two; both have 0 for success. */
struct library {
    void *dso;
    bool cray;
    char *name; /* of what was put */
    int value_max;
    char *value; /* value_max bytes */
    __typeof__ (PMI_Init) *init1;
    __typeof__ (PMI_Get_rank) *rank1;
    __typeof__ (PMI_Get_size) *size1;
    __typeof__ (PMI_KVS_Get_name_length_max) *name_max1;
    __typeof__ (PMI_KVS_Get_value_length_max) *value_max1;
    __typeof__ (PMI_KVS_Get_my_name) *name1;
    __typeof__ (PMI_KVS_Put) *put1;
    __typeof__ (PMI_KVS_Commit) *commit1;
    __typeof__ (PMI_KVS_Get) *get1;
    __typeof__ (PMI_Barrier) *barrier1;
    __typeof__ (PMI_Finalize) *finalize1;
    __typeof__ (PMI_Abort) *abort1;
    __typeof__ (PMI2_Init) *init2;
    __typeof__ (PMI2_Job_GetId) *name2;
    __typeof__ (PMI2_KVS_Put) *put2;
    __typeof__ (PMI2_KVS_Get) *get2;
    __typeof__ (PMI2_Info_GetJobAttr) *attr2;
    __typeof__ (PMI2_KVS_Fence) *fence2;
    __typeof__ (PMI2_Finalize) *finalize2;
    __typeof__ (PMI2_Abort) *abort2;
};

static const char mapping[] = "PMI_process_mapping";

/* ---- where it is ---- */

static size_t word_len (const char *method)
{
    return strcspn (method, ":");
}

static bool is_version2 (const char *method)
{
    return word_len (method) == 7 && strncmp (method, "libpmi2", 7) == 0;
}

bool pmi_library_is (const char *method)
{
    return is_version2 (method)
           || (word_len (method) == 6 && strncmp (method, "libpmi", 6) == 0);
}

/* The library of that name beside Flux's libpmi, if a broker has said where that is. */
static bool find_ours (const char *file, char *path, size_t size)
{
    const char *pmi = getenv ("FLUX_PMI_LIBRARY_PATH");
    const char *slash = pmi ? strrchr (pmi, '/') : NULL;

    return slash
           && snprintf (path, size, "%.*s/%s", (int)(slash - pmi), pmi, file)
                  < (int)size;
}

static void *open_dso (const char *method, int flags, flux_error_t *error)
{
    const char *path = strchr (method, ':');
    const char *file = is_version2 (method) ? "libpmi2.so" : "libpmi.so";
    char ours[PATH_MAX];
    void *dso;

    if (path && path[1])
        dso = dlopen (path + 1, RTLD_NOW | RTLD_LOCAL);
    else if ((flags & PMI_LIBRARY_NOFLUX) || !find_ours (file, ours, sizeof (ours))
             || !(dso = dlopen (ours, RTLD_NOW | RTLD_LOCAL)))
        dso = dlopen (file, RTLD_NOW | RTLD_LOCAL);
    if (!dso)
        return error_null (error, ENOENT, "%.*s: %s", (int)word_len (method), method,
                           dlerror ());
    return dso;
}

/* The file that the function is in. */
static const char *file_of (void *function)
{
    Dl_info info;

    return function && dladdr (function, &info) && info.dli_fname ? info.dli_fname : "";
}

static bool is_ours (const char *name, const char *file)
{
    char ours[PATH_MAX], a[PATH_MAX], b[PATH_MAX];

    return find_ours (name, ours, sizeof (ours)) && realpath (file, a)
           && realpath (ours, b) && strcmp (a, b) == 0;
}

static int check_origin (struct library *l, const char *method, int flags,
                         flux_error_t *error)
{
    bool two = is_version2 (method);
    const char *file = file_of (dlsym (l->dso, two ? "PMI2_Init" : "PMI_Init"));
    char real[PATH_MAX];

    if ((flags & PMI_LIBRARY_NOFLUX)
        && is_ours (two ? "libpmi2.so" : "libpmi.so", file))
        return error_fail (error, ENOENT, "%s is that of Flux", file);
    l->cray = (flags & PMI_LIBRARY_CRAY)
              || (realpath (file, real) && strncmp (real, "/opt/cray/", 10) == 0);
    return 0;
}

/* ---- version 1 ---- */

static int failed (flux_error_t *error, const char *what, int code)
{
    return error_fail (error, EIO, "pmi: %s failed with code %d", what, code);
}

static int put1 (void *impl, const char *key, const char *value, flux_error_t *error)
{
    struct library *l = impl;
    int rc = l->put1 (l->name, key, value);

    if (rc == 0)
        rc = l->commit1 (l->name);
    return rc == 0 ? 0 : failed (error, "PMI_KVS_Put", rc);
}

static int give (const struct library *l, const char *key, char *value, size_t size,
                 flux_error_t *error)
{
    if (strlen (l->value) >= size)
        return error_fail (error, EMSGSIZE, "pmi: get %s: the value is too long", key);
    strcpy (value, l->value);
    return 0;
}

static int get1 (void *impl, const char *key, char *value, size_t size,
                 flux_error_t *error)
{
    struct library *l = impl;
    int rc = l->get1 (l->name, key, l->value, l->value_max);

    if (rc != 0)
        return error_fail (error, ENOENT, "pmi: get %s failed with code %d", key, rc);
    return give (l, key, value, size, error);
}

static int barrier1 (void *impl, flux_error_t *error)
{
    struct library *l = impl;
    int rc = l->barrier1 ();

    return rc == 0 ? 0 : failed (error, "PMI_Barrier", rc);
}

static int finalize1 (void *impl, flux_error_t *error)
{
    struct library *l = impl;
    int rc = l->finalize1 ();

    return rc == 0 ? 0 : failed (error, "PMI_Finalize", rc);
}

static int abort1 (void *impl, int exitcode, const char *msg)
{
    struct library *l = impl;

    return l->abort1 (exitcode, msg) == 0 ? 0 : -1;
}

/* What a library of a launcher has begun, threads and all, stays. */
static void close_library (void *impl)
{
    struct library *l = impl;

    free (l->name);
    free (l->value);
    free (l);
}

static const struct pmi_calls calls1 = {
    "libpmi", put1, get1, barrier1, finalize1, abort1, close_library,
};

static int start1 (struct library *l, int *rank, int *size, flux_error_t *error)
{
    int spawned, rc, name_max;

    if ((rc = l->init1 (&spawned)) != 0)
        return failed (error, "PMI_Init", rc);
    if ((rc = l->rank1 (rank)) != 0 || (rc = l->size1 (size)) != 0
        || (rc = l->name_max1 (&name_max)) != 0
        || (rc = l->value_max1 (&l->value_max)) != 0)
        return failed (error, "libpmi", rc);
    if (name_max < 1 || l->value_max < 1)
        return error_fail (error, EPROTO,
                           "pmi: libpmi has no room for names, or values");
    if (!(l->name = calloc (1, (size_t)name_max + 1))
        || !(l->value = calloc (1, (size_t)l->value_max + 1)))
        return error_fail (error, ENOMEM, "out of memory");
    if ((rc = l->name1 (l->name, name_max)) != 0)
        return failed (error, "PMI_KVS_Get_my_name", rc);
    return 0;
}

/* ---- version 2 ---- */

static int put2 (void *impl, const char *key, const char *value, flux_error_t *error)
{
    struct library *l = impl;
    size_t len = strlen (value);
    int rc;

    if (l->cray) {
        if (base64_encoded_size (len) > (size_t)l->value_max)
            return error_fail (error, EMSGSIZE, "pmi: put %s: the value is too long",
                               key);
        base64_encode (l->value, value, len);
        value = l->value;
    }
    rc = l->put2 (key, value);
    return rc == 0 ? 0 : failed (error, "PMI2_KVS_Put", rc);
}

/* In place: what is decoded is shorter. */
static int decode (struct library *l, const char *key, flux_error_t *error)
{
    size_t len = strlen (l->value);
    char *raw = malloc (len + 1);
    ssize_t n = raw ? base64_decode (raw, l->value, len) : -1;

    if (n >= 0) {
        memcpy (l->value, raw, n);
        l->value[n] = '\0';
    }
    free (raw);
    return n >= 0 ? 0 : error_fail (error, EPROTO, "pmi: get %s: no base64", key);
}

static int get2 (void *impl, const char *key, char *value, size_t size,
                 flux_error_t *error)
{
    struct library *l = impl;
    int rc, len = 0, found = 0;

    if (strcmp (key, mapping) == 0) {
        rc = l->attr2 (key, l->value, l->value_max, &found);
        if (rc == 0 && found)
            return give (l, key, value, size, error);
        return error_fail (error, ENOENT, "pmi: there is no attribute %s", key);
    }
    if (l->cray && strncmp (key, "flux.", 5) == 0)
        return error_fail (error, ENOENT, "pmi: get %s: Cray's library knows none",
                           key);
    rc = l->get2 (NULL, PMI2_ID_NULL, key, l->value, l->value_max, &len);
    if (rc != 0)
        return error_fail (error, ENOENT, "pmi: get %s failed with code %d", key, rc);
    if (len < 0)
        return error_fail (error, EMSGSIZE, "pmi: get %s: the value is too long", key);
    if (l->cray && decode (l, key, error) < 0)
        return -1;
    return give (l, key, value, size, error);
}

static int barrier2 (void *impl, flux_error_t *error)
{
    struct library *l = impl;
    int rc = l->fence2 ();

    return rc == 0 ? 0 : failed (error, "PMI2_KVS_Fence", rc);
}

static int finalize2 (void *impl, flux_error_t *error)
{
    struct library *l = impl;
    int rc = l->finalize2 ();

    return rc == 0 ? 0 : failed (error, "PMI2_Finalize", rc);
}

static int abort2 (void *impl, int exitcode, const char *msg)
{
    struct library *l = impl;

    return l->abort2 (1, msg) == 0 ? 0 : -1;
}

static const struct pmi_calls calls2 = {
    "libpmi2", put2, get2, barrier2, finalize2, abort2, close_library,
};

static int start2 (struct library *l, int *rank, int *size, flux_error_t *error)
{
    int spawned, appnum, rc;

    l->value_max = PMI2_MAX_VALLEN;
    if (!(l->name = calloc (1, PMI2_MAX_VALLEN))
        || !(l->value = calloc (1, (size_t)l->value_max + 1)))
        return error_fail (error, ENOMEM, "out of memory");
    if ((rc = l->init2 (&spawned, size, rank, &appnum)) != 0)
        return failed (error, "PMI2_Init", rc);
    if ((rc = l->name2 (l->name, PMI2_MAX_VALLEN)) != 0)
        return failed (error, "PMI2_Job_GetId", rc);
    return 0;
}

/* ---- all of it ---- */

static int find (struct library *l, const char *symbol, void *function,
                 flux_error_t *error)
{
    void *found = dlsym (l->dso, symbol);

    memcpy (function, &found, sizeof (found));
    return found ? 0 : error_fail (error, EINVAL, "pmi: the library has no %s", symbol);
}

static int find_all1 (struct library *l, flux_error_t *e)
{
    return find (l, "PMI_Init", &l->init1, e) || find (l, "PMI_Get_rank", &l->rank1, e)
                   || find (l, "PMI_Get_size", &l->size1, e)
                   || find (l, "PMI_KVS_Get_name_length_max", &l->name_max1, e)
                   || find (l, "PMI_KVS_Get_value_length_max", &l->value_max1, e)
                   || find (l, "PMI_KVS_Get_my_name", &l->name1, e)
                   || find (l, "PMI_KVS_Put", &l->put1, e)
                   || find (l, "PMI_KVS_Commit", &l->commit1, e)
                   || find (l, "PMI_KVS_Get", &l->get1, e)
                   || find (l, "PMI_Barrier", &l->barrier1, e)
                   || find (l, "PMI_Finalize", &l->finalize1, e)
                   || find (l, "PMI_Abort", &l->abort1, e)
               ? -1
               : 0;
}

static int find_all2 (struct library *l, flux_error_t *e)
{
    return find (l, "PMI2_Init", &l->init2, e)
                   || find (l, "PMI2_Job_GetId", &l->name2, e)
                   || find (l, "PMI2_KVS_Put", &l->put2, e)
                   || find (l, "PMI2_KVS_Get", &l->get2, e)
                   || find (l, "PMI2_Info_GetJobAttr", &l->attr2, e)
                   || find (l, "PMI2_KVS_Fence", &l->fence2, e)
                   || find (l, "PMI2_Finalize", &l->finalize2, e)
                   || find (l, "PMI2_Abort", &l->abort2, e)
               ? -1
               : 0;
}

/* The library, begun; what is left of one that could not is freed. */
static struct pmi_client *begin (const char *method, int flags, flux_error_t *error)
{
    bool two = is_version2 (method);
    struct library *l = calloc (1, sizeof (*l));
    int rank = -1, size = 0;

    if (!l)
        return error_null (error, ENOMEM, "out of memory");
    if (!(l->dso = open_dso (method, flags, error))
        || check_origin (l, method, flags, error) < 0
        || (two ? find_all2 (l, error) : find_all1 (l, error)) < 0
        || (two ? start2 (l, &rank, &size, error) : start1 (l, &rank, &size, error))
               < 0) {
        int saved_errno = errno;
        close_library (l);
        errno = saved_errno;
        return NULL;
    }
    return pmi_client_create (two ? &calls2 : &calls1, l, rank, size, l->name, error);
}

struct pmi_client *pmi_library_open (const char *method, int flags, flux_error_t *error)
{
    struct pmi_client *c = begin (method, flags, error);

    if (!(flags & PMI_LIBRARY_TRY))
        return c;
    if (!c)
        errno = ENOENT;
    else if (pmi_client_size (c) == 1) {
        (void)pmi_client_finalize (c, NULL);
        pmi_client_close (c);
        return error_null (error, ENOENT, "%s: there is no launcher", method);
    }
    return c;
}

struct pmi_client *pmi_method_open (const char *method, int flags, flux_error_t *error)
{
    if (strcmp (method, "simple") == 0)
        return pmi_client_open_env (error);
    if (pmi_library_is (method))
        return pmi_library_open (method, flags, error);
    return error_null (error, ENOENT, "method '%s' is not available", method);
}
