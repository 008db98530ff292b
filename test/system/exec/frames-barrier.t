# What the shells of a job exchange and makes no sense fails the job; nobody waits.
. "${0%/*}/../lib.sh"
. "${SCRIPT%/*}/inject.sh"
under_flux 2 -c "$DIR/conf"

job=$(flux submit -N2 -n2 sh -c \
    'until [ -e go ]; do sleep 0.1; done; flux pmi barrier; exec sleep 1000')
flux job wait-event "$job" start >/dev/null
inject "b $(flux job id --to=dec "$job") {"
touch go
like 'a barrier with keys that are none fails its job' 'exchanged: no keys and values' \
    flux job wait-event -t 60 "$job" exception
is 'and ends it' '' flux job wait-event -q -t 60 "$job" clean
like 'others can be started on both nodes' here flux run -N2 -n2 echo here
finish
