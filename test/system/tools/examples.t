# The modules of examples/modules: built as others do, against an installed prefix, and used
# by jobs.
. "${0%/*}/../lib.sh"
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip examples 'programs of others are not sanitized'
    finish
fi
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    DESTDIR=$DIR/stage meson install -C "$FLUX_TEST_BUILD" --no-rebuild --quiet >install.out 2>&1
    pc=$(find "$DIR/stage" -name flux-core.pc)
    cp "$FLUX_TEST_SOURCE"/examples/modules/* .
    PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$DIR/stage make --no-print-directory \
        CFLAGS='-std=gnu11 -Wall -Wextra -Wno-unused-parameter -Werror' \
        LDFLAGS="-Wl,-rpath,${pc%/*/*}" >make.out 2>&1
fi
under_flux 3
is 'they compile without a word' '' sh -c "grep -v '^cc ' make.out; ls channel.so conduit.so \
    conduit-put >/dev/null"

# A module that elements of jobs meet in.
export FLUX_MODULE_PATH="$DIR"
fails 'an option that it has not' 1 'x: no such option' flux module load ./channel.so x
succeeds 'channel is loaded' flux module load ./channel.so
waiting () {
    flux module stats channel | tr -d ' \n'
}
cat >rpc.py <<'EOS'
import sys, json, flux
try:
    print(json.dumps(flux.Flux().rpc(sys.argv[1], json.loads(sys.argv[2])).get()))
except OSError as exc:
    sys.exit(f"{exc.errno}: {exc.strerror}")
EOS
fails 'put without data is refused' 1 'name or data is missing' \
    flux python rpc.py channel.put '{"name":"x"}'
fails 'get without a name, too' 1 'name is missing' flux python rpc.py channel.get '{}'
if command -v lua >/dev/null; then
    compute=$(flux submit -N2 -n2 ./compute.lua 120)
    writer=$(flux submit -N1 -n1 ./io-forwarding.lua 240)
    # 1 + 4 + 9 + ... + 14400
    is 'what two elements compute comes to the third' 'rank 0: 583220
rank 1: 583220' flux job attach "$writer"
    is 'and each knows that it is taken' 'rank 0: 120 results are taken
rank 1: 120 results are taken' sh -c "flux job attach $compute | sort"
    is 'none is left' '{"puts":0,"gets":0}' waiting
else
    skip 'what two elements compute comes to the third' 'there is no lua'
fi
flux python rpc.py channel.get '{"name":"a"}' >got.a &
reader=$!
until_true sh -c 'flux module stats channel | grep -q "\"gets\": *1"'
flux python rpc.py channel.put '{"name":"b","data":[1]}' >/dev/null &
writer=$!
until_true sh -c 'flux module stats channel | grep -q "\"puts\": *1"'
is 'names are kept apart' '{"puts":1,"gets":1}' waiting
succeeds 'data for the one' flux python rpc.py channel.put '{"name":"a","data":{"x":"y"}}'
wait $reader
is 'comes to him' '{"data": {"x": "y"}}' cat got.a
kill $writer
wait $writer
is 'who leaves waits no more' '' until_true sh -c 'flux module stats channel | grep -q "\"puts\": *0"'
succeeds 'it is removed' flux module remove channel

# Data of jobs, into the KVS and events.
succeeds 'conduit is loaded' flux module load ./conduit.so
succeeds 'a packet from C' ./conduit-put first '{"test":101}'
is 'lies in the KVS' '{"test":101}' flux kvs get conduit.first
fails 'a key with a dot is refused' 1 'a.b: key: 1 to 64 bytes, without dots' \
    ./conduit-put a.b 1
fails 'what is not JSON, too' 1 'x: not JSON' ./conduit-put key x
fails 'arguments are missing' 2 '^usage: ' ./conduit-put key
for i in 1 2 3 4 5; do
    flux submit -N1 -n1 ./compute.py 5
done >jobs.out
flux queue drain
like 'who sent them knows' '^f[^ ]*: 5 packets are stored$' flux job attach "$(tail -n 1 jobs.out)"
store=$(flux submit -N1 -n1 --output=store.out ./datastore.py 27)
until_true grep -q waiting store.out
./conduit-put last '{"test":102}'
flux job attach "$store" >/dev/null
is 'one who listens knows those before, and hears of the next' "waiting for a packet
last: {'test': 102}
27 packets" cat store.out
is 'they are in the KVS' 27 sh -c 'flux kvs ls -1 conduit | wc -l'
fails 'a key that is too long' 1 '1 to 64 bytes' ./conduit-put "$(printf 'x%.0s' $(seq 65))" 1
succeeds 'it is removed, too' flux module remove conduit
fails 'nobody answers then' 1 'first: ' ./conduit-put first 1
finish
