# Guests and jobs: what they may submit, see, and do to jobs, their own and those of others;
# also where jobs are private.
. "${0%/*}/../lib.sh"
if [ "$(id -u)" -ne 0 ]; then
    skip 'guests' 'needs root to be somebody else'
    finish
fi
if ! setpriv --reuid=65534 --regid=65534 --clear-groups flux --version >/dev/null 2>&1; then
    skip 'guests' 'the build directory is not open to others'
    finish
fi
chmod 755 "$DIR"
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    printf '[access]\nallow-guest-user = true\n[exec]\nimp = "/bin/false"\n' >open.toml
    printf '[access]\nallow-guest-user = true\nprivate-mode = true\n[exec]\nimp = "/bin/false"\n' >private.toml
    mkdir -m 755 run
fi
under_flux 1 -c open.toml --test-rundir="$DIR/run"

# as UID COMMAND...: as this user, where that may write nothing
as () {
    uid=$1
    shift
    (cd / && setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@")
}
one=64001 two=64002
flux queue stop >/dev/null
own=$(flux submit --job-name=own true)
first=$(as $one flux submit --job-name=first true)
second=$(as $two flux submit --job-name=second true)
names () { # UID ARGS...: whose jobs it sees, all users'
    uid=$1
    shift
    as "$uid" flux jobs -A -n "$@" -o '{name}' | sort | xargs
}
all='first own second'
is 'a job has the user who submitted it' "$one first" flux jobs -no '{userid} {name}' "$first"
is 'guests see all jobs' "$all" names $one
is 'of one they see the name' own as $one flux jobs -no '{name}' "$own"
is 'their own, without being told' first sh -c "cd / && setpriv --reuid=$one --regid=$one \
    --clear-groups flux jobs -no '{name}'"
fails "what another's job is, is not theirs" 1 'Operation not permitted|not permitted' \
    as $one flux job info "$own" jobspec
succeeds 'what their own is, is' as $one flux job info "$first" jobspec
like 'its events, too' ' submit userid=64001 ' as $one flux job eventlog "$first"

# --- what is not theirs to do ---

for id in "$own" "$second"; do
    fails 'cancel' 1 'owner|guest|own jobs' as $one flux cancel "$id"
    fails 'raise' 1 'owner|guest|own jobs' as $one flux job raise "$id"
    fails 'kill' 1 'owner|guest|own jobs' as $one flux job kill "$id"
    fails 'urgency' 1 'owner|guest|own jobs' as $one flux job urgency "$id" 3
    fails 'update' 1 'owner|guest|own jobs' as $one flux update "$id" duration=1m
    fails 'memo' 1 'owner|guest|own jobs' as $one flux job memo "$id" a=b
done
is 'nothing was done' 0 sh -c "for id in $own $second; do flux job eventlog \$id; done |
    grep -c -v -E ' (submit|validate|depend|priority)( |\$)'; true"
fails 'submitted with more urgency than all have' 1 'only the instance owner .* urgency > 16' \
    as $one flux submit --urgency=17 true
fails 'expedited' 1 'only the instance owner .* urgency > 16' \
    as $one flux submit --urgency=expedite true
fails 'more urgency for their own' 1 'urgency' as $one flux job urgency "$first" 17
succeeds 'as much as all have' as $one flux job urgency "$first" 16
fails 'jobs to be waited for' 1 'owner' as $one flux submit --flags=waitable true
fails 'jobs that are not looked at' 1 'owner' as $one flux submit --flags=novalidate true
fails 'the queue' 1 'permitted|owner|own jobs' as $one flux queue start
fails 'purge' 1 'permitted|owner|own jobs' as $one flux job purge -f --num-limit=0
fails "all users' jobs" 1 'permitted|owner|own jobs' as $one flux cancel --user=all --all

# --- what is theirs is looked for, and meant, only with -A ---

fails "pgrep: not theirs" 1 '' flux pgrep second
is 'pgrep -A' "$second" flux pgrep -A second
third=$(as $two flux submit --job-name=third true)
fails "pkill: not theirs" 1 '' flux pkill third
succeeds 'pkill -A' flux pkill -A third
like 'it is canceled' 'type="cancel"' flux job wait-event "$third" exception

# --- events that are private ---

published () { # what $one, and then the owner, hears of two that are told again and again
    as $one flux event sub -c2 news >heard &
    until [ "$(wc -l <heard)" = 2 ]; do
        flux event pub -p news.hidden '{}'
        flux event pub news.shown '{}'
    done
    flux event sub -c1 news.hidden >hidden &
    until [ -s hidden ]; do flux event pub -p news.hidden '{}'; done
    cut -f1 heard hidden | xargs
}
is 'private events are for the owner' 'news.shown news.shown news.hidden' published

# --- private ---

succeeds 'jobs become private' flux config load private.toml
is 'guests see their own' first names $one
is 'the other one, too' second names $two
is 'the owner sees all' "$all" sh -c "flux jobs -A -no '{name}' | sort | xargs"
fails 'not by its id either' 1 'not permitted' as $one flux jobs "$second"
fails 'nor by its number' 1 'not permitted' as $one flux job list-ids "$second"
as $one flux job list -A | jq -r .name >listed
is 'nor in a list of all' first cat listed
is 'of theirs they do' first as $one flux jobs -no '{name}' "$first"
is 'nor by name' '' names $one --name=second
is 'nor by state' first names $one -f pending
fails 'nor cancel' 1 'owner|guest|own jobs' as $one flux cancel "$second"
succeeds 'but their own' as $one flux cancel "$first"
like 'as themselves' "type=\"cancel\" .* userid=$one" \
    flux job wait-event "$first" exception
succeeds "the owner cancels anybody's" flux cancel "$second"
like 'as the owner' 'type="cancel" .* userid=0' flux job wait-event "$second" exception
flux cancel --all -q
finish
