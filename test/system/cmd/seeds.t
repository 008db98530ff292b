# The commands of the tutorial's chapters print what the chapters show.
. "${0%/*}/../lib.sh"
under_flux 4

LIST=$FLUX_TEST_SOURCE/test/system/seeds.tsv
SEEDS=${FLUX_SEEDS:-$FLUX_TEST_SOURCE/../shared/seeds}

# Something for the listings to show.
run flux submit --wait echo hello
[ $rc -eq 0 ] || echo "Bail out! cannot run a job: $err"

# The chapters themselves, where they are at hand: each command of the list
# stands in them, and none that should work is left out.
if [ -d "$SEEDS" ]; then
    sed -n 's/^! *//p' "$SEEDS"/002* "$SEEDS"/003* | sed 's/ *$//' >commands
    missing=$(grep -v '^#' "$LIST" | cut -f1 | while read -r command; do
        grep -qxF -- "$command" commands || echo "$command"
    done)
    if [ -z "$missing" ]; then
        ok 'the list is what the chapters say'
    else
        not_ok 'the list is what the chapters say' "not there:" "$missing"
    fi
    left=$(grep '^flux ' commands | grep -v 'sched-fluxion' \
        | while read -r command; do
            cut -f1 "$LIST" | grep -qxF -- "$command" || echo "$command"
        done)
    if [ -z "$left" ]; then
        ok 'the list is complete'
    else
        not_ok 'the list is complete' "left out:" "$left"
    fi
else
    skip 'the list is what the chapters say' 'the chapters are not here'
fi

tab=$(printf '\t')
while IFS=$tab read -r command regex; do
    case $command in \#* | '') continue ;; esac
    # The job id of the chapter is another one here.
    shell=$(printf '%s\n' "$command" | sed 's/ƒ28G7V4TKD/$(flux job last)/')
    # "! REGEX": it fails, and says this on stderr.
    if [ "${regex#! }" != "$regex" ]; then
        fails "$command" 1 "${regex#! }" sh -c "$shell"
    elif [ -n "$regex" ]; then
        like "$command" "$regex" sh -c "$shell"
    else
        is "$command" '' sh -c "$shell"
    fi
done <"$LIST"
finish
