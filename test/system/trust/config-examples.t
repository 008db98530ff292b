# Each configuration that a page of ours shows, and each shape of one that others publish: an
# instance starts with it, and loads it again. What names a site's files has this test's.
. "${0%/*}/../lib.sh"

host=$(hostname)
flux keygen curve.cert
printf '#!/bin/sh\nexec "$@"\n' >helper && chmod 755 helper
flux R encode --ranks=0 --cores=0-1 --hosts="$host" >R

# The fenced blocks of a page that are tables, each a file.
cat >blocks.py <<'END'
import re
import sys
import tomllib

page, into = sys.argv[1:]
for n, text in enumerate(re.findall(r'```\n(.*?)```', open(page).read(), re.S)):
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        continue
    if tables and all(isinstance(v, (dict, list)) for v in tables.values()):
        open('%s-%d.toml' % (into, n), 'w').write(text)
END
for page in "$FLUX_TEST_SOURCE"/man/flux-config*.5.scd; do
    name=${page##*/}
    /usr/bin/python3 blocks.py "$page" "ours-${name%.5.scd}"
done

cat >job-manager.toml <<'END'
[job-manager]
journal-size-limit = 10000
inactive-age-limit = "7d"
inactive-num-limit = 10000
[job-manager.housekeeping]
release-after = "1m"
[exec]
imp = "HERE/helper"
END
cat >ingest.toml <<'END'
[ingest.frobnicator]
plugins = [ "defaults" ]
[ingest.validator]
plugins = [ "jobspec", "feasibility" ]
args = [ "--require-version=1" ]
END
cat >queues.toml <<'END'
[resource]
noverify = true
[[resource.config]]
hosts = "HOST"
cores = "0-1"
properties = ["debug"]
[[resource.config]]
hosts = "test[8-127]"
cores = "0-1"
properties = ["batch"]
[queues.debug]
policy.limits.duration = "30m"
requires = [ "debug" ]
[queues.batch]
policy.limits.duration = "8h"
requires = [ "batch" ]
[policy.jobspec.defaults.system]
queue = "batch"
[sched-fluxion-qmanager]
queues = "batch debug"
queue-policy-per-queue = "batch:easy debug:fcfs"
[sched-fluxion-resource]
match-policy = "lonodex"
match-format = "rv1_nosched"
END
sed 's/^\[policy.jobspec/[modules.alternatives]\nsched = "sched-fluxion-qmanager"\n&/' queues.toml >fluxion.toml
cat >policy.toml <<'END'
[policy.jobspec.defaults.system]
duration = "1h"
queue = "batch"
[policy.limits]
duration = "4h"
job-size.max.nnodes = 8
job-size.max.ngpus = 4
[queues.debug.policy.limits]
duration = "30m"
job-size.max.ngpus = -1
[queues.batch]
END
cat >exec.toml <<'END'
[exec]
imp = "HERE/helper"
job-shell = "HERE/flux-shell-special"
END
cat >units.toml <<'END'
[systemd]
enable = true
sdbus-debug = true
sdexec-debug = true
[exec]
service = "sdexec"
max-kill-timeout = "15m"
sdexec-stop-timer-sec = 1800
[exec.sdexec-properties]
MemoryMax = "90%"
END
printf '[exec.testexec]\nallow-guests = true\n' >testexec.toml
printf '[access]\nallow-guest-user = true\nallow-root-owner = true\nprivate-mode = true\n' >access.toml
printf '[heartbeat]\nperiod = "5s"\ntimeout = "1m"\nwarn_thresh = 3\n' >heartbeat.toml
printf '[kvs]\ncheckpoint-period = "30m"\n' >kvs.toml
printf '[tbon]\ntorpid_min = "10s"\ntorpid_max = "1m"\ntcp_user_timeout = "2m"\n' >tbon.toml
printf '[content-sqlite]\njournal_mode = "WAL"\nsynchronous = "NORMAL"\n' >content.toml
printf '[fake-resources]\nnnodes = 1000\ncores-per-node = 48\ngpus-per-node = 4\nhost-prefix = "node"\n' >fake.toml
cat >bootstrap.toml <<'END'
[bootstrap]
curve_cert = "HERE/curve.cert"
default_port = 8050
default_bind = "tcp://127.0.0.1:%p"
default_connect = "tcp://e%h:%p"
hosts = [
    { host = "HOST" },
    { host = "test[1-1023]" },
]
END
sed -i "s|HERE|$DIR|g; s|HOST|$host|g" [a-z]*.toml

# A page's hosts, and its files, are not here.
sed -i "s|\"/etc/[^\"]*curve.cert\"|\"$DIR/curve.cert\"|; s|\"[^\"]*/R\"|\"$DIR/R\"|
    s|imp = \"[^\"]*\"|imp = \"$DIR/helper\"|; s|\"priority-custom.so\"|\"perilog.so\"|" ours-*.toml
for f in *.toml; do
    case $f in
    *bootstrap*) # the first of its hosts, which waits for no other
        first=$(sed -n 's/.*host *= *"\([^",[]*\)\[*\([0-9]*\).*/\1\2/p' "$f" | head -n 1)
        sed -i 's|tcp://[^:"]*:|tcp://127.0.0.1:|g' "$f"
        succeeds "$f" env FLUX_FAKE_HOSTNAME="$first" flux broker -c "$f" -Sbroker.quorum=1 \
            flux config get bootstrap.hosts
        ;;
    *) succeeds "$f" flux start -c "$f" --conf=resource.noverify=true flux config reload ;;
    esac
done
finish
