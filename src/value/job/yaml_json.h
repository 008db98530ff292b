/* YAML documents that people write. */
#ifndef VALUE_YAML_JSON_H
#define VALUE_YAML_JSON_H

#include <flux/types.h>
#include <jansson.h>

/* The document as JSON, scalars by YAML 1.2's core schema, keys in their order; links
 * libyaml. New reference; NULL with EINVAL and *error: "invalid YAML: line 3: WHY". */
json_t *yaml_to_json (const char *s, size_t len, flux_error_t *error);

#endif
