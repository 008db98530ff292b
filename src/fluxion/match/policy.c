#include "fluxion/match/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    struct policy policy;
} presets[] = {
    { "first", { POLICY_HIGH, true, false, true } },
    { "firstnodex", { POLICY_HIGH, true, true, true } },
    { "high", { POLICY_HIGH, false, false, false } },
    { "low", { POLICY_LOW, false, false, false } },
    { "hinode", { POLICY_HIGH, true, false, false } },
    { "lonode", { POLICY_LOW, true, false, false } },
    { "hinodex", { POLICY_HIGH, true, true, false } },
    { "lonodex", { POLICY_LOW, true, true, false } },
    { "locality", { POLICY_LOCALITY, false, false, false } },
    { "variation", { POLICY_VARIATION, false, false, false } },
};
#define NPRESETS (sizeof (presets) / sizeof (presets[0]))

const char *const policy_names[] = {
    "first",   "firstnodex", "high",     "low",       "hinode", "lonode",
    "hinodex", "lonodex",    "locality", "variation", NULL,
};

static int parse_bool (const char *key, const char *val, bool *out, flux_error_t *error)
{
    if (strcmp (val, "true") == 0)
        *out = true;
    else if (strcmp (val, "false") == 0)
        *out = false;
    else {
        snprintf (error->text, sizeof (error->text),
                  "Policy option %s requires true or false, got %s", key, val);
        errno = EINVAL;
        return -1;
    }
    return 0;
}

static int parse_option (char *option, struct policy *p, flux_error_t *error)
{
    char *val = strchr (option, '=');

    if (val)
        *val++ = '\0';
    if (val && strcmp (option, "policy") == 0) {
        if (strcmp (val, "low") != 0 && strcmp (val, "high") != 0) {
            snprintf (error->text, sizeof (error->text),
                      "policy key within custom policy accepts only low or high");
            errno = EINVAL;
            return -1;
        }
        p->kind = *val == 'l' ? POLICY_LOW : POLICY_HIGH;
        return 0;
    }
    if (val && strcmp (option, "node_centric") == 0)
        return parse_bool (option, val, &p->node_centric, error);
    if (val && strcmp (option, "node_exclusive") == 0)
        return parse_bool (option, val, &p->node_exclusive, error);
    if (val
        && (strcmp (option, "stop_on_1_matches") == 0
            || strcmp (option, "set_stop_on_1_matches") == 0))
        return parse_bool (option, val, &p->stop_on_first, error);
    snprintf (error->text, sizeof (error->text), "invalid policy option: %s", option);
    errno = EINVAL;
    return -1;
}

int policy_parse (const char *spec, struct policy *p, flux_error_t *error)
{
    char *copy, *save = NULL;
    int rc = 0;

    for (size_t i = 0; i < NPRESETS; i++)
        if (strcmp (presets[i].name, spec) == 0) {
            *p = presets[i].policy;
            return 0;
        }
    *p = (struct policy){ POLICY_HIGH, false, false, false };
    if (!strchr (spec, '=')) {
        snprintf (error->text, sizeof (error->text), "Unknown match policy (%s)!",
                  spec);
        errno = EINVAL;
        return -1;
    }
    if (!(copy = strdup (spec)))
        return -1;
    for (char *o = strtok_r (copy, " ", &save); o && rc == 0;
         o = strtok_r (NULL, " ", &save))
        rc = parse_option (o, p, error);
    free (copy);
    return rc;
}
