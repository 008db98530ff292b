# A few swaps of the torture fluxion-swap.
. "${0%/*}/../lib.sh"

LIMIT=240
like 'the scheduler is exchanged under load' '^# 3 swaps, [1-9][0-9]* jobs, ' \
    "$FLUX_TEST_SOURCE/test/torture/fluxion-swap" 3 1
like 'so is one in Python, which is killed, too' '^# 3 swaps, [1-9][0-9]* jobs, ' \
    "$FLUX_TEST_SOURCE/test/torture/fluxion-swap" 3 1 python
finish
