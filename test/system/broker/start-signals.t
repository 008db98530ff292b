# Signals while an instance starts, and what is left when a broker is killed.
. "${0%/*}/../lib.sh"

# sweep NAME TO_MS COUNT TARGET PROGRAM OPTIONS...: starts that get a signal, each a
# little later than the one before. Each has to end in a moment (not after a timeout of
# 20 s; how long a moment is depends on the machine), and leaves neither process nor
# file. Its status is the signal's, unless its program ended first.
cat >sweep.py <<'PY'
import os, signal, subprocess, sys, tempfile, time

to, count, target, program = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
signals = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT,
           signal.SIGALRM]
mark = 'FLUX_TEST_SWEEP=%d' % os.getpid()


def processes():
    found = []
    for pid in os.listdir('/proc'):
        try:
            if pid.isdigit() and mark.encode() in open('/proc/%s/environ' % pid,
                                                       'rb').read().split(b'\0'):
                found.append(pid)
        except OSError:
            pass
    return found


bad, ends = 0, []
for i in range(count):
    d = tempfile.mkdtemp(prefix='s', dir=os.environ['FLUX_TEST_DIR'])
    name, value = mark.split('=')
    env = dict(os.environ, TMPDIR=d, **{name: value})
    p = subprocess.Popen(['flux', 'start'] + sys.argv[5:] + program.split(), env=env,
                         stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         start_new_session=True)
    at = to * i / count / 1000
    t0 = time.monotonic()
    while time.monotonic() - t0 < at:  # not a wait for something: the moment varies
        time.sleep(max(0, at - (time.monotonic() - t0)))
    signum = signals[i % len(signals)]
    (os.killpg if target == 'group' else os.kill)(p.pid, signum)
    t0 = time.monotonic()
    try:
        err = p.communicate(timeout=15)[1].decode()
    except subprocess.TimeoutExpired:
        err = 'did not end'
        os.killpg(p.pid, signal.SIGKILL)
        p.communicate()
    took = time.monotonic() - t0
    left = os.listdir(d) + processes()
    ends.append(p.returncode)
    right = p.returncode in (-signum, 128 + signum) or (p.returncode == 0 and program == 'true')
    if took > 8 or left or not right:
        bad += 1
        print('%s after %.0f ms: status %s after %.1f s, left %s: %s'
              % (signum.name, at * 1000, p.returncode, took, left, err))
        for pid in processes():
            os.kill(int(pid), signal.SIGKILL)
print('# %d signals until %.0f ms: status %s, %d bad' % (count, to, ', '.join(
    '%d: %d' % (e, ends.count(e)) for e in sorted(set(ends))), bad), file=os.fdopen(3, 'w'))
sys.exit(bad > 0)
PY
: "${SWEEPS:=12}"
exec 3>&1 # what came of each sweep, beside whether it is right
sweep () {
    LIMIT=$((SWEEPS * 10 + 60)) run python3 sweep.py "$@"
    [ -z "$out" ] || printf '%s\n' "$out"
    return $rc
}

succeeds 'one broker' sweep 100 "$SWEEPS" one 'sleep 1000'
succeeds 'one that ends by itself' sweep 100 "$SWEEPS" one true
succeeds 'four brokers' sweep 200 "$SWEEPS" one 'sleep 1000' -s4
succeeds 'four that end by themselves' sweep 200 "$SWEEPS" one true -s4
succeeds 'four brokers, whole process group' sweep 200 "$SWEEPS" group 'sleep 1000' -s4
succeeds 'four brokers over tcp' sweep 240 $((SWEEPS * 2 / 3)) one 'sleep 1000' -s4 \
    --test-pmi-clique=per-broker

# A script of rc1 that runs is ended, too.
cat >rc1 <<'SH'
echo $$ >rc1.tmp
mv rc1.tmp rc1.pid
exec sleep 1000
SH
cat >late <<'SH'
flux start -Sbroker.rc1_path="sh $PWD/rc1" true 2>/dev/null &
while [ ! -s rc1.pid ]; do kill -0 $! || exit 1; done
kill -TERM $!
wait $!
rc=$?
timeout 20 tail -s 0.05 --pid="$(cat rc1.pid)" -f /dev/null || echo alive
echo $rc
SH
is 'a signal while rc1 runs' 143 sh late

# kill -9 of a lone broker.
cat >program <<'SH'
sleep 1000 &
pids="$$ $!"
setsid sleep 1000 &
echo "$pids $!" >pids
flux getattr rundir >rundir
flux getattr broker.pid >pid.tmp
mv pid.tmp pid
sleep 1000
true
SH
cat >killed <<'SH'
rm -f pid
flux start "$@" sh program 2>/dev/null &
while [ ! -s pid ]; do kill -0 $! || exit 1; done
kill -9 "$(cat pid)"
wait $!
for p in $(cat pids); do
    timeout 20 tail -s 0.05 --pid="$p" -f /dev/null || echo "$p is alive"
done
timeout 20 sh -c 'while [ -e "$(cat rundir)" ]; do :; done' || echo "$(ls "$(cat rundir)")"
SH
is 'a killed broker takes its program along, and what came of it' '' sh killed
is 'also from its own process group' '' sh killed -Sbroker.rc2_pgrp=1

# A clean end.
mkdir run
succeeds 'a given run directory' flux start --rundir="$DIR/run" true
is 'has no socket after a clean end' '' find run -type s
succeeds 'the same with more brokers' flux start -s4 --rundir="$DIR/run" true
is 'has no socket, either' '' find run -type s

# One broker that does not come up is the end of all, at once.
cat >bad3 <<'SH'
[ "$PMI_RANK" = 3 ] && exit 9
exec "$@"
SH
fails 'a broker that ends while it boots' 9 '' \
    flux start -s4 --test-exit-timeout=100s --wrap=sh,bad3 true

# The same when another has said something that has no answer yet, and flux start hears of
# both at once.
cat >both <<'SH'
wait_for () { until [ -e "$1" ]; do :; done; }
case $PMI_RANK in
0)
    eval "exec 4<&$PMI_FD 5>&$PMI_FD"
    echo 'cmd=init pmi_version=1 pmi_subversion=1' >&5
    read -r answer <&4
    : >begun
    wait_for stopped
    echo cmd=barrier_in >&5
    : >said
    exec tail -f /dev/null
    ;;
3)
    wait_for begun
    kill -STOP "$PPID"
    : >stopped
    wait_for said
    { until ps -o stat= -p $$ | grep -q ^Z; do :; done; kill -CONT "$PPID"; } &
    exit 9
    ;;
*) exec tail -f /dev/null ;;
esac
SH
fails 'and another is in a barrier' 9 '' \
    flux start -s4 --test-exit-timeout=100s --wrap=sh,both true
finish
