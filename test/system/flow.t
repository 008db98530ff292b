# Back-pressure: who reads slowly, or not at all, makes its own writer wait, and
# loses nothing.
. "${0%/*}/lib.sh"
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

# --- flux exec: who may ---

fails 'there is no IMP' 1 '^flux-exec: --with-imp: there is no IMP, so nothing can be run as another user$' \
    flux exec --with-imp -r 0 id
id=$(flux submit --wait true)
fails 'the nodes of an ended job are not its own' 1 'job has no nodes: it is not running' \
    flux exec --jobid="$id" true
id=$(flux submit sleep 300)
flux job wait-event "$id" start >/dev/null
is 'those of a running job are' here flux exec --jobid="$id" echo here
flux cancel "$id"

finish
