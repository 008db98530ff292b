#!/bin/sh
# Jobs of other users, whose shells a setuid helper starts: exec.imp. The helper here is a
# double of it: this test is root.
. "${0%/*}/../lib.sh"

guest=65534
as_guest () {
    setpriv --reuid=$guest --regid=$guest --clear-groups env HOME=/ "$@"
}
if [ "$(id -u)" -ne 0 ]; then
    echo "1..0 # SKIP only root can be a guest of its own instance"
    exit 0
fi
cat >imp <<'EOL'
#!/usr/bin/python3
"""imp exec SHELL ARGS: as the user that has signed the jobspec."""
import base64, json, os, subprocess, sys

def log(text):
    with open(os.path.join(os.path.dirname(__file__), "imp.log"), "a") as f:
        print(text, file=f)

if sys.argv[1] == "run":
    os.execv("/bin/echo", ["echo", "run", *sys.argv[2:]])
assert sys.argv[1] == "exec"
helper = os.environ.pop("FLUX_IMP_EXEC_HELPER").split()
J = json.loads(subprocess.run(helper, stdout=subprocess.PIPE, check=True).stdout)["J"]
head = base64.b64decode(J.split(".")[0] + "==").split(b"\0")
uid = int(head[head.index(b"userid") + 1].lstrip(b"i"))
log(f"{helper[-2]} {uid} {os.path.basename(sys.argv[2])} {' '.join(sys.argv[3:])}")
if os.path.exists(os.path.join(os.path.dirname(__file__), "fails")):
    sys.exit("imp: no")
if os.path.exists(os.path.join(os.path.dirname(__file__), "hostile")):
    sys.argv[2:] = [os.path.join(os.path.dirname(__file__), "hostile")]
os.execvp("setpriv", ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
          + sys.argv[2:])
EOL
chmod 755 imp
chmod 755 "$DIR"
cat >conf.toml <<EOL
[access]
allow-guest-user = true
[exec]
kill-timeout = "0.2s"
imp = "$DIR/imp"
EOL
[ -d run ] || mkdir -m 755 run
[ -d open ] || mkdir -m 777 open; chmod 777 open
under_flux 2 -c"$DIR/conf.toml" --test-rundir="$DIR/run"
guest_flux () {
    (cd open && as_guest flux "$@")
}
is 'a job runs as its user' "$guest" guest_flux run id -u
like 'the helper was asked' "^imp-exec-helper $guest flux-shell --server 0 --guest" cat imp.log
is 'that of the owner as he' 0 flux run id -u
is 'on each node' "$guest $guest" sh -c "cd open && echo \$(setpriv --reuid=$guest --regid=$guest --clear-groups flux run -N2 -n2 id -u)"
is 'with its input' hello sh -c "cd open && echo hello | setpriv --reuid=$guest --regid=$guest --clear-groups flux run cat"
is 'and its status' 7 sh -c "cd open; setpriv --reuid=$guest --regid=$guest --clear-groups flux run sh -c 'exit 7'; echo \$?"
like 'flux exec --with-imp' '^run id -u$' flux exec --with-imp -r 1 id -u
cat >open/task <<'EOL'
trap '' TERM
echo $$ >task.pid
test -w "$FLUX_JOB_TMPDIR" && echo "$FLUX_JOB_TMPDIR" >tmpdir
exec sleep 1000
EOL
ended () { # the task of the last job
    ! kill -0 "$(cat open/task.pid)" 2>/dev/null
}
begun () {
    rm -f open/task.pid
    id=$(guest_flux submit -n1 --output=out.txt sh task) &&
        flux job wait-event -q -t 20 -p exec "$id" shell.start && until_true test -s open/task.pid
}
succeeds 'a task that does not end' begun
like 'its directory' '^/.*/flux-shell-.{6}/jobtmp-' cat open/tmpdir
is 'is its own' $guest stat -c %u "$(cat open/tmpdir)"
is 'so is its file' $guest stat -c %u open/out.txt
is 'the user cancels it' 0 sh -c "cd open; setpriv --reuid=$guest --regid=$guest --clear-groups flux cancel $id; echo \$?"
succeeds 'it ends' flux job wait-event -q -t 30 "$id" clean
succeeds 'with its task' until_true ended
succeeds 'and its directory' until_true test ! -e "$(dirname "$(cat open/tmpdir)")"
own=$(flux submit sleep 1000)
fails 'not one of the owner' 1 'not permitted|owner' guest_flux cancel "$own"
succeeds 'another' begun
pkill -9 -u $guest -f -- '--guest'
like 'its shell is killed' 'lost contact with job shell' flux job wait-event -t 20 "$id" exception
succeeds 'it ends' flux job wait-event -q -t 30 "$id" clean
succeeds 'and its task' until_true ended
: >fails
fails 'a helper that refuses' 137 'lost contact with job shell' guest_flux run true
rm fails
cat >hostile <<EOL
#!/usr/bin/python3
import sys, time
job = int(sys.stdin.buffer.readline().split()[1])
victim = int(open("$DIR/victim").read())
other = int(open("$DIR/other").read())
for type, id, text in (("p", job, f"{victim}"), ("X", other, "9"),
                       ("x", other, '{"type":"exec","severity":0,"note":"mine"}'),
                       ("p", other, f"{victim}")):
    sys.stdout.write(f"{type} {id} {text}\n")
sys.stdout.flush()
open("$DIR/open/said", "w")
sys.stdin.buffer.read()
EOL
chmod 755 hostile
sh -c 'echo $$ >victim; exec setsid sleep 1000' &
until_true test -s victim
flux job id --to=dec "$own" >other
id=$(guest_flux submit true)
succeeds 'a shell that says what is not its own' until_true test -e open/said
guest_flux cancel "$id"
succeeds 'it ends' flux job wait-event -q -t 30 "$id" clean
succeeds 'nobody else was killed' kill -0 "$(cat victim)"
is "the owner's job runs on" RUN flux jobs -no '{state}' "$own"
kill "$(cat victim)"
rm hostile
flux cancel "$own"
is 'nothing is left' '' sh -c "ps -u $guest -o pid=,args= || true"
mv imp imp.away
fails 'no helper' 127 'job shell.*No such file' guest_flux run true
succeeds 'is said' flux config reload
like 'in the log' "exec.imp: $DIR/imp: No such file or directory: jobs of other users" flux dmesg
mv imp.away imp
printf '[access]\nallow-guest-user = true\n' >"$DIR/conf.toml"
flux config reload
fails 'none is asked for' 1 'setuid helper' guest_flux run true

# What is only pretended runs as nobody, and needs no helper.
printf '[access]\nallow-guest-user = true\n[exec.testexec]\nallow-guests = true\n' >"$DIR/conf.toml"
flux config reload
succeeds 'jobs of others are simulated where they may be' \
    guest_flux run --setattr=exec.test.run_duration=1ms true
fails 'no others are taken' 1 'without a setuid helper' guest_flux run true

# What the helper asks for is asked for once.
ask () {
    "$FLUX_TEST_BUILD/src/shell/flux-shell" --ask "$@"
}
: >answer
is 'an answer that is none is passed on' 'half 3' sh -c "
    echo \$('$FLUX_TEST_BUILD/src/shell/flux-shell' --ask answer /bin/sh -c 'echo half; exit 3'; echo \$?)"
is 'and not kept' first ask answer /bin/echo first
is 'the first that is one is' first ask answer /bin/echo second
printf 'ha' >answer
is 'one that was not kept whole is asked for again' second ask answer /bin/echo second
like 'one that cannot be kept, too' 'away/answer: an answer is not kept: No such file' sh -c "
    '$FLUX_TEST_BUILD/src/shell/flux-shell' --ask away/answer /bin/echo third 2>&1"
is 'each time' fourth ask away/answer /bin/echo fourth
fails 'no program' 127 'away: No such file' ask away/answer /away
finish
