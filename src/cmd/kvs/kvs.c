/* flux kvs: get, put, and the rest of what one does with keys. */
#include "cmd/kvs/kvs_cmd.h"

#include "base/file.h"
#include "cmd/output/output.h"
#include "core/kvs/kvs_page.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *kvs_cmd_ns (optparse_t *p)
{
    /* `flux kvs -N NAME get`: the last one counts. */
    for (; p; p = optparse_get_parent (p)) {
        const char *ns = NULL;

        if (optparse_getopt (p, "namespace", &ns) > 0)
            return ns;
    }
    return NULL;
}

void kvs_cmd_operands (optparse_t *p, int argc, int min, int max)
{
    int n = argc - optparse_option_index (p);

    if (n < min || (max >= 0 && n > max))
        optparse_fatal_usage (p, 1, NULL);
}

/* --- get --- */

static struct optparse_option get_opts[] = {
    KVS_NS_OPTION,
    { .name = "raw", .key = 'r', .usage = "Print the value as it is, no newline" },
    { .name = "treeobj", .key = 't', .usage = "Print the RFC 11 object" },
    { .name = "at",
      .key = 'a',
      .has_arg = 1,
      .arginfo = "TREEOBJ",
      .usage = "Look up in this snapshot" },
    { .name = "label", .key = 'l', .usage = "Print key= before the value" },
    { .name = "waitcreate", .key = 'W', .usage = "Wait for the key to exist" },
    { .name = "watch",
      .key = 'w',
      .usage = "Print the value again when it is written" },
    { .name = "uniq", .key = 'u', .usage = "Only when it has changed" },
    { .name = "append", .key = 'A', .usage = "Only what is appended" },
    { .name = "full", .key = 'f', .usage = "See changes of directories above too" },
    { .name = "stream", .key = 'S', .usage = "Let a large value come in pieces" },
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "COUNT",
      .usage = "End after COUNT values" },
    OPTPARSE_TABLE_END,
};

static int get_flags (optparse_t *p)
{
    int flags = 0;

    if (optparse_hasopt (p, "treeobj"))
        flags |= FLUX_KVS_TREEOBJ;
    if (optparse_hasopt (p, "waitcreate"))
        flags |= FLUX_KVS_WAITCREATE;
    if (optparse_hasopt (p, "stream"))
        flags |= FLUX_KVS_STREAM;
    if (!optparse_hasopt (p, "watch"))
        return flags;
    flags |= FLUX_KVS_WATCH;
    if (optparse_hasopt (p, "uniq"))
        flags |= FLUX_KVS_WATCH_UNIQ;
    if (optparse_hasopt (p, "append"))
        flags |= FLUX_KVS_WATCH_APPEND;
    if (optparse_hasopt (p, "full"))
        flags |= FLUX_KVS_WATCH_FULL;
    return flags;
}

static void print_value (optparse_t *p, flux_future_t *f, const char *key)
{
    const char *treeobj;
    const void *data;
    size_t len;

    if (optparse_hasopt (p, "treeobj")) {
        if (flux_kvs_lookup_get_treeobj (f, &treeobj) < 0)
            cmd_die ("%s: %s", key, cmd_future_error (f));
        data = treeobj;
        len = strlen (treeobj);
    } else if (flux_kvs_lookup_get_raw (f, &data, &len) < 0) {
        cmd_die ("%s: %s", key, cmd_future_error (f));
    }
    /* What C programs store as strings has its NUL. */
    while (!optparse_hasopt (p, "raw") && !optparse_hasopt (p, "stream") && len > 0
           && ((const char *)data)[len - 1] == 0)
        len--;
    if (optparse_hasopt (p, "label"))
        printf ("%s=", key);
    if (len > 0)
        fwrite (data, 1, len, stdout);
    if (!optparse_hasopt (p, "raw") && !optparse_hasopt (p, "stream") && len > 0)
        putchar ('\n');
    output_flush ();
}

/* What is said of a blob names the key already. */
static void die_about (const char *key, const char *text)
{
    if (strstr (text, key))
        cmd_die ("%s", text);
    cmd_die ("%s: %s", key, text);
}

static void get_key (optparse_t *p, const char *key)
{
    int flags = get_flags (p), count = optparse_get_int (p, "count", 0), n = 0;
    bool many = (flags & (FLUX_KVS_WATCH | FLUX_KVS_STREAM)) != 0;
    const char *at = optparse_get_str (p, "at", NULL);
    flux_future_t *f;

    if (at)
        f = flux_kvs_lookupat (cmd_open (), flags, key, at);
    else
        f = flux_kvs_lookup (cmd_open (), kvs_cmd_ns (p), flags, key);
    if (!f)
        cmd_die ("%s: %s", key, strerror (errno));
    while (flux_rpc_get (f, NULL) == 0) {
        print_value (p, f, key);
        if (!many || (count > 0 && ++n == count))
            break;
        flux_future_reset (f);
    }
    if (flux_rpc_get (f, NULL) < 0 && !(many && errno == ENODATA))
        die_about (key, cmd_future_error (f));
    flux_future_destroy (f);
}

static int cmd_get (optparse_t *p, int argc, char **argv)
{
    kvs_cmd_operands (p, argc, 1, -1);
    for (int i = optparse_option_index (p); i < argc; i++)
        get_key (p, argv[i]);
    return 0;
}

/* --- commits --- */

#define ROOT_OPTIONS                                                                   \
    { .name = "treeobj-root", .key = 'O', .usage = "Print the new root (RFC 11)" },    \
        { .name = "blobref", .key = 'b', .usage = "Print the new root's blobref" },    \
    {                                                                                  \
        .name = "sequence", .key = 's', .usage = "Print the new root's version"        \
    }

static void commit (optparse_t *p, flux_kvs_txn_t *txn, int flags)
{
    flux_future_t *f;
    const char *s;
    int seq;

    if (!(f = flux_kvs_commit (cmd_open (), kvs_cmd_ns (p), flags, txn))
        || flux_future_get (f, NULL) < 0)
        cmd_die ("flux_kvs_commit: %s", cmd_future_error (f));
    if (optparse_hasopt (p, "treeobj-root") && flux_kvs_commit_get_treeobj (f, &s) == 0)
        puts (s);
    if (optparse_hasopt (p, "blobref") && flux_kvs_commit_get_rootref (f, &s) == 0)
        puts (s);
    if (optparse_hasopt (p, "sequence") && flux_kvs_commit_get_sequence (f, &seq) == 0)
        printf ("%d\n", seq);
    flux_future_destroy (f);
    flux_kvs_txn_destroy (txn);
}

static flux_kvs_txn_t *txn_create (void)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    if (!txn)
        cmd_die ("out of memory");
    return txn;
}

static struct optparse_option put_opts[] = {
    KVS_NS_OPTION,
    ROOT_OPTIONS,
    { .name = "raw", .key = 'r', .usage = "The value may be - for standard input" },
    { .name = "treeobj", .key = 't', .usage = "The value is an RFC 11 object" },
    { .name = "no-merge", .key = 'n', .usage = "Commit apart from other commits" },
    { .name = "append", .key = 'A', .usage = "Append to the value" },
    { .name = "sync", .key = 'S', .usage = "Return when it is on disk" },
    OPTPARSE_TABLE_END,
};

static void put_key (optparse_t *p, flux_kvs_txn_t *txn, char *key)
{
    char *value = strchr (key, '='), *data = NULL;
    int flags = optparse_hasopt (p, "append") ? FLUX_KVS_APPEND : 0, rc;
    size_t len;

    if (!value)
        cmd_die ("put: you must specify a value as key=value");
    *value++ = '\0';
    len = strlen (value);
    if ((optparse_hasopt (p, "raw") || optparse_hasopt (p, "treeobj"))
        && !strcmp (value, "-")) {
        if (!(data = fd_read_all (STDIN_FILENO, &len)))
            cmd_die ("stdin: %s", strerror (errno));
        value = data;
    }
    if (optparse_hasopt (p, "treeobj"))
        rc = flux_kvs_txn_put_treeobj (txn, flags, key, value);
    else
        rc = flux_kvs_txn_put_raw (txn, flags, key, value, len);
    if (rc < 0)
        cmd_die ("%s: %s", key, strerror (errno));
    free (data);
}

static int cmd_put (optparse_t *p, int argc, char **argv)
{
    flux_kvs_txn_t *txn = txn_create ();
    int flags = 0;

    kvs_cmd_operands (p, argc, 1, -1);
    for (int i = optparse_option_index (p); i < argc; i++)
        put_key (p, txn, argv[i]);
    if (optparse_hasopt (p, "no-merge"))
        flags |= FLUX_KVS_NO_MERGE;
    if (optparse_hasopt (p, "sync"))
        flags |= FLUX_KVS_SYNC;
    commit (p, txn, flags);
    return 0;
}

static struct optparse_option commit_opts[] = {
    KVS_NS_OPTION,
    ROOT_OPTIONS,
    OPTPARSE_TABLE_END,
};

static struct optparse_option unlink_opts[] = {
    KVS_NS_OPTION,
    ROOT_OPTIONS,
    { .name = "recursive", .key = 'R', .usage = "Remove directories with all in them" },
    { .name = "force", .key = 'f', .usage = "Ignore what does not exist" },
    OPTPARSE_TABLE_END,
};

/* 0: may be removed, else errno. */
static int check_unlink (optparse_t *p, const char *key)
{
    json_t *entries;
    flux_future_t *f;
    int errnum = 0;

    /* A link is removed itself, wherever it leads. */
    if (!(f = flux_kvs_lookup (cmd_open (), kvs_cmd_ns (p), FLUX_KVS_READLINK, key)))
        return errno;
    if (flux_future_get (f, NULL) == 0 || errno == ENOENT) {
        errnum = flux_future_get (f, NULL) < 0 ? errno : 0;
        flux_future_destroy (f);
        return errnum == ENOENT && optparse_hasopt (p, "force") ? 0 : errnum;
    }
    flux_future_destroy (f);
    /* A part of it says whether there is something. */
    if (!(f = kvs_page (cmd_open (), kvs_cmd_ns (p), NULL, key, "", true)))
        return errno;
    if (kvs_page_entries (f, &entries) < 0)
        errnum = errno == ENOTDIR ? 0 : errno;
    else if (!optparse_hasopt (p, "recursive")
             && (json_object_size (entries) > 0 || kvs_page_next (f)))
        errnum = ENOTEMPTY;
    flux_future_destroy (f);
    return errnum;
}

static int cmd_unlink (optparse_t *p, int argc, char **argv)
{
    flux_kvs_txn_t *txn = txn_create ();

    kvs_cmd_operands (p, argc, 1, -1);
    for (int i = optparse_option_index (p); i < argc; i++) {
        int errnum = check_unlink (p, argv[i]);

        if (errnum)
            cmd_die ("cannot unlink '%s': %s", argv[i], flux_strerror (errnum));
        if (flux_kvs_txn_unlink (txn, 0, argv[i]) < 0)
            cmd_die ("%s: %s", argv[i], strerror (errno));
    }
    commit (p, txn, 0);
    return 0;
}

static struct optparse_option link_opts[] = {
    KVS_NS_OPTION,
    ROOT_OPTIONS,
    { .name = "target-namespace",
      .key = 'T',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Namespace of TARGET" },
    OPTPARSE_TABLE_END,
};

static int cmd_link (optparse_t *p, int argc, char **argv)
{
    flux_kvs_txn_t *txn = txn_create ();
    int i = optparse_option_index (p);

    kvs_cmd_operands (p, argc, 2, 2);
    if (flux_kvs_txn_symlink (txn, 0, argv[i + 1],
                              optparse_get_str (p, "target-namespace", NULL), argv[i])
        < 0)
        cmd_die ("%s: %s", argv[i + 1], strerror (errno));
    commit (p, txn, 0);
    return 0;
}

static int cmd_mkdir (optparse_t *p, int argc, char **argv)
{
    flux_kvs_txn_t *txn = txn_create ();

    kvs_cmd_operands (p, argc, 1, -1);
    for (int i = optparse_option_index (p); i < argc; i++)
        if (flux_kvs_txn_mkdir (txn, 0, argv[i]) < 0)
            cmd_die ("%s: %s", argv[i], strerror (errno));
    commit (p, txn, 0);
    return 0;
}

static struct optparse_option readlink_opts[] = {
    KVS_NS_OPTION,
    { .name = "at",
      .key = 'a',
      .has_arg = 1,
      .arginfo = "TREEOBJ",
      .usage = "Look up in this snapshot" },
    { .name = "namespace-only", .key = 'o', .usage = "Print only the namespace" },
    { .name = "key-only", .key = 'k', .usage = "Print only the key" },
    OPTPARSE_TABLE_END,
};

static int cmd_readlink (optparse_t *p, int argc, char **argv)
{
    const char *at = optparse_get_str (p, "at", NULL), *ns, *target;

    kvs_cmd_operands (p, argc, 1, -1);
    for (int i = optparse_option_index (p); i < argc; i++) {
        flux_future_t *f;

        if (at)
            f = flux_kvs_lookupat (cmd_open (), FLUX_KVS_READLINK, argv[i], at);
        else
            f = flux_kvs_lookup (cmd_open (), kvs_cmd_ns (p), FLUX_KVS_READLINK,
                                 argv[i]);
        if (!f || flux_kvs_lookup_get_symlink (f, &ns, &target) < 0)
            cmd_die ("%s: %s", argv[i], cmd_future_error (f));
        if (optparse_hasopt (p, "namespace-only"))
            puts (ns ? ns : "");
        else if (optparse_hasopt (p, "key-only") || !ns)
            puts (target);
        else
            printf ("%s::%s\n", ns, target);
        flux_future_destroy (f);
    }
    return 0;
}

static struct optparse_option copy_opts[] = {
    { .name = "src-namespace",
      .key = 'S',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Namespace of SOURCE" },
    { .name = "dst-namespace",
      .key = 'D',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Namespace of DESTINATION" },
    OPTPARSE_TABLE_END,
};

static int copy (optparse_t *p, int argc, char **argv, bool move)
{
    const char *src = optparse_get_str (p, "src-namespace", NULL);
    const char *dst = optparse_get_str (p, "dst-namespace", NULL);
    int i = optparse_option_index (p);
    flux_future_t *f;

    kvs_cmd_operands (p, argc, 2, 2);
    f = (move ? flux_kvs_move : flux_kvs_copy) (cmd_open (), src, argv[i], dst,
                                                argv[i + 1], 0);
    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("%s: %s", argv[i], cmd_future_error (f));
    flux_future_destroy (f);
    return 0;
}

static int cmd_copy (optparse_t *p, int argc, char **argv)
{
    return copy (p, argc, argv, false);
}

static int cmd_move (optparse_t *p, int argc, char **argv)
{
    return copy (p, argc, argv, true);
}

/* --- roots and versions --- */

static struct optparse_option ns_opts[] = {
    KVS_NS_OPTION,
    OPTPARSE_TABLE_END,
};

static struct optparse_option getroot_opts[] = {
    KVS_NS_OPTION,
    { .name = "owner", .key = 'o', .usage = "Print the owner" },
    { .name = "sequence", .key = 's', .usage = "Print the version" },
    { .name = "blobref", .key = 'b', .usage = "Print the root's blobref" },
    OPTPARSE_TABLE_END,
};

static int cmd_getroot (optparse_t *p, int argc, char **argv)
{
    flux_future_t *f;
    const char *s = NULL;
    uint32_t owner = 0;
    int seq = 0, rc;

    kvs_cmd_operands (p, argc, 0, 0);
    if (!(f = flux_kvs_getroot (cmd_open (), kvs_cmd_ns (p), 0)))
        cmd_die ("flux_kvs_getroot: %s", strerror (errno));
    if (optparse_hasopt (p, "owner"))
        rc = flux_kvs_getroot_get_owner (f, &owner);
    else if (optparse_hasopt (p, "sequence"))
        rc = flux_kvs_getroot_get_sequence (f, &seq);
    else if (optparse_hasopt (p, "blobref"))
        rc = flux_kvs_getroot_get_blobref (f, &s);
    else
        rc = flux_kvs_getroot_get_treeobj (f, &s);
    if (rc < 0)
        cmd_die ("flux_kvs_getroot: %s", cmd_future_error (f));
    if (s)
        puts (s);
    else if (optparse_hasopt (p, "owner"))
        printf ("%u\n", owner);
    else
        printf ("%d\n", seq);
    flux_future_destroy (f);
    return 0;
}

static int cmd_version (optparse_t *p, int argc, char **argv)
{
    int version;

    kvs_cmd_operands (p, argc, 0, 0);
    if (flux_kvs_get_version (cmd_open (), kvs_cmd_ns (p), &version) < 0)
        cmd_die ("flux_kvs_get_version: %s", flux_strerror (errno));
    printf ("%d\n", version);
    return 0;
}

static int cmd_wait (optparse_t *p, int argc, char **argv)
{
    const char *s = argv[optparse_option_index (p)];
    char *end;
    long n;

    kvs_cmd_operands (p, argc, 1, 1);
    errno = 0;
    n = strtol (s, &end, 10);
    if (errno || end == s || *end || n < 0 || n > INT32_MAX)
        cmd_die ("wait: %s: not a version", s);
    if (flux_kvs_wait_version (cmd_open (), kvs_cmd_ns (p), n) < 0)
        cmd_die ("flux_kvs_wait_version: %s", flux_strerror (errno));
    return 0;
}

static int cmd_sync (optparse_t *p, int argc, char **argv)
{
    flux_future_t *f;

    kvs_cmd_operands (p, argc, 0, 0);
    if (!(f = flux_rpc (cmd_open (), "kvs.sync", NULL, FLUX_NODEID_ANY, 0))
        || flux_future_get (f, NULL) < 0)
        cmd_die ("sync: %s", cmd_future_error (f));
    flux_future_destroy (f);
    return 0;
}

static struct optparse_option dropcache_opts[] = {
    { .name = "all", .key = 'a', .usage = "On all ranks" },
    OPTPARSE_TABLE_END,
};

static int cmd_dropcache (optparse_t *p, int argc, char **argv)
{
    flux_future_t *f;

    kvs_cmd_operands (p, argc, 0, 0);
    if (!optparse_hasopt (p, "all")) {
        if (flux_kvs_dropcache (cmd_open ()) < 0)
            cmd_die ("dropcache: %s", flux_strerror (errno));
        return 0;
    }
    if (!(f = flux_event_publish (cmd_open (), "kvs.dropcache", 0, NULL))
        || flux_future_get (f, NULL) < 0)
        cmd_die ("dropcache: %s", cmd_future_error (f));
    flux_future_destroy (f);
    return 0;
}

/* --- namespaces --- */

static struct optparse_option ns_create_opts[] = {
    { .name = "owner",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "UID",
      .usage = "Owner, if not the instance owner" },
    { .name = "rootref",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "BLOBREF",
      .usage = "Start with this root" },
    OPTPARSE_TABLE_END,
};

static int ns_create (optparse_t *p, int argc, char **argv)
{
    const char *s = optparse_get_str (p, "owner", NULL);
    uint32_t owner = FLUX_USERID_UNKNOWN;
    char *end;

    kvs_cmd_operands (p, argc, 1, -1);
    if (s) {
        owner = strtoul (s, &end, 10);
        if (end == s || *end)
            cmd_die ("--owner=%s: not a user id", s);
    }
    for (int i = optparse_option_index (p); i < argc; i++) {
        flux_future_t *f = flux_kvs_namespace_create_with (
            cmd_open (), argv[i], optparse_get_str (p, "rootref", NULL), owner, 0);
        if (!f || flux_future_get (f, NULL) < 0)
            cmd_die ("%s: %s", argv[i], cmd_future_error (f));
        flux_future_destroy (f);
    }
    return 0;
}

static int ns_remove (optparse_t *p, int argc, char **argv)
{
    kvs_cmd_operands (p, argc, 1, -1);
    for (int i = optparse_option_index (p); i < argc; i++) {
        flux_future_t *f = flux_kvs_namespace_remove (cmd_open (), argv[i]);

        if (!f || flux_future_get (f, NULL) < 0)
            cmd_die ("%s: %s", argv[i], cmd_future_error (f));
        flux_future_destroy (f);
    }
    return 0;
}

static int ns_list (optparse_t *p, int argc, char **argv)
{
    flux_future_t *f;
    json_t *array, *o;
    size_t i;

    kvs_cmd_operands (p, argc, 0, 0);
    if (!(f = flux_rpc (cmd_open (), "kvs.namespace-list", NULL, 0, 0))
        || flux_rpc_get_unpack (f, "{s:o}", "namespaces", &array) < 0)
        cmd_die ("namespace list: %s", cmd_future_error (f));
    printf ("%-36s %10s %10s\n", "NAMESPACE", "OWNER", "FLAGS");
    json_array_foreach (array, i, o) {
        const char *name;
        json_int_t owner;
        int flags;

        if (json_unpack (o, "{s:s s:I s:i}", "namespace", &name, "owner", &owner,
                         "flags", &flags)
            == 0)
            printf ("%-36s %10u 0x%08X\n", name, (unsigned int)owner, flags);
    }
    flux_future_destroy (f);
    return 0;
}

static struct optparse_subcommand namespace_subcommands[] = {
    { "create", "[-o UID] [-r BLOBREF] NAME...", "Create namespaces", ns_create, 0,
      ns_create_opts },
    { "remove", "NAME...", "Remove namespaces", ns_remove, 0, NULL },
    { "list", "", "List namespaces", ns_list, 0, NULL },
    OPTPARSE_SUBCMD_END,
};

int kvs_cmd_group (optparse_t *p, int argc, char **argv,
                   struct optparse_subcommand subcommands[])
{
    int i, rc;

    if (optparse_reg_subcommands (p, subcommands) != OPTPARSE_SUCCESS)
        cmd_die ("out of memory");
    if ((i = optparse_parse_args (p, argc, argv)) < 0)
        return 1;
    rc = optparse_run_subcommand (p, argc, argv);
    return rc < 0 ? 1 : rc;
}

static int cmd_namespace (optparse_t *p, int argc, char **argv)
{
    return kvs_cmd_group (p, argc, argv, namespace_subcommands);
}

static struct optparse_subcommand subcommands[] = {
    { "namespace", "create|remove|list", "Perform KVS namespace operations",
      cmd_namespace, OPTPARSE_SUBCMD_SKIP_OPTS, NULL },
    { "get", "[OPTIONS] KEY...", "Print values", cmd_get, 0, get_opts },
    { "put", "[OPTIONS] KEY=VALUE...", "Store values", cmd_put, 0, put_opts },
    { "dir", "[OPTIONS] [KEY]", "Print a directory's keys and values", kvs_cmd_dir, 0,
      kvs_dir_opts },
    { "ls", "[OPTIONS] [KEY...]", "List directories", kvs_cmd_ls, 0, kvs_ls_opts },
    { "unlink", "[OPTIONS] KEY...", "Remove keys", cmd_unlink, 0, unlink_opts },
    { "link", "[OPTIONS] TARGET LINKNAME", "Create a symbolic link", cmd_link, 0,
      link_opts },
    { "readlink", "[OPTIONS] KEY...", "Print where links lead", cmd_readlink, 0,
      readlink_opts },
    { "mkdir", "[OPTIONS] KEY...", "Create directories", cmd_mkdir, 0, commit_opts },
    { "copy", "[OPTIONS] SOURCE DESTINATION", "Copy a key or directory", cmd_copy, 0,
      copy_opts },
    { "move", "[OPTIONS] SOURCE DESTINATION", "Move a key or directory", cmd_move, 0,
      copy_opts },
    { "getroot", "[OPTIONS]", "Print the root of a namespace", cmd_getroot, 0,
      getroot_opts },
    { "version", "[-N NAME]", "Print the version", cmd_version, 0, ns_opts },
    { "wait", "[-N NAME] VERSION", "Wait until a version is reached", cmd_wait, 0,
      ns_opts },
    { "eventlog", "get|append|wait-event", "Work with RFC 18 eventlogs",
      kvs_cmd_eventlog, OPTPARSE_SUBCMD_SKIP_OPTS, NULL },
    { "sync", "", "Write a checkpoint", cmd_sync, 0, NULL },
    { "dropcache", "[--all]", "Drop what is cached", cmd_dropcache, 0, dropcache_opts },
    OPTPARSE_SUBCMD_END,
};

static const struct optparse_option kvs_opts[] = {
    KVS_NS_OPTION,
    OPTPARSE_TABLE_END,
};

const struct command cmd_kvs = {
    .name = "kvs",
    .options = kvs_opts,
    .summary = "Work with the key-value store",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
