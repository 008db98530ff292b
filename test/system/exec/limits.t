# A limit is over when what the shells knew by then was heard: whoever ended in time is not
# marked late, and nobody who did not goes without.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    cat >conf.toml <<EOL
[resource]
noverify = true
[[resource.config]]
hosts = "h[0-1]"
cores = "0-7"
EOL
fi
under_flux 2 -c conf.toml

now () { cut -d. -f1 /proc/uptime; }
past () { [ "$(now)" -ge "$1" ]; }
until_past () {
    until past "$1"; do sleep 0.1; done
}
# started NAME OPTIONS...: runs until a file of that name is there; $id
started () {
    file=$DIR/$1
    shift
    # shellcheck disable=SC2016
    id=$(flux submit "$@" sh -c \
        'echo $$ $PPID >"$0.$FLUX_TASK_RANK"; until [ -e "$0" ]; do sleep 0.05; done' \
        "$file") && flux job wait-event -q -t 60 "$id" start
}
ended () {
    for file in "$DIR/$1".*; do
        read -r pid _ <"$file" && ! kill -0 "$pid" 2>/dev/null || return 1
    done
}
result () { flux jobs -no '{result} {returncode}' "$1"; }

# Nobody listens when they end.
started early -N2 -n2 -t 8s
early=$id
started alone -t 8s --error=err.alone
alone=$id
started late -N2 -n2 -t 8s
late=$id
started never -N2 -n2 -t 8s
never=$id
over=$(($(now) + 9))
until [ "$(cat early.* alone.* late.* never.* | wc -l)" -eq 7 ]; do sleep 0.05; done
rank0=$(flux getattr broker.pid)
kill -STOP "$rank0"
touch early alone
until ended early && ended alone; do sleep 0.05; done
in_time=$(now)
until_past "$((over + 2))"
touch late
until ended late; do sleep 0.05; done
kill -CONT "$rank0"
for id in $early $alone $late $never; do
    flux job wait-event -q -t 60 "$id" clean
done
if [ "$in_time" -lt "$((over - 1))" ]; then
    is 'one that ended in time' 'COMPLETED 0' result "$early"
    is 'one with a shell of its own' 'COMPLETED 0' result "$alone"
else
    skip 'one that ended in time' 'this machine is too slow'
    skip 'one with a shell of its own' 'this machine is too slow'
fi
is 'one that ended late' 'TIMEOUT 0' result "$late"
is 'one that runs' 'TIMEOUT 142' result "$never"
for id in $late $never; do
    is '  said once' 1 sh -c "flux job eventlog $id | grep -c exception"
done

# A shell that does not answer is late.
started stopped -t 1s --error=err.stopped
read -r _ shell <stopped.0
kill -STOP "$shell"
like 'one whose shell is stopped' timeout flux job wait-event -t 60 "$id" exception
kill -CONT "$shell"
flux job wait-event -q -t 60 "$id" clean
is '  and it ends' 'TIMEOUT 142' result "$id"

# Its task has ended, and left somebody behind who has its output open.
id=$(flux submit -t 1s sh -c 'sleep 300 & exit 0')
like 'one that leaves a process behind' timeout flux job wait-event -t 60 "$id" exception
flux job wait-event -q -t 60 "$id" clean

# A limit that moves.
started longer -t 3s
until flux update "$id" duration=+10m 2>/dev/null; do
    flux job eventlog "$id" | grep -q exception && break
done
touch longer
flux job wait-event -q -t 60 "$id" clean
is 'one that got more time' 'COMPLETED 0' result "$id"
finish
