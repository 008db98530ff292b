# A module that does not start: the one who loads it is told why, the instance goes on.
. "${0%/*}/../lib.sh"
under_flux 2

flux module unload sched-simple
for arg in mode=foo mode=limited=0 mode=limited=x alloc-mode=foo nosuch; do
    fails "sched-simple $arg" 1 "unknown argument: $arg" \
        flux module load sched-simple "$arg"
done
is 'none of them is there' 0 sh -c 'flux module list | grep -c sched-simple; true'
succeeds 'a good one starts' flux module load sched-simple mode=limited=8
is 'and schedules' ok flux run echo ok
mkdir bad
echo 'not a module' >bad/content.so
testmod=$FLUX_TEST_BUILD/src/broker/testmod.so
# One of rc1 that does not start ends the instance, with a line.
fails 'of rc1' 1 '^broker.err\[0\]: rc1: load content: .*bad/content.so' \
    env FLUX_MODULE_PATH_PREPEND="$DIR/bad" flux start true
succeeds 'what is installed goes before FLUX_MODULE_PATH' \
    env FLUX_MODULE_PATH="$DIR/bad" flux start true
fails 'a module that says nothing but errno' 1 'Operation not permitted' \
    flux module load "$testmod" fail

# One that was loaded by hand dies while it runs.
flux module load "$testmod" late >late.out 2>&1
succeeds 'it is gone' timeout 20 sh -c \
    'while flux module list | grep -q "^testmod "; do :; done'
like 'the log says why' 'module testmod failed: it is too late|load .*: it is too late' \
    sh -c 'flux dmesg; cat late.out'
is 'the instance lives' ok flux run echo ok
fails 'an argument that cannot be sent' 1 'arguments are not valid UTF-8' \
    flux module reload cron "$(printf 'x=\377')"
finish
