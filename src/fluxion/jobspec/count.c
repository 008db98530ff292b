/* Counts of resources: min, max, operator and operand (RFC 14), as a range string
 * (RFC 45) or a set of numbers (RFC 22). */
#include "fluxion/jobspec/count.h"

#include <flux/idset.h>
#include <stdlib.h>
#include <string.h>

/* The next larger count, or INT64_MAX. */
static int64_t step (const struct count_spec *c, int64_t n)
{
    int64_t next = n;

    switch (c->op) {
    case '+':
        return __builtin_add_overflow (n, c->operand, &next) ? INT64_MAX : next;
    case '*':
        return __builtin_mul_overflow (n, c->operand, &next) ? INT64_MAX : next;
    default:
        for (int64_t i = 1; i < c->operand; i++)
            if (__builtin_mul_overflow (next, n, &next))
                return INT64_MAX;
        return next;
    }
}

int64_t count_fit (const struct count_spec *c, int64_t avail)
{
    int64_t top = avail < c->max ? avail : c->max;
    int64_t n = c->min;

    if (c->list) {
        n = 0;
        for (uint32_t i = 0; i < c->nlist && c->list[i] <= avail; i++)
            n = c->list[i];
        return n;
    }
    if (avail < c->min)
        return 0;
    if (c->op == '+')
        return c->min + (top - c->min) / c->operand * c->operand;
    for (int64_t next = step (c, n); next <= top && next > n && next < INT64_MAX;
         next = step (c, n))
        n = next;
    return n;
}

const char *count_check (const struct count_spec *c)
{
    if (c->min < 1)
        return "\"min\" must be a positive integer";
    if (c->max < c->min)
        return "\"max\" must be greater than or equal to \"min\"";
    switch (c->op) {
    case '+':
        return c->operand < 1 ? "\"operand\" must be at least 1 for operator +" : NULL;
    case '*':
        return c->operand < 2 ? "\"operand\" must be at least 2 for operator *" : NULL;
    case '^':
        if (c->operand < 2)
            return "\"operand\" must be at least 2 for operator ^";
        return c->min < 2 ? "\"min\" must be at least 2 for operator ^" : NULL;
    }
    return "\"operator\" must be one of +, * and ^";
}

static bool take_number (const char **s, int64_t *n)
{
    char *end;

    if (**s < '0' || **s > '9' || (**s == '0' && (*s)[1] >= '0' && (*s)[1] <= '9'))
        return false;
    errno = 0;
    *n = strtoll (*s, &end, 10);
    *s = end;
    return errno == 0;
}

static int parse_range (const char *s, struct count_spec *c)
{
    c->max = INT64_MAX;
    if (!take_number (&s, &c->min))
        return -1;
    if (*s == '+')
        s++;
    else if (*s != '-' || (s++, !take_number (&s, &c->max)))
        return -1;
    if (*s == ':') {
        s++;
        if (!take_number (&s, &c->operand))
            return -1;
        if (*s == ':' && s[1]) {
            c->op = s[1];
            s += 2;
        }
    }
    return *s ? -1 : 0;
}

static int parse_set (const char *s, struct count_spec *c)
{
    struct idset *ids = idset_decode (s);
    uint32_t n = 0;

    if (!ids || (c->nlist = idset_count (ids)) == 0
        || !(c->list = malloc (c->nlist * sizeof (*c->list)))) {
        idset_destroy (ids);
        return -1;
    }
    for (unsigned int id = idset_first (ids); id != IDSET_INVALID_ID;
         id = idset_next (ids, id))
        c->list[n++] = id;
    idset_destroy (ids);
    c->min = c->list[0];
    c->max = c->list[n - 1];
    return 0;
}

int count_parse (const char *text, struct count_spec *c)
{
    char s[256];
    size_t len = strlen (text);
    bool brackets = len > 1 && text[0] == '[' && text[len - 1] == ']';

    *c = (struct count_spec){ .op = '+', .operand = 1 };
    if (len >= sizeof (s))
        goto inval;
    memcpy (s, text, len + 1);
    if (brackets) {
        s[len - 1] = '\0';
        memmove (s, s + 1, len - 1);
    }
    const char *p = s;
    if (take_number (&p, &c->min) && *p == '\0') {
        c->max = c->min;
        return 0;
    }
    if (strchr (s, ',') ? parse_set (s, c) < 0 : parse_range (s, c) < 0)
        goto inval;
    if (count_check (c))
        goto inval;
    return 0;
inval:
    free (c->list);
    c->list = NULL;
    errno = EINVAL;
    return -1;
}
