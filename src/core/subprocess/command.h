/* flux_cmd_t as JSON (RFC 42): {cwd?, cmdline, env, opts, channels, msgchans?,
 * label?}. */
#ifndef CORE_SUBPROCESS_COMMAND_H
#define CORE_SUBPROCESS_COMMAND_H

#include <flux/subprocess.h>
#include <jansson.h>

/* NULL with EPROTO (or ENOMEM). */
flux_cmd_t *cmd_decode (const json_t *o);
json_t *cmd_encode (const flux_cmd_t *cmd);
/* NULL-terminated, borrowed; valid until the command changes. */
char **cmd_argv (const flux_cmd_t *cmd);
char **cmd_env (const flux_cmd_t *cmd);
int cmd_channel_count (const flux_cmd_t *cmd);
const char *cmd_channel (const flux_cmd_t *cmd, int index);
int cmd_msgchan_count (const flux_cmd_t *cmd);
const char *cmd_msgchan (const flux_cmd_t *cmd, int index, const char **uri);

#endif
