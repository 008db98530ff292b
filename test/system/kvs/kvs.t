# The KVS through flux kvs, on four brokers.
. "${0%/*}/../lib.sh"
under_flux 4

succeeds 'put' flux kvs put a=1 b.c=2 b.d='"str"' b.e='{"x":1}'
is 'get' '1
2
"str"
{"x":1}' flux kvs get a b.c b.d b.e
fails 'get: no such key' 1 '^flux-kvs: nosuch: No such file or directory$' \
    flux kvs get nosuch
fails 'get: directory' 1 '^flux-kvs: b: Is a directory$' flux kvs get b
fails 'get: below a value' 1 '^flux-kvs: a.x: No such file or directory$' flux kvs get a.x
is 'get --label' 'a=1' flux kvs get -l a
like 'ls' '^a +admin +b +resource$' flux kvs ls
like 'ls -F' '^a +admin\. +b\. +resource\.$' flux kvs ls -F
is 'ls -R' 'b:
c    d    e' flux kvs ls -R b
fails 'ls: no such key' 1 '^nosuch: No such file or directory$' flux kvs ls nosuch
is 'dir' 'a = 1
admin.
b.
resource.' flux kvs dir
is 'dir -R' 'b.c = 2
b.d = "str"
b.e = {"x":1}' flux kvs dir -R b
succeeds 'mkdir' flux kvs mkdir m
is 'ls -1F' 'a
admin.
b.
m.
resource.' flux kvs ls -1F
is 'the digest of an empty directory' \
    '{"data":["sha1-c0a9faf907dda6216fd73bf81d0b3b21a1a8cb91"],"type":"dirref","ver":1}' \
    flux kvs get --treeobj m

flux kvs link a la
is 'readlink' a flux kvs readlink la
is 'get through a link' 1 flux kvs get la
flux kvs link loop2 loop1
flux kvs link loop1 loop2
fails 'a circle of links' 1 '^flux-kvs: loop1: Too many levels of symbolic links$' \
    flux kvs get loop1
fails 'readlink of a value' 1 '^flux-kvs: a: Invalid argument$' flux kvs readlink a
succeeds 'unlink' flux kvs unlink a
fails 'unlinked' 1 'No such file' flux kvs get a
fails 'unlink: not empty' 1 "^flux-kvs: cannot unlink 'b': Directory not empty$" \
    flux kvs unlink b
succeeds 'unlink -R' flux kvs unlink -R b
fails 'unlink: no such key' 1 "^flux-kvs: cannot unlink 'nosuch': No such file" \
    flux kvs unlink nosuch
succeeds 'unlink -f' flux kvs unlink -f nosuch
succeeds 'unlink a link in a circle' flux kvs unlink loop1 loop2 la

flux kvs put --raw r='line1
line2'
is 'raw value' 'line1
line2' flux kvs get --raw r
flux kvs put -t t='{"data":"MQ==","type":"val","ver":1}'
is 'treeobj' '{"data":"MQ==","type":"val","ver":1}' flux kvs get --treeobj t
like 'put --blobref' '^sha1-[0-9a-f]{40}$' flux kvs put --blobref x=1
like 'put --sequence' '^[0-9]+$' flux kvs put --sequence y=1
fails 'put without value' 1 '^flux-kvs: put: you must specify a value as key=value$' \
    flux kvs put novalue
fails 'put to the root' 1 '^flux-kvs: flux_kvs_commit: Invalid argument$' flux kvs put .=1
fails 'put: not a tree object' 1 'Invalid argument' flux kvs put -t x='{"ver":2}'
flux kvs put --append z=a
flux kvs put --append z=b
is 'append' ab flux kvs get z
fails 'append to a directory' 1 'Is a directory' flux kvs put --append m=1

flux kvs namespace create ns1
is 'namespace list' 'NAMESPACE                                 OWNER      FLAGS' \
    sh -c 'flux kvs namespace list | head -1'
like 'namespace list: ns1' "^ns1 +$(id -u) 0x00000000$" flux kvs namespace list
flux kvs put -N ns1 k=1
is 'get from a namespace' 1 flux kvs get -N ns1 k
fails 'not in the primary' 1 'No such file' flux kvs get k
is 'another rank sees the namespace' 1 flux exec -r 3 flux kvs get -N ns1 k
flux kvs namespace remove ns1
fails 'removed namespace' 1 '^flux-kvs: k: Operation not supported$' flux kvs get -N ns1 k
fails 'removed namespace, another rank' 1 'Operation not supported' \
    flux exec -r 3 flux kvs get -N ns1 k
fails 'create primary' 1 '^flux-kvs: primary: File exists$' flux kvs namespace create primary

flux kvs copy t t2
is 'copy' 1 flux kvs get t2
flux kvs move t2 t3
fails 'move' 1 'No such file' flux kvs get t2
is 'moved' 1 flux kvs get t3
flux kvs eventlog append el foo '{"a":1,"s":"x y"}'
flux kvs eventlog append -t 2.5 el bar
is 'eventlog' 'TS foo a=1 s="x y"
TS bar' sh -c "flux kvs eventlog get el | sed 's/^[0-9.]*/TS/'"
fails 'eventlog: bad context' 1 '^flux-kvs: eventlog_entry_create: Invalid argument$' \
    flux kvs eventlog append el bad notjson
is 'eventlog wait-event' '2.500000 bar' flux kvs eventlog wait-event -t 20 el bar
fails 'eventlog wait-event: timeout' 1 "timeout on event 'never'" \
    flux kvs eventlog wait-event -t 0.1 el never

# Ranks: each sees its own writes, and those of others after their version.
rank_writes () {
    for r in 1 2 3 0; do
        flux exec -r $r sh -c "flux kvs put w=$r && flux kvs get w"
    done
}
is 'read your writes, on each rank' '1
2
3
0' rank_writes
version=$(flux kvs put -s causal=yes)
is 'wait for a version elsewhere' yes \
    flux exec -r 3 sh -c "flux kvs wait $version && flux kvs get causal"
root=$(flux kvs getroot)
flux kvs put snap=new t3=2 causal=no
is 'an old root shows what was' yes flux kvs get --at "$root" causal
is 'an old root, another rank' yes flux exec -r 2 flux kvs get --at "$root" causal
head -c 300000 /dev/urandom | od -An -tx1 >big
flux kvs put --raw big=- <big
succeeds 'a large value, another rank' sh -c 'flux exec -r 3 flux kvs get -r big | cmp - big'
succeeds 'a large value in pieces' sh -c 'flux kvs get -S big | cmp - big'

# Watching.
flux kvs put watched=0
flux kvs get -w -c 3 watched >watch.out &
pid=$!
flux kvs eventlog wait-event -t 20 -W nosuchlog never >/dev/null 2>&1 &
other=$!
wait_watchers () {
    tries=0
    until flux module stats kvs-watch | grep -q "\"watchers\":$1[,}]"; do
        tries=$((tries + 1))
        [ $tries -lt 2000 ] || return 1
    done
}
wait_watchers 2
flux kvs put watched=1
flux kvs put unrelated=1
flux kvs put watched=2
wait $pid
is 'watch' '0
1
2' cat watch.out
flux kvs get -W created.later >create.out &
pid=$!
wait_watchers 2
flux exec -r 2 flux kvs put created.later=yes
wait $pid
is 'waitcreate' yes cat create.out
flux kvs eventlog get -w -c 4 el >append.out &
pid=$!
wait_watchers 2
flux kvs eventlog append -t 3 el baz
flux exec -r 1 flux kvs eventlog append -t 4 el qux
wait $pid
is 'watch what is appended' 'bar
baz
qux' sh -c "sed -n 's/^[0-9.]* \(ba[rz]\|qux\)$/\1/p' append.out"
flux kvs get -W -w -u -c 2 uniq >uniq.out &
pid=$!
wait_watchers 2
flux kvs put uniq=1
flux kvs put uniq=1
flux kvs put uniq=2
wait $pid
is 'watch --uniq' '1
2' cat uniq.out
kill $other
succeeds 'watches end with their clients' wait_watchers 0

# A directory of many keys.
many () {
    seq 1 3000 | sed 's|.*|many.key&=&|' | xargs flux kvs put &&
        flux kvs put many.key77=changed &&
        flux kvs ls -1 many | wc -l && flux kvs get many.key77 many.key3000
}
is 'a large directory' '3000
changed
3000' many
is 'a large directory, another rank' 3000 flux exec -r 3 flux kvs get many.key3000
nested () {
    seq 1 200 | sed 's|.*|many.sub.key&=&|' | xargs flux kvs put &&
        flux exec -r 3 flux kvs get many.sub.key77
}
is 'a large directory in a large directory, another rank' 77 nested
flux kvs sync
succeeds 'reload' flux module reload kvs
is 'the checkpoint is taken up' changed flux kvs get many.key77
finish
