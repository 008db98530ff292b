# System tests: TAP, one or few real instances for each script.
#
#   . "${0%/*}/../lib.sh"
#   under_flux 4                       # the rest runs in an instance of 4
#   like 'prints its rank' '^0$' flux getattr rank
#   fails 'unknown attribute' 1 'No such file' flux getattr nosuch
#   finish
#
# Rules: nothing sleeps; what takes time is waited for, with a limit. Scripts
# run in parallel, each in its own directory ($DIR, also the working directory).

# By hand, the build is beside the folder test.
: "${FLUX_TEST_SOURCE:=$(cd "${0%/*}" && while [ ! -f CONTRIBUTING.md ] && [ "$PWD" != / ]; do cd ..; done && pwd)}"
: "${FLUX_TEST_BUILD:=$FLUX_TEST_SOURCE/build}"
: "${LIMIT:=60}" # seconds for one command
export FLUX_TEST_BUILD FLUX_TEST_SOURCE LIMIT
SCRIPT=$(cd "${0%/*}" && pwd)/${0##*/}

if [ -z "${FLUX_TEST_DIR:-}" ]; then
    for v in $(env | sed -n 's/^\(FLUX_[A-Z_0-9]*\)=.*/\1/p; s/^\(PMI_[A-Z]*\)=.*/\1/p'); do
        case $v in FLUX_TEST_*) ;; *) unset "$v" ;; esac
    done
    FLUX_TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/flux-test.XXXXXX")
    export FLUX_TEST_DIR
    export TMPDIR="$FLUX_TEST_DIR" HOME="$FLUX_TEST_DIR" LC_ALL=C.UTF-8 TZ=UTC
    export XDG_CONFIG_HOME="$FLUX_TEST_DIR" XDG_CONFIG_DIRS="$FLUX_TEST_DIR"
    PATH=$FLUX_TEST_BUILD/src/cmd:$PATH
    export PATH
    trap 'cd /; rm -rf "$FLUX_TEST_DIR"' EXIT
    trap 'exit 143' TERM INT HUP
fi
DIR=$FLUX_TEST_DIR
cd "$DIR" || exit 1
COUNT=0
FAILED=0

# What runs when the limit has nearly come: that is what hangs.
tell_before_limit () {
    trap - EXIT
    sleep "$1" &
    nap=$!
    trap 'kill $nap; exit' TERM
    wait $nap
    ps -s "$(ps -o sess= -p $$ | tr -d " ")" -o pid,ppid,etimes,stat,wchan:20,args --no-headers |
        sed 's/^/# /'
}

# under_flux SIZE [OPTIONS OF flux start]: run this script again, in an instance.
under_flux () {
    [ -z "${FLUX_TEST_ACTIVE:-}" ] || return 0
    size=$1
    shift
    tell_before_limit "$((${SCRIPT_LIMIT:-240} - 5))" &
    teller=$!
    FLUX_TEST_ACTIVE=1 timeout -k 10 "${SCRIPT_LIMIT:-240}" \
        flux start -s"$size" "$@" sh "$SCRIPT"
    status=$?
    kill $teller 2>/dev/null
    [ $status -eq 124 ] && echo "Bail out! the instance did not end in time"
    exit $status
}

# until_true COMMAND...: again and again, while a test's time lasts.
until_true () {
    n=0
    until "$@"; do
        n=$((n + 1))
        [ $n -lt 5000 ] || return 1
        flux getattr rank >/dev/null 2>&1 || true
    done
}

ok () {
    COUNT=$((COUNT + 1))
    echo "ok $COUNT - $1"
}

not_ok () {
    COUNT=$((COUNT + 1))
    FAILED=$((FAILED + 1))
    echo "not ok $COUNT - $1"
    shift
    for line in "$@"; do
        printf '%s\n' "$line" | sed 's/^/# /'
    done
}

skip () {
    COUNT=$((COUNT + 1))
    echo "ok $COUNT - $1 # SKIP $2"
}

finish () {
    echo "1..$COUNT"
    [ "$FAILED" -eq 0 ]
    exit
}

# Run a command; its stdout, stderr and status are in $out, $err and $rc. A
# function of the script works, too (without a limit of its own).
run () {
    case $(command -v -- "$1") in
    */*) timeout -k 5 "$LIMIT" "$@" </dev/null >"$DIR/.out" 2>"$DIR/.err" ;;
    *) "$@" </dev/null >"$DIR/.out" 2>"$DIR/.err" ;;
    esac
    rc=$?
    out=$(cat "$DIR/.out")
    err=$(cat "$DIR/.err")
}

matches () {
    printf '%s\n' "$2" | grep -Eq -- "$1"
}

# succeeds NAME COMMAND...
succeeds () {
    name=$1
    shift
    run "$@"
    if [ $rc -eq 0 ]; then
        ok "$name"
    else
        not_ok "$name" "$*: status $rc" "$out" "$err"
    fi
}

# is NAME EXPECTED COMMAND...: status 0 and exactly this on stdout
is () {
    name=$1 expected=$2
    shift 2
    run "$@"
    if [ $rc -eq 0 ] && [ "$out" = "$expected" ]; then
        ok "$name"
    else
        not_ok "$name" "$*: status $rc" "expected:" "$expected" "got:" "$out" "$err"
    fi
}

# like NAME REGEX COMMAND...: status 0 and a line of stdout that matches
like () {
    name=$1 regex=$2
    shift 2
    run "$@"
    if [ $rc -eq 0 ] && matches "$regex" "$out"; then
        ok "$name"
    else
        not_ok "$name" "$*: status $rc" "expected a line like: $regex" "got:" "$out" \
            "$err"
    fi
}

# fails NAME STATUS REGEX COMMAND...: this status, and a line of stderr like REGEX
fails () {
    name=$1 status=$2 regex=$3
    shift 3
    run "$@"
    if [ $rc -eq "$status" ] && matches "$regex" "$err"; then
        ok "$name"
    else
        not_ok "$name" "$*: status $rc, not $status" "expected on stderr: $regex" \
            "stdout: $out" "stderr: $err"
    fi
}

# cases COMMAND...: lines of its output "ok NAME", "not ok NAME", "skip NAME" are points of
# this script; other lines say why. It fails when it dies.
cases () {
    timeout -k 5 "${SCRIPT_LIMIT:-240}" "$@" >"$DIR/.cases" 2>"$DIR/.err" </dev/null
    rc=$?
    while IFS= read -r line; do
        case $line in
        'ok '*) ok "${line#ok }" ;;
        'not ok '*) not_ok "${line#not ok }" ;;
        'skip '*) line=${line#skip }; skip "${line%%: *}" "${line#*: }" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$DIR/.cases"
    [ $rc -eq 0 ] || not_ok "$*" "status $rc" "$(cat "$DIR/.err")"
}
