#!/bin/sh
# Who may do what: a guest tries all, against roles.tsv. (roles.py is the guest.)
. "${0%/*}/../lib.sh"

if [ "$(id -u)" -ne 0 ]; then
    echo "1..0 # SKIP only root can be a guest of its own instance"
    exit 0
fi
chmod 711 "$DIR"
HERE=$FLUX_TEST_SOURCE/test/system
# A job that another user's name came into (as if a setuid helper had been there): it
# ends, and runs as nobody.
restart () {
    mkdir state
    flux start -Sstatedir="$DIR/state" sh -c '
        id=$(flux submit --urgency=hold touch "$0/ran") || exit 1
        key=$(flux job id --to=kvs "$id")
        flux kvs get --raw "$key.eventlog" >log || exit 1
        grep -q "\"userid\":0" log || exit 1
        sed "s/\"userid\":0/\"userid\":65534/" log |
            flux kvs put --raw "$key.eventlog"=- || exit 1
        echo "$id" >id' "$DIR" || return
    flux start -Sstatedir="$DIR/state" sh -c '
        id=$(cat id)
        flux job wait-event "$id" clean || exit 1
        flux jobs -ano "{userid}"
        flux job eventlog "$id"'
    test ! -e ran
}

[ -d run ] || mkdir -m 711 run
under_flux 2 --rundir="$DIR/run" --conf=access.allow-guest-user=true

URI1=$(flux exec -r 1 flux getattr local-uri)
export URI1

guest () {
    succeeds "$1" python3 "$HERE/roles.py" "$2"
}

guest 'roles.tsv has what is registered' methods
guest 'a guest calls every method' calls
guest 'a guest publishes every event' events
guest 'private events' private
guest 'cancel and disconnect of others' cancels
guest 'answers for others' responses
guest 'barriers of others' barriers
guest 'namespaces of others' namespaces

guest 'jobs of others' jobs
guest 'guests that do too much' floods

flux module remove sched-simple
for name in resource qmanager feasibility; do
    succeeds "sched-fluxion-$name" flux module load "sched-fluxion-$name"
done
guest 'the methods of the graph scheduler' methods
guest 'a guest calls every method of it' calls

as_guest () {
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

fails 'flux dmesg' 1 'owner' as_guest flux dmesg
fails 'flux logger' 1 'owner' as_guest flux logger hello
fails 'flux run' 1 '^flux-run: ERROR: .*setuid helper' as_guest flux run id
fails 'flux submit' 1 '^flux-submit: ERROR: .*setuid helper' as_guest flux submit id
fails 'flux batch' 1 '^flux-batch: ERROR: .*setuid helper' as_guest flux batch -n1 --wrap id
fails 'flux alloc' 1 '^flux-alloc: ERROR: .*setuid helper' as_guest flux alloc -n1 id
fails 'flux exec' 126 'owner' as_guest flux exec -r 0 id
is 'no job came of it' '' sh -c 'flux jobs -ano "{userid}" | grep -v "^0$" || true'
fails 'a helper that is not there' 1 'with-imp' flux exec --with-imp -r 0 id
unset FLUX_URI
like 'a job of another user after a restart' 'only jobs of the instance owner can run' restart
finish
