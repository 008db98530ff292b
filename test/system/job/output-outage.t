# The disk below a kept state directory fails while jobs write: they wait when the windows
# are full, and what they wrote is whole afterwards, in order, and there once.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    trap '' XFSZ
    mkdir "$DIR/state"
fi
under_flux 1 -Sstatedir="$DIR/state"
pid=$(flux getattr broker.pid)
disk () {
    prlimit --pid "$pid" --fsize="$1:unlimited"
}
until_there () {
    until [ -e "$1" ]; do sleep 0.05; done
}

# More than all windows: it cannot end while the disk is bad. A few lines: it can.
cat >much.sh <<EOL
echo before
while ! [ -e $DIR/bad ]; do sleep 0.05; done
seq 1000
: >$DIR/begun
seq 1001 600000
EOL
cat >few.sh <<EOL
while ! [ -e $DIR/begun ]; do sleep 0.05; done
echo one; echo two >&2; printf three
: >$DIR/few-said
EOL
much=$(flux submit sh much.sh)
few=$(flux submit sh few.sh)
flux job wait-event -t 30 "$much" start >/dev/null
flux job wait-event -t 30 "$few" start >/dev/null
disk 0
: >bad
until_there begun
until_there few-said
fails 'the disk is bad' 1 'disk I/O error' flux kvs put x=1
is 'jobs that write run on, and wait' "$much R" flux jobs -no '{id} {status_abbrev}' "$much"
disk unlimited
succeeds 'the disk is well: they end' flux job wait-event -t 60 "$much" clean
(echo before; seq 600000) >expected
flux job attach "$much" >got 2>got.err
succeeds 'much output is whole' cmp expected got
is 'with nothing on stderr' '' cat got.err
flux job attach "$few" >got 2>got.err
is 'little output is whole' 'one
three' cat got
is 'so is stderr' two cat got.err
is 'no exception' '' sh -c "for id in $much $few; do
    flux job eventlog \$id | sed -n '/exception/p'; done"
finish
