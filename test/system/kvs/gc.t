#!/bin/sh
# flux gc: what nothing refers to goes, all else stays.
. "${0%/*}/../lib.sh"
under_flux 2 -Sstatedir="$(mktemp -d -p "${FLUX_TEST_DIR:-/tmp}")" -Scontent.gc-ratio=0

count () { flux module stats content-sqlite | sed 's/.*"object_count":\([0-9]*\).*/\1/'; }
text () { head -c 3000 /dev/zero | tr '\0' "$1"; }
size () { flux gc --json | sed 's/.*"after":\([0-9]*\).*/\1/'; }

flux kvs put dir.sub.a=1 dir.b="$(text b)"
flux kvs namespace create other
flux kvs --help >/dev/null
flux kvs put --namespace=other x="$(text o)"
old=$(flux kvs getroot --blobref)
for i in 1 2 3 4 5 6 7 8 9; do flux kvs put dir.v="$(text $i)"; done
ref=$(text s | flux content store)
flux kvs put --sync dir.w=1

before=$(count)
like 'says what it would do' '^would free [1-9][0-9]* blobs of .*, keep [1-9]' flux gc --dry-run
is 'and does not' "$before" count
is 'it would do it again, phase after phase' 'mark sweep' sh -c \
    'flux gc -n -v 2>&1 >/dev/null | sed -n "s/^flux-gc: \([a-z]*\): .*/\1/p" | xargs'
like 'how far it is' '^flux-gc: sweep: [0-9]*%, [1-9][0-9]* blobs of garbage' sh -c 'flux gc -n -vv 2>&1'
like 'one at a time, past the cache' '"freed":{"blobs":[1-9]' flux gc -n --maxreqs=1 --no-cache --json
fails 'none at a time' 1 'maxreqs: must be 1 or more' flux gc --maxreqs=0
fails 'as the service sees it' 1 'maxreqs is a number from 1' flux python -c '
import flux
flux.Flux().rpc("content-backing.collect", {"maxreqs": 0}).get()'
like 'says what it did' '^freed [1-9][0-9]* blobs of .*, kept [1-9]' flux gc
succeeds 'fewer blobs' [ "$(count)" -lt "$before" ]
like 'finds nothing more' '"freed":{"blobs":0,"bytes":0}' flux gc --json
like 'prints nothing if told so' '^$' flux gc --quiet
succeeds 'keys are there' [ "$(flux kvs get dir.v)" = "$(text 9)" ]
succeeds 'also those of before' [ "$(flux kvs get dir.b)" = "$(text b)" ]
succeeds 'other namespaces are there' [ "$(flux kvs get --namespace=other x)" = "$(text o)" ]
flux content dropcache
succeeds 'what was stored by itself is there' [ "$(flux content load "$ref")" = "$(text s)" ]
succeeds 'a root that was handed out is there' [ "$(flux kvs get --at="$(flux kvs getroot)" dir.b)" = "$(text b)" ]
flux kvs dropcache --all
like 'the store is whole' ', 0 damaged$' flux fsck
like 'the root that the leader handed out' '^1$' flux kvs get --at="{\"data\":[\"$old\"],\"type\":\"dirref\",\"ver\":1}" dir.sub.a

# What was freed may come back.
flux kvs put dir.v="$(text 1)"
flux kvs put --sync dir.u="$(text 2)"
flux content dropcache
flux kvs dropcache --all
succeeds 'an old value again' [ "$(flux kvs get dir.v)$(flux kvs get dir.u)" = "$(text 1)$(text 2)" ]

# A follower's references are known to the leader.
flux exec -r1 flux kvs get --treeobj dir.b >ref
like 'a reference from a follower' '"valref"' cat ref
flux kvs put dir.b=2
flux gc --quiet
flux kvs put --treeobj dir.copy="$(cat ref)"
succeeds 'is as good as a copy' [ "$(flux kvs get dir.copy)" = "$(text b)" ]

# when it begins by itself
is 'what is kept' 4M flux getattr content.gc-min
is 'what ends with the instance' 128M flux start flux getattr content.gc-min
is 'as it is told' 1M flux start -Scontent.gc-min=1M flux getattr content.gc-min

fails 'no operands' 1 'sage' flux gc now
fails 'no backing store' 1 'no backing store' sh -c \
    'flux module remove kvs-watch 2>/dev/null; flux start -s1 -Scontent.backing-module=none flux gc'
finish
