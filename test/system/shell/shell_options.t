# Shell options: flux-shell-options(7).
. "${0%/*}/../lib.sh"
under_flux 2

# --- what is said about binding ---
fails 'verbose' 3 'flux-shell\[0\]: cpu-affinity: all tasks: cpus [0-9]' \
    flux run -o cpu-affinity=verbose sh -c 'exit 3'
fails 'a map in masks' 3 'cpu-affinity: task 0: cpus 0$' \
    flux run -o cpu-affinity='dry-run,map:0x1;0x00000001,0x00000002' sh -c 'exit 3'
fails 'and beyond 32' 3 'cpu-affinity: task 1: cpus 1,32$' \
    flux run -n2 -N1 -o per-resource.type=node -o per-resource.count=2 \
    -o cpu-affinity='dry-run,map:0x1;0x00000001,0x00000002' sh -c 'exit 3'
is 'dry-run binds nobody' "$(nproc)" sh -c 'flux run -o cpu-affinity=dry-run,map:0 nproc 2>/dev/null'
is 'a map does' 1 flux run -o cpu-affinity=map:0 nproc

# --- GPUs: those of an instance that pretends to have some ---
show='echo $CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER'
cat >gpus.sh <<EOF
flux run -N1 -n4 -g1 sh -c '$show' | sort -u
flux run -N1 -n4 -g1 -o gpu-affinity=per-task -l sh -c 'echo \$CUDA_VISIBLE_DEVICES' | sort
flux run -N1 -n2 -g2 -o gpu-affinity=per-task -l sh -c 'echo \$CUDA_VISIBLE_DEVICES' | sort
flux run -N1 -n2 -g2 -o 'gpu-affinity=map:1,3;2' -l sh -c 'echo \$CUDA_VISIBLE_DEVICES' | sort
flux run -N1 -n1 -g4 -o gpu-affinity=off sh -c 'echo \${CUDA_VISIBLE_DEVICES:-unset}'
flux run -n1 sh -c 'echo \$CUDA_VISIBLE_DEVICES'
EOF
cat >conf.toml <<'EOF'
[resource]
noverify = true
[[resource.config]]
hosts = "localhost"
cores = "0-3"
gpus = "0-3"
EOF
is 'gpu-affinity' '0,1,2,3 PCI_BUS_ID
0: 0
1: 1
2: 2
3: 3
0: 0,1
1: 2,3
0: 1,3
1: 2
unset
-1' flux start -s1 --config-path="$PWD/conf.toml" sh gpus.sh

# --- limits ---
for bad in nosuch=1 nofile=x nofile=-2; do
    fails "rlimit.$bad" 1 "rlimit: ${bad%=*}: unknown limit or invalid value" \
        flux run -o rlimit.$bad true
done

# --- memory ---
is 'oom.adjust' '500 500' sh -c \
    'flux run -n2 -o oom.adjust=500 sh -c "until [ \$(cat /proc/self/oom_score_adj) = 500 ]; do :; done; cat /proc/self/oom_score_adj" | xargs'
fails 'sysmon' 3 'flux-shell\[0\]: sysmon: memory.peak=[0-9.]+M loadavg-overall=[0-9.]+' \
    flux run -o sysmon sh -c 'exit 3'
# The task goes on until a trace is there.
mkfifo traced
: >sysmon.err
flux run -o verbose=2 -o sysmon.period=1ms sh -c 'read -r x <traced; exit 3' 2>sysmon.err &
until_true grep -q 'memory.current' sysmon.err
echo >traced
wait $!
is 'sysmon, with traces' 3 echo $?
like 'of what is used' 'sysmon: memory.current=[0-9.]+M' cat sysmon.err

# --- hwloc ---
like 'hwloc.xmlfile' '^<topology' env HWLOC_COMPONENTS=x flux run -o hwloc.xmlfile \
    sh -c '[ -z "${HWLOC_COMPONENTS:-}" ] && [ "$HWLOC_XMLFILE" = "$FLUX_JOB_TMPDIR/hwloc.xml" ] && cat $HWLOC_XMLFILE'
is 'hwloc.restrict' 1 sh -c \
    'flux run -n1 -o hwloc.xmlfile -o hwloc.restrict sh -c "grep -c type=.Core. \$HWLOC_XMLFILE"'

# --- stage-in ---
mkdir src
echo one >src/a.txt
echo two >src/b.dat
head -c 300000 /dev/urandom >src/large
echo other >other.txt
flux archive create -C src . && flux archive create --name=other other.txt
is 'stage-in' 'one two same' sh -c \
    'flux run -o stage-in sh -c "cd \$FLUX_JOB_TMPDIR && cat a.txt b.dat; cmp large $PWD/src/large && echo same" | xargs'
is 'names' 'a.txt b.dat large other.txt' sh -c \
    'flux run -o stage-in.names=main,other sh -c "ls \$FLUX_JOB_TMPDIR" | xargs'
is 'pattern' 'a.txt' sh -c \
    'flux run -o stage-in.pattern="*.txt" sh -c "ls \$FLUX_JOB_TMPDIR" | xargs'
is 'destination' '2' sh -c \
    "flux run -N2 -n2 -o stage-in.names=other -o stage-in.destination=global:$PWD/there sh -c 'cat $PWD/there/other.txt' | grep -c other"
fails 'an archive that is not there' 1 'stage-in: nosuch: .*archive.nosuch' \
    flux run -o stage-in.names=nosuch true
fails 'a destination that cannot be' 1 'stage-in: /nonexistent/x: No such file' \
    flux run -o stage-in.destination=/nonexistent/x true
finish
