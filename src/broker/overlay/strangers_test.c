#include "base/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/overlay/strangers.h"

static void too_many (void **state)
{
    struct strangers *s = strangers_create (2);

    assert_int_equal (strangers_add (s, 10), -1);
    assert_int_equal (strangers_add (s, 11), -1);
    assert_int_equal (strangers_add (s, 12), 10); /* the first has to go */
    strangers_remove (s, 10);
    assert_int_equal (strangers_count (s), 2);
    strangers_remove (s, 11); /* it is known now */
    strangers_remove (s, 11);
    assert_int_equal (strangers_add (s, 13), -1);
    assert_int_equal (strangers_add (s, 14), 12);
    strangers_destroy (s);
}

/* The number is used again before anybody has heard of its end. */
static void same_number (void **state)
{
    struct strangers *s = strangers_create (2);

    strangers_add (s, 10);
    strangers_add (s, 11);
    assert_int_equal (strangers_add (s, 10), -1);
    assert_int_equal (strangers_count (s), 2);
    assert_int_equal (strangers_add (s, 12), 11);
    strangers_destroy (s);
}

static int listen_at (struct sockaddr_in *addr)
{
    socklen_t len = sizeof (*addr);
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *addr = (struct sockaddr_in){ .sin_family = AF_INET };
    addr->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    assert_int_equal (bind (fd, (struct sockaddr *)addr, len), 0);
    assert_int_equal (listen (fd, 8), 0);
    assert_int_equal (getsockname (fd, (struct sockaddr *)addr, &len), 0);
    return fd;
}

static void greedy (void **state)
{
    struct strangers *s = strangers_create (10);
    struct sockaddr_in addr;
    int listener = listen_at (&addr), from[3], to[3];
    char block[4096] = { 0 };

    for (int i = 0; i < 3; i++) {
        from[i] = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal (connect (from[i], (struct sockaddr *)&addr, sizeof (addr)),
                          0);
        assert_true ((to[i] = accept (listener, NULL, NULL)) >= 0);
        strangers_add (s, to[i]);
    }
    assert_int_equal (send (from[0], block, 300, 0), 300);
    assert_int_equal (strangers_greedy (s, 3), -1);
    for (size_t n = 0; n <= STRANGER_BYTES; n += sizeof (block)) {
        assert_int_equal (send (from[1], block, sizeof (block), 0), sizeof (block));
        /* That it was read is no excuse. */
        assert_int_equal (recv (to[1], block, sizeof (block), MSG_WAITALL),
                          sizeof (block));
    }
    /* In turn: the first and the second, the third and the first, the second. */
    assert_int_equal (strangers_greedy (s, 2), to[1]);
    assert_int_equal (strangers_greedy (s, 2), -1);
    assert_int_equal (strangers_greedy (s, 1), to[1]);
    strangers_remove (s, to[1]);
    assert_int_equal (strangers_greedy (s, 10), -1);
    for (int i = 0; i < 3; i++) {
        close (from[i]);
        close (to[i]);
    }
    close (listener);
    strangers_destroy (s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (too_many),
        cmocka_unit_test (same_number),
        cmocka_unit_test (greedy),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
