#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "core/pmi/client.h"
#include "core/pmi/server.h"
#include "core/pmi/wire.h"

struct rec {
    char last[4][PMI_LINE_MAX];
    int count[4];
    int barriers;
    int abort_code;
    char abort_msg[64];
    int fds[4];
};

static void rec_respond (int client, const char *line, void *arg)
{
    struct rec *r = arg;

    snprintf (r->last[client], sizeof (r->last[client]), "%s", line);
    r->count[client]++;
    if (r->fds[client] > 0)
        assert_int_equal (write (r->fds[client], line, strlen (line)), strlen (line));
}

static void rec_barrier (struct pmi_server *s, void *arg)
{
    ((struct rec *)arg)->barriers++;
    pmi_server_barrier_done (s, 0);
}

static void rec_abort (int client, int exitcode, const char *msg, void *arg)
{
    struct rec *r = arg;

    r->abort_code = exitcode;
    snprintf (r->abort_msg, sizeof (r->abort_msg), "%s", msg);
}

static const struct pmi_server_ops ops = {
    .respond = rec_respond,
    .barrier = rec_barrier,
    .abort = rec_abort,
};

static void test_wire (void **state)
{
    char buf[16];
    int i;

    assert_true (pmi_wire_word ("a=1  cmd=get key=x\n", "cmd", buf, sizeof (buf)));
    assert_string_equal (buf, "get");
    assert_false (pmi_wire_word ("xcmd=get\n", "cmd", buf, sizeof (buf)));
    assert_true (pmi_wire_string ("cmd=put value=a b = c\n", "value", buf, 16));
    assert_string_equal (buf, "a b = c");
    assert_false (pmi_wire_word ("cmd=put value=a key=b\n", "key", buf, 16));
    assert_false (pmi_wire_word ("cmd=0123456789abcdef\n", "cmd", buf, sizeof (buf)));
    assert_true (pmi_wire_int ("rc=-1\n", "rc", &i));
    assert_int_equal (i, -1);
    assert_false (pmi_wire_int ("rc=1x\n", "rc", &i));
    assert_false (pmi_wire_int ("", "rc", &i));
}

static void test_words (void **state)
{
    static const struct {
        const char *s;
        int word, key, value; /* errno, or 0; in 4 bytes */
    } t[] = {
        { NULL, EINVAL, EINVAL, EINVAL },
        { "", EINVAL, EINVAL, 0 },
        { "abc", 0, 0, 0 },
        { "abcd", EMSGSIZE, EMSGSIZE, EMSGSIZE },
        { "a=b", 0, EINVAL, 0 },
        { "a b", EINVAL, EINVAL, 0 },
        { "a\tb", EINVAL, EINVAL, 0 },
        { "a\n", EINVAL, EINVAL, EINVAL },
        { "a b\n c", EINVAL, EINVAL, EINVAL }, /* that first */
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        errno = 0;
        assert_int_equal (pmi_wire_check_word (t[i].s, 4), t[i].word ? -1 : 0);
        assert_int_equal (errno, t[i].word);
        errno = 0;
        assert_int_equal (pmi_wire_check_key (t[i].s, 4), t[i].key ? -1 : 0);
        assert_int_equal (errno, t[i].key);
        errno = 0;
        assert_int_equal (pmi_wire_check_value (t[i].s, 4), t[i].value ? -1 : 0);
        assert_int_equal (errno, t[i].value);
    }
}

static void test_server (void **state)
{
    struct rec r = { 0 };
    struct pmi_server *s = pmi_server_create (&ops, &r, "kvs1", 2, 2, 7);
    const char *key, *value;
    int pos = 0;

    assert_non_null (s);
    assert_int_equal (
        pmi_server_request (s, 0, "cmd=init pmi_version=1 pmi_subversion=1\n"), 0);
    assert_string_equal (r.last[0],
                         "cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1\n");
    pmi_server_request (s, 0, "pmi_subversion=1   pmi_version=2 cmd=init\n");
    assert_non_null (strstr (r.last[0], "rc=-1"));
    pmi_server_request (s, 0, "cmd=get_appnum\n");
    assert_string_equal (r.last[0], "cmd=appnum rc=0 appnum=7\n");
    pmi_server_request (s, 0, "cmd=get_universe_size\n");
    assert_string_equal (r.last[0], "cmd=universe_size rc=0 size=2\n");

    pmi_server_request (s, 0, "cmd=put kvsname=kvs1 key=k value=a  b\n");
    assert_string_equal (r.last[0], "cmd=put_result rc=0\n");
    pmi_server_request (s, 0, "cmd=put kvsname=other key=k value=x\n");
    assert_non_null (strstr (r.last[0], "rc=-1"));
    assert_true (pmi_server_dirty (s, &pos, &key, &value));
    assert_string_equal (key, "k");
    assert_string_equal (value, "a  b");
    assert_false (pmi_server_dirty (s, &pos, &key, &value));

    pmi_server_request (s, 0, "cmd=barrier_in\n");
    assert_int_equal (r.barriers, 0);
    pmi_server_request (s, 1, "cmd=barrier_in\n");
    assert_int_equal (r.barriers, 1);
    assert_string_equal (r.last[0], "cmd=barrier_out rc=0\n");
    assert_string_equal (r.last[1], "cmd=barrier_out rc=0\n");
    pos = 0;
    assert_false (pmi_server_dirty (s, &pos, &key, &value));

    pmi_server_request (s, 1, "key=k cmd=get  kvsname=kvs1\n");
    assert_string_equal (r.last[1], "cmd=get_result rc=0 value=a  b\n");
    pmi_server_request (s, 1, "cmd=get kvsname=kvs1 key=nosuch\n");
    assert_null (strstr (r.last[1], "rc=0"));
    assert_int_equal (pmi_server_store (s, "k", "new"), 0);
    assert_string_equal (pmi_server_lookup (s, "k"), "new");

    pmi_server_request (s, 1, "cmd=abort exitcode=3 error_msg=so it goes\n");
    assert_int_equal (r.abort_code, 3);
    assert_string_equal (r.abort_msg, "so it goes");
    pmi_server_request (s, 1, "mcmd=spawn\n");
    pmi_server_request (s, 1, "nprocs=1\n");
    pmi_server_request (s, 1, "endcmd\n");
    assert_non_null (strstr (r.last[1], "cmd=spawn_result rc=-1"));
    pmi_server_request (s, 1, "cmd=finalize\n");
    assert_string_equal (r.last[1], "cmd=finalize_ack rc=0\n");

    errno = 0;
    assert_int_equal (pmi_server_request (s, 1, "hello\n"), -1);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (pmi_server_request (s, 1, "cmd=nosuch\n"), -1);
    assert_int_equal (pmi_server_request (s, 2, "cmd=get_appnum\n"), -1);
    pmi_server_destroy (s);
}

static int count_dirty (struct pmi_server *s)
{
    const char *key, *value;
    int pos = 0, n = 0;

    while (pmi_server_dirty (s, &pos, &key, &value))
        n++;
    return n;
}

/* What is put again before a barrier goes to the others once, as it is then. */
static void test_put_again (void **state)
{
    struct rec r = { 0 };
    struct pmi_server *s = pmi_server_create (&ops, &r, "kvs1", 2, 2, 0);
    const char *key, *value;
    int pos = 0;

    pmi_server_request (s, 0, "cmd=put kvsname=kvs1 key=k value=1\n");
    pmi_server_request (s, 1, "cmd=put kvsname=kvs1 key=other value=x\n");
    pmi_server_request (s, 1, "cmd=put kvsname=kvs1 key=k value=22\n");
    assert_int_equal (count_dirty (s), 2);
    assert_true (pmi_server_dirty (s, &pos, &key, &value));
    assert_string_equal (key, "k");
    assert_string_equal (value, "22");
    pmi_server_barrier_done (s, 0);
    assert_int_equal (count_dirty (s), 0);
    pmi_server_request (s, 0, "cmd=put kvsname=kvs1 key=k value=3\n");
    assert_int_equal (count_dirty (s), 1); /* news again */
    assert_int_equal (pmi_server_store (s, "peers", "y"), 0);
    assert_int_equal (count_dirty (s), 1); /* that is not */
    pmi_server_destroy (s);
}

/* Who puts without end is stopped; who only replaces what he has is not. */
static void test_bound (void **state)
{
    struct rec r = { 0 };
    struct pmi_server *s = pmi_server_create (&ops, &r, "kvs1", 1, 1, 0);
    char big[PMI_VALLEN_MAX];
    char key[16];
    int i;

    memset (big, 'x', sizeof (big) - 1);
    big[sizeof (big) - 1] = '\0';
    for (i = 0; i < 300000; i++)
        assert_int_equal (pmi_server_store (s, "same", big), 0);
    for (i = 0; i < 300000; i++) {
        snprintf (key, sizeof (key), "k%d", i);
        if (pmi_server_store (s, key, big) < 0)
            break;
    }
    assert_in_range (i, 200000, 262144);
    assert_int_equal (errno, ENOSPC);
    pmi_server_request (s, 0, "cmd=put kvsname=kvs1 key=k value=1\n");
    assert_string_equal (r.last[0], "cmd=put_result rc=0\n"); /* there is room for it */
    assert_string_equal (pmi_server_lookup (s, "same"), big);
    pmi_server_destroy (s);
}

/* What would be another line, or none, is not written. */
static void test_lines (void **state)
{
    char longest[PMI_VALLEN_MAX + 1], key[PMI_KEYLEN_MAX + 1];
    struct rec r = { 0 };
    struct pmi_server *s = pmi_server_create (&ops, &r, "kvs1", 1, 1, 0);
    struct {
        const char *key, *value;
    } bad[] = {
        { "k", "a\ncmd=barrier_out rc=0" },
        { "k", "a\n" },
        { "k\n", "v" },
        { "a b", "v" },
        { "", "v" },
        { "k", longest },
        { key, "v" },
    };

    memset (longest, 'v', sizeof (longest));
    longest[PMI_VALLEN_MAX] = '\0';
    memset (key, 'k', sizeof (key));
    key[PMI_KEYLEN_MAX] = '\0';
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        errno = 0;
        assert_int_equal (pmi_server_store (s, bad[i].key, bad[i].value), -1);
        assert_int_equal (errno, EINVAL);
    }
    longest[PMI_VALLEN_MAX - 1] = key[PMI_KEYLEN_MAX - 1] = '\0';
    assert_int_equal (pmi_server_store (s, "a=b", longest), 0);
    assert_int_equal (pmi_server_store (s, key, "v"), 0);
    pmi_server_request (s, 0, "cmd=get kvsname=kvs1 key=a=b\n");
    assert_int_equal (strcspn (r.last[0], "\n"), strlen (r.last[0]) - 1);
    pmi_server_destroy (s);
    assert_null (pmi_server_create (&ops, &r, "kvs\n1", 1, 1, 0));
}

/* Who is in a barrier cannot enter it again; the others are not disturbed. */
static void test_barrier_twice (void **state)
{
    struct rec r = { 0 };
    struct pmi_server *s = pmi_server_create (&ops, &r, "kvs1", 2, 2, 0);

    pmi_server_request (s, 0, "cmd=barrier_in\n");
    pmi_server_request (s, 0, "cmd=barrier_in\n");
    assert_string_equal (r.last[0], "cmd=barrier_out rc=-1\n");
    assert_int_equal (r.barriers, 0);
    pmi_server_request (s, 1, "cmd=barrier_in\n");
    assert_int_equal (r.barriers, 1);
    assert_string_equal (r.last[0], "cmd=barrier_out rc=0\n");
    assert_string_equal (r.last[1], "cmd=barrier_out rc=0\n");
    pmi_server_destroy (s);
}

/* What is not offered is refused, with the answer that belongs to it. */
static void test_refused (void **state)
{
    static const struct {
        const char *request, *answer;
    } tab[] = {
        { "cmd=put kvsname=kvs1 key=k\n", "cmd=put_result rc=-1" },
        { "cmd=put kvsname=kvs1 value=v\n", "cmd=put_result rc=-1" },
        { "cmd=put key=k value=v\n", "cmd=put_result rc=-1" },
        { "cmd=get kvsname=kvs1\n", "cmd=get_result rc=4" },
        { "cmd=get kvsname=other key=k\n", "cmd=get_result rc=4" },
        { "cmd=init pmi_version=2 pmi_subversion=0\n", "cmd=response_to_init rc=-1" },
        { "cmd=init\n", "cmd=response_to_init rc=-1" },
        { "cmd=publish_name service=x port=1\n", "cmd=publish_result rc=-1" },
        { "cmd=unpublish_name service=x\n", "cmd=unpublish_result rc=-1" },
        { "cmd=lookup_name service=x\n", "cmd=lookup_result rc=-1" },
    };
    struct rec r = { 0 };
    struct pmi_server *s = pmi_server_create (&ops, &r, "kvs1", 1, 1, 0);

    for (size_t i = 0; i < sizeof (tab) / sizeof (tab[0]); i++) {
        assert_int_equal (pmi_server_request (s, 0, tab[i].request), 0);
        assert_memory_equal (r.last[0], tab[i].answer, strlen (tab[i].answer));
    }
    assert_int_equal (count_dirty (s), 0);
    pmi_server_destroy (s);
    assert_null (pmi_server_create (&ops, &r, "kvs1", 1, 0, 0));
    assert_int_equal (errno, EINVAL);
}

/* A server thread for one client over a socketpair. */
static void *serve (void *arg)
{
    struct rec *r = arg;
    struct pmi_server *s = pmi_server_create (&ops, r, "kvs", 1, 1, 0);
    FILE *f = fdopen (r->fds[0], "r+");
    char line[PMI_LINE_MAX];

    assert_non_null (s);
    while (fgets (line, sizeof (line), f))
        if (pmi_server_request (s, 0, line) < 0)
            break;
    pmi_server_destroy (s);
    fclose (f);
    return NULL;
}

static void test_client (void **state)
{
    struct rec r = { 0 };
    struct pmi_client *c;
    flux_error_t error;
    pthread_t t;
    int sv[2];

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, sv), 0);
    r.fds[0] = sv[0];
    assert_int_equal (pthread_create (&t, NULL, serve, &r), 0);
    assert_non_null (c = pmi_client_open (sv[1], 0, 1, &error));
    assert_string_equal (pmi_client_kvsname (c), "kvs");
    assert_int_equal (pmi_client_put (c, "0", "{\"uri\":[\"ipc:///x\"]}", &error), 0);
    assert_int_equal (pmi_client_put (c, "a b", "x", &error), -1);
    assert_int_equal (pmi_client_put (c, "a", "x\ny", &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_null (pmi_client_get (c, "0\ncmd=abort", &error));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (pmi_client_barrier (c, &error), 0);
    assert_string_equal (pmi_client_get (c, "0", &error), "{\"uri\":[\"ipc:///x\"]}");
    assert_null (pmi_client_get (c, "1", &error));
    assert_int_equal (errno, ENOENT);
    assert_int_equal (pmi_client_finalize (c, &error), 0);
    assert_int_equal (pmi_client_abort (c, 3, "so\nit goes\n"), 0);
    pmi_client_close (c);
    close (sv[1]);
    pthread_join (t, NULL);
    assert_int_equal (r.abort_code, 3);
    assert_memory_equal (r.abort_msg, "so it goes", 10);
}

static void test_client_bad_server (void **state)
{
    flux_error_t error;
    int sv[2];

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, sv), 0);
    assert_int_equal (write (sv[0], "garbage\n", 8), 8);
    assert_null (pmi_client_open (sv[1], 0, 1, &error));
    assert_int_equal (errno, EPROTO);
    assert_non_null (strstr (error.text, "garbage"));
    assert_null (pmi_client_open (sv[1], 2, 1, &error));
    close (sv[0]);
    close (sv[1]);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_wire),
        cmocka_unit_test (test_words),
        cmocka_unit_test (test_server),
        cmocka_unit_test (test_put_again),
        cmocka_unit_test (test_bound),
        cmocka_unit_test (test_lines),
        cmocka_unit_test (test_barrier_twice),
        cmocka_unit_test (test_refused),
        cmocka_unit_test (test_client),
        cmocka_unit_test (test_client_bad_server),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
