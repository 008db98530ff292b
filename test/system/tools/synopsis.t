# Each function of the manual's section 3, as its page declares it, against an installed
# prefix: in C11 and in C++17, found by pkg-config, and linked.
. "${0%/*}/../lib.sh"
tools=$FLUX_TEST_SOURCE/test/system/tools
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip synopsis 'programs of others are not sanitized'
    finish
fi
DESTDIR=$DIR/stage meson install -C "$FLUX_TEST_BUILD" --no-rebuild --quiet >install.out 2>&1
pc=$(find "$DIR/stage" -name flux-core.pc)
export PKG_CONFIG_PATH="${pc%/*}" PKG_CONFIG_SYSROOT_DIR="$DIR/stage"
cflags () { pkg-config --cflags "$@"; }

cat >core.c <<'EOS'
#include <flux/core.h>
#include <flux/hostlist.h>
#include <flux/idset.h>
#include <sys/stat.h>
#include "synopsis.h"
EOS
cat >plugins.c <<'EOS'
#include <flux/core.h>
#include <flux/jobtap.h>
#include <flux/shell.h>
#include "synopsis_plugins.h"
EOS
for source in core plugins; do
    succeeds "$source: C11" cc -std=c11 -Wall -Wextra -Werror $(cflags flux-core) \
        -I"$tools" -fsyntax-only $source.c
    succeeds "$source: C++17" c++ -x c++ -std=c++17 -Wall -Wextra -Werror \
        $(cflags flux-core) -I"$tools" -fsyntax-only $source.c
done

# All of them are in the libraries.
{
    cat core.c
    echo '#include <stdio.h>'
    echo 'typedef void (*fn) (void);'
    echo 'static fn volatile all[] = {'
    grep -v '^typedef' "$tools/synopsis.h" |
        sed -n 's/^[a-z].*[ *]\([a-z_]*\) (.*/    (fn) \1,/p' | sort -u
    echo '};'
    echo 'int main (void) { printf ("%zu", sizeof (all) / sizeof (all[0])); return !all[0]; }'
} >all.c
succeeds 'they link' cc -std=c11 $(cflags flux-core flux-idset flux-hostlist) -I"$tools" all.c -o all \
    -L"${pc%/*}/.." -Wl,-rpath,"${pc%/*}/.." -lflux-core -lflux-idset -lflux-hostlist
like 'and start' '^2[0-9][0-9]$' ./all
is 'each library has its file for pkg-config' '' sh -c '
    for name in core idset hostlist taskmap optparse schedutil pmi; do
        pkg-config --exists --print-errors flux-$name || echo flux-$name
        echo "int main (void) { return 0; }" >one.c
        cc one.c -o one $(pkg-config --cflags --libs flux-$name) -Wl,--no-as-needed \
            -Wl,-rpath-link,"${PKG_CONFIG_PATH%/*}" 2>&1 | sed "s/^/flux-$name: /"
    done'
for name in idset hostlist taskmap optparse schedutil pmi pmi2; do
    echo "#include <flux/$name.h>" | cc -std=c11 $(cflags flux-core) -fsyntax-only -x c - || echo "$name"
done >bad 2>&1
is 'and its header' '' cat bad
finish
