# Plugins in Python of job-ingest: they change jobs, refuse them, fail, and are replaced.
. "${0%/*}/../lib.sh"

cat >frob.py <<'EOF'
from flux.job.frobnicator import FrobnicatorPlugin

class Frobnicator(FrobnicatorPlugin):
    def configure(self, args, config):
        self.mark = config.get("mark", "none")

    def frob(self, jobspec, userid, urgency, flags):
        if jobspec.jobspec["tasks"][0]["command"] == ["crash"]:
            import os
            os.kill(os.getpid(), 9)
        if jobspec.jobspec["tasks"][0]["command"] == ["raise"]:
            raise KeyError("raised")
        if jobspec.jobspec["tasks"][0]["command"] == ["break"]:
            jobspec.jobspec["resources"] = []
        if jobspec.jobspec["tasks"][0]["command"] != ["plain"]:
            jobspec.setattr("system.project", f"{self.mark}-{jobspec.duration}")
EOF
cat >valid.py <<'EOF'
import errno
from flux.job.validator import ValidatorPlugin

class Validator(ValidatorPlugin):
    def validate(self, job):
        if job.jobspec["attributes"]["system"].get("duration", 0) > 100:
            return errno.EPERM, "no job may run for more than 100s"
EOF
cat >config.toml <<EOF
[policy.jobspec.defaults.system]
duration = "50s"
[ingest]
buffer-size = "1M"
[ingest.frobnicator]
plugins = [ "defaults", "constraints", "$DIR/frob.py" ]
frob.mark = "x"
[ingest.validator]
plugins = [ "jobspec", "$DIR/valid.py" ]
EOF

under_flux 2 --config-path="$DIR/config.toml"

project () {
    flux job info "$1" jobspec | jq -r '.attributes.system.project'
}
succeeds 'a job comes through' flux run true
id=$(flux submit true)
like 'the plugin sees defaults, and what it changes stays' '^x-50' project "$id"
succeeds 'what was submitted is kept' sh -c \
    "flux job info $id J | jq -Rr 'split(\".\")[1] | @base64d | fromjson | .attributes.system.project' | grep '^null$'"
id=$(flux submit plain)
like 'a jobspec that is left alone is as it was' '^null$' project "$id"
fails 'the validator refuses' 1 'no job may run for more than 100s' flux submit -t 200s true
succeeds 'who need not be validated is not' sh -c \
    'flux submit -t 200s --flags=novalidate true'
fails 'what raises refuses the job' 1 "KeyError: 'raised'" flux submit raise
fails 'what is no jobspec any more is refused' 1 'resources: must be a list' flux submit break
fails 'a plugin that crashes is a line' 1 'job plugins: Killed' flux submit crash
succeeds 'the next job finds another process' flux run true
succeeds 'many at once' flux submit --cc=1-50 --wait --quiet true
by_id () { flux jobs -a -c0 -n -o '{t_submit} {id.dec}' | sort -n | cut -d' ' -f2; }
succeeds 'in the order of their ids' sh -c "echo '$(by_id)' | sort -n -c"
succeeds 'from another rank' flux exec -r 1 flux run true

# A configuration that changes.
sed -i 's/mark = "x"/mark = "y"/' config.toml
succeeds 'reload' flux config reload
like 'the new configuration holds' '^y-50' project "$(flux submit true)"
sed -i 's|valid.py|no-such.py|' config.toml
flux config reload
fails 'a plugin that there is not' 1 'no such validator: .*no-such.py' flux submit true
flux config get ingest >ingest.json
echo '{"ingest":{"frobnicator":{"plugin":[]}}}' >bad.json
fails 'an unknown key is a line' 1 'ingest.frobnicator.plugin: there is no such key' flux config load bad.json
echo '{"ingest":{"validator":{"plugins":["feasibility"]}}}' >feasible.json
succeeds 'feasibility' flux config load feasible.json
fails 'what can never run is refused' 1 'unsatisfiable' flux submit -N5 true
succeeds 'what can is not' flux run -N2 true
echo '{"ingest":{"validator":{"plugins":["require-instance"],"require-instance":{"mincores":2}}}}' >r.json
flux config load r.json
fails 'only instances' 1 'only instances' flux submit -n2 true
succeeds 'or what is small' flux run -n1 true
echo '{}' >none.json
flux config load none.json
succeeds 'without plugins' flux run true
succeeds 'nobody is left' sh -c '! pgrep -P "$(flux getattr broker.pid)" -f flux.job.pipeline'

# By hand.
like 'validators' '^feasibility$' flux job-validator --list-plugins
like 'frobnicators' '^constraints$' flux job-frobnicator --list-plugins
line () { flux submit --dry-run true | jq -c '{jobspec: ., userid: 1, urgency: 16, flags: 0}'; }
like 'a frobnicator' '"project": "none-' sh -c \
    "echo '$(line)' | flux job-frobnicator --plugins=$DIR/frob.py"
like 'a validator' '"errnum": 0' sh -c "echo '$(line)' | flux job-validator"
# what the module is told goes before its table
flux module reload job-ingest validator-plugins=require-instance
fails 'an argument names the plugins' 1 'only instances of Flux' flux submit true
flux module reload job-ingest disable-validator
succeeds 'an argument ends that' flux run true
fails 'no such argument' 1 'unknown argument: validators=x' flux module reload job-ingest validators=x
finish
