/* rc1, the end of all jobs, and rc3: rc.c among modules and commands that are only names,
 * and a job-manager that answers what the test says. */
#include "broker/service/fakepeer.h"

#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "broker/modhost/modlist.h"
#include "broker/modhost/modules.h"
#include "broker/programs/command.h"
#include "broker/rc/rc.h"
#include "broker/rc/runat.h"

#define MAX 16

struct call {
    char name[256];
    module_f cb;
    command_f command;
    void *arg;
};

static struct {
    struct broker *b;
    struct call calls[MAX]; /* that are not answered yet */
    int count;
    char loaded[MAX][32];
    int loaded_count;
    char log[256];
    const char *refused; /* this one cannot even begin */
} now;

static struct call *call_add (const char *what, const char *name)
{
    struct call *c = &now.calls[now.count++];

    assert_true (now.count < MAX);
    memset (c, 0, sizeof (*c));
    snprintf (c->name, sizeof (c->name), "%s %s", what, name);
    return c;
}

static void is_loaded (const char *name, bool yes)
{
    int i;

    for (i = 0; i < now.loaded_count && strcmp (now.loaded[i], name) != 0; i++)
        ;
    if (yes && i == now.loaded_count)
        snprintf (now.loaded[now.loaded_count++], sizeof (now.loaded[0]), "%s", name);
    else if (!yes && i < now.loaded_count)
        memcpy (now.loaded[i], now.loaded[--now.loaded_count], sizeof (now.loaded[0]));
}

int modules_load (struct broker *b, const char *path, const char *name, json_t *args,
                  const char *loader, module_f cb, void *arg, flux_error_t *error)
{
    struct call *c;

    if (now.refused && strcmp (now.refused, path) == 0) {
        snprintf (error->text, sizeof (error->text), "no such file");
        errno = ENOENT;
        return -1;
    }
    is_loaded (path, true); /* from here on it can be removed */
    c = call_add ("load", path);
    c->cb = cb;
    c->arg = arg;
    return 0;
}

int modules_remove (struct broker *b, const char *name, module_f cb, void *arg)
{
    struct call *c;

    if (!modules_loaded (b, name)) {
        errno = ENOENT;
        return -1;
    }
    c = call_add ("remove", name);
    c->cb = cb;
    c->arg = arg;
    return 0;
}

bool modules_loaded (struct broker *b, const char *name)
{
    for (int i = 0; i < now.loaded_count; i++)
        if (strcmp (now.loaded[i], name) == 0)
            return true;
    return false;
}

void modules_foreach (struct broker *b,
                      void (*fn) (struct broker *b, const char *name, void *arg),
                      void *arg)
{
    for (int i = 0; i < now.loaded_count; i++)
        fn (b, now.loaded[i], arg);
}

int command_run (struct broker *b, const char *cmdline, command_f cb, void *arg)
{
    struct call *c;

    if (now.refused && strcmp (now.refused, cmdline) == 0)
        return -1;
    c = call_add ("run", cmdline);
    c->command = cb;
    c->arg = arg;
    return 0;
}

void runat_start (struct broker *b, const char *name, command_f cb, void *arg)
{
    struct call *c = call_add ("runat", name);

    c->command = cb;
    c->arg = arg;
}

static void (*program_ends) (struct broker *b);
static bool program_stays;

void rc2_end (struct broker *b, void (*done) (struct broker *b))
{
    program_ends = done;
    if (!program_stays)
        done (b);
}

/* All that is under way, in order. */
static void under_way (const char *want)
{
    char text[1024] = "";

    for (int i = 0; i < now.count; i++) {
        strcat (text, i ? ", " : "");
        strcat (text, now.calls[i].name);
    }
    assert_string_equal (text, want);
}

/* "load kvs" and the like has come to its end: errnum of a module, status of a command. */
static void ends (const char *name, int result, const char *text)
{
    struct call c;
    int i;

    for (i = 0; i < now.count && strcmp (now.calls[i].name, name) != 0; i++)
        ;
    if (i == now.count)
        fail_msg ("%s is not under way", name);
    c = now.calls[i];
    memmove (now.calls + i, now.calls + i + 1, (--now.count - i) * sizeof (c));
    if (c.command) {
        c.command (now.b, result, c.arg);
        return;
    }
    name = strchr (name, ' ') + 1;
    if (result != 0 || strncmp (c.name, "remove", 6) == 0)
        is_loaded (name, false);
    c.cb (now.b, name, result, text, c.arg);
}

static void done (const char *name)
{
    ends (name, 0, NULL);
}

static void log_line (struct broker *b, int level, const char *text)
{
    if (level <= LOG_ERR)
        snprintf (now.log, sizeof (now.log), "%s", text);
}

struct world {
    struct broker b;
    struct fakepeer jobs; /* job-manager and resource */
};

static const char list[] =
    "[[modules]]\nname = \"content\"\n"
    "[[modules]]\nname = \"store\"\nafter = [\"content\"]\n"
    "attribute = \"content.backing-module\"\nranks = \"0\"\n"
    "[[modules]]\nname = \"kvs\"\nafter = [\"content\", \"store\"]\n"
    "[[modules]]\nname = \"job-manager\"\nafter = [\"kvs\"]\n"
    "[[modules]]\nname = \"cron\"\n";

static struct world *start (int rank, const char *const attrs[])
{
    struct world *w = calloc (1, sizeof (*w));
    struct broker *b = &w->b;
    flux_error_t error = { "" };

    memset (&now, 0, sizeof (now));
    now.b = b;
    unsetenv ("FLUX_RC_EXTRA");
    unsetenv ("FLUX_MODPROBE_PATH");
    unsetenv ("FLUX_MODPROBE_PATH_APPEND");
    fake_init (&w->jobs, b, PEER_MODULE);
    b->rank = rank;
    b->hooks.log = log_line;
    b->conf = json_object ();
    if (!(b->modlist = modlist_decode (list, sizeof (list) - 1, &error)))
        fail_msg ("%s", error.text);
    attrs_put (b->attrs, "content.backing-module", "content-sqlite", -1);
    for (; attrs && attrs[0]; attrs += 2)
        attrs_put (b->attrs, attrs[0], attrs[1], -1);
    services_add (b->services, "job-manager", &w->jobs.peer);
    services_add (b->services, "resource", &w->jobs.peer);
    assert_int_equal (rc_init (b), 0);
    return w;
}

static void stop (struct world *w)
{
    rc_fini (&w->b);
    modlist_destroy (w->b.modlist);
    json_decref (w->b.conf);
    fake_fini (&w->jobs);
    state_queue_fini (&w->b.events);
    free (w);
}

static void leads_to (struct world *w, enum state_event want)
{
    enum state_event event;

    if (!state_queue_take (&w->b.events, &event))
        fail_msg ("no %s", state_event_name (want));
    assert_string_equal (state_event_name (event), state_event_name (want));
    assert_false (state_queue_take (&w->b.events, &event));
}

static void leads_nowhere (struct world *w)
{
    enum state_event event;

    assert_false (state_queue_take (&w->b.events, &event));
}

/* ---- rc1 ---- */

static void init (struct world *w)
{
    w->b.state = STATE_INIT;
    rc1_start (&w->b);
}

static void in_order (void **state)
{
    struct world *w = start (0, NULL);

    init (w);
    under_way ("load content, load cron");
    done ("load content");
    under_way ("load cron, load content-sqlite");
    done ("load content-sqlite");
    done ("load kvs");
    done ("load cron");
    leads_nowhere (w);
    done ("load job-manager");
    leads_to (w, EVENT_RC1_SUCCESS);
    assert_int_equal (w->b.exit_code, 0);
    stop (w);
}

/* What has no place here is not waited for. */
static void elsewhere (void **state)
{
    static const char *const none[] = { "content.backing-module", "none", NULL };
    struct world *w;

    for (int i = 0; i < 2; i++) {
        w = start (i, i ? NULL : none);
        init (w);
        done ("load content");
        under_way ("load cron, load kvs");
        stop (w);
    }
}

static void one_fails (void **state)
{
    struct world *w = start (0, NULL);

    init (w);
    ends ("load content", EPERM, "not today");
    assert_string_equal (now.log, "rc1: load content: not today");
    under_way ("load cron");
    leads_nowhere (w); /* it is waited for, so that rc3 can remove it */
    done ("load cron");
    under_way ("");
    leads_to (w, EVENT_RC1_FAIL);
    assert_int_equal (w->b.exit_code, 1);
    stop (w);

    w = start (0, NULL);
    now.refused = "cron";
    init (w);
    assert_string_equal (now.log, "rc1: load cron: no such file");
    done ("load content");
    leads_to (w, EVENT_RC1_FAIL);
    stop (w);
}

/* Who repairs an instance gets what can be had. */
static void recovery (void **state)
{
    static const char *const on[] = { "broker.recovery-mode", "1", NULL };
    struct world *w = start (0, on);

    init (w);
    done ("load content");
    ends ("load content-sqlite", EINVAL, "damaged");
    done ("load cron");
    under_way (""); /* kvs and job-manager need it */
    leads_to (w, EVENT_RC1_SUCCESS);
    assert_int_equal (w->b.exit_code, 0);
    stop (w);
}

static void scripts (void **state)
{
    char top[] = "/tmp/rc-XXXXXX", path[64], command[80];
    struct world *w;

    assert_non_null (mkdtemp (top));
    snprintf (path, sizeof (path), "%s/rc1.d", top);
    assert_int_equal (mkdir (path, 0700), 0);
    snprintf (path, sizeof (path), "%s/rc1.d/site", top);
    fclose (fopen (path, "w"));
    snprintf (command, sizeof (command), "run '%s'", path);
    for (int status = 0; status < 2; status++) {
        w = start (1, NULL);
        setenv ("FLUX_RC_EXTRA", top, 1);
        init (w);
        done ("load content");
        done ("load cron");
        done ("load kvs");
        done ("load job-manager");
        under_way (command);
        leads_nowhere (w);
        ends (command, status << 8, NULL);
        leads_to (w, status ? EVENT_RC1_FAIL : EVENT_RC1_SUCCESS);
        assert_int_equal (w->b.exit_code, status);
        stop (w);
    }
    unlink (path);
    snprintf (path, sizeof (path), "%s/rc1.d", top);
    rmdir (path);
    rmdir (top);
}

/* Whatever a site wants for rc1, rexec comes first. */
static void own_rc1 (void **state)
{
    static const char *const own[] = { "broker.rc1_path", "mine", NULL };
    static const char *const none[] = { "broker.rc1_path", "", NULL };
    struct world *w = start (0, own);

    init (w);
    under_way ("load rexec");
    done ("load rexec");
    under_way ("run mine");
    ends ("run mine", 3 << 8, NULL);
    assert_string_equal (now.log, "rc1 failed with status 3");
    leads_to (w, EVENT_RC1_FAIL);
    stop (w);

    w = start (0, own);
    init (w);
    done ("load rexec");
    w->b.state = STATE_SHUTDOWN; /* it was stopped */
    ends ("run mine", 15, NULL);
    leads_nowhere (w);
    stop (w);

    w = start (0, none);
    init (w);
    done ("load rexec");
    leads_to (w, EVENT_RC1_NONE);
    stop (w);

    w = start (0, own);
    init (w);
    ends ("load rexec", ENOMEM, "");
    leads_to (w, EVENT_RC1_FAIL);
    under_way ("");
    stop (w);

    w = start (0, own);
    now.refused = "mine";
    init (w);
    done ("load rexec");
    leads_to (w, EVENT_RC1_FAIL);
    stop (w);
}

/* [modules] in the configuration is for flux modprobe. */
static void with_modprobe (void **state)
{
    struct world *w = start (0, NULL);

    json_object_set_new (w->b.conf, "modules", json_object ());
    init (w);
    done ("load rexec");
    under_way ("run flux modprobe rc1");
    done ("run flux modprobe rc1");
    leads_to (w, EVENT_RC1_SUCCESS);
    stop (w);
}

static void restore (void **state)
{
    static const char *const file[] = { "content.restore", "/a b.tar",
                                        "content.dump-dir", "/dump", NULL };
    static const char cmd[] = "run flux restore --quiet --checkpoint '/a b.tar' && "
                              "{ cd '/dump' 2>/dev/null && [ -h RESTORE ] || exit 0; "
                              "rm RESTORE && sync .; }";

    for (int status = 0; status < 2; status++) {
        struct world *w = start (0, file);

        init (w);
        done ("load cron");
        done ("load content");
        done ("load content-sqlite");
        under_way (cmd);
        ends (cmd, status << 8, NULL);
        if (status) {
            assert_string_equal (now.log,
                                 "content.restore failed with status 1: /a b.tar");
            leads_to (w, EVENT_RC1_FAIL);
            under_way ("");
        } else
            under_way ("load kvs");
        stop (w);
    }
}

/* ---- cleanup ---- */

static void answer (struct world *w, const char *topic, int errnum)
{
    const char *here;

    for (int i = w->jobs.next; i < w->jobs.count; i++) {
        if (!w->jobs.got[i] || flux_msg_get_topic (w->jobs.got[i], &here) < 0
            || strcmp (here, topic) != 0)
            continue;
        router_recv (&w->b, &w->jobs.peer,
                     flux_response_derive (w->jobs.got[i], errnum));
        flux_msg_decref (w->jobs.got[i]);
        w->jobs.got[i] = NULL;
        return;
    }
    fail_msg ("%s was not asked", topic);
}

static void asked (struct world *w, int i, const char *want)
{
    const char *topic;

    assert_true (i < w->jobs.count);
    assert_int_equal (flux_msg_get_topic (w->jobs.got[i], &topic), 0);
    assert_string_equal (topic, want);
}

static struct world *clean (const char *const attrs[])
{
    struct world *w = start (0, attrs);

    w->b.state = STATE_CLEANUP;
    is_loaded ("job-manager", true);
    rc_cleanup_start (&w->b);
    return w;
}

static void no_jobs (void **state)
{
    struct world *w = start (0, NULL);

    w->b.state = STATE_CLEANUP;
    rc_cleanup_start (&w->b);
    under_way ("runat cleanup");
    ends ("runat cleanup", 1 << 8, NULL);
    leads_to (w, EVENT_CLEANUP_FAIL);
    stop (w);
}

/* No more start before those that run are canceled. */
static void all_jobs (void **state)
{
    struct world *w = clean (NULL);

    asked (w, 0, "job-manager.queue-start");
    asked (w, 1, "resource.acquire-mute");
    asked (w, 2, "job-manager.raiseall");
    asked (w, 3, "job-manager.idle");
    answer (w, "job-manager.raiseall", 0);
    under_way ("");
    answer (w, "job-manager.idle", 0);
    under_way ("runat cleanup");
    done ("runat cleanup");
    leads_to (w, EVENT_CLEANUP_SUCCESS);
    stop (w);
}

/* Refused while the store fails: it is asked again, each second, and nothing else happens
 * before the jobs are gone. */
static void jobs_that_stay (void **state)
{
    struct world *w = clean (NULL);
    int before = w->jobs.count;

    answer (w, "job-manager.raiseall", EAGAIN);
    under_way ("");
    while (w->jobs.count == before)
        assert_true (flux_reactor_run (w->b.reactor, FLUX_REACTOR_ONCE) >= 0);
    asked (w, before, "job-manager.raiseall");
    answer (w, "job-manager.raiseall", 0);
    answer (w, "job-manager.idle", 0);
    under_way ("runat cleanup");
    assert_int_equal (w->b.exit_code, 0);
    stop (w);
}

/* Its last words may need the instance. */
static void the_program (void **state)
{
    program_stays = true;
    struct world *w = clean (NULL);
    answer (w, "job-manager.raiseall", 0);
    answer (w, "job-manager.idle", 0);
    under_way ("");
    program_ends (&w->b);
    under_way ("runat cleanup");
    stop (w);

    w = clean (NULL);
    answer (w, "job-manager.raiseall", 0);
    program_ends (&w->b);
    under_way ("");
    answer (w, "job-manager.idle", 0);
    under_way ("runat cleanup");
    stop (w);

    w = clean (NULL); /* somebody was in a hurry */
    answer (w, "job-manager.raiseall", 0);
    answer (w, "job-manager.idle", 0);
    w->b.state = STATE_SHUTDOWN;
    program_ends (&w->b);
    under_way ("");
    stop (w);
    program_stays = false;
}

static void in_time (void **state)
{
    static const char *const soon[] = { "broker.cleanup-timeout", "0.001s", NULL };
    struct world *w = clean (soon);

    while (now.count == 0)
        assert_true (flux_reactor_run (w->b.reactor, FLUX_REACTOR_ONCE) >= 0);
    assert_string_equal (now.log, "cleanup: jobs did not end in time");
    under_way ("runat cleanup");
    answer (w, "job-manager.idle", 0); /* too late: once is enough */
    under_way ("runat cleanup");
    stop (w);
}

/* ---- rc3 ---- */

static struct world *end (int rank, const char *const attrs[])
{
    struct world *w = start (rank, attrs);

    is_loaded ("kvs", true);
    is_loaded ("content", true);
    is_loaded ("mine", true);
    is_loaded ("job-manager", true);
    if (rank == 0)
        is_loaded ("content-sqlite", true);
    w->b.state = STATE_FINALIZE;
    rc3_start (&w->b);
    return w;
}

/* Others first: they may need any of the list; then whoever is needed by nobody. */
static void backwards (void **state)
{
    struct world *w = end (0, NULL);

    under_way ("remove mine");
    done ("remove mine");
    under_way ("remove job-manager");
    done ("remove job-manager");
    done ("remove kvs");
    done ("remove content-sqlite");
    leads_nowhere (w);
    done ("remove content");
    leads_to (w, EVENT_RC3_SUCCESS);
    assert_int_equal (w->b.exit_code, 0);
    stop (w);
}

static void what_could_not_be_saved (void **state)
{
    struct world *w = end (1, NULL);

    done ("remove mine");
    done ("remove job-manager");
    ends ("remove kvs", ENOSPC, "");
    assert_string_equal (now.log, "rc3: kvs: No space left on device");
    assert_int_equal (w->b.exit_code, 1);
    done ("remove content"); /* all the same */
    leads_to (w, EVENT_RC3_FAIL);
    stop (w);
}

static void at_the_end (void **state)
{
    static const char *const attrs[] = { "content.dump", "/d", "content.gc-at-end", "1",
                                         NULL };
    static const char command[] = "run (:\n); s=$?; flux gc --quiet || s=1; "
                                  "flux dump --quiet '/d' || s=1; exit $s";
    struct world *w = end (0, attrs);

    under_way (command);
    ends (command, 1 << 8, NULL);
    assert_string_equal (now.log, "rc3 failed with status 1");
    assert_int_equal (w->b.exit_code, 1);
    under_way ("remove mine"); /* whatever came of it */
    stop (w);
    /* only rank 0 writes */
    w = end (1, attrs);
    under_way ("remove mine");
    stop (w);
}

/* It has not all started when the end comes. */
static void half_a_life (void **state)
{
    struct world *w = start (1, NULL);

    init (w);
    done ("load content");
    w->b.state = STATE_FINALIZE;
    rc3_start (&w->b);
    under_way ("load cron, load kvs, remove kvs, remove cron");
    done ("load cron"); /* nothing more starts behind it */
    ends ("load kvs", ECANCELED, NULL);
    assert_string_equal (now.log, ""); /* that is no failure */
    is_loaded ("kvs", true);
    under_way ("remove kvs, remove cron");
    done ("remove kvs");
    done ("remove content");
    done ("remove cron");
    under_way ("");
    leads_to (w, EVENT_RC3_SUCCESS);
    stop (w);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (in_order),
        cmocka_unit_test (elsewhere),
        cmocka_unit_test (one_fails),
        cmocka_unit_test (recovery),
        cmocka_unit_test (scripts),
        cmocka_unit_test (own_rc1),
        cmocka_unit_test (with_modprobe),
        cmocka_unit_test (restore),
        cmocka_unit_test (no_jobs),
        cmocka_unit_test (all_jobs),
        cmocka_unit_test (jobs_that_stay),
        cmocka_unit_test (in_time),
        cmocka_unit_test (the_program),
        cmocka_unit_test (backwards),
        cmocka_unit_test (what_could_not_be_saved),
        cmocka_unit_test (at_the_end),
        cmocka_unit_test (half_a_life),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
