# Which of its shells a job cannot do without is kept where jobs outlive their brokers.
. "${0%/*}/../lib.sh"
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    mkdir state
fi
under_flux 3 -Sstatedir="$DIR/state"

cat >ask.py <<'END2'
import sys, flux
from flux.job import JobID
flux.Flux().rpc("job-exec.critical-ranks", {"id": JobID(sys.argv[1]), "ranks": sys.argv[2]}).get()
END2
id=$(flux submit -N3 -o exit-timeout=none sh -c \
    '[ $FLUX_TASK_RANK = 0 ] || exec sleep inf; until [ -e end ]; do sleep 0.1; done')
flux job wait-event -q -t 30 "$id" start
key=$(flux job id --to=kvs "$id").guest.exec.kept
flux python ask.py "$id" 0-1
is 'when it is answered, it is stored' 0-1 flux kvs get "$key.critical"
flux python ask.py "$id" 1
is 'what was said last' 1 flux kvs get "$key.critical"
: >end
flux job kill -s KILL "$id" 2>/dev/null
flux job wait-event -q -t 30 "$id" clean
fails 'with the job it goes' 1 'No such file' flux kvs get "$key.critical"
finish
