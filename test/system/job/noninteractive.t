# FLUX_ATTACH_NONINTERACTIVE: no line that tells what a job waits for, on a terminal either.
. "${0%/*}/../lib.sh"
under_flux 1

id=$(flux submit --urgency=hold true)
attach () { # on a terminal, whose output goes to a file
    script -qefc "$1 flux job attach $id" "$2" >/dev/null 2>&1 </dev/null &
}
attach FLUX_ATTACH_NONINTERACTIVE=1 quiet
first=$!
attach env asked
succeeds 'who is at a terminal sees what a job waits for' until_true grep -q waiting asked
fails 'but not who does not want to' 1 '^$' grep waiting quiet
flux job urgency "$id" default >/dev/null
wait "$first"
fails 'nor later' 1 '^$' grep waiting quiet
wait
finish
