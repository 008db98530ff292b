# What the KVS promises when its store is damaged, absent or refuses.
. "${0%/*}/../lib.sh"

state=$DIR/state
db=$state/content.sqlite
mkdir "$state"
kept () {
    timeout -k 5 "$LIMIT" flux start -Sstatedir="$state" "$@"
}
# The hex digest in a blobref is the key of the object.
forget () {
    sqlite3 "$db" "delete from objects where hash = x'${1#sha1-}'"
}
write () {
    kept sh -c 'head -c 5000 /dev/zero | tr "\0" x | flux kvs put --raw big=- &&
        flux kvs put small=1 dir.one=1 && flux kvs getroot --blobref &&
        flux kvs get --treeobj big | sed "s/.*\[\"\(sha1-[0-9a-f]*\).*/\1/" &&
        flux kvs get --treeobj dir | sed "s/.*\[\"\(sha1-[0-9a-f]*\).*/\1/"'
}
write >refs 2>write.err || not_ok 'write' "$(cat write.err)"
big=$(sed -n 2p refs)
dir=$(sed -n 3p refs)
is 'what was put is there after the end' 1 kept flux kvs get dir.one

forget "$big"
fails 'a missing blob of a value is named, with its key' 1 \
    "^flux-kvs: blob $big of key 'big': missing\$" kept flux kvs get big
is 'what is beside it is well' 1 kept flux kvs get small
forget "$dir"
fails 'a missing directory is named, with its key' 1 \
    "^flux-kvs: blob $dir of key 'dir.one': missing\$" kept flux kvs get dir.one
fails 'a write into it is refused' 1 "blob $dir: missing" kept flux kvs put dir.two=2
is 'and leaves nothing' 1 kept flux kvs get small

cp -r "$state" copy
root=$(sqlite3 "$db" 'select value from checkpt_v2 order by id desc limit 1' |
    sed 's/.*\(sha1-[0-9a-f]*\).*/\1/')
forget "$root"
fails 'a start on a root that is not there is refused' 1 \
    "the root $root of the newest checkpoint is missing" \
    kept true
rm -rf "$state"
mv copy "$state"
is 'the copy is well' 1 kept flux kvs get small

# Ordered commits, and who is told about the store.
cat >order.py <<'END'
import os, struct, sys
sys.path.insert(0, os.path.join(os.environ["FLUX_TEST_SOURCE"], "test", "system"))
import wire

def txn(key, value, flags=0x10000):
    k, v, ns = key.encode(), value.encode(), b"primary"
    return (b"FKT1" + struct.pack("<III", flags, 1, len(ns)) + ns + b"\0"
            + struct.pack("<BBHII", 1, 0, 0, len(k), len(v)) + k + b"\0" + v + b"\0")

c, other = wire.Client(), wire.Client()
tags = [c.ask("kvs.commit", txn(*kv), 0)
        for kv in (("o.1", "1"), ("o.2", "2"), (".", "bad"), ("o.3", "3"))]
errnums = [c.answer(t).errnum for t in tags]
errnums.append(c.rpc("kvs.order-reset", None, 0).errnum)
errnums.append(c.rpc("kvs.commit", txn("o.4", "4"), 0).errnum)
print("one sender", errnums)
c.rpc("kvs.commit", txn(".", "bad"), 0)
print("behind", c.rpc("kvs.commit", txn("o.5", "5"), 0).errnum,
      "without order", c.rpc("kvs.commit", txn("o.6", "6", 0), 0).errnum,
      "another sender", other.rpc("kvs.commit", txn("o.7", "7"), 0).errnum)
if len(sys.argv) > 1:
    f = wire.Client(uri=sys.argv[1])
    print("not through a follower", f.rpc("kvs.commit", txn("o.8", "8")).errnum)
t = c.ask("kvs.health", None, 0, flags=wire.F_STREAMING)
print("health", c.answer(t).json())
c.send(wire.REQUEST, "kvs.health-cancel", {"matchtag": t}, flags=wire.F_NORESPONSE,
       aux1=0, aux2=0)
print("cancelled", c.answer(t).errnum)
print("not streaming", c.rpc("kvs.health", None, 0).errnum)
END
order () {
    timeout -k 5 "$LIMIT" flux start -s2 sh -c \
        '/usr/bin/python3 order.py "$(flux exec -r 1 flux getattr local-uri)" && flux kvs ls -1 o'
}
is 'ordered commits are applied as a prefix' "one sender [0, 0, 22, 22, 0, 0]
behind 22 without order 0 another sender 0
not through a follower 22
health {'errnum': 0, 'text': ''}
cancelled 61
not streaming 71
1
2
4
6
7" order

# A sync that cannot be kept is refused.
elsewhere () {
    timeout -k 5 "$LIMIT" flux start sh -c 'flux kvs namespace create n &&
        flux kvs put -N n --sync a=1'
}
fails 'a sync in a namespace without checkpoint' 1 \
    'FLUX_KVS_SYNC: this namespace has no checkpoint' elsewhere
is 'a sync in the primary one' 1 kept sh -c \
    'flux kvs put --sync a=1 && flux kvs sync && flux kvs get a'

# However long the way and however fast others write, a reader on another rank comes
# to its end, and has what it waited for.
deep () {
    timeout -k 5 "$LIMIT" flux start -s2 sh -c '
        flux kvs put a.b.c.d.e.f.g.h.i.j=0
        (n=0; while [ ! -e stop ]; do n=$((n + 1)); flux kvs put a.b.c.d.e.f.g.h.i.j=$n \
            other.n=$n || exit 1; done) &
        for i in 1 2 3 4 5 6 7 8; do
            v=$(flux kvs put -s mark=$i) &&
                flux exec -r 1 sh -c "flux kvs wait $v && flux kvs get mark &&
                    flux kvs get a.b.c.d.e.f.g.h.i.j >/dev/null" || exit 1
        done
        touch stop; wait'
}
is 'a reader beside a writer' '1
2
3
4
5
6
7
8' deep
finish
