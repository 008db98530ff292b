# flux web (web.py asks, browser.py drives a Chromium if there is one).
. "${0%/*}/../lib.sh"
under_flux 2

fails 'an unknown option' 1 "unrecognized option '--nosuch'" flux web --nosuch
fails 'too many arguments' 1 'Usage: flux-web' flux web a b
fails 'no instance there' 1 'connecting to Flux' flux web local:///nosuch

LIMIT=30 timeout "${SCRIPT_LIMIT:-240}" python3 "$FLUX_TEST_SOURCE/test/system/web.py" \
    >web.out 2>web.err
rc=$?
while read -r line; do
    case $line in
    'ok '*) ok "${line#ok }" ;;
    'skip '*) skip "${line#skip }" 'no chromium' ;;
    'not ok '*) not_ok "${line#not ok }" ;;
    *) echo "$line" ;;
    esac
done <web.out
[ $rc -eq 0 ] && ok 'all cases ran' || not_ok 'all cases ran' "status $rc" "$(cat web.err)"
finish
