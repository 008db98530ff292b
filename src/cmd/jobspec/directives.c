#include "cmd/jobspec/directives.h"

#include "base/buf.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const char *prefix; /* what stands before "flux:", e.g. "# " */
    size_t prefix_len;
    bool ended; /* a line without the prefix has been seen */
    int line;
    int first; /* of the directive */
    char **args;
    int *lines; /* where the directives of args begin */
    int count;
    struct buf word;
    bool in_word;
    char quote; /* ' or ", or 0 */
    bool triple;
    struct buf body; /* of triple quotes over several lines */
    flux_error_t *error;
};

static int fail (struct parser *p, const char *text)
{
    snprintf (p->error->text, sizeof (p->error->text), "line %d: %s", p->line, text);
    errno = EINVAL;
    return -1;
}

static int end_word (struct parser *p)
{
    if (!p->in_word)
        return 0;
    char **a = realloc (p->args, (p->count + 2) * sizeof (*a));
    int *lines = realloc (p->lines, (p->count + 1) * sizeof (*lines));
    char *s = buf_take (&p->word, NULL);
    if (a)
        p->args = a;
    if (lines)
        p->lines = lines;
    if (!a || !lines || !s) {
        free (s);
        return fail (p, "out of memory");
    }
    p->lines[p->count] = p->first;
    p->args[p->count++] = s;
    p->args[p->count] = NULL;
    p->in_word = false;
    return 0;
}

static bool is_blank (const char *s, size_t len)
{
    while (len > 0 && isspace ((unsigned char)s[len - 1]))
        len--;
    return len == 0;
}

/* Quotes that stay open stand at the end of their line. */
static int is_opened_last (struct parser *p, const char *s, size_t len)
{
    while (len > 0 && isspace ((unsigned char)s[len - 1]))
        len--;
    if (len < 3 || s[len - 1] != p->quote || s[len - 2] != p->quote)
        return fail (p, "triple quotes are opened within a line and not closed there");
    return 0;
}

/* One directive's text: shell quoting, '#' begins a comment. */
static int parse_text (struct parser *p, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (p->quote) {
            bool three = i + 2 < len && s[i + 1] == c && s[i + 2] == c;
            if (c == p->quote && (!p->triple || three)) {
                i += p->triple ? 2 : 0;
                p->quote = 0;
                p->triple = false;
            } else
                buf_addc (&p->word, c);
        } else if (c == '\'' || c == '"') {
            p->quote = c;
            p->triple = i + 2 < len && s[i + 1] == c && s[i + 2] == c;
            i += p->triple ? 2 : 0;
            p->in_word = true;
        } else if (c == '\\' && i + 1 < len) {
            buf_addc (&p->word, s[++i]);
            p->in_word = true;
        } else if (isspace ((unsigned char)c)) {
            if (end_word (p) < 0)
                return -1;
        } else if (c == '#' && !p->in_word)
            break;
        else {
            buf_addc (&p->word, c);
            p->in_word = true;
        }
    }
    if (p->quote && !p->triple)
        return fail (p, "no closing quotation");
    if (p->triple) /* the text begins with the next line */
        return is_opened_last (p, s, len);
    return end_word (p);
}

/* Length up to and with "flux:" of a line that begins with a sentinel, else 0.
 * *prefix_len: what stands before it, which holds no word characters. */
static size_t sentinel (const char *s, size_t len, size_t *prefix_len)
{
    size_t i = 0;
    while (i < len && !isalnum ((unsigned char)s[i]) && s[i] != '_')
        i++;
    if (len - i < 5 || (strncmp (s + i, "flux:", 5) && strncmp (s + i, "FLUX:", 5)))
        return 0;
    *prefix_len = i;
    return i + 5;
}

/* Blanks that all lines begin with, but for empty ones. */
static size_t common_indent (const char *s)
{
    size_t common = SIZE_MAX;

    for (size_t len; *s; s += len + 1) {
        size_t n = strspn (s, " \t");
        len = strcspn (s, "\n");
        if (n < len && n < common)
            common = n;
        if (!s[len])
            break;
    }
    return common;
}

static void add_body (struct parser *p)
{
    const char *s = p->body.data ? p->body.data : "";
    size_t indent = common_indent (s);

    for (size_t len; *s; s += len) {
        size_t n = strspn (s, " \t");
        len = strcspn (s, "\n");
        len += s[len] == '\n';
        n = n < indent ? n : indent;
        buf_add (&p->word, s + n, len - n);
    }
    buf_reset (&p->body);
}

static int not_closed (struct parser *p)
{
    p->line = p->first;
    return fail (p, "a quoted text in triple quotes is not closed");
}

/* A line of a text in triple quotes, behind its sentinel (RFC 36). */
static int continue_triple (struct parser *p, const char *s, size_t len)
{
    size_t prefix_len = 0, n = sentinel (s, len, &prefix_len), end;

    if (n == 0 || prefix_len != p->prefix_len || strncmp (s, p->prefix, prefix_len))
        return not_closed (p);
    s += n;
    len -= n;
    for (end = len; end > 0 && isspace ((unsigned char)s[end - 1]);)
        end--;
    if (end < 3 || s[end - 1] != p->quote || s[end - 2] != p->quote
        || s[end - 3] != p->quote) {
        buf_add (&p->body, s, len);
        buf_addc (&p->body, '\n');
        return 0;
    }
    if (!is_blank (s, end - 3))
        buf_add (&p->body, s, end - 3);
    add_body (p);
    p->quote = 0;
    p->triple = false;
    return end_word (p);
}

static int parse_line (struct parser *p, const char *s, size_t len)
{
    size_t prefix_len = 0;
    if (p->triple)
        return continue_triple (p, s, len);
    p->first = p->line;
    size_t n = sentinel (s, len, &prefix_len);
    if (n == 0) {
        /* Directives end with the first line that is neither blank nor has
         * their prefix. */
        if (p->prefix && !is_blank (s, len)
            && (len < p->prefix_len || strncmp (s, p->prefix, p->prefix_len)))
            p->ended = true;
        return 0;
    }
    if (p->ended)
        return fail (p, "orphan directive: it comes after the first command");
    if (!p->prefix) {
        p->prefix = s;
        p->prefix_len = prefix_len;
    } else if (prefix_len != p->prefix_len || strncmp (s, p->prefix, prefix_len))
        return fail (p, "directive begins otherwise than those before it");
    return parse_text (p, s + n, len - n);
}

char **directives_parse (const char *script, int *count, int **lines,
                         flux_error_t *error)
{
    struct parser p = { .error = error, .args = calloc (1, sizeof (char *)) };
    int rc = p.args ? 0 : fail (&p, "out of memory");
    while (rc == 0 && *script) {
        size_t len = strcspn (script, "\n");
        p.line++;
        rc = parse_line (&p, script, len);
        script += len + (script[len] == '\n');
    }
    if (rc == 0 && p.triple)
        rc = not_closed (&p);
    buf_fini (&p.word);
    buf_fini (&p.body);
    if (rc < 0 || !lines) {
        free (p.lines);
        p.lines = NULL;
    }
    if (rc < 0) {
        directives_free (p.args);
        return NULL;
    }
    if (lines)
        *lines = p.lines;
    *count = p.count;
    return p.args;
}

void directives_free (char **args)
{
    for (int i = 0; args && args[i]; i++)
        free (args[i]);
    free (args);
}
