/* Job events as RFC 21 has them: all pairs of a state and an event, what each does to a
 * job, the text of each and what is read from it; and annotations (RFC 27). */
#include "base/test.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "event.h"
#include "job.h"
#include "manager.h"

/* One letter for the state that follows, '=' for the same, '.' for an event that cannot
 * happen there. Columns: NEW, DEPEND, PRIORITY, SCHED, RUN, CLEANUP, INACTIVE. An
 * inactive job has no events. */
static const struct {
    enum event_type type;
    const char *next;
} matrix[] = {
    { EV_SUBMIT, "=......" },
    { EV_VALIDATE, "D......" },
    { EV_INVALIDATE, "I......" },
    { EV_SET_FLAGS, "======." },
    { EV_DEPENDENCY_ADD, "==....." },
    { EV_DEPENDENCY_REMOVE, "==...=." },
    { EV_DEPEND, ".P....." },
    { EV_PRIORITY, "..S=..." },
    { EV_URGENCY, "======." },
    { EV_ALLOC, "...R.=." },
    { EV_PROLOG_START, "======." },
    { EV_PROLOG_FINISH, "....==." },
    { EV_START, "....==." },
    { EV_FINISH, "....C=." },
    { EV_EPILOG_START, ".....=." },
    { EV_EPILOG_FINISH, ".....=." },
    { EV_RELEASE, "....==." },
    { EV_FREE, ".....=." },
    { EV_CLEAN, ".....I." },
    { EV_EXCEPTION, "CCCCC=." }, /* severity 0 */
    { EV_MEMO, "======." },
    { EV_JOBSPEC_UPDATE, "======." },
    { EV_RESOURCE_UPDATE, "....==." },
    { EV_FLUX_RESTART, "===P==." },
    { EV_ANNOTATIONS, "======." },
    { EV_OTHER, "======." },
};

static const char letters[] = "NDPSRCI";

/* An event of this type with something in each field. */
static struct event some_event (enum event_type type, json_t *context)
{
    return (struct event){
        .type = type,
        .name = "debug.x",
        .timestamp = 12.5,
        .userid = 7,
        .urgency = 9,
        .flags = 3,
        .priority = 11,
        .status = 256,
        .final = true,
        .expiration = 99.5,
        .description = "d",
        .exception = "cancel",
        .note = "n",
        .ranks = "0-1",
        .context = context,
    };
}

static struct job *job_in (int column)
{
    struct job *job = job_create ();

    assert_non_null (job);
    job->state = 1 << column;
    job->t_last = 3.;
    return job;
}

static void drop (struct job *job)
{
    json_decref (job->annotations);
    json_decref (job->updates);
    job->annotations = job->updates = NULL;
    job_destroy (job);
}

static void pairs (void **state)
{
    flux_error_t error;

    assert_int_equal (sizeof (matrix) / sizeof (matrix[0]), EV_OTHER + 1);
    for (int i = 0; i <= EV_OTHER; i++) {
        assert_int_equal (matrix[i].type, i);
        for (int column = 0; column < 7; column++) {
            json_t *context = json_object ();
            struct event ev = some_event (i, context);
            struct job *job = job_in (column);
            char want = matrix[i].next[column];
            int rc, next;
            errno = 0;
            rc = event_apply (job, &ev, &error);
            if (want == '.') {
                char name[64];
                if (rc == 0)
                    fail_msg ("%s in %c", event_name (&ev), letters[column]);
                assert_int_equal (errno, EPROTO);
                snprintf (name, sizeof (name), "event %s in state ", event_name (&ev));
                assert_int_equal (strncmp (error.text, name, strlen (name)), 0);
                assert_true (job->t_last == 3.);
            } else {
                assert_int_equal (rc, 0);
                assert_true (job->t_last == (i == EV_ANNOTATIONS ? 3. : 12.5));
            }
            next =
                strchr ("=.", want) ? column : (int)(strchr (letters, want) - letters);
            if ((int)job->state != 1 << next)
                fail_msg ("%s in %c leads to %#x", event_name (&ev), letters[column],
                          job->state);
            drop (job);
            json_decref (context);
        }
    }
}

/* What an event that cannot happen would have done is not done. */
static void refused_changes_nothing (void **state)
{
    flux_error_t error;

    for (int i = 0; i <= EV_OTHER; i++) {
        json_t *context =
            json_pack ("{s:{s:i} s:[s]}", "annotations", "x", 1, "flags", "debug");
        struct event ev = some_event (i, context);
        struct job *job = job_in (6), *same = job_in (6);
        assert_int_equal (event_apply (job, &ev, &error), -1);
        assert_null (job->annotations);
        assert_null (job->updates);
        assert_null (job->exception);
        assert_int_equal (job->prologs + job->epilogs, 0);
        assert_int_equal (job->flags, same->flags);
        assert_int_equal (job->urgency, same->urgency);
        assert_int_equal (job->userid, same->userid);
        assert_true (job->priority == same->priority);
        assert_int_equal (job->wait_status, same->wait_status);
        assert_false (job->validated || job->alloc_event || job->started
                      || job->finished || job->released || job->freed
                      || job->restarted);
        drop (job);
        drop (same);
        json_decref (context);
    }
}

static void apply (struct job *job, struct event ev)
{
    flux_error_t error;

    if (event_apply (job, &ev, &error) < 0)
        fail_msg ("%s", error.text);
}

static void facts (void **state)
{
    struct job *job = job_in (0);
    json_t *flags = json_pack ("{s:[s s]}", "flags", "novalidate", "debug");

    apply (job, (struct event){ .type = EV_SUBMIT,
                                .timestamp = 5.,
                                .userid = 42,
                                .urgency = 17,
                                .flags = FLUX_JOB_WAITABLE });
    assert_true (job->t_submit == 5.);
    assert_int_equal (job->userid, 42);
    assert_int_equal (job->urgency, 17);
    apply (job, (struct event){ .type = EV_SET_FLAGS, .context = flags });
    assert_int_equal (job->flags, FLUX_JOB_WAITABLE | FLUX_JOB_DEBUG);
    json_decref (flags);
    apply (job, (struct event){ .type = EV_VALIDATE });
    assert_true (job->validated);
    apply (job, (struct event){ .type = EV_DEPEND });
    apply (job, (struct event){ .type = EV_PRIORITY, .priority = 4294967295 });
    assert_true (job->priority == 4294967295);
    apply (job, (struct event){ .type = EV_URGENCY, .urgency = 31 });
    assert_int_equal (job->urgency, 31);
    assert_true (job->priority == 4294967295); /* the next priority event says */
    apply (job, (struct event){ .type = EV_PROLOG_START, .description = "p" });
    apply (job, (struct event){ .type = EV_ALLOC });
    assert_true (job->alloc_event);
    assert_int_equal (job->prologs, 1);
    apply (job, (struct event){ .type = EV_PROLOG_FINISH, .description = "p" });
    apply (job, (struct event){ .type = EV_PROLOG_FINISH, .description = "p" });
    assert_int_equal (job->prologs, 0); /* never below */
    apply (job, (struct event){ .type = EV_START });
    apply (job, (struct event){ .type = EV_RESOURCE_UPDATE, .expiration = 77. });
    assert_true (job->expiration_updated && job->expiration == 77.);
    apply (job, (struct event){ .type = EV_RELEASE, .ranks = "0" });
    assert_false (job->released);
    apply (job, (struct event){ .type = EV_FINISH, .status = 0x100 });
    assert_int_equal (job->wait_status, 0x100);
    apply (job, (struct event){ .type = EV_RELEASE, .ranks = "1", .final = true });
    apply (job, (struct event){ .type = EV_RELEASE, .ranks = "0" });
    assert_true (job->released); /* once final, final */
    apply (job, (struct event){ .type = EV_EPILOG_START, .description = "e" });
    apply (job, (struct event){ .type = EV_EPILOG_START, .description = "f" });
    apply (job, (struct event){ .type = EV_EPILOG_FINISH, .description = "e" });
    assert_int_equal (job->epilogs, 1);
    apply (job, (struct event){ .type = EV_FREE });
    assert_true (job->freed);
    apply (job, (struct event){ .type = EV_CLEAN });
    assert_int_equal (job->state, FLUX_JOB_STATE_INACTIVE);
    drop (job);
}

/* RFC 21: severity 0 ends the job, all else is a remark; the first that ends it says
 * why. */
static void exceptions (void **state)
{
    struct job *job = job_in (4);

    for (int severity = 1; severity < 8; severity++)
        apply (job, (struct event){ .type = EV_EXCEPTION,
                                    .exception = "remark",
                                    .severity = severity });
    assert_int_equal (job->state, FLUX_JOB_STATE_RUN);
    assert_null (job->exception);
    apply (job, (struct event){ .type = EV_EXCEPTION, .exception = "timeout" });
    assert_int_equal (job->state, FLUX_JOB_STATE_CLEANUP);
    assert_string_equal (job->exception_note, "");
    apply (job, (struct event){
                    .type = EV_EXCEPTION, .exception = "cancel", .note = "me, too" });
    assert_string_equal (job->exception, "timeout");
    drop (job);
}

/* A timestamp that is earlier does not turn the job's time back. */
static void time_goes_on (void **state)
{
    struct job *job = job_in (4);

    apply (job, (struct event){ .type = EV_URGENCY, .timestamp = 10. });
    apply (job, (struct event){ .type = EV_URGENCY, .timestamp = 9. });
    assert_true (job->t_last == 10.);
    drop (job);
}

/* ---- annotations and memos ---- */

static void merge (struct job *job, enum event_type type, const char *text)
{
    json_t *o = json_loads (text, 0, NULL);
    json_t *context = type == EV_MEMO ? o : json_pack ("{s:o}", "annotations", o);
    char *before = json_dumps (context, JSON_SORT_KEYS), *after;

    assert_non_null (o);
    apply (job, (struct event){ .type = type, .context = context });
    after = json_dumps (context, JSON_SORT_KEYS);
    assert_string_equal (before, after);
    free (before);
    free (after);
    json_decref (context);
}

static void assert_annotations (struct job *job, const char *want)
{
    json_t *o = json_loads (want, 0, NULL);
    char *s = json_dumps (job->annotations, JSON_COMPACT);

    if (!json_equal (job->annotations, o))
        fail_msg ("%s is not %s", s, want);
    free (s);
    json_decref (o);
}

/* RFC 27: an annotation is set anew, null removes it, tables are merged. */
static void annotations (void **state)
{
    struct job *job = job_in (3);

    merge (job, EV_ANNOTATIONS, "{\"sched\":{\"a\":1,\"b\":{\"c\":2}}}");
    merge (job, EV_ANNOTATIONS, "{\"sched\":{\"b\":{\"d\":3},\"e\":4}}");
    assert_annotations (job, "{\"sched\":{\"a\":1,\"b\":{\"c\":2,\"d\":3},\"e\":4}}");
    merge (job, EV_ANNOTATIONS,
           "{\"sched\":{\"a\":null,\"b\":{\"c\":null},\"z\":null}}");
    assert_annotations (job, "{\"sched\":{\"b\":{\"d\":3},\"e\":4}}");
    merge (job, EV_ANNOTATIONS, "{\"sched\":{\"b\":5,\"e\":{\"f\":6}}}");
    assert_annotations (job, "{\"sched\":{\"b\":5,\"e\":{\"f\":6}}}");
    merge (job, EV_ANNOTATIONS, "{\"sched\":null}");
    assert_annotations (job, "{}");
    drop (job);
}

/* null removes, however deep and whether there is something or not: it is never a
 * value. */
static void null_is_no_value (void **state)
{
    struct job *job = job_in (3);

    merge (job, EV_ANNOTATIONS, "{\"a\":{\"b\":{\"c\":null,\"d\":1},\"e\":null}}");
    assert_annotations (job, "{\"a\":{\"b\":{\"d\":1}}}");
    drop (job);
}

/* What came is the sender's (a message's payload is never changed), even if a later
 * event merges into it. */
static void not_shared (void **state)
{
    struct job *job = job_in (3);
    json_t *first = json_pack ("{s:{s:{s:i}}}", "annotations", "a", "b", 1);
    json_t *memo = json_pack ("{s:{s:i}}", "a", "b", 1);
    json_t *copy = json_deep_copy (first), *memo_copy = json_deep_copy (memo);

    apply (job, (struct event){ .type = EV_ANNOTATIONS, .context = first });
    merge (job, EV_ANNOTATIONS, "{\"a\":{\"b\":2,\"c\":3}}");
    assert_true (json_equal (first, copy));
    apply (job, (struct event){ .type = EV_MEMO, .context = memo });
    merge (job, EV_MEMO, "{\"a\":{\"b\":2,\"c\":3}}");
    assert_true (json_equal (memo, memo_copy));
    json_decref (first);
    json_decref (copy);
    json_decref (memo);
    json_decref (memo_copy);
    drop (job);
}

/* RFC 21: a memo is kept below "user", which goes with the last. */
static void memos (void **state)
{
    struct job *job = job_in (3);

    merge (job, EV_MEMO, "{\"x\":1,\"y\":{\"z\":2}}");
    merge (job, EV_ANNOTATIONS, "{\"sched\":{\"a\":1}}");
    merge (job, EV_MEMO, "{\"x\":null,\"y\":{\"w\":3}}");
    assert_annotations (job,
                        "{\"user\":{\"y\":{\"z\":2,\"w\":3}},\"sched\":{\"a\":1}}");
    merge (job, EV_MEMO, "{\"y\":null}");
    assert_annotations (job, "{\"sched\":{\"a\":1}}");
    /* a scheduler that calls something of its own so does not cost the memo */
    merge (job, EV_ANNOTATIONS, "{\"user\":\"joe\"}");
    merge (job, EV_MEMO, "{\"x\":1}");
    assert_annotations (job, "{\"user\":{\"x\":1},\"sched\":{\"a\":1}}");
    drop (job);
}

static void updates (void **state)
{
    struct job *job = job_in (3);
    json_t *a = json_pack ("{s:i s:i}", "attributes.system.duration", 1, "x", 1);
    json_t *b = json_pack ("{s:i}", "x", 2);
    json_t *want = json_pack ("{s:i s:i}", "attributes.system.duration", 1, "x", 2);

    apply (job, (struct event){ .type = EV_JOBSPEC_UPDATE, .context = a });
    apply (job, (struct event){ .type = EV_JOBSPEC_UPDATE, .context = b });
    assert_true (json_equal (job->updates, want));
    json_decref (a);
    json_decref (b);
    json_decref (want);
    drop (job);
}

/* ---- text ---- */

static void assert_same (const struct event *a, const struct event *b)
{
    assert_string_equal (event_name (a), event_name (b));
    assert_int_equal (a->type, b->type);
    assert_true (a->timestamp == b->timestamp);
    switch (a->type) {
    case EV_SUBMIT:
        assert_int_equal (a->flags, b->flags);
        /* fall through */
    case EV_URGENCY:
        assert_int_equal (a->urgency, b->urgency);
        assert_int_equal (a->userid, b->userid);
        break;
    case EV_PRIORITY:
        assert_true (a->priority == b->priority);
        break;
    case EV_PROLOG_FINISH:
    case EV_EPILOG_FINISH:
        assert_int_equal (a->status, b->status);
        /* fall through */
    case EV_PROLOG_START:
    case EV_EPILOG_START:
    case EV_DEPENDENCY_ADD:
    case EV_DEPENDENCY_REMOVE:
        assert_string_equal (a->description, b->description);
        break;
    case EV_FINISH:
        assert_int_equal (a->status, b->status);
        break;
    case EV_RELEASE:
        assert_string_equal (a->ranks, b->ranks);
        assert_int_equal (a->final, b->final);
        break;
    case EV_EXCEPTION:
        assert_string_equal (a->exception, b->exception);
        assert_string_equal (a->note, b->note);
        assert_int_equal (a->severity, b->severity);
        assert_int_equal (a->userid, b->userid);
        break;
    case EV_RESOURCE_UPDATE:
        assert_true (a->expiration == b->expiration);
        break;
    default:
        break;
    }
}

static void round_trip (void **state)
{
    static const uint32_t users[] = { 0, 7, 0x7fffffff, 0x80000000, 0xfffffffd };

    for (int i = 0; i <= EV_OTHER; i++) {
        for (size_t u = 0; u < sizeof (users) / sizeof (users[0]); u++) {
            bool with = i == EV_MEMO || i == EV_JOBSPEC_UPDATE || i == EV_SET_FLAGS
                        || i == EV_OTHER || i == EV_ANNOTATIONS;
            json_t *context = with ? json_pack ("{s:[i]}", "x", 1) : NULL, *entry;
            struct event ev = some_event (i, context), got;
            struct buf b = BUF_INIT;
            flux_error_t error = { { 0 } };
            ev.userid = users[u];
            ev.description = ev.note = ev.exception = "\"\\\n\x01\xc3\xa9";
            ev.ranks = "0,[\"";
            ev.final = u % 2;
            ev.severity = u;
            ev.priority = u == 0 ? 0 : 4294967295;
            ev.expiration = u == 0 ? 0. : 1763686000.1234567;
            ev.text = i == EV_ALLOC && u % 2 ? "{\"sched\":{}}" : NULL;
            assert_int_equal (event_encode (&b, &ev), 0);
            assert_int_equal (b.data[b.len - 1], '\n');
            assert_ptr_equal (strchr (b.data, '\n'), b.data + b.len - 1);
            assert_non_null (entry = json_loads (b.data, 0, NULL));
            if (event_decode (entry, &got, &error) < 0)
                fail_msg ("%s: %s", b.data, error.text);
            assert_same (&ev, &got);
            if (with)
                assert_true (json_equal (got.context, context));
            json_decref (entry);
            json_decref (context);
            buf_fini (&b);
        }
    }
}

/* Six digits, whatever the time. */
/* A plugin may say anything, and what was cut may end in the middle of a character: the
 * log is read again all the same, and says as much as can be kept. */
static void texts_are_repaired (void **state)
{
    static const struct {
        const char *said, *kept;
    } t[] = {
        { "caf\xc3\xa9", "caf\xc3\xa9" },
        { "caf\xc3", "caf" },
        { "\xff!", "?!" },
        { "\x80\"\xf0\x9f", "?\"" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        const struct event evs[] = {
            { .type = EV_EXCEPTION, .exception = "x", .note = t[i].said },
            { .type = EV_EXCEPTION, .exception = t[i].said },
            { .type = EV_PROLOG_START, .description = t[i].said },
            { .type = EV_EPILOG_FINISH, .description = t[i].said },
            { .type = EV_DEPENDENCY_ADD, .description = t[i].said },
            { .type = EV_RELEASE, .ranks = t[i].said },
            { .type = EV_OTHER, .name = t[i].said },
        };
        for (size_t j = 0; j < sizeof (evs) / sizeof (evs[0]); j++) {
            struct buf b = BUF_INIT;
            flux_error_t error;
            struct event ev;
            assert_int_equal (event_encode (&b, &evs[j]), 0);
            json_t *o = json_loadb (b.data, b.len, 0, NULL);
            if (!o)
                fail_msg ("cannot be read: %s", b.data);
            assert_int_equal (event_decode (o, &ev, &error), 0);
            const char *got = ev.type == EV_RELEASE     ? ev.ranks
                              : ev.type == EV_OTHER     ? ev.name
                              : ev.type != EV_EXCEPTION ? ev.description
                              : j == 0                  ? ev.note
                                                        : ev.exception;
            assert_string_equal (got, t[i].kept);
            json_decref (o);
            buf_fini (&b);
        }
    }
}

/* What a waiter is told of a job's end: it fits, and is UTF-8. */
static void why_it_failed (void **state)
{
    static const struct {
        int status;
        const char *text;
    } t[] = {
        { 0, "" },
        { 1 << 8, "task(s) exited with exit code 1" },
        { 128 << 8, "task(s) exited with exit code 128" },
        { (128 + SIGTERM) << 8, "task(s) Terminated" },
        { 255 << 8, "task(s) exited with exit code 255" },
        { SIGKILL, "task(s) Killed" },
        { SIGSEGV | 0x80, "task(s) Segmentation fault" },
    };
    struct job *job = job_create ();
    char buf[160], note[500];

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        job->wait_status = t[i].status;
        job_error_text (job, buf, sizeof (buf));
        assert_string_equal (buf, t[i].text);
    }
    job->exception = strdup ("x");
    job_error_text (job, buf, sizeof (buf));
    assert_string_equal (buf, "Fatal exception type=x ");
    for (int shift = 0; shift < 3; shift++) { /* cut at each byte of a character */
        size_t n = snprintf (note, sizeof (note), "%.*s", shift, "ab");
        while (n + 3 < sizeof (note))
            n += sprintf (note + n, "\xe2\x82\xac");
        job->exception_note = note;
        job_error_text (job, buf, sizeof (buf));
        assert_true (utf8_valid (buf, strlen (buf)));
        assert_true (strlen (buf) >= sizeof (buf) - 3);
    }
    job->exception_note = NULL;
    job_destroy (job);
}

static void timestamps (void **state)
{
    static const struct {
        double t;
        const char *want;
    } list[] = {
        { 0., "{\"timestamp\":0.000000," },
        { 0.0000004, "{\"timestamp\":0.000000," },
        { 0.9999996, "{\"timestamp\":1.000000," },
        { 1763686000.25, "{\"timestamp\":1763686000.250000," },
        { 9e9, "{\"timestamp\":9000000000.000000," },
    };

    for (size_t i = 0; i < sizeof (list) / sizeof (list[0]); i++) {
        struct event ev = { .type = EV_DEPEND, .timestamp = list[i].t };
        struct buf b = BUF_INIT;
        assert_int_equal (event_encode (&b, &ev), 0);
        assert_int_equal (strncmp (b.data, list[i].want, strlen (list[i].want)), 0);
        assert_string_equal (b.data + strlen (list[i].want), "\"name\":\"depend\"}\n");
        buf_fini (&b);
    }
}

/* A log that somebody damaged: an entry is refused, with its name. */
static void malformed (void **state)
{
    static const struct {
        const char *entry, *why;
    } bad[] = {
        { "{}", "no eventlog entry" },
        { "{\"timestamp\":1}", "no eventlog entry" },
        { "{\"timestamp\":\"1\",\"name\":\"depend\"}", "no eventlog entry" },
        { "{\"timestamp\":1,\"name\":1}", "no eventlog entry" },
        { "{\"timestamp\":1,\"name\":\"submit\"}", "event submit: " },
        { "{\"timestamp\":1,\"name\":\"submit\",\"context\":{\"userid\":1}}",
          "event submit: " },
        { "{\"timestamp\":1,\"name\":\"priority\",\"context\":{\"priority\":\"1\"}}",
          "event priority: " },
        { "{\"timestamp\":1,\"name\":\"urgency\",\"context\":[]}", "event urgency: " },
        { "{\"timestamp\":1,\"name\":\"finish\",\"context\":{}}", "event finish: " },
        { "{\"timestamp\":1,\"name\":\"finish\",\"context\":null}", "event finish: " },
        { "{\"timestamp\":1,\"name\":\"release\",\"context\":{\"ranks\":\"all\"}}",
          "event release: " },
        { "{\"timestamp\":1,\"name\":\"release\",\"context\":{\"ranks\":1,\"final\":"
          "true}}",
          "event release: " },
        { "{\"timestamp\":1,\"name\":\"exception\",\"context\":{\"type\":\"x\"}}",
          "event exception: " },
        { "{\"timestamp\":1,\"name\":\"dependency-add\",\"context\":{}}",
          "event dependency-add: " },
        { "{\"timestamp\":1,\"name\":\"prolog-finish\",\"context\":{\"description\":"
          "\"x\"}}",
          "event prolog-finish: " },
        { "{\"timestamp\":1,\"name\":\"memo\"}", "event memo: " },
        { "{\"timestamp\":1,\"name\":\"memo\",\"context\":[1]}", "event memo: " },
        { "{\"timestamp\":1,\"name\":\"resource-update\",\"context\":{}}",
          "event resource-update: " },
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        json_t *o = json_loads (bad[i].entry, 0, NULL);
        flux_error_t error = { { 0 } };
        struct event ev;
        assert_non_null (o);
        errno = 0;
        if (event_decode (o, &ev, &error) == 0)
            fail_msg ("%s is taken", bad[i].entry);
        assert_int_equal (errno, EINVAL);
        if (strncmp (error.text, bad[i].why, strlen (bad[i].why)) != 0)
            fail_msg ("%s: %s", bad[i].entry, error.text);
        json_decref (o);
    }
}

static void names (void **state)
{
    for (int i = 0; i < EV_OTHER; i++) {
        struct event ev = { .type = i };
        assert_int_equal (event_type_of (event_name (&ev)), i);
    }
    assert_int_equal (event_type_of ("debug.free-request"), EV_OTHER);
    assert_int_equal (event_type_of ("Submit"), EV_OTHER);
    assert_int_equal (event_type_of (""), EV_OTHER);
}

/* Any events in any order: who is inactive stays so, R is never had without alloc, and a
 * job that is told to clean up never runs again. */
static void at_random (void **state)
{
    for (unsigned int seed = 1; seed <= 2000; seed++) {
        struct job *job = job_in (0);
        srand (seed);
        for (int step = 0; step < 200; step++) {
            flux_job_state_t before = job->state;
            json_t *context = json_object ();
            struct event ev = some_event (rand () % (EV_OTHER + 1), context);
            flux_error_t error;
            /* most jobs live a little */
            ev.severity = rand () % 16 ? 1 : 0;
            ev.timestamp = rand () % 1000;
            if (event_apply (job, &ev, &error) < 0)
                assert_int_equal (job->state, before);
            else
                assert_true (before != FLUX_JOB_STATE_INACTIVE);
            if (job->state < before)
                assert_true (ev.type == EV_FLUX_RESTART
                             && before == FLUX_JOB_STATE_SCHED);
            if (job->state == FLUX_JOB_STATE_RUN)
                assert_true (job->alloc_event && job->validated && job->priority >= 0);
            assert_true (job->prologs >= 0 && job->epilogs >= 0);
            json_decref (context);
        }
        drop (job);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (pairs),
        cmocka_unit_test (refused_changes_nothing),
        cmocka_unit_test (facts),
        cmocka_unit_test (exceptions),
        cmocka_unit_test (time_goes_on),
        cmocka_unit_test (annotations),
        cmocka_unit_test (null_is_no_value),
        cmocka_unit_test (not_shared),
        cmocka_unit_test (memos),
        cmocka_unit_test (updates),
        cmocka_unit_test (round_trip),
        cmocka_unit_test (texts_are_repaired),
        cmocka_unit_test (why_it_failed),
        cmocka_unit_test (timestamps),
        cmocka_unit_test (malformed),
        cmocka_unit_test (names),
        cmocka_unit_test (at_random),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
