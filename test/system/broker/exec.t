# flux exec and the rexec service.
. "${0%/*}/../lib.sh"
under_flux 4

is 'all ranks' '0 1 2 3' sh -c 'flux exec flux getattr rank | sort | xargs'
is 'all but one' 'hello hello hello' sh -c 'flux exec -r all -x 0 echo hello | xargs'
is 'a range' '1 2' sh -c 'flux exec -r 1-2 flux getattr rank | sort | xargs'
is 'labels' '2: hello' flux exec -r 2 -l echo hello
is 'labels on each line' '2: a
2: b' flux exec -r 2 -l printf 'a\nb\n'
fails 'exit statuses are grouped' 1 '^\[1-3\]: Exit 1$' flux exec -r all -x 0 sh -c 'exit 1'
fails 'the worst one counts' 3 '^3: Exit 3$' flux exec -n sh -c 'exit $(flux getattr rank)'
fails 'a signal' 137 '^0: Killed$' flux exec -r 0 sh -c 'kill -9 $$'
fails 'no such rank' 1 '^flux-exec: One or more invalid --ranks specified: 9$' flux exec -r 9 true
fails 'several of them' 1 'specified: \[8-9\]$' flux exec -r 0,8-9 true
fails 'malformed ranks' 1 'error parsing --rank=x' flux exec -r x true
fails 'nobody is left' 1 'No targets' flux exec -r 0 -x 0 true
fails 'no such program' 127 \
    '^flux-exec: Error: rank 0: /nonexistent: error launching process: No such file or directory$' \
    flux exec -r 0 /nonexistent
fails 'not in PATH' 127 'No such file or directory' flux exec -r 1 no-such-program
fails 'not executable' 126 'Permission denied' flux exec -r 3 /etc/passwd
run flux exec -n -q -r 1 false
if [ $rc -eq 1 ] && [ -z "$out$err" ]; then ok 'quiet'; else not_ok 'quiet' "$rc $out $err"; fi
is 'no input' '' flux exec -n -r 1 cat
is 'stdin goes to all' 'x x x x' sh -c 'echo x | flux exec cat | xargs'
is 'much of it' '3000000 3000000 3000000 3000000' \
    sh -c 'head -c 3000000 /dev/zero | flux exec wc -c | xargs'
is 'a reader that stops early' 'a a a a' sh -c 'yes a | head -100000 | flux exec head -1 | xargs'
is 'binary output' same sh -c '
    head -c 300000 /dev/urandom >rnd; flux exec -n -r 2 cat '"$DIR"'/rnd | cmp - rnd && echo same'
is 'stderr is stderr' err sh -c 'flux exec -r 1 sh -c "echo out; echo err >&2" 2>&1 >/dev/null'
is 'directory' / flux exec -r 1 -d / pwd
is 'the current one is the default' "$DIR" flux exec -r 1 pwd
fails 'a directory that is not there' 0 '^Could not change dir to /nonexistent: No such file' \
    flux exec -n -r 1 -d /nonexistent true
is 'environment' bar sh -c 'FOO=bar flux exec -r 3 sh -c "echo \$FOO"'
is 'a long line' 1000001 sh -c 'flux exec -n -r 1 sh -c "head -c 1000000 /dev/zero | tr \\\\0 x; echo" | wc -c'

is 'background' 0 sh -c 'flux exec -r 0 --bg sleep 0 | grep -c : >/dev/null; echo $?'
like 'background: the pid' '^2: [0-9]+$' flux exec -r 2 --bg --waitable --label=bgtest sh -c 'exit 5'
run flux exec -r 1 --bg --label=taken sleep 300
pid=${out#*: }
fails 'a label is unique' 1 'a process with this label exists' flux exec -r 1 --bg --label=taken true
run flux exec -r 1 kill -9 "$pid"
# a client that dies takes its processes with it
flux exec -r 1 sh -c 'echo $$ >'"$DIR"'/victim; exec sleep 300' </dev/null &
client=$!
until [ -s victim ]; do :; done
kill -9 $client
end=$(($(date +%s) + 30))
while kill -0 "$(cat victim)" 2>/dev/null && [ "$(date +%s)" -lt $end ]; do :; done
if kill -0 "$(cat victim)" 2>/dev/null; then
    not_ok 'a client that dies takes its processes with it'
else
    ok 'a client that dies takes its processes with it'
fi
wait $client 2>/dev/null
# signals go to the processes
flux exec -r 2 sh -c 'trap "exit 7" INT; echo ready; while :; do sleep 0.1; done' >ready 2>sigerr &
client=$!
until [ -s ready ]; do :; done
kill -INT $client
wait $client
rc=$?
if [ $rc -eq 7 ]; then ok 'SIGINT is passed on'; else not_ok 'SIGINT is passed on' "status $rc" "$(cat sigerr)"; fi
id=$(flux submit --wait-event=start -N2 sleep 300)
is 'the nodes of a job' '2' sh -c "flux exec -j $id echo x | wc -l"
is 'one of them' '1' sh -c "flux exec -j $id -r 1 echo x | wc -l"
fails 'not that many nodes' 1 'invalid --ranks' flux exec -j $id -r 2 true
flux cancel $id
fails 'usage' 1 'Usage: flux.exec' flux exec
finish
