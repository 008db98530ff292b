# What watchers cost those who have nothing to do with them.
. "${0%/*}/../lib.sh"
under_flux 2

here=${SCRIPT%/*}/..
succeeds 'a commit beside 10000 watchers looks at none of them' \
    python3 "$here/watchers.py" 10000
is 'a rank without watchers knows of none' '' \
    sh -c 'flux exec -r 1 flux module stats kvs | jq -r ".watchers // empty"'
finish
