#!/bin/sh
# flux proxy, flux relay and ssh:// URIs. There is no sshd: $FLUX_SSH names a program that
# runs the command here, as ssh would there.
. "${0%/*}/../lib.sh"

under_flux 2

mkdir bin
cat >bin/ssh <<'X'
#!/bin/sh
# [-p PORT] HOST COMMAND
echo "$*" >>"$DIR/ssh.log"
[ "$1" = -p ] && shift 2
case $1 in
nohost) echo "ssh: Could not resolve hostname nohost" >&2; exit 255 ;;
silent) exit 3 ;;
killed) kill -9 $$ ;;
noflux) exec sh -c "/nonexistent/flux relay x" ;;
esac
shift
exec env -u FLUX_URI sh -c "$*"
X
chmod +x bin/ssh
export DIR FLUX_SSH="$DIR/bin/ssh"

J=$(timeout 60 flux alloc --bg -N2 -n2)
LOCAL=$(flux uri --local "$J")
SOCK=${LOCAL#local://}

# --- relay and ssh:// ---

fails 'relay without a path' 1 'one socket is wanted' flux relay
fails 'relay to nothing' 1 'flux-relay: /nonexistent: No such file' flux relay /nonexistent
is 'the first byte says that the broker lets us in' 00 \
    sh -c "flux relay $SOCK </dev/null | od -An -tx1 -N1 | tr -d ' '"
is 'a handle by ssh://' 1 env FLUX_URI="ssh://there$SOCK" flux getattr instance-level
like 'ssh is called with the host, and the command' \
    "^there /.*/flux relay '$SOCK'$" tail -1 ssh.log
is 'with user and port' 1 env FLUX_URI="ssh://me@there:2222$SOCK" \
    flux getattr instance-level
like 'which ssh gets' "^-p 2222 me@there " tail -1 ssh.log
is 'FLUX_SSH_RCMD is the command there' 1 env \
    FLUX_SSH_RCMD="env X=1 $(command -v flux)" FLUX_URI="ssh://there$SOCK" \
    flux getattr instance-level
like 'as given' '^there env X=1 ' tail -1 ssh.log
like 'much goes through' '^2000000$' env FLUX_URI="ssh://there$SOCK" sh -c '
    head -c 2000000 /dev/zero | tr "\0" x | flux kvs put --raw big=- &&
    flux kvs get --raw big | wc -c'
fails 'no such host' 1 "ssh://nohost/x: ssh: Could not resolve hostname nohost" \
    env FLUX_URI=ssh://nohost/x flux getattr size
fails 'ssh that says nothing' 1 'ssh://silent/x: ssh ended with status 3' \
    env FLUX_URI=ssh://silent/x flux getattr size
fails 'ssh that dies' 1 'ssh://killed/x: ssh: Killed' \
    env FLUX_URI=ssh://killed/x flux getattr size
fails 'no flux there' 1 'ssh://noflux/x: .*not found' \
    env FLUX_URI=ssh://noflux/x flux getattr size
fails 'no broker there' 1 'ssh://there/nonexistent: flux-relay: /nonexistent: No such' \
    env FLUX_URI=ssh://there/nonexistent flux getattr size
fails 'no ssh' 1 '/nonexistent/ssh: No such file' \
    env FLUX_SSH=/nonexistent/ssh FLUX_URI=ssh://there/x flux getattr size
fails 'a host that would be an option' 1 'ssh://-oX=y/x: not a name of a host' \
    env FLUX_URI=ssh://-oX=y/x flux getattr size
fails 'no path here' 1 'local://: a path is missing' env FLUX_URI=local:// flux getattr size
fails 'no path' 1 'ssh://there: a path is missing' \
    env FLUX_URI=ssh://there flux getattr size

# --- proxy ---

is 'proxy to a job' 2 flux proxy "$J" flux getattr size
is 'the depth there' 1 flux proxy "$J" flux getattr instance-level
is 'a status' 4 sh -c "flux proxy $J sh -c 'exit 4'; echo \$?"
is 'one word is for the shell' 5 sh -c "flux proxy $J 'echo x; exit 5' >/dev/null; echo \$?"
is 'of a signal' 137 sh -c "flux proxy $J sh -c 'kill -9 \$\$'; echo \$?"
is 'no such command' 127 sh -c "flux proxy $J /nonexistent x 2>/dev/null; echo \$?"
like 'its URI is a socket of its own' '^local:///.*/proxy$' \
    flux proxy "$J" sh -c 'echo $FLUX_URI'
is 'which nobody else can open' 600 flux proxy "$J" sh -c 'stat -c %a ${FLUX_URI#local://}'
is 'and which goes' gone sh -c "D=\$(flux proxy $J sh -c 'echo \${FLUX_URI#local://}')
    test -e \$D || test -e \${D%/*} || echo gone"
is 'a path of ids' 2 flux proxy "/$J" flux getattr size
is 'a native URI' 2 flux proxy "$LOCAL" flux getattr size
is 'up and down from within' '2 1' flux proxy "$J" sh -c '
    echo $(flux -p getattr size) $(flux getattr instance-level)'
is 'input' hello sh -c "echo hello | flux proxy $J cat"
is 'events' test.pong flux proxy "$J" sh -c '
    flux event sub --count=1 test.pong >sub & s=$!
    until flux event pub test.pong >/dev/null && [ -s sub ]; do :; done
    wait $s; grep -o test.pong sub | head -1'
is 'many clients at a time' 40 flux proxy "$J" sh -c '
    for i in $(seq 40); do flux getattr size & done | grep -c 2'
is 'a job there' "$(hostname)" flux proxy "$J" flux run hostname
fails 'without a target' 1 'flux proxy: URI argument is required' flux proxy
fails 'no such target' 1 'flux-proxy: Unable to resolve nosuch to a URI' \
    flux proxy nosuch true
fails 'no such job' 1 'Unable to resolve ƒ999 to a URI: jobid ƒ999 not found' \
    flux proxy ƒ999 true
fails 'no such scheme' 1 'No plugin for URI scheme foo' flux proxy foo:///x true
fails 'nobody listens' 1 'flux-proxy: local:///nosuch: ' flux proxy local:///nosuch true
fails 'no such option' 1 'nosuch' flux proxy --nosuch "$J" true

is 'by ssh' 1 flux proxy "ssh://there$SOCK" flux getattr instance-level
is 'which tells the command the host' me@there:22 \
    flux proxy "ssh://me@there:22$SOCK" sh -c 'echo $FLUX_PROXY_REMOTE'
is 'so that local sockets there are called so' "ssh://there${FLUX_URI#local://}" \
    flux proxy "ssh://there$SOCK" flux getattr parent-uri
is 'and can be reached' 0 flux proxy "ssh://there$SOCK" flux -p getattr instance-level
is 'a local proxy within does not' '' \
    flux proxy "ssh://there$SOCK" flux proxy "$LOCAL" sh -c 'echo $FLUX_PROXY_REMOTE'
fails 'no such host' 1 '^flux-proxy: ssh://nohost/x: ssh: Could not resolve' \
    flux proxy ssh://nohost/x true

# --- an instance that goes ---

K=$(timeout 60 flux alloc --bg -n1)
mkfifo up
exec 3<>up
ends () {
    flux cancel "$K"
    flux job wait-event "$K" clean >/dev/null
}
lose () {
    timeout 60 flux proxy "$K" sh -c 'trap "echo hup; exit 3" HUP; echo >up
        while :; do read x; done' <>hold >lost.out 2>lost.err &
    proxy=$!
    read x <&3
    ends
    wait $proxy
    echo $?
}
mkfifo hold
is 'the command is hung up' 3 lose
is 'which it sees' hup cat lost.out
like 'and a line says why' '^flux-proxy: local://.*: lost connection' cat lost.err
K=$(timeout 60 flux alloc --bg -n1)
lose_quietly () {
    timeout 60 flux proxy --nohup "$K" sh -c 'trap "exit 3" HUP; echo >up
        read x; flux getattr size 2>/dev/null || exit 7' <hold 2>lost.err &
    proxy=$!
    exec 4>hold
    read x <&3
    ends
    until grep -q 'lost connection' lost.err; do :; done
    echo go >&4
    wait $proxy
    echo $?
    exec 4>&-
}
is '--nohup leaves it alone' 7 lose_quietly

# --- and one that comes back ---

again () {
    rm -rf inst
    mkdir inst
    flux start -Srundir="$DIR/inst" sh -c 'echo >up; exec sleep inf' 2>/dev/null &
    INST=$!
    read x <&3
}
comes_back () {
    again
    timeout 100 flux proxy --reconnect "local://$DIR/inst/local-0" sh -c '
        flux event sub test >events & sub=$!
        until flux event pub test.first >/dev/null && [ -s events ]; do :; done
        job=$(flux submit sleep inf)
        timeout 60 flux job wait-event -v $job clean 2>wait.err >wait.out & wait=$!
        until grep -q start wait.out; do :; done
        echo >up; read x
        wait $wait; echo $?
        until flux event pub test.again >/dev/null && grep -q again events; do :; done
        kill $sub; flux getattr size' <hold >back.out 2>back.err &
    proxy=$!
    exec 4>hold
    read x <&3
    kill -KILL $(FLUX_URI=local://$DIR/inst/local-0 flux getattr broker.pid)
    wait $INST
    until grep -q 'trying to reconnect' back.err; do :; done
    again
    until grep -q ': reconnected' back.err; do :; done
    echo go >&4
    wait $proxy || cat back.err
    exec 4>&-
    kill -TERM $INST
    wait $INST
    tr '\n' ' ' <back.out
}
is '--reconnect: what was under way fails, clients are connected again' '1 1 ' comes_back
like 'the former says so' 'Connection reset' cat wait.err
like 'and get their events' 'test.again' cat events
finish
