# run, submit, bulksubmit.
. "${0%/*}/../lib.sh"
under_flux 4

is 'run' hello flux run echo hello
is 'run -l' '0: hi
1: hi' sh -c 'flux run -n2 -N2 -l echo hi | sort'
is 'run: four nodes' 4 sh -c 'flux run -N4 -n4 -l hostname | grep -c "^[0-3]: "'
fails 'run: exit status' 3 '^flux-job: task\(s\) exited with exit code 3$' \
    flux run sh -c 'exit 3'
fails 'run: signal' 137 '^flux-job: task\(s\) Killed$' flux run sh -c 'kill -9 $$'
fails 'run: no such program' 127 '/nonexistent: No such file or directory' \
    flux run /nonexistent
is 'run: stdin' input sh -c 'echo input | flux run cat'
is 'run: stderr' '' flux run sh -c 'echo err >&2'
is 'run: stderr is separate' err sh -c "flux run sh -c 'echo err >&2' 2>&1 >/dev/null"
is 'run: environment' bar flux run --env=FOO=bar sh -c 'echo $FOO'
is 'run: removed from the environment' none \
    env FOO=x flux run --env=-FOO sh -c 'echo ${FOO:-none}'
is 'run: cwd' / flux run --cwd=/ pwd
mkdir -p below
is 'run: cwd, from here' "$DIR/below" sh -c 'cd / && cd "$0" && flux run --cwd=below pwd' "$DIR"
is 'run: cwd by a template' '{{tmpdir}}' sh -c \
    'flux run --dry-run --cwd={{tmpdir}} true | jq -r .attributes.system.cwd'
is 'run: task ranks' '0/3
1/3
2/3' sh -c "flux run -n3 sh -c 'echo \$FLUX_TASK_RANK/\$FLUX_JOB_SIZE' | sort"
is 'run: output file' 'hi' sh -c 'flux run --output=out.txt echo hi 2>/dev/null; cat out.txt'
is 'run: output template' 'hi' \
    sh -c 'flux run --output=out.{{id}} echo hi 2>/dev/null; cat out.ƒ*'
is 'run: error file' 'e' \
    sh -c "flux run --error=err.txt sh -c 'echo e >&2' 2>/dev/null; cat err.txt"
is 'run: input file' 'hi' flux run --input=out.txt cat
fails 'run: time limit' 142 'resource allocation expired' flux run -t 0.5s sleep 60
like 'run -v' '^jobid: ƒ' sh -c 'flux run -v true 2>&1'
is 'run: flux in a job talks to the instance' 4 flux run flux getattr size

like 'submit prints the id' '^ƒ[0-9A-Za-z]+$' flux submit true
is 'submit --quiet' '' flux submit --quiet true
is 'submit --cc' 3 sh -c 'flux submit --cc=1-3 true | sort -u | wc -l'
is 'submit --cc: replaced' '1 1
2 2
3 3' sh -c "flux submit --quiet --watch --cc=1-3 sh -c 'echo {cc} \$FLUX_JOB_CC' | sort"
is 'submit --bcc' '1 none' \
    sh -c "flux submit --quiet --watch --bcc=1 sh -c 'echo {cc} \${FLUX_JOB_CC:-none}'"
fails 'submit --cc: malformed' 1 'not a valid idset' flux submit --cc=foo true
is 'ids are printed in order' same sh -c '
    flux submit --cc=1-50 true >ids
    for i in $(cat ids); do flux job id --to=dec $i; done >dec
    sort -n dec | cmp - dec && echo same'
fails 'submit --wait: worst status' 2 '' flux submit --quiet --wait --cc=0-2 sh -c 'exit {cc}'
flux queue drain # those before may still end
is 'submit --wait waits' 0 sh -c 'flux submit --quiet --wait --cc=1-4 true; flux jobs -n | wc -l'
is 'submit --wait-event' '' flux submit --quiet --wait-event=start sleep 0
fails 'submit --wait: exception' 1 'type=' flux submit --quiet --wait -n 1000 true
fails 'submit: dependency scheme' 1 'ERROR: .*dependency.*foo' flux submit --dependency=foo true
fails 'submit: urgency' 1 'urgency range is \[0:31\]' flux submit --urgency=40 true
is 'submit: held' 'SCHED 0 held' sh -c '
    id=$(flux submit --urgency=hold true)
    flux job wait-event -t 30 $id priority >/dev/null
    flux jobs -no "{status} {urgency} {contextual_info}" $id
    flux cancel $id'
is 'job name' foo sh -c '
    flux jobs -no "{name}" $(flux submit --wait --job-name=foo true)'

is 'bulksubmit --dry-run' 'bulksubmit: submit echo a-1
bulksubmit: submit echo a-2
bulksubmit: submit echo b-1
bulksubmit: submit echo b-2' flux bulksubmit --dry-run 'echo' '{0}-{1}' ::: a b ::: 1 2
is 'bulksubmit' 'a
b' sh -c 'flux bulksubmit --quiet --watch echo {} ::: a b | sort'

is 'many jobs: none is lost' "${MANY:-1000} COMPLETED" sh -c "
    flux submit --cc=1-${MANY:-1000} --wait --quiet --job-name=many true
    flux jobs -a -c0 --name=many --no-header -o '{status}' | sort | uniq -c | sed 's/^ *//'"
like 'who reads ids has them before the jobs have ended' '^ƒ' sh -c \
    'flux submit --wait --urgency=hold true 2>/dev/null | { read -r id; flux cancel "$id"; echo "$id"; }'
finish
