# Jobs as a tree, over three levels of instances.
. "${0%/*}/../lib.sh"
PATH=$FLUX_TEST_BUILD/src/cmd/hierarchy:$PATH
under_flux 2

ids () { sed -E 's/ƒ[0-9A-Za-z]+/ƒID/g; s/ *(ƒID|\.) [^ ]+ +R/\1 USER R/; s/[0-9.]+s/Ts/; s/0:00:[0-9]+/H/'; }
shows () { "$@" | ids; }

cat >h.yaml <<'X'
entrypoint: a
groups:
- {name: a, resources: two, launch: [{group: b, count: 2}]}
- {name: b, resources: one}
resources:
  two: {nodes: 2}
  one: {nodes: 1, cores: 2}
X
is 'an instance without jobs' . flux pstree
root=$(flux-hierarchy --quiet start h.yaml)
set -- $(flux-hierarchy list --leaves | sed 's/ .*//')
b1=${1##*/}
flux-hierarchy exec flux submit --quiet --cc=1-2 sleep inf
flux-hierarchy exec flux submit --quiet --job-name=lone sleep inf
for u in $(flux-hierarchy list --leaves | sed 's,.* ssh://[^/]*,local://,'); do
    for id in $(FLUX_URI=$u flux jobs -no '{id}'); do
        FLUX_URI=$u flux job wait-event -q "$id" start
    done
done

is 'three levels, equal leaves are one' '.
└── flux
    ├── b
    │   └── lone
    └── b
        └── 2*[sleep]' flux pstree
is 'each on its own, narrow' '.
└─flux
  ├─b
  │ └─lone
  └─b
    ├─sleep
    └─sleep' flux pstree -C -X
is 'no further than asked' '.
`-- flux
    |-- b
    `-- b' flux pstree --ascii -L 1
is 'no level below' '.
└── flux' flux pstree --level=0
is 'from a job' 'flux
├── b
│   └── lone
└── b
    └── 2*[sleep]' flux pstree "$root"
is 'states are told where they may differ' '.
└── flux
    ├── b
    │   └── lone:R
    └── b
        └── 2*[sleep:R]' flux pstree -a
is 'labels' '.!
└── flux!
    ├── b!
    │   └── lone:R
    └── b!
        └── 2*[sleep:R]' flux pstree -o '{name}:{status_abbrev}' --parent-label='{name}!'
is 'ids of parents' '. .
└── ƒID flux
    ├── ƒID b
    │   └── lone
    └── ƒID b
        └── 2*[sleep]' shows flux pstree -p
is 'details' '       JOBID USER     ST NTASKS NNODES  RUNTIME
ƒID USER R      2      2   Ts flux
ƒID USER R      1      1   Ts ├── b
ƒID USER R      1      1   Ts │   └── lone
ƒID USER R      1      1   Ts └── b
ƒID USER R      1      1   Ts     ├── sleep
ƒID USER R      1      1   Ts     └── sleep' shows flux pstree -x
is 'the root, no header' '. USER R      2      2   Ts .' sh -c \
    "flux pstree --skip-root=no -x -n -L 0 | head -1 | sed -E 's/ *\\. [^ ]+ +R/. USER R/; s/[0-9.]+s/Ts/'"
like 'resources' '^ +ƒ[^ ]+ +2 +2 +[0-9]+ +[0-9]+ +0 +0 flux$' flux pstree -d resources
like 'not those of a job' '^ +ƒ[^ ]{1,12} {36,}│   └── lone$' flux pstree -d resources
like 'progress' '^ +ƒ[^ ]+ +1 +2 +0% ' flux pstree --details=progress
like 'stats' '^ +ƒ[^ ]+ +PD:0 R:2 CD:0 F:0 +[0-9:]+ └── b$' flux pstree -d stats
is 'a format of details' 'NAME NNODES
flux 2 flux
b 1 ├── b
lone 1 │   └── lone
b 1 └── b
sleep 1     └── 2*[sleep]' flux pstree --detail-format='{name} {nnodes}'
is 'cut at the width' '.
└── f
    ├─' sh -c 'COLUMNS=6 flux pstree -L 1 | head -3 | sed "s/└── fl/└── f/"'
like 'not if they may be long' 'sleep' env COLUMNS=6 flux pstree -l
is 'JSON' '["a",2,["lone","sleep"]]' sh -c 'flux pstree --json | python3 -c "
import json, sys
r = json.load(sys.stdin)[\"children\"][0]
n = sorted({j[\"name\"] for b in r[\"children\"] for j in b[\"children\"]})
print(json.dumps([r[\"annotations\"][\"user\"][\"hierarchy\"], r[\"instance\"][\"resources\"][\"all\"][\"nnodes\"], n], separators=(\",\", \":\")))"'
like 'flux jobs -R goes as deep' '^ƒ[^/]+/ƒ[^/]+:$' flux jobs -R
is 'instance fields of flux jobs' 'flux PD:0 R:2 CD:0 F:0 2' \
    flux jobs -no '{name} {instance.stats} {instance.resources.all.nnodes}'

# A picture of it.
flux jobs -aR --svg >jobs.svg
succeeds "jobs -R --svg draws them" python3 -c "
import xml.dom.minidom as m
t = [e.firstChild.data for e in m.parse(\"jobs.svg\").getElementsByTagName(\"title\")]
assert len([x for x in t if x.startswith((\"sleep \", \"lone \"))]) == 3, t
assert len([x for x in t if x.startswith(\"b \")]) == 2, t"
fails "neither by name nor by state" 1 "neither name nor state" flux jobs --svg=x

# An instance that is gone is shown, with a line about it.
uri=$(flux-hierarchy list --leaves | sed -n '1s,.* ssh://[^/]*,,p')
mv "$uri" "$uri.gone"
fails 'an instance that cannot be reached' 1 "^flux-pstree: ERROR: $b1: " flux pstree
like 'the others are shown' 'lone|sleep' echo "$out"
mv "$uri.gone" "$uri"

# One that has stopped is a line, too, and no end for the others.
local=local://$uri
pid=$(FLUX_URI=$local flux getattr broker.pid)
kill -STOP "$pid"
stopped () {
    flux pstree >pstree.out 2>pstree.err &
    flux jobs -R >jobs.out 2>jobs.err &
    flux jobs -R --svg >svg.out 2>svg.err &
    flux jobs -no '{name} {instance.stats}' --filter=running >info.out 2>info.err &
    wait
}
stopped
like 'pstree: who has stopped' "^flux-pstree: ERROR: $b1: .*the broker does not answer" cat pstree.err
like 'pstree: the others' 'lone|sleep' cat pstree.out
like 'jobs -R: who has stopped' "^flux-jobs: ERROR: [^ ]*/$b1: .*does not answer" cat jobs.err
like 'jobs -R: the others' '^ƒ[^/]+/ƒ[^/]+:$' cat jobs.out
like 'jobs -R --svg: who has stopped' "^flux-jobs: ERROR: $b1: .*does not answer" cat svg.err
like 'jobs -R --svg: the others' '<title>(lone|sleep) ' cat svg.out
like 'fields of instances: the others' '^flux PD:0 R:2' cat info.out
kill -CONT "$pid"
root_uri=$(flux-hierarchy list | sed -n '2s,.* ssh://[^/]*,local://,p')
pid=$(FLUX_URI=$root_uri flux getattr broker.pid)
kill -STOP "$pid"
like 'flux-hierarchy list: who has stopped' "$root.*does not answer" sh -c 'flux-hierarchy list 2>&1'
kill -CONT "$pid"

fails 'no such details' 1 "^flux-pstree: ERROR: Unknown --details format 'nosuch'" flux pstree -d nosuch
fails 'no such field' 1 '^flux-pstree: ERROR: Unknown format field: nosuch' flux pstree -o '{nosuch}'
fails 'no such filter' 1 '^flux-pstree: ERROR: Invalid filter specified: nosuch' flux pstree -f nosuch
fails 'no such job' 1 '^JobID ƒ999 unknown' flux pstree ƒ999
fails 'no such option' 2 '^flux pstree: error: ' flux pstree --nosuch
fails 'neither yes nor no' 2 'skip-root' flux pstree --skip-root=maybe
succeeds 'the tree ends' flux-hierarchy stop
finish
