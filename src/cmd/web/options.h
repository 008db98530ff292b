/* Options of flux web: for the program, and for `flux help`. */
#ifndef CMD_WEB_OPTIONS_H
#define CMD_WEB_OPTIONS_H

#include <flux/optparse.h>

static struct optparse_option web_options[] = {
    { .name = "host",
      .has_arg = 1,
      .arginfo = "ADDRESS",
      .usage = "Listen here (default 127.0.0.1); beyond loopback TLS is needed" },
    { .name = "port",
      .key = 'p',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Listen on this port (default: one that is free)" },
    { .name = "tls-cert",
      .has_arg = 1,
      .arginfo = "FILE",
      .usage = "Certificate chain (PEM): serve over TLS" },
    { .name = "tls-key",
      .has_arg = 1,
      .arginfo = "FILE",
      .usage = "Private key of the certificate (PEM)" },
    OPTPARSE_TABLE_END,
};

#endif
