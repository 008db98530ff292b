#include "fluxion/jobspec/yamldoc.h"
#include "base/text/yaml_anchors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Aliases let a short text stand for a huge tree. */
#define YAML_MAX_NODES 1000000u
#define YAML_ALIAS_FACTOR 4
#define YAML_MAX_DEPTH 100

int yaml_load_text (struct yaml *y, const char *text, size_t len, int *line,
                    int *column, flux_error_t *error)
{
    yaml_parser_t parser;
    int deep = yaml_too_deep (text, len, YAML_MAX_DEPTH, line, column);

    if (deep) {
        snprintf (error->text, sizeof (error->text), "nested too deeply");
        errno = deep < 0 ? ENOMEM : EINVAL;
        return -1;
    }
    if (yaml_too_many_anchors (text, len)) {
        snprintf (error->text, sizeof (error->text), "more than %d anchors",
                  YAML_MAX_ANCHORS);
        errno = EINVAL;
        return -1;
    }
    memset (y, 0, sizeof (*y));
    y->budget = len < YAML_MAX_NODES / YAML_ALIAS_FACTOR
                    ? 1000 + YAML_ALIAS_FACTOR * (uint32_t)len
                    : YAML_MAX_NODES;
    if (!yaml_parser_initialize (&parser)) {
        errno = ENOMEM;
        return -1;
    }
    yaml_parser_set_input_string (&parser, (const unsigned char *)text, len);
    if (!yaml_parser_load (&parser, &y->doc)) {
        *line = parser.problem_mark.line + 1;
        *column = parser.problem_mark.column + 1;
        snprintf (error->text, sizeof (error->text), "%s",
                  parser.problem ? parser.problem : "not YAML");
        yaml_parser_delete (&parser);
        errno = EBADMSG;
        return -1;
    }
    yaml_parser_delete (&parser);
    return 0;
}

void yaml_unload (struct yaml *y)
{
    yaml_document_delete (&y->doc);
}

yaml_node_t *yaml_root (struct yaml *y)
{
    return yaml_document_get_root_node (&y->doc);
}

bool yaml_is_map (yaml_node_t *n)
{
    return n && n->type == YAML_MAPPING_NODE;
}

bool yaml_is_seq (yaml_node_t *n)
{
    return n && n->type == YAML_SEQUENCE_NODE;
}

const char *yaml_text (yaml_node_t *n)
{
    if (!n || n->type != YAML_SCALAR_NODE)
        return NULL;
    const char *s = (const char *)n->data.scalar.value;
    return strlen (s) == n->data.scalar.length ? s : NULL;
}

bool yaml_is_quoted (yaml_node_t *n)
{
    return n && n->type == YAML_SCALAR_NODE
           && n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

bool yaml_is_null (yaml_node_t *n)
{
    const char *s = yaml_text (n);

    return s && !yaml_is_quoted (n)
           && (*s == '\0' || strcmp (s, "~") == 0 || strcasecmp (s, "null") == 0);
}

int yaml_count (yaml_node_t *n)
{
    if (yaml_is_map (n))
        return n->data.mapping.pairs.top - n->data.mapping.pairs.start;
    if (yaml_is_seq (n))
        return n->data.sequence.items.top - n->data.sequence.items.start;
    return -1;
}

yaml_node_t *yaml_item (struct yaml *y, yaml_node_t *seq, int i)
{
    return yaml_document_get_node (&y->doc, seq->data.sequence.items.start[i]);
}

yaml_node_t *yaml_key (struct yaml *y, yaml_node_t *map, int i)
{
    return yaml_document_get_node (&y->doc, map->data.mapping.pairs.start[i].key);
}

yaml_node_t *yaml_value (struct yaml *y, yaml_node_t *map, int i)
{
    return yaml_document_get_node (&y->doc, map->data.mapping.pairs.start[i].value);
}

yaml_node_t *yaml_get (struct yaml *y, yaml_node_t *map, const char *key)
{
    for (int i = 0; yaml_is_map (map) && i < yaml_count (map); i++) {
        const char *k = yaml_text (yaml_key (y, map, i));
        if (k && strcmp (k, key) == 0)
            return yaml_value (y, map, i);
    }
    return NULL;
}

static json_t *plain_json (const char *s)
{
    char *end;

    if (strcmp (s, "true") == 0 || strcmp (s, "True") == 0 || strcmp (s, "TRUE") == 0)
        return json_true ();
    if (strcmp (s, "false") == 0 || strcmp (s, "False") == 0
        || strcmp (s, "FALSE") == 0)
        return json_false ();
    if (strspn (s, "+-0123456789.eE") != strlen (s) || !strpbrk (s, "0123456789"))
        return json_string (s);
    errno = 0;
    long long i = strtoll (s, &end, 10);
    if (*end == '\0' && errno == 0)
        return json_integer (i);
    double d = strtod (s, &end);
    return *end == '\0' && isfinite (d) ? json_real (d) : json_string (s);
}

static json_t *to_json (struct yaml *y, yaml_node_t *n, int depth)
{
    json_t *o = NULL;

    if (!n || depth > YAML_MAX_DEPTH || y->budget-- == 0) {
        errno = EINVAL;
        return NULL;
    }
    if (n->type == YAML_SCALAR_NODE) {
        const char *s = yaml_text (n);
        if (!s)
            return NULL;
        if (yaml_is_null (n))
            return json_null ();
        return yaml_is_quoted (n) ? json_string (s) : plain_json (s);
    }
    if (n->type == YAML_SEQUENCE_NODE) {
        o = json_array ();
        for (int i = 0; i < yaml_count (n); i++)
            if (json_array_append_new (o, to_json (y, yaml_item (y, n, i), depth + 1)))
                goto error;
        return o;
    }
    o = json_object ();
    for (int i = 0; i < yaml_count (n); i++) {
        const char *key = yaml_text (yaml_key (y, n, i));
        if (!key
            || json_object_set_new (o, key,
                                    to_json (y, yaml_value (y, n, i), depth + 1)))
            goto error;
    }
    return o;
error:
    json_decref (o);
    errno = EINVAL;
    return NULL;
}

json_t *yaml_json (struct yaml *y, yaml_node_t *n)
{
    return to_json (y, n, 0);
}
