#!/bin/sh
# Make sure that the packages are there and the build directory is set up.
#   tools/setup.sh [BUILDDIR]
# CC, BUILDTYPE and MESONFLAGS are respected. PACKAGES names further lists of packages
# beside tools/packages.txt.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}

die () {
    echo "setup: $*" >&2
    exit 1
}

missing_packages () {
    # shellcheck disable=SC2086
    sed 's/#.*//' tools/packages.txt ${PACKAGES:-} | while read -r name; do
        [ -n "$name" ] || continue
        case $(dpkg-query -W -f '${Status}' "$name" 2>/dev/null) in
        *"ok installed"*) ;;
        *) echo "$name" ;;
        esac
    done
}

install_packages () {
    command -v dpkg-query >/dev/null 2>&1 || {
        # Not Debian: what counts is whether the build finds what it needs.
        command -v meson >/dev/null 2>&1 \
            || die "this is not Debian; install what tools/packages.txt lists by hand"
        return 0
    }
    need=$(missing_packages | tr '\n' ' ')
    [ -n "$need" ] || return 0
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || die "cannot install packages: not root, and" \
            "there is no sudo. Ask an administrator for: $need"
        sudo=sudo
    fi
    echo "setup: installing $need"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    $sudo apt-get install -y -qq --no-install-recommends $need >/dev/null 2>&1 || {
        $sudo apt-get update -qq || die "apt-get update failed; missing: $need"
        $sudo apt-get install -y -qq --no-install-recommends $need >/dev/null \
            || die "apt-get install failed; missing: $need"
    }
}

install_packages
if [ ! -f "$build/build.ninja" ]; then
    if command -v ccache >/dev/null 2>&1; then
        CC=${CC:-ccache gcc}
        export CC
    fi
    # shellcheck disable=SC2086
    meson setup "$build" ${MESONFLAGS:-} >"$build.log" 2>&1 || {
        cat "$build.log" >&2
        rm -f "$build.log"
        die "meson setup failed"
    }
    rm -f "$build.log"
fi
