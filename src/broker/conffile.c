#include "broker/conffile.h"

#include <flux/core.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

/* How many of the words of "a.b.c: ..." lead from o to what is there. */
static int depth_of (json_t *o, const char *text)
{
    int depth = 0;

    while (json_is_object (o)) {
        size_t n = strcspn (text, ".: ");

        if (!(o = json_object_getn (o, text, n)))
            break;
        depth++;
        if (text[n] != '.')
            break;
        text += n + 1;
    }
    return depth;
}

static int depth_in_file (const char *path, const char *text)
{
    flux_conf_t *c = flux_conf_parse (path, NULL);
    json_t *o;
    int depth = 0;

    if (c && flux_conf_unpack (c, NULL, "o", &o) == 0)
        depth = depth_of (o, text);
    flux_conf_decref (c);
    return depth;
}

int conffile_tell (const char *path, const char *text, flux_error_t *error)
{
    static const char prefix[] = "config: ";
    const char *key =
        !strncmp (text, prefix, strlen (prefix)) ? text + strlen (prefix) : text;
    struct stat st;
    char pattern[4096];
    const char *found = NULL;
    int depth = 0;
    glob_t g;

    snprintf (pattern, sizeof (pattern), "%s%s", path,
              stat (path, &st) == 0 && S_ISDIR (st.st_mode) ? "/*.toml" : "");
    if (glob (pattern, 0, NULL, &g) != 0)
        return -1;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        int d = depth_in_file (g.gl_pathv[i], key);

        /* Later files go before earlier ones. */
        if (d > 0 && d >= depth) {
            depth = d;
            found = g.gl_pathv[i];
        }
    }
    if (found)
        error_text (error, "%s: %s", found, key);
    globfree (&g);
    return found ? 0 : -1;
}
