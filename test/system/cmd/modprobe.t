# flux modprobe: modules with what they need, tasks of rc files.
. "${0%/*}/../lib.sh"
under_flux 2

# --- what is known ---

is 'show' '{"name": "sched-simple", "module": "sched-simple", "args": [], "ranks": "0", "provides": ["sched", "feasibility"], "requires": ["job-manager", "resource"], "needs": [], "before": [], "after": ["job-manager", "resource"], "priority": 100, "disabled": false, "exec": false}' \
    flux modprobe show sched
like 'show -S' '^."name": "sched-fluxion-qmanager"' \
    flux modprobe show -S sched=sched-fluxion-qmanager sched
like 'show -D' '"disabled": true' flux modprobe show -D cron cron
like 'a module of rank 0 is disabled elsewhere' '"disabled": true' \
    flux exec -r 1 flux modprobe show cron
fails 'show: no such module' 1 '^flux-modprobe: ERROR: no such task or module nosuch$' \
    flux modprobe show nosuch
is 'list-dependencies' 'sched (sched-simple)
├── job-manager
│   └── kvs
│       ├── content
│       └── content-sqlite
└── resource' flux modprobe list-dependencies sched
is 'list-dependencies --full' 'resource
└── kvs
    ├── content
    └── content-sqlite
        └── content' flux modprobe list-dependencies -f resource
is 'list-dependencies -D' 'kvs
├── content
└── content-sqlite' flux modprobe list-dependencies -D cron kvs
like 'list-dependencies -S' '^sched .sched-fluxion-qmanager.$' \
    flux modprobe list-dependencies -S sched=sched-fluxion-qmanager sched
fails 'no command' 2 'the following arguments are required: subcommand' flux modprobe

# --- load and remove ---

fails 'all is there' 0 'INFO: All modules and dependencies are already loaded' \
    flux modprobe load sched
fails 'load: no such module' 1 'no such task or module nosuch' flux modprobe load nosuch
fails 'remove: still in use' 1 \
    '^flux-modprobe: ERROR: kvs still in use by cron, job-info, job-manager, resource$' \
    flux modprobe remove kvs
fails 'remove: not loaded' 1 'module nosuch is not loaded' flux modprobe remove nosuch
is 'remove --dry-run' 'remove sched-simple' flux modprobe remove --dry-run sched
succeeds 'remove' flux modprobe remove sched job-list
is 'load --dry-run' 'load sched-simple' flux modprobe load --dry-run sched
succeeds 'load' flux modprobe load sched job-list
is 'it works' works flux run echo works
is 'what rc1 would do on rank 1' 'load content
load kvs
load heartbeat
load barrier
load rexec
load resource
load job-exec' flux exec -r 1 flux modprobe rc1 --dry-run
like 'rc3 ends with what others need' '^remove content$' \
    sh -c 'flux modprobe rc3 --dry-run | tail -1'
is 'show-deps' '["job-manager", "resource"]' \
    sh -c 'flux modprobe rc1 --show-deps | jq -c ".[\"sched-simple\"]" | sed "s/,/, /"'

# --- files of a site ---

mkdir -p site/modprobe.d site/rc1.d site/rc3.d
base=$FLUX_TEST_SOURCE/etc/modprobe
with () { env FLUX_MODPROBE_PATH="$base:$PWD/site" "$@"; }
cat >site/modprobe.d/test.toml <<EOS
cron.args = ["sync=heartbeat.pulse"]
[[modules]]
name = "mine"
module = "$FLUX_TEST_BUILD/src/broker/testmod.so"
provides = ["special"]
requires = ["barrier"]
args = ["a", "b"]
exec = true
ranks = ">0"
needs-attrs = ["rank", "!nosuch"]
needs-env = ["FLUX_TEST_DIR"]
[[modules]]
name = "never"
needs-config = ["never.is"]
[[modules]]
name = "neither"
needs = ["never"]
EOS
like 'args from modprobe.d' '"args": \["sync=heartbeat.pulse"\]' with flux modprobe show cron
like 'needs-config' '"disabled": true' with flux modprobe show never
like 'needs' '"disabled": true' with flux modprobe show neither
like 'ranks' '"disabled": true' with flux modprobe show mine
is 'a module of the site' 'load mine a b' flux exec -r 1 env FLUX_MODPROBE_PATH="$base:$PWD/site" \
    flux modprobe load --dry-run special
succeeds 'it is loaded as a process' flux exec -r 1 env FLUX_MODPROBE_PATH="$base:$PWD/site" \
    flux modprobe load special
like 'under its name' '^mine ' flux exec -r 1 flux module list
succeeds 'and removed' flux exec -r 1 env FLUX_MODPROBE_PATH="$base:$PWD/site" \
    flux modprobe remove mine
for bad in 'nosuch.ranks = "0"' 'kvs.bogus = 1' 'kvs.args = "a"' 'kvs = 1' '[[modules]]' \
    'a = ' 'alternatives.sched = "nosuch"' 'kvs.ranks = "x"'; do
    mkdir -p bad/modprobe.d
    echo "$bad" >bad/modprobe.d/bad.toml
    env FLUX_MODPROBE_PATH="$base:$PWD/bad" flux modprobe show kvs >bad.out 2>bad.err
    [ $? -eq 1 ] && [ "$(wc -l <bad.err)" -eq 1 ] && grep -q '^flux-modprobe: ERROR: ' bad.err ||
        echo "$bad: $(cat bad.err)"
done >refused
is 'what means nothing is one line' '' cat refused

# --- tasks ---

cat >tasks.py <<'EOS'
from flux.modprobe import task

@task("last", after=["*"])
def last(context):
    print("last", context.get("word"))

@task("second", after=["first"], ranks="0")
def second(context):
    print("second", context.rank, context.attr_get("size"), context.conf_get("a.b", "unset"))

@task("first", before=["*"])
def first(context):
    context.set("word", "said")
    context.bash("echo first")

@task("elsewhere", ranks=">0")
def elsewhere(context):
    print("not here")

@task("needs", needs_attrs=["nosuch"])
def needs(context):
    print("not either")

def setup(context):
    context.setopt("cron", "x=1")
    print("setup", context.getopts("cron"))
EOS
is 'run' "setup ['x=1']
first
second 0 2 unset
last said" flux modprobe run tasks.py
is 'run --dry-run' "setup ['x=1']
run first
run second
run last" flux modprobe run --dry-run tasks.py
like 'run --show-deps' '"last": \[.*"' flux modprobe run --show-deps tasks.py
like 'run -v' '^loading tasks.py$' flux modprobe run -v tasks.py
like 'rc3 --show-deps: who is removed first' '"kvs": \[.*"job-manager"' flux modprobe rc3 --show-deps
like 'rc3 -v: what it would read' '^checking .*/rc3.d/' flux modprobe rc3 -v --dry-run
like 'rc1 -v: what it reads' '^checking .*/rc1.d/' flux modprobe rc1 -v --dry-run
flux modprobe remove job-list
succeeds 'rc1 --timing' flux modprobe rc1 --timing
like 'rc1 --timing: how long' '"job-list": ?.*[0-9]' flux kvs get modprobe.0.rc1
fails 'run: no such file' 1 "No such file or directory: 'nosuch.py'" flux modprobe run nosuch.py
cat >bad.py <<'EOS'
from flux.modprobe import task
@task("bad")
def bad(context):
    raise RuntimeError("it broke")
EOS
fails 'a task that fails' 1 '^flux-modprobe: ERROR: bad: it broke$' flux modprobe run bad.py
echo 'import nosuch' >bad.py
fails 'a file that fails' 1 "^flux-modprobe: ERROR: bad.py: ModuleNotFoundError" flux modprobe run bad.py
cat >circle.py <<'EOS'
from flux.modprobe import task
@task("a", after=["b"])
def a(context):
    pass
@task("b", after=["a"])
def b(context):
    pass
EOS
fails 'a circle' 1 'these wait for each other: a, b' flux modprobe run circle.py

# --- the start and the end of an instance ---

cat >site/rc1.d/mine.py <<EOS
from flux.modprobe import task
@task("note", ranks="0", after=["kvs"], requires=["kvs"])
def note(context):
    context.bash("flux kvs put rc1=done")
def setup(context):
    context.load_modules(["special"])
EOS
cat >site/rc3.d/mine.py <<EOS
from flux.modprobe import task
@task("note", ranks="0", before=["kvs"])
def note(context):
    context.bash("flux kvs get rc1 >$PWD/rc3.out")
EOS
is 'an instance starts by the files of a site' 'done
mine
works' with flux start -s2 sh -c 'flux kvs get rc1
    flux exec -r 1 flux module list | grep -o "^mine"; flux run echo works'
is 'and ends by them' done cat rc3.out
is 'the configuration chooses a scheduler' sched-fluxion-qmanager \
    flux start --conf=modules.alternatives.sched=sched-fluxion-qmanager \
    sh -c 'flux module list | grep -o "^sched-fluxion-qmanager"'
fails "a task of the start that fails fails it" 1 "rc1 failed|broke" sh -c '
    echo "raise RuntimeError(\"broke\")" >site/rc1.d/zz.py
    FLUX_MODPROBE_PATH='"$base:$PWD"'/site flux start true'
finish
