# What workflow managers call, as they call it, and what they read of the answers: options,
# formats, statuses, attributes of objects. Each part ends with what its manager concludes.
. "${0%/*}/../lib.sh"
under_flux 2 -Slog-stderr-level=3
export USER="${USER:-$(id -un)}"

# nextflow: a script in its folder; the id is what begins with the letter; states by columns.
mkdir -p work
printf 'echo ran in $PWD\n' >work/.command.run
id=$(cd work && flux submit --setattr=cwd="$DIR/work" --job-name="nf-sayHello_(1)" \
    --output="$DIR/work/.command.log" --cores-per-task=2 --time-limit=05 \
    /bin/bash .command.run | grep -o 'ƒ.*')
like 'nextflow: an id' '^ƒ[0-9A-Za-z]+$' echo "$id"
flux job wait-event "$id" clean >/dev/null
states () {
    sh -c "flux jobs --suppress-header --format=\"{id.f58} {status_abbrev}\" --since=\"-15m\" --user=$USER"
}
# The list hears of an event when the KVS has it, as who waits for it does; which of the two
# is first nobody knows.
listed () {
    while flux jobs -no '{status_abbrev}' "$1" | grep -q "$2"; do :; done
}
listed "$id" '[RC]$'
is 'nextflow: two columns, the job is done' "$id CD" sh -c \
    "flux jobs --suppress-header --format='{id.f58} {status_abbrev}' --since=-15m --user=$USER"
is 'nextflow: its log' "ran in $DIR/work" cat work/.command.log
is 'nextflow: limit and cores' '300 2' sh -c "flux job info $id jobspec |
    jq -r '\"\(.attributes.system.duration) \(.resources[0].with[0].count)\"'"
id=$(flux submit sleep inf)
flux job wait-event "$id" start >/dev/null
listed "$id" '[DPS]$'
like 'nextflow: it runs' "^$id R\$" states
succeeds 'nextflow: it is killed' flux job cancel "$id"
flux job wait-event "$id" clean >/dev/null
listed "$id" '[RC]$'
like 'nextflow: it was' "^$id CA\$" states

# cctools: files by an archive, decimal ids in a pipe, one waitable job after the other.
cat >cctools.py <<'EOP'
import json, os, re, subprocess, sys

def call(command):
    r = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True)
    return r.returncode, r.stdout

def submit(command, stage_in=False):
    status, out = call("flux submit %s --flags=waitable --nodes=1 --cores=1 --gpus-per-node=0 "
                       "sh -c 'cd $FLUX_JOB_TMPDIR && %s' | flux job id --to=dec"
                       % ("-o stage-in" if stage_in else "", command))
    return int(re.match(r"\d+", out)[0])

def wait(of=""):
    "The first one whose id is said; that of a job that was asked for is not."
    number = None
    while not number:
        status, out = call(f"timeout 60s flux job wait {of} 2>&1")
        if status == 2:
            return None
        number = re.match(r"\d+", call(f"echo '{out.rstrip()}' | flux job id --to=dec 2>&1")[1])
    number = int(number[0])
    job = json.loads(call(f"flux jobs --json {number} 2> /dev/null")[1])
    assert job["t_submit"] <= job["t_run"]
    return number, job["returncode"], os.WIFEXITED(job["waitstatus"]), job["success"]

assert call("flux uptime 2>&1")[0] == 0
assert call("flux archive remove -f")[0] == 0
for name in "one", "two":
    open(name, "w").write(name + "\n")
    assert call(f"flux archive create --append -C {os.getcwd()} {name} 2>&1")[0] == 0
good = submit('test "$(cat one two | xargs)" = "one two"', True)
print("good", wait() == (good, 0, True, True))
bad = submit("exit 3")
print("bad", wait() == (bad, 3, True, False))
print("none", wait())
slow = submit("trap \"\" TERM; exec sleep 60")
call(f"flux job wait-event {slow} start")
print("kill", call(f"flux job kill {slow} 2>&1")[0])
print("KILL", call(f"flux job kill -s SIGKILL {slow} 2>&1")[0])
print("killed", wait(slow), call(f"flux jobs -no {{result}} {slow}")[1].strip())
EOP
is 'cctools: all that it does' 'good True
bad True
none None
kill 0
KILL 0
killed None FAILED' python3 cctools.py

# pysqa: a script whose directives say it all; the id is the last word; a table without header.
cat >pysqa.sh <<'EOS'
#!/bin/bash
# flux: --job-name=pysqa
# flux: --env=CORES=2
# flux: --output=time.out
# flux: --error=error.out
# flux: -n 2
# flux: -t 1

echo "cores $CORES"; echo to stderr >&2; cat go
EOS
mkfifo go
first=$(flux batch pysqa.sh)
sed "s/^# flux: -t 1/&\n# flux: --dependency=afterok:$(flux job id "$first")/; s/cat go/true/" pysqa.sh >after.sh
cat >pysqa.py <<'EOP'
import subprocess, sys
from flux.job import JobID
names = {"R": "running", "S": "pending", "D": "pending", "C": "error", "CA": "error", "CD": "finished"}
second = subprocess.run(["flux", "batch", "after.sh"], stdout=subprocess.PIPE, text=True).stdout
second = int(JobID(second.splitlines()[-1].rstrip().lstrip().split()[-1]))
first = int(JobID(sys.argv[1]))
def look(*states):
    rows = {}
    while [rows[i][2] if rows else None for i in (first, second)] != list(states):
        out = subprocess.run(["flux", "jobs", "-a", "--no-header"], stdout=subprocess.PIPE, text=True).stdout
        rows = {int(JobID(line.split()[0])): line.split()[1:4] for line in out.splitlines()}
    print(*(f"{rows[i][1]} {names[rows[i][2]]}" for i in (first, second)))
subprocess.run(["flux", "job", "wait-event", str(first), "memo"], stdout=subprocess.DEVNULL)
look("R", "D")
open("go", "w").close()
for job in first, second:
    subprocess.run(["flux", "job", "wait-event", str(job), "clean"], stdout=subprocess.DEVNULL)
look("CD", "CD")
EOP
is 'pysqa: what it makes of the table' 'pysqa running pysqa pending
pysqa finished pysqa finished' flux python pysqa.py "$first"
is 'pysqa: the files' 'cores 2 to stderr' sh -c 'cat time.out error.out | xargs'

# maestro: objects of Python; states of a list of ids; the line that starts tasks in a script.
cat >maestro.py <<'EOP'
import os, stat
import flux, flux.job
h = flux.Flux()
with open("step.sh", "w") as f:
    f.write("#!/bin/sh\nflux run -n 2 -N 2 -c 1 -o mpibind=off echo task\n")
os.chmod("step.sh", stat.S_IRWXU)
def spec(nested):
    if nested:
        js = flux.job.JobspecV1.from_nest_command(
            [os.path.abspath("step.sh")], num_nodes=2, cores_per_slot=1, num_slots=2, gpus_per_slot=0)
    else:
        js = flux.job.JobspecV1.from_command(
            ["sh", "-c", "echo plain; exec sleep inf"], num_tasks=1, num_nodes=1, cores_per_task=1,
            gpus_per_task=0)
    js.setattr("system.job.name", "step")
    js.cwd = os.getcwd()
    js.environment = dict(os.environ)
    js.setattr("system.project", "p")
    js.duration = 60
    js.stdout = "step.{{id}}.out"
    js.stderr = "step.{{id}}.err"
    return js
jobs = [str(flux.job.submit(h, spec(n), waitable=False, urgency=16).f58) for n in (True, False)]
flux.job.event_wait(h, flux.job.JobID(jobs[0]), "clean")
flux.job.event_wait(h, flux.job.JobID(jobs[1]), "start")
def states(*wanted):
    found = {}
    while [found.get(j) for j in jobs] != list(wanted):
        rpc = flux.job.list.JobList(h, ids=[flux.job.JobID(j) for j in jobs])
        found = {str(info.id.f58): info.status_abbrev for info in rpc.jobs()}
    print(*(found[j] for j in jobs), list(rpc.errors))
states("CD", "R")
for info in flux.job.list.JobList(h, ids=[flux.job.JobID(jobs[1])]).jobs():
    flux.job.cancel(h, int(info.id))
flux.job.event_wait(h, flux.job.JobID(jobs[1]), "clean", raiseJobException=False)
states("CD", "CA")
print(open(f"step.{jobs[0]}.out").read().split(), open(f"step.{jobs[1]}.out").read().split())
EOP
is 'maestro: submission, states, cancel, output' "CD R []
CD CA []
['task', 'task'] ['plain']" flux python maestro.py

# BEE: a script as a batch job; what it asks of one id.
cat >bee.py <<'EOP'
import os
import flux
from flux import job
script = "\n".join(["#!/bin/bash", "set -e", "flux run -N 2 -n 2 hostname",
                    "flux run -N 2 -n 2 --output main.out --error main.err echo main"])
js = job.JobspecV1.from_batch_command(script, "task", num_slots=2, num_nodes=2)
js.stdout, js.stderr = os.path.abspath("bee.out"), os.path.abspath("bee.err")
js.environment = dict(os.environ)
h = flux.Flux()
def ended(jobid):
    info = {"status": "RUN"}
    while info["status"] in ("RUN", "CLEANUP"):
        info = job.get_job(flux.Flux(), jobid)
    return info
jobid = job.submit(h, js)
info = job.get_job(flux.Flux(), jobid)
assert info["id"] == jobid and info["name"] == "task"
job.event_wait(h, jobid, "clean")
info = ended(jobid)
assert info["t_submit"] > 0 and info["runtime"] > 0
print(info["name"], info["status"], open("main.out").read().split(), len(open("bee.out").read().split()))
jobid = job.submit(h, job.JobspecV1.from_batch_command("#!/bin/sh\nsleep inf", "long", num_slots=1, num_nodes=1))
job.event_wait(h, jobid, "start")
job.cancel(h, jobid)
job.event_wait(h, jobid, "clean", raiseJobException=False)
print(ended(jobid)["status"])
EOP
is 'BEE: a task, and one that is canceled' "task COMPLETED ['main', 'main'] 2
CANCELED" flux python bee.py

# HPC-launcher, LBANN: one line in a script, with shortened options.
cat >launch.sh <<EOS
flux run -u -N2 -n4 --setattr=system.cwd=$DIR/work -o nosetpgrp --env=LD_PRELOAD= \\
    --env=OMP_NUM_THREADS=3 --time=5m --job-name=launch sh -c 'echo \$PWD \$OMP_NUM_THREADS'
EOS
is 'HPC-launcher: run' "$DIR/work 3" sh -c 'sh launch.sh | sort -u'
is 'HPC-launcher: what the job has' '300 launch true' sh -c 'flux job info $(flux job last) jobspec |
    jq -r "\"\(.attributes.system.duration) \(.attributes.system.job.name) \(.attributes.system.shell.options.nosetpgrp != null)\""'
is 'LBANN: hosts, a line each' 'a
b1
b2' flux hostlist -led '\n' 'a,b[1-2]'
is 'LBANN: its own hosts' 2 sh -c 'flux alloc -N2 flux hostlist -e local | wc -w'

# AMS: an instance that waits, and where it is.
id=$(flux batch --output 'x-{{id}}.log' --exclusive --nslots 1 --nodes 1 --wrap sleep inf)
flux job wait-event "$id" memo >/dev/null
listed "$id" '[DPS]$'
is 'AMS: its state' RUN sh -c "flux jobs -o '{status}' $id | tail -1"
like 'AMS: where it is' '^ssh://.*/local-0$' flux uri --remote "$id"
is 'AMS: its log has its id' "x-$id.log" sh -c 'ls x-*.log'
flux cancel "$id"

# STAT, PRRTE: processes and nodes of a job. Lattice QCD: a chain behind what is there.
id=$(flux submit -N2 -n2 sleep inf)
flux job wait-event -p exec "$id" shell.start >/dev/null
is 'STAT: a process on each node' 2 sh -c "flux job hostpids $id | tr , '\n' | grep -cE '^.+:[0-9]+\$'"
is 'PRRTE: nodes' 2 sh -c "flux job info $id R | flux R decode --nodelist | flux hostlist -e | wc -w"
chain=$(flux jobs --filter=pending,running -no "{id.dec} {name}" | sed -n 's/^\([0-9]*\) sleep$/--dependency=afterany:\1/p')
next=$(flux submit $chain true)
is 'QCD: a chain waits' 'DEPEND' flux jobs -no '{state}' "$next"
flux cancel "$id"
like 'QCD: and goes on' 'finish status=0' flux job wait-event "$next" finish
finish
