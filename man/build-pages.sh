#!/bin/sh
# build-pages.sh SCDOC FLUX SRCDIR OUTDIR NAME...
set -eu
scdoc=$1 flux=$2 src=$3 out=$4
shift 4
for name; do
    page=flux-$name.1
    [ "$name" != flux ] || page=flux.1
    {
        "$flux" help --scdoc "$name"
        [ ! -f "$src/$name.scd" ] || cat "$src/$name.scd"
    } | "$scdoc" >"$out/$page"
done
