#include "cmd/submit/bulk.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct input_list {
    char **items;
    size_t count;
    bool linked; /* steps together with the list before */
};

struct bulk {
    struct input_list *lists;
    size_t nlists;
    size_t count;
    json_t *defined; /* name: [[value]] */
};

bool bulk_is_separator (const char *arg)
{
    return !strcmp (arg, ":::") || !strcmp (arg, ":::+") || !strcmp (arg, "::::")
           || !strcmp (arg, "::::+");
}

static int add_item (struct input_list *l, const char *s, size_t len)
{
    if ((l->count & (l->count - 1)) == 0) {
        char **a = realloc (l->items, (l->count ? l->count * 2 : 1) * sizeof (*a));
        if (!a)
            return -1;
        l->items = a;
    }
    if (!(l->items[l->count] = strndup (s, len)))
        return -1;
    l->count++;
    return 0;
}

static int add_file (struct input_list *l, const char *path, const char *sep,
                     flux_error_t *error)
{
    size_t len;
    char *s = !strcmp (path, "-") ? fd_read_all (STDIN_FILENO, &len)
                                  : file_read_all (path, &len);
    if (!s)
        return error_invalid (error, "%s: %s", path, strerror (errno));
    if (strlen (s) != len) {
        free (s);
        return error_invalid (error, "%s: not text: it contains a NUL byte", path);
    }
    int rc = 0;
    if (sep && !strcmp (sep, "none")) {
        char *save;
        for (char *w = strtok_r (s, " \t\r\n", &save); w && rc == 0;
             w = strtok_r (NULL, " \t\r\n", &save))
            rc = add_item (l, w, strlen (w));
        free (s);
        return rc < 0 ? error_invalid (error, "out of memory") : 0;
    }
    if (!sep || !*sep)
        sep = "\n";
    for (char *p = s; *p && rc == 0;) {
        char *end = strstr (p, sep);
        size_t n = end ? (size_t)(end - p) : strlen (p);
        size_t text = n;
        while (!end && text > 0 && p[text - 1] == '\n')
            text--;
        if (text > 0)
            rc = add_item (l, p, text);
        p += n + (end ? strlen (sep) : 0);
    }
    free (s);
    return rc < 0 ? error_invalid (error, "out of memory") : 0;
}

static struct input_list *add_list (struct bulk *b)
{
    struct input_list *a = realloc (b->lists, (b->nlists + 1) * sizeof (*a));
    if (!a)
        return NULL;
    b->lists = a;
    a[b->nlists] = (struct input_list){ 0 };
    return &a[b->nlists++];
}

static int parse_lists (struct bulk *b, int argc, char **args, const char *sep,
                        flux_error_t *error)
{
    for (int i = 0; i < argc;) {
        const char *op = args[i++];
        bool file = !strncmp (op, "::::", 4);
        struct input_list *l = add_list (b);
        if (!l)
            return error_invalid (error, "out of memory");
        l->linked = op[strlen (op) - 1] == '+';
        if (l->linked && b->nlists == 1)
            return error_invalid (error, "%s must not be the first list", op);
        for (; i < argc && !bulk_is_separator (args[i]); i++) {
            if (file ? add_file (l, args[i], sep, error) < 0
                     : add_item (l, args[i], strlen (args[i])) < 0)
                return file ? -1 : error_invalid (error, "out of memory");
        }
        if (l->count == 0)
            return error_invalid (error, "%s: no inputs", op);
    }
    return 0;
}

struct bulk *bulk_create (int argc, char **args, const char *sep, flux_error_t *error)
{
    struct bulk *b = calloc (1, sizeof (*b));
    int rc =
        b && (b->defined = json_object ()) ? 0 : error_invalid (error, "out of memory");
    if (rc == 0 && argc > 0)
        rc = parse_lists (b, argc, args, sep, error);
    else if (rc == 0) {
        struct input_list *l = add_list (b);
        rc = l ? add_file (l, "-", sep, error) : error_invalid (error, "out of memory");
    }
    if (rc < 0) {
        bulk_destroy (b);
        return NULL;
    }
    b->count = 1;
    for (size_t i = 0; i < b->nlists; i++) {
        if (!b->lists[i].linked)
            b->count *= b->lists[i].count;
    }
    return b;
}

void bulk_destroy (struct bulk *b)
{
    if (!b)
        return;
    int saved_errno = errno;
    for (size_t i = 0; i < b->nlists; i++) {
        for (size_t k = 0; k < b->lists[i].count; k++)
            free (b->lists[i].items[k]);
        free (b->lists[i].items);
    }
    free (b->lists);
    json_decref (b->defined);
    free (b);
    errno = saved_errno;
}

size_t bulk_count (const struct bulk *b)
{
    return b->count;
}

json_t *bulk_items (const struct bulk *b, flux_error_t *error)
{
    json_t *lists = json_array ();
    for (size_t i = 0; i < b->nlists; i++) {
        json_t *list = json_array ();
        json_array_append_new (lists, list);
        for (size_t k = 0; k < b->lists[i].count; k++) {
            if (json_array_append_new (list, json_string (b->lists[i].items[k])) < 0) {
                error_invalid (error, "input %zu of list %zu: not valid UTF-8", k + 1,
                               i);
                json_decref (lists);
                return NULL;
            }
        }
    }
    return lists;
}

static bool has_shape (const struct bulk *b, json_t *values)
{
    size_t k;
    json_t *value;
    if (json_array_size (values) != b->nlists)
        return false;
    for (size_t i = 0; i < b->nlists; i++) {
        json_t *list = json_array_get (values, i);
        if (json_array_size (list) != b->lists[i].count)
            return false;
        json_array_foreach (list, k, value) {
            if (!json_is_string (value))
                return false;
        }
    }
    return true;
}

int bulk_define (struct bulk *b, const char *name, json_t *values, flux_error_t *error)
{
    if (!has_shape (b, values))
        return error_invalid (error, "--define=%s: not a string for each input", name);
    return json_object_set (b->defined, name, values);
}

/* The last list steps fastest; a linked list has the index of the one that it
 * is linked with, from the beginning again if it is shorter. */
static size_t item_index (const struct bulk *b, size_t i, size_t list)
{
    size_t base = list;
    while (b->lists[base].linked)
        base--;
    for (size_t k = b->nlists; k-- > base + 1;) {
        if (!b->lists[k].linked)
            i /= b->lists[k].count;
    }
    size_t index = i % b->lists[base].count;
    return index % b->lists[list].count;
}

static const char *item (const struct bulk *b, size_t i, size_t list)
{
    return b->lists[list].items[item_index (b, i, list)];
}

static void add_path (struct buf *out, const char *s, const char *how)
{
    const char *slash = strrchr (s, '/');
    const char *base = slash ? slash + 1 : s;
    if (!strcmp (how, "./") || !strcmp (how, "./%"))
        s = base;
    size_t len = strlen (s);
    const char *dot = strrchr (s, '.');
    if (how[strlen (how) - 1] == '%' && dot && dot > (strchr (s, '/') ? base : s))
        len = dot - s;
    if (!strcmp (how, ".//")) {
        if (!slash)
            return;
        len = slash - s;
    }
    buf_add (out, s, len);
}

static bool is_path_part (const char *how)
{
    return !strcmp (how, ".%") || !strcmp (how, "./") || !strcmp (how, "./%")
           || !strcmp (how, ".//");
}

/* What stands between the braces: N, N.HOW or .HOW. False: it is none of these. */
static bool add_field (struct buf *out, const struct bulk *b, size_t i,
                       const char *name)
{
    char *how;
    if (!strcmp (name, "seq") || !strcmp (name, "seq1")) {
        buf_printf (out, "%zu", i + (name[3] == '1'));
        return true;
    }
    unsigned long list = isdigit ((unsigned char)*name) ? strtoul (name, &how, 10) : 0;
    if (!isdigit ((unsigned char)*name))
        how = (char *)name;
    if (list >= b->nlists || (*how && *how != '.'))
        return false;
    if (!*how)
        buf_adds (out, item (b, i, list));
    else if (is_path_part (how))
        add_path (out, item (b, i, list), how);
    else {
        json_t *values = json_array_get (json_object_get (b->defined, how + 1), list);
        json_t *value = json_array_get (values, item_index (b, i, list));
        if (!value)
            return false;
        buf_adds (out, json_string_value (value));
    }
    return true;
}

/* Braces that others use, as in shell and JSON, hold more than a name. */
static bool is_name (const char *s)
{
    while (isalnum ((unsigned char)*s) || (*s && strchr ("_./%", *s)))
        s++;
    return *s == '\0';
}

static int add_braces (struct buf *out, const struct bulk *b, size_t i, const char *s,
                       size_t n, flux_error_t *error)
{
    char *name = strndup (s + 1, n);
    int rc = 0;
    if (!name)
        return error_invalid (error, "out of memory");
    if (!strcmp (name, "cc") || !is_name (name))
        buf_add (out, s, n + 2);
    else if (!add_field (out, b, i, name))
        rc = error_invalid (error, "Invalid replacement string in command: '{%s}'",
                            name);
    free (name);
    return rc;
}

char *bulk_expand (const struct bulk *b, size_t i, const char *s, flux_error_t *error)
{
    struct buf out = BUF_INIT;
    const char *end;
    int rc = 0;
    while (*s && rc == 0) {
        size_t n = *s == '{' ? strcspn (s + 1, "{}") : 0;
        if (!strncmp (s, "{{", 2) && (end = strstr (s, "}}"))) {
            buf_add (&out, s, end + 2 - s);
            s = end + 2;
        } else if (*s != '{' || s[n + 1] != '}')
            buf_addc (&out, *s++);
        else {
            rc = add_braces (&out, b, i, s, n, error);
            s += n + 2;
        }
    }
    if (rc < 0) {
        buf_fini (&out);
        return NULL;
    }
    return buf_take (&out, NULL);
}
