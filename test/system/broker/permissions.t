# Other users: whatever the umask, sockets and directories are this user's alone, and
# what others could have tampered with is refused.
. "${0%/*}/../lib.sh"
PATH=$PATH:$FLUX_TEST_BUILD/src/broker
if [ "$(id -u)" -ne 0 ]; then
    skip 'other users' 'must be root to be another user'
    finish
fi
if ! setpriv --reuid=65534 --regid=65534 --clear-groups \
    flux-broker --help >/dev/null 2>&1; then
    skip 'other users' 'the build directory is not open to others'
    finish
fi
chmod 755 "$DIR"

# modes of what is made, with the umask that hides nothing, and the one that hides all
cat >modes <<'SH'
d=$(flux getattr rundir)
stat -c '%a' "$d"
stat -c '%a %n' "$d"/local-0 "$d"/tbon-0 | sed "s|$d/||"
SH
for mask in 000 022 0777; do
    is "modes with umask $mask" '700
600 local-0
600 tbon-0' sh -c "umask $mask; exec flux start -s2 sh $DIR/modes"
done
is 'one broker' '700' sh -c "umask 000; exec flux start sh -c 'stat -c %a \$(flux getattr rundir)'"
is 'a statedir that is made' 700 sh -c \
    "umask 000; exec flux start -Sstatedir=$DIR/state stat -c %a $DIR/state"
is 'programs have the umask of the caller' 0027 sh -c 'umask 027; flux start umask'

# what was there before
mkdir -m 755 good
mkdir -m 755 theirs
chown 65534:65534 theirs
mkdir open group planted
chmod 777 open
chmod 770 group
ln -s "$DIR/nowhere" planted/content.sqlite
ln -s "$DIR/good" link
mkdir theirfile
touch theirfile/local-0
chown 65534 theirfile/local-0
is 'a directory of ours' "$DIR/good" flux start --rundir="$DIR/good" flux getattr rundir
for option in --rundir= -Sstatedir=; do
    for size in '' -s2; do
        what="${option}DIR $size"
        fails "$what: another user's" 1 'theirs: belongs to user 65534$' \
            flux start $size $option"$DIR/theirs" true
        fails "$what: writable by all" 1 'open: others may write to it \(mode 0777\)$' \
            flux start $size $option"$DIR/open" true
        fails "$what: writable by the group" 1 'group: others may write to it' \
            flux start $size $option"$DIR/group" true
        fails "$what: a file" 1 'modes: is not a directory$' \
            flux start $size $option"$DIR/modes" true
        fails "$what: a planted link" 1 'content.sqlite: is a symbolic link$' \
            flux start $size $option"$DIR/planted" true
        fails "$what: a planted file" 1 'local-0: belongs to user 65534$' \
            flux start $size $option"$DIR/theirfile" true
        fails "$what: a link" 1 'link: is a symbolic link$' \
            flux start $size $option"$DIR/link" true
    done
done
is 'nothing was made through the link' gone sh -c "test -e $DIR/nowhere || echo gone"

# Another user knocks at the sockets of an instance, which is as open as it can be:
# the doors of the file system stand ajar.
cat >knock.py <<'PY'
import ctypes, os, socket, sys, time

path, rank, parent = sys.argv[1:4]
server, client = socket.socketpair()
pid = os.fork()
if pid == 0:
    server.close()
    os.dup2(client.fileno(), 9)
    os.environ.update(PMI_FD='9', PMI_RANK=rank, PMI_SIZE='2', TMPDIR='/tmp')
    os.execvp('flux-broker', ['flux-broker', '-Stbon.connect_timeout=3s', 'true'])
client.close()
# A PMI server for one broker that believes that the others are there.
f = server.makefile('rw')
for line in f:
    words = dict(w.split('=', 1) for w in line.split() if '=' in w)
    cmd = words['cmd']
    if cmd == 'init':
        answer = 'cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1'
    elif cmd == 'get_maxes':
        answer = 'cmd=maxes rc=0 kvsname_max=64 keylen_max=64 vallen_max=1024'
    elif cmd == 'get_my_kvsname':
        answer = 'cmd=my_kvsname rc=0 kvsname=0'
    elif cmd == 'barrier_in':
        answer = 'cmd=barrier_out rc=0'
    elif cmd == 'put':
        answer = 'cmd=put_result rc=0'
    elif cmd == 'finalize':
        answer = 'cmd=finalize_ack rc=0'
    elif cmd == 'get' and words['key'] == parent:
        answer = ('cmd=get_result rc=0 value={"hostname":"x","uri":["ipc://%s"]}' % path)
    elif cmd == 'get' and words['key'] == 'PMI_process_mapping':
        answer = 'cmd=get_result rc=0 value=(vector,(0,1,2))'
    elif cmd == 'get' and words['key'] == 'flux.instance-level':
        answer = 'cmd=get_result rc=0 value=0'
    else:
        answer = 'cmd=get_result rc=-1'
    f.write(answer + '\n')
    f.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
# Who is let in is greeted.
cat >greeting.py <<'PY'
import socket, sys

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
print(len(s.recv(10)))
PY
cat >ajar <<'SH'
d=$(flux getattr rundir)
chmod 755 "$d" && chmod 777 "$d"/*-0
timeout 30 setpriv --reuid=65534 --regid=65534 --clear-groups \
    /usr/bin/python3 knock.py "$d/tbon-0" 1 0 >knock.out 2>&1
echo "another user: $?"
setpriv --reuid=65534 --regid=65534 --clear-groups \
    /usr/bin/python3 greeting.py "$d/tbon-0"
/usr/bin/python3 greeting.py "$d/tbon-0"
setpriv --reuid=65534 --regid=65534 --clear-groups \
    flux getattr rank >/dev/null 2>local.out && echo got in
timeout 30 /usr/bin/python3 knock.py "$d/tbon-0" 1 0 >same.out 2>&1
echo "a second rank 1: $?"
flux exec -r all flux getattr rank | sort
SH
is 'neither another user nor a second rank gets in' 'another user: 1
0
10
a second rank 1: 1
0
1' flux start -s2 --conf=secret=1 sh ajar
like 'the one does not trust it, either' 'its socket belongs to another user' cat knock.out
like 'the other is told why' 'rank 1 is held by a living broker' cat same.out

# A parent's socket that someone else has put there is not trusted.
cat >fake.py <<'PY'
import os, socket, sys

s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
s.listen(1)
print('ready', flush=True)
c, _ = s.accept()
while c.recv(4096):
    pass
PY
mkdir -m 777 fake
cat >./trap <<'SH'
setpriv --reuid=65534 --regid=65534 --clear-groups /usr/bin/python3 fake.py "$PWD/fake/tbon-0" \
    >fake.out &
while ! grep -q ready fake.out; do kill -0 $! || exit 9; done
timeout 30 /usr/bin/python3 knock.py "$PWD/fake/tbon-0" 1 0
rc=$?
kill $!
exit $rc
SH
fails 'a parent of another user' 1 'its socket belongs to another user' sh trap
finish
