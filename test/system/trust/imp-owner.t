#!/bin/sh
# Jobs of other users where the owner is not root, behind a setuid helper that stays while
# its shell runs (test/imp.c): what a guest does to his own processes, and what his shell
# says, is nobody else's trouble, and none of it is left when his job has ended.
. "${0%/*}/../lib.sh"

if [ "$(id -u)" -ne 0 ]; then
    echo "1..0 # SKIP only root makes a helper setuid"
    exit 0
fi
# nobody else's, so that the test is not another's trouble
owner=$((200000 + $$ % 100000 * 2))
guest=$((owner + 1))
export owner guest
as () {
    user=$1
    shift
    setpriv --reuid="$user" --regid="$user" --clear-groups env HOME=/ TMPDIR="$DIR/open" "$@"
}
owner () {
    as $owner "$@"
}
guest () {
    (cd open && as $guest "$@")
}
chmod 755 "$DIR"
mkdir -m 755 run imp state
mkdir -m 777 open && chmod 777 open
chown $owner run state
cp "$FLUX_TEST_BUILD/test/imp" imp/imp
chmod 4755 imp/imp
chmod 777 imp # hostile, fails, talks, and the log of a helper that has become the guest
if [ "$(as $guest imp/imp 2>/dev/null; echo $?)" != 2 ] || ! owner flux --version >/dev/null 2>&1; then
    echo "1..0 # SKIP the build directory is not open to others"
    exit 0
fi
cat >conf.toml <<EOL
[access]
allow-guest-user = true
allow-root-owner = true
[exec]
kill-timeout = "0.2s"
imp = "$DIR/imp/imp"
EOL
chmod 644 conf.toml
start () {
    rm -f ready
    owner flux start -s2 -c"$DIR/conf.toml" --rundir="$DIR/run" -Sstatedir="$DIR/state" \
        sh -c "flux resource list >/dev/null; cp -f /dev/null $DIR/open/ready; exec sleep 1000" \
        2>>start.err &
    starter=$!
    tries=0
    until [ -e open/ready ] || [ $tries -gt 2000 ]; do
        tries=$((tries + 1))
        FLUX_URI="local://$DIR/run/local-0" owner flux getattr rank >/dev/null 2>&1
    done
    if [ ! -e open/ready ]; then
        not_ok 'an instance' "$(cat start.err)"
        finish
    fi
    rm -f open/ready
}
export FLUX_URI="local://$DIR/run/local-0"
start
gone () {
    ! kill -0 "$1" 2>/dev/null
}
no_guest () { # no process of the guest's is left
    ! pgrep -u $guest >/dev/null
}
ends () { # ends NAME JOB
    succeeds "$1: it ends" owner flux job wait-event -q -t 60 "$2" clean
    succeeds "$1: nothing of it is left" no_guest
}

is 'a job runs as its user' $guest guest flux run id -u
is 'that of the owner as he' $owner owner sh -c "cd $DIR/open && flux run id -u"
# What is in a task of a guest's, that was not in the guest's own.
cat >open/look <<'EOL'
echo "uid $(id -u) gid $(id -g) groups $(id -G)"
echo "cwd $PWD umask $(umask)"
grep -E '^(CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|SigBlk|SigIgn):' /proc/self/status
python3 -c 'import os
for fd in sorted(os.listdir("/proc/self/fd"), key=int)[:-1]: # the last is of the list itself
    print("fd", fd, os.readlink("/proc/self/fd/" + fd).split(":")[0])'
tr '\0' '\n' </proc/$$/environ | sed 's/=.*//' | grep -E '^FLUX|TOKEN|IMP' | sort
(: </dev/tty) 2>/dev/null && echo "a terminal"
true
EOL
guest flux run --env=-* --env=PATH sh look >looked 2>&1
is 'user and groups' "uid $guest gid $guest groups $guest" grep ^uid looked
like 'where it was submitted' "^cwd $DIR/open umask 0022" grep ^cwd looked
is 'no capability' '' sh -c "grep ^Cap looked | grep -v '0000000000000000$' || true"
is 'no signal is ignored or blocked' '' sh -c "grep ^Sig looked | grep -Ev '00000000[08]0000000$' || true" # 32 is glibc's
is 'no descriptor but three, and that of PMI' 'fd 0 pipe
fd 1 pipe
fd 2 pipe
fd 3 socket' grep ^fd looked
is 'nothing of the helper in its environment' '' sh -c "grep -E 'TOKEN|IMP' looked || true"
cat >on-tty.py <<'EOL'
import os, pty, sys
# the broker has a terminal; its job must not
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
out = b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    out += data
sys.stdout.buffer.write(out)
EOL
mkdir -m 755 run2 && chown $owner run2
cat >open/on-tty <<EOL
cp /dev/null $DIR/open/tty-ready
while [ ! -e $DIR/open/tty-done ]; do flux getattr rank >/dev/null; done
EOL
rm -f open/tty-ready
owner env -u FLUX_URI python3 on-tty.py flux start -c"$DIR/conf.toml" --rundir="$DIR/run2" \
    sh "$DIR/open/on-tty" >tty.out 2>&1 &
tty_pid=$!
succeeds 'an instance on a terminal' until_true test -e open/tty-ready
cat >open/steal <<'EOL'
import fcntl, os, termios
try:
    fd = os.open("/dev/tty", os.O_RDWR)
    print("stolen")
except OSError as e:
    print(e.strerror)
EOL
like 'whose terminal is not that of guests' 'No such device or address' env \
    FLUX_URI="local://$DIR/run2/local-0" setpriv --reuid=$guest --regid=$guest --clear-groups \
    sh -c 'cd open && HOME=/ flux run python3 steal'
: >open/tty-done
wait $tty_pid

# Processes that do all not to end.
cat >open/stubborn <<'EOL'
import os, signal, sys, time
for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(s, signal.SIG_IGN)
import ctypes
libc = ctypes.CDLL(None)
def daemon(name, stop):
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    libc.prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG
    for fd in range(3):
        os.close(fd)
    with open(name + ".tmp", "w") as f:
        f.write(str(os.getpid()))
    os.rename(name + ".tmp", name)
    if stop:
        os.kill(os.getpid(), signal.SIGSTOP)
    while True:
        time.sleep(100)
daemon("daemon.pid", False)
daemon("stopped.pid", True)
while not (os.path.exists("daemon.pid") and os.path.exists("stopped.pid")):
    os.sched_yield()
with open("task.tmp", "w") as f:
    f.write(str(os.getpid()))
os.rename("task.tmp", "task.pid")
if len(sys.argv) > 1:
    sys.exit(0)
while True:
    time.sleep(100)
EOL
begin () { # begin ARGS...: a stubborn job
    rm -f open/*.pid
    id=$(guest flux submit "$@") && until_true test -s open/task.pid
}
succeeds 'a task that leaves daemons, and exits' begin python3 stubborn exit
ends 'a task that leaves daemons' "$id"
is 'its status is its own' 0 sh -c "FLUX_URI=$FLUX_URI setpriv --reuid=$owner --regid=$owner --clear-groups env HOME=/ flux job attach $id; echo \$?"
succeeds 'one that does not exit' begin python3 stubborn
succeeds 'is cancelled' guest flux cancel "$id"
ends 'one that does not exit' "$id"
succeeds 'one whose shell is stopped by its user' begin python3 stubborn
pkill -STOP -u $guest -f -- '--guest'
succeeds 'is cancelled, too' guest flux cancel "$id"
ends 'one whose shell is stopped' "$id"
succeeds 'one whose shell is killed' begin python3 stubborn
pkill -KILL -u $guest -f -- '--guest'
like 'the shell is missed' 'lost contact with job shell' owner flux job wait-event -t 30 "$id" exception
ends 'one whose shell is killed' "$id"

# Shells that say what none says.
cat >imp/hostile <<EOL
#!/usr/bin/python3
import json, os, signal, sys, time
line = sys.stdin.buffer.readline()
job = int(line.split()[1])
what = open("$DIR/open/what").read().strip()
out = sys.stdout.buffer
for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(s, signal.SIG_IGN)
def say(type, text):
    out.write(b"%s %d %s\n" % (type.encode(), job, text.encode()))
    out.flush()
def started():
    open("$DIR/open/task.pid.tmp", "w").write(str(os.getpid()))
    os.rename("$DIR/open/task.pid.tmp", "$DIR/open/task.pid")
def flood(type, text):
    started()
    while True:
        say(type, text)
entry = '{"timestamp":1.0,"name":"data","context":{"data":"' + "x" * 3000 + '"}}'
if what == "exits-not":
    say("X", "0")
    started()
elif what == "long":
    started()
    out.write(b"o %d " % job)
    while True:
        out.write(b"x" * 65536)
elif what == "half":
    out.write(b"+o %d {" % job)
    out.flush()
    started()
elif what == "output":
    say("r", "")
    flood("o", entry)
elif what == "events":
    flood("e", entry)
elif what == "log":
    flood("l", "x" * 1000)
elif what == "barriers":
    flood("b", "k")
elif what in ("N", "done"):
    if what == "N":
        say("N", "never")
    else:
        say("e", '{"timestamp":1.0,"name":"done"}')
    started()
while True:
    time.sleep(100)
EOL
chmod 755 imp/hostile
for what in exits-not long half output events log barriers N done; do
    echo $what >open/what
    rm -f open/task.pid
    id=$(guest flux submit true)
    until_true test -s open/task.pid
    case $what in
    exits-not) ;;
    half | output) guest flux cancel "$id" ;; # output that is stored as it comes is no fault
    *) like "a shell that says $what" \
        '(malformed frame|more output than was asked for|too many messages) from job shell|barrier of a job' \
        owner flux job wait-event -t 60 "$id" exception ;;
    esac
    ends "a shell that says $what" "$id"
done
rm imp/hostile
like 'no broker has grown by it' '^ok' sh -c "
    for pid in \$(pgrep -u $owner flux-broker); do awk '/VmRSS/ { print (\$2 < 400000 ? \"ok\" : \"large: \" \$0) }' /proc/\$pid/status; done"
is 'jobs run' $guest guest flux run id -u

# Brokers that are killed while jobs run.
succeeds 'a job' begin -N2 -n2 python3 stubborn
pkill -KILL -u $owner flux-broker
wait $starter
succeeds 'nothing outlives brokers that are killed' until_true no_guest
start
like 'the job was lost, which is said' 'exception' owner flux job wait-event -t 60 "$id" exception
succeeds 'and ends' owner flux job wait-event -q -t 60 "$id" clean
is 'jobs run again' $guest guest flux run id -u
succeeds 'a job whose servers are stopped' begin -N2 -n2 python3 stubborn
: >imp/talks # to whom nobody listens then
: >imp/imp.log
pkill -STOP -u $guest -f -- '--guest'
pkill -KILL -u $owner flux-broker
wait $starter
succeeds 'nothing of it outlives brokers that are killed' until_true no_guest
like 'which the helper has ended' "exec $guest flux-shell --end [0-9]" cat imp/imp.log
rm imp/talks
start
is 'and again' $guest guest flux run id -u
succeeds 'one that runs while job-exec is loaded again' begin python3 stubborn
owner flux module reload job-exec
like 'it is lost, which is said' 'exception' owner flux job wait-event -t 60 "$id" exception
succeeds 'and ends' owner flux job wait-event -q -t 60 "$id" clean
succeeds 'nothing of one whose job-exec has gone is left' until_true no_guest

# A helper that does not end what it should, and cannot be killed either.
succeeds 'a job with a shell that is stopped' begin python3 stubborn exit
: >imp/hangs
pkill -STOP -u $guest -f -- '--guest'
guest flux cancel "$id"
succeeds 'its helper hangs: it ends all the same' owner flux job wait-event -q -t 100 "$id" clean
rm imp/hangs
pgrep -f "^$DIR/imp/imp exec" | xargs -r kill -9
pkill -KILL -u $guest
like 'which is said' 'imp: process [0-9]+ does not end, and cannot be killed' cat start.err
like 'and what is left' 'processes are left that cannot be killed: [0-9]' cat start.err
is 'jobs run once more' $guest guest flux run id -u

left () { # files of servers that are not there
    find "$DIR/open" /tmp -maxdepth 1 -name 'flux-shell-*' -user $guest 2>/dev/null
}
is 'what killed servers have left goes with the next job' $guest guest flux run id -u
is 'all of it' '' left
succeeds 'one that runs at the end' begin -N2 -n2 python3 stubborn
owner flux shutdown >/dev/null 2>&1
wait $starter
succeeds 'which takes it along' until_true no_guest
left | xargs -r rm -rf # there is no next job
finish
