# The server of shells that outlives its broker: who is another user is not heard there,
# and one of another user is not spoken to.
. "${0%/*}/../lib.sh"
if [ "$(id -u)" -ne 0 ]; then
    skip 'other users' 'must be root to be another user'
    finish
fi
# shellcheck source=test/system/reattach/instance.sh
. "$FLUX_TEST_SOURCE/test/system/reattach/instance.sh"
as_other () {
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# Says what a broker would say, with the token of the instance, and counts the answers.
cat >client.py <<'EOL'
import socket, sys

s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect(sys.argv[1])
try:
    s.sendall(b'H 0 {"token":"%s","timeout":1,"env":{}}\nE 0 \n' % sys.argv[2].encode())
    print(len(s.recv(100)))
except ConnectionError:
    print(0)
EOL
# A socket with the server's name that another user listens at; what comes there.
cat >server.py <<'EOL'
import os, socket, sys

if len(sys.argv) == 2:
    s = socket.socket(socket.AF_UNIX)
    s.bind(sys.argv[1])
    os.set_inheritable(s.fileno(), True)
    os.execvp("setpriv", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                          "/usr/bin/python3", sys.argv[0], sys.argv[1], str(s.fileno())])
s = socket.socket(fileno=int(sys.argv[2]))
s.listen()
print("listens", flush=True)
c, _ = s.accept()
c.settimeout(30)
try:
    print(len(c.recv(100)), flush=True)
except ConnectionError:
    print(0, flush=True)
EOL

begin 1
id=$(flux submit sh -c "until [ -e $DIR/gap ]; do sleep 0.1; done; echo said")
flux job wait-event -q -t 60 "$id" start
token=$(flux kvs get admin.job-exec)
crash
is 'the directory is its owner'"'"'s' 700 stat -c %a state/shells-0
chmod 755 . state state/shells-0
chmod 777 state/shells-0/socket
is 'another user is not answered' 0 as_other /usr/bin/python3 client.py state/shells-0/socket "$token"
is 'and nothing is done for him' 1 servers
chmod 700 state/shells-0
begin 1
: >gap
is 'the owner finds his job' said output_of "$id"

id=$(flux submit sleep 309)
flux job wait-event -q -t 60 "$id" start
crash
pkill -9 -f -- "--keep $DIR/state/shells-0"
rm state/shells-0/socket
/usr/bin/python3 server.py "$DIR/state/shells-0/socket" >heard &
other=$!
until_true_here grep -q listens heard
begin 1
like 'a server of another user has no job of ours' 'lost contact with job shells' \
    flux job wait-event -t 60 "$id" exception
wait $other
is 'and is told nothing' 'listens 0' sh -c 'xargs <heard'
like 'it is said why' 'shells-0/socket: Operation not permitted' flux dmesg
succeeds 'others run' flux run true
end
finish
