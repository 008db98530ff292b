# flux start --recovery on the state of an instance that was killed: nothing runs, all can
# be looked at and changed, and the next start goes on with the jobs that run.
. "${0%/*}/../lib.sh"
# shellcheck source=test/system/reattach/instance.sh
. "$FLUX_TEST_SOURCE/test/system/reattach/instance.sh"

cat >talk.sh <<EOL
cd $DIR
echo \$FLUX_TASK_RANK >>ran
echo before
until [ -e gap ]; do sleep 0.1; done
echo after
EOL
begin 2
flux run true
runs=$(flux submit -N2 -n2 sh talk.sh)
ends=$(flux submit sleep 308)
for id in $runs $ends; do flux job wait-event -q -t 60 "$id" start; done
waits=$(flux submit --requires=host:h1 -N1 --exclusive sh talk.sh)
crash

cat >look.sh <<'EOL'
flux jobs -a -no '{status_abbrev}' | sort | xargs
flux resource list -s free,allocated,down -no '{state} {nnodes}' | xargs
flux resource status -no '{state} {nnodes}' | xargs
new=$(flux submit true)
timeout 60 flux job wait-event -q "$new" priority && flux jobs -no '{status_abbrev}' "$new"
flux cancel "$new"
timeout 60 flux job wait-event -q "$new" clean && flux jobs -no '{status_abbrev}' "$new"
flux kvs put repaired=yes
flux cancel "$1"
EOL
timeout 100 flux start --recovery="$DIR/state" -c conf.toml sh look.sh "$ends" >seen 2>log.recovery
is 'an instance in recovery mode ends well' 0 echo $?
is 'all jobs are there' 'CD R R S' sed -n 1p seen
like 'no node is up' 'down 2|down 1' sed -n 2p seen
is 'and none is available' 'avail* 2' sed -n 3p seen
is 'a new job waits' S sed -n 4p seen
is 'and is canceled' CA sed -n 5p seen
is 'those that ran run on' 1 sh -c 'pgrep -xf "sleep 308" | wc -l'
begin 2
is 'what was changed is' yes flux kvs get repaired
like 'a job that was canceled ends' ' finish status=' flux job wait-event -t 60 "$ends" finish
: >gap
for id in $runs $waits; do flux job wait-event -q -t 60 "$id" clean; done
is 'one that ran is found' 'after after before before' \
    sh -c "flux job attach $runs | sort | xargs"
is 'one that waited has run' 'before after' sh -c "flux job attach $waits | xargs"
is 'each task once' 3 sh -c 'cat ran | wc -l'
end
finish
