#!/bin/sh
# A dump of more than a store holds before it collects by itself: nothing refers to what has
# been restored until all is there, and it is all there then.
. "${0%/*}/../lib.sh"

content () { # of a dump, without what a start adds
    tar tf "$1" | grep '/k' | sort >names
    tar xf "$1" --to-stdout -T names | sha256sum
}
mkdir -m 700 state
# shellcheck disable=SC2016
printf '%s' '
i=0
while [ $i -lt 3000 ]; do
    i=$((i + 1))
    printf "%s " "d$((i % 50)).k$i=$(printf %02000d $i)"
done | xargs -n 50 flux kvs put && flux dump -q first.tar' >fill
succeeds 'an instance is dumped' flux start sh fill
is 'with its keys' 3000 sh -c "tar tf first.tar | grep -c /k"
first=$(content first.tar)
succeeds 'a new one goes on from it' flux start -Sstatedir="$DIR/state" \
    -Scontent.gc-min=256k -Scontent.restore=first.tar sh -c 'flux fsck && flux dump -q second.tar'
is 'with the same values' "$first" content second.tar
for opt in '' --no-cache; do
    succeeds "into a key $opt" flux start -Scontent.gc-min=256k sh -c \
        "flux restore -q $opt --key=old first.tar && flux gc -q && flux dump -q third.tar"
    tar xf third.tar old && (cd old && tar cf ../fourth.tar --sort=name d*)
    is 'with the same values' "$first" content fourth.tar
    rm -r old
done
finish
