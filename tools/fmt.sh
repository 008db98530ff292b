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
    # One process for all: most of its time is its start.
    # shellcheck disable=SC2086
    bad=$(clang-format --dry-run $files 2>&1 \
        | sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: .*/\1/p' | sort -u)
    [ -z "$bad" ] || printf 'fmt: %s is not formatted: make fmt\n' $bad
    [ -z "$bad" ]
    exit
fi
# shellcheck disable=SC2086
clang-format -i $files
