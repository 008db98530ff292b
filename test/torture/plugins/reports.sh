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
# sanitizer. One with a sanitizer takes memory for each place where some was taken, and gives
# back none: there counts what is in use, where it can be asked for.
case $SANITIZER in
address) GROWTH=32768 ;;
thread) GROWTH=65536 ;;
*) GROWTH=8192 ;;
esac
export GROWTH

# Says in kB what memory the broker of rank 0 has, or, by a plugin of job-manager, how much of
# it is in use: the sanitizer counts that. What jobs leave is gone before.
used () {
    flux jobtap remove all >/dev/null 2>&1
    flux job purge --force --num-limit=0 >/dev/null || return
    if [ -z "$SANITIZER" ]; then
        awk '/VmRSS/ { print $2 }' "/proc/$(flux getattr broker.pid)/status"
        return
    fi
    if ! [ -e memory.so ]; then
        cat >memory.c <<'EOC'
#include <flux/jobtap.h>
size_t __sanitizer_get_current_allocated_bytes (void) __attribute__ ((weak));
static int query (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args, void *data)
{
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:I}", "kB",
                                 (long long)__sanitizer_get_current_allocated_bytes () / 1024);
}
int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "plugin.query", query, NULL);
}
EOC
        cc -shared -fPIC -I"$HERE/../../../include" -o memory.so memory.c || return
    fi
    flux jobtap load ./memory.so || return
    flux jobtap query memory.so | sed -n 's/.*"kB": *\([0-9]*\).*/\1/p'
    flux jobtap remove memory.so
}

# grown BEFORE AFTER [BOUND]: no more than that.
grown () {
    [ $(($2 - $1)) -lt "${3:-$GROWTH}" ] && return
    echo "it has grown by $(($2 - $1)) kB"
    return 1
}
