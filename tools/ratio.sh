#!/bin/bash
# Lines of code and of unit tests in each room, and what percentage the latter are.
#
#   tools/ratio.sh [FOLDER...]    the rooms that tests are counted for, or these
#
# Code is *.c and *.h without tests, fuzz targets, and what only tests link; unit tests
# are *_test.c and what only they include (fake*, fault*, test*). Nothing is counted twice:
# a room includes the folders below it.
set -eu
cd "$(dirname "$0")/.."
if [ $# -eq 0 ]; then
    set -- src/base src/value src/core src/core/*/ src/broker src/broker/*/ \
        src/modules/*/ src/shell src/shell/*/ src/fluxion src/fluxion/*/ src/cmd src/cmd/*/
fi

# find's expression for what tests are made of
tests=(-name '*_test.c' -o -name '*_test_*.c' -o -name 'fake*.[ch]' -o -name 'fault*.[ch]'
    -o -name 'test.h' -o -name 'testmod.c')

lines () {
    find "$@" -type f -print0 | xargs -0 -r cat | wc -l
}

printf '%-28s %7s %7s %4s\n' room code tests '%'
status=0
for room; do
    room=${room%/}
    if [ ! -d "$room" ]; then
        echo "ratio: $room: no such folder" >&2
        status=1
        continue
    fi
    t=$(lines "$room" \( "${tests[@]}" \))
    c=$(lines "$room" -name '*.[ch]' ! \( "${tests[@]}" -o -name '*_fuzz.c' \))
    printf '%-28s %7d %7d %3d%%\n' "${room#src/}" "$c" "$t" $((c ? 100 * t / c : 0))
done
exit $status
