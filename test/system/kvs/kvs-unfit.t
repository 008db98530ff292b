# What can never be stored is refused, alone: it is no outage of the store. And an
# instance ends whatever its store does.
. "${0%/*}/../lib.sh"

trap '' XFSZ
cat >inside <<'END'
flux run sh -c 'head -c 1000000 /dev/zero' >out 2>err && echo "it was stored"
grep -o 'output cannot be stored: .*' err | head -1
flux run echo fine
flux queue status
zero () { head -c "$1" /dev/zero | flux kvs put $2 --raw "$3=-" 2>&1; }
zero 50001 '' v; zero 50000 '' v; flux kvs get --raw v | wc -c
zero 50001 -A v
for i in 1 2 3; do zero 49000 -A v || exit 1; done; flux kvs get --raw v | wc -c
zero 1500 -A w; zero 49000 -A w; flux kvs get --raw w | wc -c
flux kvs put beside=1
args=$(i=0; while [ $i -lt 60 ]; do i=$((i + 1)); echo "d.$i=$(printf '%01000d' $i)"; done)
flux kvs put $args 2>&1
flux kvs ls -1 d >/dev/null 2>&1 || echo 'no d'
flux kvs get beside
id=$(flux submit --urgency=hold true)
flux job memo "$id" "k=$(head -c 60000 /dev/zero | tr '\0' x)"
flux job eventlog "$id" | grep -c memo
END
limited () {
    timeout -k 5 "$LIMIT" flux start -s1 -Scontent.blob-size-limit=50000 "$@" sh inside
}
big='File too large: content.blob-size-limit is 50000'
expected="output cannot be stored: $big
fine
Job submission is enabled
Scheduling is started
flux-kvs: flux_kvs_commit: $big
50000
flux-kvs: flux_kvs_commit: $big
197000
50500
flux-kvs: flux_kvs_commit: $big
no d
1
1"
is 'a job, a value, a directory' "$expected" limited
mkdir state
is 'under a kept state directory' "$expected" limited -Sstatedir="$DIR/state"

# The disk fails for ever under a job that runs.
cat >doomed <<'END'
flux getattr broker.pid >pid
flux submit sleep 600 >id && flux job wait-event -t 30 "$(cat id)" start >/dev/null || exit 9
prlimit --pid "$(cat pid)" --fsize=0:unlimited
flux kvs put a=1 && exit 9
kill -TERM "$(cat pid)"
exec sleep 600
END
doomed () {
    { timeout -k 5 "$LIMIT" flux start -s1 -Sstatedir="$DIR/state" sh doomed 2>&1
      echo "status $?"; } | cat
}
run doomed
if matches '^status (1|143)$' "$out"; then
    ok 'an instance ends when its store does not'
else
    not_ok 'an instance ends when its store does not' "$out"
fi
if matches 'cleanup: jobs cannot be ended: ' "$out"; then
    ok 'and says so'
else
    not_ok 'and says so' "$out"
fi
is 'what was stored is there' 1 timeout -k 5 "$LIMIT" \
    flux start -s1 -Sstatedir="$DIR/state" flux kvs get beside
finish
