# The runner of the torture scripts: counts, statuses and what it shows.
. "${0%/*}/../lib.sh"

torture () {
    TORTURE_DIR="$DIR/scripts" BUILD="$FLUX_TEST_BUILD" \
        sh "$FLUX_TEST_SOURCE/tools/torture.sh" "$@"
}
mkdir "$DIR/scripts"
fails 'no script' 1 '^torture: no scripts in ' torture 3
printf '#!/bin/sh\necho first; echo "$1 times"\n' >scripts/a
printf 'not a script\n' >scripts/README
chmod +x scripts/a
like 'one that holds' '^ok a \([0-9]+ s\): 3 times$' torture 3
like 'the sum' '^1 of 1 held$' torture 3
printf '#!/bin/sh\necho "what was seen"; exit 7\n' >scripts/b
chmod +x scripts/b
run torture 3
if [ $rc -eq 1 ] && matches '^not ok b .*: status 7$' "$out" \
    && matches '^# what was seen$' "$out" && matches '^1 of 2 held$' "$out"; then
    ok 'one that does not'
else
    not_ok 'one that does not' "status $rc" "$out" "$err"
fi
printf '#!/bin/sh\necho "not here"; exit 77\n' >scripts/b
like 'one that cannot be run here' '^skipped b: not here$' torture 3
fails 'no number' 2 'COUNT=many is not a number' torture many
finish
