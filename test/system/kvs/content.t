# The content store, on four brokers, and what survives a crash.
. "${0%/*}/../lib.sh"

# Before the instance of the rest: one that dies.
crash () {
    # a broker that is killed cannot remove its directory: the test does
    mkdir -p state run
    flux start -Sstatedir="$DIR/state" -Srundir="$DIR/run" sh -c '
        i=0
        while [ $i -lt 50 ]; do
            flux kvs put key$i=$i.$(printf %01500d $i) && echo $i >acked
            i=$((i + 1))
        done
        flux kvs put last=yes
        kill -9 $(flux getattr broker.pid)'
    true
}
recover () {
    flux start -Sstatedir="$DIR/state" sh -c '
        flux kvs get last
        flux kvs get -r key$(cat acked) | head -c 3'
}
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    crash >/dev/null 2>&1
    recover >recovered 2>&1
fi
under_flux 4
is 'what was acknowledged survives kill -9 of rank 0' 'yes
49.' cat recovered

is 'store' sha1-55ca6286e3e4f4fba5d0448333fa99fc5a404a73 \
    sh -c 'echo hi | flux content store'
is 'load' hi flux content load sha1-55ca6286e3e4f4fba5d0448333fa99fc5a404a73
is 'load on another rank' hi \
    flux exec -r 3 flux content load sha1-55ca6286e3e4f4fba5d0448333fa99fc5a404a73
fails 'load: no such blob' 1 '^flux-content: error loading blob: No such file' \
    flux content load sha1-0000000000000000000000000000000000000000
fails 'load: no such blob, another rank' 1 'error loading blob: No such file' \
    flux exec -r 3 flux content load sha1-0000000000000000000000000000000000000000
fails 'load: not a blobref' 1 '^flux-content: error loading blob: Invalid argument$' \
    flux content load nothex
ref=$(flux exec -r 3 sh -c 'echo from rank 3 | flux content store')
is 'stored on another rank' 'from rank 3' flux content load $ref
is 'the empty blob' sha1-da39a3ee5e6b4b0d3255bfef95601890afd80709 \
    flux content store </dev/null
is 'load the empty blob' '' flux content load sha1-da39a3ee5e6b4b0d3255bfef95601890afd80709
succeeds 'flush' flux content flush
succeeds 'dropcache' flux content dropcache
is 'load from the backing store' 'from rank 3' flux content load $ref
is 'load past the cache' 'from rank 3' flux content load -b $ref
head -c 100000 /dev/urandom >blob
flux content store --chunksize=30000 <blob >refs
is 'chunks' 4 sh -c 'wc -l <refs'
succeeds 'load chunks' sh -c 'flux content load $(cat refs) | cmp - blob'
succeeds 'reload the backing store' flux module reload content-sqlite
is 'load after the reload' hi \
    sh -c 'flux content dropcache; flux content load sha1-55ca6286e3e4f4fba5d0448333fa99fc5a404a73'
like 'statistics' '"object_count"' flux module stats content-sqlite
finish
