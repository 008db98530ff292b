# flux dump and flux restore.
. "${0%/*}/../lib.sh"

# Before the instance of the rest: damage, and a checkpoint that a restore writes.
offline () {
    mkdir state fresh
    flux start -Sstatedir="$DIR/state" sh -c '
        head -c 5000 /dev/zero | flux kvs put -r big=- kept=yes
        flux dump -q good.tar
        flux kvs get -t big | jq -r ".data[0]" | cut -d- -f2 >ref'
    sqlite3 state/content.sqlite "delete from objects where hash = x'$(cat ref)'"
    flux start --recovery="$DIR/state" flux dump -q --checkpoint damaged.tar
    echo "status $?" >&2
    ls damaged.tar*
    flux start --recovery="$DIR/state" \
        flux dump -q --checkpoint --ignore-failed-read rest.tar
    echo "rest $?: $(tar tf rest.tar | grep -x kept) $(tar tf rest.tar | grep -cx big)"
    flux start -Sstatedir="$DIR/fresh" sh -c '
        for m in sched-simple cron job-list job-info job-ingest job-exec job-manager \
            resource kvs-watch kvs; do
            flux module remove -f $m
        done
        flux restore -q --checkpoint good.tar'
    flux start -Sstatedir="$DIR/fresh" flux kvs get kept
}
[ -n "${FLUX_TEST_ACTIVE:-}" ] || offline >offline 2>&1


under_flux 1
fill () {
    flux kvs put t.small=hello t.empty= t.d.deep.er=x 't.with/slash=1' 't.50%=2'
    head -c 3000000 /dev/zero | tr '\0' 'z' | flux kvs put -r t.big=-
    i=0
    while [ $i -lt 10 ]; do
        flux kvs put -A t.log="line $i of a log that grows "
        i=$((i + 1))
    done
    flux kvs link t.small t.link
    flux kvs link -T other x t.nslink
    flux kvs mkdir t.hollow
    seq 1 300 | sed 's/.*/t.many.k&=&/' | xargs flux kvs put
}
values () {
    (cd / && flux kvs dir -Rd "$1" | sed "s/^$1\\.//" | sort
     flux kvs get -r "$1.big" | sha1sum
     flux kvs get -r "$1.log" | sha1sum)
}
like 'a missing blob is named by its key' '^flux-dump: big: .*No such file' cat offline
like 'and there is no dump' "cannot access 'damaged.tar" cat offline
like 'or it is left out, and the rest is dumped' '^rest 0: kept 0$' cat offline
like 'and said' '^flux-dump: big: .*: skipped$' cat offline
like 'a checkpoint that was restored is what the KVS goes on from' '^yes$' cat offline
fill
succeeds 'dump' flux dump -q one.tar
is 'tar lists it' 't/d/deep/er
t/empty
t/hollow/
t/link
t/log' sh -c "tar tf one.tar | grep '^t/[^mbsw5n]'"
is 'a name with a slash is one component' 't/with%2Fslash' sh -c 'tar tf one.tar | grep slash'
is 'a link is a link' 't/nslink -> other::x' sh -c "tar tvf one.tar | grep -o 't/nslink.*'"
mkdir x && tar xf one.tar -C x
is 'tar extracts values' hello cat x/t/small
is 'tar extracts a value of many pieces' "$(flux kvs get -r t.log)" cat x/t/log
is 'a mode as published' 644 stat -c %a x/t/big

succeeds 'restore to a key' flux restore -q --key=back one.tar
values t >before
values back.t >after
for n in 1 16; do
    flux restore -q --maxreqs=$n --key=by$n one.tar
    values by$n.t >after$n
done
is 'all is there again' '' diff before after
is 'whether one batch at a time is stored' '' diff before after1
is 'or many' '' diff before after16
is 'an empty directory, too' '' flux kvs ls back.t.hollow
like 'and a link with its namespace' 'other::x' flux kvs readlink back.t.nslink
succeeds 'a large directory takes more keys' flux kvs put back.t.many.k301=301
is 'and has all' 301 sh -c 'flux kvs ls -1 back.t.many | wc -l'

for s in tgz tar.xz tar.zst; do
    succeeds "dump to $s" flux dump -q "c.$s"
    succeeds "restore from $s" flux restore -q --key=c "c.$s"
    is "$s: the same value" hello flux kvs get c.t.small
done
flux kvs unlink -R c
is 'compressed as the suffix says' 1f8b sh -c 'head -c 2 c.tgz | od -An -tx1 | tr -d " \n"'
succeeds 'a checkpoint' flux kvs sync
flux dump -q --checkpoint a.tgz
flux dump -q --checkpoint --no-cache b.tgz
succeeds 'a dump is the same, byte for byte' cmp a.tgz b.tgz
flux dump -q --checkpoint --maxreqs=1 d.tgz
succeeds 'however it is asked for' cmp a.tgz d.tgz
succeeds 'through pipes' sh -c 'flux dump - 2>/dev/null | flux restore --no-cache --key=piped -'
is 'what came through' hello flux kvs get piped.t.small
like 'keys on stderr' '^t/small$' sh -c 'flux dump -v v.tar 2>&1'
like 'a count on stderr' '^dumped [0-9]+ keys$' sh -c 'flux dump v.tar 2>&1'

fails 'a value over the limit is named' 0 'big: 3000000 bytes are more' \
    flux restore --size-limit=1M --key=small one.tar
fails 'and is not there' 1 'No such file' flux kvs get small.t.big
is 'the others are' hello flux kvs get small.t.small

# While others commit: one root.
cat >writer.sh <<'X'
i=0
while [ ! -f stop ]; do
    i=$((i + 1))
    flux kvs put pair.a=$i pair.b=$i
    : >started
done
X
sh writer.sh &
writer=$!
until_true test -f started
n=0
while [ $n -lt 3 ]; do
    flux dump -q live.tar && rm -rf x && mkdir x && tar xf live.tar -C x pair &&
        cmp x/pair/a x/pair/b || echo "torn" >>torn
    n=$((n + 1))
done
: >stop
wait $writer
is 'a dump while others commit is of one root' '' sh -c 'cat torn 2>/dev/null; true'

# Refusals
fails 'no suffix' 1 '^flux-dump: nosuffix: the suffix names no format' flux dump nosuffix
fails 'no such directory' 1 '^flux-dump: no/such/x.tar: No such file' flux dump no/such/x.tar
fails 'maxreqs of a restore' 1 'from 1 to 256' flux restore --maxreqs=0 --key=x one.tar
fails 'maxreqs' 1 'at least 1' flux dump --maxreqs=0 x.tar
fails 'no operand' 1 'Usage' flux dump
fails 'neither key nor checkpoint' 1 'one of --checkpoint and --key' flux restore one.tar
fails 'both' 1 'one of --checkpoint and --key' flux restore --checkpoint --key=x one.tar
fails 'a checkpoint under a loaded KVS' 1 'the KVS is loaded' flux restore --checkpoint one.tar
fails 'no such file' 1 'nosuch.tar' flux restore --key=x nosuch.tar
head -c 20000 one.tar >cut.tar
fails 'a dump that was cut' 1 'cut.tar|[Tt]runcated' flux restore -q --key=cut cut.tar
fails 'has changed nothing' 1 'No such file' flux kvs ls cut
head -c 10000 /dev/urandom >noise
fails 'no archive' 1 '^flux-restore: noise: ' flux restore -q --key=cut noise
mkfifo fifo && tar cf fifo.tar fifo
fails 'a device' 1 '^flux-restore: fifo: is neither a file' flux restore -q --key=cut fifo.tar
mkdir in && echo x >up && (cd in && tar cPf ../up.tar ../up)
fails 'a name that leads out' 1 '^flux-restore: \.\./up: is no path' \
    flux restore -q --key=cut up.tar
succeeds 'a failed dump leaves nothing behind' sh -c '! ls | grep "[.]tar[.]......$"'

finish
