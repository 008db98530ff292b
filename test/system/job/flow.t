# Back-pressure: who reads slowly, or not at all, makes its own writer wait, and
# loses nothing.
. "${0%/*}/../lib.sh"
under_flux 2

# paused_until FILE: counts its input, but reads only one byte before FILE exists.
paused_until () {
    python3 -c '
import os, sys
n = len(os.read(0, 1))
while not os.path.exists(sys.argv[1]):
    os.stat(sys.argv[2])
while True:
    d = os.read(0, 65536)
    if not d:
        break
    n += len(d)
print(n)' "$1" "$DIR"
}

# --- flux exec ---

flux exec -n -r 1 sh -c "head -c 30000000 /dev/zero; touch $DIR/all-written" 2>exec.err |
    paused_until "$DIR/go" >count &
for i in 1 2 3 4 5 6; do
    is 'others run while a reader pauses' "$i" flux exec -r 1 echo $i
done
if [ -e all-written ]; then not_ok 'its writer waits'; else ok 'its writer waits'; fi
touch go
wait
is 'nothing is lost' 30000000 cat count
is 'and nothing is said' '' cat exec.err
is 'stderr as well' 3000000 sh -c \
    'flux exec -n -r 1 sh -c "head -c 3000000 /dev/zero >&2" 2>&1 >/dev/null | wc -c'
is 'lines of several ranks stay whole' '40000 ' sh -c '
    flux exec -n seq 20000 >lines
    wc -l <lines | xargs printf "%s "; seq 20000 | cat - lines | sort -n | uniq -u'
# a client that stops reading for good, and goes
mkfifo silent
flux exec -n -r 1 sh -c 'echo $$ >'"$DIR"'/victim; yes' >silent 2>/dev/null &
client=$!
exec 9<silent
until [ -s victim ]; do :; done
flux exec -r 1 true
kill -9 $client
wait $client 2>/dev/null
end=$(($(date +%s) + 30))
while kill -0 "$(cat victim)" 2>/dev/null && [ "$(date +%s)" -lt $end ]; do :; done
exec 9<&-
if kill -0 "$(cat victim)" 2>/dev/null; then
    not_ok 'a paused process ends with its client'
else
    ok 'a paused process ends with its client'
fi
fails 'a full disk is reported' 1 'writing output: No space left on device' \
    sh -c 'flux exec -n -r 1 echo x >/dev/full'

# --- standard input of jobs ---

sleeper=$(flux submit -n1 sleep 1000)
flux job wait-event "$sleeper" start >/dev/null
is 'input arrives whole' 20000000 sh -c 'head -c 20000000 /dev/zero | flux run -n1 wc -c'
is 'as text' same sh -c 'seq 200000 >in; flux run -n1 cat <in | cmp - in && echo same'
is 'as bytes' same sh -c '
    head -c 1000000 /dev/urandom >in; flux run -n1 sha256sum <in | cut -c1-64 >a
    sha256sum <in | cut -c1-64 | cmp - a && echo same'
is 'for all tasks' '3000000 3000000' sh -c '
    head -c 3000000 /dev/zero | flux run -N2 -n2 wc -c | xargs'
is 'for one of them' '0 3000000' sh -c '
    head -c 3000000 /dev/zero | flux run -N2 -n2 --input=1 wc -c | sort -n | xargs'
is 'a task that ends holds nobody up' '5000000 done' sh -c '
    head -c 5000000 /dev/zero | flux run -n2 sh -c \
        "if [ \$FLUX_TASK_RANK = 0 ]; then echo done; else wc -c; fi" | sort | xargs'
# a task that does not read: its sender waits, and nobody else
sh -c "head -c 30000000 /dev/zero; touch $DIR/input-gone" |
    flux run -n1 sh -c "until [ -e $DIR/read-on ]; do stat $DIR >/dev/null; done; wc -c" >count &
reader=$!
for i in 1 2 3; do
    is 'other jobs of the node run' "$i" flux run -n1 echo $i
done
if [ -e input-gone ]; then not_ok 'its sender waits'; else ok 'its sender waits'; fi
touch read-on
wait $reader
is 'and nothing is lost' 30000000 cat count
like 'jobs of the node have not noticed' RUN flux jobs -no '{state}' "$sleeper"
flux cancel "$sleeper"

# --- output of jobs ---

is 'output arrives whole' 8000000 sh -c \
    'flux run -n1 head -c 8000000 /dev/zero | wc -c'
is 'of several shells, in one file' 6000000 sh -c '
    flux run -N2 -n2 --output=both.out sh -c "head -c 3000000 /dev/zero" && wc -c <both.out'
is 'lines are whole, and in order' same sh -c '
    seq 100000 >want; flux run -n1 seq 100000 | cmp - want && echo same'

# --- flux exec: who may ---

fails 'there is no IMP' 1 '^flux-exec: --with-imp: the configuration has no exec.imp$' \
    flux exec --with-imp -r 0 id
id=$(flux submit --wait true)
fails 'the nodes of an ended job are not its own' 1 'job has no nodes: it is not running' \
    flux exec --jobid="$id" true
id=$(flux submit sleep 300)
flux job wait-event "$id" start >/dev/null
is 'those of a running job are' here flux exec --jobid="$id" echo here
flux cancel "$id"

finish
