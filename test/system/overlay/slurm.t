# Brokers that srun starts, with Slurm's own PMI: a private Slurm of one host, on loopback.
. "${0%/*}/../lib.sh"

PATH=$PATH:/usr/sbin:/sbin
for program in munged slurmctld slurmd srun sinfo; do
    command -v $program >/dev/null && continue
    echo "1..0 # SKIP there is no $program (slurmd, slurmctld, slurm-client, munge)"
    exit 0
done
if [ "$(id -u)" -ne 0 ]; then
    echo '1..0 # SKIP slurmd needs root'
    exit 0
fi

host=$(uname -n)
ports=$(/usr/bin/python3 -c '
import socket
s = [socket.socket() for _ in range(2)]
for x in s:
    x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))')
mkdir spool state
cat >slurm.conf <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$DIR/munge.sock
CryptoType=crypto/munge
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool
SlurmctldPidFile=$DIR/slurmctld.pid
SlurmdPidFile=$DIR/slurmd.pid
SlurmctldPort=${ports% *}
SlurmdPort=${ports#* }
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=pmi2
ReturnToService=2
SelectType=select/cons_tres
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE
END
export SLURM_CONF="$DIR/slurm.conf"
head -c 1024 /dev/urandom >munge.key
chmod 600 munge.key
munged -F -f --key-file="$DIR/munge.key" --socket="$DIR/munge.sock" --pid-file="$DIR/munge.pid" \
    --log-file="$DIR/munge.log" --seed-file="$DIR/munge.seed" >munged.out 2>&1 &
pids=$!
trap 'kill $pids; wait; cd /; rm -rf "$DIR"' EXIT
until_true test -S munge.sock
slurmctld -D >slurmctld.out 2>&1 &
pids="$! $pids"
slurmd -D >slurmd.out 2>&1 &
pids="$! $pids"
succeeds 'Slurm is there' until_true sh -c 'sinfo -h -o %T | grep -q idle'

# What srun says of its queue is not ours.
under () { srun -Q "$@"; }
is 'srun starts two brokers' 2 under -n2 --overcommit flux start flux getattr size
is 'with --mpi=pmi2, too' 2 under --mpi=pmi2 -n2 --overcommit flux start flux getattr size
is 'flux broker by itself' 2 under -n2 --overcommit flux broker flux getattr size
is 'a job runs on both' '0
1' under -n2 --overcommit flux start sh -c "flux run -N2 sh -c 'echo \$FLUX_TASK_RANK' | sort"
fails 'the status of the program is passed on' 3 'Exited with exit code 3|exit code' \
    under -n2 --overcommit flux start sh -c 'exit 3'
is 'a broker alone' 1 under -n1 flux start flux getattr size
# Its own libraries, as where PMI is not spoken over a descriptor.
for version in libpmi libpmi2; do
    library=$(ldconfig -p | sed -n "s|.*=> \(.*/${version}[.]so[.]0\)$|\1|p" | head -n 1)
    if [ -z "$library" ]; then
        skip "brokers by Slurm's $version" "there is no $version.so.0"
        continue
    fi
    is "brokers by Slurm's $version" '2 2' under --mpi=pmi2 -n2 --overcommit flux broker \
        -Sbroker.boot-method=$version:$library sh -c \
        "echo \$(flux getattr size; flux run -N2 hostname | wc -l)"
    like "flux pmi by Slurm's $version" 'pmi exchange on 2 tasks' under --mpi=pmi2 -n2 --overcommit \
        flux pmi --method=$version:$library exchange
done
finish
