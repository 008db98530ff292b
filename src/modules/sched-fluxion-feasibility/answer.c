#include "answer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"

static struct site *make_site (json_t *o, flux_error_t *error)
{
    json_t *p = json_object_get (o, "params");
    struct site_options so = {
        .load_text = json_string_value (json_object_get (o, "graph")),
        .load_format = json_string_value (json_object_get (p, "load-format")),
        .load_allowlist = json_string_value (json_object_get (p, "load-allowlist")),
        .policy = json_string_value (json_object_get (p, "policy")),
        .traverser = json_string_value (json_object_get (p, "traverser")),
        .prune_filters = json_string_value (json_object_get (p, "prune-filters")),
        .subsystems = json_string_value (json_object_get (p, "subsystems")),
        .reserve_vertices = json_integer_value (json_object_get (p, "reserve-vtx-vec")),
    };

    return site_create (json_object_get (o, "resources"), &so, error);
}

int answer_follow (struct site **site, json_t *o, flux_error_t *error)
{
    flux_error_t why = { "" };
    bool capacity;

    if (!*site && !(*site = make_site (o, &why)))
        return error_invalid (error, "the graph cannot be made: %.120s", why.text);
    if (site_apply (*site, o, &capacity, &why) < 0)
        return error_invalid (error, "notify: %.140s", why.text);
    return 0;
}

int answer_failure (int errnum, const char *why, flux_error_t *error)
{
    if (errnum == ENODEV)
        return error_fail (error, ENODEV, "Unsatisfiable request");
    return error_fail (error, errnum, "Internal match error: %.130s", why);
}

int answer_check (struct site *site, json_t *jobspec, flux_error_t *error)
{
    char *text = json_dumps (jobspec, JSON_COMPACT);
    flux_error_t why = { "" };
    struct match_result res;
    const struct request *req;
    int rc = -1;

    if (!text)
        return error_fail (error, EINVAL, "Internal match error: jobspec is no object");
    req = site_request (site, text, &why);
    if (req)
        rc = scheduler_match (site_scheduler (site), MATCH_SATISFIABILITY, req, 0, 0,
                              &res, &why);
    int errnum = errno;
    free (text);
    return rc == 0 ? 0 : answer_failure (errnum, why.text, error);
}
