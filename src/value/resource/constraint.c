/* RFC 31: compiled once, so that a match costs no decoding. */
#include "value/resource/constraint.h"

#include "value/resource/rset.h"

#include <flux/hostlist.h>
#include <flux/idset.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hashmap.h"

/* Bounds what a hostile constraint does to the stack. */
#define MAX_DEPTH 64
/* Bounds the memory that short texts such as "a[0-999999]" stand for: 64-bit words
 * of rank sets, hosts at HOST_COST each. */
#define MAX_COST (1 << 22)
#define HOST_COST 4

/* What applies to the whole constraint while it is compiled. */
struct compiler {
    const struct constraint_ops *ops;
    int depth;
    size_t cost;
};

enum kind { ALL, ANY, NONE, PROPERTIES, HOSTS, RANKS, OTHER };

struct constraint {
    enum kind kind;
    const struct constraint_ops *ops;
    struct constraint **children; /* ALL, ANY, NONE */
    size_t count;
    json_t *values; /* PROPERTIES, OTHER */
    char *op;       /* OTHER */
    struct hashmap *hosts;
    struct hostlist *hostlist;
    struct idset *ranks;
};

void constraint_destroy (struct constraint *c)
{
    if (c) {
        int saved_errno = errno;
        for (size_t i = 0; i < c->count; i++)
            constraint_destroy (c->children[i]);
        free (c->children);
        json_decref (c->values);
        free (c->op);
        hashmap_destroy (c->hosts);
        hostlist_destroy (c->hostlist);
        idset_destroy (c->ranks);
        free (c);
        errno = saved_errno;
    }
}

static int invalid (void)
{
    errno = EINVAL;
    return -1;
}

static int spend (struct compiler *k, size_t cost, flux_error_t *error)
{
    k->cost += cost;
    if (k->cost <= MAX_COST)
        return 0;
    error_text (error, "constraint has too many hosts or ranks");
    return invalid ();
}

static int compile_properties (struct constraint *c, json_t *values,
                               flux_error_t *error)
{
    size_t i;
    json_t *value;

    json_array_foreach (values, i, value) {
        const char *s = json_string_value (value);
        if (!s) {
            error_text (error, "non-string property specified");
            return invalid ();
        }
        if (*s == '^')
            s++;
        if (!*s || s[strcspn (s, PROPERTY_REFUSED)]) {
            error_text (error, "invalid property '%.80s'", json_string_value (value));
            return invalid ();
        }
    }
    c->values = json_incref (values);
    return 0;
}

static int compile_hosts (struct compiler *k, struct constraint *c, json_t *values,
                          flux_error_t *error)
{
    size_t i;
    json_t *value;

    if (!(c->hostlist = hostlist_create ()))
        return -1;
    json_array_foreach (values, i, value) {
        const char *s = json_string_value (value);
        if (!s || hostlist_append (c->hostlist, s) < 0) {
            error_text (error, "invalid hostlist '%.80s'%s", s ? s : "(not a string)",
                        s && errno == ERANGE ? ": too many hosts" : "");
            return invalid ();
        }
    }
    if (spend (k, HOST_COST * (size_t)hostlist_count (c->hostlist), error) < 0)
        return -1;
    if (!c->ops->hostname)
        return 0;
    if (!(c->hosts = hashmap_create (NULL)))
        return -1;
    for (const char *s = hostlist_first (c->hostlist); s;
         s = hostlist_next (c->hostlist))
        if (hashmap_insert (c->hosts, s, c) < 0)
            return -1;
    return 0;
}

static int compile_ranks (struct compiler *k, struct constraint *c, json_t *values,
                          flux_error_t *error)
{
    size_t i;
    json_t *value;
    unsigned int maxid;

    if (!(c->ranks = idset_create (0, IDSET_FLAG_AUTOGROW)))
        return -1;
    json_array_foreach (values, i, value) {
        const char *s = json_string_value (value);
        if (!s || idset_decode_info (s, -1, NULL, &maxid, NULL) < 0) {
            error_text (error, "invalid idset '%.80s'", s ? s : "(not a string)");
            return invalid ();
        }
        if (maxid == IDSET_INVALID_ID)
            continue;
        /* Doubling makes the set at most twice as long as needed. */
        if (spend (k, 2 * (maxid / 64 + 1), error) < 0)
            return -1;
        if (idset_decode_add (c->ranks, s, -1, NULL) < 0)
            return -1;
    }
    return 0;
}

static struct constraint *compile (struct compiler *k, json_t *o, flux_error_t *error);

static int compile_children (struct compiler *k, struct constraint *c, json_t *values,
                             flux_error_t *error)
{
    size_t i;
    json_t *value;

    if (!(c->children = calloc (json_array_size (values) + 1, sizeof (*c->children))))
        return -1;
    json_array_foreach (values, i, value) {
        k->depth++;
        c->children[i] = compile (k, value, error);
        k->depth--;
        if (!c->children[i])
            return -1;
        c->count++;
    }
    return 0;
}

static int compile_op (struct compiler *k, struct constraint *c, const char *op,
                       json_t *values, flux_error_t *error)
{
    static const char *const logic[] = { [ALL] = "and", [ANY] = "or", [NONE] = "not" };

    if (!json_is_array (values)) {
        error_text (error, "%.40s value must be an array", op);
        return invalid ();
    }
    for (size_t i = 0; i < sizeof (logic) / sizeof (logic[0]); i++) {
        if (!strcmp (op, logic[i])) {
            c->kind = i;
            return compile_children (k, c, values, error);
        }
    }
    if (!strcmp (op, "properties") && c->ops->property) {
        c->kind = PROPERTIES;
        return compile_properties (c, values, error);
    }
    if (!strcmp (op, "hostlist") && (c->ops->hostname || c->ops->host)) {
        c->kind = HOSTS;
        return compile_hosts (k, c, values, error);
    }
    if (!strcmp (op, "ranks") && c->ops->rank) {
        c->kind = RANKS;
        return compile_ranks (k, c, values, error);
    }
    if (c->ops->other && c->ops->known && c->ops->known (op)) {
        c->kind = OTHER;
        c->values = json_incref (values);
        return (c->op = strdup (op)) ? 0 : -1;
    }
    error_text (error, "unknown constraint operator '%.80s'", op);
    return invalid ();
}

static struct constraint *compile (struct compiler *k, json_t *o, flux_error_t *error)
{
    struct constraint *c;
    const char *op;
    json_t *values;

    if (o && !json_is_object (o)) {
        error_text (error, "constraint must be JSON object");
        errno = EINVAL;
        return NULL;
    }
    if (k->depth > MAX_DEPTH || json_object_size (o) > 1) {
        error_text (error, k->depth > MAX_DEPTH
                               ? "constraint is nested too deeply"
                               : "constraint has more than one operator");
        errno = EINVAL;
        return NULL;
    }
    if (!(c = calloc (1, sizeof (*c))))
        return NULL;
    c->ops = k->ops;
    json_object_foreach (o, op, values) {
        if (compile_op (k, c, op, values, error) < 0) {
            constraint_destroy (c);
            return NULL;
        }
    }
    return c;
}

struct constraint *constraint_compile (json_t *o, const struct constraint_ops *ops,
                                       flux_error_t *error)
{
    struct compiler k = { .ops = ops };
    struct constraint *c;

    error_text (error, "%s", "");
    if (!(c = compile (&k, o, error)) && error && !error->text[0])
        error_text (error, "%s", strerror (errno));
    return c;
}

/* What is not asked for is excluded. */
static int append_hosts (const struct constraint *c, bool asked, struct hostlist *hosts)
{
    if (c->kind == HOSTS && asked)
        return hostlist_append_list (hosts, c->hostlist);
    for (size_t i = 0; i < c->count; i++)
        if (append_hosts (c->children[i], asked == (c->kind != NONE), hosts) < 0)
            return -1;
    return 0;
}

static bool is_none (const char *name, void *arg)
{
    return false;
}

static unsigned int is_no_rank (void *arg)
{
    return 0;
}

int constraint_check (json_t *o, struct hostlist *hosts, flux_error_t *error)
{
    static const struct constraint_ops ops = { .property = is_none,
                                               .host = is_none,
                                               .rank = is_no_rank };
    struct constraint *c = constraint_compile (o, &ops, error);
    int rc = c ? 0 : -1;

    if (c && append_hosts (c, true, hosts) < 0)
        rc = error_fail (error, ENOMEM, "out of memory");
    constraint_destroy (c);
    return rc;
}

/* All of them. */
static bool match_properties (const struct constraint *c, void *arg)
{
    size_t i;
    json_t *value;

    json_array_foreach (c->values, i, value) {
        const char *s = json_string_value (value);
        bool negate = *s == '^';
        if (c->ops->property (s + negate, arg) == negate)
            return false;
    }
    return true;
}

static bool match_hosts (const struct constraint *c, void *arg)
{
    if (c->hosts) {
        const char *name = c->ops->hostname (arg);
        return name && hashmap_lookup (c->hosts, name);
    }
    for (int i = 0; i < hostlist_count (c->hostlist); i++)
        if (c->ops->host (hostlist_nth (c->hostlist, i), arg))
            return true;
    return false;
}

/* Any of them. */
static bool match_other (const struct constraint *c, void *arg)
{
    size_t i;
    json_t *value;

    json_array_foreach (c->values, i, value)
        if (c->ops->other (c->op, value, arg))
            return true;
    return false;
}

bool constraint_match (const struct constraint *c, void *arg)
{
    switch (c->kind) {
    case ALL:
        for (size_t i = 0; i < c->count; i++)
            if (!constraint_match (c->children[i], arg))
                return false;
        return true;
    case ANY:
        for (size_t i = 0; i < c->count; i++)
            if (constraint_match (c->children[i], arg))
                return true;
        return c->count == 0;
    case NONE:
        /* RFC 31: not (all of them); not [] is false. */
        for (size_t i = 0; i < c->count; i++)
            if (!constraint_match (c->children[i], arg))
                return true;
        return false;
    case PROPERTIES:
        return match_properties (c, arg);
    case HOSTS:
        return match_hosts (c, arg);
    case RANKS:
        return idset_test (c->ranks, c->ops->rank (arg));
    case OTHER:
        return match_other (c, arg);
    }
    return false;
}
