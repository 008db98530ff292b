# flux archive, on four brokers.
. "${0%/*}/../lib.sh"
under_flux 4

umask 022
mkdir -p src/sub src/empty
printf hello >src/f
printf '#!/bin/sh\n' >src/run
chmod 755 src/run
ln -s f src/link
printf x >src/sub/g
ln -s ../f src/sub/up
: >src/nothing
printf '\000\001\377' >src/binary
truncate -s 3M src/hole
truncate -s 8M src/sparse
printf middle | dd of=src/sparse bs=1 seek=5000000 conv=notrunc 2>/dev/null
head -c 2500000 /dev/urandom >src/big
chmod 600 src/big
chmod 500 src/sub
touch -h -d @1000000000 src/f src/link src/sub
list='src/big
src/binary
src/empty
src/f
src/hole
src/link
src/nothing
src/run
src/sparse
src/sub/g
src/sub/up
src/sub
src'
is 'create -v' "$list" sh -c 'flux archive create -v src 2>&1'
is 'list' "$list" flux archive list
is 'list -l' 'f 0600  2500000 src/big
f 0644        3 src/binary
d 0755        0 src/empty
f 0644        5 src/f
f 0644  3145728 src/hole
l 0777        0 src/link
f 0644        0 src/nothing
f 0755       10 src/run
f 0644  8388608 src/sparse
f 0644        1 src/sub/g
l 0777        0 src/sub/up
d 0500        0 src/sub
d 0755        0 src' flux archive list -l
is 'list --raw: text' '{"path":"src/f","encoding":"utf-8","data":"hello","size":5,"mode":33188}' \
    sh -c "flux archive list --raw src/f | jq -c 'del(.mtime,.ctime)'"
is 'list --raw: bytes' '["base64","AAH/",3]' \
    sh -c "flux archive list --raw src/binary | jq -c '[.encoding,.data,.size]'"
is 'list --raw: a hole' '[null,null,3145728]' \
    sh -c "flux archive list --raw src/hole | jq -c '[.encoding,.data,.size]'"
is 'list --raw: chunks' '["blobvec",[[0,1048576],[1048576,1048576],[2097152,402848]]]' \
    sh -c "flux archive list --raw src/big | jq -c '[.encoding,(.data|map(.[0:2]))]'"
like 'a sparse file is stored without its holes' '^[0-9]{1,6}$' \
    sh -c "flux archive list --raw src/sparse | jq '[.data[][1]]|add'"
fails 'create: it exists' 1 '^flux-archive: archive.main: key exists$' flux archive create src
fails 'create: both options' 1 '^flux-archive: --overwrite and --append cannot be used together' \
    flux archive create --append --overwrite src
succeeds 'create --overwrite' flux archive create --overwrite src
printf more >'more'
succeeds 'create --append' flux archive create --append more
is 'a glob' more flux archive list 'm*'
is 'a glob: any depth' 'src/sub/g' flux archive list '*/g'
fails 'a glob: nothing' 0 "^flux-archive: No files matched pattern 'nosuch'$" \
    flux archive list nosuch

# every rank gets the same
same () {
    diff -r --no-dereference src "$1/src" || return 1
    (cd src && find . -printf '%p %m %l\n' | sort) >a
    (cd "$1/src" && find . -printf '%p %m %l\n' | sort) >b
    cmp a b
}
for rank in 0 1 2 3; do
    mkdir out$rank
    succeeds "extract on rank $rank" \
        flux exec -r $rank flux archive extract -C "$DIR/out$rank"
    succeeds "content, modes and links on rank $rank" same out$rank
done
is 'times are kept' '1000000000 1000000000 1000000000' \
    sh -c 'echo $(stat -c %Y out3/src/f out3/src/link out3/src/sub)'
is 'holes are kept' yes \
    sh -c '[ $(stat -c %b out3/src/sparse) -lt 2000 ] && echo yes'
is 'appended' more cat out2/more
fails 'extract: nothing is overwritten' 1 \
    '^flux-archive: src/big: write: Attempt to overwrite existing file$' \
    flux archive extract -C out0
is 'extract -v --overwrite' "$list
more" sh -c 'flux archive extract -v --overwrite -C out0 2>&1'
succeeds 'it is what it was' same out0
is 'extract -t' "$list
more" flux archive extract -t
mkdir part
succeeds 'extract a part' flux archive extract -C part 'src/s*'
is 'no more than that' 'part part/src part/src/sparse part/src/sub part/src/sub/g part/src/sub/up' \
    sh -c 'echo $(find part | sort)'
fails 'extract: no such directory' 1 '^flux-archive: chdir nosuch: No such file or directory$' \
    flux archive extract -C nosuch
fails 'extract: nothing matches' 0 "No files matched pattern 'nosuch'" \
    flux archive extract -C out0 nosuch
fails 'extract: no archive' 1 '^flux-archive: KVS lookup archive.nosuch: No such file or directory$' \
    flux archive extract --name=nosuch
fails 'extract: it does not come' 1 \
    '^flux-archive: archive.nosuch: key was not created within timeout window$' \
    flux archive extract --name=nosuch --waitcreate=0.2s
mkdir late
flux exec -r 3 flux archive extract -n late --waitcreate -C "$DIR/late" &
succeeds 'create while somebody waits' flux archive create -n late -C src f link
wait $!
is 'he gets it' hello cat late/link
fails 'list: no archive' 1 '^flux-archive: KVS lookup archive.nosuch: No such file' \
    flux archive list --name=nosuch

# what is refused
mkfifo pipe
fails 'a pipe' 1 '^flux-archive: pipe: unsupported file type$' flux archive create -n no pipe
fails 'a device' 1 '^flux-archive: /dev/null: unsupported file type$' \
    flux archive create -n no /dev/null
fails 'no such file' 1 '^flux-archive: nosuch: No such file or directory$' \
    flux archive create -n no nosuch
fails 'a way up' 1 "^flux-archive: ../x: a name in an archive has no '..'" \
    flux archive create -n no ../x
fails 'no file' 1 '^Usage: flux.archive create' flux archive create
fails 'create: no such directory' 1 '^flux-archive: chdir nosuch: ' \
    flux archive create -n no -C nosuch f
fails 'an unknown option' 1 "unrecognized option '--nosuch'" flux archive list --nosuch
fails 'a size that is too large' 1 '^flux-archive: --chunksize=3G: must be at most' \
    flux archive create -n no --chunksize=3G more
fails 'nothing came of these' 1 'archive.no: No such file' flux archive list -n no
succeeds 'a name from the root' flux archive create -n root "$DIR/more"
is 'is one below a directory' "${DIR#/}/more" flux archive list -n root
is 'chunks as wanted' 5 sh -c "flux archive create -n chunks --chunksize=512K -C src big; \
    flux archive list --raw -n chunks | jq '.data|length'"
is 'no chunks' 1 sh -c "flux archive create -n chunks --overwrite --chunksize=0 -C src big; \
    flux archive list --raw -n chunks | jq '.data|length'"
is 'small files in blobs' blobvec sh -c "flux archive create -n chunks --overwrite \
    --small-file-threshold=0 more; flux archive list --raw -n chunks | jq -r .encoding"
succeeds 'the newer of two' sh -c 'echo newer >more; flux archive create --append more;
    flux archive extract --overwrite -C out1 more; [ "$(cat out1/more)" = newer ]'
is 'is the only one' 1 sh -c 'flux archive list more | wc -l'

# names that lead out of the directory
plant () {
    flux kvs put -r archive.evil="$1"
    mkdir -p trap
    fails "$2" 1 "$3" flux archive extract -n evil -C trap
    is "$2: nothing was written" trap sh -c 'echo $(find trap)'
    rm -rf trap
}
ok='{"path":"ok","mode":33188,"encoding":"utf-8","data":"a","size":1}'
plant "[$ok,{\"path\":\"../evil\",\"mode\":33188,\"encoding\":\"utf-8\",\"data\":\"a\",\"size\":1}]" \
    'a name with ..' '^flux-archive: archive.evil: \.\./evil: its path is not one below'
plant "[$ok,{\"path\":\"/tmp/evil\",\"mode\":33188,\"size\":0}]" \
    'a name from the root' 'archive.evil: /tmp/evil: its path is not one'
plant "[$ok,{\"path\":\"l\",\"mode\":41471,\"data\":\"/etc\"}]" \
    'a link to the root' '^flux-archive: l: refused: a symbolic link to /etc'
plant "[$ok,{\"path\":\"d/l\",\"mode\":41471,\"data\":\"../../x\"}]" \
    'a link that leads out' 'd/l: refused: a symbolic link'
plant "[$ok,{\"path\":\"x\",\"mode\":8630}]" 'a device' 'x: it is no file, directory or link'
plant 'junk' 'no archive' '^flux-archive: archive.evil: it is no archive'
plant '{}' 'no list' '^flux-archive: archive.evil: it is no archive'
# a link in the archive, and one that was there before
flux kvs put -r archive.evil="[{\"path\":\"d\",\"mode\":16877},{\"path\":\"l\",\"mode\":41471,\"data\":\"d\"},
    {\"path\":\"l/x\",\"mode\":33188,\"size\":0}]"
mkdir trap
fails 'no way over a link of the archive' 1 '^flux-archive: l/x: l is in the way' \
    flux archive extract -n evil -C trap
rm -rf trap
mkdir -p trap/src victim
ln -s ../../victim trap/src/sub
fails 'no way over a planted link' 1 'src/sub/g: sub is in the way' \
    flux archive extract -C trap '*/sub/*'
is 'nothing was written there' victim sh -c 'echo $(find victim)'
rm -rf trap
mkdir trap
echo mine >victim/f
ln -s ../victim/f trap/more
succeeds 'a planted link is replaced, not followed' \
    flux archive extract --overwrite -C trap more
is 'what it led to is the same' mine cat victim/f

# files that stay where they are
cp src/big mapped
succeeds 'create --mmap' flux archive create --mmap -n map mapped more
like 'the content module has the file' "\"map\":\[\"$DIR/mapped\"\]" \
    sh -c 'flux module stats content | jq -c .mmap'
is 'its regions' 3 sh -c 'flux module stats content | jq .mmap.blobs'
for rank in 0 1 3; do
    mkdir map$rank
    succeeds "extract it on rank $rank" \
        flux exec -r $rank flux archive extract -n map -C "$DIR/map$rank"
    succeeds "it is the same on rank $rank" cmp mapped map$rank/mapped
done
fails 'mmap and preserve' 1 '^flux-archive: --mmap cannot work with --preserve$' \
    flux archive create --mmap --preserve -n p more
fails 'mmap and another namespace' 1 '--mmap cannot work with --no-force-primary$' \
    flux archive create --mmap --no-force-primary -n p more
fails 'mmap on another rank' 1 '^flux-archive: --mmap only works on rank 0$' \
    flux exec -r 1 flux archive create --mmap -n p "$DIR/mapped"
cp src/big changing
flux archive create --mmap -n changing --chunksize=500K changing
flux content dropcache
printf changed | dd of=changing bs=1 seek=2400000 conv=notrunc 2>/dev/null
mkdir changed
fails 'a file that has changed' 1 "^flux-archive: changing: $DIR/changing: changed since" \
    flux archive extract -n changing -C changed
is 'is not extracted in part' changed find changed
rm changing
fails 'a file that is gone' 1 'changing: .*/changing: No such file' \
    flux archive extract -n changing -C changed
fails 'a failed archive' 1 'nosuch: No such file' flux archive create --mmap -n fail mapped nosuch
succeeds 'create --mmap --overwrite' flux archive create --mmap --overwrite -n map mapped
is 'the older regions go' 3 sh -c 'flux module stats content | jq ".mmap.tags.map|length * 3"'
succeeds 'remove' sh -c 'flux archive remove -n map; flux archive remove -n changing'
is 'nothing is mapped' '{"tags":{},"blobs":0}' \
    sh -c 'flux module stats content | jq -c .mmap'

# what brokers hold of a large file
peaks () {
    for pid in $(flux exec -r all flux getattr broker.pid); do
        awk '/VmHWM/ { print $2 }' /proc/$pid/status
    done
}
head -c 100000000 /dev/urandom >large
flux archive create --mmap -n large large
before=$(peaks | sort -n | head -n 1)
for rank in 1 2 3; do
    mkdir large$rank
    flux exec -r $rank flux archive extract -n large -C "$DIR/large$rank" &
done
wait
after=$(peaks | sort -n | tail -n 1)
succeeds 'on three ranks at once' sh -c 'cmp large large1/large && cmp large large2/large &&
    cmp large large3/large'
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip 'no broker grows by 32 MB' 'a sanitizer keeps what is freed'
elif [ $((after - before)) -lt 32768 ]; then
    ok 'no broker grows by 32 MB'
else
    not_ok 'no broker grows by 32 MB' "from $before to $after KB"
fi
flux archive remove -n large
rm -r large large1 large2 large3

# keys
is 'blobs are kept with the archive' valref \
    sh -c 'flux kvs get -t archive.main_blobs | jq -r .type'
succeeds 'remove main' flux archive remove
fails 'both keys go' 1 'No such file' flux kvs get archive.main_blobs
fails 'remove: it does not exist' 1 '^flux-archive: archive.main does not exist$' \
    flux archive remove
succeeds 'remove -f' flux archive remove -f
flux kvs namespace create ns
succeeds 'another namespace' env FLUX_KVS_NAMESPACE=ns flux archive create --no-force-primary more
is 'has it' more env FLUX_KVS_NAMESPACE=ns flux archive list --no-force-primary
fails 'the primary one has not' 1 'No such file' env FLUX_KVS_NAMESPACE=ns flux archive list
succeeds 'its name was filemap' flux filemap create more
is 'filemap list' more flux filemap list
fails 'filemap: errors have its name' 1 '^flux-filemap: archive.main: key exists$' \
    flux filemap create more
chmod 700 src/sub out*/src/sub part/src/sub
finish
