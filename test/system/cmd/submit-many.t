# flux submit and bulksubmit: many jobs, their files, what is waited for.
. "${0%/*}/../lib.sh"
under_flux 2 -Slog-stderr-level=3

# --log: one file, or one for each job
succeeds 'submit --log: a file for each job' \
    flux submit --cc=1-4 --log='job{cc}.id' --wait hostname
is 'submit --log: each holds its id' '4' sh -c 'cat job[1-4].id | sort -u | grep -c "^ƒ"'
flux submit --watch --cc=1-2 --log=all.log sh -c 'echo out $FLUX_JOB_CC; echo err >&2'
is 'submit --log --watch: ids, output and errors' '2 2 2' sh -c \
    'echo $(grep -c "^ƒ" all.log) $(grep -c "^out [12]" all.log) $(grep -c "^err" all.log)'
flux submit --watch --log=a.out --log-stderr=a.err sh -c 'echo out; echo err >&2'
is 'submit --log-stderr: errors apart' 'err' cat a.err
is 'submit --log-stderr: the rest' 'out' tail -n 1 a.out
fails 'submit --log: a file that cannot be' 1 'nosuch/x: No such file' \
    flux submit --log=nosuch/x true
like 'submit --log: many files, few of them open' '^300$' sh -c \
    'mkdir many; flux submit --wait --log="many/{cc}" --cc=1-300 --setattr=exec.test.run_duration=0.001s true
     cat many/* | grep -c "^ƒ"'
succeeds 'submit --log: a refusal goes there' sh -c \
    '! flux submit --log=r.log -N999 --queue=nosuch true 2>r.err && [ ! -s r.err ] && grep -q nosuch r.log'

# what is waited for
is 'submit --wait-event=exec.NAME' 'exec' sh -c '
    id=$(flux submit --wait-event=exec.shell.init sleep 600)
    flux job eventlog -p exec $id | grep -q shell.init && echo exec; flux cancel $id'
is 'submit --wait-event: none such' 1 sh -c 'flux submit --wait-event=nosuch true | grep -c ƒ'
is 'submit -v: the id' 'jobid' sh -c 'flux submit -v --quiet true 2>&1 | cut -d: -f1'
like 'submit -vv: events' '^ƒ[^ ]*: [0-9.]*s: priority .*16' sh -c \
    'flux submit -vv --wait true 2>&1'
like 'submit -vvv: events of the shell' '^ƒ[^ ]*: [0-9.]*s: exec.shell.start ' sh -c \
    'flux submit -vvv --wait true 2>&1'
fails 'submit --jps alone' 1 'goes with --progress' flux submit --jps true

# templates
is 'submit: {cc} in --env' '1 2' sh -c 'echo $(flux submit --watch --quiet --cc=1-2 \
    --env=V={cc} sh -c "echo \$V" | sort)'
is 'submit: {cc} that was inherited stays' '{cc}' sh -c \
    'W="{cc}" flux submit --watch --quiet --cc=1 sh -c "echo \$W"'
is 'submit: {cc} without --cc is nothing' 'x' flux submit --watch --quiet echo 'x{cc}'
is 'run: {{id}} in --env' yes sh -c 'flux run --env=J="{{id}}" \
    sh -c "[ \$J = \$(flux job id --to=f58 \$FLUX_JOB_ID) ] && echo yes"'
is 'run: of each task' '0-f 1-f' sh -c \
    'echo $(flux run -n2 --env=T="{{task.id}}-{{id.f58plain}}" sh -c "echo \$T" | cut -c1-3 | sort)'
is 'run: a template that is no more' 'plain' sh -c \
    'flux run --env=J="{{id}}" --env=J=plain sh -c "echo \$J"'
is 'run: one that was inherited stays' '{{id}}' sh -c 'H="{{id}}" flux run sh -c "echo \$H"'

# resources as a whole
shape () { flux "$1" --dry-run --resources-shape="$2" true | jq -c '[.resources,.tasks[0].slot]'; }
is 'run --resources-shape' \
    '[[{"type":"slot","count":2,"label":"task","with":[{"type":"core","count":1}]}],"task"]' \
    shape run slot=2/core
is 'alloc --resources-shape: the label' \
    '[[{"type":"node","count":1,"with":[{"type":"slot","count":1,"label":"a","with":[{"type":"core","count":2}]}]}],"a"]' \
    shape alloc 'node/slot{a}/core=2'
is 'run --resources-shape: it runs' 'x x' sh -c 'echo $(flux run --resources-shape=slot=2/core echo x)'
fails 'run --resources-shape: what is none' 1 "resources-shape='slot/': a name is missing" \
    flux run --resources-shape=slot/ true
fails 'run --resources-shape: and others' 1 'nodes cannot be used with --resources-shape' \
    flux run -N1 --resources-shape=slot/core true
flux run --dry-run -n2 true >spec.json
is 'run --resources-json: of a jobspec' 2 sh -c \
    'flux run --resources-json=spec.json --dry-run true | jq .resources[0].count'
is 'batch --resources-json: a list' 2 sh -c 'jq .resources spec.json >res.json
    flux batch --resources-json=res.json --dry-run --wrap true | jq .resources[0].count'
echo '{"resources": [{"type": "core", "count": 1}]}' >noslot.json
fails 'run --resources-json: no slot' 1 'noslot.json: no list of resources with a slot' \
    flux run --resources-json=noslot.json true
fails 'run --resources-json: no JSON' 1 'resources-json: s.sh: line 1' sh -c \
    'echo x >s.sh; flux run --resources-json=s.sh true'
fails 'run: one of the two' 1 'give one of' flux run --resources-json=a --resources-shape=b true

# batch, alloc, jobs
is 'batch -v --quiet' 'jobid:' sh -c 'flux batch -v --quiet -n1 --wrap true 2>&1 | cut -d" " -f1'
is 'alloc --bg --quiet' '' sh -c 'flux alloc --bg --quiet -n1; flux cancel $(flux job last)'
is 'jobs -w' '       JOBID USE' flux jobs -w 16 -f failed --name=nosuch
fails 'jobs -w: less than nothing' 1 'width must be' flux jobs --width=-1

# bulksubmit
is 'bulksubmit: without a command the inputs are commands' 'bulksubmit: submit true
bulksubmit: submit false' flux bulksubmit --dry-run ::: true false
is 'bulksubmit: it runs them' 'a' sh -c 'echo hostname >in
    flux bulksubmit --watch --quiet --cc=1 :::: in >o; [ "$(cat o)" = "$(hostname)" ] && echo a'
is 'bulksubmit --define' 'bulksubmit: submit -n1 cmd 0 1
bulksubmit: submit -n2 cmd 1 2' \
    flux bulksubmit --dry-run --define='p2=2**int(x)' -n {.p2} cmd {} {.p2} ::: 0 1
fails 'bulksubmit --define: no name' 1 '[-]-define=bad: not NAME=CODE' \
    flux bulksubmit --dry-run --define=bad cmd ::: 3
fails 'bulksubmit --define: no number' 1 'define=a=int.x.: invalid literal' \
    flux bulksubmit --dry-run --define='a=int(x)' cmd {.a} ::: 3 x
fails 'bulksubmit --define: no code' 1 'never closed|invalid syntax' \
    flux bulksubmit --dry-run --define='a=((' cmd ::: 3
is 'bulksubmit --sep=none' 'bulksubmit: submit x
bulksubmit: submit y
bulksubmit: submit z' sh -c 'printf "x\ny z\n" | flux bulksubmit --dry-run --sep=none {}'
is 'bulksubmit --sep' '2' sh -c 'printf "x:y z" | flux bulksubmit --dry-run --sep=: {} | wc -l'
is 'bulksubmit --shuffle: the same jobs' '10' sh -c \
    'flux bulksubmit --dry-run --shuffle c {} ::: $(seq 10) | sort -u | wc -l'
is 'bulksubmit --dry-run: options' 'bulksubmit: submit -n1 --job-name=a cmd a 1
bulksubmit: submit -n2 --job-name=b cmd b 2' flux bulksubmit --dry-run --wait --log x -n {1} \
    --job-name={0} cmd {0} {1} ::: a b :::+ 1 2
is 'bulksubmit --dry-run: --cc' 'bulksubmit: submit --cc=1-2 cmd a {cc}' \
    flux bulksubmit --dry-run --cc=1-2 cmd {} {cc} ::: a
is 'bulksubmit --cc: of each input' '1 2 2 3' sh -c 'echo $(flux bulksubmit --watch --quiet \
    --cc={} echo {cc} ::: 1-2 2-3 | sort)'
is 'bulksubmit --bcc: no FLUX_JOB_CC' 'a1-' flux bulksubmit --watch --quiet --bcc=1 \
    sh -c 'echo {}{cc}-$FLUX_JOB_CC' ::: a
is 'bulksubmit --log: a file for each' 'x y' sh -c 'flux bulksubmit --quiet --watch \
    --log={}.log echo {} ::: x y; echo $(cat x.log y.log)'
is 'bulksubmit --urgency: of each job' '5 7' sh -c 'ids=$(flux bulksubmit --urgency={} true ::: 5 7)
    flux job wait-event $(flux job last) clean >/dev/null; echo $(flux jobs -no "{urgency}" $ids)'
fails 'bulksubmit: what is no input' 1 "Invalid replacement string in command: .\{nosuch\}" \
    flux bulksubmit --dry-run cmd {nosuch} ::: a
fails 'bulksubmit: too few lists' 1 "Invalid replacement string in command: .\{5\}" \
    flux bulksubmit --dry-run cmd {5} ::: a
fails 'bulksubmit: no inputs' 1 'no jobs provided' flux bulksubmit
run flux bulksubmit --wait sh -c 'exit {}' ::: 0 3
[ $rc -eq 3 ] && ok 'bulksubmit --wait: the largest status' || not_ok 'status' "$rc"
fails 'submit: --define is one of bulksubmit' 2 'unrecognized' flux submit --define=a=b true
finish
