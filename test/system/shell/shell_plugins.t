# Plugins of the shell: flux-shell-plugins(7), in C; what becomes of a job whose plugins
# fail. Those in Lua are in shell_lua.t.
. "${0%/*}/../lib.sh"
under_flux 4
include=$FLUX_TEST_SOURCE/include
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip plugins 'programs of others are not sanitized'
    finish
    exit 0
fi

# plugin NAME [FLAG]: builds NAME.so from stdin, and NAME.lua, which loads it.
plugin () {
    { echo "#define FLUX_SHELL_PLUGIN_NAME \"$1\""
      echo '#include <flux/shell.h>'
      cat
    } >"$1.c"
    cc -std=c11 -Wall -Wextra -Wno-unused-parameter -Werror -shared -fPIC -I"$include" \
        ${2:+"$2"} -o "$1.so" "$1.c" || exit 1
    echo "plugin.load { file = \"$PWD/$1.so\" }" >"$1.lua"
}
handler () {
    echo "static int $1 (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args, void *data)"
}

# --- every name of the header ---
nm -D --defined-only "$FLUX_TEST_BUILD/src/shell/flux-shell-plugged" \
    | sed -n 's/.* T \([^@]*\).*/\1/p' | sort >there
sed 's|/\*.*\*/||' "$include/flux/shell.h" \
    | sed -n 's/^[a-z].*[ *]\(flux_[a-z0-9_]*\) (.*/\1/p' | sort -u >promised
is 'there are 47 functions' 47 sh -c 'wc -l <promised'
is 'each can be called' '' comm -13 there promised

# --- the four kinds of the manual ---
plugin task-env <<EOF
$(handler task_init)
{
    flux_shell_t *shell = flux_plugin_get_shell (p);
    flux_shell_task_t *task = flux_shell_current_task (shell);
    flux_cmd_t *cmd = flux_shell_task_cmd (task);
    int rank, localid;

    if (flux_shell_task_info_unpack (task, "{s:i s:i}", "rank", &rank, "localid", &localid) < 0)
        return shell_log_errno ("task info");
    if (flux_cmd_setenvf (cmd, 1, "MY_RANK", "%d", rank) < 0
        || flux_cmd_setenvf (cmd, 1, "MY_LOCAL", "%d", localid) < 0
        || flux_cmd_argv_append (cmd, "added") < 0)
        return shell_log_errno ("task command");
    return 0;
}
int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "task.init", task_init, NULL);
}
EOF
is 'task.init changes environment and arguments' '0 0 added 1 1 added 2 0 added 3 1 added' \
    sh -c 'flux run -o userrc=task-env.lua -N2 -n4 sh -c "echo \$MY_RANK \$MY_LOCAL \$1" x | sort | xargs'

plugin taskmap.reverse <<EOF
$(handler reverse)
{
    struct taskmap *map, *turned = taskmap_create ();
    const char *s;
    char *text;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:s}", "taskmap", &s) < 0
        || !(map = taskmap_decode (s, NULL)))
        return shell_log_errno ("no map");
    for (int i = taskmap_nnodes (map); i-- > 0;)
        taskmap_append (turned, i, 1, taskmap_ntasks (map, i));
    text = taskmap_encode (turned, TASKMAP_ENCODE_WRAPPED);
    flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:s}", "taskmap", text);
    free (text);
    taskmap_destroy (map);
    taskmap_destroy (turned);
    return 0;
}
int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "taskmap.reverse", reverse, NULL);
}
EOF
is 'a taskmap scheme' '0 3 1 2 2 1 3 0' sh -c \
    'flux run -o userrc=taskmap.reverse.lua --taskmap=reverse -N4 -n4 sh -c "echo \$FLUX_TASK_RANK \$(flux getattr rank)" | sort | xargs'
fails 'another one is unknown' 1 "taskmap: unknown scheme 'spiral'" \
    flux run -o userrc=taskmap.reverse.lua -o taskmap.scheme=spiral true

plugin exit-monitor <<EOF
#include <sys/wait.h>
$(handler task_exit)
{
    flux_shell_task_t *task = flux_shell_current_task (flux_plugin_get_shell (p));
    int rank, status;

    if (flux_shell_task_info_unpack (task, "{s:i s:i}", "rank", &rank, "wait_status", &status) < 0)
        return shell_log_errno ("task info");
    if (flux_subprocess_status (flux_shell_task_subprocess (task)) != status)
        return -1;
    if (WIFEXITED (status) && WEXITSTATUS (status) == 42)
        flux_shell_raise ("monitor", 1, "task %d is critical", rank);
    if (WIFEXITED (status) && WEXITSTATUS (status))
        shell_log ("task %d exited with code %d", rank, WEXITSTATUS (status));
    return 0;
}
int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "task.exit", task_exit, NULL);
}
EOF
fails 'task.exit sees the status' 42 'flux-shell\[0\]: exit-monitor: task 0 exited with code 42' \
    flux run -o userrc=exit-monitor.lua sh -c 'exit 42'
fails 'and raises an exception' 42 'type=monitor severity=1 task 0 is critical' \
    flux run -o userrc=exit-monitor.lua sh -c 'exit 42'

plugin config-test <<EOF
struct config { const char *mode; int level; };
$(handler init)
{
    struct config *c = calloc (1, sizeof (*c));
    int rc;

    c->mode = "default";
    rc = flux_shell_getopt_unpack (flux_plugin_get_shell (p), "config-test", "{s?s s?i}",
                                   "mode", &c->mode, "level", &c->level);
    flux_plugin_aux_set (p, "config", c, free);
    shell_log ("%d: mode=%s, level=%d", rc, c->mode, c->level);
    shell_debug ("only if asked for");
    return rc < 0 ? -1 : 0;
}
int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "shell.init", init, NULL);
}
EOF
run flux run -o userrc=config-test.lua -o config-test.mode=fast -o config-test.level=2 true
printf '%s\n' "$err" >first
like 'options of a plugin' 'config-test: 1: mode=fast, level=2$' cat first
is 'a debug message is not shown' '' sh -c "grep 'only if' first; true"
run flux run -o userrc=config-test.lua -o verbose=2 true
first=$err
like 'but with verbose' 'config-test: only if asked for' printf '%s\n' "$first"
like 'options that are not given' 'config-test: 0: mode=default, level=0$' printf '%s\n' "$first"
fails 'an option of the wrong kind' 1 "plugin 'config-test': shell.init failed" \
    flux run -o userrc=config-test.lua -o config-test.level=x true
fails 'an option that nobody reads' 1 'shell option nosuch.*: not supported' \
    flux run -o userrc=config-test.lua -o nosuch=1 true

# --- those of a site ---
mkdir path
cp task-env.so config-test.so path/
printf 'plugin.load { file = "config-test.so" }\nshell.setenv ("FROM", "initrc")\n' >other.lua
cat >site.sh <<'EOS'
flux run sh -c 'echo $MY_RANK' 2>err
sed 's/.*flux-shell/flux-shell/' err
flux run -o initrc=other.lua sh -c 'echo .$MY_RANK.$FROM' 2>/dev/null
EOS
is 'a plugin path; another initrc' '0
flux-shell[0]: config-test: 0: mode=default, level=0
..initrc' flux start -s1 -Sconf.shell_pluginpath="$PWD/path" sh site.sh
echo "plugin.load { file = 'task-env.so' }; shell.source_rcpath ('*.lua')" >path/initrc.lua
mkdir path/lua.d more
echo 'shell.setenv ("FROM", "lua.d")' >path/lua.d/x.lua
echo 'shell.setenv ("MORE", shell.getenv ("FROM") .. " and more")' >more/y.lua
is 'an initrc, and what it finds' '0 lua.d and more' env FLUX_SHELL_RC_PATH="$PWD/more" \
    flux start -s1 -Sconf.shell_pluginpath="$PWD/path" -Sconf.shell_initrc="$PWD/path/initrc.lua" \
    flux run sh -c 'echo $MY_RANK $MORE'

# --- plugins that fail: their job does, and says who it was; others do not ---
plugin failing -D_GNU_SOURCE <<EOF
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static const sigset_t *all (void)
{
    static sigset_t set;

    sigfillset (&set);
    return &set;
}
$(handler maybe)
{
    const char *at = NULL, *how = "error";

    flux_shell_getopt_unpack (flux_plugin_get_shell (p), "failing", "{s?s s?s}", "at", &at,
                              "how", &how);
    if (!at || strcmp (at, topic))
        return 0;
    if (!strcmp (how, "crash"))
        abort ();
    if (!strcmp (how, "segv"))
        *(volatile int *)8 = 1;
    if (!strcmp (how, "loop") || !strcmp (how, "stop") || !strcmp (how, "told")) {
        char path[4096];
        snprintf (path, sizeof (path), "$PWD/%s.%s", topic, how);
        close (open (path, O_CREAT | O_WRONLY, 0600));
    }
    while (!strcmp (how, "loop"))
        ;
    if (!strcmp (how, "exit"))
        exit (0);
    if (!strcmp (how, "_exit"))
        _exit (0);
    if (!strcmp (how, "hangup"))
        return raise (SIGHUP);
    if (!strcmp (how, "told"))
        _exit (113);
    if (!strcmp (how, "die"))
        shell_die (3, "I die in %s", topic);
    if (!strcmp (how, "closefrom"))
        closefrom (3);
    else if (!strcmp (how, "closeall"))
        closefrom (0);
    else if (!strcmp (how, "reopen")) {
        closefrom (0);
        while (open ("/dev/null", O_RDWR) < 200)
            ;
    } else if (!strcmp (how, "ignore"))
        signal (SIGCHLD, SIG_IGN);
    else if (!strcmp (how, "unblock"))
        sigprocmask (SIG_UNBLOCK, all (), NULL);
    else if (!strcmp (how, "wait"))
        while (wait (NULL) > 0)
            ;
    else if (!strcmp (how, "stop"))
        raise (SIGSTOP);
    else if (!strcmp (how, "fork"))
        waitpid (fork (), NULL, 0);
    else if (!strcmp (how, "helper") && fork () == 0)
        pause ();
    else
        return strcmp (how, "helper") ? -1 : 0;
    return 0;
}
int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "*", maybe, NULL);
}
EOF
flux submit -n1 sleep inf >other.id
flux job wait-event -t 30 "$(cat other.id)" start >/dev/null
# says NAME TEXT OPTION...: the job fails, and its submitter reads the text.
says () {
    name=$1 text=$2
    shift 2
    run flux run -o userrc=failing.lua "$@" true
    case $rc:$err in
    [1-9]*:*"$text"*) ok "$name" ;;
    *) not_ok "$name" "status $rc" "$err" ;;
    esac
}
for topic in shell.init shell.post-init task.init task.fork task.exec shell.start task.exit \
    shell.finish shell.exit; do
    says "an error in $topic" "plugin 'failing': $topic failed" -o failing.at=$topic
    for how in crash segv; do
        says "a $how in $topic" "plugin 'failing' crashed in $topic" -o failing.at=$topic \
            -o failing.how=$how
    done
done
for topic in shell.init task.exec task.exit shell.exit; do
    says "a loop in $topic" "plugin 'failing' does not return from $topic" \
        -o failing.at=$topic -o failing.how=loop -o plugin-timeout=0.2s
    says "shell_die in $topic" "failing: I die in $topic" -o failing.at=$topic \
        -o failing.how=die
done
for topic in shell.init task.init task.fork shell.start task.exit shell.finish shell.exit; do
    for how in exit _exit; do
        says "$how () in $topic" 'the job shell has ended before its job' \
            -o failing.at=$topic -o failing.how=$how
    done
done
# What the shell lives by.
for topic in shell.init task.fork task.exit shell.finish shell.exit; do
    for how in closefrom closeall reopen; do
        says "$how in $topic" "plugin 'failing' has closed descriptors of the job shell in $topic" \
            -o failing.at=$topic -o failing.how=$how
    done
    says "SIGCHLD ignored in $topic" "plugin 'failing' has SIGCHLD ignored in the job shell in $topic" \
        -o failing.at=$topic -o failing.how=ignore
    succeeds "signals unblocked in $topic" flux run -o userrc=failing.lua -o failing.at=$topic \
        -o failing.how=unblock -n2 true
done
says 'wait () in task.fork' 'the exit status of task 0 is lost: has a plugin called wait' \
    -o failing.at=task.fork -o failing.how=wait -n2
for topic in shell.init task.fork shell.exit; do
    run flux run -o userrc=failing.lua -o failing.at=$topic -o failing.how=fork true
    like "a copy of the shell, since $topic, is none" \
        "plugin 'failing' has forked a process that returns from $topic" printf '%s\n' "$err"
done
succeeds 'a process that a plugin has forked in task.fork holds nothing of the tasks' \
    flux run -o userrc=failing.lua -o failing.at=task.fork -o failing.how=helper -n2 true
succeeds 'and goes on' \
    pkill -9 -f "[f]lux-shell-plugged $(flux job id --to=dec "$(flux job last)") "
# A stopped shell, and one that does not come back, are no obstacle to SIGKILL: it is not
# that of shells, which comes later, that ends them.
printf '[exec]\nkill-timeout = "2s"\n' >kill.toml
cat >kill.sh <<'EOS'
for topic in shell.init task.exec task.fork shell.finish; do
    for how in stop loop; do
        rm -f $topic.$how
        id=$(flux submit -o userrc=failing.lua -o failing.at=$topic -o failing.how=$how \
            -o plugin-timeout=none true)
        until [ -e $topic.$how ]; do flux getattr rank >/dev/null; done
        echo $id $topic $how
    done
done >ids
flux cancel --all 2>/dev/null
while read id topic how; do
    flux job wait-event -t 60 $id finish | grep -q 'status=9$' && echo $topic $how: killed
done <ids
# One that says that it has told all.
rm -f shell.init.told
id=$(flux submit -o userrc=failing.lua -o failing.at=shell.init -o failing.how=told true)
until [ -e shell.init.told ]; do flux getattr rank >/dev/null; done
flux cancel $id
flux job wait-event -t 60 $id finish | sed 's/.* //'
EOS
is 'who is stopped, or loops, ends with its job' status=9 \
    flux start -s4 --config-path=kill.toml sh kill.sh
says 'a shell that is hung up' 'the job shell has ended before its job' \
    -o failing.at=shell.init -o failing.how=hangup
# With a kill-timeout that never comes.
printf '[exec]\nkill-timeout = "1h"\n' >patient.toml
cat >patient.sh <<'EOS'
id=$(flux submit -o userrc=failing.lua -o failing.at=task.fork sleep inf)
flux job wait-event -t 60 $id clean 2>&1 | sed 's/.* //'
EOS
is 'a task that had an error in task.fork is killed by its shell' clean \
    flux start -s1 --config-path=patient.toml sh patient.sh
says 'one of many shells' "plugin 'failing': shell.init failed" -N4 -n4 -o failing.at=shell.init
says 'an invalid time-out' 'plugin-timeout: expected a duration' -o plugin-timeout=x
is 'another job runs on' RUN flux jobs -no '{state}' "$(cat other.id)"
flux cancel "$(cat other.id)"

plugin refusing <<EOF
int flux_plugin_init (flux_plugin_t *p)
{
    return -1;
}
EOF
fails 'a plugin that refuses' 1 'plugin .*refusing.so: flux_plugin_init failed' \
    flux run -o userrc=refusing.lua true
mkdir beside
cp task-env.so beside/
echo 'plugin.load { file = "./task-env.so" }' >beside/rc.lua
is 'a plugin beside its userrc' 0 flux run -o userrc=beside/rc.lua sh -c 'echo $MY_RANK'
echo 'plugin.load { file = "nosuch.so" }' >nosuch.lua
fails 'a plugin that is not there' 1 'nosuch.lua:1: plugin nosuch.so: not found' \
    flux run -o userrc=nosuch.lua true
fails 'a file that is not there' 1 'cannot open .*/nix.lua' flux run -o userrc=nix.lua true
finish
