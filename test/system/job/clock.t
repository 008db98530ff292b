# Limits are durations: whoever sets the date does not change them.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    FLUX_TEST_CLOCK=$DIR/offset LD_PRELOAD=$FLUX_TEST_BUILD/test/test-clock.so
    export FLUX_TEST_CLOCK LD_PRELOAD
    echo 0 >offset
fi
under_flux 2

set_clock () {
    echo "$1" >offset.new && mv offset.new offset
}

started () {
    id=$(flux submit "$@") && flux job wait-event "$id" start >/dev/null && echo "$id"
}

ok 'an instance whose clock can be set'
long=$(started -n1 -t 10m sleep 300)
before=$(date +%s)
set_clock 3600
after=$(date +%s)
if [ $((after - before)) -ge 3600 ]; then ok 'an hour ahead'; else not_ok 'an hour ahead'; fi
short=$(started -n1 -t 1s sleep 300)
like 'a limit of a second' timeout flux job wait-event "$short" exception
like 'one of ten minutes is far' RUN flux jobs -no '{state}' "$long"
set_clock 0
short=$(started -n1 -t 4s sleep 300)
set_clock -3600
like 'an hour back: a limit of four seconds' timeout flux job wait-event "$short" exception
is 'and it ends' '' flux job wait-event -q "$short" clean
like 'one of ten minutes is still far' RUN flux jobs -no '{state}' "$long"
# the pause between SIGTERM and SIGKILL
set_clock 0
stubborn=$(started -n1 sh -c 'trap "" TERM; touch trapped; while :; do sleep 1; done')
until [ -e trapped ]; do :; done
set_clock -3600
flux cancel "$stubborn"
is 'a job that ignores SIGTERM gets SIGKILL' '' flux job wait-event -q "$stubborn" clean
# cancel shortens nothing else
flux cancel "$long"
is 'all end' '' flux job wait-event -q "$long" clean
set_clock 0
finish
