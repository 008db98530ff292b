/* PMI client (RFC 13), blocking: used before there is a reactor. It speaks PMI-1 over a
 * descriptor, or calls functions of a library (library.h). */
#ifndef CORE_PMI_CLIENT_H
#define CORE_PMI_CLIENT_H

#include <flux/types.h>
#include <stddef.h>

struct pmi_client;

/* What a client calls instead of speaking over a descriptor. -1 with errno and *error;
 * get copies the value with its NUL, ENOENT if there is no such key. */
struct pmi_calls {
    const char *name; /* for people */
    int (*put) (void *impl, const char *key, const char *value, flux_error_t *error);
    int (*get) (void *impl, const char *key, char *value, size_t size,
                flux_error_t *error);
    int (*barrier) (void *impl, flux_error_t *error);
    int (*finalize) (void *impl, flux_error_t *error);
    int (*abort) (void *impl, int exitcode, const char *msg);
    void (*close) (void *impl);
};

/* Speaks the init, get_maxes and get_my_kvsname exchanges over fd, which is
 * borrowed until close. NULL with errno and *error. */
struct pmi_client *pmi_client_open (int fd, int rank, int size, flux_error_t *error);
/* From PMI_FD, PMI_RANK, PMI_SIZE; the descriptor is closed with the client.
 * ENOENT if the environment does not offer PMI-1. */
struct pmi_client *pmi_client_open_env (flux_error_t *error);
/* calls is borrowed; impl is the client's, and closed also if this fails. */
struct pmi_client *pmi_client_create (const struct pmi_calls *calls, void *impl,
                                      int rank, int size, const char *kvsname,
                                      flux_error_t *error);
void pmi_client_close (struct pmi_client *c);

int pmi_client_rank (const struct pmi_client *c);
int pmi_client_size (const struct pmi_client *c);
const char *pmi_client_kvsname (const struct pmi_client *c);

/* -1 with errno and *error (may be NULL). */
int pmi_client_put (struct pmi_client *c, const char *key, const char *value,
                    flux_error_t *error);
/* Valid until the next call; NULL with ENOENT if there is no such key. */
const char *pmi_client_get (struct pmi_client *c, const char *key, flux_error_t *error);
/* Over a descriptor only. */
int pmi_client_universe_size (struct pmi_client *c, int *size, flux_error_t *error);
int pmi_client_appnum (struct pmi_client *c, int *appnum, flux_error_t *error);
int pmi_client_barrier (struct pmi_client *c, flux_error_t *error);
int pmi_client_finalize (struct pmi_client *c, flux_error_t *error);
int pmi_client_abort (struct pmi_client *c, int exitcode, const char *msg);

#endif
