# What an instance ends with when something was not as it should be.
. "${0%/*}/../lib.sh"

echo 'exit 5' >bad
fails 'rc1 fails' 1 'rc1 failed with status 5' \
    flux start -Sbroker.rc1_path="sh $DIR/bad" echo never
is 'and nothing was run' '' cat .out
fails 'rc3 fails' 1 'rc3 failed with status 5' \
    flux start -Sbroker.rc3_path="sh $DIR/bad" true
fails 'the status of the program goes first' 3 'rc3 failed with status 5' \
    flux start -Sbroker.rc3_path="sh $DIR/bad" sh -c 'exit 3'
fails 'a script of rc3 that is killed' 1 'rc3 failed with status 137' \
    flux start -Sbroker.rc3_path='kill -9 $$' true

# A module that cannot save what it has.
fails 'a module ends badly' 1 'rc3: testmod: it could not be saved' \
    flux start flux module load "$FLUX_TEST_BUILD/src/broker/testmod.so" bad-end
fails 'the one who removes it is told' 1 'it could not be saved' flux start sh -c \
    'flux module load "$FLUX_TEST_BUILD/src/broker/testmod.so" bad-end
    flux module remove testmod'

# One that waits for itself holds up neither the end nor what others have to save.
mkdir waits.state
cat >waits <<'SH'
flux module load "$FLUX_TEST_BUILD/src/broker/testmod.so" waits &
until flux module list | grep -q testmod; do :; done
flux kvs put --sync kept=1
SH
fails 'a module does not end' 1 'rc3: does not end and is left behind: testmod' \
    flux start -Sstatedir="$DIR/waits.state" sh "$DIR/waits"
is 'what the others had to save is there' 1 \
    flux start -Sstatedir="$DIR/waits.state" flux kvs get kept

# Files may not grow: that is an error of a write, not the end of the broker.
cat >fill <<'SH'
prlimit --pid "$(flux getattr broker.pid)" --fsize=0:0 || exit 9
flux kvs put big="$(head -c 100000 /dev/zero | tr '\0' x)" 2>/dev/null && exit 8
flux getattr rank
SH
mkdir state
fails 'a limit of the size of files: the end could not be written down' 1 '' \
    timeout 60 flux start -Sstatedir="$DIR/state" sh "$DIR/fill"
is 'it answers until then' 0 echo "$out"
is 'a good end' '' flux start -s2 -Sstatedir="$DIR/other" true
finish
