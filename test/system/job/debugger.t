# Parallel debuggers: which process is which task, and what they find in flux run.
. "${0%/*}/../lib.sh"
under_flux 2

id=$(flux submit -N2 -n2 -c1 sh -c 'echo $FLUX_TASK_RANK $$ >>pids; sleep inf & exec sleep inf')
touch pids
until_true sh -c '[ "$(wc -l <pids)" = 2 ]'
list () { flux job proctable "$1" | cut -d' ' -f1,3; }
list_here () { flux job proctable --local "$1" | cut -d' ' -f1,3; }
is 'the tasks of a job, and no child of theirs' "$(sort pids)" list "$id"
like 'with host and program' "^1 $(hostname) [0-9]+ /.*sleep\$" flux job proctable "$id"
is 'as JSON' "$(sort pids)" sh -c "flux job proctable -j $id |
    python3 -c 'import json, sys; [print(p[\"rank\"], p[\"pid\"]) for p in json.load(sys.stdin)]'"
is 'on one host, without asking others' "$(sort pids | sed -n 1p)" list_here "$id"
is 'hosts and pids' "$(sort pids | sed "s/. /$(hostname):/" | paste -sd,)" \
    flux job hostpids "$id"
is 'of one task' "$(hostname):$(sed -n 's/^1 //p' pids)" flux job hostpids --ranks=1 "$id"
like 'another delimiter' ':[0-9]+ / .*:[0-9]+$' flux job hostpids --delimiter=' / ' "$id"
fails 'no set of tasks' 1 "'x' is no set of tasks" flux job hostpids -r x "$id"
fails 'hostpids of no job' 1 '1234: No such job' flux job hostpids 1234
held=$(flux submit --urgency=hold sleep inf)
fails 'no longer than it may' 1 'timeout waiting for shell.start' \
    flux job hostpids --timeout=0.01 "$held"
flux job hostpids "$held" >held.pids &
flux job urgency "$held" 16
wait $!
like 'waits for the start' "^$(hostname):[0-9]+\$" cat held.pids
flux cancel "$id" "$held"
flux job wait-event "$id" clean >/dev/null
fails 'of a job that does not run' 1 'not running|inactive|no .*ranks|not active' \
    flux job proctable "$id"
fails 'of no job' 1 'job 1234 not found' flux job proctable 1234
fails 'of none' 1 'Usage' flux job proctable

# Whoever may run tasks on other terminals, too.
id=$(flux submit -n1 -o stop-tasks-in-exec echo it ran)
flux job wait-event "$id" start >/dev/null
attached () {
    flux job attach --debug "$id" &
    flux job kill -s CONT "$id"
    wait $!
}
is 'attach --debug without a debugger' 'it ran' attached

if ! command -v gdb >/dev/null; then
    skip 'flux run in a debugger' 'no gdb'
    finish
fi
cat >script.gdb <<'EOF'
set confirm off
set debuginfod enabled off
set breakpoint pending on
break main
run
set var *(int *)&MPIR_being_debugged = 1
break MPIR_Breakpoint
continue
printf "state %d, %d tasks\n", *(int *)&MPIR_debug_state, *(int *)&MPIR_proctable_size
printf "pids %d %d\n", *(int *)(*(char **)&MPIR_proctable + 16), *(int *)(*(char **)&MPIR_proctable + 40)
shell ls -l ran 2>/dev/null | wc -l
continue
EOF
timeout 60 gdb -batch -x script.gdb --args "$(command -v flux)" run -n2 \
    sh -c 'echo ran >>ran; echo $FLUX_TASK_RANK $$' >gdb.out 2>&1 </dev/null
if grep -q 'ptrace: Operation not permitted' gdb.out; then
    skip 'flux run in a debugger' 'no ptrace'
    finish
fi
like 'a debugger finds the tasks of flux run' '^state 1, 2 tasks$' cat gdb.out
like 'before their first instruction' '^0$' cat gdb.out
pids () { sed -n 's/^pids //p' gdb.out | tr ' ' '\n' | sort -n; }
is 'then they run, and are who was said' "$(pids)" sh -c \
    "grep -E '^[01] [0-9]+\$' gdb.out | cut -d' ' -f2 | sort -n"
finish
