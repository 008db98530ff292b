# flux job purge counts what is left while jobs go on ending.
. "${0%/*}/../lib.sh"
under_flux 1

like 'nothing to purge' '^use --force to purge 0 of 0 inactive jobs$' flux job purge
for _ in 1 2 3; do
    flux run true
done
like 'what would go' '^use --force to purge 2 of 3 inactive jobs$' \
    flux job purge --num-limit=1
like 'what went' '^purged 2 inactive jobs, 1 remaining$' \
    flux job purge --force --num-limit=1
# Each batch is a request of its own, and between them jobs become inactive: those are
# purged too. What remains was once counted from the first answer.
flux submit --cc=1-300 --wait true >/dev/null &
pid=$!
negative=
while kill -0 $pid 2>/dev/null; do
    run flux job purge --force --batch=1 --num-limit=0
    case $rc:$out in
    0:'purged '*' remaining')
        case $out in *' -'*) negative=$out ;; esac
        ;;
    *) negative="status $rc: $out $err" ;;
    esac
done
wait $pid
if [ -z "$negative" ]; then
    ok 'what remains is never negative'
else
    not_ok 'what remains is never negative' "$negative"
fi
like 'in the end nothing does' ' 0 remaining$' flux job purge --force --num-limit=0
finish
