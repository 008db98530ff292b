# flux startlog over several instances of one state directory.
. "${0%/*}/../lib.sh"

log () { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}/DATE/g; s/\([0-9.]+m?s\)/(TIME)/'; }
mkdir state run
start () { flux start -Sstatedir="$DIR/state" "$@"; }
crash () { start -Srundir="$DIR/run" sh -c 'flux kvs put x=1; kill -9 $(flux getattr broker.pid)'; true; }

is 'the first' 'DATE - running (TIME)' sh -c 'flux start -Sstatedir=state flux startlog | sed -E \
    "s/[0-9-]{10} [0-9:]{5}/DATE/; s/\([0-9.]+m?s\)/(TIME)/"'
second () { start sh -c 'flux startlog; flux startlog --check --quiet; echo $?' | log; }
is 'the second' 'DATE - DATE (TIME)
DATE - running (TIME)
0' second
crash >/dev/null 2>&1
third () { start sh -c 'flux startlog; flux startlog --check --quiet; echo $?; flux startlog --check >out
    echo $?; wc -l <out; flux dmesg | grep -c "not shut down properly"' | log; }
is 'behind a crash' 'DATE - DATE (TIME)
DATE - DATE (TIME)
DATE - crashed
DATE - running (TIME)
1
1
4
1' third
fourth () { start sh -c 'flux startlog --check --quiet; echo $?; flux module reload kvs
    flux startlog | tail -2; flux dmesg | grep -c "not shut down properly"' | log; }
is 'it is over with the next; to load the KVS again is no start' '0
DATE - DATE (TIME)
DATE - running (TIME)
0' fourth
versions () { start flux startlog -v | tail -1; }
like '-v' "^ {10,}[0-9.]+  [0-9-]{10} [0-9:]{5} - running" versions
fails 'no instance' 1 'Unable to connect' flux startlog
fails 'an unknown option' 1 "unrecognized option '--nosuch'" start flux startlog --nosuch
fails 'an operand' 1 'unexpected argument' start flux startlog x
on_rank_1 () { flux start -s2 flux exec -r 1 flux startlog | log; }
is 'on another rank' 'DATE - running (TIME)' on_rank_1
finish
