# Descriptors: none of 0, 1, 2 is taken for a socket; the limit of open files is no
# reason to spin.
. "${0%/*}/../lib.sh"

# What a broker without standard input, output and errors has in their place.
std_of () {
    for fd in 0 1 2; do
        readlink "/proc/$1/fd/$fd"
    done
}
cat >closed.sh <<'EOF'
for fd in 0 1 2; do
    readlink /proc/$PPID/fd/$fd
done >"${0%/*}/fds.out"
EOF
timeout 60 "$FLUX_TEST_BUILD/src/broker/flux-broker" sh "$DIR/closed.sh" 0<&- 1>&- 2>&-
is 'a broker without standard descriptors' "/dev/null
/dev/null
/dev/null" cat fds.out

# The same for a client: what it has open is not its socket.
cat >client.sh <<'EOF'
cd "${0%/*}"
flux exec -r0 sleep 60 0<&- 1>&- 2>&- &
client=$!
until [ -n "$(find /proc/$client/fd -lname 'socket:*' 2>/dev/null)" ]; do :; done
find /proc/$client/fd -lname 'socket:*' | grep -c '/[012]$' >client.out
kill $client
EOF
timeout 60 flux start -s1 sh "$DIR/client.sh"
is 'nor is it the socket of a client' 0 cat client.out

# With few descriptors clients wait until one closes. What took less than a tick of
# the processor in that time did not spin.
cat >limit.sh <<'EOF'
cd "${0%/*}"
pid=$(flux getattr broker.pid)
mkfifo in
(
    for i in 1 2 3 4; do
        "$FLUX_TEST_BUILD/test/crowd" raw 20 <&3 >raw.$i 2>&1 &
        echo $!
    done >raw.pids
) 3<in &
exec 3>in
until grep -q 'no clients until one closes' "$DIR/limit.err"; do :; done
ticks () { awk '{ print $14 + $15 }' /proc/$pid/stat; }
before=$(ticks)
sleep 2 # how much it does in two seconds of nothing
echo $(($(ticks) - before)) >ticks.out
exec 3>&-
kill $(cat raw.pids)
flux getattr rank >after.out
EOF
DIR=$DIR
export DIR
(
    ulimit -n ${FEW:-80}
    timeout 100 flux start -s1 -Sbroker.quota-connections=64k sh "$DIR/limit.sh" 2>limit.err
)
if [ -s ticks.out ]; then
    succeeds 'at the limit of open files it does not spin' test "$(cat ticks.out)" -lt 100
else
    not_ok 'at the limit of open files it does not spin' "$(cat limit.err)"
fi
is 'and goes on' 0 cat after.out
is 'it says so once' 1 grep -c 'no clients until one closes' limit.err

finish
