/* The query syntax of RFC 35, by recursive descent:
 *
 *   either: both {OR both}
 *   both:   factor {[AND] factor}
 *   factor: NOT factor | '(' either ')' | TERM */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "value/resource/constraint.h"

#define MAX_DEPTH 64

enum token { END, OPEN, CLOSE, AND, OR, NOT, TERM };

struct parser {
    const char *start;
    const char *pos;
    const char *default_op;
    flux_error_t *error;
    int depth;
    /* The current token */
    enum token token;
    size_t at; /* its position */
    bool negated;
    struct buf word;
    size_t colon; /* length of the operator in word, or SIZE_MAX */
};

static int fail (struct parser *p, const char *what, size_t at)
{
    if (p->error)
        snprintf (p->error->text, sizeof (p->error->text), "%.100s in position %zu",
                  what, at);
    errno = EINVAL;
    return -1;
}

static bool is_reserved (char c)
{
    return c == '\0' || isspace ((unsigned char)c) || strchr ("()&|", c);
}

/* A word, with quoted parts. */
static int read_word (struct parser *p)
{
    bool quoted = false;

    buf_reset (&p->word);
    buf_addc (&p->word, 'x'); /* never NULL */
    buf_reset (&p->word);
    p->colon = SIZE_MAX;
    p->negated = *p->pos == '-' && !is_reserved (p->pos[1]);
    p->pos += p->negated;
    while (!is_reserved (*p->pos)) {
        char c = *p->pos;
        if (c == '\'' || c == '"') {
            const char *end = strchr (p->pos + 1, c);
            if (!end)
                return fail (p, "Unclosed quote", p->pos - p->start);
            buf_add (&p->word, p->pos + 1, end - p->pos - 1);
            p->pos = end + 1;
            quoted = true;
            continue;
        }
        if (c == ':' && p->colon == SIZE_MAX && !quoted)
            p->colon = p->word.len;
        buf_addc (&p->word, c);
        p->pos++;
    }
    p->token = TERM;
    if (!quoted && !p->negated) {
        if (!strcmp (p->word.data, "and"))
            p->token = AND;
        else if (!strcmp (p->word.data, "or"))
            p->token = OR;
        else if (!strcmp (p->word.data, "not"))
            p->token = NOT;
        else if (!strcmp (p->word.data, "-"))
            return fail (p, "Syntax error: '-' needs a term", p->at);
    }
    return 0;
}

static int advance (struct parser *p)
{
    while (isspace ((unsigned char)*p->pos))
        p->pos++;
    p->at = p->pos - p->start;
    switch (*p->pos) {
    case '\0':
        p->token = END;
        return 0;
    case '(':
        p->token = OPEN;
        break;
    case ')':
        p->token = CLOSE;
        break;
    case '&':
        p->token = AND;
        p->pos += p->pos[1] == '&';
        break;
    case '|':
        p->token = OR;
        p->pos += p->pos[1] == '|';
        break;
    default:
        return read_word (p);
    }
    p->pos++;
    return 0;
}

static const char *resolve_alias (const char *op)
{
    static const char *const aliases[][2] = {
        { "host", "hostlist" },
        { "hosts", "hostlist" },
        { "rank", "ranks" },
        { "property", "properties" },
    };

    for (size_t i = 0; i < sizeof (aliases) / sizeof (aliases[0]); i++)
        if (!strcmp (op, aliases[i][0]))
            return aliases[i][1];
    return op;
}

/* Properties are a list; other operands keep their commas ("h[1,3]"). */
static json_t *operand_values (const char *op, const char *operand)
{
    json_t *values = json_array ();

    if (strcmp (op, "properties")) {
        json_array_append_new (values, json_string (operand));
        return values;
    }
    while (*operand) {
        size_t len = strcspn (operand, ",");
        if (len > 0)
            json_array_append_new (values, json_stringn (operand, len));
        operand += len + (operand[len] == ',');
    }
    return values;
}

static json_t *wrap (const char *op, json_t *take_value)
{
    return json_pack ("{s:[o]}", op, take_value);
}

static json_t *parse_term (struct parser *p)
{
    char *text = p->word.data;
    const char *op = p->default_op;
    const char *operand = text;
    bool negated = p->negated;
    json_t *o;

    if (p->colon != SIZE_MAX) {
        text[p->colon] = '\0';
        op = resolve_alias (text);
        operand = text + p->colon + 1;
    }
    if (!op || !*op || !*operand) {
        fail (p,
              !op    ? "Missing operator"
              : !*op ? "Empty operator"
                     : "Missing operand",
              p->at);
        return NULL;
    }
    o = json_pack ("{s:o}", op, operand_values (op, operand));
    if (!o) {
        fail (p, "Invalid UTF-8", p->at);
        return NULL;
    }
    if (negated)
        o = wrap ("not", o);
    if (advance (p) < 0) {
        json_decref (o);
        return NULL;
    }
    return o;
}

static json_t *parse_either (struct parser *p);

static json_t *parse_group (struct parser *p)
{
    size_t at = p->at;
    json_t *o;

    if (advance (p) < 0)
        return NULL;
    if (p->token == END) {
        fail (p, "Unclosed parenthesis", at);
        return NULL;
    }
    if (!(o = parse_either (p)))
        return NULL;
    if (p->token != CLOSE) {
        json_decref (o);
        fail (p, "Unclosed parenthesis", at);
        return NULL;
    }
    if (advance (p) < 0) {
        json_decref (o);
        return NULL;
    }
    return o;
}

static json_t *parse_factor (struct parser *p)
{
    static const char *const names[] = {
        [END] = "Unexpected end of query",
        [CLOSE] = "Mismatched parenthesis",
        [AND] = "Syntax error: unexpected 'and'",
        [OR] = "Syntax error: unexpected 'or'",
    };
    json_t *o = NULL;

    if (p->depth == MAX_DEPTH) {
        fail (p, "Query is nested too deeply", p->at);
        return NULL;
    }
    p->depth++;
    if (p->token == NOT) {
        if (advance (p) == 0 && (o = parse_factor (p)))
            o = wrap ("not", o);
    } else if (p->token == OPEN)
        o = parse_group (p);
    else if (p->token == TERM)
        o = parse_term (p);
    else
        fail (p, names[p->token], p->at);
    p->depth--;
    return o;
}

/* Operands joined by one operator: [a] is a, [a,b] is {op:[a,b]}. Takes. */
static json_t *join (const char *op, json_t *take_operands)
{
    json_t *o;

    if (json_array_size (take_operands) != 1)
        return json_pack ("{s:o}", op, take_operands);
    o = json_incref (json_array_get (take_operands, 0));
    json_decref (take_operands);
    return o;
}

static json_t *parse_both (struct parser *p)
{
    json_t *operands = json_array ();
    json_t *o;

    for (;;) {
        if (!(o = parse_factor (p)) || json_array_append_new (operands, o) < 0)
            break;
        if (p->token == AND) {
            if (advance (p) < 0)
                break;
        } else if (p->token != TERM && p->token != NOT && p->token != OPEN)
            return join ("and", operands);
    }
    json_decref (operands);
    return NULL;
}

static json_t *parse_either (struct parser *p)
{
    json_t *operands = json_array ();
    json_t *o;

    for (;;) {
        if (!(o = parse_both (p)) || json_array_append_new (operands, o) < 0)
            break;
        if (p->token != OR)
            return join ("or", operands);
        if (advance (p) < 0)
            break;
    }
    json_decref (operands);
    return NULL;
}

json_t *constraint_parse (const char *query, const char *default_op,
                          flux_error_t *error)
{
    struct parser p = {
        .start = query, .pos = query, .default_op = default_op, .error = error
    };
    json_t *o = NULL;

    if (error)
        error->text[0] = '\0';
    if (advance (&p) == 0) {
        if (p.token == END)
            o = json_object ();
        else if ((o = parse_either (&p)) && p.token != END) {
            json_decref (o);
            o = NULL;
            fail (&p, "Mismatched parenthesis", p.at);
        }
    }
    buf_fini (&p.word);
    return o;
}
