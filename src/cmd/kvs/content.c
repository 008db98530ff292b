/* flux content: store, load, flush, dropcache, checkpoints. */
#include "cmd/cmd.h"
#include "cmd/kvs/kvs_cmd.h"
#include "cmd/output/output.h"

#include "base/encode.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DIGEST_MAX 32

static struct optparse_option load_opts[] = {
    { .name = "bypass-cache", .key = 'b', .usage = "Ask the backing store itself" },
    OPTPARSE_TABLE_END,
};

static void check_operands (optparse_t *p, int argc, int min, int max)
{
    int n = argc - optparse_option_index (p);

    if (n < min || (max >= 0 && n > max))
        optparse_fatal_usage (p, 1, NULL);
}

/* The digest's length, 0 if it is none of this instance. */
static size_t parse_blobref (const char *ref, const char *hash, unsigned char *digest)
{
    size_t n = strlen (hash), len;

    if (strncmp (ref, hash, n) || ref[n] != '-')
        return 0;
    ref += n + 1;
    len = strlen (ref);
    if (len == 0 || len > 2 * DIGEST_MAX || hex_decode (digest, ref, len) < 0)
        return 0;
    return len / 2;
}

static const char *hash_name (void)
{
    const char *s = flux_attr_get (cmd_open (), "content.hash");

    return s ? s : "sha1";
}

static const char *topic (optparse_t *p, const char *name)
{
    static char buf[64];

    snprintf (buf, sizeof (buf), "%s.%s",
              optparse_hasopt (p, "bypass-cache") ? "content-backing" : "content",
              name);
    return buf;
}

static uint32_t nodeid (optparse_t *p)
{
    return optparse_hasopt (p, "bypass-cache") ? 0 : FLUX_NODEID_ANY;
}

static void load (optparse_t *p, const char *ref)
{
    unsigned char digest[DIGEST_MAX];
    size_t n = parse_blobref (ref, hash_name (), digest), len;
    flux_future_t *f;
    const void *data;

    if (n == 0)
        cmd_die ("error loading blob: %s", strerror (EINVAL));
    if (!(f = flux_rpc_raw (cmd_open (), topic (p, "load"), digest, n, nodeid (p), 0))
        || flux_rpc_get_raw (f, &data, &len) < 0)
        cmd_die ("error loading blob: %s", cmd_future_error (f));
    if (len > 0 && fd_write_all (STDOUT_FILENO, data, len) < 0)
        cmd_die ("write: %s", strerror (errno));
    flux_future_destroy (f);
}

static int cmd_load (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    char line[256];
    int count = argc - i;

    for (; i < argc; i++)
        load (p, argv[i]);
    if (count > 0)
        return 0;
    for (; fgets (line, sizeof (line), stdin); count += *line != '\0') {
        line[strcspn (line, "\n")] = '\0';
        if (*line)
            load (p, line);
    }
    if (count == 0)
        cmd_die ("no blobref, neither as an argument nor on standard input");
    return 0;
}

static struct optparse_option store_opts[] = {
    { .name = "bypass-cache", .key = 'b', .usage = "Tell the backing store itself" },
    { .name = "chunksize",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Store blobs of at most N bytes" },
    OPTPARSE_TABLE_END,
};

static void store (optparse_t *p, const char *data, size_t len)
{
    char hex[2 * DIGEST_MAX + 1];
    flux_future_t *f;
    const void *digest;
    size_t n;

    if (!(f = flux_rpc_raw (cmd_open (), topic (p, "store"), data, len, nodeid (p), 0))
        || flux_rpc_get_raw (f, &digest, &n) < 0)
        cmd_die ("error storing blob: %s", cmd_future_error (f));
    if (n > DIGEST_MAX)
        cmd_die ("error storing blob: %s", strerror (EPROTO));
    hex_encode (hex, digest, n);
    printf ("%s-%s\n", hash_name (), hex);
    flux_future_destroy (f);
}

static int cmd_store (optparse_t *p, int argc, char **argv)
{
    size_t chunk = optparse_get_size_int (p, "chunksize", "0"), len;
    char *data;

    check_operands (p, argc, 0, 0);
    if (!(data = fd_read_all (STDIN_FILENO, &len)))
        cmd_die ("stdin: %s", strerror (errno));
    if (chunk == 0 || len <= chunk) {
        store (p, data, len);
    } else {
        for (size_t pos = 0; pos < len; pos += chunk)
            store (p, data + pos, len - pos < chunk ? len - pos : chunk);
    }
    free (data);
    return 0;
}

static int call (const char *name)
{
    char buf[64];
    flux_future_t *f;

    snprintf (buf, sizeof (buf), "content.%s", name);
    if (!(f = flux_rpc (cmd_open (), buf, NULL, FLUX_NODEID_ANY, 0))
        || flux_future_get (f, NULL) < 0)
        cmd_die ("%s: %s", name, cmd_future_error (f));
    flux_future_destroy (f);
    return 0;
}

static int cmd_flush (optparse_t *p, int argc, char **argv)
{
    check_operands (p, argc, 0, 0);
    return call ("flush");
}

static int cmd_dropcache (optparse_t *p, int argc, char **argv)
{
    check_operands (p, argc, 0, 0);
    return call ("dropcache");
}

/* Checkpoints */

static struct optparse_option checkpoint_list_opts[] = {
    { .name = "json", .key = 'j', .usage = "Print a JSON array" },
    { .name = "no-header", .key = 'n', .usage = "Print no header" },
    OPTPARSE_TABLE_END,
};

/* The backing store has all that are kept; without one, content has the last. */
static json_t *get_checkpoints (void)
{
    flux_t *h = cmd_open ();
    flux_future_t *f = flux_rpc (h, "content-backing.checkpoint-get", "{}", 0, 0);
    json_t *list;

    if (f && flux_future_get (f, NULL) < 0 && errno == ENOSYS) {
        flux_future_destroy (f);
        f = flux_rpc (h, "content.checkpoint-get", "{}", 0, 0);
    }
    if (f && flux_rpc_get_unpack (f, "{s:o}", "value", &list) == 0)
        json_incref (list);
    else if (f && errno == ENOENT)
        list = json_array ();
    else
        cmd_die ("reading the checkpoints: %s", cmd_future_error (f));
    flux_future_destroy (f);
    return list;
}

static void print_checkpoint (json_t *c)
{
    const char *ref;
    json_int_t sequence = 0;
    double timestamp = 0.;
    char date[64] = "";
    time_t t;
    struct tm tm;

    if (json_unpack (c, "{s:s s?I s?F}", "rootref", &ref, "sequence", &sequence,
                     "timestamp", &timestamp)
        < 0)
        cmd_die ("a checkpoint names no root");
    t = timestamp;
    if (localtime_r (&t, &tm))
        strftime (date, sizeof (date), "%Y-%m-%dT%H:%M:%S", &tm);
    printf ("%-19s  %10" JSON_INTEGER_FORMAT "  %s\n", date, sequence, safe (ref));
}

static int cmd_checkpoint_list (optparse_t *p, int argc, char **argv)
{
    json_t *list, *c;
    size_t i;

    check_operands (p, argc, 0, 0);
    list = get_checkpoints ();
    if (optparse_hasopt (p, "json")) {
        json_dumpf (list, stdout, JSON_COMPACT);
        putchar ('\n');
    } else {
        if (!optparse_hasopt (p, "no-header"))
            printf ("%-19s  %10s  %s\n", "TIME", "SEQUENCE", "ROOTREF");
        json_array_foreach (list, i, c)
            print_checkpoint (c);
    }
    json_decref (list);
    return 0;
}

/* Only the KVS knows its root, and what has to be stored before it. */
static int cmd_checkpoint_update (optparse_t *p, int argc, char **argv)
{
    flux_future_t *f;

    check_operands (p, argc, 0, 0);
    f = flux_rpc (cmd_open (), "kvs.sync", NULL, FLUX_NODEID_ANY, 0);
    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("checkpoint update: %s", cmd_future_error (f));
    flux_future_destroy (f);
    return 0;
}

static struct optparse_subcommand checkpoint_subcommands[] = {
    { "list", "[-j] [-n]", "List checkpoints, newest first", cmd_checkpoint_list, 0,
      checkpoint_list_opts },
    { "update", "", "Write a checkpoint of the KVS now", cmd_checkpoint_update, 0,
      NULL },
    OPTPARSE_SUBCMD_END,
};

static int cmd_checkpoint (optparse_t *p, int argc, char **argv)
{
    return kvs_cmd_group (p, argc, argv, checkpoint_subcommands);
}

static struct optparse_subcommand subcommands[] = {
    { "checkpoint", "list|update", "Look at checkpoints, or write one", cmd_checkpoint,
      OPTPARSE_SUBCMD_SKIP_OPTS, NULL },
    { "load", "[-b] BLOBREF...", "Write blobs to standard output", cmd_load, 0,
      load_opts },
    { "store", "[-b] [--chunksize=N]", "Store a blob from standard input", cmd_store, 0,
      store_opts },
    { "flush", "", "Write dirty blobs to the backing store", cmd_flush, 0, NULL },
    { "dropcache", "", "Drop blobs that are stored elsewhere", cmd_dropcache, 0, NULL },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_content = {
    .name = "content",
    .summary = "Work with the content store",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
