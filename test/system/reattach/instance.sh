# What tests of jobs that outlive their brokers share.
# shellcheck shell=sh

mkdir state
mkfifo ready
cat >initial <<'EOL'
flux exec -r all flux getattr broker.pid | sed 's/.*: //' >pids
echo "$FLUX_URI" >ready
exec cat ready
EOL

# begin SIZE [TIMEOUT]: an instance in the background
begin () {
    cat >conf.toml <<EOL
[resource]
noverify = true
[[resource.config]]
hosts = "h[0-$(($1 - 1))]"
cores = "0-7"
[exec]
reattach-timeout = "${2:-10m}"
EOL
    timeout -k 5 200 flux start -s"$1" -c conf.toml -Sstatedir="$DIR/state" \
        sh initial 2>>log &
    starter=$!
    FLUX_URI=$(timeout 60 cat ready)
    export FLUX_URI
}
crash () {
    # shellcheck disable=SC2046
    kill -9 $(cat pids)
    wait $starter
    unset FLUX_URI
}
end () {
    flux shutdown 2>>log >&2
    wait $starter
    unset FLUX_URI
}
until_there () {
    until_true_here test -e "$1"
}
# Without an instance.
until_true_here () {
    n=0
    until "$@"; do
        n=$((n + 1))
        [ $n -lt 1000 ] || return 1
        sleep 0.1
    done
}
servers () {
    # those that are no shells of a server
    pgrep -f -- "--keep $DIR/state/shells-" | while read -r pid; do
        tr '\0' ' ' <"/proc/$(ps -o ppid= -p "$pid" | tr -d ' ')/cmdline" 2>/dev/null
        echo
    done | grep -vc -- --keep
}
no_servers () {
    ! pgrep -f -- "--keep $DIR/state/shells-" >/dev/null
}
# One line of output.
output_of () {
    timeout 60 flux job attach "$1" 2>"$1.err" | xargs
}
names () {
    flux job eventlog "$@" | cut -d' ' -f2 | xargs
}

said () {
    for name; do until_there "$name"; done
}
# A task may speak before the start of its job is stored.
started () {
    for id; do flux job wait-event -q -t 60 "$id" start; done
}
