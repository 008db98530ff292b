#!/bin/sh
# flux shutdown --gc and --dump, and the attributes behind them.
. "${0%/*}/../lib.sh"

state=$DIR/state
OPTIONS=
mkdir -m 700 state
inside () { # COMMAND: in an instance that it ends itself
    # shellcheck disable=SC2086
    timeout -k 5 "$LIMIT" flux start $OPTIONS -Sstatedir="$state" -Scontent.gc-ratio=0 \
        sh -c "$1; exec sleep 60" 2>err
    [ $? -eq 129 ]
}
objects () { flux start -Sstatedir="$state" flux module stats content-sqlite |
    sed 's/.*"object_count":\([0-9]*\).*/\1/'; }

succeeds 'an instance writes' inside \
    'for i in 1 2 3 4 5 6 7 8 9; do flux kvs put --sync a.b=$i; done; flux shutdown --quiet'
before=$(objects)
succeeds '--gc' inside 'flux shutdown --quiet --gc'
succeeds 'less is there' [ "$(objects)" -lt "$before" ]
like 'and all that counts' '^9$' flux start -Sstatedir="$state" flux kvs get a.b
succeeds '--dump, below this directory' inside "flux shutdown --quiet --dump=\"it's.tar\""
like 'has the keys' '^a/b$' tar tf "it's.tar"
# By kvs.gc-threshold, when there were more commits than that.
many () { # HOW IT ENDS: says whether garbage was collected
    rm -rf "$DIR/many"
    mkdir -m 700 "$DIR/many"
    (state=$DIR/many
    inside "for i in 1 2 3 4 5 6 7 8 9; do flux kvs put --sync a.b=\$i; done; $1" >&2
    grep -o 'gc-threshold is .*' err
    [ "$(objects)" -lt 20 ] && echo collected || echo kept)
}
is 'few commits' kept many 'flux shutdown --quiet'
printf '[kvs]\ngc-threshold = 5\n' >threshold.toml
OPTIONS=-c$DIR/threshold.toml
like 'many' '^gc-threshold is 5, and there were [0-9]+ commits: garbage is collected' many 'flux shutdown --quiet'
is 'but not with --no' kept many 'flux shutdown -n'
is 'nor with --skip-gc' kept many 'flux shutdown --skip-gc'
like 'with --yes' 'collected$' many 'flux shutdown -y'
OPTIONS=
fails 'no threshold' 1 'kvs.gc-threshold: -1 is no number from 0' \
    flux start --conf=kvs.gc-threshold=-1 true
# Named by the broker, and the next instance goes on from there, once.
succeeds '--dump=auto' inside 'flux shutdown --quiet --dump=auto'
like 'in dump/ of the statedir' '^[0-9]{8}_[0-9]{6}\.tgz$' readlink "$state/dump/RESTORE"
like 'has the keys' '^a/b$' tar tf "$state/dump/RESTORE"
succeeds 'for nobody else' [ "$(stat -c %a "$state/dump")" = 700 ]
rm "$state/content."*
like 'the next instance restores it' '^9$' flux start -Sstatedir="$state" flux kvs get a.b
succeeds 'and removes the link' [ ! -h "$state/dump/RESTORE" ]
succeeds 'not the dump' [ "$(find "$state/dump" -name '*.tgz' | wc -l)" = 1 ]
succeeds 'what is written later' flux start -Sstatedir="$state" flux kvs put a.b=10
like 'stays' '^10$' flux start -Sstatedir="$state" -Scontent.restore=auto flux kvs get a.b
flux start -Sstatedir="$state" flux kvs put a.b=9
ln -s nowhere.tgz "$state/dump/RESTORE"
fails 'a link to nowhere' 1 'dump/RESTORE: Failed to open' flux start -Sstatedir="$state" true
succeeds 'stays' [ -h "$state/dump/RESTORE" ]
like 'nothing is restored on demand' '^9$' \
    flux start -Sstatedir="$state" -Scontent.restore= flux kvs get a.b
like 'another file takes its place' '^9$' flux start -Sstatedir="$state" \
    -Scontent.restore="$(find "$state/dump" -name '*.tgz')" flux kvs get a.b
succeeds 'and the link goes' [ ! -h "$state/dump/RESTORE" ]
mkdir here && cd here || exit 1
succeeds 'without a statedir' flux start -Scontent.dump=auto flux kvs put a.b=11
like 'in the working directory' '^a/b$' tar tf dump/RESTORE
fails 'where nobody looks' 1 'No such file' flux start flux kvs get a.b
like 'who does not say so' '^11$' flux start -Scontent.restore=auto flux kvs get a.b
fails 'once' 1 'No such file' flux start -Scontent.restore=auto flux kvs get a.b
succeeds 'once more' flux start -Scontent.dump=auto flux kvs put a.b=12
like 'flux modprobe restores, too' '^12$' \
    env FLUX_MODPROBE_PATH_APPEND="$DIR" flux start -Scontent.restore=auto flux kvs get a.b
succeeds 'and removes the link' [ ! -h dump/RESTORE ]
cd ..
like 'restored' '^9$' flux start sh -c 'flux restore --quiet --key=old "it'\''s.tar" && flux kvs get old.a.b'
skipped () {
    flux start -Scontent.dump="$DIR/skipped.tgz" -Scontent.gc-at-end=1 \
        flux shutdown --quiet --skip-gc
}
run skipped
is '--skip-gc: no dump, no collection' '129 ' echo "$rc $err"
fails 'there is none' 2 'No such file' ls skipped.tgz
fails '--skip-gc with what it forbids' 1 'skip-gc: --gc asks for it' \
    flux start flux shutdown --skip-gc --gc
fails '--dump: the suffix is looked at while there is time' 1 \
    '^flux-shutdown: --dump: x.foo: the suffix names no format: .tar, ' \
    flux start sh -c 'flux shutdown --dump=x.foo; rc=$?; flux getattr rank >/dev/null && exit $rc'
fails '--dump without a name' 1 'no file is named' flux start flux shutdown --dump=

succeeds 'content.dump at any end' flux start -Scontent.dump="$DIR/end.tgz" flux kvs put x=1
like 'has the key' '^x$' tar tf end.tgz
like 'content.restore' '^1$' flux start -Scontent.restore="$DIR/end.tgz" flux kvs get x
like 'into what was there' '^1$' flux start -Sstatedir="$state" -Scontent.restore="$DIR/end.tgz" flux kvs get x
fails 'which has gone' 1 'a.b: No such file' flux start -Sstatedir="$state" flux kvs get a.b
like 'on two brokers' '^1$' flux start -s2 -Scontent.restore="$DIR/end.tgz" flux kvs get x
fails 'a file that is none' 1 'content.restore failed' flux start -Scontent.restore=/nowhere true
fails 'a dump that fails' 1 'nowhere/x.tar: No such file' flux start -Scontent.dump=/nowhere/x.tar true
finish
