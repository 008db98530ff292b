# How services fail what programs ask of them through the library: rows of test/api/live.c.
. "${0%/*}/../lib.sh"
live=$FLUX_TEST_BUILD/test/api/api-live
succeeds 'in an instance' flux start -s1 "$live"
succeeds 'in one without modules' flux start -s1 -Sbroker.rc1_path= -Sbroker.rc3_path= "$live" bare
finish
