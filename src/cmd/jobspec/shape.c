#include "cmd/jobspec/shape.h"

#include "base/error.h"

#include <ctype.h>
#include <flux/idset.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

struct shape {
    const char *text, *s; /* all, and what is left */
    const char *label;    /* of a slot without one */
    int slots, unlabelled;
    int depth;
    flux_error_t *error;
};

static json_t *vertex_list (struct shape *p);
static json_t *members (struct shape *p);

static json_t *fail (struct shape *p, const char *what)
{
    if (!p->error->text[0])
        error_invalid (p->error, "'%.60s': %s at '%.30s'", p->text, what, p->s);
    return NULL;
}

static bool take (struct shape *p, char c)
{
    if (*p->s != c)
        return false;
    p->s++;
    return true;
}

/* A string in quotes, as in JSON; or a word up to what has a meaning. */
static json_t *word (struct shape *p, const char *stop)
{
    size_t n;
    json_error_t e;
    if (*p->s != '"') {
        n = strcspn (p->s, stop);
        json_t *o = n > 0 ? json_stringn (p->s, n) : NULL;
        p->s += o ? n : 0;
        return o ? o : fail (p, "a name is missing");
    }
    json_t *o = json_loads (p->s, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &e);
    if (!o)
        return fail (p, "a quote is not closed");
    p->s += e.position;
    return o;
}

/* --- counts: 4, 4,9,16, 2+, 3-30, 3-30:2:* (RFC 22, RFC 45) --- */

static bool number (const char **s, json_int_t *n)
{
    char *end;
    if (!isdigit ((unsigned char)**s))
        return false;
    *n = strtoll (*s, &end, 10);
    *s = end;
    return *n > 0;
}

static json_t *range (const char *s)
{
    json_int_t min, max = 0, operand = 1;
    char operator[2] = "+";
    bool open, stepped;
    if (!number (&s, &min))
        return NULL;
    if (*s == '\0')
        return json_integer (min);
    open = *s == '+';
    if (*s != '+' && *s != '-')
        return NULL;
    s++;
    if (!open && (!number (&s, &max) || max < min))
        return NULL;
    if ((stepped = *s == ':')) {
        s++;
        if (!number (&s, &operand))
            return NULL;
        if (*s == ':' && s[1] && strchr ("+*^", s[1])) {
            operator[0] = s[1];
            s += 2;
        }
    }
    if (*s)
        return NULL;
    json_t *o = json_pack ("{s:I}", "min", min);
    if (max > 0)
        json_object_set_new (o, "max", json_integer (max));
    if (max > 0 || stepped) {
        json_object_set_new (o, "operator", json_string (operator));
        json_object_set_new (o, "operand", json_integer (operand));
    }
    return o;
}

static json_t *count (struct shape *p)
{
    bool bracket = take (p, '[');
    size_t n = strcspn (p->s, bracket ? "]" : "{}/;]");
    char *text = strndup (p->s, n);
    json_t *o = text ? range (text) : NULL;
    struct idset *ids = NULL;
    if (!o && text && strchr (text, ',') && (ids = idset_decode (text)))
        o = json_string (text);
    idset_destroy (ids);
    free (text);
    if (!o)
        return fail (p, "not a count");
    p->s += n;
    if (bracket && !take (p, ']')) {
        json_decref (o);
        return fail (p, "a bracket is not closed");
    }
    return o;
}

/* --- {key:value,+flag,-flag,x} --- */

static json_t *json_value (struct shape *p)
{
    json_error_t e;
    if (*p->s == '{') {
        p->s++;
        return members (p);
    }
    size_t n = *p->s == '"' || *p->s == '[' ? 0 : strcspn (p->s, ",}");
    if (n == 0) {
        json_t *o = json_loads (p->s, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &e);
        if (!o)
            return fail (p, "not a value");
        p->s += e.position;
        return o;
    }
    char *text = strndup (p->s, n);
    json_t *o = text ? json_loads (text, JSON_DECODE_ANY, NULL) : NULL;
    if (!o)
        o = json_string (text);
    free (text);
    p->s += n;
    return o ? o : fail (p, "not valid UTF-8");
}

static json_t *member (struct shape *p, json_t *into)
{
    bool minus = *p->s == '-';
    bool flag = minus || *p->s == '+';
    p->s += flag;
    json_t *key = word (p, ":,}");
    if (!key)
        return NULL;
    const char *name = json_string_value (key);
    if (name && !strcmp (name, "x"))
        name = "exclusive";
    json_t *value;
    if (!flag && take (p, ':'))
        value = json_value (p);
    else
        value = json_boolean (!minus);
    if (value && name)
        json_object_set_new (into, name, value);
    else
        value = fail (p, "a key is no string");
    json_decref (key);
    return value;
}

/* Behind the brace, or behind a label and its comma. */
static json_t *members_into (struct shape *p, json_t *o)
{
    if (take (p, '}'))
        return o;
    if (p->depth++ > DEPTH_MAX)
        return fail (p, "too deep");
    do {
        if (!member (p, o))
            return NULL;
    } while (take (p, ','));
    p->depth--;
    return take (p, '}') ? o : fail (p, "a brace is not closed");
}

static json_t *members (struct shape *p)
{
    json_t *o = json_object ();
    if (members_into (p, o))
        return o;
    json_decref (o);
    return NULL;
}

/* The first entry of a slot's braces is its label. */
static json_t *slot_label (struct shape *p, json_t *o)
{
    p->slots++;
    if (!take (p, '{')) {
        p->unlabelled++;
        json_object_set_new (o, "label", json_string (p->label));
        return o;
    }
    json_t *label = word (p, ",}");
    if (!label || json_object_set_new (o, "label", label) < 0)
        return NULL;
    if (take (p, '}'))
        return o;
    return take (p, ',') ? members_into (p, o) : fail (p, "a brace is not closed");
}

static json_t *vertex_into (struct shape *p, json_t *o)
{
    json_t *type = word (p, "={}[]/;,");
    if (!type || json_object_set_new (o, "type", type) < 0)
        return NULL;
    json_t *n = take (p, '=') ? count (p) : json_integer (1);
    if (!n || json_object_set_new (o, "count", n) < 0)
        return NULL;
    bool slot = json_is_string (type) && !strcmp (json_string_value (type), "slot");
    if (slot ? !slot_label (p, o) : take (p, '{') && !members_into (p, o))
        return NULL;
    if (!take (p, '/'))
        return slot ? fail (p, "a slot without resources") : o;
    json_t *with = vertex_list (p);
    return with && json_object_set_new (o, "with", with) == 0 ? o : NULL;
}

static json_t *vertex_list (struct shape *p)
{
    json_t *a = json_array ();
    bool bracket = take (p, '[');
    bool good = p->depth++ <= DEPTH_MAX || fail (p, "too deep");
    while (good) {
        json_t *o = json_object ();
        good = vertex_into (p, o) != NULL;
        json_array_append_new (a, o);
        if (!bracket || !take (p, ';'))
            break;
    }
    p->depth--;
    if (good && bracket && !take (p, ']'))
        good = fail (p, "a bracket is not closed");
    if (good)
        return a;
    json_decref (a);
    return NULL;
}

json_t *shape_parse (const char *s, const char *label, flux_error_t *error)
{
    struct shape p = { .text = s, .s = s, .label = label, .error = error };
    error->text[0] = '\0';
    json_t *a = vertex_list (&p);
    if (a && *p.s) {
        fail (&p, "more than one list");
        json_decref (a);
        return NULL;
    }
    if (a && (p.slots == 0 || (p.unlabelled > 0 && p.slots > 1))) {
        error_invalid (error, "'%.60s': %s", s,
                       p.slots == 0 ? "there is no slot"
                                    : "slots need labels where there are several");
        json_decref (a);
        return NULL;
    }
    return a;
}

const char *shape_slot_label (json_t *resources)
{
    size_t i;
    json_t *o;
    json_array_foreach (resources, i, o) {
        const char *type = json_string_value (json_object_get (o, "type"));
        const char *label = type && !strcmp (type, "slot")
                                ? json_string_value (json_object_get (o, "label"))
                                : shape_slot_label (json_object_get (o, "with"));
        if (label)
            return label;
    }
    return NULL;
}
