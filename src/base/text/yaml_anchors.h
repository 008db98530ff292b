/* For those who link libyaml: whether a text has more anchors, or is nested deeper, than it
 * may. */
#ifndef BASE_YAML_ANCHORS_H
#define BASE_YAML_ANCHORS_H

#include <errno.h>
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

/* Of a text that looks deep: 1 if it is, at *line and *column; 0 if not, or it is no YAML;
 * -1 with ENOMEM. Nesting is bounded before a document is built. */
static inline int yaml_too_deep (const char *text, size_t len, int max, int *line,
                                 int *column)
{
    yaml_parser_t parser;
    yaml_event_t e;
    int depth = 0;
    bool end = false;

    if (!yaml_looks_deep (text, len, max))
        return 0;
    if (!yaml_parser_initialize (&parser)) {
        errno = ENOMEM;
        return -1;
    }
    yaml_parser_set_input_string (&parser, (const unsigned char *)text, len);
    while (!end && depth <= max && yaml_parser_parse (&parser, &e)) {
        *line = e.start_mark.line + 1;
        *column = e.start_mark.column + 1;
        depth +=
            e.type == YAML_SEQUENCE_START_EVENT || e.type == YAML_MAPPING_START_EVENT;
        depth -= e.type == YAML_SEQUENCE_END_EVENT || e.type == YAML_MAPPING_END_EVENT;
        end = e.type == YAML_STREAM_END_EVENT || e.type == YAML_NO_EVENT;
        yaml_event_delete (&e);
    }
    yaml_parser_delete (&parser);
    return depth > max;
}

#endif
