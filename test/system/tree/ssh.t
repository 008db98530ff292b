#!/bin/sh
# ssh:// through a real sshd: one of our own, with keys of its own, on a port of loopback.
. "${0%/*}/../lib.sh"
PATH=$PATH:/usr/sbin:/sbin
if [ -z "${FLUX_TEST_ACTIVE:-}" ] && ! command -v sshd >/dev/null; then
    echo '1..0 # SKIP there is no sshd (openssh-server)'
    exit 0
fi
# What sshd of Debian wants of root, and its service makes.
[ "$(id -u)" -ne 0 ] || [ -d /run/sshd ] || mkdir -m 755 /run/sshd
under_flux 2

# --- sshd, and a client that knows it ---

for key in host user other; do
    ssh-keygen -q -t ed25519 -N '' -C '' -f $key
done
cp user.pub authorized
cat >sshd_config <<END
ListenAddress 127.0.0.1
HostKey $DIR/host
PidFile $DIR/sshd.pid
AuthorizedKeysFile $DIR/authorized
AuthenticationMethods publickey
PermitRootLogin yes
StrictModes no
UsePAM no
MaxStartups 6
SetEnv HOME=$DIR
END
free_port () {
    python3 -c 'import socket; s = socket.socket(); s.bind (("127.0.0.1", 0))
print (s.getsockname ()[1])'
}
# Whoever else listens there is no sshd that answers: another port, then.
start_sshd () {
    for _ in 1 2 3 4 5; do
        PORT=${1:-$(free_port)}
        rm -f sshd.pid
        "$(command -v sshd)" -D -f sshd_config -E sshd.log -p "$PORT" &
        SSHD=$!
        while kill -0 $SSHD 2>/dev/null && ! [ -s sshd.pid ]; do
            flux getattr rank >/dev/null
        done
        [ -s sshd.pid ] && return
        wait $SSHD
    done
    cat sshd.log >&2
    return 1
}
mkdir bin
cat >ssh_config <<END
Host nohost.invalid
    HostName nohost.invalid
Host *
    HostName 127.0.0.1
    HostKeyAlias here
    UserKnownHostsFile $DIR/known
    StrictHostKeyChecking yes
    IdentityFile $DIR/user
    IdentitiesOnly yes
    BatchMode yes
END
printf '#!/bin/sh\nexec ssh -F "%s" "$@"\n' "$DIR/ssh_config" >bin/ssh
chmod +x bin/ssh
echo "here $(cat host.pub)" >known
FLUX_SSH=$DIR/bin/ssh
export FLUX_SSH
succeeds 'sshd starts' start_sshd
trap 'kill $SSHD 2>/dev/null' EXIT

J=$(timeout 60 flux alloc --bg -N2 -n2)
LOCAL=$(flux uri --local "$J")
SOCK=${LOCAL#local://}
URI=ssh://localhost:$PORT$SOCK

# --- what is there ---

is 'a handle' 1 env FLUX_URI="$URI" flux getattr instance-level
is 'proxy and a command' '1 2' flux proxy "$URI" sh -c \
    'echo $(flux getattr instance-level) $(flux getattr size)'
is 'a job there' "$(hostname)" flux proxy "$URI" flux run hostname
is 'its status' 7 sh -c "flux proxy $URI flux run sh -c 'exit 7' 2>/dev/null; echo \$?"
is 'much, there and back' 3000000 env FLUX_URI="$URI" sh -c '
    head -c 3000000 /dev/zero | tr "\0" x | flux kvs put --raw big=- &&
    flux kvs get --raw big | wc -c | tr -d " "'
is 'more clients than an sshd lets in at once' 24 flux proxy "$URI" sh -c \
    'for i in $(seq 24); do flux getattr size & done | grep -c 2'
is 'what flux uri prints, as it is' 1 sh -c \
    "echo '    Port $PORT' >>ssh_config; flux proxy \$(flux uri --remote $J) flux getattr instance-level"
is 'three levels from there' 2 flux proxy "$URI" sh -c \
    'flux proxy $(flux alloc --bg -n1) flux getattr instance-level'

# --- what is not ---

fails 'a key that is not let in' 1 'Permission denied \(publickey\)' \
    env FLUX_SSH="$DIR/bin/other" FLUX_URI="$URI" sh -c '
    sed "s,^exec ssh,exec ssh -i $DIR/other -o IdentityFile=none," bin/ssh >bin/other
    sed -i "s,$DIR/ssh_config,$DIR/other_config," bin/other; chmod +x bin/other
    sed "s,$DIR/user,$DIR/other," ssh_config >other_config; flux getattr size'
cp known known.good
echo "here $(cat other.pub)" >known
fails 'a host that is another' 1 '^flux-proxy: ssh://.*: Host key verification failed' \
    flux proxy "$URI" flux getattr size
mv known.good known
fails 'nobody listens' 1 '^flux-proxy: ssh://localhost:1/x: ssh: connect to .* refused' \
    flux proxy ssh://localhost:1/x true
fails 'no such host' 1 '^flux-proxy: ssh://nohost.invalid/x: ssh: Could not resolve' \
    flux proxy ssh://nohost.invalid/x true
fails 'no broker there' 1 "^flux-proxy: $URI.x: flux-relay: $SOCK.x: No such file" \
    flux proxy "$URI.x" true
fails 'no flux there' 1 '^flux-proxy: ssh://.*: .*/nosuch: .*(not found|No such file)' \
    env FLUX_SSH_RCMD=/nosuch flux proxy "$URI" true

# --- a terminal, and an end that nobody asked for ---

URI=$URI SSHD=$SSHD cases python3 "$FLUX_TEST_SOURCE/test/system/ssh.py"

# --- sshd goes, and comes back ---

mkfifo up hold
exec 3<>up 4<>hold
goes () {
    timeout 100 flux proxy --reconnect "$URI" sh -c \
        'echo >up; read x; flux getattr instance-level' <hold >again.out 2>again.err &
    proxy=$!
    read -r x <&3
    pkill -P "$SSHD"
    kill "$SSHD"
    wait "$SSHD"
    until_true grep -q 'trying to reconnect' again.err
    start_sshd "$PORT" || return 1
    until_true grep -q ': reconnected' again.err
    echo go >&4
    wait $proxy || cat again.err
    cat again.out
}
J=$(timeout 60 flux alloc --bg -n1)
LOCAL=$(flux uri --local "$J")
URI=ssh://localhost:$PORT${LOCAL#local://}
is '--reconnect, when sshd is there again' 1 goes
finish
