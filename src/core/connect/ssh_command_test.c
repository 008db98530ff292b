#include "base/test.h"

#include <errno.h>
#include <string.h>

#include "core/connect/ssh_command.h"

static void check (const char *rest, const char *const want[])
{
    struct ssh_command c;
    flux_error_t error = { "" };
    int i;

    assert_int_equal (ssh_command_init (&c, rest, "ssh", "/x/flux", &error), 0);
    for (i = 0; want[i]; i++)
        assert_string_equal (c.argv[i], want[i]);
    assert_null (c.argv[i]);
    ssh_command_fini (&c);
    ssh_command_fini (&c);
}

static void forms (void **state)
{
    check ("host/run/flux/local",
           (const char *[]){ "ssh", "host", "/x/flux relay '/run/flux/local'", NULL });
    check ("me@host:22/a/b", (const char *[]){ "ssh", "-p", "22", "me@host",
                                               "/x/flux relay '/a/b'", NULL });
    check ("[::1]/a", (const char *[]){ "ssh", "::1", "/x/flux relay '/a'", NULL });
    check ("me@[::1]:2222/a", (const char *[]){ "ssh", "-p", "2222", "me@::1",
                                                "/x/flux relay '/a'", NULL });
}

static void path_is_one_word (void **state)
{
    check ("h/a b;$(c)'d?local",
           (const char *[]){ "ssh", "h", "/x/flux relay '/a b;$(c)'\\''d'", NULL });
}

static void refuse (const char *rest, const char *why)
{
    struct ssh_command c;
    flux_error_t error = { "" };

    errno = 0;
    assert_int_equal (ssh_command_init (&c, rest, "ssh", "flux", &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (error.text, rest));
    assert_non_null (strstr (error.text, why));
    assert_null (c.argv[0]);
}

static void refuses (void **state)
{
    refuse ("host", "path is missing");
    refuse ("host/", "path is missing");
    refuse ("", "path is missing");
    refuse ("/path", "not a name of a host");
    refuse ("-oProxyCommand=x/path", "not a name of a host");
    refuse ("-l@host/path", "not a name of a host");
    refuse ("@host/path", "not a name of a host");
    refuse ("a b/path", "not a name of a host");
    refuse ("h:/path", "not a port");
    refuse ("h:x/path", "not a port");
    refuse ("h:123456/path", "not a port");
    refuse ("[::1/path", "']' is missing");
    refuse ("[::1]x/path", "only a port");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (forms),
        cmocka_unit_test (path_is_one_word),
        cmocka_unit_test (refuses),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
