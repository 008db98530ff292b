/* What address a broker has: loopback is the one that is there anywhere. */
#include "broker/overlay/address.h"

#include "base/test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void found (const char *hint, bool v6, const char *expected)
{
    char buf[ADDRESS_SIZE];
    flux_error_t error = { { 0 } };

    if (address_find (hint, v6, buf, &error) < 0)
        fail_msg ("%s: %s", hint, error.text);
    assert_string_equal (buf, expected);
}

static void not_found (const char *hint, const char *why)
{
    char buf[ADDRESS_SIZE];
    flux_error_t error = { { 0 } };

    assert_int_equal (address_find (hint, false, buf, &error), -1);
    if (!strstr (error.text, why))
        fail_msg ("%s: '%s', not '%s'", hint, error.text, why);
}

static void named (void **state)
{
    found ("lo", false, "127.0.0.1");
    found ("127.0.0.0/8", false, "127.0.0.1");
    found ("127.255.255.255/8", true, "127.0.0.1"); /* a network is one of IPv4 */
    not_found ("nosuch0", "no interface 'nosuch0'");
    not_found ("203.0.113.0/24", "no interface within '203.0.113.0/24'");
    not_found ("127.0.0.0/33", "is no network");
    not_found ("127.0.0.0/0", "is no network");
    not_found ("127.0.0.0/8x", "is no network");
    not_found ("127.0.0/8", "is no network");
    not_found ("127.0.0.0.0.0.0.0.0.0/8", "is no network");
}

/* Whatever this machine has: an address, which is none of loopback if another one is. */
static void chosen (void **state)
{
    static const char *const hints[] = { NULL, "default-route", "hostname" };
    char buf[ADDRESS_SIZE], plain[ADDRESS_SIZE];
    struct in_addr a;
    struct in6_addr a6;
    flux_error_t error;

    for (int i = 0; i < 3; i++) {
        assert_int_equal (address_find (hints[i], false, plain, &error), 0);
        assert_int_equal (inet_pton (AF_INET, plain, &a), 1);
        assert_int_equal (address_find (hints[i], true, buf, &error), 0);
        if (buf[0] != '[') {
            assert_string_equal (buf, plain); /* there is no IPv6 */
            continue;
        }
        assert_int_equal (buf[strlen (buf) - 1], ']');
        buf[strlen (buf) - 1] = '\0';
        assert_int_equal (inet_pton (AF_INET6, buf + 1, &a6), 1);
        assert_false (IN6_IS_ADDR_LINKLOCAL (&a6));
    }
}

static void environment (void **state)
{
    unsetenv ("FLUX_IPADDR_INTERFACE");
    unsetenv ("FLUX_IPADDR_HOSTNAME");
    unsetenv ("FLUX_IPADDR_V6");
    assert_null (address_hint ());
    assert_false (address_prefers_v6 ());
    setenv ("FLUX_IPADDR_HOSTNAME", "", 1);
    setenv ("FLUX_IPADDR_V6", "", 1);
    assert_string_equal (address_hint (), "hostname");
    assert_true (address_prefers_v6 ());
    setenv ("FLUX_IPADDR_INTERFACE", "eth7", 1);
    assert_string_equal (address_hint (), "eth7");
    setenv ("FLUX_IPADDR_INTERFACE", "", 1);
    assert_string_equal (address_hint (), "hostname");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (named),
        cmocka_unit_test (chosen),
        cmocka_unit_test (environment),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
