# Brokers that talk nonsense, and one that dies while commands wait for it: a line on
# stderr and status 1, and nothing that looks like an answer.
. "${0%/*}/../lib.sh"

cat >"$DIR/commands" <<EOL
jobs -a
jobs --json
jobs --stats-only
pgrep foo
job last
job attach 1
job eventlog 1
job eventlog -F 1
job info 1 R
job wait-event 1 clean
job status 1
job wait 1
job purge
job taskmap 1
kvs ls
kvs get a
kvs put a=1
kvs dir
resource list
resource status
queue list
queue status
overlay status
uptime
dmesg
dmesg -f
config get
module list
module stats kvs
ping -c1 0
exec echo
getattr rank
lsattr -v
event sub
event pub foo
submit true
submit --wait true
submit --watch true
run true
cancel 1
cancel --all
EOL
for mode in close hello garbage half huge zeros; do
    /usr/bin/python3 "$FLUX_TEST_SOURCE/test/system/fake-broker.py" "$DIR/$mode" $mode \
        >"$DIR/ready" &
    fake=$!
    until [ -s "$DIR/ready" ] || ! kill -0 $fake 2>/dev/null; do :; done
    FLUX_URI=local://$DIR/$mode
    export FLUX_URI
    bad=
    while read -r line; do
        # shellcheck disable=SC2086
        run flux $line
        if [ $rc -ne 1 ] || [ -n "$out" ] || [ -z "$err" ]; then
            bad="$bad
$line: status $rc, out '$out', err '$err'"
        fi
    done <"$DIR/commands"
    kill $fake
    wait $fake 2>/dev/null
    if [ -z "$bad" ]; then
        ok "a broker of kind '$mode'"
    else
        not_ok "a broker of kind '$mode'" "$bad"
    fi
done
unset FLUX_URI

# --- one that dies ---

cat >"$DIR/initial" <<'EOL'
echo $$ >"$DIR/initial.pid"
flux getattr broker.pid >"$DIR/broker.pid"
echo "$FLUX_URI" >"$DIR/uri.new"
mv "$DIR/uri.new" "$DIR/uri"
exec sleep 1000
EOL
export DIR
flux start -s1 sh "$DIR/initial" >"$DIR/start.out" 2>&1 &
start=$!
until [ -s "$DIR/uri" ] || ! kill -0 $start 2>/dev/null; do :; done
FLUX_URI=$(cat "$DIR/uri")
export FLUX_URI
id=$(flux submit sh -c 'echo started; sleep 1000')
flux job wait-event -W -q -p output "$id" data

# Each prints something, or has something printed about it, before the broker dies.
follow () {
    name=$1
    shift
    "$@" </dev/null >"$DIR/$name.out" 2>"$DIR/$name.err" &
    eval "pid_$name=$!"
}
follow attach flux job attach "$id"
follow watch flux submit --watch sh -c 'echo started; sleep 1000'
follow eventlog flux job eventlog -F "$id"
follow dmesg flux dmesg -f
follow event flux event sub
follow exec flux exec -n sh -c 'echo up; while kill -0 $PPID; do sleep 0.1; done 2>/dev/null'
for name in attach watch eventlog dmesg exec; do
    eval "pid=\$pid_$name"
    until [ -s "$DIR/$name.out" ] || ! kill -0 "$pid" 2>/dev/null; do :; done
done
until [ -s "$DIR/event.out" ]; do
    flux event pub foo >/dev/null
done
kill -9 "$(cat "$DIR/broker.pid")"
for name in attach watch eventlog dmesg event exec; do
    eval "pid=\$pid_$name"
    wait "$pid"
    rc=$?
    if [ $rc -eq 1 ] && [ -s "$DIR/$name.err" ]; then
        ok "$name: says so and ends with 1"
    else
        not_ok "$name: says so and ends with 1" "status $rc" "$(cat "$DIR/$name.err")"
    fi
done
kill -9 "$(cat "$DIR/initial.pid")" 2>/dev/null
wait $start

# --- one that dies while it shuts down ---

rm "$DIR/uri"
printf '#!/bin/sh\necho $$ >%s/rc3.pid\nexec sleep 1000\n' "$DIR" >"$DIR/rc3"
chmod +x "$DIR/rc3"
unset FLUX_URI
flux start -s1 -Sbroker.rc3_path="$DIR/rc3" sh "$DIR/initial" >"$DIR/start.out" 2>&1 &
start=$!
until [ -s "$DIR/uri" ] || ! kill -0 $start 2>/dev/null; do :; done
FLUX_URI=$(cat "$DIR/uri")
export FLUX_URI
flux shutdown >"$DIR/shutdown.out" 2>"$DIR/shutdown.err" &
shutdown=$!
until [ -s "$DIR/rc3.pid" ] || ! kill -0 $shutdown 2>/dev/null; do :; done
kill -9 "$(cat "$DIR/broker.pid")"
wait $shutdown
is 'shutdown: says so and ends with 1' \
    '1 flux-shutdown: lost connection to the broker before the instance had ended' \
    echo $? "$(cat "$DIR/shutdown.err")"
kill -9 "$(cat "$DIR/rc3.pid")" 2>/dev/null
wait $start
finish
