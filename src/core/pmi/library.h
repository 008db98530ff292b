/* PMI by a library of the launcher, for launchers that do not speak PMI-1 over a
 * descriptor: libpmi (PMI_*) or libpmi2 (PMI2_*). */
#ifndef CORE_PMI_LIBRARY_H
#define CORE_PMI_LIBRARY_H

#include <stdbool.h>

#include "core/pmi/client.h"

/* Ours is as good as no library. */
#define PMI_LIBRARY_NOFLUX 1
/* As with Cray's libpmi2, which is known by its path: values go as base64, and keys that
 * begin with "flux." are not asked for. */
#define PMI_LIBRARY_CRAY 2
/* One of several ways that nobody has asked for: a library that cannot begin, or that is
 * alone as all are without a launcher, is none. */
#define PMI_LIBRARY_TRY 4

/* "libpmi" or "libpmi2", alone or with ":PATH"? */
bool pmi_library_is (const char *method);
/* Without a path it is the one of FLUX_PMI_LIBRARY_PATH (RFC 13) with that name, or else
 * where the system has it. NULL with errno and *error; ENOENT: there is none. */
struct pmi_client *pmi_library_open (const char *method, int flags,
                                     flux_error_t *error);
/* The same, and "simple" is by the environment. ENOENT also for other methods. */
struct pmi_client *pmi_method_open (const char *method, int flags, flux_error_t *error);

#endif
