/* Resource limits: shell option rlimit {name: soft limit, -1 unlimited}. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "shell/shell.h"

#define LIMIT_MAX 16

struct rlimits {
    int count;
    int resource[LIMIT_MAX];
    struct rlimit value[LIMIT_MAX];
};

static const struct {
    const char *name;
    int resource;
} names[] = {
    { "cpu", RLIMIT_CPU },
    { "fsize", RLIMIT_FSIZE },
    { "data", RLIMIT_DATA },
    { "stack", RLIMIT_STACK },
    { "core", RLIMIT_CORE },
    { "nofile", RLIMIT_NOFILE },
    { "as", RLIMIT_AS },
    { "rss", RLIMIT_RSS },
    { "nproc", RLIMIT_NPROC },
    { "memlock", RLIMIT_MEMLOCK },
    { "locks", RLIMIT_LOCKS },
    { "sigpending", RLIMIT_SIGPENDING },
    { "msgqueue", RLIMIT_MSGQUEUE },
    { "nice", RLIMIT_NICE },
    { "rtprio", RLIMIT_RTPRIO },
    { "rttime", RLIMIT_RTTIME },
};

/* Of the process, before it was raised; rlim_max 0: it was not. */
static struct rlimit files;

unsigned long limits_raise_files (unsigned long max)
{
    struct rlimit now, want;

    if (getrlimit (RLIMIT_NOFILE, &now) < 0)
        return 0;
    want = now;
    want.rlim_cur = now.rlim_max < max ? now.rlim_max : max;
    if (want.rlim_cur > now.rlim_cur && setrlimit (RLIMIT_NOFILE, &want) == 0) {
        files = now;
        return want.rlim_cur;
    }
    return now.rlim_cur < max ? now.rlim_cur : max;
}

void limits_restore_files (void)
{
    if (files.rlim_max > 0)
        setrlimit (RLIMIT_NOFILE, &files);
    files.rlim_max = 0;
}

/* What a task gets, unless an option says otherwise. */
static int get_limit (int resource, struct rlimit *now)
{
    if (resource == RLIMIT_NOFILE && files.rlim_max > 0) {
        *now = files;
        return 0;
    }
    return getrlimit (resource, now);
}

static int find_resource (const char *name)
{
    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        if (!strcmp (names[i].name, name))
            return names[i].resource;
    }
    return -1;
}

static int add (struct shell *sh, const char *name, json_t *value)
{
    struct rlimits *l = sh->rlimits;
    int resource = find_resource (name);
    struct rlimit now;

    if (resource < 0 || !json_is_integer (value) || json_integer_value (value) < -1) {
        shell_fatal (sh, 1, "rlimit: %.60s: unknown limit or invalid value", name);
        return -1;
    }
    if (l->count == LIMIT_MAX || get_limit (resource, &now) < 0)
        return 0;
    json_int_t n = json_integer_value (value);
    rlim_t want = n < 0 ? RLIM_INFINITY : (rlim_t)n;
    if (now.rlim_max != RLIM_INFINITY && (want == RLIM_INFINITY || want > now.rlim_max))
        want = now.rlim_max;
    if (want == now.rlim_cur)
        return 0;
    l->resource[l->count] = resource;
    l->value[l->count++] = (struct rlimit){ want, now.rlim_max };
    return 0;
}

int shell_rlimits_init (struct shell *sh)
{
    json_t *o = shell_option (sh, "rlimit");
    const char *name;
    json_t *value;

    if (!(sh->rlimits = calloc (1, sizeof (*sh->rlimits))))
        return -1;
    json_object_foreach (o, name, value) {
        if (add (sh, name, value) < 0)
            return -1;
    }
    return 0;
}

int shell_rlimits_apply (const struct shell *sh)
{
    const struct rlimits *l = sh->rlimits;

    /* in a child with the memory of its parent: files stays */
    if (files.rlim_max > 0 && setrlimit (RLIMIT_NOFILE, &files) < 0)
        return errno;
    for (int i = 0; i < l->count; i++) {
        if (setrlimit (l->resource[i], &l->value[i]) < 0)
            return errno;
    }
    return 0;
}
