#include "cmd/web/guard.h"

#include "base/encode.h"

#include <arpa/inet.h>
#include <flux/job.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

int token_create (char token[TOKEN_LEN + 1])
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char raw[TOKEN_LEN];
    if (getrandom (raw, sizeof (raw), 0) != sizeof (raw))
        return -1;
    for (int i = 0; i < TOKEN_LEN; i++)
        token[i] = digits[raw[i] & 63];
    token[TOKEN_LEN] = '\0';
    return 0;
}

bool token_equal (const char *token, const char *given)
{
    volatile unsigned char diff = 0;
    if (!given || strnlen (given, TOKEN_LEN + 1) != TOKEN_LEN)
        return false;
    for (int i = 0; i < TOKEN_LEN; i++)
        diff |= (unsigned char)token[i] ^ (unsigned char)given[i];
    return diff == 0;
}

const char *bearer_token (const char *authorization)
{
    if (!authorization || strncasecmp (authorization, "Bearer ", 7) != 0)
        return NULL;
    return authorization + 7 + strspn (authorization + 7, " ");
}

/* The port behind the last colon; 80 and 443 need not be said. */
static bool port_valid (const struct guard *g, const char *s)
{
    char *end;
    long port;
    if (!*s)
        return g->port == 80 || g->port == 443;
    if (*s != ':' || s[1] < '0' || s[1] > '9')
        return false;
    port = strtol (s + 1, &end, 10);
    return !*end && port == g->port;
}

static bool is_address (const char *s, size_t n)
{
    char text[64];
    struct in6_addr addr;
    if (n >= sizeof (text))
        return false;
    memcpy (text, s, n);
    text[n] = '\0';
    if (*text == '[' && n > 2 && text[n - 1] == ']') {
        text[n - 1] = '\0';
        return inet_pton (AF_INET6, text + 1, &addr) == 1;
    }
    return inet_pton (AF_INET, text, &addr) == 1;
}

static bool is_name (const char *s, size_t n, const char *name)
{
    return name && *name && strlen (name) == n && strncasecmp (s, name, n) == 0;
}

bool host_valid (const struct guard *g, const char *host)
{
    size_t n;
    if (!host)
        return false;
    if (*host == '[')
        n = strcspn (host, "]") + (strchr (host, ']') != NULL);
    else
        n = strcspn (host, ":");
    if (n == 0 || !port_valid (g, host + n))
        return false;
    return is_address (host, n) || is_name (host, n, "localhost")
           || is_name (host, n, g->name) || is_name (host, n, g->hostname);
}

bool origin_valid (const char *origin, const char *host, bool tls)
{
    const char *scheme = tls ? "https://" : "http://";
    size_t n = strlen (scheme);
    if (!origin)
        return true;
    return host && !strncasecmp (origin, scheme, n) && !strcasecmp (origin + n, host);
}

int instance_path (const char *path, unsigned long long ids[PATH_DEPTH_MAX])
{
    int n = 0;
    while (*path) {
        char text[32];
        flux_jobid_t id;
        size_t len = strcspn (path, "/ \t\r\n");
        if (len == 0 || len >= sizeof (text) || n == PATH_DEPTH_MAX)
            return -1;
        memcpy (text, path, len);
        text[len] = '\0';
        if (flux_job_id_parse (text, &id) < 0)
            return -1;
        ids[n++] = id;
        path += len;
        if (*path && (*path != '/' || !*++path))
            return -1;
    }
    return n;
}
