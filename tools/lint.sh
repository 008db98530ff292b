#!/bin/sh
# gcc's analyzer over all sources, shellcheck over the scripts, and mypy over the package
# flux. What they find fails it.
#
# Off is what gcc 12 cannot see in this house: who frees what hangs in an intrusive list
# or a table (make asan finds leaks), and that list_first of what was just counted is
# not NULL. Findings that were looked at and are none stand in tools/lint.known, as FILE
# CHECK.
set -eu
cd "$(dirname "$0")/.."
build=build-lint
PACKAGES=tools/packages-ci.txt MESONFLAGS="-Dwerror=false" tools/setup.sh $build
args=-fanalyzer
for off in malloc-leak null-dereference possible-null-dereference null-argument \
    possible-null-argument; do
    args="$args -Wno-analyzer-$off"
done
if [ "$(cat $build/lint-args 2>/dev/null)" != "$args" ]; then
    meson configure $build "-Dc_args=$args" >/dev/null
    echo "$args" >$build/lint-args
fi
log=$build/lint.log
# All of it, so that all is said; ccache says again what it has said before.
ninja -C $build -t clean >/dev/null
ninja -C $build >$log 2>&1 || { cat $log >&2; exit 1; }

found=$build/lint.found
sed -n 's/^\(\.\.\/\)*\([^: ]*\):[0-9]*:[0-9]*: warning: .*\[-W\([^]]*\)\]$/\2 \3/p' $log \
    | LC_ALL=C sort -u >$found
new=$(grep -v '^#' tools/lint.known | LC_ALL=C sort -u | LC_ALL=C comm -13 - $found)
status=0
if [ -n "$new" ]; then
    echo "$new" | while read -r file check; do
        grep -F "$file:" $log | grep -F "[-W$check]" | sort -u
    done
    echo "lint: new findings; all about them is in $log" >&2
    status=1
fi
# What is for bash says so in its first line.
shellcheck -S warning .ci/run tools/*.sh || status=1
shellcheck -s sh -S warning test/system/*.sh test/system/*/*.t || status=1
BUILD=$build tools/mypy.sh || status=1
[ $status -eq 0 ] && echo "lint: nothing new in $(grep -c . $found) findings"
exit $status
