/* A log line as it travels (RFC 5424). Pointers are into the text. */
#ifndef BROKER_LOGLINE_H
#define BROKER_LOGLINE_H

#include <stddef.h>

struct logline {
    int severity; /* 0 emerg .. 7 debug */
    int facility;
    const char *timestamp; /* e.g. 2026-11-21T00:45:19.210808Z */
    const char *hostname;  /* the rank */
    const char *appname;
    const char *procid;
    const char *msg;
    int timestamp_len, hostname_len, appname_len, procid_len, msg_len;
};

/* -1 with EPROTO. */
int logline_decode (const char *text, size_t len, struct logline *line);
/* Length as of snprintf. t: seconds since the epoch. */
int logline_encode (char *buf, size_t size, double t, int severity, int rank,
                    const char *appname, const char *msg);
/* "broker.err[0]: message" */
int logline_format (char *buf, size_t size, const struct logline *line);

#endif
