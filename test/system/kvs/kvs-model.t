# Random transactions, lookups and watches from four ranks against a plain model. By hand:
#   OPERATIONS=1000000 SEED=7 sh test/system/kvs/kvs-model.t
. "${0%/*}/../lib.sh"
under_flux 4

LIMIT=${SCRIPT_LIMIT:-200}
URIS=$(for r in 0 1 2 3; do flux exec -r $r flux getattr local-uri; done | tr '\n' ' ')
export URIS
# shellcheck disable=SC2086
succeeds 'the KVS is as the model' \
    python3 "${SCRIPT%/*}/../kvs_model.py" "${OPERATIONS:-3000}" $SEED
printf '%s\n' "$out" | sed 's/^/# /'
finish
