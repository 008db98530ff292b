# Modules that misbehave, and clients that do.
. "${0%/*}/../lib.sh"
under_flux 2

mod=$FLUX_TEST_BUILD/src/broker/testmod.so

succeeds 'load by path' flux module load "$mod" first second
like 'it is listed' '^testmod ' flux module list
like 'it answers' '^0!testmod.ping' flux ping --count=1 testmod
fails 'twice' 1 'File exists' flux module load "$mod"
succeeds 'remove' flux module remove testmod
fails 'it is gone' 1 'nosuch|No service|not implemented' flux ping --count=1 testmod
fails 'again' 1 'No such file' flux module remove testmod

fails 'initialisation fails' 1 '^flux-module: load .*: Operation not permitted' \
    flux module load "$mod" fail
like 'the instance lives' 2 flux getattr size
echo 'not a module' >bad.so
fails 'not a shared object' 1 'bad.so' flux module load "$DIR/bad.so"
fails 'no mod_main' 1 'mod_main' flux module load \
    "$FLUX_TEST_BUILD/src/broker/overlay-zmq.so"

succeeds 'a service of another name' flux module load "$mod" service=other
like 'is listed' '^testmod .* other$' flux module list
fails 'is taken' 1 'File exists' flux module load --name=two "$mod" service=other
succeeds 'goes with the module' flux module remove testmod
fails 'really' 1 '' flux ping --count=1 other

# An RPC in flight to a module that is removed.
flux module load "$mod"
flux module stats testmod >/dev/null
flux ping --count=1 testmod.hold >hold.out 2>&1 &
ping=$!
flux ping --count=1 testmod >/dev/null
flux module remove testmod
wait $ping
like 'gets an error' '' cat hold.out

# Trace: the first line that comes.
trace () {
    flux module trace --topic='kvs.*' kvs >trace.out &
    tracer=$!
    until grep -q 'kvs rx > kvs' trace.out; do
        flux kvs put trace=1
    done
    kill $tracer
    wait $tracer
    return 0
}
succeeds 'trace' trace
like 'says what went by' ' kvs rx > kvs\.[a-z-]+ \[[0-9]+\]$' cat trace.out
fails 'trace of an unknown module' 1 'nosuch: no such module' flux module trace kvs nosuch

# Noise on the local socket.
sock=$(flux getattr local-uri | sed s,local://,,)
noise () {
    python3 - "$sock" <<'PY'
import os, socket, sys
for data in (b'garbage\n' * 100, os.urandom(65536), b'\xff\xee\x00\x12\xff\xff\xff\xff',
             b'\xff\xee\x00\x12\x00\x00\x00\x00', b'\xff\xee\x00\x12\x00\x00\x00\x1d\x14' + b'\x00' * 20):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(sys.argv[1])
    assert s.recv(1) == b'\0'
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        while s.recv(4096):
            pass
    except OSError:
        pass
    s.close()
PY
}
succeeds 'garbage on the socket' noise
is 'the instance lives' 2 flux getattr size
like 'and says what it was' 'not a message' flux dmesg
finish
