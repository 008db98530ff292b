# A watcher of the KVS may know an event before job-manager has said it. Who asks job-list
# then, is answered when it was said; by a job-manager that is stuck, nobody is held up long.
. "${0%/*}/../lib.sh"
under_flux 1

cat >manager.py <<'END2'
"""A job-manager that says an event when it is asked whether all was said."""
import sys
import flux

h = flux.Flux()
h.service_register("job-manager").get()
readers = []


def entry(name, **context):
    return {"timestamp": 1.0, "name": name, "context": context}


def say(entries):
    for reader in readers:
        h.respond(reader, {"events": [{"id": 1, "entry": e} for e in entries]})


def journal(handle, _watcher, msg, _arg):
    readers.append(msg)
    say([entry("submit", userid=0, urgency=16, flags=0, version=1), entry("validate")])
    say([])
    if sys.argv[1] == "quiet":
        handle.respond(msg, {"events": [], "busy": False})


def sync(handle, _watcher, msg, _arg):
    open("asked", "w").close()
    if sys.argv[1] == "stuck":
        return
    say([entry("depend")])
    if sys.argv[1] == "says":
        handle.respond(msg, None)
    else:
        handle.respond_error(msg, 38, None)


h.msg_watcher_create(journal, topic_glob="job-manager.events-journal").start()
h.msg_watcher_create(sync, topic_glob="job-manager.events-journal-sync").start()
open("ready", "w").close()
h.reactor_run()
END2
cat >minimal.sh <<'END2'
for module in content kvs; do flux module load $module || exit 1; done
flux python manager.py "$1" &
until [ -e ready ]; do flux getattr rank >/dev/null; done
flux module load job-list
flux jobs -n -o '{status}' 1
flux jobs -n -o '{status}' -f pending -A
flux jobs --stats-only 2>&1
kill $!
END2
state () {
    rm -f ready asked
    flux start -Sbroker.rc1_path= -Sbroker.rc3_path= sh minimal.sh "$1" | xargs
}
is 'what was said is in the list' 'PRIORITY PRIORITY 0 running, 0 completed, 0 failed, 1 pending, 0 inactive purged' \
    state says
is 'a refusal is an answer, too' 'PRIORITY PRIORITY 0 running, 0 completed, 0 failed, 1 pending, 0 inactive purged' \
    state refuses
is 'who says nothing is not waited for' 'DEPEND DEPEND 0 running, 0 completed, 0 failed, 1 pending, 0 inactive purged' \
    state stuck
is 'who has sent nothing is not asked' 'DEPEND DEPEND 0 running, 0 completed, 0 failed, 1 pending, 0 inactive purged' \
    state quiet
fails 'at all' 1 '' test -e asked
finish
