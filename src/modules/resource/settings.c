#include "settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/json/keys.h"
#include "fake.h"

static int read_path (struct settings *s, const char *path, flux_error_t *error)
{
    flux_error_t e;
    char *text = file_read_all (path, NULL);

    if (!text)
        return error_invalid (error, "resource.path: %.80s: %s", path,
                              strerror (errno));
    s->R = rset_decode (text, &e);
    free (text);
    return s->R ? 0
                : error_invalid (error, "resource.path: %.60s: %.80s", path, e.text);
}

static int read_scheduling (struct settings *s, const char *path, flux_error_t *error)
{
    json_error_t e;
    json_t *o, *all, *new;

    if (!s->R)
        return error_invalid (error, "resource.scheduling: goes with resource.path or "
                                     "resource.config alone");
    if (!(o = json_load_file (path, 0, &e)))
        return error_invalid (error, "resource.scheduling: %.60s: %.60s", path, e.text);
    all = rset_encode_json (s->R);
    if (!all || json_object_set_new (all, "scheduling", o) < 0
        || !(new = json_incref (all))) {
        json_decref (all);
        return error_invalid (error, "resource.scheduling: out of memory");
    }
    rset_destroy (s->R);
    s->R = rset_decode_json (new, NULL);
    json_decref (all);
    json_decref (new);
    return 0;
}

static int read_config (struct settings *s, json_t *config, flux_error_t *error)
{
    s->R = rset_decode_config (config, error);
    return s->R ? 0 : -1;
}

static int read_resource (struct settings *s, json_t *o, flux_error_t *error)
{
    static const struct json_key keys[] = {
        { "path", JSON_KIND_STRING },
        { "scheduling", JSON_KIND_STRING },
        { "exclude", JSON_KIND_STRING },
        { "config", JSON_KIND_ARRAY },
        { "norestrict", JSON_KIND_BOOLEAN },
        { "noverify", JSON_KIND_BOOLEAN },
        { "rediscover", JSON_KIND_BOOLEAN },
        { "verify", JSON_KIND_BOOLEAN },
        { "journal-max", JSON_KIND_INTEGER },
        { "reserve", JSON_KIND_STRING },
        { NULL },
    };
    const char *path = NULL, *scheduling = NULL, *exclude = NULL, *reserve = NULL;
    json_t *config = NULL;
    int norestrict = 0, noverify = 0, rediscover = 0, verify = 1;

    if (json_check_keys (o, "resource", keys, error) < 0)
        return -1;
    (void)json_unpack (o, "{s?s s?s s?s s?o s?b s?b s?b s?i s?b s?s}", "path", &path,
                       "scheduling", &scheduling, "exclude", &exclude, "config",
                       &config, "norestrict", &norestrict, "noverify", &noverify,
                       "rediscover", &rediscover, "journal-max", &s->journal_max,
                       "verify", &verify, "reserve", &reserve);
    if (s->journal_max < 0)
        return error_invalid (error, "resource.journal-max: must be >= 0");
    s->norestrict = norestrict;
    s->rediscover = rediscover;
    s->verify = !noverify && verify;
    if (exclude && !(s->exclude = strdup (exclude)))
        return error_invalid (error, "out of memory");
    if (reserve && !(s->reserve = reserve_decode (reserve, error)))
        return -1;
    if (json_array_size (config) > 0 ? read_config (s, config, error) < 0
                                     : path && read_path (s, path, error) < 0)
        return -1;
    return scheduling ? read_scheduling (s, scheduling, error) : 0;
}

/* Nodes that are not there are up, and nobody looks what they have. */
static int read_fake (struct settings *s, json_t *o, flux_error_t *error)
{
    if (s->R)
        return error_invalid (error,
                              "fake-resources: does not go with resource.path or "
                              "resource.config");
    s->verify = false;
    s->force_up = true;
    return (s->R = fake_decode (o, error)) ? 0 : -1;
}

int settings_init (struct settings *s, json_t *conf, flux_error_t *error)
{
    json_t *o = json_object_get (conf, "resource");
    json_t *fake = json_object_get (conf, "fake-resources");

    *s = (struct settings){ .verify = true, .journal_max = 100000 };
    if ((!o || read_resource (s, o, error) == 0)
        && (!fake || read_fake (s, fake, error) == 0))
        return 0;
    settings_fini (s);
    return -1;
}

void settings_fini (struct settings *s)
{
    rset_destroy (s->R);
    free (s->exclude);
    reserve_destroy (s->reserve);
    s->reserve = NULL;
    s->R = NULL;
    s->exclude = NULL;
}

/* Each name is looked for once, however many hosts there are. */
static struct idset *ranks_of_hosts (struct hostlist *want, struct hostlist *hosts,
                                     flux_error_t *error)
{
    struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);
    struct hashmap *found =
        hashmap_create (NULL); /* name -> want; hosts if it is there */
    bool ok = ranks && found;
    const char *h;
    int rank = 0;

    for (h = hostlist_first (want); ok && h; h = hostlist_next (want))
        ok = hashmap_insert (found, h, want) == 0;
    for (h = hostlist_first (hosts); ok && h; h = hostlist_next (hosts), rank++)
        if (hashmap_lookup (found, h))
            ok = idset_set (ranks, rank) == 0 && hashmap_insert (found, h, hosts) == 0;
    if (!ok)
        error_fail (error, ENOMEM, "out of memory");
    for (h = hostlist_first (want); ok && h; h = hostlist_next (want)) {
        if (hashmap_lookup (found, h) == want) {
            error_invalid (error, "invalid targets: host %.80s is unknown", h);
            ok = false;
        }
    }
    hashmap_destroy (found);
    if (!ok) {
        idset_destroy (ranks);
        return NULL;
    }
    return ranks;
}

struct idset *targets_decode (const char *targets, struct hostlist *hosts,
                              flux_error_t *error)
{
    struct idset *ranks = idset_decode (targets);
    struct hostlist *hl;

    if (ranks) {
        unsigned int last = idset_last (ranks);
        if (last != IDSET_INVALID_ID && last >= (unsigned int)hostlist_count (hosts)) {
            idset_destroy (ranks);
            error_invalid (error, "idset is out of range");
            return NULL;
        }
        return ranks;
    }
    if (!(hl = hostlist_decode (targets))) {
        error_invalid (error, "invalid targets: %.100s", targets);
        return NULL;
    }
    ranks = ranks_of_hosts (hl, hosts, error);
    hostlist_destroy (hl);
    return ranks;
}
