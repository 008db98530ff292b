#include "options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/sched/fluxion_keys.h"

static int set (struct options *o, const char *key, json_t *value, flux_error_t *error)
{
    for (const struct json_key *k = fluxion_qmanager_keys; k->name; k++)
        if (!strcmp (k->name, key)) {
            bool params = strstr (key, "params") || strstr (key, "per-queue");
            if (!json_is_string (value) && !(params && json_is_object (value)))
                return error_invalid (error, "%s: not of text", key);
            return json_object_set (o->all, key, value);
        }
    return error_invalid (error, "Unknown option (%.80s).", key);
}

static int set_arg (struct options *o, char *arg, flux_error_t *error)
{
    char *eq = strchr (arg, '='), *key = eq ? strndup (arg, eq - arg) : NULL;
    json_t *value = eq ? json_string (eq + 1) : NULL;
    int rc = key && value ? set (o, key, value, error)
                          : error_invalid (error, "Unknown option (%.80s).", arg);

    free (key);
    json_decref (value);
    return rc;
}

/* "k=v,k=v" as an object of texts; new. */
static json_t *split_params (const char *key, const char *text, flux_error_t *error)
{
    json_t *o = json_object ();

    for (const char *s = text; o && *s; s += *s == ',') {
        size_t n = strcspn (s, ",");
        const char *eq = memchr (s, '=', n);
        if (!eq || eq == s) {
            error_invalid (error, "%s: not KEY=VALUE: %.*s", key,
                           (int)(n < 80 ? n : 80), s);
            json_decref (o);
            return NULL;
        }
        char *name = strndup (s, eq - s);
        if (name)
            json_object_set_new (o, name, json_stringn (eq + 1, s + n - eq - 1));
        free (name);
        s += n;
    }
    return o;
}

/* From a table: its numbers as texts; new. */
static json_t *text_params (const char *key, json_t *table, flux_error_t *error)
{
    json_t *o = json_object (), *value;
    const char *name;
    char number[32];

    json_object_foreach (table, name, value) {
        snprintf (number, sizeof (number), "%lld",
                  (long long)json_integer_value (value));
        if (json_is_integer (value))
            json_object_set_new (o, name, json_string (number));
        else if (json_is_string (value))
            json_object_set (o, name, value);
        else {
            error_invalid (error, "%s.%.60s: neither text nor a number", key, name);
            json_decref (o);
            return NULL;
        }
    }
    return o;
}

static json_t *params (const char *key, json_t *value, flux_error_t *error)
{
    return json_is_string (value) ? split_params (key, json_string_value (value), error)
                                  : text_params (key, value, error);
}

/* The value of a queue in "q:value q2:value", or in a table; *found is new. */
static int per_queue (const struct options *o, const char *key, const char *queue,
                      json_t **found, flux_error_t *error)
{
    json_t *value = json_object_get (o->all, key);
    const char *s = json_string_value (value);
    size_t len = strlen (queue);

    *found = NULL;
    if (json_is_object (value))
        *found = json_incref (json_object_get (value, queue));
    for (; s && *(s += strspn (s, " ")); s += strcspn (s, " ")) {
        size_t n = strcspn (s, " ");
        const char *colon = memchr (s, ':', n);
        if (!colon || colon == s)
            return error_invalid (error, "%s: not QUEUE:VALUE: %.*s", key,
                                  (int)(n < 80 ? n : 80), s);
        if ((size_t)(colon - s) == len && !strncmp (s, queue, len)) {
            json_decref (*found);
            *found = json_stringn (colon + 1, s + n - colon - 1);
        }
    }
    return 0;
}

static int number (json_t *o, const char *where, const char *key, unsigned int *n,
                   flux_error_t *error)
{
    const char *s = json_string_value (json_object_get (o, key));
    unsigned long value;

    if (!s)
        return 0;
    errno = 0;
    value = strtoul (s, NULL, 10);
    if (!*s || strspn (s, "0123456789") != strlen (s) || errno || value < 1
        || value > 1000000000)
        return error_invalid (error, "%s: %s: no number of at least 1: %.40s", where,
                              key, s);
    *n = value;
    return 0;
}

static int set_policy (struct queue_params *p, const char *where, const char *name,
                       flux_error_t *error)
{
    for (int i = 0; name && i < 4; i++)
        if (!strcmp (name, queue_policy_names[i])) {
            p->policy = i;
            return 0;
        }
    return error_invalid (error, "%s: unknown policy: %.60s", where, name ? name : "");
}

/* The general value, and the queue's own above it. */
static int merged (const struct options *o, const char *key, const char *queue,
                   json_t **result, flux_error_t *error)
{
    json_t *general = json_object_get (o->all, key), *own = NULL, *more = NULL;
    char own_key[64];
    int rc = -1;

    *result = NULL;
    snprintf (own_key, sizeof (own_key), "%s-per-queue", key);
    if (per_queue (o, own_key, queue, &own, error) < 0
        || !(*result = general ? params (key, general, error) : json_object ())
        || (own && !(more = params (own_key, own, error))))
        goto out;
    rc = more ? json_object_update (*result, more) : 0;
out:
    json_decref (own);
    json_decref (more);
    if (rc < 0) {
        json_decref (*result);
        *result = NULL;
    }
    return rc;
}

int options_queue (const struct options *o, const char *name, struct queue_params *p,
                   json_t **qparams, json_t **pparams, flux_error_t *error)
{
    json_t *general = json_object_get (o->all, "queue-policy"), *own = NULL, *q = NULL,
           *pp = NULL;
    int rc = -1;

    queue_params_init (p, QUEUE_FCFS);
    if ((general
         && set_policy (p, "queue-policy", json_string_value (general), error) < 0)
        || per_queue (o, "queue-policy-per-queue", name, &own, error) < 0
        || (own
            && set_policy (p, "queue-policy-per-queue", json_string_value (own), error)
                   < 0)
        || merged (o, "queue-params", name, &q, error) < 0
        || merged (o, "policy-params", name, &pp, error) < 0
        || number (q, "queue-params", "queue-depth", &p->depth, error) < 0
        || number (q, "queue-params", "max-queue-depth", &p->max_depth, error) < 0
        || number (pp, "policy-params", "reservation-depth", &p->reservations, error)
               < 0
        || number (pp, "policy-params", "max-reservation-depth", &p->max_reservations,
                   error)
               < 0)
        goto out;
    rc = 0;
out:
    if (rc == 0 && qparams)
        *qparams = json_incref (q);
    if (rc == 0 && pparams)
        *pparams = json_incref (pp);
    json_decref (own);
    json_decref (q);
    json_decref (pp);
    return rc;
}

static int check_name (const struct options *o, const char *key, const char *name,
                       size_t len, flux_error_t *error)
{
    json_t *queue;
    size_t i;

    json_array_foreach (o->queues, i, queue)
        if (json_string_length (queue) == len
            && !memcmp (json_string_value (queue), name, len))
            return 0;
    return error_invalid (error, "%s: Unknown queue (%.*s).", key,
                          (int)(len < 60 ? len : 60), name);
}

/* Whoever mistypes a name learns that it has no effect. */
static int check_names (const struct options *o, const char *key, flux_error_t *error)
{
    json_t *all = json_object_get (o->all, key), *value;
    const char *s = json_string_value (all), *name;

    json_object_foreach (all, name, value)
        if (check_name (o, key, name, strlen (name), error) < 0)
            return -1;
    for (; s && *(s += strspn (s, " ")); s += strcspn (s, " "))
        if (check_name (o, key, s, strcspn (s, ": "), error) < 0)
            return -1;
    return 0;
}

static bool is_listed (const char *list, const char *name)
{
    size_t len = strlen (name);

    for (; *(list += strspn (list, " ")); list += strcspn (list, " "))
        if (strcspn (list, " ") == len && !strncmp (list, name, len))
            return true;
    return false;
}

/* The list says again what the table [queues] has: all of them are scheduled. */
static int check_list (const struct options *o, flux_error_t *error)
{
    const char *list = json_string_value (json_object_get (o->all, "queues"));
    json_t *name;
    size_t i;

    if (!list)
        return 0;
    json_array_foreach (o->queues, i, name)
        if (!is_listed (list, json_string_value (name)))
            return error_invalid (error, "queues: %.60s is not among them",
                                  json_string_value (name));
    return check_names (o, "queues", error);
}

/* Each queue's options are to be read, and each that has some is to be there. */
static int check (struct options *o, flux_error_t *error)
{
    struct queue_params p;
    json_t *name;
    size_t i;

    json_array_foreach (o->queues, i, name) {
        if (options_queue (o, json_string_value (name), &p, NULL, NULL, error) < 0)
            return -1;
    }
    for (const struct json_key *k = fluxion_qmanager_keys; k->name; k++)
        if (strstr (k->name, "per-queue") && check_names (o, k->name, error) < 0)
            return -1;
    return check_list (o, error);
}

static int name_queues (struct options *o, json_t *queues)
{
    const char *name;
    json_t *value;

    json_object_foreach (queues, name, value)
        json_array_append_new (o->queues, json_string (name));
    if (json_array_size (o->queues) == 0)
        json_array_append_new (o->queues, json_string ("default"));
    return 0;
}

int options_init (struct options *o, json_t *table, json_t *queues, int argc,
                  char **argv, flux_error_t *error)
{
    const char *key;
    json_t *value;

    if (!(o->all = json_object ()) || !(o->queues = json_array ()))
        return error_invalid (error, "out of memory");
    if (table && !json_is_object (table))
        return error_invalid (error, "it is no table");
    json_object_foreach (table, key, value) {
        if (set (o, key, value, error) < 0)
            return -1;
    }
    for (int i = 0; i < argc; i++)
        if (set_arg (o, argv[i], error) < 0)
            return -1;
    name_queues (o, queues);
    return check (o, error);
}

void options_fini (struct options *o)
{
    json_decref (o->all);
    json_decref (o->queues);
}
