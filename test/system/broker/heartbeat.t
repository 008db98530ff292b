# [heartbeat]: a configuration that is refused changes nothing; a broker that hears no
# pulse for `timeout` takes its parent for lost, and ends.
. "${0%/*}/../lib.sh"

# period NAME of rank 0
period () { flux module stats heartbeat | tr -d '" {}' | tr , '\n' | sed -n 's/^ *period://p'; }

cat >reload.sh <<'END'
period
flux config load <<'TOML' 2>/dev/null && echo taken
[heartbeat]
period = "9s"
timeout = "soon"
TOML
period
END
reload () { flux start --conf=heartbeat.period=7s sh -c "period () { flux module stats heartbeat; }; . ./reload.sh" | grep -o '"period": *[0-9]*' | tr '\n' ' '; }
like 'a timeout that is none leaves the period as it was' '^"period": *7 "period": *7 $' reload

argument () {
    flux start --conf=heartbeat.period=7s sh -c '
        flux module reload heartbeat period=5s
        flux config reload
        flux module stats heartbeat | jq -c "[.period, .timeout, .warn_thresh]"
        flux module reload heartbeat period=foo 2>&1 | tail -1
        flux module load --name=hb2 heartbeat nosuch=1 2>&1 | tail -1'
}
is 'an argument goes before the configuration, or is refused' \
    "[5,300,3]
flux-module: reload heartbeat: period: 'foo' is not a duration from 1ms to 1d. It runs again as it did before
flux-module: load heartbeat: unknown argument: nosuch=1" argument

silent () {
    flux start -s2 --conf=heartbeat.period=100ms --conf=heartbeat.timeout=1s \
        -Sbroker.quorum=1 sh -c '
        flux overlay status --wait=full >/dev/null
        flux module remove heartbeat
        flux overlay status --wait=partial --timeout=50s >/dev/null && echo lost'
}
like 'no heartbeat for the timeout: the parent is lost' '^lost$' silent
run silent
case $err in
*'no heartbeat for 1.'*'s: the parent is lost'*) ok 'and says so' ;;
*) not_ok 'and says so' "$err" ;;
esac
finish
