#!/bin/sh
# flux shutdown --gc and --dump, and the attributes behind them.
. "${0%/*}/../lib.sh"

state=$DIR/state
mkdir -m 700 state
inside () { # COMMAND: in an instance that it ends itself
    timeout -k 5 "$LIMIT" flux start -Sstatedir="$state" -Scontent.gc-ratio=0 \
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
succeeds '--dump=auto is --gc' inside 'flux shutdown --quiet --dump=auto'
succeeds 'without a file' [ ! -e auto ]
like 'restored' '^9$' flux start sh -c 'flux restore --quiet --key=old "it'\''s.tar" && flux kvs get old.a.b'
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
