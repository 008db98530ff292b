#!/bin/sh
# Collections while keys are written again and again, and a kill in the midst: a short
# run of torture/collect.
. "${0%/*}/../lib.sh"
LIMIT=240
like 'nothing is lost' '^1 kills$' "$FLUX_TEST_SOURCE/test/torture/collect" 1 1
finish
