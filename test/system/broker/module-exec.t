# Modules as processes; what becomes of a module that does not end, or does not reload.
. "${0%/*}/../lib.sh"
under_flux 2
mod=$FLUX_TEST_BUILD/src/broker/testmod.so
broker=$(flux getattr broker.pid)
# The processes of modules: the kernel knows them by the module's name.
processes () { ps -o comm= --ppid "$broker" | grep -c "^$1\$"; }
gone () { until_true sh -c "! flux module list | grep -q '^$1 '"; }

succeeds 'load --exec' flux module load --exec "$mod" 'a b' c
like 'it is listed' '^testmod ' flux module list
is 'it is a process' 1 processes testmod
like 'it answers' '^0!testmod.ping' flux ping --count=1 testmod
is 'it has its arguments, blanks and all' 'a b' flux python -c '
import flux
print(flux.Flux().rpc("testmod.args").get()["first"])'
like 'stats' '"tx"' flux module stats testmod
like 'rusage' '"maxrss"' flux module stats --rusage testmod
is 'debug' 0x3 flux module debug --set=3 testmod
like 'it knows its configuration and attributes' '.' flux module stats -p rx.request testmod
succeeds 'remove' flux module remove testmod
until_true sh -c "! ps -o comm= --ppid $broker | grep -q '^testmod\$'"
is 'its process is gone' 0 sh -c "ps -o comm= --ppid $broker | grep -c '^testmod\$' || true"

fails 'mod_main fails' 1 'Operation not permitted|load' flux module load --exec "$mod" fail
fails 'no mod_main' 1 'does not define mod_main' \
    flux module load --exec "$FLUX_TEST_BUILD/src/broker/overlay-zmq.so"
fails 'no such module' 1 'not found' flux module load --exec nosuch
cat >loader <<EOS
#!/bin/sh
echo "\$1" >>loaded
exec "$FLUX_TEST_BUILD/src/broker/flux-module-exec" "\$1"
EOS
chmod +x loader
succeeds 'a loader of ours' flux module load --loader=./loader "$mod"
is 'has run the module as a process' 1 processes testmod
succeeds 'and again' flux module reload --loader=loader "$mod"
is 'each time with its path' "$mod $mod" sh -c 'echo $(cat loaded)'
fails 'a module that does not reload' 1 'It runs again as it did before' \
    flux module reload --exec "$mod" fail
is 'runs again by its loader' 3 sh -c 'wc -l <loaded'
flux module remove testmod
fails 'a loader that is not there' 1 'loader=./nosuch: No such file' \
    flux module load --loader=./nosuch "$mod"
fails 'a loader that cannot be run' 1 "loader $PWD/loaded: Permission denied" \
    flux module load --loader=./loaded "$mod"
printf '#!/bin/sh\nexit 3\n' >ends; chmod +x ends
fails 'a loader that ends' 1 'load .*testmod' flux module load --loader=./ends "$mod"
fails 'a loader for a name' 1 'given as a path' flux module load --loader=./loader heartbeat
is 'none of them is left' 0 sh -c "flux module list | grep -c -e testmod -e libflux || true"

# --- the ways to end ---

flux module load --exec "$mod" service=other
like 'a service that it registers' '^0!other' sh -c "flux module list | grep -o other | sed 's/^/0!/'"
cat >hold.py <<'EOS'
import flux
h = flux.Flux()
hold = h.rpc("testmod.hold")
h.rpc("testmod.args").get()  # it has the first one, too
open("held", "w").close()
hold.get()
EOS
flux python hold.py >hold.out 2>hold.err &
until_true [ -e held ]
kill -9 "$(ps -o pid=,comm= --ppid "$broker" | awk '$2 == "testmod" { print $1 }')"
gone testmod
wait $!
like 'who waits for an answer is told' 'not implemented|has ended|try again' cat hold.err
like 'the log says what became of it' 'testmod failed: its process was killed by signal 9' flux dmesg
is 'the instance goes on' 2 flux getattr size

flux module load --exec "$mod"
flux python -c '
import flux
flux.Flux().rpc("testmod.die").get()' >/dev/null 2>&1
gone testmod
like 'it ends with an error' 'testmod failed: ' flux dmesg

flux module load --exec "$mod"
kill -STOP "$(ps -o pid=,comm= --ppid "$broker" | awk '$2 == "testmod" { print $1 }')"
succeeds 'remove --cancel ends what does not end' flux module remove --cancel testmod
flux module load --exec "$mod"
kill -STOP "$(ps -o pid=,comm= --ppid "$broker" | awk '$2 == "testmod" { print $1 }')"
succeeds 'reload --cancel' flux module reload --exec --cancel "$mod"
like 'it is there again' '^0!testmod.ping' flux ping --count=1 testmod
flux module remove testmod
flux module load "$mod"
fails 'a thread cannot be cancelled' 1 'thread of the broker' flux module remove --cancel testmod

# --- one that does not read for a while ---

cat >flood.py <<'EOS'
import flux
h = flux.Flux()
fill = "x" * 100000
refused = 0
held = h.rpc("testmod.hold")
while not refused:
    f = h.rpc("testmod.args", {"fill": fill})
    h.rpc("attr.get", {"name": "rank"}).get()  # it has been through
    try:
        f.wait_for(0.001)  # its answer is there, if there is one
        f.get()
    except TimeoutError:
        pass
    except OSError as e:
        refused = e.errno
print(refused)
EOS
flux module remove testmod
before=$(flux getattr broker.client-queue-bytes)
flux setattr broker.client-queue-bytes 4M
flux module load --exec "$mod"
flux setattr broker.client-queue-bytes "$before"
pid=$(ps -o pid=,comm= --ppid "$broker" | awk '$2 == "testmod" { print $1 }')
kill -STOP "$pid"
is 'requests are refused' 105 flux python flood.py
kill -CONT "$pid"
succeeds 'it hears of who has left' flux python -c '
import flux
h = flux.Flux()
while h.rpc("testmod.disconnects").get()["count"] != 1:
    pass'
kill -STOP "$pid"
is 'requests are refused again' 105 flux python flood.py
cat >remove.py <<'EOS'
import os, signal, sys
import flux
h = flux.Flux()
f = h.rpc("module.remove", {"name": "testmod"})
h.rpc("attr.get", {"name": "rank"}).get()  # it has been through
os.kill(int(sys.argv[1]), signal.SIGCONT)
f.get()
EOS
succeeds 'it is told to end all the same' flux python remove.py "$pid"
flux module load "$mod"

# --- a reload that fails ---

fails 'reload fails' 1 'reload testmod: .* It runs again as it did before$' \
    flux module reload "$mod" fail
like 'the old one is back' '^0!testmod.ping' flux ping --count=1 testmod
flux module remove testmod
flux module load --exec "$mod" first
fails 'so it is for a process' 1 'runs again' flux module reload "$mod" fail
is 'with its arguments' first flux python -c '
import flux
print(flux.Flux().rpc("testmod.args").get()["first"])'
is 'as a process' 1 processes testmod
fails 'a file that is not there is found out before' 1 'No such file' \
    flux module reload ./testmod.so
like 'nothing has changed' '^0!testmod.ping' flux ping --count=1 testmod

# --- a service of the instance as a process ---

succeeds 'job-info as a process' flux module reload --exec job-info
is 'it is one' 1 processes job-info
like 'it does its work' '^[^ ]+ submit' sh -c 'flux run true; flux job eventlog $(flux job last)'
is 'it ends with its instance' 0 sh -c '
    flux start sh -c "flux module load --exec '"$mod"'; flux getattr broker.pid >pid"
    ps -o comm= --ppid "$(cat pid)" | grep -c testmod || true'

# --- arguments ---

for name in barrier content heartbeat job-info job-list job-ingest job-manager rexec kvs resource; do
    fails "$name: an unknown argument" 1 'nknown argument: bogus|argument' \
        flux module load --name "x-$name" "$name" bogus
done

# --- the broker's own services ---

for name in broker attr config groups log module overlay service runat; do
    flux ping --count=1 "$name" >/dev/null 2>err || echo "$name: $(cat err)"
    flux module stats "$name" >/dev/null || echo "$name: stats"
    flux module stats --rusage "$name" | grep -q maxrss || echo "$name: rusage"
    flux module debug "$name" >/dev/null || echo "$name: debug"
done >bad 2>&1
is 'the broker'"'"'s services answer ping, stats-get, rusage, debug' '' cat bad
is 'stats count requests' 1 sh -c 'flux module stats --clear groups; flux module stats -p rx.request groups'
is 'an instance without rc1 can execute' 'hello' \
    flux start -Sbroker.rc1_path= -Sbroker.rc3_path= flux exec -r 0 echo hello
is 'so does one with a command for rc1' 'hello' \
    flux start -Sbroker.rc1_path='flux exec -r 0 true' -Sbroker.rc3_path= flux exec -r 0 echo hello
finish
