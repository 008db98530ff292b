# Each option of each command does something that can be seen, or is refused with a line.
. "${0%/*}/../lib.sh"
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    cat >"$DIR/queues.toml" <<'EOT'
[queues.a]
[queues.b]
[policy.jobspec.defaults.system]
queue = "a"
EOT
fi
under_flux 2 -Slog-stderr-level=3 -c "$DIR/queues.toml"
flux queue start --all --quiet

# What the commands of the table are tried on.
echo 'FROM_FILE=1' >env.rules
echo '[{"type": "slot", "count": 5, "label": "s", "with": [{"type": "core", "count": 1}]}]' >res.json
flux submit --dry-run true >spec.json
HELD=$(flux submit --urgency=hold --job-name=held sleep 1000)
DONE=$(flux submit --job-name=done echo out)
RUNNING=$(flux submit --requires=rank:0 sleep 1000)
CANCELED=$(flux submit --urgency=hold true)
flux cancel "$CANCELED"
flux job wait-event "$DONE" clean >/dev/null
flux job wait-event "$CANCELED" clean >/dev/null
flux job wait-event "$RUNNING" start >/dev/null
export HELD DONE RUNNING CANCELED

/usr/bin/python3 "$FLUX_TEST_SOURCE/test/system/options.py" \
    "$FLUX_TEST_SOURCE/test/system/options.tsv" ${OPTION_PARTS:-complete tests tried} >answers
while IFS= read -r line; do
    case $line in
    'ok - '*) ok "${line#ok - }" ;;
    'not ok - '*) not_ok "${line#not ok - }" ;;
    *) printf '%s\n' "$line" ;;
    esac
done <answers
flux cancel --all -q
finish
