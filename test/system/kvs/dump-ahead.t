# flux dump: blobs that are asked for ahead, and directories that are opened ahead, leave
# the entries and their order as they are.
. "${0%/*}/../lib.sh"
under_flux 2 -Sstatedir="$(mktemp -d -p "${FLUX_TEST_DIR:-/tmp}")"

# Few names in each directory, so that the walk goes up and down; values of one blob and of
# several, one inline; and a directory that is in buckets.
long=$(head -c 3000 /dev/zero | tr '\0' v)
seq 100 299 | sed "s|\\(.\\)\\(.\\)\\(.\\)|deep.d\\1.e\\2.f\\3.g.a=&$long|" | xargs flux kvs put
seq 100 299 | sed 's|\(.\)\(.\)\(.\)|deep.d\1.e\2.f\3.b=&|' | xargs flux kvs put
seq 1 3000 | sed 's|.*|wide.name&=&|' | xargs flux kvs put
for i in 1 2 3; do flux kvs put --append --raw deep.d1.log="$long$i"; done
flux kvs mkdir deep.d1.e0.empty
flux kvs link deep.d1 deep.d2.link
flux kvs put --sync zz=1
flux content dropcache

for n in 1 3 32 1000; do
    flux dump -q --checkpoint --maxreqs=$n $n.tar
    succeeds "$n at once" cmp 1.tar $n.tar
done
tar tf 1.tar | sed -n 's|/$||; /^\(deep\|wide\)/p' >names
is 'in the order of the walk' "$(seq 1 3000 | sed 's|.*|wide/name&|' | LC_ALL=C sort)" \
    grep ^wide/ names
is 'all are there' 3403 sh -c 'wc -l <names'
is 'a value of several blobs' 9003 sh -c 'tar xOf 1.tar deep/d1/log | wc -c'
is 'a directory that is empty' 1 grep -c '^deep/d1/e0/empty$' names

finish
