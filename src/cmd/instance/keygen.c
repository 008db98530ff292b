/* flux keygen: a CURVE certificate, for brokers that find each other by configuration.
 * The file is made with its mode, under another name, and renamed when it is whole. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include "base/buf.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct optparse_option opts[] = {
    { .name = "name",
      .key = 'n',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Name of the certificate (default: this host's)" },
    { .name = "meta",
      .has_arg = 1,
      .arginfo = "KEY=VALUE,...",
      .flags = OPTPARSE_OPT_AUTOSPLIT,
      .usage = "More lines for its metadata" },
    OPTPARSE_TABLE_END,
};

struct keys {
    char public_key[41], secret_key[41];
    int version[3];
};

/* libzmq is loaded by this command alone. */
static void make_keys (struct keys *k)
{
    int (*keypair) (char *public_key, char *secret_key);
    void (*version) (int *major, int *minor, int *patch);
    void *dso = dlopen ("libzmq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (!dso)
        cmd_die ("%s", dlerror ());
    keypair = (int (*) (char *, char *))dlsym (dso, "zmq_curve_keypair");
    version = (void (*) (int *, int *, int *))dlsym (dso, "zmq_version");
    if (!keypair || !version)
        cmd_die ("%s", dlerror ());
    if (keypair (k->public_key, k->secret_key) < 0)
        cmd_die ("libzmq makes no keys: it is built without CURVE");
    version (&k->version[0], &k->version[1], &k->version[2]);
}

/* Text in quotes; what would end them, or the line, is refused. */
static void add_line (struct buf *b, const char *key, size_t len, const char *value)
{
    if (len == 0 || strcspn (key, " =\"\n#") < len || strpbrk (value, "\"\n"))
        cmd_die ("'%.*s': keys are words, values have no quotes and newlines", (int)len,
                 key);
    buf_printf (b, "    %.*s = \"%s\"\n", (int)len, key, value);
}

static void add (struct buf *b, const char *key, const char *value)
{
    add_line (b, key, strlen (key), value);
}

static void add_metadata (struct buf *b, optparse_t *p, const struct keys *k)
{
    char host[256], text[64];
    time_t now = time (NULL);
    struct tm tm;
    const char *s;

    if (gethostname (host, sizeof (host)) < 0)
        cmd_die ("hostname: %s", strerror (errno));
    buf_adds (b, "metadata\n");
    add (b, "name", optparse_get_str (p, "name", host));
    while ((s = optparse_getopt_next (p, "meta"))) {
        size_t n = strcspn (s, "=");
        add_line (b, s, n, s[n] ? s + n + 1 : "");
    }
    add (b, "keygen.flux-core-version", flux_core_version_string ());
    add (b, "keygen.hostname", host);
    strftime (text, sizeof (text), "%Y-%m-%dT%H:%M:%S", localtime_r (&now, &tm));
    add (b, "keygen.time", text);
    snprintf (text, sizeof (text), "%ju", (uintmax_t)getuid ());
    add (b, "keygen.userid", text);
    snprintf (text, sizeof (text), "%d.%d.%d", k->version[0], k->version[1],
              k->version[2]);
    add (b, "keygen.zmq-version", text);
}

static void write_file (const char *path, const struct buf *b)
{
    char *tmp;
    if (asprintf (&tmp, "%s.XXXXXX", path) < 0)
        cmd_die ("out of memory");
    int fd = mkstemp (tmp);
    if (fd < 0)
        cmd_die ("open %s: %s", path, strerror (errno));
    if (write (fd, b->data, b->len) != (ssize_t)b->len || fsync (fd) < 0
        || close (fd) < 0 || rename (tmp, path) < 0) {
        int saved_errno = errno;
        unlink (tmp);
        cmd_die ("write %s: %s", path, strerror (saved_errno));
    }
    free (tmp);
}

static int run (optparse_t *p, int argc, char **argv)
{
    struct buf b = BUF_INIT;
    struct keys k;
    int i = optparse_option_index (p);

    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    make_keys (&k);
    buf_adds (&b, "#  ZeroMQ CURVE **Secret** Certificate\n#  DO NOT DISTRIBUTE\n\n");
    add_metadata (&b, p, &k);
    buf_adds (&b, "curve\n");
    add (&b, "public-key", k.public_key);
    add (&b, "secret-key", k.secret_key);
    if (b.err)
        cmd_die ("out of memory");
    if (i < argc)
        write_file (argv[i], &b);
    else
        cmd_warn ("WARNING: add PATH argument to save generated certificate");
    explicit_bzero (b.data, b.len);
    explicit_bzero (&k, sizeof (k));
    buf_fini (&b);
    return 0;
}

const struct command cmd_keygen = {
    .name = "keygen",
    .summary = "Make a certificate for brokers",
    .usage = "[OPTIONS] [PATH]",
    .group = "instance",
    .options = opts,
    .run = run,
    .flags = CMD_MIXED_ARGS,
};
