/* Frames: cut from a stream, joined from pieces, written so that each write is atomic. */
#include "base/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/shell/protocol.h"

static struct frame_reader reader;

static void add (const char *text)
{
    assert_int_equal (frame_reader_add (&reader, text, strlen (text)), 0);
}

static void next_is (char type, bool more, uint64_t id, const char *text)
{
    struct frame f;

    assert_int_equal (frame_reader_next (&reader, &f), 1);
    assert_int_equal (f.type, type);
    assert_int_equal (f.more, more);
    assert_true (f.id == id);
    assert_int_equal (f.len, strlen (text));
    assert_string_equal (f.text, text);
}

static void next_is_none (void)
{
    struct frame f;

    assert_int_equal (frame_reader_next (&reader, &f), 0);
}

/* known: whose it was, 0 if nobody can tell. */
static void next_is_malformed (uint64_t known)
{
    struct frame f;

    errno = 0;
    assert_int_equal (frame_reader_next (&reader, &f), -1);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (f.id_known, known != 0);
    if (known)
        assert_true (f.id == known);
}

static void end (void)
{
    next_is_none ();
    frame_reader_compact (&reader);
    assert_int_equal (reader.buf.len, 0);
    frame_reader_fini (&reader);
}

static void test_reader (void **state)
{
    next_is_none ();
    add ("o 7 text\n+o 18446744073709551615 a b \nX 7 0\nB 7 \nD 7\n");
    next_is ('o', false, 7, "text");
    next_is ('o', true, UINT64_MAX, "a b ");
    next_is ('X', false, 7, "0");
    next_is ('B', false, 7, "");
    next_is ('D', false, 7, "");
    end ();
    for (const char *p = "o 7 text\ns 8 \n"; *p; p++) { /* byte by byte */
        char one[2] = { *p };
        add (one);
        if (*p != '\n') {
            next_is_none ();
            frame_reader_compact (&reader);
        } else if (p[1])
            next_is ('o', false, 7, "text");
        else
            next_is ('s', false, 8, "");
    }
    end ();
}

/* What is no frame is skipped; what comes behind it is not. */
static void test_malformed (void **state)
{
    static const struct {
        const char *line;
        uint64_t known;
    } tab[] = {
        { "\n", 0 },       { "nonsense\n", 0 }, { "o\n", 0 },       { "o \n", 0 },
        { "o x\n", 0 },    { "o -7 x\n", 0 },   { "++o 7 x\n", 0 }, { "1 7 x\n", 0 },
        { "+ 7 x\n", 0 },  { "o7 x\n", 0 },     { "o 7x\n", 7 },    { "+o 9:\n", 9 },
        { "o  7 x\n", 0 }, { "\t\n", 0 },
    };

    for (size_t i = 0; i < sizeof (tab) / sizeof (tab[0]); i++) {
        add ("o 1 before\n");
        add (tab[i].line);
        add ("o 1 behind\n");
        next_is ('o', false, 1, "before");
        next_is_malformed (tab[i].known);
        next_is ('o', false, 1, "behind");
        end ();
    }
}

/* Keys and values have NUL in them. */
static void test_binary (void **state)
{
    struct buf b = BUF_INIT;
    struct frame f;

    assert_int_equal (frame_append (&b, 'b', 7, "k\0v\0\nx", 6), 0);
    assert_int_equal (frame_reader_add (&reader, b.data, b.len), 0);
    assert_int_equal (frame_reader_next (&reader, &f), 1);
    assert_int_equal (f.len, 6);
    assert_memory_equal (f.text, "k\0v\0 x", 6); /* a newline would end it */
    buf_fini (&b);
    end ();
}

static struct frame_pieces pieces;

static int join (char type, bool more, const char *text, const char *expect)
{
    struct frame f = { .type = type, .more = more, .text = text, .len = strlen (text) };
    struct buf whole = BUF_INIT;
    int rc = frame_join (&pieces, &f, 10, &whole);

    if (expect) {
        assert_int_equal (rc, 1);
        assert_int_equal (f.len, strlen (expect));
        assert_memory_equal (f.text, expect, f.len);
    }
    buf_fini (&whole);
    return rc;
}

static void test_join (void **state)
{
    join ('o', false, "whole", "whole");
    assert_int_equal (join ('o', true, "in ", NULL), 0);
    assert_int_equal (join ('o', true, "pie", NULL), 0);
    join ('o', false, "ces", "in pieces");
    join ('o', false, "", "");
    frame_pieces_fini (&pieces);
}

/* Too long a frame is dropped to its end, and the next is as good as ever. */
static void test_join_too_long (void **state)
{
    assert_int_equal (join ('b', true, "12345678", NULL), 0);
    errno = 0;
    assert_int_equal (join ('b', true, "123", NULL), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_int_equal (join ('b', true, "1", NULL), 0);
    assert_int_equal (join ('b', false, "1", NULL), 0);
    join ('b', false, "next", "next");
    /* the last piece is the one too much */
    assert_int_equal (join ('b', true, "12345678", NULL), 0);
    assert_int_equal (join ('b', false, "123", NULL), -1);
    join ('b', false, "next", "next");
    frame_pieces_fini (&pieces);
}

/* Something of it was no frame; or its shell was killed, and the server says so. */
static void test_join_lost (void **state)
{
    assert_int_equal (join ('o', true, "begun", NULL), 0);
    frame_pieces_drop (&pieces);
    assert_int_equal (join ('o', false, "rest", NULL), 0);
    join ('o', false, "next", "next");
    frame_pieces_drop (&pieces); /* nothing had begun */
    join ('o', false, "next", "next");
    assert_int_equal (join ('o', true, "begun", NULL), 0);
    join ('X', false, "9", "9");
    join ('o', false, "next", "next");
    frame_pieces_fini (&pieces);
}

/* Writes frames of every length around the limit of a write, and reads them back. */
static void test_writer (void **state)
{
    static char text[3 * FRAME_MAX];
    struct frame_writer w;
    int fd[2];

    memset (text, 'x', sizeof (text));
    for (size_t len = FRAME_TEXT_MAX - 20; len < sizeof (text);
         len += len < FRAME_MAX ? 1 : 997) {
        struct buf got = BUF_INIT;
        struct frame f;
        int rc;
        char *tmp = malloc (sizeof (text) * 2);

        assert_int_equal (pipe (fd), 0);
        frame_writer_init (&w, fd[1], 123456789);
        assert_int_equal (frame_write (&w, 's', "", 0), 0);
        assert_int_equal (frame_write (&w, 'o', text, len), 0);
        assert_int_equal (frame_write (&w, 'X', "0", 1), 0);
        assert_true (w.len > 0); /* it waits for more */
        assert_int_equal (frame_flush (&w), 0);
        close (fd[1]);
        ssize_t n = read (fd[0], tmp, sizeof (text) * 2);
        close (fd[0]);
        assert_int_equal (frame_reader_add (&reader, tmp, n), 0);
        free (tmp);
        next_is ('s', false, 123456789, "");
        do {
            assert_int_equal (rc = frame_reader_next (&reader, &f), 1);
            assert_int_equal (f.type, 'o');
            assert_true (f.len <= FRAME_MAX);
            buf_add (&got, f.text, f.len);
        } while (f.more);
        assert_int_equal (got.len, len);
        buf_fini (&got);
        next_is ('X', false, 123456789, "0");
        end ();
    }
}

/* Nobody reads any more: an error, once and again, and nothing piles up. */
static void test_writer_gone (void **state)
{
    struct frame_writer w;
    int fd[2];

    assert_int_equal (pipe (fd), 0);
    close (fd[0]);
    signal (SIGPIPE, SIG_IGN);
    frame_writer_init (&w, fd[1], 7);
    assert_int_equal (frame_write (&w, 'o', "x", 1), 0);
    assert_int_equal (frame_flush (&w), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (w.len, 0);
    assert_int_equal (frame_flush (&w), 0);
    close (fd[1]);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_reader),        cmocka_unit_test (test_malformed),
        cmocka_unit_test (test_binary),        cmocka_unit_test (test_join),
        cmocka_unit_test (test_join_too_long), cmocka_unit_test (test_join_lost),
        cmocka_unit_test (test_writer),        cmocka_unit_test (test_writer_gone),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
