#include "base/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/sweep.h"
#include "core/subprocess/command.h"
#include "core/subprocess/io.h"

static void check_io (const char *data, size_t len, bool eof, const char *expect)
{
    struct buf b = BUF_INIT;
    struct io io;

    io_append (&b, "stdout", "0", data, len, eof);
    assert_string_equal (b.data, expect);
    json_t *o = json_loads (b.data, 0, NULL);
    assert_int_equal (io_decode (o, &io), 0);
    assert_string_equal (io.stream, "stdout");
    assert_string_equal (io.rank, "0");
    assert_int_equal (io.len, len);
    if (len)
        assert_memory_equal (io.data, data, len);
    assert_int_equal (io.eof, eof);
    free (io.data);
    json_decref (o);
    buf_fini (&b);
}

static void test_io (void **state)
{
    check_io ("hi\n", 3, false,
              "{\"stream\":\"stdout\",\"rank\":\"0\",\"data\":\"hi\\n\"}");
    check_io (NULL, 0, true, "{\"stream\":\"stdout\",\"rank\":\"0\",\"eof\":true}");
    check_io ("\"\\\t\r\1\x7f", 6, true,
              "{\"stream\":\"stdout\",\"rank\":\"0\",\"data\":"
              "\"\\\"\\\\\\t\\r\\u0001\x7f\",\"eof\":true}");
    check_io ("\xff\0x", 3, false,
              "{\"stream\":\"stdout\",\"rank\":\"0\",\"data\":\"/wB4\","
              "\"encoding\":\"base64\"}");
    check_io ("\xc3\xa4", 2, false,
              "{\"stream\":\"stdout\",\"rank\":\"0\",\"data\":\"\xc3\xa4\"}");
}

static void test_io_bad (void **state)
{
    static const char *bad[] = {
        "{}",
        "[]",
        "{\"stream\":\"a\",\"rank\":\"0\"}",
        "{\"stream\":\"a\",\"rank\":0,\"eof\":true}",
        "{\"stream\":\"a\",\"rank\":\"0\",\"data\":1}",
        "{\"stream\":\"a\",\"rank\":\"0\",\"data\":\"!\",\"encoding\":\"base64\"}",
        "{\"stream\":\"a\",\"rank\":\"0\",\"data\":\"x\",\"encoding\":\"latin1\"}",
    };
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        struct io io;
        json_t *o = json_loads (bad[i], 0, NULL);
        assert_int_equal (io_decode (o, &io), -1);
        assert_int_equal (errno, EPROTO);
        json_decref (o);
    }
}

static int encode_and_decode (void)
{
    json_t *o = io_encode ("stdout", "0", "\xff\0", 2, true);
    struct io io = { 0 };
    int rc = o ? io_decode (o, &io) : -1;
    int saved = errno;

    free (io.data);
    json_decref (o);
    errno = saved;
    return rc;
}

static int encode_and_decode_command (void)
{
    char *argv[] = { (char *)"a", NULL }, *env[] = { (char *)"B=c", NULL };
    flux_cmd_t *cmd = flux_cmd_create (1, argv, env), *back = NULL;
    json_t *o;
    int rc = -1, saved;

    if (cmd && (o = cmd_encode (cmd))) {
        if ((back = cmd_decode (o)))
            rc = flux_cmd_getenv (back, "B") ? 0 : -1;
        json_decref (o);
    }
    saved = errno;
    flux_cmd_destroy (cmd);
    flux_cmd_destroy (back);
    errno = saved;
    return rc;
}

static void test_no_memory (void **state)
{
    assert_in_range (json_sweep (encode_and_decode), 4, 100);
    assert_in_range (json_sweep (encode_and_decode_command), 10, 200);
}

static void test_prefix (void **state)
{
    assert_int_equal (utf8_prefix ("abc", 3, 10), 3);
    assert_int_equal (utf8_prefix ("abcdef", 6, 4), 4);
    assert_int_equal (utf8_prefix ("ab\xc3\xa4g", 5, 3), 2);
    assert_int_equal (utf8_prefix ("\x80\x80\x80\x80\x80\x80", 6, 4), 4);
    assert_int_equal (utf8_prefix ("", 0, 4), 0);
}

static void test_cmd (void **state)
{
    char *argv[] = { (char *)"a", (char *)"b c", NULL };
    char *env[] = { (char *)"X=1", (char *)"Y=a=b", NULL };
    flux_cmd_t *cmd = flux_cmd_create (2, argv, env);

    assert_non_null (cmd);
    assert_int_equal (flux_cmd_argv_appendf (cmd, "%d", 7), 0);
    assert_int_equal (flux_cmd_setenvf (cmd, 1, "X", "%s", "2"), 0);
    assert_int_equal (flux_cmd_setenvf (cmd, 0, "X", "3"), -1);
    assert_int_equal (errno, EEXIST);
    assert_int_equal (flux_cmd_setenvf (cmd, 0, "A=B", "3"), -1);
    assert_int_equal (flux_cmd_setcwd (cmd, "/tmp"), 0);
    assert_int_equal (flux_cmd_setopt (cmd, "stdin_BUFSIZE", "5"), 0);
    assert_int_equal (flux_cmd_add_channel (cmd, "PMI_FD"), 0);
    assert_int_equal (flux_cmd_add_channel (cmd, "PMI_FD"), -1);
    assert_int_equal (flux_cmd_add_message_channel (cmd, "CHAN", "loop://"), 0);
    assert_int_equal (flux_cmd_set_label (cmd, "me"), 0);

    json_t *o = cmd_encode (cmd);
    assert_non_null (o);
    flux_cmd_t *copy = cmd_decode (o);
    assert_non_null (copy);
    json_t *o2 = cmd_encode (copy);
    assert_true (json_equal (o, o2));
    assert_string_equal (flux_cmd_getenv (copy, "X"), "2");
    assert_string_equal (flux_cmd_getenv (copy, "Y"), "a=b");
    assert_null (flux_cmd_getenv (copy, "Z"));
    assert_string_equal (flux_cmd_arg (copy, 2), "7");
    assert_null (flux_cmd_arg (copy, 3));
    const char *uri;
    assert_int_equal (cmd_msgchan_count (copy), 1);
    assert_string_equal (cmd_msgchan (copy, 0, &uri), "CHAN");
    assert_string_equal (uri, "loop://");
    char *s = flux_cmd_stringify (copy);
    assert_string_equal (s, "a b c 7");
    free (s);
    flux_cmd_unsetenv (copy, "X");
    assert_null (flux_cmd_getenv (copy, "X"));
    assert_int_equal (flux_cmd_argv_delete (copy, 0), 0);
    assert_int_equal (flux_cmd_argv_delete (copy, 2), -1);
    assert_int_equal (flux_cmd_argc (copy), 2);
    json_decref (o);
    json_decref (o2);
    flux_cmd_destroy (cmd);
    flux_cmd_destroy (copy);
}

static void test_cmd_bad (void **state)
{
    static const char *bad[] = {
        "{}",
        "{\"cmdline\":{},\"env\":{}}",
        "{\"cmdline\":[1],\"env\":{}}",
        "{\"cmdline\":[\"a\"],\"env\":[]}",
        "{\"cmdline\":[\"a\"],\"env\":{\"A\":1}}",
        "{\"cmdline\":[\"a\"],\"env\":{\"A=\":\"1\"}}",
        "{\"cmdline\":[\"a\"],\"env\":{},\"channels\":[2]}",
        "{\"cmdline\":[\"a\"],\"env\":{},\"opts\":{\"x\":1}}",
        "{\"cmdline\":[\"a\"],\"env\":{},\"cwd\":1}",
        "{\"cmdline\":[\"a\"],\"env\":{},\"msgchans\":{}}",
        "{\"cmdline\":[\"a\"],\"env\":{},\"msgchans\":[{\"name\":\"A\"}]}",
        "{\"cmdline\":[\"a\"],\"env\":{},\"msgchans\":[{\"name\":\"\",\"uri\":\"x\"}]}",
    };
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        json_t *o = json_loads (bad[i], 0, NULL);
        assert_null (cmd_decode (o));
        assert_int_equal (errno, EPROTO);
        json_decref (o);
    }
}

static void commands_are_edited (void **state)
{
    char *env[] = { (char *)"A=1", NULL },
         *other[] = { (char *)"B=2", (char *)"C=3", NULL };
    flux_cmd_t *cmd = flux_cmd_create (0, NULL, env);

    assert_int_equal (flux_cmd_argv_insert (cmd, 1, "x"), -1);
    assert_int_equal (flux_cmd_argv_insert (cmd, -1, "x"), -1);
    assert_int_equal (flux_cmd_argv_insert (cmd, 0, "c"), 0);
    assert_int_equal (flux_cmd_argv_insert (cmd, 0, "a"), 0);
    assert_int_equal (flux_cmd_argv_insert (cmd, 1, "b"), 0);
    assert_int_equal (flux_cmd_argv_insert (cmd, 3, "d"), 0);
    assert_int_equal (flux_cmd_argc (cmd), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal (flux_cmd_arg (cmd, i)[0], 'a' + i);
    assert_int_equal (flux_cmd_env_replace (cmd, other), 0);
    assert_null (flux_cmd_getenv (cmd, "A"));
    assert_string_equal (flux_cmd_getenv (cmd, "C"), "3");
    assert_int_equal (flux_cmd_env_replace (cmd, NULL), 0);
    assert_null (flux_cmd_getenv (cmd, "C"));
    assert_null (flux_cmd_get_label (cmd));
    flux_cmd_set_label (cmd, "me");
    assert_string_equal (flux_cmd_get_label (cmd), "me");
    flux_cmd_destroy (cmd);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (commands_are_edited), cmocka_unit_test (test_io),
        cmocka_unit_test (test_io_bad),         cmocka_unit_test (test_no_memory),
        cmocka_unit_test (test_prefix),         cmocka_unit_test (test_cmd),
        cmocka_unit_test (test_cmd_bad),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
