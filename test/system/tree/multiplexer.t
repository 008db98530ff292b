#!/bin/sh
# Instances entered in a terminal multiplexer: a real tmux, and a real vi.
. "${0%/*}/../lib.sh"
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    for program in tmux vi; do
        command -v $program >/dev/null && continue
        echo "1..0 # SKIP there is no $program"
        exit 0
    done
fi
under_flux 4
printf '#!/bin/sh\nflux run -N2 -n2 sleep inf\n' >sleep_batch.sh
chmod +x sleep_batch.sh
trap 'for s in tmux?; do tmux -S "$PWD/$s" kill-server 2>/dev/null; done' EXIT
cases python3 "$FLUX_TEST_SOURCE/test/system/multiplexer.py"
finish
