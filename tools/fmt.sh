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
    # Many files to a process: most of its time is its start.
    # shellcheck disable=SC2086
    out=$(printf '%s\n' $files | xargs -P "$jobs" -n 100 clang-format --dry-run 2>&1) \
        || { printf 'fmt: %s\n' "$out" >&2; exit 1; }
    [ -n "$out" ] || exit 0
    bad=$(printf '%s\n' "$out" | sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: .*/\1/p' | sort -u)
    # shellcheck disable=SC2086
    printf 'fmt: %s is not formatted: make fmt\n' ${bad:-"$out"}
    exit 1
fi
# shellcheck disable=SC2086
printf '%s\n' $files | xargs -P "$jobs" -n 100 clang-format -i
