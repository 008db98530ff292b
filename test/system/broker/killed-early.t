# A lone broker that is killed before its program runs leaves nothing.
. "${0%/*}/../lib.sh"
mkdir tmp

# gone COMMAND...: it is killed, and then the directory goes
gone () {
    mkdir tmp/now
    TMPDIR=$DIR/tmp/now "$@" >/dev/null 2>killed.err
    status=$?
    timeout 30 sh -c 'until [ -z "$(ls tmp/now)" ]; do :; done'
    echo "$status $(ls tmp/now)"
    rm -rf tmp/now
}
# shellcheck disable=SC2016
kill_it='kill -9 $(flux getattr broker.pid)'
is 'in rc1' '137 ' gone flux start -Sbroker.rc1_path="$kill_it; sleep 100" true
is 'without a program' '137 ' gone flux start -Sbroker.rc2_none=1 \
    -Sbroker.rc1_path="($kill_it) & :"
is 'a directory that it was to make' '137 ' gone flux start -Srundir="$DIR/tmp/now/made" \
    -Sbroker.rc1_path="$kill_it; sleep 100" true
is 'a clean end has no guard' '0 ' gone flux start true
cat >stay.sh <<'SH'
pgrep -P "$(flux getattr broker.pid)" -x flux-guard || echo none
SH
is 'when the program runs there is none' none flux start sh "$DIR/stay.sh"
# What it had started for others goes with the session, also where it was not rank 0.
cat >left.sh <<'SH'
flux exec -r1 --bg sh -c 'echo $$ >left; exec sleep 1000' >bg
until [ -s left ]; do flux getattr rank >/dev/null; done
kill -9 "$(flux exec -r1 flux getattr broker.pid)"
SH
left_of_rank_1 () {
    flux start -s2 sh "$DIR/left.sh" 2>/dev/null
    [ -s left ] && ! kill -0 "$(cat left)" 2>/dev/null
}
succeeds 'what another rank had started' left_of_rank_1
finish
