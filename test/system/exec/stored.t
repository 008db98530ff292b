# What events of a job promise is in the KVS with them, and a job may run before that. Who
# asks job-info for it waits until it is stored, and no longer.
. "${0%/*}/../lib.sh"
under_flux 1

# --- job-info, and a job-manager of our own ---
cat >manager.py <<'END2'
"""Says that jobs 1 to 9 are stored, when it has stored them; 10 is unknown, 11 cannot be
stored now, 12 is said to be stored, and is not."""
import errno, os, subprocess
import flux
from flux.job import JobID

h = flux.Flux()
h.service_register("job-manager").get()
R = '{"version":1,"execution":{"R_lite":[],"starttime":0,"expiration":7}}'
log = ('{"timestamp":1.0,"name":"submit","context":{"userid":%d,"urgency":16,"flags":0,'
       '"version":1}}\n' % os.getuid())


def store(i):
    for name, value in (("R", R), ("eventlog", log)):
        subprocess.run(["flux", "kvs", "put", "--raw", f"{JobID(i).kvs}.{name}=-"],
                       input=value.encode(), check=True)


def stored(handle, _watcher, msg, _arg):
    i = msg.payload["id"]
    with open("asked", "a", encoding="ascii") as f:
        print(i, file=f)
    if i < 10:
        store(i)
    if i in (10, 11):
        handle.respond_error(msg, *((errno.ENOENT,), (errno.ENOSPC, "no room"))[i - 10])
    else:
        handle.respond(msg, None)


h.msg_watcher_create(stored, topic_glob="job-manager.stored").start()
open("ready", "w").close()
h.reactor_run()
END2
cat >watch.py <<'END2'
import flux, sys
try:
    print(flux.Flux().rpc("job-info.update-watch", {"id": int(sys.argv[1]), "key": "R",
        "flags": 0}, flags=flux.constants.FLUX_RPC_STREAMING).get()["R"]["execution"])
except OSError as e:
    print(e.strerror)
END2
cat >minimal.sh <<'END2'
flux module load content && flux module load kvs && flux module load job-info || exit 1
flux python manager.py &
until [ -e ready ]; do flux getattr rank >/dev/null; done
"$@"
rc=$?
kill $!
exit $rc
END2
with_manager () {
    rm -f ready asked
    flux start -Sbroker.rc1_path= -Sbroker.rc3_path= sh minimal.sh "$@"
}
like 'R that is stored meanwhile is found' '"expiration": ?7' with_manager flux job info 1 R
is 'after one question' 1 cat asked
like 'so is the log' '"name":"submit"' with_manager flux job info 2 eventlog
is 'and whoever watches it' submit with_manager sh -c \
    'flux job wait-event -f json 3 submit | sed "s/.*name\":\"\([a-z]*\).*/\1/"'
is 'after one question, too' 3 cat asked
like 'and whoever watches R' "'expiration': 7" with_manager flux python watch.py 4
fails 'a job that nobody has' 1 'invalid job id' with_manager flux job info 10 R
fails 'nor is there a log of it' 1 '' with_manager flux job wait-event 10 submit
is 'each asks once' 10 cat asked
fails 'what cannot be stored now' 1 'no room' with_manager flux job info 11 R
cat >lookup.py <<'END2'
import flux, sys
try:
    flux.Flux().rpc("job-info.lookup", {"id": int(sys.argv[1]), "keys": ["R", "eventlog"],
                                        "flags": 0}).get()
except OSError as e:
    print(e.strerror)
END2
is 'nobody asks for ever' 'No such file or directory' with_manager flux python lookup.py 12
is 'but once' 12 cat asked
like 'what is there costs no question' '^1 2$' with_manager sh -c \
    'flux job info 1 R >/dev/null; : >asked2; mv asked first; flux job info 1 R >/dev/null
    [ ! -e asked ] && echo "$(cat first) 2"'

# --- job-manager, and a scheduler of our own ---
cat >sched.py <<'END2'
import json, sys
import flux
import flux.job
h = flux.Flux()
h.service_register("sched").get()
hello = h.rpc("job-manager.sched-hello", {}, flags=flux.constants.FLUX_RPC_STREAMING)
try:
    while True:
        hello.get()
        hello.reset()
except OSError:
    pass
h.rpc("job-manager.sched-ready", {"mode": "unlimited"}).get()
R = {"version": 1, "execution": {"R_lite": [{"rank": "0", "children": {"core": "0"}}],
                                 "nodelist": ["x"], "starttime": 0, "expiration": 0}}


def has_R(i):
    try:
        return flux.kvs.exists(h, flux.job.JobID(i).kvs + ".R")
    except OSError:
        return False


def stored(i):
    """Of who asks job-manager about this job; how it answers, and whether R is there."""
    try:
        h.rpc("job-manager.stored", {"id": i}).get()
        return ["stored", has_R(i)]
    except OSError as e:
        return [e.strerror, has_R(i)]


def alloc(handle, _watcher, msg, _arg):
    i = msg.payload["id"]
    said = [stored(i)]
    handle.respond(msg, {"id": i, "type": 0, "R_owed": True, "R": R})
    said += [stored(i), stored(1)]
    print(json.dumps(said))
    handle.reactor_stop()


h.msg_watcher_create(alloc, topic_glob="sched.alloc").start()
flux.job.submit(h, flux.job.JobspecV1.from_command(["true"]))
h.reactor_run()
END2
flux module unload sched-simple
is 'job-manager answers when it is stored' \
    '[["stored", false], ["stored", true], ["no such job is active", false]]' \
    flux python sched.py
flux module load sched-simple

# --- tasks that look for what is theirs ---
cat >own.sh <<'END2'
flux job info $FLUX_JOB_ID R >/dev/null && flux job info $FLUX_JOB_ID eventlog >/dev/null &&
    flux job wait-event $FLUX_JOB_ID alloc >/dev/null && flux job timeleft >/dev/null && echo found
END2
is 'a job finds its own' 'found' sh -c \
    'flux submit --cc=1-50 --quiet --watch -t 1h sh own.sh | sort -u'
finish
