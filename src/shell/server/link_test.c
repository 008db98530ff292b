/* The socket that brokers come to, and how long a server waits for one. */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/shell/protocol.h"
#include "shell/server/link.h"
#include "shell/shell.h"

static char dir[64];
static int epoll_fd, input = -1;
static int killed, raised;

static void take_input (int fd)
{
    if (input >= 0)
        close (input);
    input = fd;
}

static void note_kill (uint64_t id)
{
    killed++;
}

static void note_raise (uint64_t id, const char *note)
{
    raised++;
}

static void renewed (void)
{
}

static const struct link_ops ops = {
    .input = take_input, .kill = note_kill, .raise = note_raise, .renewed = renewed
};

static void frame (char type, uint64_t id, const char *text)
{
    struct frame f = { .type = type, .id = id, .text = text, .len = strlen (text) };

    (void)link_frame (&f);
}

/* What is said goes to a file. */
static int begin (const char *path)
{
    int out = dup (1), nobody = open (path, O_RDWR | O_CLOEXEC);

    strcpy (dir, "/tmp/shell-link-XXXXXX");
    assert_non_null (mkdtemp (dir));
    assert_true (dup2 (nobody, 1) == 1);
    close (nobody);
    assert_true ((epoll_fd = epoll_create1 (EPOLL_CLOEXEC)) >= 0);
    killed = raised = 0;
    assert_int_equal (link_open (dir, epoll_fd, &ops), 0);
    return out;
}

/* A broker that starts a job, and is killed. */
static int begin_lost (const char *hello)
{
    int out = begin ("/dev/null");

    frame ('H', 0, hello);
    frame ('S', 1, "{\"rank\":0,\"output_window\":100} {}");
    assert_true (link_settle ());
    link_lost ();
    return out;
}

/* Standard output is that of the test again. */
static void end (int out)
{
    char path[80];

    link_close ();
    snprintf (path, sizeof (path), "%s/socket", dir);
    (void)unlink (path);
    take_input (-1);
    dup2 (out, 1);
    close (out);
    close (epoll_fd);
    assert_int_equal (rmdir (dir), 0);
}

static int come (void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf (addr.sun_path, sizeof (addr.sun_path), "%.60s/socket", dir);
    assert_int_equal (connect (fd, (struct sockaddr *)&addr, sizeof (addr)), 0);
    return fd;
}

static int turn (void)
{
    struct epoll_event e[8];
    int n = epoll_wait (epoll_fd, e, 8, 0);

    for (int i = 0; i < n; i++) {
        struct source *src = e[i].data.ptr;
        src->ready (NULL, src, e[i].events);
    }
    return n;
}

/* A broker that is not told what is said would wait for ever: it is told by the end. */
static void test_cannot_say (void **state)
{
    int out = begin ("/dev/full");

    assert_true (link_settle ());
    frame ('H', 0, "{\"token\":\"t\",\"timeout\":1000.0}");
    assert_false (link_settle ());
    end (out);
}

/* Who says nothing keeps neither a broker out nor a job alive. */
static void test_silent (void **state)
{
    int out = begin_lost ("{\"token\":\"t\",\"timeout\":1000.0}"), silent, broker, late;
    char answer[16] = "";

    silent = come ();
    assert_int_equal (turn (), 1);
    assert_true (input >= 0);
    assert_true (link_settle ());
    assert_true (link_deadline () > clock_monotonic () + 100.);
    broker = come ();
    assert_int_equal (turn (), 1);
    assert_int_equal (read (silent, answer, 1), 0); /* he has lost it */
    frame ('H', 0, "{\"token\":\"t\",\"timeout\":0.0}");
    assert_true (link_settle ());
    assert_int_equal (read (broker, answer, sizeof (answer)), 4);
    assert_string_equal (answer, "H 0\n");
    late = come ();
    assert_int_equal (turn (), 0);
    link_lost ();
    assert_int_equal (turn (), 1); /* now it is his turn, but he says nothing */
    assert_true (link_settle ());
    assert_int_equal (killed, 1);
    close (silent);
    close (broker);
    close (late);
    end (out);
}

/* When the time is over all is killed at once, and what does not end is looked at now and
 * then, not all the time. */
static void test_over (void **state)
{
    int out = begin_lost ("{\"token\":\"t\",\"timeout\":0.01}");
    double now, until;

    while (killed == 0) {
        assert_true (link_settle ());
        until = link_deadline ();
        while (killed == 0 && clock_monotonic () < until)
            ;
    }
    assert_int_equal (killed, 1);
    assert_int_equal (raised, 1);
    now = clock_monotonic ();
    assert_true (link_settle ());
    assert_true (link_deadline () > now);
    assert_int_equal (killed, 1);
    end (out);
}

/* Between two looks, too. */
static void test_over_between (void **state)
{
    int out = begin_lost ("{\"token\":\"t\",\"timeout\":0.01}");

    assert_true (link_settle ());
    while (clock_monotonic () < link_deadline ())
        ;
    assert_true (link_settle ());
    assert_int_equal (killed, 1);
    end (out);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_silent),
        cmocka_unit_test (test_cannot_say),
        cmocka_unit_test (test_over),
        cmocka_unit_test (test_over_between),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
