/* [bootstrap] of the configuration (flux-config-bootstrap(5)), and the certificate that
 * it names: who the brokers of a static instance are, and how they find each other. */
#ifndef BROKER_BOOTSTRAP_H
#define BROKER_BOOTSTRAP_H

#include <flux/hostlist.h>
#include <flux/types.h>
#include <jansson.h>

struct bootstrap {
    bool enable_ipv6;
    char *curve_cert;               /* path, or NULL */
    struct hostlist *hosts;         /* by rank */
    struct bootstrap_host *entries; /* by rank; NULL: no hosts */
    int *parents;                   /* by rank, 0 where none is named; NULL: no hosts */
    bool custom;                    /* a host names its parent */
};

/* Addresses as they are configured, %h and %p filled in, and the host of the parent; NULL:
 * none. */
struct bootstrap_host {
    char *bind, *connect, *parent;
};

/* Keys, hosts and addresses are checked. NULL with EINVAL (or ENOMEM) and *error, which
 * names the key. */
struct bootstrap *bootstrap_decode (json_t *table, flux_error_t *error);
void bootstrap_destroy (struct bootstrap *bs);

/* 1 without hosts. */
int bootstrap_size (const struct bootstrap *bs);
/* By host name, or its first part; -1: it is not listed. 0 without hosts. */
int bootstrap_rank (const struct bootstrap *bs, const char *hostname);

#define CERT_KEY_SIZE 41 /* Z85, and a NUL */
struct cert {
    char public_key[CERT_KEY_SIZE], secret_key[CERT_KEY_SIZE];
};
/* The text of a file of flux-keygen(1). -1 with EINVAL and *error. */
int cert_decode (struct cert *cert, const char *text, flux_error_t *error);
/* From a file, which has to belong to this user, and be for nobody else to read. */
int cert_read (struct cert *cert, const char *path, flux_error_t *error);

#endif
