/* YAML for commands that seldom meet it: libyaml is loaded when one does, so that all
 * others start faster. */
#ifndef CMD_LOAD_YAML_H
#define CMD_LOAD_YAML_H

#include <flux/types.h>
#include <jansson.h>

/* The document as JSON. New reference; NULL with EINVAL and *error, also if the library
 * cannot be loaded. */
json_t *load_yaml (const char *s, size_t len, flux_error_t *error);

#endif
