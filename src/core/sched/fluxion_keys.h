/* Keys of the graph scheduler's tables, for the modules and for who checks a
 * configuration while they are not loaded. What the values may be, the modules say. */
#ifndef CORE_SCHED_FLUXION_KEYS_H
#define CORE_SCHED_FLUXION_KEYS_H

#include "base/json/keys.h"

static const struct json_key fluxion_qmanager_keys[] = {
    { "queues", JSON_KIND_STRING },
    { "queue-policy", JSON_KIND_STRING },
    { "queue-params", JSON_KIND_ANY },
    { "policy-params", JSON_KIND_ANY },
    { "queue-policy-per-queue", JSON_KIND_ANY },
    { "queue-params-per-queue", JSON_KIND_ANY },
    { "policy-params-per-queue", JSON_KIND_ANY },
    { NULL },
};

static const struct json_key fluxion_resource_keys[] = {
    { "load-file", JSON_KIND_STRING },      { "load-format", JSON_KIND_STRING },
    { "load-allowlist", JSON_KIND_STRING }, { "policy", JSON_KIND_STRING },
    { "match-policy", JSON_KIND_STRING },   { "match-format", JSON_KIND_STRING },
    { "subsystems", JSON_KIND_STRING },     { "reserve-vtx-vec", JSON_KIND_ANY },
    { "prune-filters", JSON_KIND_STRING },  { "update-interval", JSON_KIND_ANY },
    { "traverser", JSON_KIND_STRING },      { NULL },
};

#endif
