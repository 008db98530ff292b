#!/bin/sh
# The Debian packages of BUILD/deb and the wheel of BUILD/dist in a fresh Debian 12, which
# debootstrap makes in a temporary directory: installed by apt, used by a person and by
# root, removed, purged. Nothing may be left of them.
#
#   tools/trial.sh [BUILD]     make deb wheel come first
#
# MIRROR: where Debian comes from. BASE=DIR: a fresh Debian to copy instead; made there if
# it does not exist. Needs root, for chroot; what it mounts and starts lives in namespaces
# that end with it.
set -eu
cd "$(dirname "$0")/.."

die () {
    echo "trial: $*" >&2
    exit 1
}

if [ "${1:-}" != --inside ]; then
    build=$(cd "${1:-build}" && pwd)
    [ "$(id -u)" -eq 0 ] || die "must be root, for chroot"
    ls "$build"/deb/*.deb >/dev/null 2>&1 || die "$build/deb: no packages; make deb first"
    ls "$build"/dist/*.whl >/dev/null 2>&1 || die "$build/dist: no wheel; make wheel first"
    PACKAGES=tools/packages-trial.txt tools/setup.sh "$build"
    root=$(mktemp -d /var/tmp/flux-trial.XXXXXX)
    chmod 755 "$root" # it is the / of a person
    trap 'rm -rf --one-file-system "$root"' EXIT
    trap 'exit 130' INT TERM HUP
    unshare --mount --pid --ipc --uts --fork --kill-child --propagation private \
        sh tools/trial.sh --inside "$build" "$root"
    exit
fi
build=$2 root=$3
mirror=${MIRROR:-http://deb.debian.org/debian}

in_root () {
    chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}

# as_person SCRIPT: fails if a line of it does.
as_person () {
    in_root su -s /bin/sh -c "set -eu; cd; $1" trial
}

# said TEXT COMMAND...: its output is that text.
said () {
    want=$1
    shift
    got=$("$@" 2>&1) || die "failed: $*: $got"
    [ "$got" = "$want" ] || die "$*: printed '$got', not '$want'"
}

ok () {
    echo "ok $*"
}

apt () {
    in_root apt-get -qq -y -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@" \
        >"$root.log" 2>&1 || {
        tail -n 30 "$root.log" >&2
        die "apt-get $* failed"
    }
}

debian () {
    base=${BASE:-$root}
    if [ ! -e "$base/etc/debian_version" ]; then
        debootstrap --variant=minbase bookworm "$base" "$mirror" >"$root.log" 2>&1 || {
            tail -n 30 "$root.log" >&2
            die "debootstrap failed"
        }
    fi
    [ "$base" = "$root" ] || cp -a "$base/." "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount -t tmpfs tmpfs "$root/dev"
    for dev in null zero full random urandom tty; do
        touch "$root/dev/$dev"
        mount --bind /dev/$dev "$root/dev/$dev"
    done
    mkdir -m 1777 "$root/dev/shm"
    mkdir "$root/dev/pts"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    # Who it is depends on this machine.
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    echo "127.0.0.1 localhost $(uname -n)" >"$root/etc/hosts"
    echo "deb $mirror bookworm main" >"$root/etc/apt/sources.list"
    apt update
    in_root useradd --create-home trial
    mkdir "$root/srv/flux"
    cp "$build"/deb/*.deb "$build"/dist/*.whl "$root/srv/flux"
    rm -f "$root"/srv/flux/*-dbgsym_*.deb
    ours=$(for deb in "$root"/srv/flux/*.deb; do dpkg-deb -f "$deb" Package; done)
    ok "a fresh Debian $(cat "$root/etc/debian_version"): $(in_root dpkg-query -f . -W | wc -c) packages"
}

# All that there is, but what programs other than ours write as they go on.
snapshot () {
    in_root find / -xdev \( -path /var/cache -o -path /var/log -o -path /var/lib/apt \
        -o -path /tmp -o -path /var/tmp -o -path /home/trial -o -path /srv \
        -o -path /var/lib/dpkg/status -o -path /var/lib/dpkg/status-old \
        -o -path /var/lib/dpkg/lock -o -path /var/lib/dpkg/lock-frontend \
        -o -path /var/lib/dpkg/triggers -o -path /etc/ld.so.cache \
        -o -name __pycache__ -o -path /root/.cache \) -prune -o -printf '%p %y %m %u %g %l\n' \
        | LC_ALL=C sort
    in_root sh -c 'find /etc -xdev -type f ! -name ld.so.cache -exec sha256sum {} +' \
        | LC_ALL=C sort
}

# What depends on nobody's word: apt says which packages of Debian ours need. They come
# first, so that what is there before and after ours can be compared.
dependencies () {
    in_root sh -c 'apt-get install -s -y /srv/flux/*.deb' \
        >"$root.log" 2>&1 || {
        cat "$root.log" >&2
        die "apt would not install them"
    }
    # shellcheck disable=SC2046,SC2086
    set -- $(sed -n 's/^Inst \([^ ]*\).*/\1/p' "$root.log" \
        | grep -v -x -F "$(printf '%s\n' $ours)")
    # What the trial itself needs.
    apt install --no-install-recommends "$@" gcc libc6-dev pkg-config python3-venv \
        python3-cffi lua5.3 procps
    ok "their $# dependencies are installed"
}

# cffi is Debian's, so that no index is asked.
wheel_alone () {
    in_root test ! -e /usr/bin/flux || die "there is a flux already"
    as_person 'python3 -m venv --system-site-packages venv; venv/bin/pip -q install --no-index /srv/flux/*.whl'
    said "/home/trial/venv/lib/python3.11/site-packages/flux/__init__.py" as_person \
        'venv/bin/python -W error -c "import flux, flux.job; print(flux.__file__)"'
    said "FileNotFoundError 1" as_person 'venv/bin/python -W error -c "
import flux
try:
    flux.Flux(\"local:///nosuch\")
except OSError as exc:
    print(type(exc).__name__, len(str(exc).splitlines()))"'
    ok "the wheel in a fresh venv, nothing else of Flux there"
}

install () {
    apt install $(for deb in "$root"/srv/flux/*.deb; do echo "/srv/flux/${deb##*/}"; done)
    for name in $ours; do
        said 'install ok installed' in_root dpkg-query -W -f '${Status}' "$name"
    done
    # shellcheck disable=SC2086
    said '' in_root dpkg --verify $ours
    ok "installed by apt: $(echo $ours)"
}

use_commands () {
    for who in as_person root_does; do
        said 4 $who 'flux start -s4 flux getattr size'
        said "$(printf 'f\nf\nf\nf')" $who 'flux start -s4 flux run -N4 echo f'
        said 20 $who 'flux start -s2 sh -c "flux submit --cc=1-20 --wait --quiet true &&
            flux jobs -a --no-header --format={status} | grep -c COMPLETED"'
        said v $who 'flux start sh -c "flux kvs put a=v && flux kvs get a"'
        said 2 $who 'flux start -s2 flux alloc -N2 flux getattr size'
    done
    ok "flux start, run, submit, kvs, alloc, by a person and by root"
    said hello as_person 'flux start sh -c "flux module remove sched-simple &&
        flux module load sched-fluxion-resource && flux module load sched-fluxion-qmanager &&
        flux run echo hello"'
    as_person 'flux hierarchy --help >/dev/null; flux-hierarchy --help >/dev/null;
        resource-query --help >/dev/null 2>&1; flux help submit >/dev/null 2>&1 || true'
    ok "fluxion schedules; flux-hierarchy and resource-query start"
}

root_does () {
    in_root sh -c "set -eu; cd; $1"
}

use_languages () {
    code='import flux, flux.job
h = flux.Flux()
i = flux.job.submit(h, flux.job.JobspecV1.from_command(["true"]))
print(flux.job.result(h, i).result, flux.__file__)'
    printf '%s\n' "$code" >"$root/srv/flux/job.py"
    # Commands of flux find the same files by a link.
    said "COMPLETED /usr/lib/$(in_root gcc -print-multiarch)/flux/python/flux/__init__.py" \
        as_person 'flux start env -u PYTHONPATH flux python -W error /srv/flux/job.py'
    said "COMPLETED /usr/lib/python3/dist-packages/flux/__init__.py" as_person \
        'flux start env -u PYTHONPATH /usr/bin/python3 -W error /srv/flux/job.py'
    said "COMPLETED /home/trial/venv/lib/python3.11/site-packages/flux/__init__.py" \
        as_person 'flux start env -u PYTHONPATH venv/bin/python -W error /srv/flux/job.py'
    cat >"$root/srv/flux/trial.py" <<'END'
from flux.cli.plugin import CLIPlugin


class Trial(CLIPlugin):
    def __init__(self, prog):
        super().__init__(prog)
        self.add_option("--trial", help="A word for the job.")

    def modify_jobspec(self, args, jobspec):
        jobspec.setattr("system.job.name", args.trial or "none")
END
    said "word" as_person 'mkdir plugins; cp /srv/flux/trial.py plugins
        FLUX_CLI_PLUGINPATH=$HOME/plugins flux start sh -c "flux run --ex-trial=word true &&
            flux jobs -ano {name}"'
    in_root sh -c 'zcat /usr/share/man/man3/flux.job.3.gz | grep -q "^.SH CLASSES"' \
        || die "no manual page of flux.job"
    ok "Python: flux python, python3, and the wheel in its venv run jobs"
    said 0 as_person \
        "flux start lua5.3 -e 'print (require \"flux\".new ():getattr (\"rank\"))'"
    ok "Lua"
    cat >"$root/srv/flux/size.c" <<'END'
#include <flux/core.h>
#include <stdio.h>

int main (void)
{
    flux_t *h = flux_open (NULL, 0);
    uint32_t size;

    if (!h || flux_get_size (h, &size) < 0)
        return 1;
    printf ("%u\n", size);
    flux_close (h);
    return 0;
}
END
    said 3 as_person 'cc -Wall -Werror -o size /srv/flux/size.c \
        $(pkg-config --cflags --libs flux-core); flux start -s3 ./size'
    ok "C, by the headers and pkg-config"
}

# remove: conffiles may stay; purge: nothing may.
leave () {
    before=$1
    # shellcheck disable=SC2086
    apt remove $ours
    if in_root sh -c 'command -v flux || ls /usr/bin/*flux*' >/dev/null 2>&1; then
        die "removed, and commands are left"
    fi
    # Of those without files of configuration apt knows nothing any more.
    # shellcheck disable=SC2086
    in_root dpkg --purge $ours >"$root.log" 2>&1 || die "dpkg --purge: $(cat "$root.log")"
    for name in $ours; do
        if in_root dpkg-query -W "$name" >/dev/null 2>&1; then
            die "purged, and dpkg knows $name"
        fi
    done
    snapshot >"$root.after"
    diff "$before" "$root.after" >"$root.diff" || {
        cat "$root.diff" >&2
        die "purged, and this is not what it was"
    }
    left=$(in_root find / -xdev \( -path /srv -o -path /home/trial -o -path /var/log \
        -o -path /var/lib/apt \) -prune -o \( -name '*flux*' -o -name '*fluxion*' \) -print)
    [ -z "$left" ] || die "purged, and left are: $left"
    if in_root pgrep flux >/dev/null 2>&1; then
        die "purged, and processes are left"
    fi
    rm "$root.after" "$root.diff"
    ok "removed, purged: no file, no directory, no line in /etc and no process is left"
}

trap 'rm -f "$root".*' EXIT
debian
dependencies
wheel_alone
snapshot >"$root.before"
install
use_commands
use_languages
leave "$root.before"
