# Jobs that ended: the newest are in memory, the others in job-list's database.
. "${0%/*}/../lib.sh"
under_flux 1
sim=--setattr=system.exec.test.run_duration=0.001ms

first=$(flux submit true)
flux job wait-event -t 30 $first clean >/dev/null
flux submit --cc=1-6000 --wait --quiet $sim true
bad=$(flux submit --setattr=system.exec.test.mock_exception=run $sim false)
flux job wait-event -t 30 $bad clean >/dev/null

list () { flux jobs -ac0 -no '{id.dec} {t_inactive}'; }
list >all
is 'all are listed' 6002 sh -c 'wc -l <all'
is 'each once' 6002 sh -c 'cut -d" " -f1 all | sort -u | wc -l'
ok 'newest first' sort -s -k2,2nr -c all
is 'the oldest, by id' "$first CD" flux jobs -no '{id} {status_abbrev}' $first
is 'the oldest are the last' "$first" sh -c 'flux jobs -ac0 -no {id} | tail -n1'
is 'as many as are asked for' 5000 sh -c 'flux jobs -ac5000 -no {id} | wc -l'
is 'those that failed' "$bad" flux jobs -c0 -f failed -no '{id}'
is 'by name' "$bad" flux jobs -a -c0 --name=false -no '{id}'
since=$(sed -n '5500s/.* //p' all)
is 'since a time' "$(awk -v s="$since" '$2 > s' all | wc -l)" \
    sh -c "flux jobs -a -c0 --since=$since -no {id} | wc -l"
like 'counts' '6001 completed, 1 failed' sh -c 'flux jobs --stats-only || :'
like 'purge' 'purged 5990' flux job purge --force --num-limit=12
is 'what is left' 12 sh -c 'flux jobs -ac0 -no {id} | wc -l'
fails 'the oldest is unknown' 1 '' flux jobs -no '{id}' $first
like 'counts of those' '5990 inactive purged' sh -c 'flux jobs --stats-only || :'
finish
