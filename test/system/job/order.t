# What comes before what, and in whose thread, seen through a seam (test/seam.c).
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    SEAM_ENCODED=$DIR/encoded SEAM_CLEAN=$DIR/goes-on
    LD_PRELOAD=$FLUX_TEST_BUILD/test/test-seam.so
    export SEAM_ENCODED SEAM_CLEAN LD_PRELOAD
fi
under_flux 1
# Of the broker, not of what runs below it.
unset LD_PRELOAD

# A large answer is encoded by the module that gives it, while others are served.
# shellcheck disable=SC2046 # one word for each
succeeds 'many namespaces' flux kvs namespace create $(seq -f 'ns%.0f' 1000)
like 'are listed' '^ns1000 ' flux kvs namespace list
if [ -e encoded ]; then
    not_ok 'nothing large is encoded in the thread of the broker' "$(cat encoded)"
else
    ok 'nothing large is encoded in the thread of the broker'
fi

# The commit that has "clean" is held back: who waits for the job's end waits for it.
clean_is_stored () {
    flux submit --wait true >id && [ -e goes-on ] && flux job eventlog "$(cat id)"
}
like 'submit --wait returns behind the commit of clean' ' clean$' clean_is_stored
rm -f goes-on
attached () {
    flux run true && [ -e goes-on ]
}
succeeds 'and so does flux run' attached
# Who watches over the broker's programs is in its process group while it starts, and what
# is sent to that then is none of its business.
is 'a signal comes to the group while a program starts' 'it runs' \
    env SEAM_SPAWN=10 SEAM_SPAWNED="$DIR/spawned" \
    LD_PRELOAD="$FLUX_TEST_BUILD/test/test-seam.so" flux start echo 'it runs'
like 'it has come' 'flux-keeper' cat spawned
finish
