#!/bin/sh
# Fuzz every decoder for a while, beginning with its corpus in test/fuzz.
#   TIME=60 tools/fuzz.sh [TARGET...]     seconds for each target
# What crashes one is left in build-fuzz/crash-TARGET-*; add it to the corpus
# with the fix.
set -eu
cd "$(dirname "$0")/.."
build=build-fuzz
time=${TIME:-60}

if ! echo 'int LLVMFuzzerTestOneInput (const char *d, long n) { return 0; }' \
    | clang -fsanitize=fuzzer -x c - -o /dev/null 2>/dev/null; then
    echo "fuzz: needs clang with libFuzzer (Debian: clang libclang-rt-14-dev)" >&2
    exit 1
fi
if [ ! -f $build/build.ninja ]; then
    CC=clang meson setup $build -Dfuzzer=true -Db_lundef=false \
        -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link >$build.log \
        2>&1 || { cat $build.log >&2; exit 1; }
    rm -f $build.log
fi
ninja -C $build --quiet fuzz-programs
failed=0
count=0
for program in "$build"/test/*_fuzz; do
    name=$(basename "$program" _fuzz)
    case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
    count=$((count + 1))
    mkdir -p "$build/corpus/$name"
    echo "fuzz: $name for $time seconds"
    if ! "$program" -max_total_time="$time" -timeout=10 -rss_limit_mb=2048 \
        -verbosity=0 -artifact_prefix="$build/crash-$name-" \
        "$build/corpus/$name" "test/fuzz/$name"; then
        echo "fuzz: $name FAILED" >&2
        failed=$((failed + 1))
    fi
done
echo "$count targets, $failed failed"
[ "$failed" -eq 0 ] && [ "$count" -gt 0 ]
