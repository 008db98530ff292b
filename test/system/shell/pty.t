#!/bin/sh
# Jobs with terminals.
. "${0%/*}/../lib.sh"

under_flux 2

terminals () {
    python3 "$FLUX_TEST_SOURCE/test/system/terminals.py" "$@" >tap 2>&1
    while IFS= read -r line; do
        case $line in
        'ok - '*) ok "$1: ${line#ok - }" ;;
        'not ok - '*) not_ok "$1: ${line#not ok - }" ;;
        *) echo "# $line" ;;
        esac
    done <tap
}

like 'without pty there is no terminal' 'not a tty' sh -c 'flux run tty; true'
like '-o pty' '^/dev/pts/[0-9]+' flux run -o pty tty
is '-o pty: for all' 2 sh -c 'flux run -n2 -o pty tty | grep -c /dev/pts'
is '-o pty.ranks=1' '/dev/pts not a tty' sh -c "flux run -n2 -l -o pty.ranks=1 tty |
    sed 's/^1: /0 /; s/^0: /1 /; s#/dev/pts/.*#/dev/pts#' | tr -d '\r' | sort |
    sed 's/^. //' | paste -sd' '"
is '-o pty.ranks=0 names a rank' 1 sh -c \
    'flux run -n2 -o pty.ranks=0 tty | grep -c /dev/pts'
is '-o pty.ranks=all' 2 sh -c 'flux run -n2 -o pty.ranks=all tty | grep -c /dev/pts'
is 'stderr is the same' 'one two' sh -c \
    "flux run -o pty sh -c 'echo one; echo two >&2' 2>/dev/null | tr -d '\r' | paste -sd' '"
is 'standard input is typed' 'hello hello' sh -c \
    "echo hello | flux run -o pty cat | tr -d '\r' | paste -sd' '"
is 'its end, too' 0 sh -c 'flux run -o pty cat </dev/null >/dev/null; echo $?'
is 'to close all descriptors is no end' 4 sh -c 'flux run -o pty sh -c "exec <&- >&- 2>&-; i=0
        while [ \$i -lt 20000 ]; do i=\$((i + 1)); done; exit 4" 2>/dev/null; echo $?'
is 'the status' 7 sh -c 'flux run -o pty sh -c "exit 7" 2>/dev/null; echo $?'
is 'the task leads a session' 'same' flux run -o pty sh -c \
    '[ $(ps -o sid= -p $$) -eq $$ ] && [ $(ps -o tpgid= -p $$) -eq $$ ] && printf same'
is 'a signal' 143 sh -c 'id=$(flux submit -o pty sleep inf)
    flux job wait-event $id start >/dev/null; flux cancel $id
    flux job attach $id 2>/dev/null; echo $?'
is 'output to a file' typed sh -c "flux run -o pty --output=f.out printf typed 2>/dev/null
    cat f.out"
is 'much output' 1000000 sh -c \
    'flux run -o pty sh -c "head -c 1000000 /dev/zero | tr \"\\0\" x" | wc -c'
is 'an interactive one that ended can be read' seen sh -c \
    'flux run -o pty.interactive printf seen </dev/null >/dev/null
    flux job attach $(flux job last)'
fails 'pty: what it is not' 1 'pty: expected ranks, capture or interactive' \
    flux run -o pty.nosuch true
fails 'pty: no set of ranks' 1 'pty: ranks: expected' flux run -o pty.ranks=x true
fails 'pty: a word' 1 'pty: expected ranks' flux run -o pty=x true
fails 'pty: output that nobody would see' 1 'pty: capture=0 needs interactive' \
    flux run -o pty.capture=0 true
fails 'pty: a file as input' 1 'pty: a terminal cannot have a file' \
    flux run -o pty --input=/dev/null true
terminals interactive
terminals escapes
terminals canceled
terminals alloc

# --- signals of flux run ---

forwards () {
    rm -f up
    mkfifo up
    flux run sh -c "trap 'echo got; exit 5' $1; echo >up; while :; do sleep 0.01; done" \
        >run.out 2>/dev/null &
    pid=$!
    read -r x <up
    kill -"$1" $pid
    wait $pid
    echo $? "$(cat run.out)"
}
for s in TERM HUP USR1 USR2 ALRM; do
    is "flux run passes SIG$s on" '5 got' forwards $s
done
finish
