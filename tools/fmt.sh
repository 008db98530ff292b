#!/bin/sh
# Format all C sources, or with --check say which are not.
set -eu
cd "$(dirname "$0")/.."
command -v clang-format >/dev/null 2>&1 || {
    echo "fmt: clang-format is not installed (Debian: clang-format)" >&2
    exit 1
}
files=$(git ls-files 'src/*.[ch]' 'include/*.h' 'test/*.[ch]' 'tools/*.[ch]')
jobs=$(nproc)
if [ "${1:-}" = --check ]; then
    # shellcheck disable=SC2086
    printf '%s\n' $files | xargs -P "$jobs" -n 8 sh -c '
        bad=0
        for f; do
            clang-format "$f" | cmp -s - "$f" || {
                echo "fmt: $f is not formatted: make fmt"
                bad=1
            }
        done
        exit $bad' fmt || exit 1
    exit 0
fi
# shellcheck disable=SC2086
printf '%s\n' $files | xargs -P "$jobs" -n 8 clang-format -i
