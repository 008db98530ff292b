# A store of files: content.backing-module=content-files.
. "${0%/*}/../lib.sh"
S=$DIR/state
mkdir "$S"

start () {
    flux start -Scontent.backing-module=content-files -Sstatedir="$S" "$@"
}
# What was acknowledged when the broker was killed.
killed () {
    mkdir -p run
    start -Srundir="$DIR/run" sh -c 'for i in 1 2 3 4 5 6 7 8 9; do
            flux kvs put --sync "k$i=$i" && echo "k$i" >>"$0"
        done
        flux run echo late && echo ran >>"$0"
        kill -9 $(flux getattr broker.pid)' "$DIR/acked" >/dev/null 2>&1
    rm -rf run
    [ "$(wc -l <acked)" -eq 10 ]
}
like 'it is listed' 'content-files .* content-backing$' start flux module list
like 'statistics' '"object_count":[0-9]' start flux module stats content-files
succeeds 'a broker that is killed' killed
cat >there.sh <<'EOF'
for i in 1 2 3 4 5 6 7 8 9; do
    [ "$(flux kvs get "k$i")" = "$i" ] || exit 1
done
[ "$(flux job attach "$(flux job last)")" = late ]
EOF
succeeds 'what it acknowledged is there' start sh there.sh
like 'checkpoints' ' sha1-[0-9a-f]+$' start flux content checkpoint list
like 'fsck' ' 0 damaged$' start flux fsck
like 'collection' 'freed' start flux gc
succeeds 'and after it' start sh there.sh
is 'blobs are files' blob sh -c 'find "$0/content.files/blobs" -type f | head -n 1 |
    sed "s|.*/../[0-9a-f]*$|blob|"' "$S"
succeeds 'reload' start sh -c 'flux module reload content-files && flux kvs get k1'
fails 'no options' 1 'content-files: journal_mode: is no option' \
    start flux module reload content-files journal_mode=WAL
fails 'one store, one instance' 1 'content.files: another instance uses it' \
    start flux start -Scontent.backing-module=content-files -Sstatedir="$S" true
mv "$S/content.files/checkpoints" checkpoints
fails 'damage is named' 1 'content.files is damaged: it has blobs and no checkpoint' \
    start true
mv checkpoints "$S/content.files/"
mv "$S/content.files" elsewhere && ln -s "$DIR/elsewhere" "$S/content.files"
fails 'a link is not followed' 1 'content.files: is a symbolic link' start true
finish
