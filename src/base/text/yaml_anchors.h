/* For those who link libyaml: whether a text has more anchors than it may. */
#ifndef BASE_YAML_ANCHORS_H
#define BASE_YAML_ANCHORS_H

#include <yaml.h>

#include "base/text/yaml_guard.h"

static inline bool yaml_event_has_anchor (const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return e->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.anchor;
    default:
        return false;
    }
}

/* Events come in linear time, unlike documents: they are counted, where the look of
 * the text makes it necessary. A text that is no YAML has none: its reader says so. */
static inline bool yaml_too_many_anchors (const char *text, size_t len)
{
    yaml_parser_t parser;
    yaml_event_t e;
    int count = 0;
    bool more = true;

    if (!yaml_has_many_anchors (text, len) || !yaml_parser_initialize (&parser))
        return false;
    yaml_parser_set_input_string (&parser, (const unsigned char *)text, len);
    while (more && count <= YAML_MAX_ANCHORS && yaml_parser_parse (&parser, &e)) {
        count += yaml_event_has_anchor (&e);
        more = e.type != YAML_STREAM_END_EVENT;
        yaml_event_delete (&e);
    }
    yaml_parser_delete (&parser);
    return count > YAML_MAX_ANCHORS;
}

#endif
