#!/bin/sh
# Run tests under a sanitizer.
#   tools/sanitize.sh address|thread [SUITE...]    suites: unit fuzz system
# System tests run whole instances of the sanitized programs; what a sanitizer
# finds in a broker or a shell is collected and fails the run.
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
address) build=build-asan sanitize=address,undefined ;;
thread) build=build-tsan sanitize=thread ;;
*)
    echo "usage: tools/sanitize.sh address|thread [SUITE...]" >&2
    exit 2
    ;;
esac
shift
# Half the time to compile of -O2, for what is run once. What is undefined traps, and the
# address sanitizer reports that: beside it libubsan of gcc knows no log_path, and a line
# on stderr fails nothing.
MESONFLAGS="-Db_sanitize=$sanitize -Db_lundef=false -Doptimization=1 \
    -Dc_args=-fsanitize-undefined-trap-on-error" tools/setup.sh $build
reports=$PWD/$build/reports
rm -rf "$reports"
mkdir "$reports"
chmod 1777 "$reports" # guests report, too
# A command that ends with an error leaves memory behind, which is no finding.
case " $* " in
*" system "*) leaks=0 ;;
*) leaks=1 ;;
esac
export ASAN_OPTIONS="detect_leaks=${LEAKS:-$leaks}:log_path=$reports/asan:abort_on_error=0:verify_asan_link_order=0:allocator_may_return_null=1:handle_sigill=2"
export TSAN_OPTIONS="log_path=$reports/tsan:suppressions=$PWD/test/tsan.supp:second_deadlock_stack=1:allocator_may_return_null=1"
# Sanitized programs are several times as slow, and some tests count memory.
export FLUX_TEST_SANITIZER="$sanitize" LIMIT="${LIMIT:-240}" SCRIPT_LIMIT="${SCRIPT_LIMIT:-1200}"
status=0
set -- ${*:-unit fuzz}
suites=
for s in "$@"; do
    suites="$suites --suite $s"
done
# shellcheck disable=SC2086
BUILD=$build tools/check.sh --timeout-multiplier 5 $suites || status=$?
# What a test asks for beyond all memory is refused, as it has to be: no finding.
for r in "$reports"/*; do
    if [ -f "$r" ] && ! grep -v 'WARNING: AddressSanitizer failed to allocate' "$r" | grep -q .; then
        rm "$r"
    fi
done
if [ -n "$(ls "$reports")" ]; then
    head -n 60 "$reports"/*
    echo "sanitize: $(ls "$reports" | wc -l) reports in $build/reports" >&2
    status=1
fi
exit $status
