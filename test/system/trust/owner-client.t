# What a client of the owner says in the place of a module, or ten thousand times: nothing
# acknowledged is lost, the instance ends, and what it keeps is bounded.
. "${0%/*}/../lib.sh"

cat >say.py <<'END'
"""say.py WHAT: as a client of the owner."""
import errno
import os
import signal
import sys
sys.path.insert(0, os.environ["FLUX_TEST_SOURCE"] + "/test/system")
from wire import *

c = Client()


def said(topic, payload):
    m = c.rpc(topic, payload)
    return (errno.errorcode[m.errnum] + " " + m.text()).strip() if m.errnum else "taken"


def many(topic, payload):
    """The first answer that is not like those before, and its number."""
    tags = [c.ask(topic, payload(i)) for i in range(10000)]
    for i, tag in enumerate(tags):
        m = c.answer(tag)
        if m.errnum:
            return f"{i} {errno.errorcode[m.errnum]} {m.text()}"
    return "all taken"


if sys.argv[1] == "gone":
    print(said("content.unregister-backing", {}))
elif sys.argv[1] == "store":
    print(said("content.register-backing", {"name": "me"}))
    print(said("content.collect", {"on": False}))
elif sys.argv[1] == "exec":
    c.ok("service.add", {"service": "dummy"})
    c.ok("job-manager.exec-hello", {"service": "dummy"})
    print("hello", flush=True)
    c.sock.settimeout(None)
    while True:
        m = c.recv()
        if m.topic == "dummy.start":
            print("start", flush=True)
elif sys.argv[1] == "attr":
    print(many("attr.set", lambda i: {"name": f"test.a{i}", "value": "1"}))
    print(said("attr.set", {"name": "test.b", "value": "1" * 70000}))
    print(said("attr.set", {"name": "test.a1", "value": "2"}))
elif sys.argv[1] == "env":
    print(said("broker.setenv", {"env": {"FLUX_TEST_A": "x" * 70000}}))
    print(many("broker.setenv", lambda i: {"env": {f"FLUX_TEST_A{i}": "x" * 1000}})
          .partition(" ")[2])
    print(said("broker.setenv", {"env": {"FLUX_TEST_A1": None}}))
END

case ${1:-} in
store)
    python3 say.py gone >gone.out 2>&1
    flux kvs put b=2
    flux kvs get b >b.out
    kill -9 "$(flux getattr broker.pid)"
    sleep 60
    ;;
silent) # a job of a service that says nothing
    flux module remove job-exec
    python3 say.py exec >exec.out &
    until grep -q hello exec.out; do :; done
    flux submit sleep 1000 >/dev/null
    until grep -q start exec.out; do :; done
    exit ;;
esac

mkdir state
run flux start -Sstatedir="$DIR/state" sh "$SCRIPT" store
no='EPERM only the backing store may say that'
is 'only the store says that it goes' "$no" cat gone.out
is 'what was answered' 2 cat b.out
is '  is there after a kill' 2 flux start -Sstatedir="$DIR/state" flux kvs get b
is 'or comes, or collects' "$no
$no" flux start python3 say.py store

LIMIT=40
succeeds 'an exec service that does not answer is not waited for at the end' \
    flux start -Slog-stderr-level=4 sh "$SCRIPT" silent
like '  which is a line' 'dummy.start: the exec service, a client, does not answer' \
    printf '%s\n' "$err"
like 'attributes are bounded' '^[0-9]* ENOSPC .* no more fit' flux start python3 say.py attr
attr=$out
like '  values, too' '^E2BIG test.b: ' echo "$attr"
like '  what is there may change' '^taken' echo "$attr"
like 'the environment is bounded' '^E2BIG the broker.s environment' \
    flux start python3 say.py env
env=$out
like '  each variable, too' '^E2BIG FLUX_TEST_A: ' echo "$env"
like '  and may shrink' '^taken' echo "$env"
finish
