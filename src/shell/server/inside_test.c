/* Jobs inside one process: they share it, give back what they had, and pay for themselves.
 * Real tasks; what job-exec would hear is read from a pipe. */
#include "base/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "shell/server/inside.h"
#include "shell/shell.h"

#define WINDOW 65536

static int epoll_fd, signal_fd, pipe_fd[2];
static struct buf said; /* "TYPE ID TEXT\n" */
static char dir[64], uri[128];
static int ended_count;

static void ended (const struct shell *sh)
{
    ended_count++;
}

/* --- the server --- */

static int open_fds (void)
{
    DIR *d = opendir ("/proc/self/fd");
    int count = 0;

    assert_non_null (d);
    while (readdir (d))
        count++;
    closedir (d);
    return count;
}

static void hear (void)
{
    char tmp[65536];
    ssize_t n;

    while ((n = read (pipe_fd[0], tmp, sizeof (tmp))) > 0)
        buf_add (&said, tmp, n);
    buf_addc (&said, '\0');
    said.len--;
}

static void reap (void)
{
    struct signalfd_siginfo si;
    int status;
    pid_t pid;

    while (read (signal_fd, &si, sizeof (si)) == sizeof (si))
        ;
    while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
        inside_reaped (pid, status);
}

static void turn (void)
{
    struct epoll_event events[8];
    int n = epoll_wait (epoll_fd, events, 8, shell_timeout (inside_deadline ()));

    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            inside_event (events[i].data.ptr, events[i].events);
        else
            reap ();
    }
    inside_settle ();
    hear ();
}

static void wait_for (const char *text)
{
    hear ();
    while (!strstr (said.data, text))
        turn ();
}

static void begin (void)
{
    struct epoll_event ev = { .events = EPOLLIN };
    sigset_t set;

    sigemptyset (&set);
    sigaddset (&set, SIGCHLD);
    sigprocmask (SIG_BLOCK, &set, NULL);
    signal (SIGPIPE, SIG_IGN);
    snprintf (dir, sizeof (dir), "/tmp/inside.XXXXXX");
    assert_non_null (mkdtemp (dir));
    snprintf (uri, sizeof (uri), "local://%s/local", dir);
    setenv ("FLUX_URI", uri, 1);
    assert_int_equal (pipe2 (pipe_fd, O_CLOEXEC), 0);
    fcntl (pipe_fd[0], F_SETFL, O_NONBLOCK);
    fcntl (pipe_fd[1], F_SETPIPE_SZ, 1024 * 1024); /* nobody reads while one writes */
    assert_true ((epoll_fd = epoll_create1 (EPOLL_CLOEXEC)) >= 0);
    assert_true ((signal_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) >= 0);
    assert_int_equal (epoll_ctl (epoll_fd, EPOLL_CTL_ADD, signal_fd, &ev), 0);
    assert_int_equal (inside_init (epoll_fd, ended), 0);
    ended_count = 0;
}

static void remove_slots (void)
{
    char path[256];

    for (int slot = 0; slot < 32; slot++) {
        shell_tmpdir_path (path, sizeof (path), 0, slot);
        rmdir (path);
    }
    assert_int_equal (rmdir (dir), 0);
}

static void end (void)
{
    inside_fini ();
    while (waitpid (-1, NULL, 0) > 0)
        ;
    remove_slots ();
    close (epoll_fd);
    close (signal_fd);
    close (pipe_fd[0]);
    close (pipe_fd[1]);
    buf_fini (&said);
    limits_restore_files ();
}

/* --- jobs --- */

struct spec {
    const char *command; /* of sh */
    const char *options; /* JSON */
    const char *cwd;
    int tasks;
};

static json_t *jobspec (const struct spec *s)
{
    return json_pack (
        "{s:i s:[{s:s s:i s:s s:[{s:s s:i}]}]"
        " s:[{s:[sss] s:s s:{s:i}}]"
        " s:{s:{s:f s:s s:{s:s} s:{s:o}}}}",
        "version", 1, "resources", "type", "slot", "count", s->tasks, "label", "t",
        "with", "type", "core", "count", 1, "tasks", "command", "sh", "-c", s->command,
        "slot", "t", "count", "per_slot", 1, "attributes", "system", "duration", 0.,
        "cwd", s->cwd ? s->cwd : "/", "environment", "PATH", getenv ("PATH"), "shell",
        "options", json_loads (s->options ? s->options : "{}", 0, NULL));
}

static char *record (uint64_t id, const struct spec *s)
{
    json_t *R = json_loads ("{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0\","
                            "\"children\":{\"core\":\"0-7\"}}],\"starttime\":0,"
                            "\"expiration\":0,\"nodelist\":[\"here\"]}}",
                            0, NULL);
    json_t *o = json_pack ("{s:I s:I s:o s:o}", "id", (json_int_t)id, "userid",
                           (json_int_t)geteuid (), "jobspec", jobspec (s), "R", R);
    char *text = json_dumps (o, JSON_COMPACT), *whole;

    assert_non_null (text);
    assert_true (asprintf (&whole,
                           "{\"rank\":0,\"size\":1,\"broker_rank\":0,\"jobid_path\":"
                           "\"/\",\"instance_level\":0,\"output_window\":%d,"
                           "\"time_left\":0.0} %s",
                           WINDOW, text)
                 > 0);
    free (text);
    json_decref (o);
    return whole;
}

/* As the server does. 0, or -1 with errno. */
static int try (uint64_t id, const struct spec *s)
{
    struct shell *sh = shell_create (id, id, pipe_fd[1]);
    char *text = record (id, s);
    flux_error_t error;
    int rc;

    assert_non_null (sh);
    if (shell_parse (sh, text, strlen (text), &error) < 0)
        fail_msg ("%s", error.text);
    if (!inside_wants (sh, strlen (text))) {
        errno = ENOTSUP;
        rc = -1;
    } else
        rc = inside_start (sh);
    int saved = errno;
    free (text);
    if (rc < 0)
        shell_destroy (sh);
    inside_settle ();
    errno = saved;
    return rc;
}

static void start (uint64_t id, const char *command)
{
    struct spec s = { .command = command, .tasks = 1 };
    assert_int_equal (try (id, &s), 0);
}

static void frame (uint64_t id, char type, const char *text)
{
    struct frame f = { .type = type, .id = id, .text = text, .len = strlen (text) };
    assert_true (inside_frame (&f));
}

/* --- tests --- */

static void they_share_the_process_and_give_all_back (void **state)
{
    char command[32], text[64];

    begin ();
    int before = open_fds ();
    for (int id = 1; id <= 20; id++) {
        snprintf (command, sizeof (command), "echo it is $PPID %d", id);
        start (id, command);
    }
    assert_true (open_fds () > before + 40);
    while (ended_count < 20)
        turn ();
    for (int id = 1; id <= 20; id++) {
        snprintf (text, sizeof (text), "it is %d %d\\n", (int)getpid (), id);
        assert_non_null (strstr (said.data, text));
        snprintf (text, sizeof (text), "X %d 0\n", id);
        assert_non_null (strstr (said.data, text));
    }
    assert_int_equal (open_fds (), before);
    assert_true (inside_deadline () == INFINITY);
    end ();
}

static void how_they_end_is_told (void **state)
{
    begin ();
    start (1, "exit 3");
    start (2, "kill -9 $$");
    wait_for ("X 1 768\n");
    wait_for ("X 2 35072\n"); /* 137 << 8 */
    end ();
}

static void what_is_not_there_is_said (void **state)
{
    struct spec s = { .command = "exec /nonexistent", .tasks = 1 };

    begin ();
    assert_int_equal (try (1, &s), 0);
    wait_for ("X 1 32512\n"); /* of sh */
    s.cwd = "/nonexistent";
    s.command = "pwd";
    assert_int_equal (try (2, &s), 0);
    wait_for ("X 2 0\n");
    assert_non_null (strstr (said.data, "Could not change dir to /nonexistent"));
    assert_non_null (strstr (said.data, "\"/tmp\\n\""));
    end ();
}

static void one_is_killed_and_others_go_on (void **state)
{
    begin ();
    int before = open_fds ();
    start (1, "trap '' TERM; sleep 1000");
    start (2, "read line; echo got $line");
    frame (1, 'K', "");
    frame (1, 'K', "");
    frame (1, 'k', "15"); /* it has gone */
    hear ();
    assert_non_null (strstr (said.data, "X 1 9\n"));
    turn ();
    assert_int_equal (ended_count, 1);
    frame (2, 'i', "{\"stream\":\"stdin\",\"rank\":\"all\",\"data\":\"a line\\n\"}");
    wait_for ("got a line");
    wait_for ("X 2 0\n");
    assert_int_equal (open_fds (), before);
    end ();
}

/* A signal for a shell that is no process, and which it might survive. */
static void tasks_get_the_signal_of_their_shell (void **state)
{
    begin ();
    start (1, "trap '' URG; read line; exit 4");
    start (2, "sleep 1000");
    frame (1, 'K', "23");
    frame (2, 'K', "10");
    wait_for ("X 2 35328\n"); /* 138 << 8 */
    frame (1, 'i', "{\"stream\":\"stdin\",\"rank\":\"all\",\"eof\":true}");
    wait_for ("X 1 1024\n");
    end ();
}

static void a_signal_is_for_one_job (void **state)
{
    begin ();
    start (1, "sleep 1000 & sleep 1000");
    start (2, "read line; exit 4");
    frame (1, 'k', "15");
    wait_for ("X 1 36608\n"); /* the whole group: its output has ended */
    frame (2, 'i', "{\"stream\":\"stdin\",\"rank\":\"all\",\"eof\":true}");
    wait_for ("X 2 1024\n");
    end ();
}

/* Without credit its task waits at its pipe. */
/* What ended before the question came is no longer there, seen or not. */
static void who_has_ended_is_looked_for (void **state)
{
    siginfo_t si;

    begin ();
    start (2, "sleep 60");
    wait_for ("p 2 ");
    start (1, "exit 3");
    assert_int_equal (waitid (P_ALL, 0, &si, WEXITED | WNOWAIT), 0);
    frame (1, 'T', "1");
    frame (2, 'T', "1");
    inside_settle ();
    hear ();
    assert_non_null (strstr (said.data, "T 1 1 0\n"));
    assert_non_null (strstr (said.data, "T 2 1 1\n"));
    frame (2, 'k', "9");
    while (ended_count < 2)
        turn ();
    assert_non_null (strstr (said.data, "X 1 768\n"));
    end ();
}

static void a_flood_is_held_back (void **state)
{
    begin ();
    start (1, "exec yes 0123456789012345678901234567890123456789");
    while (said.len < WINDOW)
        turn ();
    size_t len = said.len;
    start (2, "echo me too");
    wait_for ("X 2 0\n");
    assert_true (said.len < len + WINDOW * 3); /* it had begun a piece */
    frame (1, 'C', "65536");
    while (said.len < len + WINDOW / 2) /* what it had overdrawn comes off */
        turn ();
    frame (1, 'K', "");
    turn ();
    end ();
}

/* A file system that does not answer: the way to this directory has no end. */
#define HUNG "/nowhere/hung"

int chdir (const char *path)
{
    while (!strcmp (path, HUNG))
        pause ();
    return syscall (SYS_chdir, path);
}

static void who_is_stuck_holds_up_nobody (void **state)
{
    struct spec s = { .command = "echo it ran", .cwd = HUNG, .tasks = 1 };

    begin ();
    int before = open_fds ();
    start (1, "read line; echo got $line");
    assert_int_equal (try (2, &s), -1);
    assert_int_equal (errno, ETIMEDOUT);
    s.cwd = "/";
    assert_int_equal (try (3, &s), -1); /* nobody, for a while */
    assert_int_equal (errno, ENOTSUP);
    frame (1, 'i', "{\"stream\":\"stdin\",\"rank\":\"all\",\"data\":\"a line\\n\"}");
    wait_for ("got a line");
    wait_for ("X 1 0\n");
    assert_null (strstr (said.data, "it ran"));
    assert_int_equal (open_fds (), before);
    end ();
}

static void the_process_stays_as_it_is (void **state)
{
    struct spec s = { .command = "echo it has $(pwd) $(ulimit -n) $(ulimit -f)",
                      .options = "{\"rlimit\":{\"fsize\":1024},\"verbose\":1}",
                      .cwd = "/tmp",
                      .tasks = 1 };
    struct rlimit before, now;
    char cwd[64];

    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    before.rlim_cur = 100;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
    begin ();
    assert_int_equal (try (1, &s), 0);
    wait_for ("X 1 0\n");
    assert_non_null (strstr (said.data, "it has /tmp 100 2"));
    assert_non_null (getcwd (cwd, sizeof (cwd)));
    assert_string_equal (cwd, "/");
    assert_int_equal (getrlimit (RLIMIT_FSIZE, &now), 0);
    assert_true (now.rlim_cur != 1024);
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &now), 0);
    assert_true (now.rlim_cur > 100 || now.rlim_max == 100);
    end ();
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &now), 0);
    assert_int_equal (now.rlim_cur, 100);
}

static void an_option_that_makes_no_sense_fails_its_job (void **state)
{
    struct spec s = { .command = "true",
                      .options = "{\"rlimit\":{\"nosuch\":7}}",
                      .tasks = 1 };

    begin ();
    assert_int_equal (try (1, &s), 0);
    wait_for ("X 1 256\n");
    assert_non_null (strstr (said.data, "rlimit: nosuch"));
    s.options = "{\"pmi\":\"nosuch\"}";
    assert_int_equal (try (2, &s), 0);
    wait_for ("X 2 256\n");
    assert_non_null (strstr (said.data, "shell option pmi=nosuch: not supported"));
    end ();
}

static void a_task_that_exits_first_ends_the_others (void **state)
{
    struct spec s = { .command = "[ $FLUX_TASK_RANK = 0 ] || exec sleep 1000",
                      .options = "{\"exit-timeout\":0.01}",
                      .tasks = 3 };

    begin ();
    assert_int_equal (try (1, &s), 0);
    wait_for ("others still run after exit-timeout");
    frame (1, 'k', "9");
    wait_for ("X 1 35072\n");
    end ();
}

/* Somebody else has all descriptors: the job is not taken, and nothing was said. */
static void a_shortage_is_no_failure (void **state)
{
    struct spec s = { .command = "true", .tasks = 2 };
    struct rlimit limit, now;
    int fds[8], count = 0;

    begin ();
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
    now = limit;
    now.rlim_cur = open_fds ();
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &now), 0);
    while (count < 8 && (fds[count] = dup (0)) >= 0)
        count++;
    if (count > 2)
        close (fds[--count]);
    if (count > 2)
        close (fds[--count]); /* for the first pipe */
    assert_int_equal (try (1, &s), -1);
    assert_int_equal (errno, EMFILE);
    while (count > 0)
        close (fds[--count]);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
    hear ();
    assert_int_equal (said.len, 0);
    assert_int_equal (try (1, &s), 0);
    wait_for ("X 1 0\n");
    end ();
}

static void what_another_job_has_left_is_not_removed_here (void **state)
{
    struct spec s = { .command = "true", .tasks = 1 };
    char path[300], tmpdir[256];

    begin ();
    shell_tmpdir_path (tmpdir, sizeof (tmpdir), 0, 1);
    start (1, "touch $FLUX_JOB_TMPDIR/left");
    wait_for ("X 1 0\n");
    assert_int_equal (try (1, &s), -1);
    assert_int_equal (errno, ENOTEMPTY);
    snprintf (path, sizeof (path), "%s/left", tmpdir);
    assert_int_equal (unlink (path), 0);
    start (1, "true");
    while (ended_count < 2)
        turn ();
    end ();
}

/* The descriptors that all tasks have together stay below half of the limit. */
static void there_is_room_for_so_many (void **state)
{
#ifdef __SANITIZE_THREAD__
    test_skip ("the thread sanitizer has no threads in what is forked beside one");
#endif
    struct rlimit limit, low;
    struct spec s = { .command = "exec sleep 1000", .tasks = 1 };
    pid_t pid = fork (); /* the hard limit does not come back */
    int status;

    if (pid == 0) {
        getrlimit (RLIMIT_NOFILE, &limit);
        low = (struct rlimit){ 64, 64 };
        setrlimit (RLIMIT_NOFILE, &low);
        begin ();
        int count = 0;
        while (count < 16 && try (count + 1, &s) == 0)
            count++;
        int err = errno;
        end ();
        _exit (count == 4 && err == ENOTSUP ? 0 : 1);
    }
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (they_share_the_process_and_give_all_back),
        cmocka_unit_test (how_they_end_is_told),
        cmocka_unit_test (what_is_not_there_is_said),
        cmocka_unit_test (one_is_killed_and_others_go_on),
        cmocka_unit_test (tasks_get_the_signal_of_their_shell),
        cmocka_unit_test (a_signal_is_for_one_job),
        cmocka_unit_test (who_has_ended_is_looked_for),
        cmocka_unit_test (a_flood_is_held_back),
        cmocka_unit_test (the_process_stays_as_it_is),
        cmocka_unit_test (an_option_that_makes_no_sense_fails_its_job),
        cmocka_unit_test (a_task_that_exits_first_ends_the_others),
        cmocka_unit_test (a_shortage_is_no_failure),
        cmocka_unit_test (what_another_job_has_left_is_not_removed_here),
        cmocka_unit_test (there_is_room_for_so_many),
        cmocka_unit_test (who_is_stuck_holds_up_nobody), /* and none after it */
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
