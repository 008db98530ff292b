# What plugins of the shell do beside their callbacks: requests, events, timers, what they
# add to events, channels of tasks, templates.
. "${0%/*}/../lib.sh"
under_flux 2
include=$FLUX_TEST_SOURCE/include
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip plugins 'programs of others are not sanitized'
    finish
    exit 0
fi

cat >all.c <<'EOF'
#define FLUX_SHELL_PLUGIN_NAME "all"
#include <flux/shell.h>
#define HANDLER(name)                                                                  \
    static int name (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,     \
                     void *data)

static flux_shell_t *shell;
static int freed;

static void count_free (void *arg)
{
    freed++;
}

/* --- requests: each shell asks the other --- */
static void ask_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    int n, rank;

    if (flux_request_unpack (msg, NULL, "{s:i}", "n", &n) < 0
        || flux_shell_info_unpack (shell, "{s:i}", "rank", &rank) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (n < 0)
        *(volatile int *)8 = 1;
    else
        flux_respond_pack (h, msg, "{s:i s:i}", "sum", n + 1, "from", rank);
}

static void answer_cb (flux_future_t *f, void *arg)
{
    int sum, from;

    if (flux_rpc_get_unpack (f, "{s:i s:i}", "sum", &sum, "from", &from) < 0)
        shell_log_error ("answer: %s", flux_future_error_string (f));
    else
        shell_log ("answer %d from %d", sum, from);
    flux_future_destroy (f);
    if (flux_shell_remove_completion_ref (shell, "answer") < 0)
        shell_log_errno ("completion");
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    shell_log ("timer");
    flux_watcher_destroy (w);
    flux_shell_remove_completion_ref (shell, "timer.%d", 1);
}

static void event_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    shell_log ("event %s", (char *)arg);
    flux_shell_killall (shell, 15);
}

/* --- channels --- */
static void stdout_cb (flux_shell_task_t *task, const char *stream, void *arg)
{
    const char *s;
    int n = flux_subprocess_read (flux_shell_task_subprocess (task), stream, &s);

    if (n > 0)
        shell_log ("%s: %.*s", stream, n - 1, s);
    else
        shell_log ("%s: end", stream);
}

static void channel_cb (flux_shell_task_t *task, const char *stream, void *arg)
{
    flux_subprocess_t *p = flux_shell_task_subprocess (task);
    const char *s;
    int n = flux_subprocess_read (p, stream, &s);

    if (n > 0) {
        shell_log ("channel %s: %.*s", stream, n - 1, s);
        flux_subprocess_write (p, stream, "back\n", 5);
    }
}

HANDLER (render)
{
    const char *tag;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:s}", "tag", &tag) < 0)
        return -1;
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:s}", "result", "rendered");
}

static void check (const char *what, bool ok)
{
    if (!ok)
        shell_log_error ("failed: %s: %s", what, strerror (errno));
}

/* Each call, and what it says to nothing. */
static void check_info (void)
{
    const struct hostlist *hosts = flux_shell_get_hostlist (shell);
    const struct taskmap *map = flux_shell_get_taskmap (shell);
    const char *xml, *ids;
    char *s = NULL;
    int n = 0;

    check ("hostlist", hosts && hostlist_count ((struct hostlist *)hosts) == 2);
    check ("taskmap", map && taskmap_total_ntasks (map) == 2);
    check ("hwloc", flux_shell_get_hwloc_xml (shell, &xml) == 0 && strstr (xml, "<topology"));
    check ("jobspec", flux_shell_jobspec_info_unpack (shell, "{s:i}", "ntasks", &n) == 0 && n == 2);
    check ("rank info", flux_shell_rank_info_unpack (shell, 1, "{s:s s:{s:s}}", "taskids", &ids,
                                                     "resources", "cores", &xml) == 0
                            && !strcmp (ids, "1"));
    check ("rank -2", flux_shell_get_rank_info (shell, -2, &s) < 0 && errno == EINVAL);
    check ("rank 2", flux_shell_get_rank_info (shell, 2, &s) < 0 && errno == EINVAL);
    check ("get_info", flux_shell_get_info (shell, &s) == 0 && strstr (s, "\"standalone\":false"));
    free (s);
    check ("info of nothing", flux_shell_get_info (NULL, &s) < 0 && errno == EINVAL);
    check ("info: format", flux_shell_info_unpack (shell, "{s:s}", "rank", &xml) < 0);
    s = flux_shell_rank_mustache_render (shell, 1, "{{node.id}} {{nosuch}}");
    check ("render for a rank", s && !strcmp (s, "1 {{nosuch}}"));
    free (s);
    s = flux_shell_task_mustache_render (shell, flux_shell_task_first (shell), "{{task.index}}");
    check ("render for a task", s && !strcmp (s, "0"));
    free (s);
    check ("render nothing", !flux_shell_mustache_render (shell, NULL) && errno == EINVAL);
    check ("per rank", flux_shell_mustache_is_per_rank (shell, "{{node.id}}")
                           && !flux_shell_mustache_is_per_rank (shell, "{{id}}"));
    check ("current task", !flux_shell_current_task (shell));
    check ("next task", flux_shell_task_first (shell) && !flux_shell_task_next (shell)
                            && errno == EAGAIN);
}

static void check_values (void)
{
    char *s = NULL;
    int a = 0;

    check ("setenv", flux_shell_setenvf (shell, 0, "ALL", "%d", 1) == 0);
    check ("setenv again", flux_shell_setenvf (shell, 0, "ALL", "%d", 2) < 0 && errno == EEXIST);
    check ("getenv", !strcmp (flux_shell_getenv (shell, "ALL"), "1"));
    check ("unsetenv", flux_shell_unsetenv (shell, "ALL") == 0 && !flux_shell_getenv (shell, "ALL"));
    check ("environ", flux_shell_get_environ (shell, &s) == 0 && strstr (s, "FLUX_JOB_ID"));
    free (s);
    check ("setopt", flux_shell_setopt_pack (shell, "all.deep.a", "i", 5) == 0);
    check ("getopt", flux_shell_getopt (shell, "all.deep", &s) == 1 && !strcmp (s, "{\"a\":5}"));
    free (s);
    check ("getopt_unpack", flux_shell_getopt_unpack (shell, "all", "{s:{s:i}}", "deep", "a", &a) == 1
                                && a == 5);
    check ("unset", flux_shell_setopt (shell, "all", NULL) == 0
                        && flux_shell_getopt (shell, "all", NULL) == 0);
    check ("no JSON", flux_shell_setopt (shell, "all", "{") < 0 && errno == EINVAL);
    check ("aux", flux_shell_aux_set (shell, "x", &freed, count_free) == 0
                      && flux_shell_aux_get (shell, "x") == &freed);
    check ("aux goes", flux_shell_aux_set (shell, "x", NULL, NULL) == 0 && freed == 1);
    check ("no aux", !flux_shell_aux_get (shell, "x") && errno == ENOENT);
    check ("refs", flux_shell_add_completion_ref (shell, "r") == 1
                       && flux_shell_add_completion_ref (shell, "r") == 2
                       && flux_shell_remove_completion_ref (shell, "r") == 0
                       && flux_shell_remove_completion_ref (shell, "r") == 0
                       && flux_shell_remove_completion_ref (shell, "r") < 0 && errno == ENOENT);
    check ("level", flux_shell_log_setlevel (99, NULL) < 0 && errno == EINVAL);
    check ("destination", flux_shell_log_setlevel (5, "nowhere") < 0 && errno == EINVAL);
    check ("err", flux_shell_err ("all", __FILE__, 1, ENOENT, "expected") < 0 && errno == ENOENT);
}

HANDLER (shell_init)
{
    int rank;

    check_info ();
    check_values ();
    flux_shell_info_unpack (shell, "{s:i}", "rank", &rank);
    check ("service", flux_shell_service_register (shell, "ask", ask_cb, NULL) == 0);
    check ("event", flux_shell_add_event_handler (shell, "stop", event_cb, (void *)"stop") == 0);
    check ("context", flux_shell_add_event_context (shell, "shell.init", 0, "{s:i}", "mine", 7) == 0
                          && flux_shell_add_event_context (shell, "shell.start", 0, "{s:s s:i}",
                                                           "more", "text", "size", 9) == 0);
    check ("bad context", flux_shell_add_event_context (shell, "shell.init", 0, "[i]", 1) < 0);
    return 0;
}

HANDLER (post_init)
{
    flux_future_t *f;
    int rank;

    flux_shell_info_unpack (shell, "{s:i}", "rank", &rank);
    f = flux_shell_rpc_pack (shell, "ask", 1 - rank, 0, "{s:i}", "n", 10 * rank);
    if (!f || flux_future_then (f, -1., answer_cb, NULL) < 0)
        return shell_log_errno ("rpc");
    flux_shell_add_completion_ref (shell, "answer");
    check ("no such shell", !flux_shell_rpc_pack (shell, "ask", 9, 0, "{}") && errno == EINVAL);
    return 0;
}

HANDLER (task_init)
{
    flux_shell_task_t *task = flux_shell_current_task (shell);

    if (flux_cmd_add_channel (flux_shell_task_cmd (task), "MYCHANNEL") < 0
        || flux_shell_task_channel_subscribe (task, "MYCHANNEL", channel_cb, NULL) < 0
        || flux_shell_task_channel_subscribe (task, "stdout", stdout_cb, NULL) < 0)
        return shell_log_errno ("channel");
    check ("twice", flux_shell_task_channel_subscribe (task, "stdout", stdout_cb, NULL) < 0
                        && errno == EEXIST);
    check ("too early", !flux_shell_task_subprocess (task) && errno == EINVAL);
    return 0;
}

HANDLER (task_fork)
{
    flux_subprocess_t *proc = flux_shell_task_subprocess (flux_shell_current_task (shell));

    check ("process", proc && flux_subprocess_pid (proc) > 1
                          && flux_subprocess_state (proc) == FLUX_SUBPROCESS_RUNNING);
    return flux_shell_plugstack_call (shell, "all.mine", NULL);
}

HANDLER (finish)
{
    flux_watcher_t *w = flux_timer_watcher_create (
        flux_get_reactor (flux_shell_get_flux (shell)), 0.01, 0., timer_cb, NULL);

    flux_watcher_start (w);
    return flux_shell_add_completion_ref (shell, "timer.%d", 1) == 1 ? 0 : -1;
}

HANDLER (say)
{
    shell_log ("called: %s", topic);
    return 0;
}

HANDLER (log_seen)
{
    const char *message, *component;
    int level;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:s s:i s:s}", "message", &message,
                                "level", &level, "component", &component) == 0
        && !strcmp (message, "called: all.mine"))
        flux_shell_setenvf (shell, 1, "LOGGED", "%d.%s", level, component);
    return 0;
}

HANDLER (at_exit)
{
    shell_log ("logged %s", flux_shell_getenv (shell, "LOGGED"));
    return 0;
}

int flux_plugin_init (flux_plugin_t *p)
{
    static const struct flux_plugin_handler tab[] = {
        { "shell.init", shell_init, NULL },   { "shell.post-init", post_init, NULL },
        { "task.init", task_init, NULL },     { "task.fork", task_fork, NULL },
        { "shell.finish", finish, NULL },     { "shell.exit", at_exit, NULL },
        { "all.mine", say, NULL },            { "shell.log", log_seen, NULL },
        { "mustache.render.mine*", render, NULL }, { NULL, NULL, NULL },
    };

    shell = flux_plugin_get_shell (p);
    if (flux_shell_get_taskmap (shell))
        return shell_log_errno ("there is no map yet");
    if (flux_plugin_get_shell (NULL) || errno != EINVAL)
        return -1;
    return flux_plugin_register (p, NULL, tab);
}
EOF
cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Werror -shared -fPIC \
    -I"$include" -o all.so all.c || exit 1
echo "plugin.load { file = '$PWD/all.so' }" >all.lua

cat >task.sh <<'EOF'
echo "out $1"
eval "echo sent >&$MYCHANNEL; read answer <&$MYCHANNEL"
echo "got $answer"
EOF
flux run -o userrc=all.lua -N2 -n2 sh task.sh '{{mine.tag}}' >out 2>err
rc=$?
sed 's/^[0-9.]*s: //' err | sort >log
saw () {
    if grep -Fqx -- "$2" log; then ok "$1"; else not_ok "$1" "$(cat log)"; fi
}
if [ $rc -eq 0 ]; then ok 'the job'; else not_ok 'the job' "status $rc" "$(cat err)"; fi
is 'each call does what it says' '' sh -c 'grep failed: log; true'
is 'templates of a plugin, answers on a channel' \
    'got back got back out rendered out rendered' sh -c 'sort out | xargs'
saw 'a request to another shell' 'flux-shell[0]: all: answer 1 from 1'
saw 'and back' 'flux-shell[1]: all: answer 11 from 0'
saw 'a channel' 'flux-shell[0]: all: channel MYCHANNEL: sent'
saw 'a copy of stdout' 'flux-shell[1]: all: stdout: out rendered'
saw 'and its end' 'flux-shell[1]: all: stdout: end'
saw 'the shell waits for a reference of shell.finish' 'flux-shell[1]: all: timer'
saw 'plugins call plugins' 'flux-shell[0]: all: called: all.mine'
saw 'and read the log' 'flux-shell[0]: all: logged 5.all'
saw 'errno in words' 'flux-shell[0]: ERROR: all: expected: No such file or directory'
id=$(flux job last)
like 'context of shell.init' '"leader-rank":0,"size":2.*"mine":7' flux job eventlog -f json -p exec "$id"
like 'of shell.start; what is ours stays' '"taskmap":.*"more":"text"}' flux job eventlog -f json -p exec "$id"

id=$(flux submit -N2 -n2 -o userrc=all.lua sh -c 'exec sleep inf')
flux job wait-event -p exec -t 30 "$id" shell.start >/dev/null
service=$(flux job eventlog -f json -p exec "$id" | sed -n 's/.*"service":"\([^"]*\)".*/\1/p')
cat >ask.py <<'EOF'
import sys, flux
h = flux.Flux()
try:
    print(h.rpc(sys.argv[1], {"n": int(sys.argv[3])}, nodeid=int(sys.argv[2])).get())
except OSError as e:
    print(e)
EOF
is 'others can ask, too' "{'sum': 6, 'from': 1}" flux python ask.py "$service.ask" 1 5
flux event pub "shell-$(flux job id --to=dec "$id").stop" >/dev/null
fails 'an event' 143 'all: event stop' flux job attach "$id"
like 'the service goes with the job' 'No service|not implemented' flux python ask.py "$service.ask" 1 5

id=$(flux submit -N2 -n2 -o userrc=all.lua sh -c 'exec sleep inf')
flux job wait-event -p exec -t 30 "$id" shell.start >/dev/null
service=$(flux job eventlog -f json -p exec "$id" | sed -n 's/.*"service":"\([^"]*\)".*/\1/p')
flux python ask.py "$service.ask" 1 -1 >/dev/null &
asker=$!
run flux job attach "$id"
first=$err
like 'a crash in a request is named, too' "plugin 'all' crashed in $service.ask" printf '%s\n' "$first"
wait $asker
finish
