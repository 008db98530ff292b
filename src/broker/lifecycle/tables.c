#include "broker/lifecycle/tables.h"

#include <errno.h>
#include <flux/core.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json/keys.h"
#include "broker/attrs.h"
#include "broker/boot/bootstrap.h"
#include "core/sched/fluxion_keys.h"

static const struct json_key access_keys[] = {
    { "allow-guest-user", JSON_KIND_BOOLEAN },
    { "allow-root-owner", JSON_KIND_BOOLEAN },
    { "private-mode", JSON_KIND_BOOLEAN },
    { NULL },
};

static const struct json_key sched_simple_keys[] = { { NULL } };

/* Tables that are published, and are of services that are not part of this project: who
 * sets one relies on what is not there. */
static const struct {
    const char *name, *why;
} foreign[] = {
    { "archive", "there is no job-archive service" },
    { "sdexec", "what a unit of systemd has is in exec.sdexec-properties" },
};

static int refuse_foreign (json_t *conf, flux_error_t *error)
{
    for (size_t i = 0; i < sizeof (foreign) / sizeof (foreign[0]); i++)
        if (json_object_get (conf, foreign[i].name))
            return error_invalid (error, "%s: %s", foreign[i].name, foreign[i].why);
    return 0;
}

static const struct json_key systemd_keys[] = {
    { "enable", JSON_KIND_BOOLEAN },
    { "sdbus-debug", JSON_KIND_BOOLEAN },
    { "sdexec-debug", JSON_KIND_BOOLEAN },
    { NULL },
};

/* *bs: what is in it, or NULL if there is none. */
static int check_bootstrap (json_t *table, struct bootstrap **bs, flux_error_t *error)
{
    *bs = table ? bootstrap_decode (table, error) : NULL;
    return table && !*bs ? -1 : 0;
}

/* Its keys stand for attributes tbon.*; a is NULL: they are only looked at. */
static int take_tbon (struct attrs *a, json_t *table, flux_error_t *error)
{
    const char *key;
    json_t *val;

    if (table && !json_is_object (table))
        return error_invalid (error, "tbon: must be a table");
    json_object_foreach (table, key, val) {
        char name[128], num[32];
        const char *s = json_string_value (val);

        snprintf (name, sizeof (name), "tbon.%.100s", key);
        if (json_is_integer (val)) {
            snprintf (num, sizeof (num), "%lld", (long long)json_integer_value (val));
            s = num;
        }
        if (!s)
            return error_invalid (error, "%s: must be a string or an integer", name);
        if ((a ? attrs_set_boot (a, name, s, error) : attrs_check_boot (name, s, error))
            < 0)
            return -1;
    }
    return 0;
}

static int check (json_t *conf, flux_error_t *error)
{
    const struct {
        const char *name;
        const struct json_key *keys;
    } t[] = {
        { "access", access_keys },
        { "sched-simple", sched_simple_keys },
        { "systemd", systemd_keys },
        { "sched-fluxion-qmanager", fluxion_qmanager_keys },
        { "sched-fluxion-resource", fluxion_resource_keys },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++)
        if (json_check_keys (json_object_get (conf, t[i].name), t[i].name, t[i].keys,
                             error)
            < 0)
            return -1;
    return refuse_foreign (conf, error);
}

int tables_check (json_t *conf, flux_error_t *error)
{
    struct bootstrap *bs;

    if (check (conf, error) < 0
        || check_bootstrap (json_object_get (conf, "bootstrap"), &bs, error) < 0)
        return -1;
    bootstrap_destroy (bs);
    return take_tbon (NULL, json_object_get (conf, "tbon"), error);
}

int tables_apply (struct attrs *a, json_t *conf, struct bootstrap **bs,
                  flux_error_t *error)
{
    *bs = NULL;
    if (check (conf, error) < 0
        || check_bootstrap (json_object_get (conf, "bootstrap"), bs, error) < 0)
        return -1;
    return take_tbon (a, json_object_get (conf, "tbon"), error);
}
