# flux-hierarchy: shapes, errors, and a tree of three levels that runs.
. "${0%/*}/../lib.sh"
PATH=$FLUX_TEST_BUILD/src/cmd/hierarchy:$PATH
DATA=$FLUX_TEST_SOURCE/test/fuzz/hierarchy
fh=flux-hierarchy

# --- without an instance ---
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    cat >config.toml <<X
[resource]
noverify = true
path = "$DIR/R.json"
X
    cat >R.json <<X
{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0-7"}}],"nodelist":["$(uname -n),$(uname -n)"],"starttime":0,"expiration":0}}
X
fi
under_flux 2 -o,--config-path="$DIR/config.toml"

is 'view of one' '=> 
🌿 Leaf Broker Workers...{}
level-1 [Nodes: 1, Cores: 8]' env -u FLUX_URI $fh view "$DATA/hierarchy-one.yaml"
is 'view of two' '=> 
🌿 Leaf Broker Workers...{}
level1 [Nodes: 2]
    ├── level2 [Nodes: 1, Cores: 48]
    └── level2 [Nodes: 1, Cores: 48]' $fh view "$DATA/hierarchy-two.yaml"
core () {
    printf '=> \n🌿 Leaf Broker Workers...{}\nlevel1 [Nodes: 2, Cores: 96]\n'
    for last in ├ └; do
        printf '    %s── level2 [Nodes: 1, Cores: 48]\n' $last
        [ $last = ├ ] && bar='│' || bar=' '
        for i in $(seq 47); do
            printf '    %s   ├── level3 [Nodes: 1, Cores: 1]\n' "$bar"
        done
        printf '    %s   └── level3 [Nodes: 1, Cores: 1]\n' "$bar"
    done
}
is 'view of all cores' "$(core)" $fh view "$DATA/hierarchy-core.yaml"
for f in svg json dot; do
    $fh view --format=$f "$DATA/hierarchy-core.yaml" >core.$f
done
succeeds 'SVG is well-formed' python3 -c "
import xml.dom.minidom as m
d = m.parse('core.svg')
assert len([r for r in d.getElementsByTagName('rect') if r.getElementsByTagName('title')]) == 99"
succeeds 'JSON is JSON' python3 -c "import json; assert json.load(open('core.json'))['leaves'] == 96"
like 'dot has edges' '"0-1" -> "0-1-47";' cat core.dot
fails 'no such format' 2 "no such format 'x'" $fh view --format=x "$DATA/hierarchy-one.yaml"
like 'the version' '^[0-9.]+$' $fh version
like 'help without arguments' '^Flux Hierarchy v' $fh
fails 'an unknown command' 1 '' $fh nosuch
fails 'an unknown option' 2 '^usage: ' $fh view --nosuch
fails 'CONFIG is needed' 2 'error: .*required: CONFIG' $fh start
fails 'no such file' 1 '^flux-hierarchy: nosuch.yaml: No such file' $fh view nosuch.yaml
fails 'a cycle' 1 "cycle: groups\[0\].launch\[0\].group: 'a' launches itself" $fh start "$DATA/cycle"
printf 'a: [\n' >bad.yaml
fails 'bad YAML' 1 'bad.yaml: invalid YAML: line 2' $fh start bad.yaml
fails 'larger than the resources' 1 '^flux-hierarchy: resources.level1.cores: 96, but this instance has 16 cores' \
    $fh start "$DATA/hierarchy-core.yaml"
is 'nothing was started' '' flux jobs -a -n

# --- one that runs ---
cat >h.yaml <<'X'
version: 2
entrypoint: top
groups:
- {name: top, resources: all, launch: [{group: node, count: 2}]}
- {name: node, resources: node, launch: [{group: leaf, count: 2}]}
- {name: leaf, resources: leaf}
resources:
  all: {nodes: 2, cores: 16}
  node: {nodes: 1, cores: 8}
  leaf: {nodes: 1, cores: 2}
X
before=$(ls "$TMPDIR")
like 'start lists what it makes' '^- Generating: leaf \(instance: 0-1-1\)' $fh start h.yaml
like 'it says how it is stopped' 'flux cancel ƒ' echo "$out"
shape () { $fh list -n | sed -E 's/ƒ[^ ]+ //; s, *[^ ]*://.*,,'; }
is 'list shows the tree' 'READY         2     16  top 0
READY         1      8  ├── node 0-0
READY         1      2  │   ├── leaf 0-0-0
READY         1      2  │   └── leaf 0-0-1
READY         1      8  └── node 0-1
READY         1      2      ├── leaf 0-1-0
READY         1      2      └── leaf 0-1-1' shape
is 'as JSON' '0-1-1 2' sh -c "flux-hierarchy list --json | python3 -c \"
import json, sys
n = json.load(sys.stdin)['hierarchies'][0]['children'][1]['children'][1]
print(n['id'], n['ncores'])\""
is 'leaves with their paths' 4 sh -c 'flux-hierarchy list --leaves | grep -c "^ƒ[^/]*/ƒ[^/]*/ƒ[^/]* ssh://"'
is 'submit spreads jobs' '2 2 2 2' sh -c 'flux-hierarchy submit --njobs=8 sleep inf | sed "s,/[^/]*$,," | sort | uniq -c | awk "{ printf s \$1; s = \" \" }"'
is 'exec on each' '4' sh -c 'flux-hierarchy exec --all flux getattr instance-level | grep -c "^3$"'
is 'each has its share' '2 2 2 2 ' sh -c 'flux-hierarchy exec --jobs=1 --all sh -c "flux jobs -no {id} | wc -l | tr \"\n\" \" \""'
fails 'the status of a command' 3 '' $fh exec sh -c 'exit 3'
fails 'no such command' 127 'nosuch: No such file' $fh exec nosuch
fails 'not a hierarchy' 1 'no such job' $fh list ƒ999
job=$(flux submit sleep inf)
fails 'nor is a job' 1 'is not a hierarchy' $fh list "$job"
flux cancel "$job"
is 'flux hierarchy is the same' "$(shape)" sh -c 'flux hierarchy list -n | sed -E "s/ƒ[^ ]+ //; s, *[^ ]*://.*,,"'
succeeds 'stop' $fh stop
fails 'then there is none' 1 'no hierarchy runs' $fh stop
is 'no directory is left of it' "$before" ls "$TMPDIR"

# --- throughput ---
cat >one.yaml <<'X'
entrypoint: a
groups: [{name: a, resources: r}]
resources: {r: {cores: 2}}
X
like 'the block' '^number of jobs: 20 \(on 1 workers\)$' $fh throughput -n 20 --stop one.yaml
like 'its rates' '^    throughput: [0-9.]+ job/s \(script: +[0-9.]+ job/s\)$' echo "$out"
like 'a line for each leaf' '^  0: 20 jobs in ' echo "$out"
like 'CONFIG last, really run, with files' '^number of jobs: 2 ' \
    $fh --quiet throughput -x -n 2 --outdir out --stop true one.yaml
succeeds 'jobspecs and logs are there' test -s out/jobspec-a-0.json -a -d out/logs
fails 'an attribute without a value' 1 '^flux-hierarchy: --setattr: Missing value for attr x' \
    $fh throughput --setattr x one.yaml
fails 'no duration' 1 "runtime: 'x' is no duration" $fh throughput -t x one.yaml

# --- a start that fails ---
cat >fail.yaml <<'X'
entrypoint: a
groups:
- {name: a, resources: r, launch: [{group: b}]}
- {name: b, resources: s}
resources: {r: {cores: 2}, s: {nodes: 3}}
X
fails 'a child that cannot start ends it' 1 'did not start: .*unsatisfiable' $fh start fail.yaml
is 'all of it' 0 sh -c 'flux jobs -n | wc -l'
finish
