# A few rounds of the torture of the same name.
. "${0%/*}/../lib.sh"

LIMIT=240
like 'kill -9 of all brokers under submissions, and on a full disk' ', 0 faults$' \
    "$FLUX_TEST_SOURCE/test/torture/job/restart-jobs" 3 1
finish
