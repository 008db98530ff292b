#!/bin/sh
# user-manager.sh COMMAND...: runs COMMAND beside a systemd user manager of its own, which
# finds units in $DIR/units. Both are alone: no other process, no cgroup but below one of
# theirs, and but for $DIR and some new directories no file that they could write. Needs
# root; status 77 if that cannot be had.
set -u
cannot () {
    echo "user-manager.sh: $*" >&2
    exit 77
}

if [ "${1:-}" = --inside ]; then
    shift
    mount --make-rprivate / && mount --bind "$DIR" "$DIR" && mount -o remount,ro,bind / \
        && mount -t tmpfs tmpfs /run && mount -t cgroup2 cgroup2 /sys/fs/cgroup \
        || cannot 'no mounts of our own'
    mkdir -p /run/systemd/system /run/user/0 # who looks for the former takes it as booted
    export XDG_RUNTIME_DIR=/run/user/0 XDG_CONFIG_HOME="$DIR/config" HOME="$DIR"
    export SYSTEMD_UNIT_PATH="$DIR/units:"
    unset DBUS_SESSION_BUS_ADDRESS
    printf '[Unit]\nDescription=nothing\nDefaultDependencies=no\n' >"$DIR/units/nothing.target"
    /lib/systemd/systemd --user --unit=nothing.target --log-target=console >"$DIR/manager.log" 2>&1 &
    n=0
    until systemctl --user is-system-running --quiet 2>/dev/null; do
        n=$((n + 1))
        [ $n -lt 100 ] && kill -0 $! 2>/dev/null || cannot "it does not run: $(cat "$DIR/manager.log")"
        sleep 0.1
    done
    "$@"
    exit # and with this process all others of its namespace
fi

for program in /lib/systemd/systemd systemctl unshare; do
    command -v $program >/dev/null || cannot "there is no $program"
done
group=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$group" ] && group=$group/flux-test-$$ && mkdir "$group" 2>/dev/null || cannot 'no cgroup of our own'
trap 'find "$group" -depth -type d -exec rmdir {} +' EXIT
mkdir -p "$DIR/units"
# shellcheck disable=SC2016
sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" \
    unshare --kill-child=KILL --pid --mount --uts --ipc --cgroup --fork --mount-proc \
    sh "$0" --inside "$@"
