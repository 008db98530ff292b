/* What systemd is told (sd_notify(3)), and that an attribute which cannot be honoured
 * ends the start with a line. */
#include "base/test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/lifecycle/notify.h"

static void assert_text (enum broker_state state, int rank, double stop,
                         const char *want)
{
    char text[128];

    assert_int_equal (notify_text (text, sizeof (text), state, rank, stop),
                      strlen (want));
    assert_string_equal (text, want);
}

/* Ready is said once: rank 0 when its services are there, others before they look for a
 * parent that may be down for long. Only what ends asks for more time. */
static void texts (void **state)
{
    assert_text (STATE_JOIN, 0, -1., "STATUS=join");
    assert_text (STATE_JOIN, 3, -1., "READY=1\nSTATUS=join");
    assert_text (STATE_INIT, 0, 5., "STATUS=init");
    assert_text (STATE_QUORUM, 0, 5., "READY=1\nSTATUS=quorum");
    assert_text (STATE_QUORUM, 3, 5., "STATUS=quorum");
    assert_text (STATE_RUN, 0, 5., "STATUS=run");
    assert_text (STATE_CLEANUP, 0, -1., "STOPPING=1\nSTATUS=cleanup");
    assert_text (STATE_CLEANUP, 0, 2.5,
                 "STOPPING=1\nSTATUS=cleanup\nEXTEND_TIMEOUT_USEC=2500000");
    assert_text (STATE_SHUTDOWN, 1, 0.,
                 "STOPPING=1\nSTATUS=shutdown\nEXTEND_TIMEOUT_USEC=0");
    assert_text (STATE_EXIT, 0, -1., "STOPPING=1\nSTATUS=exit");
    for (int rank = 0; rank < 2; rank++) {
        int ready = 0;
        for (int s = 0; s < STATE_COUNT; s++) {
            char text[128];
            int n = notify_text (text, sizeof (text), s, rank, 86400.);
            assert_true (n > 0 && n < (int)sizeof (text));
            ready += strncmp (text, "READY=1\n", 8) == 0;
            assert_int_equal (strstr (text, "STOPPING=1") != NULL, s >= STATE_CLEANUP);
        }
        assert_int_equal (ready, 1);
    }
}

static int init (struct broker *b, const char *notify, const char *timeout,
                 const char *socket, flux_error_t *error)
{
    *b = (struct broker){ .attrs = attrs_create () };
    attrs_put (b->attrs, "broker.sd-notify", notify, -1);
    attrs_put (b->attrs, "broker.sd-stop-timeout", timeout, -1);
    if (socket)
        setenv ("NOTIFY_SOCKET", socket, 1);
    else
        unsetenv ("NOTIFY_SOCKET");
    return notify_init (b, error);
}

static void fini (struct broker *b)
{
    notify_fini (b);
    attrs_destroy (b->attrs);
}

static void off (void **state)
{
    flux_error_t error = { { 0 } };
    struct broker b;

    assert_int_equal (init (&b, NULL, "none", "/run/x", &error), 0);
    assert_null (b.notify);
    assert_string_equal (getenv ("NOTIFY_SOCKET"), "/run/x");
    notify_state (&b, STATE_RUN); /* means nothing */
    notify_progress (&b);
    fini (&b);
    assert_int_equal (init (&b, "0", NULL, NULL, &error), 0);
    fini (&b);
}

static void refused (void **state)
{
    static const struct {
        const char *notify, *timeout, *socket, *why;
    } bad[] = {
        { NULL, "5s", "/run/x", "broker.sd-stop-timeout: needs broker.sd-notify=1" },
        { "0", "5s", "/run/x", "broker.sd-stop-timeout: needs broker.sd-notify=1" },
        { "1", "none", NULL, "broker.sd-notify: NOTIFY_SOCKET is not set" },
        { "1", "none", "", "broker.sd-notify: NOTIFY_SOCKET is no name" },
        { "1", "none", "/", "broker.sd-notify: NOTIFY_SOCKET is no name" },
        { "1", "none", "@", "broker.sd-notify: NOTIFY_SOCKET is no name" },
        { "1", "none", "run/x", "broker.sd-notify: NOTIFY_SOCKET is no name" },
        { "1", "none", "vsock:1:2", "broker.sd-notify: NOTIFY_SOCKET is no name" },
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        flux_error_t error = { { 0 } };
        struct broker b;
        assert_int_equal (
            init (&b, bad[i].notify, bad[i].timeout, bad[i].socket, &error), -1);
        assert_int_equal (errno, EINVAL);
        if (strncmp (error.text, bad[i].why, strlen (bad[i].why)) != 0)
            fail_msg ("%s", error.text);
        fini (&b);
    }
}

/* A socket in the file system and an abstract one get what was said, in order; one that
 * has gone costs nothing. */
static void sockets (void **state)
{
    char dir[] = "/tmp/notify_test.XXXXXX", name[64], text[256];

    assert_non_null (mkdtemp (dir));
    for (int abstract = 0; abstract < 2; abstract++) {
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        flux_error_t error = { { 0 } };
        struct broker b;
        int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ssize_t n;
        snprintf (name, sizeof (name), "%s%s/s", abstract ? "@" : "", dir);
        memcpy (addr.sun_path, name, strlen (name));
        if (abstract)
            addr.sun_path[0] = '\0';
        assert_int_equal (
            bind (fd, (struct sockaddr *)&addr,
                  offsetof (struct sockaddr_un, sun_path) + strlen (name)),
            0);
        assert_int_equal (init (&b, "1", "3s", name, &error), 0);
        assert_null (getenv ("NOTIFY_SOCKET")); /* not for what the broker starts */
        notify_state (&b, STATE_QUORUM);
        b.state = STATE_RUN;
        notify_progress (&b); /* not before the end */
        b.state = STATE_SHUTDOWN;
        notify_progress (&b);
        assert_true ((n = recv (fd, text, sizeof (text) - 1, MSG_DONTWAIT)) > 0);
        text[n] = '\0';
        assert_string_equal (text, "READY=1\nSTATUS=quorum");
        assert_true ((n = recv (fd, text, sizeof (text) - 1, MSG_DONTWAIT)) > 0);
        text[n] = '\0';
        assert_string_equal (text, "STOPPING=1\nSTATUS=shutdown\n"
                                   "EXTEND_TIMEOUT_USEC=3000000");
        assert_true (recv (fd, text, sizeof (text), MSG_DONTWAIT) < 0);
        close (fd);
        notify_state (&b, STATE_EXIT);
        fini (&b);
    }
    snprintf (name, sizeof (name), "%s/s", dir);
    unlink (name);
    assert_int_equal (rmdir (dir), 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (texts),
        cmocka_unit_test (off),
        cmocka_unit_test (refused),
        cmocka_unit_test (sockets),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
