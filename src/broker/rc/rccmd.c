#include "broker/rc/rccmd.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/text/quote.h"

/* Text, or NULL if it is empty or there is no memory. */
static char *finish (struct buf *b)
{
    if (b->err || b->len == 0) {
        buf_fini (b);
        return NULL;
    }
    return buf_take (b, NULL);
}

static int is_script (const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void add_script (struct buf *cmd, const char *dir, const char *name)
{
    struct buf path = BUF_INIT;

    buf_printf (&path, "%s/%s", dir, name);
    if (cmd->len > 0)
        buf_adds (cmd, " && ");
    if (!path.err)
        buf_add_quoted (cmd, path.data);
    buf_fini (&path);
}

static void add_scripts (struct buf *cmd, const char *dir)
{
    struct dirent **list;
    int n = scandir (dir, &list, is_script, alphasort);

    for (int i = 0; i < n; i++) {
        add_script (cmd, dir, list[i]->d_name);
        free (list[i]);
    }
    if (n >= 0)
        free (list);
}

char *rccmd_scripts (const char *const dirs[], int count, const char *rc)
{
    struct buf cmd = BUF_INIT;

    for (int i = 0; i < count; i++) {
        struct buf dir = BUF_INIT;

        if (!dirs[i] || !*dirs[i])
            continue;
        buf_printf (&dir, "%s/%s.d", dirs[i], rc);
        if (!dir.err)
            add_scripts (&cmd, dir.data);
        buf_fini (&dir);
    }
    return finish (&cmd);
}

char *rccmd_last (const char *scripts, bool gc, const char *dump, const char *then)
{
    struct buf cmd = BUF_INIT;

    if (!gc && (!dump || !*dump))
        return NULL;
    buf_printf (&cmd, "(%s\n); s=$?", scripts && *scripts ? scripts : ":");
    if (gc)
        buf_adds (&cmd, "; flux gc --quiet || s=1");
    if (dump && *dump)
        buf_printf (&cmd, "; %s || s=1", dump);
    if (then)
        buf_printf (&cmd, "; %s || s=1", then);
    buf_adds (&cmd, "; exit $s");
    return finish (&cmd);
}
