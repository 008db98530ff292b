# flux jobs.
. "${0%/*}/../lib.sh"
under_flux 2

HEADER='       JOBID USER     NAME       ST NTASKS NNODES     TIME INFO'
is 'nothing to list' "$HEADER" flux jobs
is 'nothing to list, no header' '' flux jobs -n
fails 'stats-only: no active job' 1 '' flux jobs --stats-only

flux submit --quiet --wait --job-name=good true
flux submit --quiet --wait --job-name=bad sh -c 'exit 2' 2>/dev/null
flux submit --quiet --wait --job-name=killed sh -c 'kill -9 $$' 2>/dev/null
flux submit --quiet --wait --job-name=missing /nonexistent 2>/dev/null
id=$(flux submit --job-name=gone sleep 300)
flux job wait-event -t 30 $id start >/dev/null
flux cancel $id
flux job wait-event -t 30 $id clean >/dev/null
held=$(flux submit --urgency=hold --job-name=held true)
running=$(flux submit --job-name=running sleep 300)
flux job wait-event -t 30 $running start >/dev/null
flux job wait-event -t 30 $held priority >/dev/null
bad=$(flux jobs -a --name=bad -no {id})

is 'active jobs' 'held S
running R' sh -c "flux jobs -no '{name} {status_abbrev}' | sort"
like 'the row' '^ *ƒ[0-9A-Za-z]+ [^ ]+ +running +R +1 +1 +[0-9.]+m?s [^ ]+$' flux jobs
is 'all' 7 sh -c 'flux jobs -an | wc -l'
is 'filter by result' 'bad
killed
missing' sh -c "flux jobs -f failed -no '{name}' | sort"
is 'filter: canceled' gone flux jobs -f canceled -no '{name}'
is 'filter: pending' held flux jobs -f pending -no '{name}'
is 'filter: two' 'good
running' sh -c "flux jobs -f completed,running -no '{name}' | sort"
fails 'filter: unknown' 1 '^flux-jobs: ERROR: Invalid filter specified: nosuch$' \
    flux jobs -f nosuch
fails 'filter and -a: a warning' 0 'Both -a and --filter specified, ignoring -a' \
    flux jobs -a -f failed
is 'by name' good flux jobs -a --name=good -no '{name}'
is 'by id' 'bad 2 Exit 2' flux jobs -no '{name} {returncode} {inactive_reason}' $bad
# job list: the same as JSON
data () { flux job "$@" | jq -r .name | sort | xargs; }
is 'job list: what is active' 'held running' data list
is 'job list: all' 'bad gone good held killed missing running' data list -a
is 'job list: some states' held data list --states=pending
is 'job list: ended' 'bad gone good killed missing' data list -s inactive
is 'job list: so many' 1 sh -c 'flux job list -a -c 1 | wc -l'
is 'job list: of a user' '' data list -a -u daemon
fails 'job list: a state that there is not' 1 'nosuch' flux job list -s nosuch
fails 'job list: a user that there is not' 1 'nosuch' flux job list -u nosuch
fails 'job list: a number that is none' 1 'count' flux job list -c -1
is 'job list-inactive' 'bad gone good killed missing' data list-inactive
is 'job list-inactive: so many' 1 sh -c 'flux job list-inactive --count=1 | wc -l'
is 'job list-inactive: since the epoch' 5 sh -c 'flux job list-inactive -s 0 | wc -l'
is 'job list-inactive: in time' '' data list-inactive --since="$(($(date +%s) + 9))"
fails 'job list-inactive: no time' 1 'since' flux job list-inactive --since=nosuch
is 'a heading without what is around it' 'SCHED {"resource_summary": "rank0/core0"}' \
    sh -c "flux jobs -o '{annotations.sched}' $running | xargs -d '\n'"
fails 'unknown id' 1 '^JobID ƒ999 unknown$' flux jobs ƒ999
fails 'malformed id' 1 'invalid JobID' flux jobs 'no such'
is 'reasons' 'bad Exit 2
good Exit 0
killed Killed
missing command not found' sh -c "
    flux jobs -f failed,completed -no '{name} {inactive_reason}' | sort"
is 'results' 'bad FAILED False 2 F
gone CANCELED False 143 CA
good COMPLETED True 0 CD' sh -c "
    flux jobs -ano '{name} {result} {success} {returncode} {result_abbrev}' \
        | grep -E '^(good|bad|gone) ' | sort"
is 'info: held' held flux jobs -no '{contextual_info}' $held
is 'ids' same sh -c "
    flux jobs -no '{id.dec} {id.hex} {id.dothex} {id.f58}' $bad >a
    for t in dec hex dothex f58; do flux job id --to=\$t $bad; done | xargs >b
    cmp a b && echo same"

fails 'count: a warning' 0 'warning: output truncated at 2 jobs.' flux jobs -a -c 2
is 'count: none for scripts' '' sh -c 'flux jobs -an -c 2 2>&1 >/dev/null'
is 'count' 2 sh -c 'flux jobs -an -c 2 2>/dev/null | wc -l'
is 'count is exact: no warning' '' sh -c 'flux jobs -an -c 7 2>&1 >/dev/null'
is 'sort' 'bad gone good held killed missing running' \
    sh -c "flux jobs -a --sort=name -no '{name}' | xargs"
is 'sort in the format' 'running missing killed' \
    sh -c "flux jobs -a -no 'sort:-name {name}' | head -3 | xargs"
fails 'sort: unknown key' 1 'Invalid sort key: nosuch' flux jobs --sort=nosuch
fails 'format: unknown field' 1 \
    '^flux-jobs: ERROR: Error in user format: Unknown format field: nosuch$' \
    flux jobs -o '{name} {nosuch}'
fails 'format: unknown name' 1 \
    "No such format nosuchformat \(Did you mean '\{nosuchformat\}'\?\)" flux jobs -o nosuchformat
like 'format help' '^  default      Default flux-jobs format string$' flux jobs -o help
like 'format long' 'JOBID USER     NAME          STATUS NTASKS NNODES' flux jobs -o long
like 'format deps' 'JOBID NAME       URG PRIORITY|JOBID NAME       URG PRI' flux jobs -o deps
like 'format endreason' 'T_INACTIVE INACTIVE-REASON$' flux jobs -a -o endreason
mkdir -p flux
printf '[formats.mine]\ndescription = "My own"\nformat = "{name:>12}"\n' >flux/flux-jobs.toml
like 'format of a file' '^        held$' flux jobs -o mine
like 'format of a file in help' '^  mine         My own$' flux jobs -o help
is 'default format from the environment' 'held running' \
    sh -c "FLUX_JOBS_FORMAT_DEFAULT='{name}' flux jobs -n | sort | xargs"
printf 'formats:\n  y:\n    description: In YAML\n    format: "y{name}"\n' >flux/flux-jobs.yaml
is 'format of a file in YAML' yheld sh -c 'flux jobs -n -o y -f pending'
like 'a format as a file would have it' '^format = "\{name:>12\}"$' flux jobs -o get-config=mine
is 'and read again from there' yes sh -c 'flux jobs -o get-config=default |
    sed "s/formats.default/formats.again/" >>flux/flux-jobs.toml
    test "$(flux jobs -o again | head -1)" = "$(flux jobs | head -1)" && echo yes'
fails 'a file for a format that is none' 1 'No such format nosuch' flux jobs -o get-config=nosuch
is 'pgrep: a format of flux jobs' '        held' flux pgrep -n -o mine held
is 'pgrep: full is what flux jobs prints' "$(flux jobs -n --name=held)" flux pgrep -n -o full held
is 'pgrep: default format from the environment' '        NAME
        held' sh -c 'FLUX_PGREP_FORMAT_DEFAULT=mine flux pgrep held'
is 'pgrep: the default by its name has no header' "$held" flux pgrep -o default held
is 'pgrep: sorted' 'running held' sh -c 'echo $(flux pgrep -no "sort:-name {name}" "held|running")'
like 'pgrep: format help' '^  endreason    Show why each job became inactive$' flux pgrep -o help x
printf '[list.formats.mine]\nformat = "L{nnodes}"\n[status.formats.mine]\nformat = "S{nnodes}"
[drain.formats.mine]\nformat = "D{nnodes}"\n' >flux/flux-resource.toml
printf '[list.formats.mine]\nformat = "{enabled.ascii}"\n' >flux/flux-queue.toml
for table in 'resource list:RESOURCE_LIST:L2' 'resource status:RESOURCE_STATUS:S2' \
    'resource drain:RESOURCE_DRAIN:' 'queue list:QUEUE_LIST:y'; do
    command=${table%%:*} variable=${table#*:}
    is "$command: a format of its own table, from the environment" "${variable#*:}" \
        sh -c "FLUX_${variable%:*}_FORMAT_DEFAULT=mine flux $command -n | head -1"
    like "$command: as a file would have it" "^\[${command#* }\.formats\.default\]\$" \
        flux $command -o get-config=default
done
printf '[formats.long]\nformat = "{id}"\n' >flux/flux-jobs.json
fails 'a file that is not what its name says' 1 'flux-jobs.json: line 1: ' flux jobs
rm flux/flux-jobs.json
printf '[formats.long]\nformat = "{id}"\n' >flux/flux-jobs.toml
fails 'a format that is built in' 1 'flux-jobs.toml: formats.long: is built in' flux jobs
rm flux/flux-jobs.toml
like 'stats' '^1 running, 1 completed, 4 failed, 1 pending, 0 inactive purged$' \
    flux jobs --stats
is 'stats only' '1 running, 1 completed, 4 failed, 1 pending, 0 inactive purged' \
    flux jobs --stats-only
is 'json' 7 sh -c "flux jobs -a --json | jq '.jobs | length'"
is 'json: one job' bad sh -c "flux jobs --json $bad | jq -r .name"
is 'json: exception' cancel sh -c \
    "flux jobs -a --json | jq -r '.jobs[] | select(.name == \"gone\") | .exception.type'"
is 'color' 1 sh -c "flux jobs -f completed -n --color=always | grep -c '^.\[01;32m'"
is 'no color in a pipe' 0 sh -c "flux jobs -an | grep -c '\[0' || true"
is 'other users' '' flux jobs -n --user=1234567
fails 'unknown user' 1 "unknown user 'nosuch'" flux jobs --user=nosuch
is 'since: nothing' '' flux jobs -n --since=now --name=bad
is 'options after operands' bad flux jobs $bad -no '{name}'
is "pgrep" "$held" flux pgrep "^hel"
is "pgrep -a" "bad gone" sh -c "flux pgrep -a -n -o {name} \"bad|gone\" | sort | xargs"
fails "pgrep: no match" 1 "" flux pgrep nosuch
fails "pkill" 0 "Canceled 1 job$" flux pkill --wait "^held"
is "it is gone" CANCELED flux jobs -no "{result}" $held
flux cancel --all >/dev/null 2>&1
finish
