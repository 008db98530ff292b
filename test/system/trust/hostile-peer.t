# Whoever has the right to speak to a broker as a child of it takes nobody's place, and
# breaks nothing.
. "${0%/*}/../lib.sh"
under_flux 3 --test-exit-timeout=200s
/usr/bin/python3 -c 'import ctypes; ctypes.CDLL ("libzmq.so.5")' 2>/dev/null || {
    skip 'all' 'there is no libzmq'
    finish
}
peer () {
    python3 "$FLUX_TEST_SOURCE/test/system/hostile-peer.py" "$@"
}
host=$(flux getattr hostname 2>/dev/null || hostname)
full='full full full'
is 'a rank that lives is not to be had' "rank 1 is held by a living broker on $host
$full
$full
$full
$full
$full
$full" peer claims
is 'frames that make no sense' lives peer fuzz 1 600
is 'who was there is there' "0
1" sh -c 'flux exec -r 0-1 flux getattr rank | sort'
finish
