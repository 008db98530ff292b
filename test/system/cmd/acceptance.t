# Faults: lost brokers, lost leaders, interrupts.
. "${0%/*}/../lib.sh"

# Wait until a command succeeds; the limit is generous.
until_ok () {
    end=$(($(date +%s) + LIMIT))
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt $end ] || return 1
    done
}
export LIMIT

# kill -9 of broker 3: the instance lives.
cat >lost.sh <<'EOS'
pid=$(flux exec -r 3 flux getattr broker.pid)
flux submit --quiet --cc=1-4 -N1 sleep 1
kill -9 $pid
timeout 30 flux overlay status -r 0 --wait=degraded >status 2>&1 \
    || timeout 30 flux overlay status >status
cat status
flux exec -r 0-2 flux getattr rank | sort | xargs
flux run -N3 -n3 echo alive | xargs
EOS
run flux start -s4 --test-exit-mode=leader sh ./lost.sh
if matches '3 .*: lost' "$out"; then
    ok 'overlay status says lost'
else
    not_ok 'overlay status says lost' "$out" "$err"
fi
if matches '^0 1 2$' "$out"; then
    ok 'the others answer'
else
    not_ok 'the others answer' "$out" "$err"
fi
if matches '^alive alive alive$' "$out"; then
    ok 'new jobs run'
else
    not_ok 'new jobs run' "$out" "$err"
fi

# kill -9 of rank 0: nothing stays behind.
cat >leader.sh <<'EOS'
flux getattr rundir >rundir
flux exec flux getattr broker.pid >pids
kill -9 $(flux getattr broker.pid)
EOS
run timeout 30 flux start -s4 sh ./leader.sh
gone () {
    for pid in $(cat pids); do
        ! kill -0 "$pid" 2>/dev/null || return 1
    done
    [ ! -e "$(cat rundir)" ]
}
if [ "$(wc -l <pids)" -eq 4 ] && until_ok gone; then
    ok 'the leader is lost: no process, no directory stays'
else
    not_ok 'the leader is lost: no process, no directory stays' "$(cat pids rundir)" \
        "$(ls -d "$(cat rundir)" 2>&1)" "$err"
fi

# Ctrl-C twice cancels.
cat >interrupt.sh <<'EOS'
flux run -v sleep 300 2>err &
pid=$!
until id=$(sed -n 's/^jobid: //p' err) && [ -n "$id" ]; do :; done
flux job wait-event -t 30 $id start >/dev/null
flux job wait-event -t 30 -p exec $id shell.start >/dev/null
while kill -INT $pid 2>/dev/null; do
    flux job wait-event -t 0.3 $id finish >/dev/null 2>&1 && break
done
wait $pid
flux jobs -no '{result}' $id
EOS
run flux start sh ./interrupt.sh
if matches '^CANCELED$' "$out"; then
    ok 'Ctrl-C twice cancels the job'
else
    not_ok 'Ctrl-C twice cancels the job' "$out" "$err" "$(cat err)"
fi

is 'exit status of the initial program' 7 sh -c 'flux start sh -c "exit 7"; echo $?'
is 'start -s4' '0
1
2
3' sh -c 'flux start -s4 flux exec flux getattr rank | sort'
is 'nothing is left in the temporary directory' '' sh -c 'ls -d flux-?????? 2>/dev/null || true'
finish
