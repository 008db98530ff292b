# flux start: sizes, exit statuses, options, what is left behind.
. "${0%/*}/../lib.sh"

is 'one broker' '0 1' flux start sh -c 'echo $(flux getattr rank) $(flux getattr size)'
for size in 1 4 16; do
    is "--test-size=$size" "$size" flux start -s$size flux getattr size
done
is 'a tree' 4 flux start -s16 -Stbon.topo=kary:2 flux getattr tbon.maxlevel
like 'every rank answers' '^15!broker.ping' \
    flux start -s16 -Stbon.topo=kary:2 flux ping --count=1 --rank=15 broker

is 'a command line' 3 flux start 'x=3; echo $x'
is 'a program and its arguments' 'a  b' flux start printf '%s  %s' a b
fails 'exit status' 7 '' flux start sh -c 'exit 7'
fails 'exit status, more brokers' 7 '' flux start -s4 sh -c 'exit 7'
fails 'killed by a signal' 137 '' flux start -s2 sh -c 'kill -9 $$'
fails 'no such program' 127 '^flux-broker: /nonexistent: No such file' \
    flux start /nonexistent
fails 'no such program in PATH' 127 'nosuchprogram' flux start nosuchprogram a
is 'standard input' hello sh -c 'echo hello | flux start -s2 cat'

fails 'unknown attribute' 1 '^flux-broker: setattr nosuch: unknown attribute$' \
    flux start -Snosuch=1 true
fails 'fixed attribute' 1 'rank: attribute may not be set' flux start -Srank=1 true
fails 'bad topology' 1 "tbon.topo: unknown topology 'star'" \
    flux start -Stbon.topo=star true
fails 'bad duration' 1 "'soon' is not a duration" \
    flux start -Stbon.torpid_max=soon true
fails 'bad size' 1 'test-size' flux start -s0 true
fails 'bad exit mode' 1 'test-exit-mode' flux start -s2 --test-exit-mode=x true
fails 'hosts and size' 1 '2 hosts for 3 brokers' \
    flux start -s3 --test-hosts='a[0-1]' true
fails 'test options want a size' 1 'only works with' \
    flux start --test-exit-mode=any true
fails 'unknown option' 1 'nosuch' flux start --nosuch true
is 'hosts' 'a[0-2]' flux start -s3 --test-hosts='a[0-2]' flux getattr hostlist
is 'cliques: encrypted tcp' 3 \
    sh -c 'flux start -s3 --test-pmi-clique=per-broker flux getattr size'
like 'cliques: endpoint' '^tcp://' \
    flux start -s3 --test-pmi-clique=per-broker flux getattr tbon.endpoint
is 'mapping' '[[0,1,4,1]]' flux start -s4 flux getattr broker.mapping

is 'configuration by key' 7 sh -c \
    "flux start --conf=a.b=7 flux config get a.b"
is 'configuration by text' x sh -c \
    "flux start --conf='{\"a\":{\"b\":\"x\"}}' flux config get a.b | tr -d '\"'"
fails 'bad configuration' 1 '--conf: text: line 1:' flux start --conf='[a
' true
fails 'no such configuration' 1 'nosuch.toml: No such file' flux start --conf=nosuch.toml true
is 'followers have it, too' 7 sh -c \
    'flux start -s2 --conf=a.b=7 flux exec -r 1 flux config get a.b'

mkdir run
is 'rundir' "$DIR/run" flux start --rundir="$DIR/run" flux getattr rundir
is 'it stays' '' sh -c 'ls run | grep -v content || test -d run'
is 'what flux start removes is no store that stays' '1 0 0' sh -c 'echo $(
    flux start -s1 flux getattr statedir-cleanup
    flux start -s1 --rundir="$PWD/run" flux getattr statedir-cleanup
    mkdir -m 700 store
    flux start -s1 -Sstatedir="$PWD/store" flux getattr statedir-cleanup)'
succeeds 'a statedir does' test -s store/content.sqlite
is 'rundir, more brokers' "$DIR/run" \
    flux start -s2 --test-rundir="$DIR/run" flux getattr rundir
fails 'no such rundir' 1 'nosuch' flux start -s2 --test-rundir="$DIR/nosuch" true

# what is left behind
rundir=$(flux start -s4 flux getattr rundir)
is 'the directory goes' gone sh -c "test -e '$rundir' || echo gone"
rundir=$(flux start flux getattr rundir)
is 'also with one broker' gone sh -c "test -e '$rundir' || echo gone"

cat >kill0 <<'SH'
echo "$FLUX_URI" >uri
flux exec flux getattr broker.pid >pids
kill -9 $(flux getattr broker.pid)
exec sleep 1000
SH
fails 'rank 0 is killed' 137 'Killed' flux start -s4 -Stbon.topo=kary:1 sh kill0
rundir=$(dirname "$(sed s,local://,, uri)")
is 'no directory is left' gone sh -c "test -e '$rundir' || echo gone"
is 'no process is left' '' sh -c \
    'for p in $(cat pids); do kill -0 $p 2>/dev/null && echo $p; done; true'

cat >term <<'SH'
flux getattr broker.pid >pid
kill -TERM $(cat pid)
exec sleep 1000
SH
fails 'SIGTERM ends it' 143 '' flux start -s2 sh term
fails 'flux shutdown hangs up' 129 '' \
    flux start -s2 sh -c 'flux shutdown --background; sleep 1000 || true'

# flux start is killed: its brokers shut down, and take the directory along.
cat >killstart <<'SH'
flux exec flux getattr broker.pid >pids
flux getattr rundir >rundir
kill -9 $(ps -o ppid= -p $(flux getattr broker.pid))
exec sleep 1000
SH
flux start -s3 sh killstart 2>/dev/null
for p in $(cat pids); do
    timeout 20 tail -s 0.1 --pid="$p" -f /dev/null
done
is 'no broker outlives flux start' '' sh -c \
    'for p in $(cat pids); do kill -0 $p 2>/dev/null && echo $p; done; true'
is 'nor does its directory' gone sh -c 'test -e "$(cat rundir)" || echo gone'
echo 'echo $$ >pid; sleep 1000; true' >leaves
fails 'a child of the initial program ends with it' 129 '' \
    flux start -s2 sh -c 'sh leaves & flux shutdown --background; sleep 1000; true'
is 'it is gone' gone sh -c 'kill -0 $(cat pid) 2>/dev/null || echo gone'

# rc scripts
echo 'echo from rc1' >rc1.sh
is 'rc1_path' 'from rc1
0' flux start -Sbroker.rc1_path="sh $DIR/rc1.sh" -Sbroker.rc3_path= \
    sh -c 'flux getattr rank'
fails 'rc1 fails' 1 '' flux start -Sbroker.rc1_path=false -Sbroker.rc3_path= echo never
# A follower that cannot start must not keep the others waiting.
echo 'test $(flux getattr rank) -ne 3' >rc1-rank3.sh
fails 'rc1 fails on a leaf' 1 'left before all brokers were online' \
    flux start -s4 -Stbon.topo=kary:2 -Sbroker.rc1_path="sh $DIR/rc1-rank3.sh" \
    -Sbroker.rc3_path= echo never
is 'no modules' 0 sh -c \
    'flux start -Sbroker.rc1_path= -Sbroker.rc3_path= flux module list | grep -c heartbeat; true'
finish
