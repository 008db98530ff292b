#!/bin/sh
# Debian packages of this tree, in BUILD/deb, looked at by lintian.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
PACKAGES=tools/packages-deb.txt tools/setup.sh "$build" >/dev/null
version=$(dpkg-parsechangelog -S Version)
work=$build/deb
rm -rf "$work"
mkdir -p "$work/flux-in-c-$version"
work=$(cd "$work" && pwd)
git ls-files -z | tar -c --null -T - | tar -x -C "$work/flux-in-c-$version"
cd "$work/flux-in-c-$version"
# make BUILD=DIR is for this tree: debian/rules has a variable of that name, too.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES BUILD
dpkg-buildpackage -b -us -uc -j"${JOBS:-$(nproc)}" >"$work/build.log" 2>&1 || {
    tail -n 40 "$work/build.log" >&2
    echo "deb: failed; all of it is in $work/build.log" >&2
    exit 1
}
cd ..
rm -rf "flux-in-c-$version"
# The project has no address of its own yet.
lintian --allow-root --fail-on error,warning \
    --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog ./*.changes
ls "$work"/*.deb
