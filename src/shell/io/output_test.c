/* Where output goes: entries, files, the leader; what is held back, cut and counted. */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "shell/plug.h"
#include "shell/shell.h"

#define TASKS 2

static struct buf said;
static struct shell sh;
static struct task tasks[TASKS];
static int fds[TASKS][2]; /* where the tasks write */
static char dir[] = "/tmp/output-test.XXXXXX";
const struct plug_ops *shell_plug;

/* --- what the loop would do --- */

json_t *shell_option (struct shell *s, const char *path)
{
    return json_object_get (s->jobspec.shell_options, path);
}

char *shell_render (struct shell *s, struct task *task, const char *template)
{
    const char *tag = strstr (template, "{{task.id}}");
    char *path;
    int rc = tag ? asprintf (&path, "%.*s%d", (int)(tag - template), template,
                             task ? task->rank : -1)
                 : asprintf (&path, "%s", template);

    return rc < 0 ? NULL : path;
}

bool shell_template_per_task (const char *template)
{
    return strstr (template, "{{task") != NULL;
}

bool shell_template_per_node (const char *template)
{
    return strstr (template, "{{node") != NULL;
}

static void say (const char *what, const char *fmt, va_list ap)
{
    char text[512];

    vsnprintf (text, sizeof (text), fmt, ap);
    buf_printf (&said, "%s:%s ", what, text);
}

void shell_fatal (struct shell *s, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    say ("fatal", fmt, ap);
    va_end (ap);
}

void shell_log (struct shell *s, int level, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    say ("log", fmt, ap);
    va_end (ap);
}

void shell_entry (struct buf *b, const char *name)
{
    buf_printf (b, "{\"%s\":", name);
}

void shell_send (struct shell *s, char type, struct buf *b)
{
    if (type == 'o' || type == 'w')
        credit_out_spend (&s->credit, b->len);
    buf_printf (&said, "%c%.*s ", type, (int)b->len, b->data);
}

int shell_watch (struct shell *s, struct source *src)
{
    buf_printf (&said, "watch(%d %d) ", src->task->rank, src->stream);
    return 0;
}

void shell_unwatch (struct shell *s, struct source *src)
{
    if (src->fd >= 0)
        close (src->fd);
    src->fd = -1;
}

bool shell_pty_gap (struct shell *s, struct task *task)
{
    return false;
}

static void expect (const char *text)
{
    assert_string_equal (said.data ? said.data : "", text);
    buf_fini (&said);
}

/* --- a shell with two tasks, and where they write --- */

static int set_up (void **state)
{
    memset (&sh, 0, sizeof (sh));
    memset (tasks, 0, sizeof (tasks));
    sh.tasks = tasks;
    sh.task_count = sh.ntasks = TASKS;
    sh.size = 1;
    sh.epoll_fd = -1;
    sh.output_window = 1000000;
    credit_out_init (&sh.credit, sh.output_window);
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){ .sh = &sh, .localid = i, .rank = i };
        snprintf (tasks[i].rank_str, sizeof (tasks[i].rank_str), "%d", i);
        for (int n = 0; n < 2; n++) {
            struct source *src = &tasks[i].streams[n].src;
            int fd[2];

            if (pipe2 (fd, O_NONBLOCK) < 0)
                return -1;
            *src = (struct source){ .fd = fd[0], .task = &tasks[i], .stream = n + 1 };
            fds[i][n] = fd[1];
            sh.streams_open++;
        }
    }
    strcpy (dir + strlen (dir) - 6, "XXXXXX");
    return mkdtemp (dir) ? 0 : -1;
}

static int tear_down (void **state)
{
    char command[64];

    shell_output_fini (&sh);
    for (int i = 0; i < TASKS; i++) {
        for (int n = 0; n < 2; n++) {
            struct stream *st = &tasks[i].streams[n];
            if (st->src.fd >= 0)
                close (st->src.fd);
            if (fds[i][n] >= 0)
                close (fds[i][n]);
            buf_fini (&st->buf);
        }
    }
    json_decref (sh.jobspec.shell_options);
    buf_fini (&sh.scratch);
    buf_fini (&said);
    snprintf (command, sizeof (command), "rm -r %s", dir);
    return system (command);
}

/* Values are strings, or objects with "DIR" for the folder of this test. */
static int begin (const char *options)
{
    struct buf b = BUF_INIT;

    for (const char *p = options, *tag; p; p = tag ? tag + 3 : NULL) {
        tag = strstr (p, "DIR");
        buf_add (&b, p, tag ? (size_t)(tag - p) : strlen (p));
        if (tag)
            buf_adds (&b, dir);
    }
    sh.jobspec.shell_options = json_loadb (b.data, b.len, 0, NULL);
    assert_non_null (sh.jobspec.shell_options);
    buf_fini (&b);
    return shell_output_init (&sh);
}

static void print (int task, int stream, const char *text)
{
    struct source *src = &tasks[task].streams[stream - 1].src;

    assert_int_equal (write (fds[task][stream - 1], text, strlen (text)),
                      strlen (text));
    shell_output_ready (&sh, src, 0);
}

static void finish (int task, int stream)
{
    close (fds[task][stream - 1]);
    fds[task][stream - 1] = -1;
    shell_output_ready (&sh, &tasks[task].streams[stream - 1].src, 0);
}

static void file_is (const char *name, const char *text)
{
    char path[128];
    size_t len;
    char *data;

    snprintf (path, sizeof (path), "%s/%s", dir, name);
    assert_non_null (data = file_read_all (path, &len));
    assert_int_equal (len, strlen (text));
    assert_memory_equal (data, text, len);
    free (data);
}

#define ENTRY(STREAM, RANK, REST)                                                      \
    "o{\"data\":{\"stream\":\"" STREAM "\",\"rank\":\"" RANK "\"," REST "}} "

static void whole_lines_are_entries (void **state)
{
    assert_int_equal (begin ("{}"), 0);
    print (1, 1, "one\ntwo\nthr");
    expect (ENTRY ("stdout", "1", "\"data\":\"one\\ntwo\\n\""));
    print (1, 1, "ee");
    print (0, 2, "error\n");
    expect (ENTRY ("stderr", "0", "\"data\":\"error\\n\""));
    finish (1, 1); /* what is no line is not lost */
    expect (ENTRY ("stdout", "1", "\"data\":\"three\"")
                ENTRY ("stdout", "1", "\"eof\":true"));
    finish (0, 2);
    expect (ENTRY ("stderr", "0", "\"eof\":true"));
    assert_int_equal (sh.streams_open, 2);
}

static void unbuffered_does_not_wait (void **state)
{
    assert_int_equal (begin ("{\"output.stdout\":{\"buffer\":{\"type\":\"none\"}}}"),
                      0);
    print (0, 1, "a");
    expect (ENTRY ("stdout", "0", "\"data\":\"a\""));
    print (0, 1, "b\xc3"); /* half a character: more may never come */
    expect (ENTRY ("stdout", "0", "\"data\":\"YsM=\",\"encoding\":\"base64\""));
}

static void stderr_does_not_wait (void **state)
{
    assert_int_equal (begin ("{}"), 0);
    print (0, 2, "E1");
    expect (ENTRY ("stderr", "0", "\"data\":\"E1\""));
    print (0, 1, "a");
    expect (""); /* stdout does */
    finish (0, 1);
    expect (ENTRY ("stdout", "0", "\"data\":\"a\"")
                ENTRY ("stdout", "0", "\"eof\":true"));
}

static void stderr_waits_if_it_has_to (void **state)
{
    assert_int_equal (begin ("{\"output.stderr\":{\"buffer\":{\"type\":\"line\"}}}"),
                      0);
    print (0, 2, "E1");
    expect ("");
    print (0, 2, "\n");
    expect (ENTRY ("stderr", "0", "\"data\":\"E1\\n\""));
}

static void the_limit_is_of_each_stream (void **state)
{
    assert_int_equal (begin ("{\"output.limit\":\"10\"}"), 0);
    print (0, 1, "1234567\n");
    print (1, 1, "90\n");
    buf_fini (&said);
    print (0, 1, "more\n");
    expect ("");
    print (0, 2, "123456789\n"); /* just as much */
    expect (ENTRY ("stderr", "0", "\"data\":\"123456789\\n\""));
    print (0, 2, "x\n");
    expect ("log:output.kvs: stderr will be truncated, 10 limit exceeded ");
    finish (0, 1);
    expect (ENTRY ("stdout", "0", "\"eof\":true"));
    assert_int_equal (sh.output_total[0], 10);
    assert_int_equal (sh.output_total[1], 10);
    finish (0, 2);
    finish (1, 1);
    buf_fini (&said);
    finish (1, 2); /* the last of all says how much it was */
    expect (ENTRY ("stderr", "1",
                   "\"eof\":true") "log:output.kvs: stdout: 6 of 16 bytes truncated "
                                   "log:output.kvs: stderr: 2 of 12 bytes truncated ");
}

/* It may be more than one piece is: what fits of it goes. */
static void the_limit_has_a_unit (void **state)
{
    static char line[3001];

    memset (line, 'x', 2999);
    line[2999] = '\n';
    assert_int_equal (begin ("{\"output.limit\":\"2.5K\"}"), 0);
    assert_int_equal (sh.output_limit, 2560);
    print (0, 1, line);
    assert_non_null (said.data);
    assert_non_null (
        strstr (said.data, "stdout will be truncated, 2560 limit exceeded"));
    assert_int_equal (sh.output_total[0], 2560);
    assert_int_equal (sh.output_lost[0], 440);
    buf_fini (&said);
    shell_output_fini (&sh);
    json_decref (sh.jobspec.shell_options);
    sh.output_total[0] = sh.output_lost[0] = 0;
    assert_int_equal (begin ("{\"output.limit\":\"2k\"}"), 0);
    print (0, 1, line);
    assert_non_null (strstr (said.data, "stdout will be truncated, 2K limit exceeded"));
    buf_fini (&said);
}

/* Without one, and where a plugin wants more than there may be. */
static void the_limit_is_at_most_1G (void **state)
{
    assert_int_equal (begin ("{}"), 0);
    assert_int_equal (sh.output_limit, 1 << 30);
    shell_output_fini (&sh);
    json_decref (sh.jobspec.shell_options);
    assert_int_equal (begin ("{\"output.limit\":\"1.5G\"}"), 0);
    assert_int_equal (sh.output_limit, 1 << 30);
}

static void a_file_has_labels (void **state)
{
    assert_int_equal (begin ("{\"output.stdout\":{\"type\":\"file\",\"path\":"
                             "\"DIR/out\",\"label\":true}}"),
                      0);
    assert_non_null (strstr (said.data, "\"rank\":\"[0-1]\""));
    assert_non_null (strstr (said.data, "\"stream\":\"stderr\""));
    buf_fini (&said);
    print (1, 1, "a\nb\n");
    print (0, 2, "c\n");
    print (0, 1, "no line");
    finish (0, 1);
    expect ("");
    file_is ("out", "1: a\n1: b\n0: c\n0: no line");
}

static void each_task_has_its_file (void **state)
{
    assert_int_equal (begin ("{\"output.stdout\":{\"type\":\"file\",\"path\":"
                             "\"DIR/t.{{task.id}}\"},"
                             "\"output.stderr\":{\"type\":\"none\"}}"),
                      0);
    buf_fini (&said);
    print (0, 1, "zero\n");
    print (1, 1, "one\n");
    print (1, 2, "nowhere\n");
    finish (1, 2);
    expect ("");
    file_is ("t.0", "zero\n");
    file_is ("t.1", "one\n");
}

static void mode_is_honoured (void **state)
{
#define OUT "\"output.stdout\":{\"type\":\"file\",\"path\":\"DIR/out\"}"
    assert_int_equal (begin ("{" OUT "}"), 0);
    print (0, 1, "first\n");
    shell_output_fini (&sh);
    json_decref (sh.jobspec.shell_options);
    assert_int_equal (begin ("{" OUT ",\"output.mode\":\"append\"}"), 0);
    print (0, 1, "second\n");
    file_is ("out", "first\nsecond\n");
    shell_output_fini (&sh);
    json_decref (sh.jobspec.shell_options);
    assert_int_equal (begin ("{" OUT ",\"output.mode\":\"truncate\"}"), 0);
    file_is ("out", "");
}

static void what_cannot_be_opened_is_fatal (void **state)
{
    char text[128];

    assert_int_equal (
        begin ("{\"output.stdout\":{\"type\":\"file\",\"path\":\"DIR/no/out\"}}"), -1);
    snprintf (text, sizeof (text),
              "fatal:error opening output file '%s/no/out': No such file or directory ",
              dir);
    expect (text);
    shell_output_fini (&sh);
    json_decref (sh.jobspec.shell_options);
    sh.outputs[0] = sh.outputs[1] = NULL;
    assert_int_equal (begin ("{\"output.stdout\":{\"type\":\"file\"}}"), -1);
    expect ("fatal:output.stdout: type file needs a path ");
    json_decref (sh.jobspec.shell_options);
    assert_int_equal (begin ("{\"output.stderr\":{\"type\":\"tape\"}}"), -1);
    expect ("fatal:output.stderr: unknown type 'tape' ");
}

/* A full disk: said once; and what comes then goes nowhere, least of all into what
 * has the file's descriptor afterwards. */
static void a_full_disk (void **state)
{
    char path[128];

    assert_int_equal (
        begin ("{\"output.stdout\":{\"type\":\"file\",\"path\":\"/dev/full\"}}"), 0);
    buf_fini (&said);
    print (0, 1, "a\n");
    expect ("log:writing stdout: No space left on device ");
    snprintf (path, sizeof (path), "%s/other", dir);
    int fd = open (path, O_WRONLY | O_CREAT, 0600);
    assert_true (fd >= 0);
    print (0, 2, "b\n");
    print (0, 1, "c\n");
    file_is ("other", "");
    close (fd);
    expect ("log:writing stderr: No space left on device ");
    assert_int_equal (sh.rc, 1); /* what the tasks had to say is lost */
}

/* --- more than one shell --- */

static void others_send_to_the_leader (void **state)
{
    sh.rank = 1;
    sh.size = 3;
    assert_int_equal (
        begin ("{\"output.stdout\":{\"type\":\"file\",\"path\":\"DIR/out\"},"
               "\"output.stderr\":{\"type\":\"kvs\"}}"),
        0);
    expect ("");
    print (0, 1, "a\n");
    expect ("w1 0 {\"stream\":\"stdout\",\"rank\":\"0\",\"data\":\"a\\n\"} ");
    print (0, 2, "b\n");
    expect (ENTRY ("stderr", "0", "\"data\":\"b\\n\""));
    finish (0, 1); /* the others' end is that of the shell */
    expect ("");
    shell_output_finish (&sh);
    expect ("w1 1 \"eof\" ");
}

static void peer (const char *text)
{
    shell_output_peer (&sh, text, strlen (text));
}

/* The leader of three shells, which writes their standard output to a file. */
static void lead_three (void)
{
    sh.size = 3;
    assert_int_equal (
        begin ("{\"output.stdout\":{\"type\":\"file\",\"path\":\"DIR/out\"},"
               "\"output.stderr\":{\"type\":\"kvs\"}}"),
        0);
    buf_fini (&said);
}

static void the_leader_writes_for_others (void **state)
{
    lead_three ();
    assert_int_equal (sh.peers_writing, 2);
    peer ("1 0 {\"stream\":\"stdout\",\"rank\":\"5\",\"data\":\"five\\n\"}");
    peer ("1 1 {\"stream\":\"stderr\",\"rank\":\"5\",\"data\":\"not here\\n\"}");
    peer ("nonsense");
    peer ("2 0 {\"stream\":\"stdout\",\"rank\":\"6\",\"data\":\"YWI=\",\"encoding\":"
          "\"base64\"}");
    file_is ("out", "five\nab");
    shell_output_tell_peers (&sh); /* counted, whatever it was */
    expect ("a180 ");
    shell_output_tell_peers (&sh);
    expect ("");
    for (int i = 0; i < 3; i++) { /* one more than there are */
        char text[16];
        snprintf (text, sizeof (text), "%d - \"eof\"", i + 1);
        peer (text);
    }
    assert_int_equal (sh.peers_writing, 0);
    shell_output_finish (&sh); /* the leader tells nobody */
    expect ("");
}

/* What was sent again, since nobody knew whether it was there. */
static void the_leader_writes_once (void **state)
{
    lead_three ();
    peer ("1 0 {\"stream\":\"stdout\",\"rank\":\"5\",\"data\":\"a\"}");
    peer ("1 0 {\"stream\":\"stdout\",\"rank\":\"5\",\"data\":\"a\"}");
    peer ("2 0 {\"stream\":\"stdout\",\"rank\":\"6\",\"data\":\"b\"}");
    peer ("1 1 {\"stream\":\"stdout\",\"rank\":\"5\",\"data\":\"c\"}");
    peer ("1 2 \"eof\"");
    assert_int_equal (sh.peers_writing, 1);
    peer ("1 1 {\"stream\":\"stdout\",\"rank\":\"5\",\"data\":\"c\"}");
    peer ("1 2 \"eof\"");
    peer ("1 - \"eof\"");
    peer ("3 0 {\"stream\":\"stdout\",\"rank\":\"7\",\"data\":\"d\"}");
    assert_int_equal (sh.peers_writing, 1);
    file_is ("out", "abc");
    expect ("");
    peer ("2 2 {\"stream\":\"stdout\",\"rank\":\"6\",\"data\":\"e\"}");
    expect ("log:output of shell 2 for a file is missing ");
    assert_int_equal (sh.rc, 1);
    peer ("2 - \"eof\"");
    assert_int_equal (sh.peers_writing, 0);
    file_is ("out", "abce");
}

static void without_credit_the_tasks_wait (void **state)
{
    sh.output_window = 50;
    credit_out_init (&sh.credit, sh.output_window);
    assert_int_equal (begin ("{}"), 0);
    print (0, 1, "123456789\n"); /* an entry is longer than that */
    buf_fini (&said);
    assert_true (sh.output_paused);
    print (1, 1, "waits\n"); /* an event of the same turn */
    expect ("");
    shell_output_credit (&sh, "nonsense");
    shell_output_credit (&sh, "-1");
    assert_true (sh.output_paused);
    finish (0, 1);
    shell_output_credit (&sh, "99999999999");
    assert_false (sh.output_paused);
    assert_int_equal (sh.credit.room, 50); /* never beyond the window */
    expect ("watch(0 1) watch(0 2) watch(1 1) watch(1 2) ");
    print (1, 1, "on\n");
    expect (ENTRY ("stdout", "1", "\"data\":\"waits\\non\\n\""));
}

int main (void)
{
#define TEST(f) cmocka_unit_test_setup_teardown (f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST (whole_lines_are_entries),        TEST (unbuffered_does_not_wait),
        TEST (stderr_does_not_wait),           TEST (stderr_waits_if_it_has_to),
        TEST (the_limit_has_a_unit),           TEST (the_limit_is_at_most_1G),
        TEST (the_limit_is_of_each_stream),    TEST (a_file_has_labels),
        TEST (each_task_has_its_file),         TEST (mode_is_honoured),
        TEST (what_cannot_be_opened_is_fatal), TEST (a_full_disk),
        TEST (others_send_to_the_leader),      TEST (the_leader_writes_for_others),
        TEST (the_leader_writes_once),         TEST (without_credit_the_tasks_wait),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
