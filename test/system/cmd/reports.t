# What users ran into, as small inputs with the right answers: each stands for a kind of
# fault.
. "${0%/*}/../lib.sh"
under_flux 4 -Slog-stderr-level=3

# Directives of batch scripts: short options with =, values of several lines.
cat >short.sh <<'EOT'
#!/bin/sh
#FLUX: -c=2
#FLUX: -n=1
#FLUX: -t=60
true
EOT
is 'directives: short options take =' '2 1 3600' sh -c 'flux batch --dry-run short.sh |
    jq -r "\"\(.resources[0].with[0].count) \(.resources[0].count) \(.attributes.system.duration)\""'
cat >multi.sh <<'EOT'
#!/bin/sh
# flux: -n1
# flux: -S foo.bar="""
# flux: multi
# flux:   line
# flux: """
true
EOT
is 'directives: triple quotes' '"multi\n  line\n"' sh -c \
    'flux batch --dry-run multi.sh | jq .attributes.system.foo.bar'
printf '#!/bin/sh\nflux: -c=2 -n=1 # and a comment\nflux: --job-name="a b"\n' >bare.sh
printf '#!/bin/sh\n#flux: """\n#flux: -n3\n#flux: """\ntrue\n' >lines.sh
is 'directives: an option in triple quotes' 3 sh -c 'flux batch --dry-run lines.sh | jq ".resources[0].count"'
is 'directives: no prefix, a comment, quotes' '2 "a b"' sh -c \
    'echo $(flux batch --dry-run bare.sh | jq ".resources[0].with[0].count, .attributes.system.job.name")'
printf '#!/bin/sh\n#flux: -n1\ntrue\n##flux: -n2\n' >two.sh
fails 'directives: a second sentinel' 1 'ERROR: .*' flux batch --dry-run two.sh
printf '#!/bin/sh\n#flux: -n1 -S a="""\n#flux: never closed\n' >open.sh
fails 'directives: quotes that do not end' 1 'ERROR: .*' flux batch --dry-run open.sh
is 'directives: of a wrapped script, too' '1 name' sh -c \
    'echo $(printf "#flux: -n1\n#flux: --job-name=name\ntrue\n" | flux batch --wrap --dry-run |
        jq -r ".resources[0].count, .attributes.system.job.name")'
is 'directives: the command line has the last word' mine sh -c \
    'printf "#flux: -n1\n#flux: --job-name=name\ntrue\n" | flux batch --job-name=mine --wrap --dry-run |
        jq -r .attributes.system.job.name'
is 'a wrapped command with words that look like directives' 'echo #flux: -n2' sh -c \
    'flux batch -n1 --dry-run --wrap echo "#flux:" -n2 | jq -r .attributes.system.files.script.data | sed -n 2p'
fails 'a wrapped script with a NUL' 1 'ERROR: standard input: not a script: .* NUL' sh -c \
    'printf "true\0false\n" | flux batch -n1 --wrap --dry-run'
printf '#!/bin/sh\n#flux: -n1 --wrap\ntrue\n' >wraps.sh
fails 'directives: wrap is none' 1 'ERROR: wraps.sh: --wrap is no directive' \
    flux batch --dry-run wraps.sh
printf '#!/bin/sh\n#flux: -n1\n#flux: --nosuch\ntrue\n' >unknown.sh
fails 'directives: who is told of an unknown option is told where' 2 \
    'ERROR: argument parsing failed at unknown.sh line 3' flux batch --dry-run unknown.sh
printf '#!/bin/sh\n#flux: -S a="""\n#flux: x\n#flux: """\n#flux: --nosuch\ntrue\n' >behind.sh
fails 'directives: also behind one of several lines' 2 \
    'ERROR: argument parsing failed at behind.sh line 5' flux batch --dry-run behind.sh
printf '#!/bin/sh\n#flux: -n1 "x\ntrue\n' >unclosed.sh
fails 'directives: file and line' 1 'ERROR: unclosed.sh: line 2: no closing quotation' \
    flux batch --dry-run unclosed.sh
is 'bulksubmit: without a command it is {}' 'true false' sh -c \
    'echo $(flux bulksubmit --dry-run ::: true false | grep -oE "(true|false)$")'

# Substitution in what is submitted.
is 'env: the id' 1 sh -c 'test "$(flux run --env=J={{id}} sh -c "echo \$J")" = "$(flux job last)"
    echo $((1 - $?))'
is 'log: a file for each of --cc' 'job1.id job2.id job3.id job4.id' sh -c \
    'flux submit --quiet --cc=1-4 --log=job{cc}.id true; ls job*.id | xargs'

# The status is that of the task that failed first, and the note tells.
first () {
    LC_ALL=C flux run -N2 -n4 -o exit-on-error sh -c \
        'test $FLUX_TASK_RANK = 1 && kill -SEGV $$; sleep 300' 2>first.err
    echo $?
}
is 'status: the first task, not those killed after it' 139 first
like 'status: the note names task, host and cause' \
    "task 1.*$(hostname).*(Segmentation fault|signal 11|139)" \
    sh -c 'flux jobs -no "{exception.note}" $(flux job last)'
fails 'status: an exit code' 7 '' flux run -n2 -o exit-on-error \
    sh -c 'test $FLUX_TASK_RANK = 1 && exit 7; sleep 300'
fails 'status: exit-timeout, of the first' 9 'task 1 on .*exited with exit code 9, and others still run' \
    flux run -n4 -o exit-timeout=0.1s sh -c 'test $FLUX_TASK_RANK = 1 && exit 9; sleep 300'
fails 'status: exit-timeout, of the first, which is alone on its node' 9 'others still run' \
    flux run -N4 -n4 -o exit-timeout=0.1s sh -c 'test $FLUX_TASK_RANK = 1 && exit 9; sleep 300'
fails 'status: exit-timeout, by a signal' 139 'others still run' \
    flux run -N4 -n4 -o exit-timeout=0.1s sh -c 'test $FLUX_TASK_RANK = 1 && kill -SEGV $$; sleep 300'
is 'returncode: of one that cannot run, and of one cancelled before' '1 -128' sh -c '
    a=$(flux submit -n999 true); b=$(flux submit --urgency=hold true); flux cancel $b
    flux job wait-event $a clean >/dev/null; flux job wait-event $b clean >/dev/null
    echo $(flux jobs -no "{returncode}" $a $b)'
never () { # SCHEME: the status of one that depends so on one that never started
    a=$(flux submit --urgency=hold false)
    b=$(flux submit --dependency="$1:$a" hostname)
    flux cancel "$a"
    flux job wait-event "$b" clean >/dev/null
    flux jobs -no '{exception.type} {exception.note} {t_run}' "$b"
}
like 'dependency: afternotok of one that never started' \
    '^dependency .*job .* never started *$' never afternotok
like 'dependency: afterok of it' '^dependency .* failed or was canceled *$' never afterok
like 'dependency: after of it' '^dependency .*job .* never started *$' never after
like 'dependency: afterany of it' '^  *[1-9][0-9.]*$' never afterany

# What a task gets.
is 'affinity: per-task is a core each' '1 1 1' sh -c \
    'echo $(flux run -N2 -n3 -c1 -o cpu-affinity=per-task nproc)'
is 'kvs: a job writes into its own namespace' '1 none' sh -c '
    flux run sh -c "flux kvs put mine=1"
    echo $(flux job info $(flux job last) guest.mine) $(flux kvs get mine 2>/dev/null || echo none)'
like 'pty: a terminal' '^/dev/pts/' flux run -o pty tty
is 'pty: none without' 'not a tty' sh -c 'flux run tty; true'

# Shell options that cannot be read, or that nobody knows.
printf '%s\n' output.limit=bogus output.limit=-1 nosuch nosuch.deep=1 exit-timeout=soon \
    exit-on-error=x cpu-affinity=nosuch gpu-affinity=x pty=nosuch output.stdout.type=nosuch \
    output.stderr.buffer.type=x output.mode=x signal=nosuch signal.timeleft=x taskmap=nosuch \
    oom.adjust=2000 verbose=x nosetpgrp=x rlimit.nofile=x pmi=x sysmon.period=x >shell.options
xargs -I{} -P4 sh -c 'timeout 20 flux run -o {} true 2>"err.{}" && echo {}
    [ -s "err.{}" ] || echo {} without a word' <shell.options >odd
is 'shell options: each that cannot be read is refused' '' sort odd

is 'stage-in: an archive that is not there is told without blank lines' 3 sh -c \
    'flux run -o stage-in.names=nosuch true 2>&1 | wc -l'

# Standard error comes at once, and signals are for the job.
mkfifo go.fifo
flux run sh -c 'printf E1 >&2; read x <go.fifo' 2>e.err &
until_true grep -q '^E1$' e.err && ok 'stderr: at once, without a newline' ||
    not_ok 'stderr: at once, without a newline' "$(cat e.err)"
echo x >go.fifo
wait $!
trapped () {
    flux run sh -c 'trap "echo term; exit 6" TERM; echo ready; sleep 300 & wait' >trap.out &
    pid=$!
    until_true grep -q ready trap.out
    kill $pid
    wait $pid
    echo $? $(tail -n 1 trap.out)
}
is 'signals: SIGTERM goes to the job' '6 term' trapped

# Job ids, in each encoding, read and written.
is 'job id: words' mars-video-academy--academy-academy-academy flux job id --to=words 1234567
is 'job id: said on the phone' 6731191091817518 \
    flux job id Reform-Remote-Galileo--Heart-Package-Academy
is 'job id: emoji' '👩💅📓😸👑🚓' flux job id --to=emoji 6731191091817518
encodings='dec kvs hex dothex words f58 f58plain emoji'
for id in 0 1234567 18446744073709551614; do
    for to in $encodings; do
        s=$(flux job id --to=$to $id)
        [ "$(flux job id "$s")" = $id ] || echo "$id $to $s"
    done
done >odd
is 'job id: there and back, in all' '' cat odd
id=$(flux submit -t 1h sleep 300)
flux job wait-event "$id" start >/dev/null
for to in $encodings; do
    s=$(flux job id --to=$to "$id")
    [ "$(flux jobs -no "{id.f58} {id.$to}" "$s")" = "$id $s" ] || echo "jobs $s"
    [ "$(flux job info "$s" jobspec | jq -r .tasks[0].command[0])" = sleep ] || echo "info $s"
done >odd
is 'job id: commands take all, jobs prints all' '' cat odd
number=$(flux job id "$id")
cat >takers <<'EOT'
job eventlog
job info ID R
job taskmap
job hostpids
job namespace
job list-ids
job wait-event ID start
job urgency ID 3
jobs -no {id}
hostlist
update -n ID duration=1m
exec -j ID echo there
cancel -n
pstree -no {name}
job purge
submit --dry-run --dependency=afterany:ID true
uri
EOT
while read -r line; do
    case $line in *ID*) ;; *) line="$line ID" ;; esac
    for to in $encodings; do
        s=$(flux job id --to=$to "$id")
        # what it prints of an id is the same for all
        flux $(echo "$line" | sed "s/ID/$s/") 2>&1 </dev/null |
            sed "s/$s/ID/g; s/$id/ID/g; s/$number/ID/g" >now
        [ "$to" != dec ] || mv now as
        [ "$to" = dec ] || cmp -s now as || echo "$line: $to: $(cat now)"
    done
done <takers >odd
is 'job id: each command that takes one takes all' '' cat odd
is 'job id: in each form, in templates of a job' yes sh -c '
    flux run echo {{id}} {{id.dec}} {{id.hex}} {{id.dothex}} {{id.words}} {{id.f58plain}} \
        {{id.emoji}} {{id.kvs}} >forms; id=$(flux job last)
    test "$(cat forms)" = "$id $(for to in dec hex dothex words f58plain emoji kvs; do
        flux job id --to=$to $id; done | xargs)" && echo yes'
like 'jobs --json: t_remaining of one that runs' '^3[56][0-9][0-9]' sh -c \
    "flux jobs --json $id | jq .t_remaining"

# A note; a memo; a command line that cannot be parsed changes nothing.
is 'memo: a dotted key' 5 sh -c "flux job memo $id a.b=5; flux jobs -no '{user.a.b}' $id"
fails 'raise: what cannot be parsed' 1 'nosuch' flux job raise --nosuch=3 "$id" a note
fails 'raise: a severity that is none' 1 'severity' flux job raise --severity=9 "$id" a note
fails 'raise: no severity' 1 'severity' flux job raise --severity=x "$id" a note
is 'raise: they changed nothing' 0 sh -c "flux job eventlog $id | grep -c ' exception '; true"
is 'raise: type, severity, a note of words' 'foo 2 some note' sh -c \
    "flux job raise --type=foo --severity=2 $id some note
    flux job eventlog -f json $id | jq -r 'select(.name == \"exception\") | .context |
        \"\(.type) \(.severity) \(.note)\"'"
like 'cancel: takes dothex' cancel sh -c "flux cancel \$(flux job id --to=dothex $id)
    flux job wait-event -m type=cancel $id exception"

# Dates as people write them; filters behind the expression.
is 'jobs: --since' x sh -c 'flux jobs -a -c1 -no "x{queue}" --since="2 hours ago"'
for since in -15m -2h yesterday 'an hour ago' '10 minutes ago' 'last week' 'jan 2 2020' 'yesterday noon' \
    '2020-01-02' '2020-01-02 03:04' '2020-01-02T03:04:05'; do
    [ "$(flux jobs -a -c1 -no 'x{queue}' --since="$since")" = x ] || echo "$since"
done >odd 2>&1
is 'jobs: --since, other dates' '' cat odd
fails 'jobs: a date that is none' 1 'since.*nonsense|nonsense' flux jobs --since=nonsense
fails 'jobs: a date to come' 1 'since' flux jobs --since=+1h
same () { [ "$(flux jobs -f failed -no '{id.f58}' --since=-1h)" = "$(flux pgrep "$@")" ]; }
flux pgrep -f failed . >/dev/null 2>&1
succeeds 'pgrep: a filter' same -f failed .
succeeds 'pgrep: options behind the expression' same . -f failed
is 'jobs: options behind the ids' "$id" flux jobs "$id" -no '{id}'

# Hosts and queues.
is 'hostlist: of standard input' 'h[1-3]' sh -c 'echo h1 h2 h3 | flux hostlist'
is 'hostlist: the nodes of an instance' "$(hostname)[$(hostname),2]" sh -c \
    'h=$(hostname); echo "$h[$h,$(flux alloc -N2 flux hostlist -c local)]"'
cat >queues.toml <<EOT
[queues.batch]
requires = ["b"]
[queues.debug]
requires = ["d"]
[policy.jobspec.defaults.system]
queue = "batch"
[resource]
noverify = true
[[resource.config]]
hosts = "n[0-3]"
cores = "0-1"
[[resource.config]]
hosts = "n[0-2]"
properties = ["b"]
[[resource.config]]
hosts = "n3"
properties = ["d"]
EOT
cat >queues.sh <<'EOT'
flux queue start --all --quiet
until [ "$(flux resource list -s up -no '{nnodes}')" = 4 ]; do sleep 0.05; done
flux resource list -no '{nnodes} {queue}' -s free
flux resource list -no '{nnodes} {nodelist}' -s free -q debug
flux queue list -no '{queuem}'
id=$(flux submit --urgency=hold -q debug --requires=host:n[1-3] true)
flux update "$id" queue=batch
flux job info "$id" jobspec | jq -c .attributes.system.constraints
flux job urgency "$id" default
flux job wait-event "$id" clean >/dev/null
flux jobs -no '{queue} {nodelist}' "$id"
EOT
is 'queues: a row each, one alone, the default is marked; nodes follow the queue' '3 batch
1 debug
1 n3
batch*
debug
{"and":[{"hostlist":["n[1-3]"]},{"properties":["b"]}]}
batch n1' flux start -s4 --test-hosts='n[0-3]' --config-path=queues.toml sh queues.sh
finish
