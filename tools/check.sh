#!/bin/sh
# Build, run all tests in parallel, end with one line:
#   N passed, N failed, N skipped
# Arguments go to `meson test`.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}

tools/setup.sh "$build"
ninja -C "$build" --quiet
status=0
# More at once than there are cores: a script with an instance waits half of its time.
export MESON_TESTTHREADS="${MESON_TESTTHREADS:-$((2 * $(nproc)))}"
meson test -C "$build" --no-rebuild --print-errorlogs "$@" || status=$?
# What failed, once more, where whoever looks at the end of a log finds it.
tools/failures.py "$build" | tee ${FAILURES:+-a "$FAILURES"}
# Every TAP point counts (units print TAP, too); a test that died without one
# counts as one failure.
report=$build/meson-logs/testlog.junit.xml
set -- $(awk '
    function attr (name) {
        if (match ($0, " " name "=\"[0-9]+\""))
            return substr ($0, RSTART + length (name) + 3, RLENGTH - length (name) - 4)
        return 0
    }
    BEGIN { RS = ">" }
    /<testsuite / {
        tests += attr ("tests"); skipped += attr ("skipped")
        failed += attr ("failures") + attr ("errors")
    }
    END { print tests - failed - skipped, failed + 0, skipped + 0 }' "$report")
passed=$1 failed=$2 skipped=$3
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    failed=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
