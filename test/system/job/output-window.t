# Output of jobs to readers that pause: it stays in the KVS until they take it.
. "${0%/*}/../lib.sh"
under_flux 2

# Sanitizers have a memory of their own.
memory_max=180000
[ -z "${ASAN_OPTIONS:-}${TSAN_OPTIONS:-}" ] || memory_max=100000000
broker=$(flux getattr broker.pid)

# paused_until FILE: counts its input, but reads only one byte before FILE exists.
paused_until () {
    python3 -c '
import os, sys, time
n = len(os.read(0, 1))
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
while True:
    d = os.read(0, 65536)
    if not d:
        break
    n += len(d)
print(n)' "$1"
}

# small: rank 0 never had more than memory_max
small () {
    peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$broker/status")
    if [ "$peak" -lt $memory_max ]; then ok "$1"; else not_ok "$1" "$peak kB"; fi
}

flux run -n1 head -c 80000000 /dev/zero | paused_until "$DIR/go" >count &
reader=$!
until id=$(flux job last 2>/dev/null); do sleep 0.05; done
flux job wait-event "$id" clean >/dev/null
is 'its job is over, others run' here flux run -n1 echo here
touch go
wait $reader
is 'a reader that paused has it all' 80000000 cat count
small 'which did not pile up in rank 0'
is 'who comes late, too' 80000000 sh -c "flux job attach $id | wc -c"
is 'from another rank' 80000000 sh -c "flux exec -n -r 1 flux job attach $id | wc -c"
flux run -n1 sh -c 'head -c 3000000 /dev/zero | tr "\0" x' >line
is 'one line that is longer than any window' 3000000 sh -c 'wc -c <line'
flux run -n1 head -c 80000000 /dev/zero | head -c 1000 >part
is 'a reader that has enough' 1000 sh -c 'wc -c <part'
is 'no watcher is left' 0 sh -c '
    until [ "$(flux module stats job-info | jq .watchers)" = 0 ]; do sleep 0.05; done; echo 0'
finish
