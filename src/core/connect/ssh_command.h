/* ssh://[USER@]HOST[:PORT]/PATH → the command that reaches the socket PATH there. */
#ifndef CORE_SSH_COMMAND_H
#define CORE_SSH_COMMAND_H

#include <flux/types.h>

struct ssh_command {
    char *argv[9]; /* NULL at the end */
};

/* rest: of the URI, behind "ssh://"; HOST may stand in brackets (IPv6). ssh: the
 * program. rcmd: flux on the other host, as its shell shall read it. PATH reaches that
 * shell as one word. -1 with ENOMEM, or EINVAL and a line in *error: nothing in it may
 * look like an option of ssh. */
int ssh_command_init (struct ssh_command *c, const char *rest, const char *ssh,
                      const char *rcmd, flux_error_t *error);
void ssh_command_fini (struct ssh_command *c);

#endif
