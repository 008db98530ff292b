# flux top, in a terminal of our own (terminal.py, top.py).
. "${0%/*}/../lib.sh"
under_flux 2

fails 'no terminal' 1 'flux-top: stdin is not a terminal' flux top
fails 'an unknown option' 1 "unrecognized option '--nosuch'" flux top --nosuch
fails 'a dump without an exit' 1 'test-exit-dump is for --test-exit' \
    flux top --test-exit-dump=x
fails 'too many arguments' 1 'Usage: flux-top' flux top a b

LIMIT=30 timeout "${SCRIPT_LIMIT:-240}" python3 "$FLUX_TEST_SOURCE/test/system/top.py" >top.out
rc=$?
while read -r line; do
    case $line in
    'ok '*) ok "${line#ok }" ;;
    'not ok '*) not_ok "${line#not ok }" ;;
    *) echo "$line" ;;
    esac
done <top.out
[ $rc -eq 0 ] && ok 'all cases ran' || not_ok 'all cases ran' "status $rc"
finish
