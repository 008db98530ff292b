# Ids that are unknown, malformed or too large, for every command that takes one; and
# the same commands without an instance. One line, status 1, and no waiting.
. "${0%/*}/../lib.sh"

LIMIT=20 # a command that waits for what will never come fails here

# One line on stderr that is no usage, nothing on stdout, status 1 (or $STATUS).
refused () {
    run "$@"
    lines=$(wc -l <"$DIR/.err")
    if [ $rc -eq "${STATUS:-1}" ] && [ "$lines" -eq 1 ] && [ -z "$out" ]; then
        return 0
    fi
    not_ok "$*" "status $rc" "stdout: $out" "stderr: $err"
    return 1
}

# each WORDS FOR THE ID: all commands, with the id in the place of ID.
each () {
    what=$1 count=0 bad=0
    shift
    for id in "$@"; do
        while read -r line; do
            set --
            for word in $line; do
                case $word in
                *@ID) word=${word%@ID}$id ;;
                ID) word=$id ;;
                esac
                set -- "$@" "$word"
            done
            count=$((count + 1))
            refused "$@" || bad=$((bad + 1))
        done <"$DIR/commands"
    done
    [ $bad -gt 0 ] || ok "$what ($count commands)"
}

cat >"$DIR/commands" <<EOL
flux job attach ID
flux job attach -w start ID
flux job eventlog ID
flux job eventlog -F ID
flux job eventlog -p exec ID
flux job eventlog -F -p exec ID
flux job info ID R
flux job info ID jobspec
flux job info -o ID jobspec
flux job info ID nosuchkey
flux job kill ID
flux job kill -s 9 ID
flux job list-ids ID
flux job memo ID a=b
flux job purge ID
flux job purge --force ID
flux job raise ID
flux job cancel ID
flux job status ID
flux job status -v ID
flux job taskmap ID
flux job taskmap --to=raw ID
flux job taskmap --to=hosts ID
flux job timeleft ID
flux job urgency ID 3
flux job wait-event ID clean
flux job wait-event -p exec ID done
flux job wait-event -W -p exec ID done
flux job wait-event -W -p output ID data
flux cancel ID
flux update ID duration=1m
flux exec --jobid=@ID true
flux submit --dependency=afterok:@ID true
EOL
command -v flux-update >/dev/null 2>&1 || flux help update >/dev/null 2>&1 \
    || sed -i '/^flux update/d' "$DIR/commands"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    # Without an instance: what is said does not depend on the id.
    FLUX_URI=local://$DIR/nosuch
    export FLUX_URI
    each 'no instance' 1 x
    : >"$DIR/file"
    FLUX_URI=local://$DIR/file
    each 'no socket' 1
    FLUX_URI=local://$DIR/stale
    /usr/bin/python3 -c "import socket; socket.socket (socket.AF_UNIX).bind ('$DIR/stale')"
    each 'closed instance' 1
    unset FLUX_URI
    flux start -s1 sh -c 'FLUX_TEST_ACTIVE=1 sh "$0"; exit $?' "$SCRIPT" >"$DIR/inner" 2>&1
    status=$?
    # The inner part's points follow ours.
    while read -r first rest; do
        case $first in
        ok) ok "${rest#* - }" ;;
        not) not_ok "${rest#* - }" ;;
        \#) echo "# $rest" ;;
        esac
    done <"$DIR/inner"
    [ $status -eq 0 ] || not_ok 'inner part' "status $status" "$(tail -n 3 "$DIR/inner")"
    finish
fi

each 'unknown ids' 0 1 999999999999 f1 18446744073709551614 \
    mars-video-academy--academy-academy-academy
each 'malformed ids' 18446744073709551615 18446744073709551616 0x1.2 fl 1e3 ƒƒ \
    ƒzzzzzzzzzzzzzzzzzzzz academia--academia academy-academy-academy

STATUS=2
refused flux job wait 1 && ok 'wait: an unknown id is status 2'
STATUS=1
fails 'list-ids: a state that never comes' 1 'No such file' \
    flux job list-ids -W inactive 999999999999
fails 'jobs: unknown' 1 '^JobID 999999999999 unknown$' flux jobs 999999999999
fails 'wait-event -W: gives up' 1 "timeout on event 'clean'" \
    flux job wait-event -W -t 0.05 999999999999 clean
for cmd in 'job kill' 'job attach' 'job taskmap' 'job wait-event' jobs; do
    # shellcheck disable=SC2086
    fails "$cmd: a negative id is an option" 1 "invalid option -- '1'" flux $cmd -1
done

# Whoever waits for a job that is not there does not make others wait.
flux job wait-event -W 999999999999 clean >/dev/null 2>&1 &
waiter=$!
until [ "$(flux module stats job-info | jq .watchers)" -ge 1 ]; do :; done
fails 'beside one who waits: eventlog -F' 1 'invalid job id|not found|No such' \
    flux job eventlog -F 999999999999
fails 'beside one who waits: taskmap' 1 'taskmap of job' flux job taskmap 999999999999
succeeds 'and that one goes on waiting' kill -0 $waiter
kill $waiter
wait $waiter 2>/dev/null
# The other way round: one who does not wait, then one who does, of the same turn.
id=$(flux submit --urgency=hold true)
flux job wait-event -W -q "$id" clean &
waiter=$!
flux cancel "$id"
succeeds 'one who waits sees the end' wait $waiter
finish
