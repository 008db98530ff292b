# A file system that does not answer holds up the jobs that go there, and no others. The
# program is leased by somebody who does not give it back: exec waits, for real.
. "${0%/*}/../lib.sh"
under_flux 1

cp /bin/true held
cat >holder.py <<'EOF'
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
open("leased", "w").close()
sys.stdin.read()
EOF
mkfifo gate
python3 holder.py held <gate 2>holder.err &
holder=$!
exec 7>gate
while [ ! -e leased ] && kill -0 "$holder" 2>/dev/null; do :; done
if [ ! -e leased ]; then
    skip 'no leases on this file system' "$(tail -1 holder.err)"
    finish
fi

flux run true
server=$(pgrep -P "$(flux getattr broker.pid)" flux-shell)
id=$(flux submit ./held)
flux job wait-event "$id" alloc >/dev/null
is 'others run' hello flux run echo hello
is 'many others run' 20 sh -c 'flux submit --cc=1-20 --wait true | wc -l'
is 'all that came before has its server' "$server" \
    pgrep -P "$(flux getattr broker.pid)" flux-shell
is 'the stuck one runs' RUN flux jobs -no '{state}' "$id"
flux cancel "$id"
flux job wait-event "$id" clean >/dev/null
like 'and can be cancelled' 'CANCELED' flux jobs -no '{result}' "$id"
exec 7>&-
wait "$holder"
succeeds 'when it answers, it runs' flux run ./held
finish
