/* What another user's shell may say. */
#include "base/test.h"

#include <stdio.h>
#include <string.h>

#include "modules/job-exec/servers/guest_frames.h"

#define RECORD "{\"rank\":0,\"output_window\":1000,\"size\":1} {\"jobspec\":{}}"
#define ENTRY "{\"timestamp\":1.0,\"name\":\"data\",\"context\":{}}"
#define MB (1024 * 1024)

static const char *say (struct guest_frames *g, char type, const char *text)
{
    return guest_frames_check (g, type, text, strlen (text), 1.);
}

static void what_makes_sense (void **state)
{
    static const struct {
        char type;
        const char *text;
    } fine[] = { { 'r', "" },
                 { 's', "" },
                 { 's', ENTRY },
                 { 'e', ENTRY },
                 { 't', ENTRY },
                 { 'o', ENTRY },
                 { 'l', "a line" },
                 { 'x', "{\"type\":\"exec\",\"severity\":0,\"note\":\"n\"}" },
                 { 'c', "12" },
                 { 'a', "0" },
                 { 'w', "1 2 {}" },
                 { 'p', "17" },
                 { 'T', "1 0" },
                 { 'v', "1000.5 2.5" },
                 { 'X', "256" } },
      bad[] = { { 'A', "1 2 3" },
                { 'N', "never" },
                { 'Z', "" },
                { 'H', "" },
                { 'M', "" },
                { 'm', "" },
                { 'y', "" },
                { 'S', "{}" },
                { 'e', "" },
                { 'e', "{" },
                { 'e', "[1]" },
                { 'e', "{\"name\":\"data\"}" },
                { 'e', "{\"timestamp\":1.0,\"name\":\"done\"}" },
                { 't', "{\"timestamp\":1.0,\"name\":\"complete\"}" },
                { 's', "{\"timestamp\":1.0,\"name\":\"shell-exit\"}" },
                { 'o', "text" },
                { 'x', "{\"type\":\"exec\",\"severity\":99}" },
                { 'x', "{\"type\":\"exec\",\"severity\":-1}" },
                { 'x', "{\"type\":\"\",\"severity\":0}" },
                { 'x', "{\"type\":\"a b\",\"severity\":0}" },
                { 'x', "no" },
                { 'c', "" },
                { 'c', "-1" },
                { 'a', "12345678901234567890" },
                { 'T', "" },
                { 'T', "1 -1" },
                { 'v', "nan" },
                { '\0', "" },
                { 'X', "" },
                { 'X', "0x" } };
    struct guest_frames g;

    guest_frames_init (&g, RECORD, strlen (RECORD));
    assert_int_equal (g.window, 1000);
    for (size_t i = 0; i < sizeof (fine) / sizeof (fine[0]); i++)
        assert_null (say (&g, fine[i].type, fine[i].text));
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_string_equal (say (&g, bad[i].type, bad[i].text),
                             "malformed frame from");
}

static void a_barrier_ends_before_the_next (void **state)
{
    struct guest_frames g;

    guest_frames_init (&g, RECORD, strlen (RECORD));
    assert_null (say (&g, 'b', "k"));
    assert_non_null (say (&g, 'b', "k"));
    guest_frames_sent (&g, 'B', "k", 1);
    assert_null (say (&g, 'b', "k"));
}

static void output_has_a_window (void **state)
{
    struct guest_frames g;
    char text[64];
    int n = 0;

    guest_frames_init (&g, RECORD, strlen (RECORD));
    g.output = 64 * MB;
    while (!say (&g, 'o', ENTRY))
        n++;
    assert_in_range (n, 10, 30);
    snprintf (text, sizeof (text), "%d 0", 65 * MB);
    guest_frames_sent (&g, 'C', text, strlen (text));
    assert_int_equal (g.output, 0);
    assert_null (say (&g, 'o', ENTRY));
    guest_frames_sent (&g, 'C', "-5", 2);
    assert_null (say (&g, 'w', "0 1 {}"));
}

/* However often it gets credit. */
static void what_is_kept_has_a_bound (void **state)
{
    struct guest_frames g;

    guest_frames_init (&g, RECORD, strlen (RECORD));
    assert_null (say (&g, 'o', ENTRY));
    assert_null (say (&g, 'w', "0 0 {}")); /* for a file of the user's own */
    assert_int_equal (g.stored, strlen (ENTRY));
    guest_frames_sent (&g, 'C', "1000000", 7);
    assert_int_equal (g.stored, strlen (ENTRY));
    g.stored = GUEST_STORED_MAX - 2 * strlen (ENTRY);
    assert_null (say (&g, 'e', ENTRY));
    assert_null (say (&g, 'o', ENTRY));
    assert_string_equal (say (&g, 'o', ENTRY), "more output than is kept from");
}

static void other_talk_is_slow (void **state)
{
    struct guest_frames g;
    int n = 0;

    guest_frames_init (&g, RECORD, strlen (RECORD));
    while (!guest_frames_check (&g, 'l', "x", 1, 5.))
        n++;
    assert_in_range (n, 10000, 20000);
    assert_string_equal (guest_frames_check (&g, 'e', ENTRY, strlen (ENTRY), 5.),
                         "too many messages from");
    assert_null (guest_frames_check (&g, 'X', "0", 1, 5.));
    assert_null (guest_frames_check (&g, 'l', "x", 1, 6.));
    for (n = 0; n < 100000; n++) { /* an answer costs nothing */
        guest_frames_sent (&g, 'i', "0123456789", 10);
        assert_null (guest_frames_check (&g, 'c', "10", 2, 6.));
    }
    for (n = 0; !guest_frames_check (&g, 'c', "10", 2, 6.); n++)
        ;
    assert_in_range (n, 0, 20000); /* nobody has asked */
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_makes_sense),
        cmocka_unit_test (a_barrier_ends_before_the_next),
        cmocka_unit_test (output_has_a_window),
        cmocka_unit_test (what_is_kept_has_a_bound),
        cmocka_unit_test (other_talk_is_slow),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
