#!/bin/sh
# Namespaces and their owners, by the commands: a guest's own works, all else does not.
. "${0%/*}/../lib.sh"

if [ "$(id -u)" -ne 0 ]; then
    echo "1..0 # SKIP only root can be a guest of its own instance"
    exit 0
fi
chmod 711 "$DIR"
[ -d run ] || mkdir -m 711 run
under_flux 2 --rundir="$DIR/run" --conf=access.allow-guest-user=true

LOCAL=$FLUX_URI
OTHER=$(flux exec -r 1 flux getattr local-uri)
# as UID COMMAND...
as () {
    uid=$1
    shift
    setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@"
}

flux kvs namespace create -o 65534 mine
flux kvs namespace create -o 65533 theirs
flux kvs put secret=1
flux kvs put -N theirs secret=1
flux kvs put -N mine from.owner=1
root=$(flux kvs getroot)
version=$(flux kvs version)

for FLUX_URI in "$LOCAL" "$OTHER"; do
    export FLUX_URI
    rank=$(flux getattr rank)
    denied () {
        name=$1
        shift
        fails "rank $rank: $name" 1 'Operation not permitted|owner credentials' as 65534 "$@"
    }
    for ns in primary theirs; do
        denied "get from $ns" flux kvs get -N $ns secret
        denied "ls of $ns" flux kvs ls -N $ns
        denied "dir of $ns" flux kvs dir -N $ns
        denied "put to $ns" flux kvs put -N $ns x=1
        denied "unlink in $ns" flux kvs unlink -N $ns secret
        denied "mkdir in $ns" flux kvs mkdir -N $ns d
        denied "getroot of $ns" flux kvs getroot -N $ns
        denied "version of $ns" flux kvs version -N $ns
        denied "wait for $ns" flux kvs wait -N $ns 0
        denied "watch of $ns" flux kvs get -N $ns -w -c 1 secret
        denied "eventlog of $ns" flux kvs eventlog append -N $ns log x
        denied "copy from $ns" flux kvs copy -S $ns -D mine secret stolen
        denied "move to $ns" flux kvs move -S mine -D $ns from.owner x
    done
    denied 'an old root' flux kvs get --at "$root" secret
    denied 'a directory of an old root' flux kvs dir --at "$root"
    denied 'namespace create' flux kvs namespace create new
    denied 'namespace remove' flux kvs namespace remove mine
    denied 'sync' flux kvs sync
    as 65534 flux kvs link -N mine -T theirs secret out
    denied 'a link out of his own' flux kvs get -N mine out
    denied 'an archive' flux archive create -n evil "$SCRIPT"
    denied 'an archive that is there' flux archive list

    succeeds "rank $rank: put to his own" as 65534 flux kvs put -N mine a=1 d.b=2
    is "rank $rank: get from his own" 1 as 65534 flux kvs get -N mine a
    is "rank $rank: ls of his own" 'a
d.
from.
out@' as 65534 flux kvs ls -1F -N mine
    is "rank $rank: watch of his own" 2 as 65534 flux kvs get -N mine -w -c 1 d.b
    is "rank $rank: what the owner wrote there" 1 as 65534 flux kvs get -N mine from.owner
    is "rank $rank: the owner may do all" 1 flux kvs get -N mine a
    fails "rank $rank: another guest may not" 1 'Operation not permitted' \
        as 65533 flux kvs get -N mine a
    succeeds "rank $rank: unlink in his own" as 65534 flux kvs unlink -N mine -R a d out
done
FLUX_URI=$LOCAL
is 'nothing came of what was denied' "1 1 $version" \
    sh -c 'echo $(flux kvs get secret) $(flux kvs get -N theirs secret) $(flux kvs version)'
finish
