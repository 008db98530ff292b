#!/bin/sh
# What requests change in the graph, and who has to know: status, and feasibility.
. "${0%/*}/../lib.sh"

mkdir -p conf
cat >conf/resource.toml <<'END'
[resource]
noverify = true
[[resource.config]]
hosts = "n[0-1]"
cores = "0-1"
END
[ -n "${FLUX_TEST_ACTIVE:-}" ] || under_flux 1 -c "$PWD/conf"

flux module remove sched-simple
flux module remove resource
flux module load resource monitor-force-up
flux module load sched-fluxion-resource
flux module load sched-fluxion-feasibility

cat >feasible.py <<'END'
import json
import subprocess
import sys

import flux

spec = subprocess.check_output(["flux", "submit", "--dry-run", *sys.argv[1:], "true"])
try:
    flux.Flux().rpc("feasibility.check", {"jobspec": json.loads(spec)}).get()
    print("yes")
except OSError as e:
    print(e.strerror)
END
feasible () {
    flux python feasible.py "$@" 2>&1
}
cat >graph.py <<'END'
import json
import sys

host, rank, core = sys.argv[1:]
root, path = "/cluster0", "/cluster0/" + host


def vertex(key, path, **metadata):
    return {"id": key, "metadata": {"paths": {"containment": path}, **metadata}}


print(json.dumps({"graph": {"nodes": [
    vertex("0", root, type="cluster", id=0, rank=-1),
    vertex("100", path, type="node", name=host, rank=int(rank)),
    vertex("101", f"{path}/core{core}", type="core", id=int(core), rank=int(rank)),
], "edges": [{"source": "0", "target": "100"}, {"source": "100", "target": "101"}]}}))
END
all () {
    flux ion-resource status | jq -c '.all.execution | [.nodelist[0], .properties]'
}
refused () { # HOST RANK CORE
    python3 graph.py "$@" >bad.json
    fails "a graph with rank $2 and core $3 is refused" 1 'rank or id is too large' \
        flux ion-resource add-subgraph bad.json
}

is 'what there is' '["n[0-1]",null]' all
is 'nobody has the property' 'Unsatisfiable request' feasible -n1 --requires=fast
is 'two nodes will do' yes feasible -N2
is 'three will not' 'Unsatisfiable request' feasible -N3
refused n2 2147483647 0
refused n2 16777216 0
refused n2 2 4294967296
is 'nothing has changed' '["n[0-1]",null]' all

fails 'what no job can name is no property' 1 'name has none of' \
    flux ion-resource set-property /cluster0/n1 'a^b=1'
flux ion-resource set-property /cluster0/n1 fast=1
is 'status knows the property' '["n[0-1]",{"fast=1":"1"}]' all
is 'so does feasibility' yes feasible -n1 --requires=fast
is 'of one node' 'Unsatisfiable request' feasible -N2 --requires=fast
fails 'a jobspec that is none' 1 'Internal match error' flux python -c '
import flux
flux.Flux().rpc("feasibility.check", {"jobspec": {"version": 1}}).get()'
flux ion-resource remove-property /cluster0/n1 fast
is 'status knows when it is gone' '["n[0-1]",null]' all
is 'and feasibility' 'Unsatisfiable request' feasible -n1 --requires=fast

flux ion-resource set-property /cluster0/n1 /cluster0/n1 fast=2
is 'a path that is named twice' '["n[0-1]",{"fast=2":"1"}]' all
succeeds 'is once' flux ion-resource remove-property /cluster0/n1 /cluster0/n1 fast
is 'and that is known' '["n[0-1]",null]' all

python3 graph.py n2 2 0 >more.json
flux ion-resource add-subgraph more.json
is 'a node more' '["n[0-2]",null]' all
is 'three will do' yes feasible -N3
flux module reload sched-fluxion-feasibility
is 'who comes later knows, too' yes feasible -N3
is 'and that four will not' 'Unsatisfiable request' feasible -N4
flux ion-resource remove-subgraph /cluster0/n2
flux ion-resource remove-subgraph /cluster0/n1
is 'a node is left' '["n0",null]' all
is 'two will not do' 'Unsatisfiable request' feasible -N2
is 'one will' yes feasible -N1
finish
