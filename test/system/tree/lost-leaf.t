# A broker is lost with what runs there: who can do without it goes on.
. "${0%/*}/../lib.sh"
under_flux 8 --test-exit-mode=leader -Stbon.topo=kary:0

inside () { FLUX_URI=$(flux uri --local "$J") "$@"; }
# lose RANK: the broker dies, with all that it has started.
lose () { kill -9 "$(flux exec -r "$1" flux getattr broker.pid)"; }

# --- an instance of four, of which rank 1 routes to rank 3 ---
J=$(timeout 60 flux alloc --bg -N4 --requires=rank:0-3 --broker-opts=-Stbon.topo=kary:2)
is 'its critical ranks' 0-1 inside flux getattr broker.critical-ranks
id=$(inside flux submit --requires=rank:3 -n1 sleep inf)
other=$(inside flux submit --requires=rank:1 -n1 sleep inf)
inside flux job wait-event -q -t 30 "$id" start
lose 3
like 'a leaf is lost: the job hears of it' 'exception.* severity=2 .*node failure on .*rank 3' \
    flux job wait-event -t 30 "$J" exception
like 'in it, the job that was there ends' 'exception.*type="node-failure" severity=0' \
    inside flux job wait-event -t 30 "$id" exception
is 'and has ended' '' inside flux job wait-event -q -t 30 "$id" clean
is 'another goes on' RUN inside flux jobs -no '{state}' "$other"
is 'as does the instance' RUN flux jobs -no '{state}' "$J"
inside flux cancel "$other"
is 'which runs what fits' 3 sh -c "FLUX_URI=$(flux uri --local "$J") flux run -N3 echo x | wc -l"
flux shutdown --quiet "$J"
is 'and ends as if nothing had been' 'COMPLETED' sh -c \
    "flux job wait-event -q -t 30 $J clean; flux jobs -no '{status}' $J"

# --- one whose router is lost ---
J=$(timeout 60 flux alloc --bg -N3 --requires=rank:4-6 --broker-opts=-Sbroker.critical-ranks=0-1)
lose 5
like 'a critical broker is lost' 'exception.* severity=0 .*node failure on .*rank 5' \
    flux job wait-event -t 30 "$J" exception
is 'which ends the instance' FAILED sh -c \
    "flux job wait-event -q -t 30 $J clean; flux jobs -no '{status}' $J"

# --- two brokers for each shell: a shell is critical if one of its brokers is ---
J=$(flux submit -N2 -n4 --requires=rank:6-7 -o exit-timeout=none \
    flux broker -Stbon.topo=kary:0 sleep inf)
flux job wait-event -q -t 30 "$J" memo
is 'four brokers, two shells' '[[0,2,2,1]]' inside flux getattr broker.mapping
lose 7
like 'the second has only leaves' 'exception.* severity=2 .*node failure on .*rank 7' \
    flux job wait-event -t 30 "$J" exception
is 'so the first goes on' RUN flux jobs -no '{state}' "$J"
flux cancel "$J"
flux job wait-event -q -t 30 "$J" clean

# --- what is asked for ---
cat >ask.py <<'END'
import sys, flux
from flux.job import JobID
try:
    flux.Flux().rpc("job-exec.critical-ranks",
                    {"id": JobID(sys.argv[1]), "ranks": sys.argv[2]}).get()
except OSError as e:
    print(e.strerror)
END
mkfifo fifo
id=$(flux submit -N2 --requires=rank:0,4 -o exit-timeout=none sh -c \
    '[ $FLUX_TASK_RANK = 0 ] || exec sleep inf; read -r x <fifo; echo goes on')
flux job wait-event -q -t 30 "$id" start
like 'a job has no other shells' 'not a set of the job' flux python ask.py "$id" 0-2
like 'no text for a set' 'not a set of the job' flux python ask.py "$id" x
like 'and has to run' 'not running' flux python ask.py 1 0
is 'any job may say what it needs' '' flux python ask.py "$id" 0
lose 4
like 'a shell is lost' 'severity=2 .*node failure on .*rank 4' \
    flux job wait-event -t 30 "$id" exception
echo go >fifo
is 'and the leader ends the job' 'goes on' flux job attach "$id"
is "as if there had been no other" COMPLETED sh -c \
    "flux job wait-event -q -t 30 $id clean; flux jobs -no '{status}' $id"

# --- a server of shells that is killed takes its shells along, as a broker does ---
cat >kill-server.sh <<'END'
for pid in $(ps -o pid= --ppid "$(flux getattr broker.pid)"); do
    case $(tr '\0' ' ' <"/proc/$pid/cmdline") in *'flux-shell --server'*) kill -9 "$pid" ;; esac
done
END
mkfifo other
served=$(flux submit -N2 --requires=rank:0,2 -o exit-timeout=none sh -c \
    '[ $FLUX_TASK_RANK = 0 ] || exec sleep inf; read -r x <other; echo goes on')
flux job wait-event -q -t 30 "$served" start
is 'another says so, too' '' flux python ask.py "$served" 0
flux exec -r 2 sh "$DIR/kill-server.sh"
like 'a server of shells is lost' \
    'type="exec" severity=2 note="lost contact with job shell on .*rank 2\): flux-shell: Killed' \
    flux job wait-event -t 30 "$served" exception
echo go >other
is 'its leader goes on' 'goes on' flux job attach "$served"
is 'and ends it as if there had been no other' 'COMPLETED 1' sh -c \
    "flux job wait-event -q -t 30 $served clean; echo \$(flux jobs -no '{status}' $served) \
        \$(flux job eventlog $served | grep -c exception)"
finish
