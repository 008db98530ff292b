#include "fluxion/load.h"
#include "fluxion/io/jgf.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    reader_f read;
} readers[] = {
    { "grug", fluxion_read_grug },
    { "jgf", fluxion_read_jgf },
    { "jgf_shorthand", fluxion_read_jgf },
    { "rv1exec", fluxion_read_rv1exec },
    { "rv1exec_force", fluxion_read_rv1exec },
    { "hwloc", fluxion_read_hwloc },
};

reader_f fluxion_reader (const char *format)
{
    for (size_t i = 0; i < sizeof (readers) / sizeof (readers[0]); i++)
        if (strcmp (readers[i].name, format) == 0)
            return readers[i].read;
    errno = EINVAL;
    return NULL;
}

bool read_wants (const struct read_options *opt, const char *subsystem)
{
    if (strcmp (subsystem, "containment") == 0)
        return true;
    for (int i = 0; opt && opt->subsystems && opt->subsystems[i]; i++)
        if (strcmp (opt->subsystems[i], subsystem) == 0)
            return true;
    return false;
}

#define MAX_SUBSYSTEMS 16

/* "containment:contains,power": what is after a colon names relations, and all of
 * them are taken. */
static char *split_subsystems (const char *spec, const char *names[MAX_SUBSYSTEMS + 1])
{
    char *copy = strdup (spec ? spec : ""), *save = NULL;
    int n = 0;

    for (char *s = copy ? strtok_r (copy, ",", &save) : NULL; s && n < MAX_SUBSYSTEMS;
         s = strtok_r (NULL, ",", &save)) {
        s[strcspn (s, ":")] = '\0';
        names[n++] = s;
    }
    names[n] = NULL;
    return copy;
}

static int read_graph (reader_f read, struct graph *g, const char *text, size_t len,
                       const struct read_options *ro, flux_error_t *error)
{
    const char *dominant = ro->subsystems[0];

    if (read (g, text, len, ro, error) < 0)
        return -1;
    if (!dominant || graph_promote (g, dominant) == 0)
        return 0;
    snprintf (error->text, sizeof (error->text),
              errno == ENOENT
                  ? "the graph has no subsystem %.80s, or no root of it"
                  : "the edges of subsystem %.80s make a cycle, or too many ways",
              dominant);
    errno = EINVAL;
    return -1;
}

struct scheduler *fluxion_load (const char *format, const char *text, size_t len,
                                const char *allowlist, uint32_t reserve_vertices,
                                const struct scheduler_options *opt,
                                flux_error_t *error)
{
    const char *names[MAX_SUBSYSTEMS + 1];
    struct read_options ro = { .allowlist = allowlist, .subsystems = names };
    reader_f read = fluxion_reader (format);
    struct graph *g;

    error->text[0] = '\0';
    if (!read) {
        snprintf (error->text, sizeof (error->text), "unknown graph format: %s",
                  format);
        return NULL;
    }
    if (!(g = graph_create ()))
        return NULL;
    char *copy = split_subsystems (opt->subsystems, names);
    if (reserve_vertices)
        graph_reserve_vertices (g, reserve_vertices);
    int rc = read_graph (read, g, text, len, &ro, error);
    free (copy);
    if (rc < 0) {
        if (!error->text[0])
            snprintf (error->text, sizeof (error->text), "%s", strerror (errno));
        graph_destroy (g);
        return NULL;
    }
    return scheduler_create (g, opt, error);
}

static int fail (flux_error_t *error, const char *text)
{
    snprintf (error->text, sizeof (error->text), "%s", text);
    errno = EINVAL;
    return -1;
}

/* RFC 20, RFC 40: who wrote the scheduling key. */
static int writer_format (json_t *scheduling, bool *shorthand, flux_error_t *error)
{
    const char *w = json_string_value (json_object_get (scheduling, "writer"));

    *shorthand = false;
    if (!w)
        return 0;
    if (strncmp (w, "fluxion", 7) != 0 || (w[7] && w[7] != ':'))
        return fail (error, "unsupported scheduling.writer scheme (not fluxion)");
    w += w[7] ? 8 : 7;
    if (*w == '\0' || strcmp (w, "jgf") == 0)
        return 0;
    if (strcmp (w, "jgf_shorthand") != 0)
        return fail (error, "unsupported fluxion scheduling.writer format");
    *shorthand = true;
    return 0;
}

struct parsed_R {
    struct rv1 *rv1; /* or, if there is none: */
    struct jgf jgf;
    bool shorthand;
    int64_t starttime, expiration;
};

void parsed_R_destroy (struct parsed_R *R)
{
    int saved = errno;

    if (!R)
        return;
    if (!R->rv1)
        jgf_fini (&R->jgf);
    rv1_destroy (R->rv1);
    free (R);
    errno = saved;
}

static int parse_scheduling (struct parsed_R *R, json_t *sched, flux_error_t *error)
{
    char *text;
    int rc;

    if (writer_format (sched, &R->shorthand, error) < 0)
        return -1;
    if (!(text = json_dumps (sched, JSON_COMPACT)))
        return fail (error, "out of memory");
    rc = jgf_parse (&R->jgf, text, strlen (text), error);
    free (text);
    return rc;
}

/* As those of an R that has nothing but `execution`. */
static int parse_times (struct parsed_R *R, json_t *exec, flux_error_t *error)
{
    double start = 0, end = 0;

    if (json_unpack (exec, "{s?F s?F}", "starttime", &start, "expiration", &end) < 0
        || start < 0 || end < 0 || start > 1e15 || end > 1e15)
        return fail (error, "R: starttime or expiration is no time");
    R->starttime = start;
    R->expiration = end;
    return 0;
}

static int parse (struct parsed_R *R, json_t *o, const char *text, size_t len,
                  flux_error_t *error)
{
    json_t *exec = json_object_get (o, "execution");
    json_t *sched = json_object_get (o, "scheduling");

    if (json_object_get (o, "graph"))
        return parse_scheduling (R, o, error);
    if (!json_object_get (sched, "graph"))
        return (R->rv1 = rv1_parse (text, len, error)) ? 0 : -1;
    if (exec && parse_times (R, exec, error) < 0)
        return -1;
    return parse_scheduling (R, sched, error);
}

struct parsed_R *fluxion_parse_R (const char *text, size_t len, flux_error_t *error)
{
    json_error_t je;
    json_t *o = json_loadb (text, len, 0, &je);
    struct parsed_R *R;

    if (!o) {
        snprintf (error->text, sizeof (error->text), "R: line %d column %d: %.100s",
                  je.line, je.column, je.text);
        errno = EINVAL;
        return NULL;
    }
    if (!(R = calloc (1, sizeof (*R))))
        fail (error, "out of memory");
    else if (parse (R, o, text, len, error) < 0) {
        int saved = errno;
        free (R);
        errno = saved;
        R = NULL;
    }
    json_decref (o);
    return R;
}

int fluxion_pick_parsed (struct graph *g, const struct parsed_R *R, bool strict,
                         struct picks *picks, bool *by_rank, flux_error_t *error)
{
    *by_rank = R->rv1 != NULL;
    if (R->rv1)
        return fluxion_pick_rv1 (g, R->rv1, strict, picks, error);
    picks->starttime = R->starttime;
    picks->expiration = R->expiration;
    return fluxion_pick_jgf_parsed (g, &R->jgf, strict, R->shorthand, picks, error);
}

int fluxion_pick_R (struct graph *g, const char *R, size_t len, bool strict,
                    struct picks *picks, bool *by_rank, flux_error_t *error)
{
    struct parsed_R *parsed = fluxion_parse_R (R, len, error);
    int rc =
        parsed ? fluxion_pick_parsed (g, parsed, strict, picks, by_rank, error) : -1;

    parsed_R_destroy (parsed);
    return rc;
}
