# job-list and job-info, on four brokers.
. "${0%/*}/../lib.sh"
under_flux 4

ok=$(flux submit true)
flux job wait-event -t 30 $ok clean >/dev/null
bad=$(flux submit false)
flux job wait-event -t 30 $bad clean >/dev/null
sleeper=$(flux submit sleep 300)
flux job wait-event -t 30 $sleeper start >/dev/null
held=$(flux submit --urgency=hold true)
flux job wait-event -t 30 $held priority >/dev/null

is 'pending, running, inactive' "$held
$sleeper
$bad
$ok" flux jobs -ano '{id}'
is 'the newest of them' "$held" sh -c 'flux jobs -anc1 -o {id} 2>/dev/null'
is 'results' 'CD' flux jobs -no '{status_abbrev}' $ok
is 'by state' "$sleeper" flux jobs -nf running -o '{id}'
is 'a job on another rank' "$ok" flux exec -r 3 flux jobs -no '{id}' $ok
fails 'no such job' 1 '' flux jobs -no '{id}' 12345
like 'the log' '^[0-9.]+ submit userid=[0-9]+ urgency=16 flags=0 version=1$' \
    flux job eventlog $ok
is 'the log ends at clean' clean sh -c "flux job eventlog $ok | sed -n '\$s/.* //p'"
is 'the exec log ends at done' done \
    sh -c "flux job eventlog -p exec $ok | sed -n '\$s/.* //p'"
like 'from another rank' ' clean$' flux exec -r 2 flux job wait-event -t 30 $ok clean
fails 'the log of no job' 1 'No such file|not found|unknown' flux job eventlog 12345
like 'R' '"R_lite"' flux job info $ok R
like 'jobspec' '"resources"' flux job info $ok jobspec
like 'counts' '1 running, 1 completed, 1 failed, 1 pending' flux jobs --stats-only
succeeds 'reload' flux module reload job-list
is 'inactive jobs are read from the KVS' "$held
$sleeper
$bad
$ok" flux jobs -ano '{id}'
flux cancel $sleeper $held
flux job wait-event -t 30 $sleeper clean >/dev/null
flux job wait-event -t 30 $held clean >/dev/null
is 'canceled' 2 sh -c 'flux jobs -nf canceled | wc -l'
is 'no watch is left' 0 sh -c "flux module stats job-info | sed 's/.*\"watchers\":\([0-9]*\).*/\1/'"
finish
