# Much output goes from its rank to the KVS, past job-exec of rank 0: nothing of it is lost,
# nothing passes anything, and what goes wrong costs the job whose it is.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    trap '' XFSZ
    mkdir "$DIR/state"
fi
under_flux 4 -Sstatedir="$DIR/state" -Stbon.topo=kary:2
: "${FLUX_TEST_OUTPUT_MB:=10}"
lines=$((FLUX_TEST_OUTPUT_MB * 120000))

passed () { # bytes of frames with output, through job-exec of rank 0
    flux module stats -p output_bytes job-exec
}
stored () { # from a rank, past it
    flux exec -r "$1" flux module stats -p agent.output_bytes job-exec
}
between () {
    if [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; then
        ok "$1"
    else
        not_ok "$1" "$2, expected $3 to $4"
    fi
}
clean () {
    flux job wait-event -q -t 120 "$1" clean
}

# one writer
before=$(passed)
id=$(flux submit --requires=rank:3 seq "$lines")
succeeds 'a task writes much' clean "$id"
between 'rank 0 has hardly seen it' $(($(passed) - before)) 1 200000
between 'its rank has stored it' "$(stored 3)" $((lines * 7)) $((lines * 20))
seq "$lines" >expected
flux job attach "$id" >got 2>got.err
succeeds 'it is whole' cmp expected got
is 'and nothing else' '' cat got.err
like 'the header is first' '"name":"header"' sh -c \
    "flux kvs get --raw $(flux job id --to=kvs "$id").guest.output | head -n 1"
rm got

# little output goes as ever
before=$(stored 3)
seen=$(passed)
is 'little' little flux run --requires=rank:3 echo little
is 'is left to rank 0' "$before" stored 3
between 'which sees it' $(($(passed) - seen)) 7 10000

# many writers, two streams each, and somebody who reads meanwhile
cat >both.sh <<'EOL'
i=0
while [ $i -lt 20 ]; do
    seq $((i * 1000)) $((i * 1000 + 999))
    seq $((i * 1000)) $((i * 1000 + 999)) >&2
    i=$((i + 1))
done
EOL
before=$(passed)
succeeds 'four ranks write both streams' sh -c 'flux run -N4 -n4 -l -o output.stderr.buffer.type=line sh both.sh >got 2>got.err'
between 'hardly anything by way of rank 0, but what its own task says' \
    $(($(passed) - before)) 100000 1500000
seq 0 19999 >expected
for rank in 0 1 2 3; do
    for f in got got.err; do
        sed -n "s/^$rank: //p" $f >one
        succeeds "of rank $rank all is there, and in order ($f)" cmp expected one
    done
done

# a file that all of them share
before=$(passed)
succeeds 'three ranks write a file' flux run -N3 -n3 --requires=rank:1-3 -l \
    -o output.stderr.buffer.type=line \
    --output=shared sh both.sh
between 'rank 0 has hardly seen it' $(($(passed) - before)) 10000 400000
(seq 0 19999; seq 0 19999) | sort >expected
for rank in 0 1 2; do
    sed -n "s/^$rank: //p" shared | sort >one
    succeeds "of rank $rank all is there, and once" cmp expected one
done
succeeds 'one stream' flux run -N2 -n2 --requires=rank:0,3 -l -o output.stderr.buffer.type=line --output=one \
    --error=two sh both.sh
seq 0 19999 >expected
sed -n "s/^1: //p" one >rest
succeeds 'is in order' cmp expected rest
sed -n "s/^1: //p" two >rest
succeeds 'the other too' cmp expected rest
rm shared one two
fails 'a leader that ends before the others have written' 1 '' \
    flux run -N2 -n2 --requires=rank:2-3 --output=out -o exit-timeout=100 sh -c \
    'if [ "$FLUX_TASK_RANK" = 0 ]; then exit 1; fi; seq 30000'
is 'makes nobody wait: all is written' 30000 sh -c 'wc -l <out'

# one who sees nothing but its end
is 'status and the last line of much output' '3 last' sh -c \
    'flux run --requires=rank:2 sh -c "seq 30000; echo last; exit 3" >got 2>/dev/null
     echo "$? $(tail -n 1 got)"'

# the store fails
pid=$(flux getattr broker.pid)
disk () {
    prlimit --pid "$pid" --fsize="$1:unlimited"
}
cat >much.sh <<EOL
while ! [ -e $DIR/bad ]; do sleep 0.05; done
seq 20000
: >$DIR/begun.\$FLUX_TASK_RANK
seq 20001 200000
EOL
much=$(flux submit --requires=rank:3 sh much.sh)
other=$(flux submit --requires=rank:1 sh -c "trap '' TERM; while :; do seq 1000; done")
calm=$(flux submit --requires=rank:3 sh -c \
    "while ! [ -e $DIR/begun.0 ]; do sleep 0.05; done; : >$DIR/calm")
for id in $much $other $calm; do
    flux job wait-event -t 30 "$id" start >/dev/null
done
disk 0
: >bad
until_true test -e begun.0
until_true test -e calm
fails 'the disk is bad' 1 'disk I/O error' flux kvs put x=1
is 'who writes much waits' R flux jobs -no '{status_abbrev}' "$much"
disk unlimited
succeeds 'the disk is well: it ends' clean "$much"
seq 200000 >expected
flux job attach "$much" >got 2>got.err
succeeds 'its output is whole' cmp expected got
flux cancel "$other"
succeeds 'one that is killed amid much output ends, too' clean "$other"
succeeds 'and a third' clean "$calm"
is 'no exception but the one' cancel sh -c "for id in $much $other $calm; do
    flux job eventlog \$id | sed -n 's/.*exception type=\"*\([a-z]*\).*/\1/p'; done"
is 'no node is drained' '' flux resource drain -no '{ranks}'

# the broker of a rank is killed amid it
mine=$(flux submit --requires=rank:3 sh -c "while :; do seq 100000; : >$DIR/writes; done")
other=$(flux submit --requires=rank:2 sh -c \
    "seq 100000; while ! [ -e $DIR/killed ]; do sleep 0.05; done; seq 100001 200000")
until_true test -e writes
flux job wait-event -t 30 "$other" start >/dev/null
kill -9 "$(flux exec -r 3 flux getattr broker.pid)"
like 'a lost broker fails its job' 'node-failure|lost contact' \
    flux job wait-event -t 60 "$mine" exception
: >killed
succeeds 'which ends' clean "$mine"
succeeds 'another has not noticed' clean "$other"
seq 200000 >expected
flux job attach "$other" >got 2>got.err
succeeds 'and has all its output' cmp expected got
flux job attach "$mine" >got 2>/dev/null
bytes=$(wc -c <got)
n=$((bytes / 588895 + 1))
(while [ $n -gt 0 ]; do seq 100000; n=$((n - 1)); done) | head -c "$bytes" >expected
succeeds 'what was kept of the first is as it was written, without a hole' cmp expected got
finish
