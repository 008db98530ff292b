#!/bin/sh
# Format all C sources, or with --check say which are not.
set -eu
cd "$(dirname "$0")/.."
command -v clang-format >/dev/null 2>&1 || {
    echo "fmt: clang-format is not installed (Debian: clang-format)" >&2
    exit 1
}
files=$(git ls-files 'src/*.[ch]' 'include/*.h' 'test/*.[ch]' 'tools/*.[ch]')
if [ "${1:-}" = --check ]; then
    bad=0
    for f in $files; do
        clang-format "$f" | cmp -s - "$f" || {
            echo "fmt: $f is not formatted: make fmt"
            bad=1
        }
    done
    exit $bad
fi
# shellcheck disable=SC2086
clang-format -i $files
