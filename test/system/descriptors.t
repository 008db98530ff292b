# Descriptors: none of 0, 1, 2 is taken for a socket; the limit of open files is no
# reason to spin.
. "${0%/*}/lib.sh"

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

finish
