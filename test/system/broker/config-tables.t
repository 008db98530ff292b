# Each key of each table of the configuration stands on its page, and does something that can
# be seen, or is refused with a line.
. "${0%/*}/../lib.sh"
/usr/bin/python3 "$FLUX_TEST_SOURCE/test/system/config.py" \
    "$FLUX_TEST_SOURCE/test/system/config.tsv" pages code tests tried >answers
while IFS= read -r line; do
    case $line in
    'ok - '*) ok "${line#ok - }" ;;
    'not ok - '*) not_ok "${line#not ok - }" ;;
    *) printf '%s\n' "$line" ;;
    esac
done <answers
finish
