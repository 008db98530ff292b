# Job ids over restarts, purges and a clock that is set; durations on the latter.
. "${0%/*}/../lib.sh"

clock=$FLUX_TEST_BUILD/test/test-clock.so
FLUX_TEST_CLOCK=$DIR/clock
export FLUX_TEST_CLOCK
state=$DIR/state
mkdir "$state"

# in_instance OFFSET SCRIPT: with the wall clock so far ahead; the ids of its jobs
# are appended to ids.
in_instance () {
    echo "$1" >"$DIR/clock"
    echo "$2" >script
    LD_PRELOAD=$clock timeout 60 flux start -Sstatedir="$state" sh script
}
submits='flux job id $(flux submit true) >>ids
    flux queue drain'
ascending () {
    wc -l <ids && sort -n ids | uniq | cmp - ids && echo ascending
}

in_instance 0 "$submits
    $submits
    flux job purge -f --num-limit=0 >purged"
in_instance 0 "$submits"
in_instance 7200 "$submits"
in_instance -86400 "$submits
    $submits"
in_instance 3600 "$submits
    flux job purge -f --num-limit=0 >purged"
in_instance -86400 "$submits"
is 'no id comes twice, all ascend: over restarts, purges, a clock set back' '8
ascending' ascending

# the clock is set while jobs run
cat >sets.sh <<'EOF'
ahead=$(flux submit -t 1h sleep 1000)
flux job wait-event -t 30 $ahead start >/dev/null
echo 7200 >"$FLUX_TEST_CLOCK"
flux run true && flux run true
flux job eventlog $ahead | grep -c exception
flux cancel $ahead
EOF
is 'a clock set ahead ends no job' 0 in_instance 0 "$(cat sets.sh)"
finish
