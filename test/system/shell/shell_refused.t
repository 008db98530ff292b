# Shell options that say nothing, or what cannot be: the job fails with a line.
. "${0%/*}/../lib.sh"
under_flux 1

refused () { # OPTION REGEX
    fails "$1" 1 "$2" flux run -o "$1" true
}
refused input.stdin.path=/dev/null 'input.stdin.path: only of type file'
refused output.stdout.path=x 'output.stdout.path: only of type file'
fails 'an empty path' 1 'output.stdout.path=: not supported' \
    flux run -o output.stdout.type=file -o output.stdout.path= true
refused pty.ranks=1 'pty: ranks: the job has no such task'
refused pty.ranks=0-99 'pty: ranks: the job has no such task'
refused pty.interactive=x 'pty: capture and interactive: expected 0 or 1'
refused pty.capture=x 'pty: capture and interactive: expected 0 or 1'
refused cpu-affinity=verbose, 'cpu-affinity=verbose,: not supported'
refused cpu-affinity=map:99999999 'cpu-affinity=map:99999999: not supported'
refused cpu-affinity=map:9999 'cpu-affinity: 9999: this host has no such cpu'
refused gpu-affinity=dry-run, 'gpu-affinity=dry-run,: not supported'
refused gpu-affinity=map:99999999 'gpu-affinity=map:99999999: not supported'
refused stage-in.destination=x:y 'stage-in.destination=x:y: not supported'
refused stage-in.destination=global: 'stage-in.destination=global:: not supported'
refused stage-in.names= 'stage-in.names=: not supported'
succeeds 'what means something is taken' flux run -n1 -o pty.ranks=0 -o pty.capture=1 true
finish
