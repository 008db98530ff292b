# What users ran into with configurations: each with the kind of fault that it stands for.
. "${0%/*}/../lib.sh"

# Pretended GPUs: what tasks see of them.
mkdir gpus bad perilog
cat >gpus/r.toml <<'EOT'
[resource]
noverify = true
[[resource.config]]
hosts = "n[0-1]"
cores = "0-3"
gpus = "0-1"
EOT
cat >gpus.sh <<'EOT'
visible () { flux run "$@" -l sh -c 'echo $CUDA_VISIBLE_DEVICES' | sort | xargs; }
visible -N1 -n2 -g1
visible -N1 -n2 -g1 -o gpu-affinity=per-task
visible -N2 -n3 -g1 -o gpu-affinity=per-task
visible -N1 -n1
visible -N1 -n1 -x -o gpu-affinity=per-task
visible -N1 -n2 -g1 -o gpu-affinity=off
EOT
cat >gpus.expected <<'EOT'
0: 0,1 1: 0,1
0: 0 1: 1
0: 0 1: 1 2: 0
0: -1
0: 0,1
0: 1:
EOT
is 'GPUs: all that the job has there, a share, none' "$(cat gpus.expected)" \
    flux start -s2 --test-hosts='n[0-1]' -c gpus sh gpus.sh

# Refused: the instance does not start, a line names key and what is expected.
refused () {
    printf "$3" >bad/x.toml
    name=$1
    run flux start -s1 -c bad true
    if [ $rc -ne 0 ] && matches "$2" "$err"; then
        ok "refused: $name"
    else
        not_ok "refused: $name" "$rc" "$err"
    fi
}
refused 'a text where a list is expected' 'queues.x.requires.*(array|list)' \
    '[queues.x]\nrequires = "str"\n'
refused 'a number in such a list' 'queues.x.requires' '[queues.x]\nrequires = [5]\n'
refused 'what is no property' "queues.x.requires: 'bad!' is no property" \
    '[queues.x]\nrequires = ["bad!"]\n'
refused 'a queue that is no table' 'queues' 'queues = 5\n'
refused 'an unknown key of a queue' 'queues.x.*nosuch' '[queues.x]\nnosuch = 1\n'
refused 'an unknown key of the policy' 'policy.*nosuch' '[policy]\nnosuch = 1\n'
refused 'an unknown key of limits' 'policy.limits.*nosuch' '[policy.limits]\nnosuch = 1\n'
refused 'a default queue that is not there' 'nosuch' \
    '[queues.x]\n[policy.jobspec.defaults.system]\nqueue = "nosuch"\n'
refused 'a default queue, and no queues' 'nosuch' \
    '[policy.jobspec.defaults.system]\nqueue = "nosuch"\n'
refused 'a default queue that is a number' 'queue' \
    '[queues.x]\n[policy.jobspec.defaults.system]\nqueue = 5\n'
refused 'a limit that is no duration' 'policy.limits.duration' \
    '[policy.limits]\nduration = "soon"\n'
refused 'a limit of a queue that is none' 'queues.x.policy.limits' \
    '[queues.x.policy.limits]\nduration = []\n'
refused 'a size that is a text' 'policy.limits.job-size' \
    '[policy.limits]\njob-size.max.nnodes = "many"\n'
refused 'hosts that are no list' 'hosts' \
    '[resource]\nnoverify = true\n[[resource.config]]\nhosts = "n[0-"\ncores = "0-1"\n'
refused 'an unknown key of resources' 'resource.*nosuch' '[resource]\nnosuch = 1\n'
refused 'a plugin that is not there' 'nosuch.so' \
    '[job-manager]\nplugins = [{load = "nosuch.so"}]\n'
refused 'what is no TOML' 'x.toml' 'a = = 1\n'

# A certificate that is not there.
cat >bad/x.toml <<EOT
[bootstrap]
curve_cert = "/nosuch/cert"
hosts = [{host = "$(hostname)"}, {host = "nosuch"}]
default_port = 9999
default_bind = "tcp://*:%p"
default_connect = "tcp://%h:%p"
EOT
fails 'refused: a certificate that is not there' 1 'bootstrap.curve_cert: /nosuch/cert: No such' \
    flux broker -Sbroker.boot-method=config --config-path=bad true

sed '/nosuch"}/s/, {host = "nosuch"}//' bad/x.toml >alone.toml
fails 'refused: nor one that a single broker would not need' 1 \
    'bootstrap.curve_cert: /nosuch/cert: No such' \
    flux broker -Sbroker.boot-method=config --config-path=alone.toml true

# A prolog and an epilog for each job.
cat >perilog/p.toml <<EOT
[job-manager]
plugins = [{load = "perilog.so"}]
[job-manager.prolog]
command = ["sh", "-c", "echo prolog >>$DIR/perilog.log"]
[job-manager.epilog]
command = ["sh", "-c", "echo epilog >>$DIR/perilog.log"]
EOT
cat >perilog.sh <<'EOT'
flux run true
flux run true
id=$(flux job last)
flux job wait-event "$id" clean >/dev/null
sort perilog.log | uniq -c | xargs
flux job eventlog "$id" | cut -d' ' -f2 | grep -E '^((pro|epi)log-|start|finish|free)' | xargs
EOT
is 'perilog: both for each job, each in its place' "2 epilog 2 prolog
prolog-start prolog-finish start finish epilog-start epilog-finish free" \
    flux start -s1 -c perilog sh perilog.sh

# One line says which file, which key, and what was expected.
mkdir conf.d
printf '[kvs]\ncheckpoint-period = "1h"\n' >conf.d/10.toml
for case in 'job-manager:nosuch=1:there is no such key' \
    'kvs:checkpoint-period=5:must be a string' 'heartbeat:period=2:must be a string' \
    'resource:norestrict=1:must be true or false' 'bootstrap:hosts=1:must be an array' \
    'tbon:torpid_max="x":.x. is not a duration' 'ingest:x=1:there is no such key' \
    'queues.a:nosuch=1:there is no such key'; do
    table=${case%%:*} line=${case#*:} why=${case##*:}
    line=${line%:*} key=${line%%=*}
    printf '[%s]\n%s\n' "$table" "$line" >conf.d/20.toml
    fails "$table.$key" 1 "conf.d/20.toml: $table.$key: $why" flux start -c conf.d true
done
finish
