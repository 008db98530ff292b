# What goes out: all of it or an error, in its own descriptor, and nothing in it that
# a terminal obeys.
. "${0%/*}/../lib.sh"
under_flux 1

ESC=$(printf '\033')

# --- a full device ---

full () {
    "$@" >/dev/full
}
flux run --job-name=full echo hello >/dev/null
id=$(flux job last)
flux kvs put a.b=1
while read -r line; do
    # shellcheck disable=SC2086
    fails "full: $line" 1 '^flux(-[a-z]+)?: .*output: No space left on device$' \
        full $line
done <<EOL
flux --help
flux -V
flux help jobs
flux top --help
flux web --help
flux dump --help
flux restore --help
flux version
flux getattr rank
flux lsattr -v
flux jobs -a
flux jobs -a --json
flux jobs --stats
flux pgrep -a full
flux job last
flux job id 1
flux job info $id jobspec
flux job eventlog $id
flux job eventlog -F $id
flux job wait-event $id clean
flux job taskmap $id
flux job status --json $id
flux job attach $id
flux run echo hello
flux run --label-io echo hello
flux submit true
flux submit --watch echo hello
flux submit --dry-run true
flux kvs ls
flux kvs get a.b
flux kvs dir a
flux resource list
flux resource status
flux resource info
flux resource R
flux queue status
flux queue list
flux overlay status
flux uptime
flux dmesg
flux config get
flux module list
flux module stats broker
flux ping -c1 0
flux exec echo hello
flux hostlist -e local
flux env
EOL
full_events () {
    flux event sub -c1 foo >/dev/full 2>"$DIR/sub.err" &
    sub=$!
    # Until it has ended it may not have subscribed yet.
    while kill -0 $sub 2>/dev/null; do
        flux event pub foo >/dev/null
    done
    wait $sub
}
run full_events
if [ $rc -eq 1 ] && grep -q 'No space left' "$DIR/sub.err"; then
    ok 'full: flux event sub'
else
    not_ok 'full: flux event sub' "status $rc" "$(cat "$DIR/sub.err")"
fi
cut () {
    "$@" 2>"$DIR/cut.err" | true
}
quiet_end () {
    cut flux lsattr -v
    [ ! -s "$DIR/cut.err" ]
}
succeeds 'a reader that has gone: no line' quiet_end
succeeds 'a reader that has gone, SIGPIPE ignored: no line' sh -c \
    "trap '' PIPE; ! flux lsattr -v 2>&1 >/dev/full | grep -i pipe"

# --- closed descriptors ---

closed_in () {
    timeout -k 5 "$LIMIT" "$@" <&-
}
closed_out () {
    timeout -k 5 "$LIMIT" "$@" >&-
}
closed_err () {
    timeout -k 5 "$LIMIT" "$@" 2>&-
}
closed_all () {
    timeout -k 5 "$LIMIT" "$@" <&- >&- 2>&-
}
is 'stdin closed: an empty one' '' closed_in flux run cat
is 'stdin closed: output comes' 'hello' closed_in flux run echo hello
succeeds 'stdout closed' closed_out flux run echo hello
is 'stdout closed: nothing on stderr' '' sh -c 'flux run echo hello 2>&1 >&-'
is 'stderr closed: output comes' 'hello' closed_err flux run sh -c 'echo hello; echo bad >&2'
succeeds 'all closed' closed_all flux run sh -c 'cat; echo hello; echo bad >&2'
is 'exec: stdin closed' 'hello' closed_in flux exec sh -c 'cat; echo hello'
succeeds 'exec: stdout closed' closed_out flux exec echo hello
for c in 'jobs -a' 'kvs ls' 'getattr rank' 'submit true' 'job last' 'dmesg'; do
    # shellcheck disable=SC2086
    succeeds "all closed: $c" closed_all flux $c
done
fails 'stderr closed: the status tells' 1 '^$' closed_err flux getattr nosuch

# --- control characters ---

clean_of_escapes () {
    "$@" >"$DIR/raw" 2>&1
    LC_ALL=C grep -q "[$ESC$(printf '\007')]" "$DIR/raw" && return 1
    grep -qi 'u001b' "$DIR/raw"
}
evil="a${ESC}[31mred${ESC}]0;title$(printf '\007')"
jid=$(flux submit --job-name="$evil" --urgency=hold true)
succeeds 'jobs: name' clean_of_escapes flux jobs -no '{name}'
succeeds 'jobs: name, widened' clean_of_escapes flux jobs -no '+:{name:<1}'
succeeds 'pgrep: name' clean_of_escapes flux pgrep -o "{name}" a.*red
like 'jobs --json is JSON' 'ok' \
    sh -c "flux jobs --json | jq -e '.jobs[0].name|startswith(\"a\\u001b[31m\")' >/dev/null && echo ok"
flux job raise --severity=7 --type=note -m "$evil" "$jid"
flux job wait-event -q "$jid" exception
succeeds 'eventlog: note' clean_of_escapes flux job eventlog "$jid"
flux job memo "$jid" note="$evil"
flux job wait-event -q "$jid" memo
succeeds 'jobs: memo' clean_of_escapes flux jobs -no '{user.note}'
flux queue stop --message="$evil" >/dev/null
succeeds 'queue: reason' clean_of_escapes flux queue status
flux queue start >/dev/null
flux logger "$evil" 2>/dev/null || flux dmesg -C >/dev/null
flux cancel --message="$evil" "$jid"
flux job wait-event -q "$jid" clean
succeeds 'job status: note' clean_of_escapes flux job status -v "$jid"
succeeds 'job attach: note' clean_of_escapes flux job attach "$jid"
flux kvs put "evil.${ESC}[31mkey=1"
flux kvs put --raw evil.value=- <<EOL
$evil
EOL
succeeds 'kvs ls: key' clean_of_escapes flux kvs ls evil
succeeds 'kvs ls -R: key' clean_of_escapes flux kvs ls -R .
succeeds 'kvs dir: key and value' clean_of_escapes flux kvs dir -R evil
is 'kvs get --raw: as it is' "$evil" flux kvs get --raw evil.value
succeeds 'error text: what the user typed' clean_of_escapes flux getattr "$evil"
succeeds 'error text: usage' clean_of_escapes flux queue status "$evil"
succeeds 'error text: unknown command' clean_of_escapes flux "$evil"
is 'output of a job is its own' "${ESC}[31mred" flux run printf '\033[31mred'
finish
