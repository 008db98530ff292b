/* What content-sqlite and content-files share, over loop://: what is asked of the store in
 * which order, and who is told what when it fails. The store is this test: it keeps blobs
 * in memory, and any of its calls can be made to fail. */
#include "service.c"

#include "base/test.h"

#define BLOBS 64
#define LOOK_EVERY (256 * 1024) /* as in garbage.c */

const char db_module[] = "content-fake";
const char db_name[] = "content.fake";

struct fake_blob {
    unsigned char digest[DIGEST_MAX_SIZE];
    char data[128];
    size_t len;
    bool staged, marked;
};

struct db {
    struct fake_blob blobs[BLOBS];
    int count;
    char checkpoint[128], staged_checkpoint[128];
    bool open, sync;
    int64_t size, live;
};

static struct db disk;
static struct {
    const char *call; /* that fails */
    int errnum;
    int at;    /* the n-th of them; 0: each */
    int doubt; /* attempts that what was refused stays on the disk */
} fault;
static char calls[1024]; /* of the store, with a blank behind each */

static flux_t *h;
static struct service s;
static struct options options;
static struct buf logged;

/* --- the store --- */

static int called (const char *name, flux_error_t *error)
{
    size_t n = strlen (calls);

    snprintf (calls + n, sizeof (calls) - n, "%s ", name);
    if (!fault.call || strcmp (fault.call, name) != 0
        || (fault.at > 0 && --fault.at > 0))
        return 0;
    if (fault.at == 0 && error)
        snprintf (error->text, sizeof (error->text), "%s did not work", name);
    errno = fault.errnum;
    return -1;
}

static struct fake_blob *find (struct db *db, const void *digest)
{
    for (int i = 0; i < db->count; i++)
        if (!memcmp (db->blobs[i].digest, digest, 20))
            return &db->blobs[i];
    errno = ENOENT;
    return NULL;
}

int db_option (struct db_options *o, const char *name, const char *value,
               flux_error_t *error)
{
    if (strcmp (name, "synchronous") != 0)
        return error_invalid (error, "%s: there is no such option", name);
    if (!value)
        return error_invalid (error, "%s: must be a string", name);
    o->synchronous = value;
    return 0;
}

struct db *db_open (const char *path, const struct db_options *opts,
                    flux_error_t *warning, flux_error_t *error)
{
    warning->text[0] = '\0';
    if (called ("open", error) < 0 && !opts->recovery)
        return NULL;
    if (fault.call && !strcmp (fault.call, "open"))
        snprintf (warning->text, sizeof (warning->text), "the root is missing");
    return &disk;
}

void db_close (struct db *db)
{
    if (db)
        called ("close", NULL);
}

int db_remove (const char *path, flux_error_t *error)
{
    memset (&disk, 0, sizeof (disk));
    return called ("remove", error);
}

int db_begin (struct db *db, bool sync, flux_error_t *error)
{
    assert_false (db->open);
    if (called (sync ? "begin-sync" : "begin", error) < 0)
        return -1;
    db->open = true;
    strcpy (db->staged_checkpoint, db->checkpoint);
    return 0;
}

int db_commit (struct db *db, flux_error_t *error)
{
    assert_true (db->open);
    if (called ("commit", error) < 0)
        return -1;
    db->open = false;
    for (int i = 0; i < db->count; i++)
        db->blobs[i].staged = false;
    strcpy (db->checkpoint, db->staged_checkpoint);
    return 0;
}

int db_rollback (struct db *db, flux_error_t *error)
{
    int kept = 0;

    assert_true (db->open);
    db->open = false;
    for (int i = 0; i < db->count; i++)
        if (!db->blobs[i].staged)
            db->blobs[kept++] = db->blobs[i];
    db->count = kept;
    return called ("rollback", error);
}

bool db_in_doubt (const struct db *db)
{
    return fault.doubt > 0;
}

int db_settle (struct db *db, flux_error_t *error)
{
    called ("settle", NULL);
    errno = EIO;
    return fault.doubt > 0 && --fault.doubt > 0 ? -1 : 0;
}

int db_store (struct db *db, const void *digest, size_t digest_size, const void *data,
              size_t len, flux_error_t *error)
{
    struct fake_blob *b;

    assert_true (db->open);
    assert_int_equal (digest_size, 20);
    if (called ("store", error) < 0)
        return -1;
    db->size += len;
    if ((b = find (db, digest))) {
        b->marked = true;
        return 0;
    }
    b = &db->blobs[db->count++];
    *b = (struct fake_blob){ .len = len, .staged = true, .marked = true };
    memcpy (b->digest, digest, 20);
    memcpy (b->data, data, len < sizeof (b->data) ? len : sizeof (b->data));
    return 0;
}

int db_load (struct db *db, const void *digest, size_t digest_size, struct buf *out,
             flux_error_t *error)
{
    struct fake_blob *b;

    if (called ("load", error) < 0 || !(b = find (db, digest)))
        return -1;
    buf_reset (out);
    buf_add (out, b->data, b->len);
    return 0;
}

int db_validate (struct db *db, const void *digest, size_t digest_size,
                 flux_error_t *error)
{
    return called ("validate", error) < 0 || !find (db, digest) ? -1 : 0;
}

int db_checkpoint_put (struct db *db, const char *json, flux_error_t *error)
{
    assert_true (db->open);
    if (called ("put", error) < 0)
        return -1;
    snprintf (db->staged_checkpoint, sizeof (db->staged_checkpoint), "%s", json);
    return 0;
}

int db_checkpoint_get (struct db *db, struct buf *out, flux_error_t *error)
{
    if (called ("get", error) < 0)
        return -1;
    if (!db->checkpoint[0]) {
        errno = ENOENT;
        return -1;
    }
    buf_printf (out, "[%s]", db->checkpoint);
    return 0;
}

int db_collect_begin (struct db *db, flux_error_t *error)
{
    for (int i = 0; i < db->count; i++)
        db->blobs[i].marked = false;
    return called ("collect", error);
}

void db_collect_end (struct db *db)
{
    called ("end", NULL);
}

int db_mark (struct db *db, const void *digest, size_t digest_size, bool dir,
             flux_error_t *error)
{
    struct fake_blob *b = find (db, digest);
    bool first = b && !b->marked;

    if (b)
        b->marked = true;
    return b ? first : -1;
}

int db_sweep (struct db *db, struct db_swept *swept, bool (*over) (void *arg),
              void *arg, flux_error_t *error)
{
    int kept = 0;

    if (called ("sweep", error) < 0)
        return -1;
    for (int i = 0; i < db->count; i++) {
        struct fake_blob b = db->blobs[i];

        *(b.marked ? &swept->live : &swept->freed) += 1;
        *(b.marked ? &swept->live_bytes : &swept->freed_bytes) += b.len;
        if (b.marked || swept->keep)
            db->blobs[kept++] = b;
    }
    db->count = kept;
    swept->at = swept->top = 1;
    return 0;
}

int db_shrink (struct db *db, int pages, flux_error_t *error)
{
    return called ("shrink", error);
}

void db_tidy (struct db *db)
{
    called ("tidy", NULL);
}

void db_rest (struct db *db)
{
    called ("rest", NULL);
}

int db_set_live (struct db *db, int64_t bytes, flux_error_t *error)
{
    db->live = bytes;
    return called ("live", error);
}

int64_t db_get_live (struct db *db)
{
    return db->live;
}

int64_t db_count (struct db *db)
{
    return db->count;
}

int64_t db_file_size (struct db *db)
{
    return db->size;
}

int64_t db_file_free (struct db *db)
{
    return 0;
}

/* --- helpers --- */

static void take_log (const char *text, int len, void *arg)
{
    buf_add (&logged, text, len);
    buf_addc (&logged, '\n');
}

static int count_logged (const char *text)
{
    int n = 0;

    for (const char *p = logged.data; p && (p = strstr (p, text)); p++)
        n++;
    return n;
}

static int setup (void **state)
{
    memset (&disk, 0, sizeof (disk));
    memset (&fault, 0, sizeof (fault));
    memset (&options, 0, sizeof (options));
    buf_fini (&logged);
    if (!(h = flux_open ("loop://", 0)))
        return -1;
    flux_log_set_redirect (h, take_log, NULL);
    flux_attr_set_cacheonly (h, "rundir", "/nowhere");
    flux_attr_set_cacheonly (h, "content.blob-size-limit", "100");
    if (service_init (&s, h, &options) < 0)
        return -1;
    calls[0] = '\0';
    return 0;
}

static int teardown (void **state)
{
    service_fini (&s);
    flux_close (h);
    buf_fini (&logged);
    return 0;
}

static void run (flux_future_t *f)
{
    assert_non_null (f);
    assert_int_equal (flux_future_then (f, -1., done, NULL), 0);
    assert_true (flux_reactor_run (flux_get_reactor (h), 0) >= 0);
}

static flux_future_t *ask (const char *what, const void *data, size_t len)
{
    char topic[64];

    snprintf (topic, sizeof (topic), "content-backing.%s", what);
    return flux_rpc_raw (h, topic, data, len, 0, 0);
}

/* 0, or the errno of the answer, which says so (NULL: what errno says). */
static int asked (const char *what, const void *data, size_t len, const char *text)
{
    flux_future_t *f = ask (what, data, len);
    int errnum;

    run (f);
    errnum = flux_future_get (f, NULL) < 0 ? errno : 0;
    if (text)
        assert_string_equal (flux_future_error_string (f), text);
    flux_future_destroy (f);
    return errnum;
}

static const unsigned char *hash (const char *text)
{
    static unsigned char digest[DIGEST_MAX_SIZE];

    assert_int_equal (digest_hash (s.digest, text, strlen (text), digest), 0);
    return digest;
}

static bool has (const char *text)
{
    return find (&disk, hash (text)) != NULL;
}

static int store (const char *text)
{
    return asked ("store", text, strlen (text), NULL);
}

/* Two blobs and a checkpoint. */
static void encode_batch (struct buf *b, int flags, const char *one, const char *two,
                          const char *checkpoint)
{
    blobs_begin (b, 20, flags);
    blobs_add (b, hash (one), 20, one, strlen (one));
    blobs_add (b, hash (two), 20, two, strlen (two));
    blobs_supersede (b, hash (one), 20);
    blobs_pin (b);
    blobs_checkpoint (b, checkpoint);
}

static int commit_batch (int flags, const char *one, const char *two,
                         const char *checkpoint)
{
    struct buf b = BUF_INIT;
    int errnum;

    encode_batch (&b, flags, one, two, checkpoint);
    errnum = asked ("commit", b.data, b.len, NULL);
    buf_fini (&b);
    return errnum;
}

/* --- tests --- */

static void stores_and_loads (void **state)
{
    flux_future_t *f;
    const void *data;
    size_t len;

    run (f = ask ("store", "blob", 4));
    assert_int_equal (flux_rpc_get_raw (f, &data, &len), 0);
    assert_int_equal (len, 20);
    assert_memory_equal (data, hash ("blob"), 20);
    flux_future_destroy (f);
    run (f = ask ("load", hash ("blob"), 20));
    assert_int_equal (flux_rpc_get_raw (f, &data, &len), 0);
    assert_int_equal (len, 4);
    assert_memory_equal (data, "blob", 4);
    flux_future_destroy (f);
    assert_int_equal (asked ("validate", hash ("blob"), 20, NULL), 0);
    assert_string_equal (calls, "begin store commit load validate ");
    assert_int_equal (asked ("load", hash ("other"), 20, NULL), ENOENT);
    assert_int_equal (asked ("validate", hash ("other"), 20, NULL), ENOENT);
    assert_null (logged.data);
}

/* What is no request reaches no store, and nobody's log. */
static void refuses_requests (void **state)
{
    char large[101] = { 0 };
    struct buf b = BUF_INIT;

    assert_int_equal (asked ("load", "short", 5, NULL), EPROTO);
    assert_int_equal (asked ("validate", NULL, 0, NULL), EPROTO);
    assert_int_equal (asked ("store", large, sizeof (large), NULL), EFBIG);
    assert_int_equal (asked ("commit", "nonsense", 8, NULL), EPROTO);
    assert_int_equal (asked ("checkpoint-put", "{}", 3, NULL), EPROTO);
    blobs_begin (&b, 32, 0);
    assert_int_equal (asked ("commit", b.data, b.len, NULL), EPROTO);
    buf_fini (&b);
    assert_string_equal (calls, "");
    /* One blob of a batch that is too large takes the others with it. */
    blobs_begin (&b, 20, 0);
    blobs_add (&b, hash ("small"), 20, "small", 5);
    blobs_add (&b, hash (large), 20, large, sizeof (large));
    assert_int_equal (asked ("commit", b.data, b.len, NULL), EFBIG);
    /* and so does an end that is missing */
    assert_int_equal (asked ("commit", b.data, b.len - 10, NULL), EPROTO);
    buf_fini (&b);
    assert_false (has ("small"));
}

static void commits_batches (void **state)
{
    assert_int_equal (commit_batch (0, "a", "b", "{\"n\":1}"), 0);
    assert_string_equal (calls, "begin store store put commit ");
    calls[0] = '\0';
    assert_int_equal (commit_batch (BLOBS_FSYNC, "c", "d", "{\"n\":2}"), 0);
    assert_string_equal (calls, "begin-sync store store put commit ");
    assert_true (has ("a") && has ("d"));
    assert_string_equal (disk.checkpoint, "{\"n\":2}");
}

/* Whichever call fails, nothing of the batch is there, the answer has its errno, and the
 * next one is taken. */
static void undoes_batches (void **state)
{
    static const struct {
        const char *call;
        int at, errnum;
    } t[] = {
        { "begin", 1, ENOMEM }, { "store", 1, ENOSPC },  { "store", 2, ENOSPC },
        { "put", 1, EIO },      { "commit", 1, ENOSPC }, { "commit", 1, EDQUOT },
    };

    assert_int_equal (commit_batch (0, "a", "b", "{\"n\":1}"), 0);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        fault.call = t[i].call;
        fault.at = t[i].at;
        fault.errnum = t[i].errnum;
        calls[0] = '\0';
        assert_int_equal (commit_batch (0, "c", "d", "{\"n\":2}"), t[i].errnum);
        assert_false (has ("c") || has ("d"));
        assert_true (has ("a") && has ("b"));
        assert_string_equal (disk.checkpoint, "{\"n\":1}");
        assert_int_equal (strstr (calls, "rollback") != NULL, i > 0);
        fault.call = NULL;
        assert_int_equal (store ("e"), 0);
    }
    assert_int_equal (commit_batch (0, "c", "d", "{\"n\":2}"), 0);
    assert_true (has ("c") && has ("d"));
}

/* Each failure once, with what and where; that it went on, and came again, too. */
static void tells_failures_once (void **state)
{
    fault.call = "store";
    fault.errnum = ENOSPC;
    for (int i = 0; i < 3; i++)
        assert_int_equal (commit_batch (0, "a", "b", "{}"), ENOSPC);
    assert_int_equal (count_logged ("store did not work"), 1);
    fault.errnum = EIO;
    assert_int_equal (commit_batch (0, "a", "b", "{}"), EIO);
    assert_int_equal (count_logged ("store did not work"), 2);
    fault.call = NULL;
    assert_int_equal (commit_batch (0, "a", "b", "{}"), 0);
    fault.call = "store";
    assert_int_equal (commit_batch (0, "c", "d", "{}"), EIO);
    assert_int_equal (count_logged ("store did not work"), 3);
    assert_int_equal (asked ("store", "c", 1, "store did not work"), EIO);
    fault.call = "load";
    fault.errnum = EBADMSG;
    assert_int_equal (asked ("load", hash ("a"), 20, "load did not work"), EBADMSG);
    assert_int_equal (count_logged ("content-fake: "), 4);
    assert_int_equal (count_logged ("load did not work"), 1);
}

/* Nobody waits for an answer: it is not held either. */
static void unanswered_batch (void **state)
{
    struct buf b = BUF_INIT;
    flux_future_t *f;

    fault = (typeof (fault)){ .call = "commit", .errnum = EIO, .doubt = 9 };
    encode_batch (&b, 0, "a", "b", "{}");
    f = flux_rpc_raw (h, "content-backing.commit", b.data, b.len, 0,
                      FLUX_RPC_NORESPONSE);
    flux_future_destroy (f);
    assert_int_equal (asked ("validate", hash ("a"), 20, NULL), ENOENT);
    assert_null (s.held.requests);
    assert_int_equal (count_logged ("commit did not work"), 1);
    buf_fini (&b);
}

/* What the disk may still have is refused when it has let go of it, in order. */
static void holds_refusals (void **state)
{
    flux_future_t *f, *f2;

    fault = (typeof (fault)){ .call = "commit", .errnum = EIO, .doubt = 3 };
    assert_non_null (f = ask ("store", "a", 1));
    assert_non_null (f2 = ask ("store", "b", 1));
    assert_int_equal (asked ("load", hash ("a"), 20, NULL), ENOENT);
    assert_false (flux_future_is_ready (f) || flux_future_is_ready (f2));
    assert_int_equal (flux_msglist_count (s.held.requests), 2);
    held_cb (NULL, NULL, 0, &s);
    held_cb (NULL, NULL, 0, &s);
    assert_int_equal (flux_msglist_count (s.held.requests), 2);
    held_cb (NULL, NULL, 0, &s);
    assert_int_equal (flux_msglist_count (s.held.requests), 0);
    assert_false (flux_watcher_is_active (s.held.timer));
    run (f2);
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, EIO);
    assert_string_equal (flux_future_error_string (f), "commit did not work");
    assert_int_equal (flux_future_get (f2, NULL), -1);
    assert_int_equal (count_logged ("cannot be undone"), 0);
    flux_future_destroy (f);
    flux_future_destroy (f2);
}

/* Not for ever. */
static void gives_up_holding (void **state)
{
    flux_future_t *f;

    fault = (typeof (fault)){ .call = "commit", .errnum = EIO, .doubt = 1000 };
    assert_non_null (f = ask ("store", "a", 1));
    assert_int_equal (asked ("load", hash ("a"), 20, NULL), ENOENT);
    held_cb (NULL, NULL, 0, &s);
    assert_int_equal (count_logged ("cannot be undone"), 0);
    s.held.since -= HELD_MAX;
    held_cb (NULL, NULL, 0, &s);
    assert_int_equal (count_logged ("cannot be undone"), 1);
    run (f);
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, EIO);
    flux_future_destroy (f);
}

static void checkpoints (void **state)
{
    flux_future_t *f;
    const char *text;

    assert_int_equal (asked ("checkpoint-get", NULL, 0, NULL), ENOENT);
    assert_int_equal (asked ("checkpoint-put", "{\"value\":{\"n\":1}}", 18, NULL), 0);
    run (f = ask ("checkpoint-get", NULL, 0));
    assert_int_equal (flux_rpc_get (f, &text), 0);
    assert_string_equal (text, "{\"value\":[{\"n\":1}]}");
    flux_future_destroy (f);
    fault.call = "put";
    fault.errnum = ENOSPC;
    assert_int_equal (asked ("checkpoint-put", "{\"value\":{\"n\":2}}", 18, NULL),
                      ENOSPC);
    assert_string_equal (disk.checkpoint, "{\"n\":1}");
    fault.call = "get";
    assert_int_equal (asked ("checkpoint-get", NULL, 0, "get did not work"), ENOSPC);
}

static void counts (void **state)
{
    json_int_t objects, size, unused, loads, stores;
    double min, max, mean;
    flux_future_t *f;

    assert_int_equal (store ("a") + store ("b") + store ("c"), 0);
    assert_int_equal (asked ("load", hash ("b"), 20, NULL), 0);
    run (f = flux_rpc (h, "content-fake.stats-get", NULL, 0, 0));
    assert_int_equal (
        flux_rpc_get_unpack (f, "{s:I s:I s:I s:{s:I} s:{s:I s:F s:F s:F s:F}}",
                             "object_count", &objects, "dbfile_size", &size,
                             "dbfile_free", &unused, "load_time", "count", &loads,
                             "store_time", "count", &stores, "min", &min, "max", &max,
                             "mean", &mean, "stddev", &(double){ 0 }),
        0);
    assert_int_equal (objects, 3);
    assert_int_equal (size, 3);
    assert_int_equal (unused, 0);
    assert_int_equal (loads, 1);
    assert_int_equal (stores, 3);
    assert_true (min <= mean && mean <= max);
    flux_future_destroy (f);
}

/* Once nothing has come for a whole period, and not again before something does. */
static void rests (void **state)
{
    assert_int_equal (store ("a"), 0);
    assert_true (flux_watcher_is_active (s.quiet));
    quiet_cb (NULL, s.quiet, 0, &s);
    assert_null (strstr (calls, "rest"));
    quiet_cb (NULL, s.quiet, 0, &s);
    assert_non_null (strstr (calls, "rest"));
    assert_false (flux_watcher_is_active (s.quiet));
    assert_int_equal (asked ("load", hash ("a"), 20, NULL), 0);
    assert_true (flux_watcher_is_active (s.quiet));
}

static int configured (const char *toml, char *arg)
{
    flux_error_t error;
    flux_conf_t *conf = flux_conf_create ();
    struct options o;

    assert_int_equal (flux_conf_update (conf, toml, &error), 0);
    assert_int_equal (flux_set_conf_new (h, conf), 0);
    return parse_options (h, arg ? 1 : 0, &arg, &o);
}

static void takes_options (void **state)
{
    static const struct {
        const char *toml, *arg, *why;
    } bad[] = {
        { "content-fake = 1", NULL, "content-fake: must be a table" },
        { "[content-fake]\nsynchronous = 1", NULL,
          "content-fake.synchronous: must be a string" },
        { "[content-fake]\nfoo = \"x\"", NULL,
          "content-fake.foo: there is no such option" },
        { "", "foo", "unknown option 'foo'" },
        { "", "foo=1", "foo: there is no such option" },
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        buf_fini (&logged);
        assert_int_equal (configured (bad[i].toml, (char *)bad[i].arg), -1);
        assert_int_equal (errno, EINVAL);
        assert_int_equal (count_logged (bad[i].why), 1);
    }
    assert_int_equal (
        configured ("[content-fake]\nsynchronous = \"FULL\"", (char *)"synchronous=x"),
        0);
    disk.count = 1;
    assert_int_equal (configured ("", (char *)"truncate"), 0);
    assert_int_equal (disk.count, 1); /* not before it is opened */
    flux_attr_set_cacheonly (h, "rundir", NULL);
    assert_int_equal (configured ("", NULL), -1);
    assert_int_equal (count_logged ("neither statedir nor rundir is set"), 1);
}

/* A configuration that is wrong is refused, and counts for nothing. */
static void reloads (void **state)
{
    static const char good[] = "{\"content-fake\":{\"synchronous\":\"OFF\"}}";
    static const char bad[] = "{\"content-fake\":{\"synchronous\":[]}}";
    flux_future_t *f;

    run (f = flux_rpc (h, "content-fake.config-reload", bad, 0, 0));
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (flux_future_error_string (f),
                         "content-fake.synchronous: must be a string");
    flux_future_destroy (f);
    run (f = flux_rpc (h, "content-fake.config-reload", good, 0, 0));
    assert_int_equal (flux_future_get (f, NULL), 0);
    flux_future_destroy (f);
}

static void opens (void **state)
{
    service_fini (&s);
    fault.call = "open";
    fault.errnum = ENOSPC;
    assert_int_equal (service_init (&s, h, &options), -1);
    service_fini (&s);
    assert_int_equal (count_logged ("open did not work"), 1);
    assert_int_equal (count_logged ("is damaged"), 0);
    fault.errnum = EBADMSG;
    assert_int_equal (service_init (&s, h, &options), -1);
    service_fini (&s);
    assert_int_equal (count_logged ("is damaged: open did not work"), 1);
    assert_int_equal (count_logged ("--recovery=DIR"), 1);
    options.db.recovery = options.truncate = true;
    disk.count = 1;
    assert_int_equal (service_init (&s, h, &options), 0);
    options.truncate = false;
    assert_int_equal (disk.count, 0);
    assert_int_equal (count_logged ("recovering from damage: the root is missing"), 1);
}

/* --- the content service and the KVS, for the end and for collections --- */

static int flush_errnum;
static char told[256];
static char root[BLOBREF_MAX_SIZE];

static void flush_cb (flux_t *handle, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    strcat (told, "flush ");
    flux_respond_error (handle, msg, flush_errnum, NULL);
}

static void yes_cb (flux_t *handle, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg)
{
    const char *topic;

    assert_int_equal (flux_msg_get_topic (msg, &topic), 0);
    strcat (told, strchr (topic, '.') + 1);
    strcat (told, " ");
    flux_respond (handle, msg, NULL);
}

static void roots_cb (flux_t *handle, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    flux_respond_pack (handle, msg, "{s:[s] s:[]}", "roots", root, "coming");
}

static const struct flux_msg_handler_spec others[] = {
    { FLUX_MSGTYPE_REQUEST, "content.flush", flush_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.unregister-backing", yes_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.collect", yes_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.roots", roots_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};
static flux_msg_handler_t **other_handlers;

static int setup_others (void **state)
{
    told[0] = '\0';
    if (setup (state) < 0)
        return -1;
    return flux_msg_handler_addvec (h, others, NULL, &other_handlers);
}

static int teardown_others (void **state)
{
    flux_msg_handler_delvec (other_handlers);
    return teardown (state);
}

/* Unless all is saved the module fails; it is not asked again either way. */
static void saves_the_rest (void **state)
{
    flush_errnum = EIO;
    assert_int_equal (save_rest (&s), -1);
    assert_int_equal (count_logged ("the last state could not be saved"), 1);
    flush_errnum = ENOSYS;
    assert_int_equal (save_rest (&s), 0);
    assert_string_equal (told, "flush unregister-backing flush unregister-backing ");
}

/* Who still waits is answered before it goes. */
static void ends_while_it_holds (void **state)
{
    flux_future_t *f;

    flush_errnum = ENOSYS;
    fault = (typeof (fault)){ .call = "commit", .errnum = ENOSPC, .doubt = 1000 };
    assert_non_null (f = ask ("store", "a", 1));
    assert_int_equal (asked ("load", hash ("a"), 20, NULL), ENOENT);
    assert_int_equal (save_rest (&s), 0);
    assert_int_equal (count_logged ("cannot be undone"), 1);
    assert_true (flux_future_is_ready (f));
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, ENOSPC);
    flux_future_destroy (f);
}

/* A root with nothing below it, one blob that nobody may refer to yet, and one that nobody
 * refers to. */
static void store_some (void)
{
    struct buf b = BUF_INIT;

    assert_int_equal (
        commit_batch (0, "{\"ver\":1,\"type\":\"dir\",\"data\":{}}", "garbage", "{}"),
        0);
    blobref_encode ("sha1", disk.blobs[0].digest, 20, root);
    snprintf (disk.checkpoint, sizeof (disk.checkpoint), "{\"rootref\":\"%s\"}", root);
    blobs_begin (&b, 20, 0);
    blobs_add (&b, hash ("held"), 20, "held", 4);
    blobs_hold (&b, hash ("held"), 20);
    assert_int_equal (asked ("commit", b.data, b.len, NULL), 0);
    buf_fini (&b);
    calls[0] = '\0';
}

static void collects (void **state)
{
    flux_future_t *f;
    json_int_t live, freed;

    store_some ();
    run (f = ask ("collect", "{}", 3));
    assert_int_equal (
        flux_rpc_get_unpack (f, "{s:I s:I}", "live", &live, "freed", &freed), 0);
    assert_int_equal (live, 2);
    assert_int_equal (freed, 1);
    assert_true (has ("held") && !has ("garbage"));
    assert_non_null (strstr (calls, "sweep end live tidy "));
    assert_string_equal (told, "collect collect ");
    flux_future_destroy (f);
}

/* Whatever cannot be done ends the collection, and is told; nothing is tidied then, and the
 * next one is taken. */
static void collects_in_vain (void **state)
{
    static const char *const steps[] = { "collect", "get", "sweep" };

    store_some ();
    for (size_t i = 0; i < 3; i++) {
        char text[64];

        fault.call = steps[i];
        fault.errnum = EIO;
        calls[0] = '\0';
        snprintf (text, sizeof (text), "%s did not work", steps[i]);
        assert_int_equal (asked ("collect", "{}", 3, text), EIO);
        assert_non_null (strstr (calls, "end "));
        assert_null (strstr (calls, "tidy"));
        assert_true (has ("garbage"));
    }
    fault.call = NULL;
    assert_int_equal (asked ("collect", "{}", 3, NULL), 0);
    assert_false (has ("garbage"));
}

/* What looks like garbage may be what is to be recovered. */
static void recovery_keeps_all (void **state)
{
    options.db.recovery = true;
    service_fini (&s);
    assert_int_equal (service_init (&s, h, &options), 0);
    store_some ();
    assert_int_equal (asked ("collect", "{}", 3,
                             "the instance is in recovery mode: nothing is freed"),
                      EPERM);
    assert_null (strstr (calls, "sweep"));
    assert_string_equal (told, "");
}

/* By itself when the store has grown so much, and not in recovery. */
static void begins_by_itself (void **state)
{
    for (int recovery = 0; recovery < 2; recovery++) {
        options.db.recovery = recovery;
        service_fini (&s);
        flux_attr_set_cacheonly (h, "content.gc-ratio", "2");
        flux_attr_set_cacheonly (h, "content.gc-min", "1M");
        disk.live = 1 << 20;
        assert_int_equal (service_init (&s, h, &options), 0);
        calls[0] = '\0';
        disk.size = 2 << 20; /* twice what is of use, and no more */
        garbage_stored (s.garbage, LOOK_EVERY);
        assert_string_equal (calls, "");
        disk.size++;
        garbage_stored (s.garbage, LOOK_EVERY - 1); /* it does not look each time */
        assert_string_equal (calls, "");
        garbage_stored (s.garbage, 1);
        assert_string_equal (calls, recovery ? "" : "collect ");
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
#define TEST_OTHERS(f)                                                                 \
    cmocka_unit_test_setup_teardown (f, setup_others, teardown_others)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (stores_and_loads),
        TEST (refuses_requests),
        TEST (commits_batches),
        TEST (undoes_batches),
        TEST (tells_failures_once),
        TEST (unanswered_batch),
        TEST (holds_refusals),
        TEST (gives_up_holding),
        TEST (checkpoints),
        TEST (counts),
        TEST (rests),
        TEST (takes_options),
        TEST (reloads),
        TEST (opens),
        TEST_OTHERS (saves_the_rest),
        TEST_OTHERS (ends_while_it_holds),
        TEST_OTHERS (collects),
        TEST_OTHERS (collects_in_vain),
        TEST_OTHERS (recovery_keeps_all),
        TEST_OTHERS (begins_by_itself),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
