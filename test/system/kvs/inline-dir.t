#!/bin/sh
# Directories that stand within the tree object of another, as other writers store them.
. "${0%/*}/../lib.sh"
under_flux 2

dir='{"data":{"a":{"data":"MQ==","type":"val","ver":1},"d":{"data":{"e":{"data":{"y":{"data":"Mg==","type":"val","ver":1}},"type":"dir","ver":1},"x":{"data":"MQ==","type":"val","ver":1}},"type":"dir","ver":1}},"type":"dir","ver":1}'
ref=$(printf %s "$dir" | flux content store)
flux kvs put --treeobj z="{\"data\":[\"$ref\"],\"type\":\"dirref\",\"ver\":1}"
all='z.a = 1
z.d.e.y = 2
z.d.x = 1'

is 'all keys' "$all" flux kvs dir -R z
fails 'is a directory' 1 'Is a directory' flux kvs get z.d
like 'is one as a tree object' '^{"data":{"e":{"data":{"y"' flux kvs get --treeobj z.d
is 'all keys, on a follower' "$all" flux exec -r1 flux kvs dir -R z

# What stands beside it changes, and the rest comes from the store.
flux kvs put z.a=5
flux kvs dropcache --all
flux content dropcache
is 'a key beside it' 'z.a = 5
z.d.e.y = 2
z.d.x = 1' flux kvs dir -R z
flux kvs put z.d.e.y=7
flux kvs dropcache --all
is 'a key in it' 'z.a = 5
z.d.e.y = 7
z.d.x = 1' flux kvs dir -R z
like 'the store is whole' ', 0 damaged$' sh -c 'flux kvs sync && flux fsck'
succeeds 'a copy' flux kvs copy z c
is 'has all' 'c.a = 5
c.d.e.y = 7
c.d.x = 1' flux kvs dir -R c
finish
