# Which of its shells a job cannot do without is known to those who find it again.
. "${0%/*}/../lib.sh"
# shellcheck source=test/system/reattach/instance.sh
. "$FLUX_TEST_SOURCE/test/system/reattach/instance.sh"

cat >ask.py <<'END2'
import sys, flux
from flux.job import JobID
flux.Flux().rpc("job-exec.critical-ranks", {"id": JobID(sys.argv[1]), "ranks": sys.argv[2]}).get()
END2
# lose RANK: its server of shells is killed, with all shells.
lose () { pkill -9 -f -- "--keep $DIR/state/shells-$1"; }
exceptions () { flux job eventlog "$id" | grep -c ' exception '; }

begin 4
id=$(flux submit -N4 -n4 -o exit-timeout=none sh -c \
    "[ \$FLUX_TASK_RANK -lt 2 ] || exec sleep 306; until [ -e $DIR/end ]; do sleep 0.1; done; [ \$FLUX_TASK_RANK = 1 ] || echo goes on")
flux job wait-event -q -t 60 "$id" start
key=$(flux job id --to=kvs "$id").guest.exec.kept
flux python ask.py "$id" 0-2
is 'when it is answered, it is stored' 0-2 flux kvs get "$key.critical"
flux python ask.py "$id" 0-1
is 'what was said last' 0-1 flux kvs get "$key.critical"
crash
begin 4
flux job wait-event -q -t 60 "$id" flux-restart
lose 3
like 'another broker knows it' 'type="exec" severity=2 note="lost contact with .*\(rank 3\)' \
    flux job wait-event -t 60 "$id" exception
flux module reload job-exec
lose 2
succeeds 'so does job-exec that is loaded again' until_true_here sh -c \
    "[ \$(flux job eventlog $id | grep -c 'exception .*severity=2') = 2 ]"
is 'the job goes on' RUN flux jobs -no '{state}' "$id"
: >end
is 'and ends as its leader does' 'goes on' output_of "$id"
flux job wait-event -q -t 60 "$id" clean
is 'as if there had been no other' COMPLETED flux jobs -no '{status}' "$id"
is 'nothing was said twice' 2 exceptions
fails 'what is kept goes with the job' 1 'No such file' flux kvs get "$key.critical"
end
finish
