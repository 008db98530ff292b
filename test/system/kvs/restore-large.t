#!/bin/sh
# A dump of more than a store holds before it collects by itself: nothing refers to what has
# been restored until all is there, and it is all there then.
. "${0%/*}/../lib.sh"

content () { # of a dump, below a directory
    tar xf "$1" --to-stdout --wildcards "$2*" | sha256sum
}
mkdir d && head -c 6000000 /dev/urandom | split -b 2000 -a 4 - d/k
tar cf first.tar --sort=name d || exit 1
first=$(content first.tar d/k)
mkdir -m 700 state
succeeds 'a new instance goes on from it' flux start -Sstatedir="$DIR/state" \
    -Scontent.gc-min=256k -Scontent.restore=first.tar \
    sh -c 'flux fsck && flux dump -q second.tar'
is 'with the same values' "$first" content second.tar d/k
for opt in '' --no-cache; do
    succeeds "into a key $opt" flux start -Scontent.gc-min=256k sh -c \
        "flux restore -q $opt --key=old first.tar && flux gc -q && flux dump -q third.tar"
    is 'with the same values' "$first" content third.tar old/d/k
    rm -f third.tar
done
finish
