# What the scripts share that load and remove other people's code; no script itself.
#
# With a build that has a sanitizer, what it finds fails the script: an error in whatever
# program, and memory that nobody has any more when a broker, a module or a shell ends. (A
# command that fails leaves some.) FLUX_TEST_BUILD is the build.

case $(ldd "$FLUX_TEST_BUILD/src/broker/flux-broker" 2>/dev/null) in
*libasan*) SANITIZER=address ;;
*libtsan*) SANITIZER=thread ;;
*) SANITIZER= ;;
esac
export SANITIZER

# watch_reports DIR: where they go.
watch_reports () {
    REPORTS=$1
    mkdir -p "$REPORTS"
    supp=$(cd "$here/../.." && pwd)
    # what is freed is kept for a while: not so much that it looks like growth
    export ASAN_OPTIONS="detect_leaks=1:quarantine_size_mb=1:log_path=$REPORTS/asan:log_exe_name=1:abort_on_error=0:verify_asan_link_order=0:allocator_may_return_null=1:handle_sigill=2"
    export LSAN_OPTIONS="suppressions=$supp/lsan.supp:print_suppressions=0"
    export TSAN_OPTIONS="log_path=$REPORTS/tsan:log_exe_name=1:suppressions=$supp/tsan.supp:second_deadlock_stack=1:allocator_may_return_null=1"
}

# Fails, with what they say, if there are any.
no_reports () {
    found=0
    for r in "$REPORTS"/*; do
        [ -f "$r" ] || continue
        case ${r##*/} in
        *.flux-broker.* | *.flux-module-exec.* | *.flux-shell* | *.connectors.*) ;;
        *) grep -q 'LeakSanitizer' "$r" && continue ;;
        esac
        found=$((found + 1))
        echo "${r##*/}:"
        head -n 60 "$r"
    done
    [ $found -eq 0 ]
}

# A Python that is not built with the thread sanitizer can only load what is if that is there
# before.
flux_python () {
    if [ "$SANITIZER" = thread ]; then
        LD_PRELOAD=$(gcc -print-file-name=libtsan.so) flux python "$@"
    else
        flux python "$@"
    fi
}

# How much a process may grow, in kB: what is lost nobody finds in a build without a
# sanitizer, which itself takes some for each place where memory was taken.
case $SANITIZER in
address) GROWTH=32768 ;;
thread) GROWTH=65536 ;;
*) GROWTH=8192 ;;
esac
export GROWTH

# grown BEFORE AFTER: no more than that.
grown () {
    [ $(($2 - $1)) -lt "$GROWTH" ] && return
    echo "it has grown by $(($2 - $1)) kB"
    return 1
}
