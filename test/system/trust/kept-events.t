# What a client says about a job is kept in its eventlog: nothing gets in that could not
# be read again, by who follows the jobs or after a restart.
. "${0%/*}/../lib.sh"

cat >say.py <<'END'
import errno
import sys
sys.path.insert(0, sys.argv[1])
from wire import *

c = Client()
m = c.rpc(sys.argv[2], sys.argv[3].replace("NEST", "[" * 2040 + "]" * 2040).encode() + b"\0")
print(errno.errorcode.get(m.errnum, "taken") if m.errnum else "taken", m.text())
END

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    mkdir state
    LIMIT=200 FLUX_TEST_ACTIVE=1 succeeds 'what cannot be read is refused' \
        flux start -Sstatedir="$DIR/state" sh "$SCRIPT"
    like 'after a restart the job is there' '^S held job$' \
        flux start -Sstatedir="$DIR/state" flux jobs -no '{status_abbrev} {annotations.user.x}'
    finish
fi
id=$(flux submit --urgency=hold true)
dec=$(flux job id --to=dec "$id")
say () { python3 say.py "$FLUX_TEST_SOURCE/test/system" "job-manager.$1" "{\"id\":$dec,$2}"; }

like 'a good memo is taken' '^taken' say memo '"memo":{"x":"held job"}'
for bad in '"text"' '[]' '{"a":"\u0000"}' '{"a":NEST}'; do
    like "memo $bad" '^EPROTO .' say memo "\"memo\":$bad"
    like "volatile memo $bad" '^EPROTO .' say memo "\"volatile\":true,\"memo\":$bad"
done
for bad in '"text"' '[]' '{"attributes.system.job.name":"a\u0000b"}' \
    '{"attributes.system.constraints":{"and":NEST}}'; do
    like "update $bad" '^EPROTO .' say update "\"updates\":$bad"
done
for bad in '"attributes.system.job.name":[1]' '"attributes.system.queue":5' \
    '"attributes.system.constraints":"x"' '"attributes.system.duration":"1m"'; do
    like "update $bad" '^EINVAL .*must be a' say update "\"updates\":{$bad}"
done
is 'the job is listed' "$id" flux jobs -no '{id}'
[ $FAILED -eq 0 ]
