# The shell: tasks, environment, input, output, options.
. "${0%/*}/../lib.sh"
under_flux 4

is 'environment' '0 3 2 0' flux run -N2 -n3 -o verbose=0 sh -c '
    [ $FLUX_TASK_RANK -gt 0 ] || echo $FLUX_TASK_RANK $FLUX_JOB_SIZE $FLUX_JOB_NNODES $FLUX_TASK_LOCAL_ID'
is 'id path' same flux run sh -c '[ "$FLUX_JOB_ID_PATH" = "/$FLUX_JOB_ID" ] && echo same'
is 'tmpdir is there' dir flux run sh -c '[ -d "$FLUX_JOB_TMPDIR" ] && touch "$FLUX_JOB_TMPDIR/x" && echo dir'
is 'tmpdir is empty' 0 flux run sh -c 'ls "$FLUX_JOB_TMPDIR" | wc -l'
is 'environment of the submitter' bar sh -c 'FOO=bar flux run sh -c "echo \$FOO"'
is 'no environment' none flux run --env='-*' /bin/sh -c 'echo ${HOME:-none}'
is 'FLUX_URI is that of the rank' '0 1 2 3' \
    sh -c 'flux run -N4 sh -c "echo \${FLUX_URI##*-}" | sort | xargs'
is 'working directory' / flux run --cwd=/ pwd
fails 'a directory that is not there' 0 'Could not change dir to /nonexistent: No such file' \
    flux run --cwd=/nonexistent true
is 'templates' 'X-0-1-{{nosuch}}' flux run --job-name=X echo '{{name}}-{{taskid}}-{{size}}-{{nosuch}}'
is 'id templates' same flux run sh -c '[ "{{id}}" = "$FLUX_JOB_ID" ] && echo same'

is 'block' '0 0 1 1' sh -c 'flux run -N2 -n4 -l sh -c "echo \${FLUX_TASK_LOCAL_ID}" | sort | cut -d" " -f2 | sort | xargs'
like 'cyclic' '"map":\[\[0,2,1,2\]\]' sh -c \
    'id=$(flux submit --wait -N2 -n4 --taskmap=cyclic true); flux job eventlog -p exec $id'
fails 'unknown scheme' 1 "taskmap: unknown scheme 'spiral'" flux run -o taskmap.scheme=spiral true
is 'per resource' 6 sh -c 'flux run -N2 --tasks-per-node=3 echo x | wc -l'

fails 'no such program' 127 'FATAL: task 0 \(host [^)]*\): start failed: /nonexistent: No such file' \
    flux run /nonexistent
fails 'not executable' 126 'start failed: /etc/passwd: Permission denied' flux run /etc/passwd
fails 'exit status' 3 'task\(s\) exited with exit code 3' flux run sh -c 'exit 3'
fails 'the highest counts' 3 'exit code 3' flux run -N4 sh -c 'exit $FLUX_TASK_RANK'
fails 'signal' 137 'task\(s\) Killed' flux run sh -c 'kill -9 $$'
fails 'exit on error: who failed first counts' 1 'type=exec severity=0 task 0 on .*: exited with exit code 1' \
    flux run -n2 -N2 -o exit-on-error sh -c '[ $FLUX_TASK_RANK = 0 ] && exit 1; exec sleep 300'
fails 'exit on error: a signal' 139 'type=exec severity=0 task 1 on .*: Segmentation fault' \
    flux run -N2 -n4 -o exit-on-error sh -c '[ $FLUX_TASK_RANK = 1 ] && kill -SEGV $$; exec sleep 300'
fails 'exit timeout' 143 'type=exec severity=0 a task has exited' \
    flux run -n2 -N2 -o exit-timeout=0.1s sh -c '[ $FLUX_TASK_RANK = 0 ] && exit 0; exec sleep 300'

is 'stdin to all' 'x x' sh -c 'echo x | flux run -n2 -N2 cat | xargs'
is 'stdin to one' '1: x' sh -c 'echo x | flux run -n2 -N2 --input=1 -l cat'
echo content >in
is 'stdin from a file' 'content content' sh -c 'flux run -n2 --input=in cat | xargs'
fails 'an input file that is not there' 1 "error opening input file 'nosuch'" flux run --input=nosuch cat
is 'much' 5000000 sh -c 'head -c 5000000 /dev/zero | flux run wc -c'
is 'binary' same sh -c 'head -c 500000 /dev/urandom >rnd; flux run cat <rnd | cmp - rnd && echo same'
is 'no newline at the end' ab sh -c 'flux run printf ab'
is 'stderr' e sh -c 'flux run sh -c "echo o; echo e >&2" 2>&1 >/dev/null'
is 'many lines' 100000 sh -c 'flux run seq 100000 | wc -l'
is 'many lines of many tasks' 8000 sh -c 'flux run -N4 -n8 seq 1000 | wc -l'

run flux run -N4 -n4 --output=out.txt echo hi
if matches '^\[0-3\]: stdout redirected to out.txt$' "$out$err"; then
    ok 'redirection is reported'
else
    not_ok 'redirection is reported' "$out" "$err"
fi
is 'one file for all' 'hi hi hi hi' sh -c 'xargs <out.txt'
run flux run -N2 -n2 --label-io --output=lab.txt echo hi
is 'with labels' '0: hi 1: hi' sh -c 'sort lab.txt | xargs'
run flux run -N2 -n2 --output='each.{{taskid}}' sh -c 'echo $FLUX_TASK_RANK'
is 'a file for each task' '0 1' sh -c 'cat each.0 each.1 | xargs'
run flux run --output=o.txt --error=e.txt sh -c 'echo o; echo e >&2'
is 'stderr apart' 'o e' sh -c 'cat o.txt e.txt | xargs'
run flux run --output=o.txt -o output.mode=append echo more
is 'append' 'o more' sh -c 'xargs <o.txt'
fails 'a file that cannot be written' 1 "error opening output file '/nonexistent/x'" \
    flux run --output=/nonexistent/x true
fails 'a file on a full disk' 1 'ERROR: writing stdout: No space left on device' \
    flux run --output=/dev/full echo lost
fails 'a job that failed before' 3 'ERROR: writing stderr: No space left on device' \
    flux run --error=/dev/full sh -c 'echo lost >&2; exit 3'
succeeds 'one that has nothing to write' flux run --output=/dev/full true
run flux run -o output.limit=10 printf 123456789012345
if [ "$out" = 1234567890 ] \
    && matches 'stdout will be truncated, 10 limit exceeded' "$err" \
    && matches 'stdout: 5 of 15 bytes truncated' "$err"; then
    ok 'what is beyond the output limit is told'
else
    not_ok 'what is beyond the output limit is told' "$out" "$err"
fi
run flux run -o output.limit=1K --output=whole.txt sh -c 'yes | head -1000'
is 'a file has no output limit' 2000 sh -c 'wc -c <whole.txt'
is 'output limit' 10 sh -c 'flux run -o output.limit=10 sh -c "yes | head -1000" 2>/dev/null | wc -c'

is 'rlimit' 77 flux run --rlimit=nofile=77 sh -c 'ulimit -n'
is 'signal before the end' got sh -c \
    'flux run -t 3s --signal=USR1@2.5s sh -c "trap \"echo got; exit 0\" USR1; while :; do sleep 0.05; done" 2>/dev/null'
is 'affinity: off' "$(nproc)" flux run -o cpu-affinity=off nproc
is 'affinity: one core' 1 sh -c 'flux run -n1 nproc'
fails 'affinity: unknown' 1 "shell option cpu-affinity=x: not supported" \
    flux run -o cpu-affinity=x true
for o in nosuch=1 oom.adjust=5000 mpi=spectrum gpu-affinity=x output.client.lwm=3 pmi=pmix \
    signal.signum=0 exit-timeout=x output.mode=x output.limit=2G; do
    fails "-o $o" 1 "shell option ${o%%[.=]*}.*: not supported" flux run -o $o true
done
for o in mpi=none gpu-affinity=off verbose pmi=pmi1; do
    succeeds "-o $o" flux run -o $o true
done
printf '#!/bin/sh\necho script $1\n' >s.sh
chmod +x s.sh
is 'a file with the job' 'hello' sh -c 'echo hello >f; flux run --add-file=data=f cat "{{tmpdir}}/data"'
finish
