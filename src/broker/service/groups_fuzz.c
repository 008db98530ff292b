/* What a child says about its groups, one update after the other, and what its parent is told
 * of it: whoever applies that has the same members. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/service/groups.h"

#define SIZE 40

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char *members (const struct groups *g, const char *name)
{
    const struct idset *ids = groups_members (g, name);

    return ids ? idset_encode (ids, IDSET_FLAG_RANGE) : strdup ("");
}

static void same (struct groups *a, struct groups *b, json_t *update)
{
    const char *name;
    json_t *o;

    json_object_foreach (update, name, o) {
        char *s = members (a, name), *t = members (b, name);

        if (!s || !t || strcmp (s, t) != 0)
            abort ();
        free (s);
        free (t);
    }
}

static void pass_on (struct groups *below, struct groups *above)
{
    json_t *update = groups_take_update (below);

    if (update && groups_apply_update (above, update, NULL) < 0)
        abort ();
    json_decref (update);
}

static void play (json_t *updates, struct groups *below, struct groups *above,
                  const struct idset *except)
{
    json_t *o, *all;
    size_t i;

    json_array_foreach (updates, i, o) {
        json_t *before = groups_all (below);

        if (groups_apply_update (below, o, i % 3 == 2 ? except : NULL) < 0) {
            all = groups_all (below);
            if (!json_equal (before, all))
                abort ();
            json_decref (all);
            json_decref (before);
            continue;
        }
        json_decref (before);
        if (i % 2)
            pass_on (below, above);
    }
    pass_on (below, above);
    all = groups_all (below);
    same (below, above, all);
    json_decref (all);
    all = groups_all (above);
    same (below, above, all);
    json_decref (all);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    json_t *o = json_loadb ((const char *)data, size, JSON_ALLOW_NUL, NULL);
    struct groups *below = groups_create (SIZE), *above = groups_create (SIZE);
    struct idset *except = idset_decode ("1,7-9");

    if (!below || !above || !except)
        abort ();
    if (json_is_array (o))
        play (o, below, above, except);
    groups_clear_all (below, except);
    groups_disconnect (below, "nobody", 0);
    idset_destroy (except);
    groups_destroy (below);
    groups_destroy (above);
    json_decref (o);
    return 0;
}
