/* Who may come in, and what is asked: what flux web reads of a request beside what
 * libmicrohttpd parses. Pure; every byte comes from who knows whom. */
#ifndef CMD_WEB_GUARD_H
#define CMD_WEB_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_LEN 43 /* 256 bits in base64url */

/* Random; -1 with errno. */
int token_create (char token[TOKEN_LEN + 1]);
/* In a time that does not depend on where they differ. NULL: false. */
bool token_equal (const char *token, const char *given);
/* The token behind "Bearer ", else NULL. */
const char *bearer_token (const char *authorization);

/* Names under which the server may be asked for. */
struct guard {
    const char *name; /* that it was told to listen on; NULL */
    char hostname[256];
    int port;
};

/* DNS rebinding: a page of somebody else whose name resolves to this address sends its
 * own name. Good are an address, localhost, and our own names, with our port. */
bool host_valid (const struct guard *g, const char *host);
/* The origin of a request with effects is this server: scheme://HOST. NULL: good, the
 * client is no browser. */
bool origin_valid (const char *origin, const char *host, bool tls);

/* "f1/f2", "ƒ1/ƒ2" or "": ids of jobs on the way to an instance. The number of ids, or
 * -1. */
#define PATH_DEPTH_MAX 16
int instance_path (const char *path, unsigned long long ids[PATH_DEPTH_MAX]);

#endif
