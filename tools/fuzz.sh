#!/bin/sh
# Fuzz every decoder for a while, beginning with its corpus in test/fuzz.
#   TIME=60 JOBS=2 tools/fuzz.sh [TARGET...]     seconds for each target, how many at once
# SEED=N begins as another run with that number did (0: anywhere).
# What crashes one is left in build-fuzz/crash-TARGET-*; add it to the corpus
# with the fix. What a target printed is in build-fuzz/log-TARGET.
set -eu
cd "$(dirname "$0")/.."
build=build-fuzz
time=${TIME:-60}
jobs=${JOBS:-$(nproc)}

for n in "$time" "$jobs"; do
    case $n in
    '' | 0 | *[!0-9]*)
        echo "fuzz: TIME and JOBS are numbers from 1, not '$n'" >&2
        exit 2
        ;;
    esac
done
CC='ccache clang' PACKAGES=tools/packages-ci.txt MESONFLAGS="-Dfuzzer=true -Db_lundef=false \
    -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link" tools/setup.sh $build
if ! echo 'int LLVMFuzzerTestOneInput (const char *d, long n) { return 0; }' \
    | clang -fsanitize=fuzzer -x c - -o /dev/null 2>/dev/null; then
    echo "fuzz: needs clang with libFuzzer (Debian: clang libclang-rt-14-dev)" >&2
    exit 1
fi
ninja -C $build --quiet fuzz-programs

# What is undefined is a crash like any other.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# One target: its last word, or all of them if it crashed. Called by xargs below.
run='
    name=$1
    mkdir -p "$BUILD/corpus/$name"
    if "$BUILD/test/${name}_fuzz" -max_total_time="$TIME" -seed="${SEED:-0}" -timeout=100 \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$BUILD/crash-$name-" \
        "$BUILD/corpus/$name" "test/fuzz/$name" >"$BUILD/log-$name" 2>&1; then
        echo "ok $name: $(sed -n "s/^stat::number_of_executed_units: *//p" \
            "$BUILD/log-$name") inputs"
    else
        tail -n 60 "$BUILD/log-$name"
        echo "not ok $name"
        exit 1
    fi'
# An old name may still have a program there.
known=$(meson introspect $build --targets \
    | tr ',' '\n' | sed -n 's/.*"name": "\(.*\)_fuzz".*/\1/p')
names=
for name in ${*:-$known}; do
    if [ ! -x "$build/test/${name}_fuzz" ]; then
        echo "fuzz: no target $name" >&2
        exit 2
    fi
    names="$names $name"
done
count=$(echo "$names" | wc -w)
echo "fuzz: $count targets for $time seconds each, $jobs at once"
failed=0
# shellcheck disable=SC2086
printf '%s\n' $names | BUILD=$build TIME=$time xargs -P "$jobs" -I{} sh -c "$run" fuzz {} \
    || failed=1
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
