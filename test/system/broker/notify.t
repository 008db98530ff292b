# What a broker tells who started it: systemd's socket, and its exit status.
. "${0%/*}/../lib.sh"

# Receives what is sent to a socket while COMMAND runs: one line for each message.
cat >listen.py <<'PY'
import os, socket, subprocess, sys, threading
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind(name if name[0] == "/" else "\0" + name[1:])
got = []
def listen():
    while (m := s.recv(4096)) != b"end":
        got.append(m.decode().replace("\n", " "))
t = threading.Thread(target=listen)
t.start()
p = subprocess.run(sys.argv[2:], env={**os.environ, "NOTIFY_SOCKET": name})
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"end", s.getsockname())
t.join()
print("\n".join(got))
sys.exit(p.returncode)
PY
listen () {
    python3 listen.py "$@"
}
all='STATUS=join
STATUS=init
READY=1 STATUS=quorum
STATUS=run
STOPPING=1 STATUS=cleanup
STOPPING=1 STATUS=shutdown
STOPPING=1 STATUS=finalize
STOPPING=1 STATUS=goodbye
STOPPING=1 STATUS=exit'
is 'the states of a broker' "$all" listen "$DIR/socket" flux start -Sbroker.sd-notify=1 true
is 'a name that is no path' "$all" listen "@flux-test-$$" flux start -Sbroker.sd-notify=1 true
is 'it takes longer to end, but comes nearer' "$(printf '%s' "$all" |
    sed '/STOPPING/s/$/ EXTEND_TIMEOUT_USEC=90000000/')" listen "$DIR/socket2" \
    flux start -Sbroker.sd-notify=1 -Sbroker.sd-stop-timeout=1.5m true
is 'nobody is told if that is not wanted' '' listen "$DIR/socket3" flux start true
is 'the program has nothing to tell' '' \
    sh -c 'NOTIFY_SOCKET=/nosuch flux start -Sbroker.sd-notify=1 printenv NOTIFY_SOCKET;:'
like 'what is dumped and restored is told' '^STATUS=run: dumped 10[0-9]{3} keys$' sh -c "
    python3 listen.py '$DIR/socket4' flux start -Sbroker.sd-notify=1 sh -c '
        seq 1 10000 | sed \"s/.*/d&.k=1/\" | xargs flux kvs put
        flux dump -q --sd-notify x.tar; flux restore -q --sd-notify --key=back x.tar
        flux dump -q y.tar' | tee told"
like 'each once more at its end' '^2 2$' sh -c \
    'echo $(grep -c ": dumped" told) $(grep -c "^STATUS=run: restored" told)'
like 'so is the dump at the end' '^STATUS=finalize: dumped [0-9]+ keys EXTEND_TIMEOUT_USEC=90000000$' \
    listen "$DIR/socket5" flux start -Sbroker.sd-notify=1 -Sbroker.sd-stop-timeout=1.5m \
    -Scontent.dump=z.tar true
fails 'guests have nothing to say' 1 'owner credentials' \
    flux start env FLUX_HANDLE_ROLEMASK=0x2 flux python -c '
import flux
flux.Flux().rpc("state-machine.sd-notify", {"status": "x"}).get()'
fails 'nobody to tell' 1 'broker.sd-notify: NOTIFY_SOCKET is not set' \
    flux start -Sbroker.sd-notify=1 true
fails 'no socket' 1 'NOTIFY_SOCKET is no name of a socket' \
    env NOTIFY_SOCKET=foo flux start -Sbroker.sd-notify=1 true
fails 'a timeout for nobody' 1 'broker.sd-stop-timeout: needs broker.sd-notify=1' \
    flux start -Sbroker.sd-stop-timeout=90s true
fails 'builtins' 1 'broker.unload-builtins-timeout: .* no modules' \
    flux start -Sbroker.unload-builtins-timeout=1s true

# The status that keeps systemd from starting it again.
ends () {
    name=$1 status=$2
    shift 2
    run "$@"
    if [ $rc -eq "$status" ]; then ok "$name"; else not_ok "$name" "$rc, not $status: $err"; fi
}
forever='flux shutdown --background; exec sleep inf'
ends 'flux shutdown' 42 flux start -Sbroker.exit-restart=42 sh -c "$forever"
ends 'the older name' 43 flux start -Sbroker.exit-norestart=43 sh -c "$forever"
ends 'set at runtime' 44 flux start sh -c "flux setattr broker.exit-restart 44; $forever"
ends 'without it, the status of the program' 129 flux start sh -c "$forever"
ends 'not asked to end' 3 flux start -Sbroker.exit-restart=42 sh -c 'exit 3'
# shellcheck disable=SC2016
ends 'a signal is another matter' 143 flux start -Sbroker.exit-restart=42 \
    sh -c 'kill $(flux getattr broker.pid); exec sleep inf'

like 'events of sockets' 'zmq: children socket: accepted' \
    flux start -s2 -Stbon.zmqdebug=1 flux dmesg
like 'both ends of them' 'zmq: parent socket: handshake succeeded' \
    flux start -s2 -Stbon.zmqdebug=1 flux exec -r1 flux dmesg
run flux start -s2 flux dmesg
if matches 'zmq:' "$out"; then not_ok 'none, if not wanted' "$out"; else ok 'none, if not wanted'; fi
finish
