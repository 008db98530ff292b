/* Reading a broker's configuration before it runs. */
#ifndef BROKER_SETTINGS_H
#define BROKER_SETTINGS_H

#include <flux/types.h>
#include <jansson.h>

/* Merges what -c PATH names into conf: a .toml or .json file, or a directory
 * of them. -1 with *error. */
int config_load_path (json_t *conf, const char *path, flux_error_t *error);
/* Merges --conf=VALUE: KEY=VAL, {json}, TOML text with a newline, a file. */
int config_load_value (json_t *conf, const char *value, flux_error_t *error);

#endif
