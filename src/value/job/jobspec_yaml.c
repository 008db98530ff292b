/* YAML to JSON (libyaml), for what people write. Linked only where it is used. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/text/yaml_anchors.h"
#include "value/job/jobspec.h"
#include "value/job/yaml_json.h"

/* Aliases can make a small text mean a huge or an endless document. */
#define MAX_DEPTH 64
#define MAX_NODES 1000000

struct convert {
    yaml_document_t *doc;
    int depth;
    int nodes;
    flux_error_t *error;
};

static json_t *convert_node (struct convert *c, int index);

static json_t *fail (struct convert *c, const yaml_node_t *node, const char *what)
{
    if (c->error)
        snprintf (c->error->text, sizeof (c->error->text), "invalid YAML: line %zu: %s",
                  node->start_mark.line + 1, what);
    errno = EINVAL;
    return NULL;
}

static bool is_one_of (const char *s, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp (s, *words))
            return true;
    return false;
}

/* YAML 1.2 core schema. */
static json_t *convert_plain (const char *s)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const trues[] = { "true", "True", "TRUE", NULL };
    static const char *const falses[] = { "false", "False", "FALSE", NULL };
    const char *digits = s + (*s == '-' || *s == '+');
    char *end;

    if (is_one_of (s, nulls))
        return json_null ();
    if (is_one_of (s, trues))
        return json_true ();
    if (is_one_of (s, falses))
        return json_false ();
    if (isdigit ((unsigned char)*digits) || *digits == '.') {
        bool hex = digits[0] == '0' && digits[1] == 'x';
        bool octal = digits[0] == '0' && digits[1] == 'o';
        long long n;
        double f;

        errno = 0;
        n = strtoll (octal ? digits + 2 : s, &end, hex ? 16 : octal ? 8 : 10);
        if (!errno && *end == '\0' && (!octal || digits == s))
            return json_integer (n);
        errno = 0;
        f = strtod (s, &end);
        if (!errno && !hex && *end == '\0' && end != s && isfinite (f))
            return json_real (f);
    }
    return json_string (s);
}

static json_t *convert_scalar (struct convert *c, const yaml_node_t *node)
{
    const char *s = (const char *)node->data.scalar.value;
    size_t len = node->data.scalar.length;
    json_t *o;

    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strlen (s) == len
        && (!node->tag || strcmp ((char *)node->tag, YAML_STR_TAG) == 0))
        o = convert_plain (s);
    else
        o = json_stringn (s, len);
    return o ? o : fail (c, node, "invalid string");
}

static json_t *convert_sequence (struct convert *c, const yaml_node_t *node)
{
    json_t *array = json_array ();

    for (yaml_node_item_t *i = node->data.sequence.items.start;
         i < node->data.sequence.items.top; i++) {
        json_t *o = convert_node (c, *i);
        if (!o || json_array_append_new (array, o) < 0) {
            json_decref (array);
            return NULL;
        }
    }
    return array;
}

static json_t *convert_mapping (struct convert *c, const yaml_node_t *node)
{
    json_t *object = json_object ();

    for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
         p < node->data.mapping.pairs.top; p++) {
        yaml_node_t *key = yaml_document_get_node (c->doc, p->key);
        json_t *o;
        if (!key || key->type != YAML_SCALAR_NODE) {
            json_decref (object);
            return fail (c, node, "a key must be a string");
        }
        o = convert_node (c, p->value);
        if (!o
            || json_object_set_new (object, (const char *)key->data.scalar.value, o)
                   < 0) {
            json_decref (object);
            return o ? fail (c, node, "invalid key") : NULL;
        }
    }
    return object;
}

static json_t *convert_node (struct convert *c, int index)
{
    yaml_node_t *node = yaml_document_get_node (c->doc, index);
    json_t *o = NULL;

    if (!node)
        return NULL;
    if (++c->nodes > MAX_NODES || c->depth == MAX_DEPTH)
        return fail (c, node, "document is too large or too deep");
    c->depth++;
    switch (node->type) {
    case YAML_SCALAR_NODE:
        o = convert_scalar (c, node);
        break;
    case YAML_SEQUENCE_NODE:
        o = convert_sequence (c, node);
        break;
    case YAML_MAPPING_NODE:
        o = convert_mapping (c, node);
        break;
    case YAML_NO_NODE:
        break;
    }
    c->depth--;
    return o;
}

static void parser_error (const yaml_parser_t *parser, flux_error_t *error)
{
    if (error)
        snprintf (error->text, sizeof (error->text), "invalid YAML: line %zu: %.100s",
                  parser->problem_mark.line + 1,
                  parser->problem ? parser->problem : "out of memory");
}

json_t *yaml_to_json (const char *s, size_t len, flux_error_t *error)
{
    yaml_parser_t parser;
    yaml_document_t doc;
    json_t *o = NULL;
    int line, column;
    int deep = yaml_too_deep (s, len, MAX_DEPTH, &line, &column);

    if (deep < 0)
        return error_null (error, ENOMEM, "out of memory");
    if (deep)
        return error_null (error, EINVAL,
                           "invalid YAML: line %d: nested deeper than %d", line,
                           MAX_DEPTH);
    if (yaml_too_many_anchors (s, len))
        return error_null (error, EINVAL, "invalid YAML: more than %d anchors",
                           YAML_MAX_ANCHORS);
    if (!yaml_parser_initialize (&parser)) {
        errno = ENOMEM;
        return NULL;
    }
    yaml_parser_set_input_string (&parser, (const unsigned char *)s, len);
    if (!yaml_parser_load (&parser, &doc))
        parser_error (&parser, error);
    else {
        struct convert c = { .doc = &doc, .error = error };
        if (yaml_document_get_root_node (&doc))
            o = convert_node (&c, 1);
        else if (error)
            snprintf (error->text, sizeof (error->text),
                      "invalid YAML: empty document");
        yaml_document_delete (&doc);
    }
    yaml_parser_delete (&parser);
    if (!o)
        errno = EINVAL;
    return o;
}

json_t *jobspec_load_yaml (const char *s, size_t len, flux_error_t *error)
{
    flux_error_t e = { { 0 } };
    json_t *o = yaml_to_json (s, len, &e);

    if (!o && error)
        snprintf (error->text, sizeof (error->text), "jobspec: %.150s", e.text);
    return o;
}
