# The driver: what needs no instance.
. "${0%/*}/../lib.sh"

fails 'unknown command' 1 \
    "^flux: \`nosuchcommand' is not a flux command.  See 'flux --help'$" flux nosuchcommand
fails 'a shell is not for hands' 1 'started by its instance' flux shell 5
fails 'unknown option of the driver' 2 'Usage: flux' flux --nosuch
fails 'no command' 1 '^Usage: flux' flux
like 'help is grouped' '^run and submit jobs$' flux --help
like 'help of a command' 'Usage: flux-getattr' flux help getattr
fails 'help of an unknown one' 1 'nosuch' flux help nosuch
like 'version' '^flux [0-9]' flux -V
like 'version of the library' '^libflux-core:' flux version
fails 'no broker' 1 'Unable to connect to Flux: .*nosuch' \
    env FLUX_URI=local:///nosuch flux getattr rank
fails 'malformed URI' 1 'Unable to connect to Flux' env FLUX_URI=foo flux getattr rank
printf '#!/bin/sh\necho "hello $*"\n' >flux-hello && chmod +x flux-hello
is 'a program flux-NAME is a command' 'hello a b' env FLUX_EXEC_PATH="$DIR" flux hello a b
fails 'a path is no command' 1 'is not a flux command' flux ../flux-hello

fails '-v says what is run' 1 '^flux: running getattr, a command of this program$' \
    flux -v getattr
like '-v: a program' 'running .*/flux-hello' \
    sh -c 'FLUX_EXEC_PATH="$PWD" flux -v hello 2>&1'
fails 'jobs: what cannot be honoured is refused' 1 'threads' flux jobs --threads=2
fails 'job id: the same' 1 'from' flux job id --from=dec 1

fails 'getattr: no name' 1 '^Usage: flux-getattr' flux getattr
fails 'unknown option' 1 'nosuch' flux getattr --nosuch
fails 'unknown option of submit' 2 '^usage: flux submit' flux submit --nosuch true
fails 'submit: no command' 1 '^flux-submit: ERROR: job command and arguments are missing$' \
    flux submit
fails 'submit: no task' 1 'ntasks=0' flux submit --dry-run -n0 true
fails 'submit: more nodes than tasks' 1 \
    'ERROR: node count must not be greater than task count' flux submit -N2 -n1 true
fails 'submit: time limit' 1 'invalid Flux standard duration' flux submit -t foo true
fails 'submit: constraint' 1 "^flux-submit: ERROR: --requires='\('" flux submit --requires='(' true

jobspec () {
    flux submit --dry-run "$@" | jq -c '[.resources,.tasks]'
}
is 'jobspec: key order' '["resources","tasks","attributes","version"]' \
    sh -c 'flux submit --dry-run true | jq -c keys_unsorted'
is 'jobspec: default' \
    '[[{"type":"slot","count":1,"with":[{"type":"core","count":1}],"label":"task"}],[{"command":["hostname"],"slot":"task","count":{"per_slot":1}}]]' \
    jobspec hostname
is 'jobspec: -N2 -n3' \
    '[[{"type":"node","count":2,"with":[{"type":"slot","count":2,"with":[{"type":"core","count":1}],"label":"task"}]}],[{"command":["hostname"],"slot":"task","count":{"total":3}}]]' \
    jobspec -N2 -n3 hostname
is 'jobspec: UTF-8' '["echo","🥔️🍠️"]' \
    sh -c 'flux submit --dry-run echo 🥔️🍠️ | jq -c .tasks[0].command'
is 'jobspec: --cc' '["1 1","2 2"]' \
    sh -c 'flux submit --dry-run --cc=1-2 --env=-* echo {cc} \
        | jq -c "[.tasks[0].command[1]+\" \"+.attributes.system.environment.FLUX_JOB_CC]" \
        | jq -cs add'
is 'help names all options' yes \
    sh -c 'flux submit --help | grep -q -- --env-remove && echo yes'
finish
