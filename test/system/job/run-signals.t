# A signal to flux run is its job's as soon as there may be one, also while nobody has told
# flux run so.
. "${0%/*}/../lib.sh"
under_flux 1

mkfifo ready up
python3 "$FLUX_TEST_SOURCE/test/system/hold-relay.py" "$DIR/relay" \
    "$(flux getattr local-uri | sed 's#^local://##')" job-ingest.submit "$DIR/go" >ready &
relay=$!
read -r word <ready

for s in TERM HUP USR1 USR2 ALRM; do
    rm -f go
    FLUX_URI=local://$DIR/relay flux run sh -c \
        "trap 'echo got; exit 5' $s; echo >up; while :; do sleep 0.01; done" >run.out 2>run.err &
    run=$!
    read -r word <up
    kill -$s $run
    touch go
    wait $run
    rc=$?
    is "SIG$s" '5 got' echo "$rc" "$(cat run.out)"
    flux cancel --all -q 2>/dev/null
done
kill $relay
finish
