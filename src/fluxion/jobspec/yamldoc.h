/* A YAML (hence also JSON) document as a tree, with positions. */
#ifndef FLUXION_YAMLDOC_H
#define FLUXION_YAMLDOC_H

#include <flux/types.h>
#include <jansson.h>
#include <yaml.h>

struct yaml {
    yaml_document_t doc;
    uint32_t budget; /* nodes that may still be visited: aliases multiply them */
};

/* The document has to be unloaded with yaml_unload. EINVAL, EBADMSG: *error, *line and
 * *column (from 1). */
int yaml_load_text (struct yaml *y, const char *text, size_t len, int *line,
                    int *column, flux_error_t *error);
void yaml_unload (struct yaml *y);
yaml_node_t *yaml_root (struct yaml *y);
/* NULL: not there, or not a mapping. */
yaml_node_t *yaml_get (struct yaml *y, yaml_node_t *map, const char *key);
/* Entries of a mapping or items of a sequence; -1 for a scalar. */
int yaml_count (yaml_node_t *n);
yaml_node_t *yaml_item (struct yaml *y, yaml_node_t *seq, int i);
yaml_node_t *yaml_key (struct yaml *y, yaml_node_t *map, int i);
yaml_node_t *yaml_value (struct yaml *y, yaml_node_t *map, int i);
/* Text of a scalar, or NULL. */
const char *yaml_text (yaml_node_t *n);
bool yaml_is_map (yaml_node_t *n);
bool yaml_is_seq (yaml_node_t *n);
bool yaml_is_null (yaml_node_t *n);
bool yaml_is_quoted (yaml_node_t *n);
/* New reference; NULL with EINVAL if too deep or too large. */
json_t *yaml_json (struct yaml *y, yaml_node_t *n);

#endif
