# flux fsck --repair: what is left of a damaged store; checkpoints in a list.
. "${0%/*}/../lib.sh"
S=$DIR/state
mkdir "$S"

start () {
    flux start -Sstatedir="$S" "$@"
}
hex () {
    jq -r "$1" | cut -d- -f2
}
start sh -c '
    for p in a b c; do
        head -c 20000 /dev/zero | tr "\0" $p | flux kvs put -A -r part=-
    done
    head -c 5000 /dev/zero | flux kvs put -r whole=-
    flux kvs put good=1 d.x=1 d.y=2
    seq 1 500 | sed "s/.*/many.k&=&/" | xargs flux kvs put
    flux kvs get -t part >part
    flux kvs get -t whole >whole
    flux kvs get -t d >d
    flux content load $(flux kvs get -t many | jq -r ".data[0]") >many
    flux fsck -r $(flux kvs getroot -b) >root-checked
    flux content checkpoint update
    flux kvs put later=1
    flux content checkpoint update
    flux content checkpoint list >list
    flux content checkpoint list -n >bare
    flux content checkpoint list -j >json
    flux fsck -r nothex 2>nothex
    flux fsck --maxreqs=0 2>no-requests
    flux fsck --maxreqs=1 >one-at-a-time 2>&1
    flux fsck >many-at-a-time 2>&1
    flux fsck --repair 2>at-work'
like 'a root by its reference' ' 0 damaged$' cat root-checked
like 'no requests' '^flux-fsck: --maxreqs: at least 1' cat no-requests
is 'one at a time finds the same' "$(cat many-at-a-time)" cat one-at-a-time
like 'no reference' "^flux-fsck: --rootref: 'nothex' is no reference" cat nothex
like 'an instance at work is not repaired' 'the instance is at work' cat at-work
like 'checkpoints have a header' '^TIME +SEQUENCE  ROOTREF$' cat list
like 'each is a line' '^20[0-9T:-]+ +[0-9]+  sha1-[0-9a-f]{40}$' cat bare
is 'the newest first' true jq '.[0].sequence > .[-1].sequence' json

sqlite3 "$S/content.sqlite" "DELETE FROM objects WHERE hash = x'$(hex '.data[1]' <part)';
    DELETE FROM objects WHERE hash = x'$(hex '.data[0]' <whole)';
    UPDATE objects SET object = zeroblob(length(object))
        WHERE hash = x'$(hex '.data[0]' <d)';
    DELETE FROM objects WHERE hash =
        x'$(hex '[.data.bucket[] | select(.)][0].data[0]' <many)'"
start --recovery="$S" flux fsck >checked 2>&1
for key in part whole d many; do
    like "$key is named" "^flux-fsck: $key: " cat checked
done
succeeds 'repair' flux start --recovery="$S" flux fsck -R
cp .out repaired
like 'a value in pieces' '^part: 2 of 3 pieces are in lost\+found$' cat repaired
like 'a value of which nothing is left' '^whole: 0 of 1 pieces' cat repaired
like 'a directory that cannot be read' '^d: 0 entries' cat repaired
like 'one of which a part is missing' '^many: [1-9][0-9]* entries' cat repaired
is 'fsck is clean, the instance starts' 0 sh -c "flux start -Sstatedir='$S' flux fsck -q; echo \$?"
is 'what was good is there' 1 start flux kvs get good
is 'the pieces that are left' 40000 sh -c "flux start -Sstatedir='$S' flux kvs get -r lost+found.part | wc -c"
fails 'what is damaged is not' 1 'No such file' start flux kvs get part
is 'as many as was said' "$(sed -n 's/^many: \([0-9]*\) .*/\1/p' repaired)" \
    sh -c "flux start -Sstatedir='$S' flux kvs ls -1 many | wc -l"
is 'a second repair has nothing to do' 1 \
    sh -c "flux start --recovery='$S' flux fsck --repair | wc -l"
finish
