#!/bin/sh
# [kvs] checkpoint-period: checkpoints without being asked.
. "${0%/*}/../lib.sh"

printf '[kvs]\ncheckpoint-period = "0.1s"\n' >kvs.toml
cat >inside <<'EOF'
n=0
flux kvs put a=1
until flux content checkpoint list >list && grep -q sha1- list; do
    n=$((n + 1))
    [ $n -lt 1000 ] || exit 1
    flux getattr rank >/dev/null
done
cat list
EOF
like 'one comes by itself' 'sha1-' flux start --config-path=kvs.toml sh inside
like 'none without it' '^1$' flux start sh -c 'flux kvs put a=1; flux content checkpoint list | wc -l'
printf '[kvs]\ncheckpoint-period = "soon"\n' >bad.toml
fails 'a bad one' 1 "kvs.checkpoint-period: 'soon' is no duration above 0" \
    flux start --config-path=bad.toml true
printf '[kvs]\ncheckpoint-period = 7\n' >bad.toml
fails 'no text' 1 'kvs' flux start --config-path=bad.toml true
cat >reload <<'EOF'
cp bad.toml now.toml
flux config reload
EOF
cp kvs.toml now.toml
printf '[kvs]\ncheckpoint-period = "0s"\n' >bad.toml
fails 'is refused when it is reloaded' 1 'no duration above 0' \
    flux start --config-path=now.toml sh reload
finish
