#!/bin/sh
# Runs each script of test/torture and its folders with a count, one after the other:
#   ok NAME (SECONDS s): LAST LINE OF ITS OUTPUT
# or "not ok" with all of its output behind it; "skipped" if it ends with 77. Fails if one fails, or if there is none.
# The scripts find the build in FLUX_TEST_BUILD, as those of test/system do.
set -u
cd "$(dirname "$0")/.." || exit 1
count=${1:-100}
dir=${TORTURE_DIR:-test/torture}
FLUX_TEST_BUILD=$(cd "${BUILD:-build}" && pwd) || exit 1
FLUX_TEST_SOURCE=$PWD
export FLUX_TEST_BUILD FLUX_TEST_SOURCE

case $count in
'' | *[!0-9]*)
    echo "torture: COUNT=$count is not a number" >&2
    exit 2
    ;;
esac
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM HUP
run=0 failed=0
for script in "$dir"/* "$dir"/*/*; do
    [ -f "$script" ] && [ -x "$script" ] || continue
    run=$((run + 1))
    start=$(date +%s)
    if "$script" "$count" >"$log" 2>&1 </dev/null; then
        echo "ok ${script##*/} ($(($(date +%s) - start)) s): $(tail -n 1 "$log")"
    elif status=$?; [ $status -eq 77 ]; then
        echo "skipped ${script##*/}: $(tail -n 1 "$log")"
    else
        failed=$((failed + 1))
        echo "not ok ${script##*/} ($(($(date +%s) - start)) s): status $status"
        sed 's/^/# /' "$log"
    fi
done
if [ "$run" -eq 0 ]; then
    echo "torture: no scripts in $dir" >&2
    exit 1
fi
echo "$((run - failed)) of $run held"
[ "$failed" -eq 0 ]
