#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/text/toml.h"
#include "broker/boot/bootstrap.h"

static struct bootstrap *decode (const char *toml, flux_error_t *error)
{
    struct toml_error e;
    json_t *o = toml_decode (toml, strlen (toml), &e);
    struct bootstrap *bs;

    assert_non_null (o);
    bs = bootstrap_decode (o, error);
    json_decref (o);
    return bs;
}

static void refuse (const char *toml, const char *word)
{
    flux_error_t error = { "" };

    assert_null (decode (toml, &error));
    assert_int_equal (errno, EINVAL);
    if (!strstr (error.text, word))
        fail_msg ("'%s' does not say '%s'", error.text, word);
}

/* The first example of the manual. */
static void hosts_with_addresses (void **state)
{
    flux_error_t error;
    struct bootstrap *bs =
        decode ("curve_cert = '/etc/flux/system/curve.cert'\n"
                "hosts = [ { host='foo', bind='tcp://eth0:9001',\n"
                "  connect='tcp://10.0.1.1:9001' }, { host='bar' } ]\n",
                &error);

    assert_non_null (bs);
    assert_int_equal (bootstrap_size (bs), 2);
    assert_int_equal (bootstrap_rank (bs, "foo"), 0);
    assert_int_equal (bootstrap_rank (bs, "bar.example.com"), 1);
    assert_int_equal (bootstrap_rank (bs, "baz"), -1);
    assert_string_equal (bs->entries[0].bind, "tcp://eth0:9001");
    assert_string_equal (bs->entries[0].connect, "tcp://10.0.1.1:9001");
    assert_null (bs->entries[1].bind);
    assert_string_equal (bs->curve_cert, "/etc/flux/system/curve.cert");
    assert_false (bs->enable_ipv6);
    bootstrap_destroy (bs);
}

/* A parent may come later; none is rank 0. */
static void parents_are_found_by_name (void **state)
{
    flux_error_t error;
    struct bootstrap *bs =
        decode ("hosts = [ { host='a' }, { host='b[0-1]', parent='c' },"
                " { host='c' } ]",
                &error);
    static const int expected[] = { 0, 3, 3, 0 };

    assert_non_null (bs);
    assert_true (bs->custom);
    assert_memory_equal (bs->parents, expected, sizeof (expected));
    bootstrap_destroy (bs);
    bs = decode ("hosts = [ { host='a[0-1]' } ]", &error);
    assert_false (bs->custom);
    bootstrap_destroy (bs);
}

/* The second example. */
static void defaults_are_filled_in (void **state)
{
    flux_error_t error;
    struct bootstrap *bs = decode (
        "curve_cert = '/c'\ndefault_port = 8050\ndefault_bind = 'tcp://en0:%p'\n"
        "default_connect = 'tcp://e%h:%p'\nenable_ipv6 = true\n"
        "hosts = [ { host='test0', bind='tcp://en4:9001', "
        "connect='tcp://test-mgmt:9001' },\n"
        "  { host = 'test[1-1023]' } ]\n",
        &error);

    assert_non_null (bs);
    assert_int_equal (bootstrap_size (bs), 1024);
    assert_int_equal (bootstrap_rank (bs, "test1023"), 1023);
    assert_string_equal (bs->entries[0].connect, "tcp://test-mgmt:9001");
    assert_string_equal (bs->entries[3].bind, "tcp://en0:8050");
    assert_string_equal (bs->entries[3].connect, "tcp://etest3:8050");
    assert_true (bs->enable_ipv6);
    bootstrap_destroy (bs);
}

static void without_hosts_one_is_alone (void **state)
{
    flux_error_t error;
    struct bootstrap *bs = decode ("", &error), *empty = decode ("hosts = []", &error);

    assert_int_equal (bootstrap_size (bs), 1);
    assert_int_equal (bootstrap_rank (bs, "any"), 0);
    assert_int_equal (bootstrap_size (empty), 1);
    bootstrap_destroy (bs);
    bootstrap_destroy (empty);
    bootstrap_destroy (NULL);
}

static void mistakes_are_named (void **state)
{
    refuse ("host = 'a'", "host");
    refuse ("default_port = 'x'", "default_port");
    refuse ("default_port = 0", "default_port");
    refuse ("default_port = 65536", "default_port");
    refuse ("default_port = 4294975346", "default_port"); /* 8050 in 32 bits */
    refuse ("hosts = 'a'", "hosts");
    refuse ("hosts = [ 'a' ]", "hosts[0]");
    refuse ("hosts = [ { bind = 'tcp://a:1' } ]", "host");
    refuse ("hosts = [ { host = 'a', port = 1 } ]", "port");
    refuse ("hosts = [ { host = 'a[' } ]", "not a list");
    refuse ("hosts = [ { host = '' } ]", "not a list");
    refuse ("hosts = [ { host = 'a' }, { host = 'b,a' } ]", "a is listed twice");
    refuse ("hosts = [ { host = 'a', parent = 'b' }, { host = 'b' } ]", "rank 0");
    refuse ("hosts = [ { host = 'a' }, { host = 'b', parent = 'c' } ]", "c is not");
    refuse ("hosts = [ { host = 'a', bind = 'tcp://a' } ]", "bind");
    refuse ("hosts = [ { host = 'a', bind = 'tcp://a:' } ]", "port");
    refuse ("hosts = [ { host = 'a', bind = 'tcp://a:*' } ]", "port");
    refuse ("hosts = [ { host = 'a', bind = 'http://a:5' } ]", "tcp://");
    refuse ("hosts = [ { host = 'a', connect = 'tcp://a:99999' } ]", "connect");
    refuse ("hosts = [ { host = 'a', bind = 'tcp://a:%p' } ]", "default_port");
    refuse ("hosts = [ { host = 'a', bind = 'tcp://%x:1' } ]", "%x");
    refuse ("hosts = [ { host = 'a', bind = 'tcp://a:1%' } ]", "%");
    refuse ("hosts = [ { host = 'a[0-1]', bind='tcp://*:1', connect='tcp://a:1' } ]",
            "one address");
}

#define PUB "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define SEC "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
static const char *text =
    "#  a comment\n\nmetadata\n    name = \"x\"\n"
    "    public-key = \"in another section, so it is not meant\"\n"
    "curve\n    public-key = \"" PUB "\"\n"
    "    secret-key = \"" SEC "\"\n";

static void certificates_are_read (void **state)
{
    struct cert cert;
    flux_error_t error;

    assert_int_equal (cert_decode (&cert, text, &error), 0);
    assert_string_equal (cert.public_key, PUB);
    assert_string_equal (cert.secret_key, SEC);
    assert_int_equal (cert_decode (&cert, "", &error), -1);
    assert_int_equal (cert_decode (&cert, "curve\n", &error), -1);
    assert_int_equal (cert_decode (&cert, "curve\n public-key = \"short\"\n", &error),
                      -1);
    assert_int_equal (cert_decode (&cert, "curve\n public-key = \"" PUB "\"\n", &error),
                      -1);
    assert_non_null (strstr (error.text, "secret-key"));
    assert_int_equal (cert_decode (&cert, "curve\n public-key = \"" PUB, &error), -1);
}

static void a_file_that_others_can_read_is_none (void **state)
{
    char path[] = "/tmp/bootstrap-test.XXXXXX";
    struct cert cert;
    flux_error_t error;
    int fd = mkstemp (path);

    assert_int_equal (write (fd, text, strlen (text)), strlen (text));
    assert_int_equal (cert_read (&cert, path, &error), 0);
    assert_int_equal (fchmod (fd, 0640), 0);
    assert_int_equal (cert_read (&cert, path, &error), -1);
    assert_non_null (strstr (error.text, "chmod 600"));
    assert_non_null (strstr (error.text, path));
    assert_int_equal (cert_read (&cert, "/tmp", &error), -1);
    assert_int_equal (cert_read (&cert, "/nonexistent", &error), -1);
    assert_int_equal (ftruncate (fd, 10), 0);
    assert_int_equal (fchmod (fd, 0600), 0);
    assert_int_equal (cert_read (&cert, path, &error), -1);
    unlink (path);
    close (fd);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (hosts_with_addresses),
        cmocka_unit_test (defaults_are_filled_in),
        cmocka_unit_test (parents_are_found_by_name),
        cmocka_unit_test (without_hosts_one_is_alone),
        cmocka_unit_test (mistakes_are_named),
        cmocka_unit_test (certificates_are_read),
        cmocka_unit_test (a_file_that_others_can_read_is_none),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
