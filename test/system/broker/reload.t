# Services are reloaded while they are used: what was accepted is whole and not doubled,
# what was not says which service to wait for.
. "${0%/*}/../lib.sh"
mkdir -p state
under_flux 1 -Sstatedir="$DIR/state"

# Submits one job after the other until there is a file "enough".
cat >submit.sh <<'EOL'
n=0
until [ -e enough ] || [ ! -e submit.sh ]; do
    flux submit true >>ids 2>>refused
    n=$((n + 1))
done
EOL

# while_submitting NAME MODULE...: reloads them, five times each
while_submitting () {
    subject=$1
    shift
    : >ids
    : >refused
    rm -f enough
    sh submit.sh &
    submitter=$!
    failed=
    for i in 1 2 3 4 5; do
        for module; do
            flux module reload "$module" 2>>reload.err || failed=$module
        done
        # It goes on by itself.
        until flux submit --wait true >>ids 2>>refused; do :; done
    done
    : >enough
    wait $submitter
    [ -z "$failed" ] && ok "$subject: reloads" || not_ok "$subject: reloads" "$(cat reload.err)"
    if grep -v 'try again\|job-manager is paused: the KVS is not loaded' refused >unclear; then
        not_ok "$subject: who is refused is told what to do" "$(sort unclear | uniq -c)"
    else
        ok "$subject: who is refused is told what to do"
    fi
    succeeds "$subject: all jobs end" flux queue idle
    bad=
    for id in $(cat ids); do
        events=$(flux job eventlog "$id" 2>&1 | cut -d' ' -f2 | grep -v annotations |
            tr '\n' ' ')
        case $events in
        'submit validate depend priority alloc start finish release free clean ') ;;
        *) bad="$bad $id: $events;" ;;
        esac
    done
    [ -z "$bad" ] && ok "$subject: eventlogs are whole" ||
        not_ok "$subject: eventlogs are whole" "$bad"
}
while_submitting kvs kvs
while_submitting job-ingest job-ingest
while_submitting job-list job-list

# A directory that has no eventlog yet is a job that is about to be submitted.
flux kvs put job.0000.0000.0000.0001.J=x
succeeds 'a job on its way' flux module reload job-list
flux kvs put job.0000.0000.0000.0002.eventlog=broken
succeeds 'one that is damaged' flux module reload job-list
# Jobs are read while it runs already.
until_true sh -c 'flux dmesg | grep -q "cannot be read"'
is 'only the latter is one that cannot be read' \
    'job-list: 1 jobs or directories cannot be read' \
    sh -c "flux dmesg | sed -n 's/.*\(job-list: .*cannot be read\).*/\1/p'"
fails 'a service that is not loaded' 1 'try again when module job-list is loaded' \
    sh -c 'flux module remove job-list; flux jobs'
finish
