/* flux kvs ls and flux kvs dir. */
#include "cmd/kvs/kvs_cmd.h"

#include "base/encode.h"
#include "cmd/output/output.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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
    { .name = "1",
      .key = '1',
      .flags = OPTPARSE_OPT_SHORTOPT_ONLY,
      .usage = "One name on a line" },
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

/* --- ls --- */

struct names {
    char **name;
    int count;
};

static void names_add (struct names *n, char *take_name)
{
    char **name = realloc (n->name, (n->count + 1) * sizeof (*name));

    if (!name)
        cmd_die ("out of memory");
    n->name = name;
    n->name[n->count++] = take_name;
}

static void names_clear (struct names *n)
{
    for (int i = 0; i < n->count; i++)
        free (n->name[i]);
    free (n->name);
    *n = (struct names){ NULL, 0 };
}

static char *classified (const char *name, const char *suffix)
{
    char *s;

    if (asprintf (&s, "%s%s", safe (name), suffix) < 0)
        cmd_die ("out of memory");
    return s;
}

/* In columns, down first, as ls does. */
static void print_names (optparse_t *p, const struct names *n)
{
    int width = output_width (p), max = 0, cols, rows;

    for (int i = 0; i < n->count; i++) {
        int len = utf8_width (n->name[i]);
        max = len > max ? len : max;
    }
    max += 4;
    cols = optparse_hasopt (p, "1") ? 1 : width == 0 ? n->count : width / max;
    cols = cols < 1 ? 1 : cols;
    rows = (n->count + cols - 1) / cols;
    for (int row = 0; row < rows; row++) {
        for (int i = row; i < n->count; i += rows) {
            bool last = i + rows >= n->count;
            int pad = last ? 0 : max - utf8_width (n->name[i]);
            printf ("%s%*s", n->name[i], pad, "");
        }
        putchar ('\n');
    }
}

static const char *suffix_of (optparse_t *p, const flux_kvsdir_t *dir, const char *name)
{
    if (!optparse_hasopt (p, "classify"))
        return "";
    if (flux_kvsdir_isdir (dir, name))
        return ".";
    return flux_kvsdir_issymlink (dir, name) ? "@" : "";
}

static void list_dir (optparse_t *p, const flux_kvsdir_t *dir, const char *key,
                      bool header, bool *first)
{
    flux_kvsitr_t *itr = flux_kvsitr_create (dir);
    struct names names = { NULL, 0 };
    const char *name;

    if (!itr)
        cmd_die ("out of memory");
    while ((name = flux_kvsitr_next (itr)))
        names_add (&names, classified (name, suffix_of (p, dir, name)));
    if (header)
        printf ("%s%s:\n", *first ? "" : "\n", safe (key));
    *first = false;
    print_names (p, &names);
    names_clear (&names);
    flux_kvsitr_rewind (itr);
    while (optparse_hasopt (p, "recursive") && (name = flux_kvsitr_next (itr))) {
        const flux_kvsdir_t *sub;
        flux_future_t *f;
        char *path;

        if (!flux_kvsdir_isdir (dir, name))
            continue;
        path = join (key, name);
        f = lookup (p, FLUX_KVS_READDIR, path, NULL);
        if (flux_kvs_lookup_get_dir (f, &sub) == 0)
            list_dir (p, sub, path, true, first);
        flux_future_destroy (f);
        free (path);
    }
    flux_kvsitr_destroy (itr);
}

int kvs_cmd_ls (optparse_t *p, int argc, char **argv)
{
    char dot_key[] = ".", *root[] = { dot_key, NULL };
    int i = optparse_option_index (p), count = argc - i, status = 0;
    char **keys = count > 0 ? argv + i : root;
    bool header = count > 1 || optparse_hasopt (p, "recursive"), first = true;
    struct names plain = { NULL, 0 };
    flux_future_t **f = calloc (count + 1, sizeof (*f));
    const flux_kvsdir_t *dir;

    count = count > 0 ? count : 1;
    if (!f)
        cmd_die ("out of memory");
    for (i = 0; i < count; i++) {
        f[i] = lookup (p, FLUX_KVS_READDIR, keys[i], NULL);
        if (flux_kvs_lookup_get_dir (f[i], &dir) < 0) {
            if (errno == ENOTDIR) {
                names_add (&plain, strdup (keys[i]));
            } else {
                fflush (stdout);
                fprintf (stderr, "%s: %s\n", safe (keys[i]), cmd_future_error (f[i]));
                status = 1;
            }
        } else if (optparse_hasopt (p, "directory")) {
            bool dot = optparse_hasopt (p, "classify") && strcmp (keys[i], ".") != 0;
            names_add (&plain, classified (keys[i], dot ? "." : ""));
        }
    }
    if (plain.count > 0) {
        print_names (p, &plain);
        first = false;
    }
    names_clear (&plain);
    for (i = 0; i < count; i++) {
        if (!optparse_hasopt (p, "directory")
            && flux_kvs_lookup_get_dir (f[i], &dir) == 0)
            list_dir (p, dir, keys[i], header, &first);
        flux_future_destroy (f[i]);
    }
    free (f);
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

static void print_value (optparse_t *p, const char *key, int width)
{
    flux_future_t *f = lookup (p, 0, key, snapshot (p));
    const void *data;
    size_t len;

    if (flux_kvs_lookup_get_raw (f, &data, &len) < 0)
        cmd_die ("%s: %s", key, cmd_future_error (f));
    print_entry (key, " = ", data ? data : "", len, width);
    flux_future_destroy (f);
}

static void print_link (optparse_t *p, const char *key, int width)
{
    flux_future_t *f = lookup (p, FLUX_KVS_READLINK, key, snapshot (p));
    const char *ns, *target;
    char *text;

    if (flux_kvs_lookup_get_symlink (f, &ns, &target) < 0)
        cmd_die ("%s: %s", key, cmd_future_error (f));
    if (asprintf (&text, "%s%s%s", ns ? ns : "", ns ? "::" : "", target) < 0)
        cmd_die ("out of memory");
    print_entry (key, " -> ", text, strlen (text), width);
    free (text);
    flux_future_destroy (f);
}

static void show_dir (optparse_t *p, const char *key, int width)
{
    flux_future_t *f = lookup (p, FLUX_KVS_READDIR, key, snapshot (p));
    const flux_kvsdir_t *dir;
    flux_kvsitr_t *itr;
    const char *name;

    if (flux_kvs_lookup_get_dir (f, &dir) < 0)
        cmd_die ("%s: %s", key, cmd_future_error (f));
    if (!(itr = flux_kvsitr_create (dir)))
        cmd_die ("out of memory");
    while ((name = flux_kvsitr_next (itr))) {
        char *path = join (key, name);

        if (flux_kvsdir_issymlink (dir, name)) {
            print_link (p, path, width);
        } else if (flux_kvsdir_isdir (dir, name)) {
            if (optparse_hasopt (p, "recursive"))
                show_dir (p, path, width);
            else
                printf ("%s.\n", safe (path));
        } else if (optparse_hasopt (p, "directory")) {
            puts (safe (path));
        } else {
            print_value (p, path, width);
        }
        free (path);
    }
    flux_kvsitr_destroy (itr);
    flux_future_destroy (f);
}

int kvs_cmd_dir (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);

    kvs_cmd_operands (p, argc, 0, 1);
    show_dir (p, i < argc ? argv[i] : ".", output_width (p));
    return 0;
}
