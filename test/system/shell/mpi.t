# MPI libraries of others start by the PMI of the shell: MPICH by its descriptor, Open MPI
# by libpmi.
. "${0%/*}/../lib.sh"
under_flux 4
source=$FLUX_TEST_SOURCE/test/system/shell/mpi.c
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip mpi 'programs of others are not sanitized'
    finish
fi
for mpi in mpich openmpi; do
    command -v mpicc.$mpi >/dev/null || {
        skip "$mpi" 'it is not installed'
        continue
    }
    succeeds "$mpi: an MPI program is built" mpicc.$mpi "$source" -o $mpi
    is "$mpi: hello, allreduce, and a split by nodes, on four brokers" \
'hello from 0 of 8
hello from 1 of 8
hello from 2 of 8
hello from 3 of 8
hello from 4 of 8
hello from 5 of 8
hello from 6 of 8
hello from 7 of 8
sum 36, 4 nodes of 2' sh -c "flux run -N4 -n8 ./$mpi | sort"
    is "$mpi: one task" \
'hello from 0 of 1
sum 1, 1 nodes of 1' sh -c "flux run ./$mpi | sort"
    is "$mpi: in an instance that is a job" \
'hello from 0 of 4
hello from 1 of 4
hello from 2 of 4
hello from 3 of 4
sum 10, 2 nodes of 2' sh -c "flux alloc -N2 -n4 flux run -N2 -n4 ./$mpi | sort"
    fails "$mpi: MPI_Abort ends all tasks" 7 'exception .*PMI_Abort from rank 1' \
        flux run -N4 -n4 ./$mpi abort
    is "$mpi: nothing is left running" 0 sh -c "ps -e -o args= | grep -c '^\./$mpi ' || true"
done
is 'Open MPI keeps its shared memory where that of no other job is' same \
    env OMPI_MCA_btl_vader_backing_directory=/mine flux run \
    sh -c '[ "$OMPI_MCA_btl_vader_backing_directory" = "$FLUX_JOB_TMPDIR" ] && echo same'
is 'it is not set without PMI' '' flux run -o pmi=off \
    sh -c 'echo $OMPI_MCA_btl_vader_backing_directory'
finish
