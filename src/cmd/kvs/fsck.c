/* flux fsck: is all there that the KVS's checkpoints refer to?
 *
 * Blobs are asked for at the backing store itself, which checks each against its
 * digest; many requests are under way at a time. */
#include "cmd/cmd.h"
#include "cmd/kvs/fsck_repair.h"
#include "cmd/kvs/fsck_walk.h"
#include "cmd/output/output.h"

#include "base/buf.h"
#include "base/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAXREQS 64
#define DIGEST_MAX 32

struct run {
    flux_t *h;
    struct fsck *fsck;
    struct fsck_repair *repair; /* NULL unless asked for */
    bool verbose, quiet;
    const char *hash;
    int in_flight, maxreqs;
};

struct load {
    struct run *run;
    struct fsck_item *item;
};

static void load_more (struct run *r);

static void report (void *arg, const char *key, const char *text)
{
    struct run *r = arg;

    if (text && r->repair && fsck_repair_add (r->repair, key) < 0)
        cmd_die ("out of memory");
    if (text && !r->quiet)
        cmd_warn ("%s: %s", key, text);
    else if (!text && r->verbose)
        fprintf (stderr, "%s\n", key);
}

static void loaded (flux_future_t *f, void *arg)
{
    struct load *l = arg;
    struct run *r = l->run;
    const void *data = NULL;
    size_t len = 0;
    int rc = flux_rpc_get_raw (f, &data, &len);

    r->in_flight--;
    if (fsck_loaded (r->fsck, l->item, rc < 0 ? cmd_future_error (f) : NULL, data, len)
        < 0)
        cmd_die ("out of memory");
    flux_future_destroy (f);
    free (l);
    load_more (r);
}

/* The digest's length, or 0 if this instance can have no such blob. */
static size_t parse_ref (struct run *r, const char *ref, unsigned char *digest)
{
    size_t n = strlen (r->hash), len;

    if (strncmp (ref, r->hash, n) || ref[n] != '-')
        return 0;
    len = strlen (ref + n + 1);
    if (len == 0 || len > 2 * DIGEST_MAX || hex_decode (digest, ref + n + 1, len) < 0)
        return 0;
    return len / 2;
}

static void load (struct run *r, struct fsck_item *item)
{
    unsigned char digest[DIGEST_MAX];
    size_t len = parse_ref (r, item->ref, digest);
    struct load *l;
    flux_future_t *f;

    if (len == 0) {
        char why[FSCK_REF_MAX + 32];

        snprintf (why, sizeof (why), "%s is no reference to a blob", item->ref);
        if (fsck_loaded (r->fsck, item, why, NULL, 0) < 0)
            cmd_die ("out of memory");
        return;
    }
    if (!(l = calloc (1, sizeof (*l))))
        cmd_die ("out of memory");
    l->run = r;
    l->item = item;
    if (!(f = flux_rpc_raw (r->h, "content-backing.load", digest, len, 0, 0))
        || flux_future_then (f, -1., loaded, l) < 0)
        cmd_die ("loading a blob: %s", strerror (errno));
    r->in_flight++;
}

static void load_more (struct run *r)
{
    struct fsck_item *item;

    while (r->in_flight < r->maxreqs && (item = fsck_next (r->fsck)))
        load (r, item);
}

static void check_root (struct run *r, const char *rootref, int sequence)
{
    struct fsck_counts before = fsck_counts (r->fsck), after;

    if (fsck_add_root (r->fsck, rootref) < 0)
        cmd_die ("checkpoint: %s", strerror (errno));
    load_more (r);
    if (flux_reactor_run (flux_get_reactor (r->h), 0) < 0)
        cmd_die ("reactor: %s", strerror (errno));
    after = fsck_counts (r->fsck);
    if (!r->quiet)
        printf ("version %d: %zu keys and %zu blobs checked, %zu damaged\n", sequence,
                after.keys - before.keys, after.blobs - before.blobs,
                after.damaged - before.damaged);
}

static json_t *get_checkpoints (flux_t *h)
{
    flux_future_t *f;
    json_t *list;

    if (!(f = flux_rpc (h, "content-backing.checkpoint-get", "{}", 0, 0))
        || flux_rpc_get_unpack (f, "{s:o}", "value", &list) < 0) {
        if (f && errno == ENOENT)
            cmd_die ("there is no checkpoint");
        if (f && errno == ENOSYS)
            cmd_die ("there is no backing store");
        cmd_die ("reading the checkpoints: %s",
                 f ? cmd_future_error (f) : strerror (errno));
    }
    json_incref (list);
    flux_future_destroy (f);
    return list;
}

static json_t *given_root (struct run *r, const char *ref)
{
    unsigned char digest[DIGEST_MAX];
    json_t *list;

    if (parse_ref (r, ref, digest) == 0)
        cmd_die ("--rootref: '%s' is no reference to a blob", safe (ref));
    if (!(list = json_pack ("[{s:s}]", "rootref", ref)))
        cmd_die ("out of memory");
    return list;
}

/* Repair */

static int load_now (void *arg, const char *ref, struct buf *b)
{
    struct run *r = arg;
    unsigned char digest[DIGEST_MAX];
    size_t len = parse_ref (r, ref, digest);
    const void *data;
    flux_future_t *f;
    int rc = -1;

    if (len > 0
        && (f = flux_rpc_raw (r->h, "content-backing.load", digest, len, 0, 0))) {
        rc = flux_rpc_get_raw (f, &data, &len);
        if (rc == 0 && b)
            rc = buf_add (b, data, len);
        flux_future_destroy (f);
    }
    return rc;
}

static void say (const char *key, const char *text)
{
    printf ("%s: %s\n", safe (key), text);
}

static void say_nothing (const char *key, const char *text)
{
}

/* Others could change a key between our look at it and the commit: only a start that
 * is for this has nobody else at work. */
static void check_may_repair (optparse_t *p, flux_t *h)
{
    const char *s = flux_attr_get (h, "broker.recovery-mode");

    if (optparse_hasopt (p, "all") || optparse_hasopt (p, "rootref"))
        cmd_die ("--repair is for the newest checkpoint alone");
    if (!s || strcmp (s, "1") != 0)
        cmd_die ("--repair: the instance is at work: flux start --recovery=DIR "
                 "flux fsck --repair");
}

static int repair (struct run *r)
{
    if (fsck_repair_run (r->repair, r->quiet ? say_nothing : say) == 0)
        return 0;
    cmd_warn ("not repaired: %s", errno == ENOTRECOVERABLE
                                      ? "the root directory itself is damaged"
                                      : strerror (errno));
    return 1;
}

static int run (optparse_t *p, int argc, char **argv)
{
    struct run r = { .h = cmd_open (),
                     .maxreqs = optparse_get_int (p, "maxreqs", MAXREQS),
                     .verbose = optparse_hasopt (p, "verbose"),
                     .quiet = optparse_hasopt (p, "quiet") };
    json_t *checkpoints, *c;
    size_t i;
    int damaged;

    if (optparse_option_index (p) < argc)
        optparse_fatal_usage (p, 1, NULL);
    if (r.maxreqs < 1)
        cmd_die ("--maxreqs: at least 1");
    if (!(r.hash = flux_attr_get (r.h, "content.hash")))
        r.hash = "sha1";
    if (!(r.fsck = fsck_create (report, &r)))
        cmd_die ("out of memory");
    if (optparse_hasopt (p, "repair")) {
        check_may_repair (p, r.h);
        if (!(r.repair = fsck_repair_create (r.h, load_now, &r)))
            cmd_die ("out of memory");
    }
    checkpoints = optparse_hasopt (p, "rootref")
                      ? given_root (&r, optparse_get_str (p, "rootref", ""))
                      : get_checkpoints (r.h);
    json_array_foreach (checkpoints, i, c) {
        const char *rootref;
        int sequence = 0;

        if (i > 0 && !optparse_hasopt (p, "all"))
            break;
        if (json_unpack (c, "{s:s s?i}", "rootref", &rootref, "sequence", &sequence)
            < 0)
            cmd_die ("a checkpoint names no root");
        check_root (&r, rootref, sequence);
    }
    damaged = fsck_counts (r.fsck).damaged > 0;
    if (damaged && r.repair)
        damaged = repair (&r);
    json_decref (checkpoints);
    fsck_repair_destroy (r.repair);
    fsck_destroy (r.fsck);
    return damaged;
}

static const struct optparse_option options[] = {
    { .name = "verbose",
      .key = 'v',
      .usage = "List keys on stderr as they are checked" },
    { .name = "quiet", .key = 'q', .usage = "Say nothing: the exit status tells" },
    { .name = "all",
      .key = 'a',
      .usage = "Check all checkpoints, not only the newest" },
    { .name = "rootref",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "BLOBREF",
      .usage = "Check what this root refers to, not a checkpoint" },
    { .name = "maxreqs",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Ask for so many blobs at a time (default 64)" },
    { .name = "repair",
      .key = 'R',
      .usage = "Keep what can be read of damaged keys in lost+found, and remove them" },
    OPTPARSE_TABLE_END,
};

const struct command cmd_fsck = {
    .name = "fsck",
    .summary = "Check what the KVS's backing store holds",
    .usage = "[OPTIONS]",
    .group = "instance",
    .options = options,
    .run = run,
};
