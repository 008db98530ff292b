# Brokers that another launcher of MPI programs starts, with its own PMI.
. "${0%/*}/../lib.sh"

mpiexec=
for name in mpiexec.hydra mpiexec; do
    command -v $name >/dev/null && $name --version 2>&1 | grep -qi hydra && mpiexec=$name && break
done
if [ -z "$mpiexec" ]; then
    echo '1..0 # SKIP there is no hydra (mpich)'
    exit 0
fi
is 'it starts three brokers' 3 $mpiexec -n 3 flux broker flux getattr size
is 'by flux start, too' 3 $mpiexec -n 3 flux start flux getattr size
is 'a job runs on all of them' '0
1
2' $mpiexec -n 3 flux broker sh -c "flux run -N3 sh -c 'echo \$FLUX_TASK_RANK' | sort"
run $mpiexec -n 3 flux broker sh -c 'exit 7'
if [ $rc -eq 7 ]; then ok 'the status of the program is passed on'; else not_ok 'status' "$rc" "$err"; fi
finish
