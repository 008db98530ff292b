# Who watches a value holds no root: what is superseded before it is stored is missed by
# nobody, and a collection ends well. Who is told blobrefs holds one, and it is whole.
. "${0%/*}/../lib.sh"
LIMIT=240
cat >work <<'END'
flux kvs eventlog append log.x a
watchers=
for i in 1 2 3; do
    flux kvs eventlog get --watch --count=300 log.x >/dev/null 2>&1 &
    watchers="$watchers $!"
done
(for n in $(seq 1 299); do flux kvs eventlog append log.x b; done) &
writer=$!
"$1" write 1000000 2000 800 log 1 >/dev/null 2>&1 &
other=$!
n=0 failed=0
while [ $n -lt 25 ] && kill -0 $writer 2>/dev/null; do
    n=$((n + 1))
    flux gc --quiet || failed=$((failed + 1))
    flux kvs get --treeobj . >tree
    flux kvs get --at="$(cat tree)" log.x >/dev/null || failed=$((failed + 1))
done
# All of them: collections may be done before the writer, and watchers wait for its last.
kill $writer $other $watchers 2>/dev/null
wait
echo "$failed failed"
END
is 'collections beside watchers and a writer' '0 failed' \
    flux start sh work "$FLUX_TEST_BUILD/test/overwrite"
finish
