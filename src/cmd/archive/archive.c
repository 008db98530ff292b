/* flux archive: files in the KVS. */
#include "cmd/archive/archive.h"

#include "cmd/output/output.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *archive_ns (optparse_t *p)
{
    return optparse_hasopt (p, "no-force-primary") ? NULL : KVS_PRIMARY_NAMESPACE;
}

const char *archive_name (optparse_t *p)
{
    const char *name = optparse_get_str (p, "name", "main");

    if (*name == '\0')
        cmd_die ("--name: a name is not empty");
    return name;
}

char *archive_key (optparse_t *p, const char *suffix)
{
    char *key;

    if (asprintf (&key, "archive.%s%s", archive_name (p), suffix) < 0)
        cmd_die ("out of memory");
    return key;
}

json_t *archive_parse (const char *key, flux_future_t *f)
{
    const void *data;
    json_error_t e;
    size_t len;
    json_t *o;

    if (flux_kvs_lookup_get_raw (f, &data, &len) < 0)
        cmd_die ("KVS lookup %s: %s", key, cmd_future_error (f));
    if (!(o = json_loadb (data ? data : "", len, 0, &e)))
        cmd_die ("%s: it is no archive: %s", key, e.text);
    if (!json_is_array (o))
        cmd_die ("%s: it is no archive: no list of files", key);
    return o;
}

void archive_decode (const char *key, const json_t *o, struct fileref *f)
{
    const char *why;

    if (fileref_decode (o, f, &why) < 0)
        cmd_die ("%s: %s: %s", key, f->path ? f->path : "an object", why);
}

void archive_chdir (optparse_t *p)
{
    const char *dir = optparse_get_str (p, "directory", NULL);

    if (dir && chdir (dir) < 0)
        cmd_die ("chdir %s: %s", dir, strerror (errno));
}

bool archive_matches (const char *pattern, const char *path)
{
    return !pattern || fnmatch (pattern, path, 0) == 0;
}

void archive_say (FILE *f, const char *path)
{
    fprintf (f, "%s\n", safe (path));
}

void archive_unmap (const char *name, int64_t only, int64_t except)
{
    flux_future_t *f =
        flux_rpc_pack (cmd_open (), "content.mmap-remove", 0, 0, "{s:s s:I s:I}", "tag",
                       name, "only", (json_int_t)only, "except", (json_int_t)except);

    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("unmapping files of %s: %s", name, cmd_future_error (f));
    flux_future_destroy (f);
}

/* --- list --- */

static struct optparse_option list_opts[] = {
    { .name = "long", .key = 'l', .usage = "Print type, mode and size too" },
    { .name = "raw", .usage = "Print the RFC 37 objects" },
    ARCHIVE_NAME_OPTION,
    ARCHIVE_NS_OPTION,
    OPTPARSE_TABLE_END,
};

static void list_raw (const json_t *o)
{
    char *s = json_dumps (o, JSON_COMPACT);

    if (!s)
        cmd_die ("out of memory");
    puts (s);
    free (s);
}

static void list_file (optparse_t *p, const struct fileref *f)
{
    char type = S_ISDIR (f->mode) ? 'd' : S_ISLNK (f->mode) ? 'l' : 'f';
    int64_t size = S_ISREG (f->mode) && f->size > 0 ? f->size : 0;

    if (optparse_hasopt (p, "long"))
        printf ("%c %04o %8lld ", type, f->mode & 07777, (long long)size);
    archive_say (stdout, f->path);
}

static int cmd_list (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *pattern = i < argc ? argv[i] : NULL;
    char *key = archive_key (p, "");
    size_t index, count = 0;
    struct fileref file;
    flux_future_t *f;
    json_t *files, *o;

    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    if (!(f = flux_kvs_lookup (cmd_open (), archive_ns (p), 0, key)))
        cmd_die ("KVS lookup %s: %s", key, strerror (errno));
    files = archive_parse (key, f);
    json_array_foreach (files, index, o) {
        archive_decode (key, o, &file);
        if (!archive_matches (pattern, file.path))
            continue;
        count++;
        if (optparse_hasopt (p, "raw"))
            list_raw (o);
        else
            list_file (p, &file);
    }
    if (pattern && count == 0)
        cmd_warn ("No files matched pattern '%s'", pattern);
    json_decref (files);
    flux_future_destroy (f);
    free (key);
    return 0;
}

/* --- remove --- */

static struct optparse_option remove_opts[] = {
    ARCHIVE_NAME_OPTION,
    ARCHIVE_NS_OPTION,
    { .name = "force", .key = 'f', .usage = "Ignore that it does not exist" },
    OPTPARSE_TABLE_END,
};

static bool exists (optparse_t *p, const char *key)
{
    flux_future_t *f =
        flux_kvs_lookup (cmd_open (), archive_ns (p), FLUX_KVS_TREEOBJ, key);
    bool there = f && flux_future_get (f, NULL) == 0;

    if (!there && errno != ENOENT)
        cmd_die ("KVS lookup %s: %s", key, cmd_future_error (f));
    flux_future_destroy (f);
    return there;
}

static int cmd_remove (optparse_t *p, int argc, char **argv)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char *key = archive_key (p, ""), *blobs = archive_key (p, "_blobs");
    flux_future_t *f = NULL;

    if (optparse_option_index (p) < argc)
        optparse_fatal_usage (p, 1, NULL);
    if (!exists (p, key) && !optparse_hasopt (p, "force"))
        cmd_die ("%s does not exist", key);
    if (!txn || flux_kvs_txn_unlink (txn, 0, key) < 0
        || flux_kvs_txn_unlink (txn, 0, blobs) < 0
        || !(f = flux_kvs_commit (cmd_open (), archive_ns (p), 0, txn))
        || flux_future_get (f, NULL) < 0)
        cmd_die ("%s: %s", key, cmd_future_error (f));
    if (!optparse_hasopt (p, "no-force-primary"))
        archive_unmap (archive_name (p), 0, 0);
    flux_future_destroy (f);
    flux_kvs_txn_destroy (txn);
    free (key);
    free (blobs);
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "create", "[-n NAME] [-C DIR] [--preserve] PATH ...", "Create a KVS file archive",
      archive_create, 0, archive_create_opts },
    { "remove", "[-n NAME] [-f]", "Remove a KVS file archive", cmd_remove, 0,
      remove_opts },
    { "extract", "[-n NAME] [--overwrite] [-C DIR] [PATTERN]",
      "Extract KVS file archive contents", archive_extract, 0, archive_extract_opts },
    { "list", "[-n NAME] [PATTERN]", "List KVS file archive contents", cmd_list, 0,
      list_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_archive = {
    .name = "archive",
    .summary = "Store files in the KVS, and extract them on many ranks",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};

const struct command cmd_filemap = {
    .name = "filemap",
    .summary = "The older name of flux archive",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
