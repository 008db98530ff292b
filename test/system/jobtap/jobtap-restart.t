# Plugins and a restart of the instance: they hear of the jobs that are found, and a
# dependency that one of them has added stays until it is removed.
. "${0%/*}/../lib.sh"

CC="cc -shared -fPIC -Wall -Wextra -Wno-unused-parameter -Werror"
for c in dependency-event count-states; do
    $CC -I"$FLUX_TEST_SOURCE/include" -o "$DIR/$c.so" \
        "$FLUX_TEST_SOURCE/examples/plugins/$c.c" || exit 1
done
cat >conf.toml <<EOF
[[job-manager.plugins]]
load = "$DIR/dependency-event.so"
[[job-manager.plugins]]
load = "$DIR/count-states.so"
[[job-manager.plugins]]
load = "perilog.so"
[job-manager.prolog]
command = [ "sh", "-c", "while [ ! -e $DIR/go ]; do sleep 0.1; done" ]
EOF
cat >first.sh <<'EOF'
flux submit --dependency=event:x true
flux submit --dependency=event:y true
id=$(flux submit true)
flux job wait-event -t 30 $id prolog-start >/dev/null
kill -9 $(flux getattr broker.pid)
EOF
cat >second.sh <<'EOF'
x=$(flux job last '[2]') y=$(flux job last '[1]') p=$(flux job last '[0]')
flux event pub x
flux job wait-event -t 30 $x dependency-remove >/dev/null
touch go
for id in $x $p; do
    flux job wait-event -t 30 $id clean >/dev/null
    flux job eventlog $id | cut -d' ' -f2 | grep -v release | xargs
done
flux job eventlog $y | cut -d' ' -f2 | xargs
flux jobtap query count-states.so | jq -c .counts.run
flux cancel $y
flux queue drain -t 30s
EOF
mkdir -p state
timeout 60 flux start -S statedir="$DIR/state" -c conf.toml sh first.sh >first.out 2>&1
is 'jobs, dependencies and a prolog are found again' \
    'submit dependency-add validate flux-restart dependency-remove depend priority alloc prolog-start prolog-finish start finish free clean
submit validate depend priority alloc prolog-start flux-restart prolog-start prolog-finish start finish free clean
submit dependency-add validate flux-restart
1' timeout 100 flux start -S statedir="$DIR/state" -c conf.toml sh second.sh
rm -f go

finish
