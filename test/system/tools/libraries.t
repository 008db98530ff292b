# What other people's programs build against: headers, libraries, PMI.
. "${0%/*}/../lib.sh"
under_flux 2
include=$FLUX_TEST_SOURCE/include
libs=$FLUX_TEST_BUILD/src/libs
core=$FLUX_TEST_BUILD/src/core
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip libraries 'programs of others are not sanitized'
    finish
    exit 0
fi

for header in "$include"/flux/*.h; do
    echo "$header"
done | xargs -P2 -I{} sh -c '
    name=flux/$(basename {})
    for std in c11 c++17; do
        case $std in c11) cc=cc lang=c ;; *) cc=c++ lang=c++ ;; esac
        echo "#include <$name>" | $cc -x $lang -std=$std -Wall -Wextra -Werror \
            -I"$0" -fsyntax-only - >&2 || echo "$name $std"
    done' "$include" >bad 2>errors
is 'each header stands alone, in C11 and in C++17' '' cat bad

# Every function that a header declares is there.
missing () {
    nm -D --defined-only "$3" | sed -n 's/.* T \([^@]*\).*/\1/p' | sort >there
    sed 's|/\*.*\*/||' "$include/flux/$1" \
        | sed -n "s/^[a-z].*[ *]\($2[a-zA-Z0-9_]*\) (.*/\1/p" | sort -u | comm -23 - there
}
for pair in "pmi.h PMI_ $libs/libpmi.so" "pmi2.h PMI2_ $libs/libpmi2.so" \
    "idset.h idset_ $libs/libflux-idset.so" "hostlist.h hostlist_ $libs/libflux-hostlist.so" \
    "taskmap.h taskmap_ $libs/libflux-taskmap.so" \
    "optparse.h optparse_ $libs/libflux-optparse.so" \
    "schedutil.h schedutil_ $libs/libflux-schedutil.so"; do
    set -- $pair
    is "$1: all of it is in ${3##*/}" '' missing "$1" "$2" "$3"
    is "${3##*/}: nothing else is" '' sh -c \
        "nm -D --defined-only $3 | sed -n 's/.* [TDBR] //p' | grep -v '^$2'; true"
done
for header in attr event future handle job jobspec1 kvs message plugin reactor rpc stats subprocess; do
    is "$header.h: all of it is in libflux-core" '' missing $header.h flux_ "$core/libflux-core.so"
done
is 'nothing else is' '' sh -c \
    "nm -D --defined-only $core/libflux-core.so | sed -n 's/.* [TDBR] //p' |
     grep -vE '^(flux|idset|hostlist|taskmap|optparse|schedutil)_'; true"

# A function of the same name in somebody else's library is its own.
cat >other.c <<'EOS'
int hex_encode (void);
int hex_encode (void) { return 42; }
int other (void);
int other (void) { return hex_encode (); }
EOS
cat >main.c <<'EOS'
#include <flux/core.h>
int other (void);
int main (void)
{
    syslog (LOG_ERR, "%s", strerror (errno)); /* core.h brings them */
    return flux_core_version_string () && other () == 42 ? 0 : 1;
}
EOS
cc -fPIC -shared other.c -o libother.so
cc -I"$include" main.c -o main "$core/libflux-core.so" -L. -lother -Wl,-rpath,"$core:$PWD"
succeeds 'names within the library do not get into the way of others' ./main

# MPI's way to wire up.
cat >hello.c <<'EOS'
#include <flux/pmi.h>
#include <stdio.h>
int main (void)
{
    char name[64], key[64], value[1024], mine[64];
    int spawned, rank, size, clique, ranks[64];
    if (PMI_Init (&spawned) || PMI_Get_rank (&rank) || PMI_Get_size (&size)
        || PMI_KVS_Get_my_name (name, sizeof (name)))
        return 1;
    snprintf (key, sizeof (key), "key.%d", rank);
    snprintf (mine, sizeof (mine), "value of %d", rank);
    if (PMI_KVS_Put (name, key, mine) || PMI_KVS_Commit (name) || PMI_Barrier ())
        return 2;
    snprintf (key, sizeof (key), "key.%d", (rank + 1) % size);
    if (PMI_KVS_Get (name, key, value, sizeof (value)))
        return 3;
    if (PMI_Get_clique_size (&clique) || PMI_Get_clique_ranks (ranks, 64))
        return 4;
    printf ("%d of %d: %s, with", rank, size, value);
    for (int i = 0; i < clique; i++)
        printf (" %d", ranks[i]);
    printf ("\n");
    return PMI_Finalize ();
}
EOS
cc -I"$include" hello.c -o hello -L"$libs" -lpmi
is 'alone' '0 of 1: value of 0, with 0' env LD_LIBRARY_PATH="$libs" ./hello
is 'libpmi is found by a job, on two nodes' \
'0 of 4: value of 1, with 0 1
1 of 4: value of 2, with 0 1
2 of 4: value of 3, with 2 3
3 of 4: value of 0, with 2 3' sh -c 'flux run -N2 -n4 ./hello | sort'
cat >threads.c <<'EOS'
#include <flux/pmi.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
static char name[64];
static void *put (void *arg)
{
    char key[64], value[1024];
    for (int i = 0; i < 100; i++) {
        snprintf (key, sizeof (key), "%s.%d", (char *)arg, i);
        if (PMI_KVS_Put (name, key, key)
            || PMI_KVS_Get (name, "PMI_process_mapping", value, sizeof (value)))
            return "failed";
    }
    return NULL;
}
int main (void)
{
    char *const who[] = { "a", "b", "c", "d" };
    int spawned, bad = 0;
    pthread_t t[4];
    void *result;
    if (PMI_Init (&spawned) || PMI_KVS_Get_my_name (name, sizeof (name)))
        return 1;
    for (int i = 0; i < 4; i++)
        pthread_create (&t[i], NULL, put, who[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join (t[i], &result);
        bad += result != NULL;
    }
    bad += PMI_Barrier () != 0;
    for (int i = 0; i < 400; i++) {
        char key[64], value[1024];
        snprintf (key, sizeof (key), "%s.%d", who[i / 100], i % 100);
        bad += PMI_KVS_Get (name, key, value, sizeof (value)) || strcmp (key, value);
    }
    printf ("%d wrong\n", bad);
    return PMI_Finalize ();
}
EOS
cc -I"$include" threads.c -o threads -L"$libs" -lpmi -pthread
is 'threads take turns' '0 wrong' flux run ./threads
is 'and named' "$libs/libpmi.so" flux run sh -c 'echo $FLUX_PMI_LIBRARY_PATH'
is 'a path of the user stays, behind it' "$libs:/mine" \
    env LD_LIBRARY_PATH=/mine flux run sh -c 'echo $LD_LIBRARY_PATH'
is 'not without PMI' /mine env LD_LIBRARY_PATH=/mine flux run -o pmi=off sh -c 'echo $LD_LIBRARY_PATH'
is 'the initial program is told, too' "$libs/libpmi.so" sh -c 'echo $FLUX_PMI_LIBRARY_PATH'
finish
