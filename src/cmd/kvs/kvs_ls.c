/* flux kvs ls and flux kvs dir. */
#include "cmd/kvs/kvs_cmd.h"

#include "base/encode.h"
#include "base/sort.h"
#include "cmd/output/output.h"
#include "core/kvs/kvs_page.h"
#include "value/treeobj.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VALUES_WINDOW 64

struct optparse_option kvs_ls_opts[] = {
    KVS_NS_OPTION,
    { .name = "recursive", .key = 'R', .usage = "List directories below too" },
    { .name = "directory",
      .key = 'd',
      .usage = "List the directory, not what is in it" },
    { .name = "width",
      .key = 'w',
      .has_arg = 1,
      .arginfo = "COLS",
      .usage = "Width of the output, 0: unlimited" },
    { .name = "1", .key = '1', .usage = "One name on a line" },
    { .name = "classify", .key = 'F', .usage = "Mark directories with . and links @" },
    OPTPARSE_TABLE_END,
};

struct optparse_option kvs_dir_opts[] = {
    KVS_NS_OPTION,
    { .name = "recursive", .key = 'R', .usage = "Show directories below too" },
    { .name = "directory", .key = 'd', .usage = "Do not show values" },
    { .name = "width",
      .key = 'w',
      .has_arg = 1,
      .arginfo = "COLS",
      .usage = "Width of the output, 0: unlimited" },
    { .name = "at",
      .key = 'a',
      .has_arg = 1,
      .arginfo = "TREEOBJ",
      .usage = "Look up in this snapshot" },
    OPTPARSE_TABLE_END,
};

static int output_width (optparse_t *p)
{
    struct winsize ws;
    const char *s;
    int width = optparse_get_int (p, "width", -1);

    if (optparse_hasopt (p, "width") && width < 0)
        cmd_die ("--width=%d: must be 0 (no limit) or more", width);
    if (width >= 0)
        return width;
    if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
        return ws.ws_col;
    if ((s = getenv ("COLUMNS")) && atoi (s) > 0)
        return atoi (s);
    return 80;
}

/* at: a snapshot, or NULL. */
static flux_future_t *lookup (optparse_t *p, int flags, const char *key, const char *at)
{
    flux_future_t *f;

    if (at)
        f = flux_kvs_lookupat (cmd_open (), flags, key, at);
    else
        f = flux_kvs_lookup (cmd_open (), kvs_cmd_ns (p), flags, key);
    if (!f)
        cmd_die ("%s: %s", key, strerror (errno));
    return f;
}

static char *join (const char *dir, const char *name)
{
    char *s;

    if (!strcmp (dir, "."))
        s = strdup (name);
    else if (asprintf (&s, "%s.%s", dir, name) < 0)
        s = NULL;
    if (!s)
        cmd_die ("out of memory");
    return s;
}

/* --- directories, part by part --- */

struct name {
    char *name;
    char type;   /* '.': directory, '@': link, else ' ' */
    json_t *obj; /* tree object, or NULL */
};

struct names {
    struct name *name;
    size_t count;
};

static void names_add (struct names *n, char *take_name, char type, json_t *obj)
{
    struct name *name = n->name;

    /* Doubled whenever the count is a power of two. */
    if ((n->count & (n->count - 1)) == 0)
        name = reallocarray (name, n->count ? n->count * 2 : 1, sizeof (*name));
    if (!name || !take_name)
        cmd_die ("out of memory");
    n->name = name;
    n->name[n->count++] = (struct name){ take_name, type, json_incref (obj) };
}

static void names_clear (struct names *n)
{
    for (size_t i = 0; i < n->count; i++) {
        free (n->name[i].name);
        json_decref (n->name[i].obj);
    }
    free (n->name);
    *n = (struct names){ NULL, 0 };
}

static int by_name (const void *a, const void *b)
{
    return strcmp (((const struct name *)a)->name, ((const struct name *)b)->name);
}

static char type_of (const char *type)
{
    return !type                       ? ' '
           : !strncmp (type, "dir", 3) ? '.'
           : !strcmp (type, "symlink") ? '@'
                                       : ' ';
}

static void add_page (struct names *n, flux_future_t *f, bool values)
{
    json_t *entries, *o;
    const char *name;

    if (kvs_page_entries (f, &entries) < 0)
        cmd_die ("kvs.lookup: %s", strerror (EPROTO));
    json_object_foreach (entries, name, o) {
        if (values)
            names_add (n, strdup (name),
                       type_of (json_string_value (json_object_get (o, "type"))), o);
        else
            names_add (n, strdup (name), type_of (json_string_value (o)), NULL);
    }
}

/* Sorted. -1 with errno and *text (until the fourth next call) if it is no directory
 * that can be read. */
static int read_names (optparse_t *p, const char *key, const char *at, bool values,
                       struct names *n, const char **text)
{
    static char texts[4][512];
    static int used;
    char from[32] = "";
    bool more = true;

    *n = (struct names){ NULL, 0 };
    while (more) {
        flux_future_t *f =
            kvs_page (cmd_open (), kvs_cmd_ns (p), at, key, from, !values);
        const char *next;

        if (!f || flux_future_get (f, NULL) < 0) {
            int errnum = errno;

            *text = texts[used++ % 4];
            snprintf (texts[(used - 1) % 4], sizeof (texts[0]), "%s",
                      cmd_future_error (f));
            flux_future_destroy (f);
            names_clear (n);
            errno = errnum;
            return -1;
        }
        add_page (n, f, values);
        if ((more = (next = kvs_page_next (f)) != NULL))
            snprintf (from, sizeof (from), "%s", next);
        flux_future_destroy (f);
    }
    sort_array (n->name, n->count, sizeof (*n->name), by_name);
    return 0;
}

/* --- ls --- */

/* What stands in a column. */
static const char *shown (optparse_t *p, const struct name *n, char *buf, size_t size)
{
    const char *name = safe (n->name);

    if (!optparse_hasopt (p, "classify") || n->type == ' ')
        return name;
    if ((size_t)snprintf (buf, size, "%s%c", name, n->type) >= size)
        cmd_die ("%s: %s", name, strerror (ENAMETOOLONG));
    return buf;
}

/* In columns, down first, as ls does. */
static void print_names (optparse_t *p, const struct names *n)
{
    int width = output_width (p), max = 0;
    size_t cols, rows;
    char buf[8192];

    for (size_t i = 0; i < n->count; i++) {
        int len = utf8_width (shown (p, &n->name[i], buf, sizeof (buf)));
        max = len > max ? len : max;
    }
    max += 4;
    cols = optparse_hasopt (p, "1") ? 1 : width == 0 ? n->count : (size_t)width / max;
    cols = cols < 1 ? 1 : cols;
    rows = (n->count + cols - 1) / cols;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = row; i < n->count; i += rows) {
            const char *text = shown (p, &n->name[i], buf, sizeof (buf));
            bool last = i + rows >= n->count;

            fputs (text, stdout);
            if (!last)
                printf ("%*s", max - utf8_width (text), "");
        }
        putchar ('\n');
    }
}

static void list_dir (optparse_t *p, struct names *names, const char *key, bool header,
                      bool *first)
{
    if (header)
        printf ("%s%s:\n", *first ? "" : "\n", safe (key));
    *first = false;
    print_names (p, names);
    for (size_t i = 0; optparse_hasopt (p, "recursive") && i < names->count; i++) {
        struct names below;
        const char *text;
        char *path;

        if (names->name[i].type != '.')
            continue;
        path = join (key, names->name[i].name);
        if (read_names (p, path, NULL, false, &below, &text) == 0)
            list_dir (p, &below, path, true, first);
        names_clear (&below);
        free (path);
    }
}

/* What is there under this name itself: ' ', '.', '@', or 0: nothing. */
static char entry_type (optparse_t *p, const char *key)
{
    flux_future_t *f = lookup (p, FLUX_KVS_TREEOBJ, key, NULL);
    char type = 0;
    const char *s;
    json_t *o;

    if (flux_kvs_lookup_get_treeobj (f, &s) == 0 && (o = json_loads (s, 0, NULL))) {
        type = type_of (json_string_value (json_object_get (o, "type")));
        json_decref (o);
    }
    flux_future_destroy (f);
    return type;
}

/* An operand that is listed itself: a value, a link to one or to nothing, and with -d a
 * directory. */
static bool add_plain (optparse_t *p, const char *key, bool is_dir, struct names *plain)
{
    char type = strcmp (key, ".") != 0 ? entry_type (p, key) : ' ';

    if (type == 0)
        return false;
    if (is_dir && type == '@')
        type = '.';
    names_add (plain, strdup (key), type, NULL);
    return true;
}

int kvs_cmd_ls (optparse_t *p, int argc, char **argv)
{
    char dot_key[] = ".", *root[] = { dot_key, NULL };
    int i = optparse_option_index (p), count = argc - i, status = 0;
    char **keys = count > 0 ? argv + i : root;
    bool header = count > 1 || optparse_hasopt (p, "recursive"), first = true;
    bool only = optparse_hasopt (p, "directory");
    struct names plain = { NULL, 0 }, *names;
    const char *text;

    count = count > 0 ? count : 1;
    if (!(names = calloc (count, sizeof (*names))))
        cmd_die ("out of memory");
    for (i = 0; i < count; i++) {
        bool is_dir = read_names (p, keys[i], NULL, false, &names[i], &text) == 0;
        int errnum = is_dir ? 0 : errno;

        if (is_dir && !only)
            continue;
        if ((is_dir || errnum == ENOTDIR || errnum == ENOENT)
            && add_plain (p, keys[i], is_dir, &plain))
            continue;
        fflush (stdout);
        fprintf (stderr, "%s: %s\n", safe (keys[i]), safe (text));
        status = 1;
        keys[i] = NULL;
    }
    if (plain.count > 0) {
        print_names (p, &plain);
        first = false;
    }
    for (i = 0; i < count; i++) {
        bool listed = !only && keys[i];

        for (size_t n = 0; listed && n < plain.count; n++)
            listed = strcmp (plain.name[n].name, keys[i]) != 0;
        if (listed)
            list_dir (p, &names[i], keys[i], header, &first);
        names_clear (&names[i]);
    }
    names_clear (&plain);
    free (names);
    return status;
}

/* --- dir --- */

static const char *snapshot (optparse_t *p)
{
    return optparse_get_str (p, "at", NULL);
}

/* Up to the end of the line, or of the terminal. */
static void print_entry (const char *key, const char *arrow, const char *value,
                         size_t len, int width)
{
    size_t used = strlen (key) + strlen (arrow), room = SIZE_MAX;
    const char *newline = memchr (value, '\n', len);
    bool cut = false;

    if (width > 0)
        room = (size_t)width > used + 3 ? width - used : 3;
    if (newline && width > 0 && newline + 1 < value + len) {
        len = newline - value;
        cut = true;
    }
    if (len > room || (cut && len + 3 > room)) {
        len = room - 3;
        cut = true;
    }
    char *text = strndup (value, len);
    if (!text)
        cmd_die ("out of memory");
    printf ("%s%s%s%s\n", safe (key), arrow, safe_lines (text), cut ? "..." : "");
    free (text);
}

static void print_bytes (const char *key, const char *data, size_t len, int width)
{
    print_entry (key, " = ", data ? data : "", len, width);
}

static void print_link (const char *key, const struct name *n, int width)
{
    const char *ns = NULL, *target;
    char *text;

    if (treeobj_symlink_get (n->obj, &ns, &target) < 0)
        cmd_die ("%s: %s", key, strerror (EPROTO));
    if (asprintf (&text, "%s%s%s", ns ? ns : "", ns ? "::" : "", target) < 0)
        cmd_die ("out of memory");
    print_entry (key, " -> ", text, strlen (text), width);
    free (text);
}

/* Values that are in blobs are asked for, some at a time. */
struct values {
    optparse_t *p;
    const char *dir;
    const struct names *names;
    size_t asked;
    flux_future_t *f[VALUES_WINDOW];
};

static bool is_value (const struct name *n, const char *type)
{
    const char *s = json_string_value (json_object_get (n->obj, "type"));

    return s && !strcmp (s, type);
}

static void ask_values (struct values *v, size_t done)
{
    for (; v->asked < v->names->count && v->asked - done < VALUES_WINDOW; v->asked++) {
        const struct name *n = &v->names->name[v->asked];
        char *key;

        if (!is_value (n, "valref") || optparse_hasopt (v->p, "directory"))
            continue;
        key = join (v->dir, n->name);
        v->f[v->asked % VALUES_WINDOW] = lookup (v->p, 0, key, snapshot (v->p));
        free (key);
    }
}

static void print_value (struct values *v, size_t i, const char *key, int width)
{
    const struct name *n = &v->names->name[i];
    flux_future_t *f = v->f[i % VALUES_WINDOW];
    const void *data;
    void *bytes = NULL;
    size_t len;

    if (is_value (n, "val")) {
        if (treeobj_val_decode (n->obj, &bytes, &len) < 0)
            cmd_die ("%s: %s", key, strerror (EPROTO));
        print_bytes (key, bytes, len, width);
        free (bytes);
        return;
    }
    if (!f || flux_kvs_lookup_get_raw (f, &data, &len) < 0)
        cmd_die ("%s: %s", key, cmd_future_error (f));
    print_bytes (key, data, len, width);
    flux_future_destroy (f);
    v->f[i % VALUES_WINDOW] = NULL;
}

static void show_dir (optparse_t *p, const char *key, int width, bool top);

static void show_entry (struct values *v, size_t i, int width)
{
    const struct name *n = &v->names->name[i];
    optparse_t *p = v->p;
    char *path = join (v->dir, n->name);

    if (n->type == '@')
        print_link (path, n, width);
    else if (n->type == '.' && optparse_hasopt (p, "recursive"))
        show_dir (p, path, width, false);
    else if (n->type == '.')
        printf ("%s.\n", safe (path));
    else if (optparse_hasopt (p, "directory"))
        puts (safe (path));
    else
        print_value (v, i, path, width);
    free (path);
}

/* A directory below that is empty is all that there is of it. */
static void show_dir (optparse_t *p, const char *key, int width, bool top)
{
    struct names names;
    struct values v = { .p = p, .dir = key, .names = &names };
    const char *text;

    if (read_names (p, key, snapshot (p), true, &names, &text) < 0)
        cmd_die ("%s: %s", key, text);
    for (size_t i = 0; i < names.count; i++) {
        ask_values (&v, i);
        show_entry (&v, i, width);
    }
    if (names.count == 0 && !top)
        printf ("%s.\n", safe (key));
    names_clear (&names);
}

int kvs_cmd_dir (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);

    kvs_cmd_operands (p, argc, 0, 1);
    show_dir (p, i < argc ? argv[i] : ".", output_width (p), true);
    return 0;
}
