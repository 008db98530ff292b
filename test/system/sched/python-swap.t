# A scheduler in Python in the place of the simple one, and back, as a thread and as a
# process, which is killed, with jobs running; the same as fluxion-swap asks of one in C.
. "${0%/*}/../lib.sh"

under_flux 2

cat >my-sched.py <<'END'
import heapq

from flux.resource import InsufficientResources
from flux.scheduler import Scheduler


class FirstFirst(Scheduler):
    def schedule(self):
        while self._queue and self.place(self._queue[0]):
            heapq.heappop(self._queue)

    def place(self, job):
        """False: it has to wait, and so have all behind it."""
        try:
            job.request.success(self.resources.alloc(job.jobid, job.resource_request))
        except InsufficientResources:
            return False
        except OSError as exc:
            job.request.deny(str(exc))
        return True


def mod_main(h, *args):
    if "fail" in args:
        raise OSError(22, "as asked")
    FirstFirst(h, *args).run()
END

modules () {
    flux module list | awk '/sched/ { print $1, $NF }' | sort
}

to_python () {
    flux module remove sched-simple && flux module load $exec my-sched.py
}

to_simple () {
    flux module remove my-sched && flux module load sched-simple
}

used () {
    flux resource list -s allocated -no '{ncores} {rlist}'
}

process () {
    ps -o pid=,comm= --ppid "$(flux getattr broker.pid)" | awk '$2 == "my-sched" { print $1 }'
}

all_done () {
    while read -r job; do
        flux job wait-event -t 60 "$job" clean || return
    done <ids >/dev/null
}

cores=$(flux resource list -s free -no '{ncores}')
for exec in '' --exec; do
    id=$(flux submit -n1 sleep 1000)
    flux job wait-event -t 30 "$id" start >/dev/null
    before=$(used)
    succeeds "$exec the simple scheduler goes, one in Python comes" to_python
    like 'it has the service' '^my-sched .*sched' modules
    is 'what runs has its cores' "$before" used
    is 'a job runs on what is free' 'hello' flux run -n $((cores - 1)) sh -c \
        '[ "$FLUX_TASK_RANK" != 0 ] || echo hello'
    is 'and gives it back' "$before" used
    fails 'one that never fits is refused' 1 'unsatisfiable|alloc denied' \
        flux run -n $((cores + 1)) true
    wide=$(flux submit -n "$cores" true)
    like 'one that does not fit waits' '^S$' flux jobs -no '{status_abbrev}' "$wide"

    succeeds 'reload, while one runs and one waits' flux module reload $exec my-sched.py
    is 'what runs has its cores still' "$before" used
    fails 'a reload that fails' 1 'as asked|Invalid argument|load' \
        flux module reload $exec my-sched.py fail
    like 'puts back what was there' '^my-sched .*sched' modules
    succeeds 'back to the simple one' to_simple
    is 'what runs has its cores there, too' "$before" used
    succeeds 'and to Python once more' to_python
    if [ -n "$exec" ]; then
        kill -9 "$(process)"
        until_true sh -c '! flux module list | grep -q "^my-sched "'
        is 'it is killed: what runs goes on' R flux jobs -no '{status_abbrev}' "$id"
        late=$(flux submit -n1 true)
        like 'who comes without a scheduler waits' '^(S|P|D)$' \
            flux jobs -no '{status_abbrev}' "$late"
        succeeds 'another one comes' flux module load $exec my-sched.py
        is 'it knows what runs' "$before" used
    fi
    flux cancel "$id"
    succeeds 'the one that waited runs' flux job wait-event -t 30 "$wide" clean
    [ -z "$exec" ] || succeeds 'so does the other' flux job wait-event -t 30 "$late" clean
    is 'nothing is left allocated' '0' flux resource list -s allocated -no '{ncores}'

    # Swaps, and kills, under load.
    flux submit --cc=1-60 -n1 true >ids
    for i in 1 2 3; do
        to_simple && to_python || break
        if [ -n "$exec" ]; then
            kill -9 "$(process)"
            until_true sh -c '! flux module list | grep -q "^my-sched "'
            flux module load $exec my-sched.py || break
        fi
    done
    succeeds 'swaps lose no job' all_done
    is 'nor a core' "0 $cores" sh -c \
        'echo $(flux resource list -s allocated,free -no "{state} {ncores}" |
            sort | awk "{ print \$NF }")'
    is 'and all jobs have succeeded' 60 sh -c \
        'flux jobs -ano "{id} {result}" $(cat ids) | grep -c COMPLETED'
    to_simple
done
is 'nothing has failed but the two reloads' 2 sh -c 'flux dmesg | grep -c Traceback'
finish
