/* The dump at an instance's end, and the one that the next goes on from.
 *
 * Happy path: content.dump=auto writes dump/DATE.tgz, and points dump/RESTORE to it; the next
 * instance of that directory goes on from there, and removes the link before anything is
 * changed: later the store has more than the dump. dump/ (content.dump-dir) is in a kept
 * statedir, else in the broker's working directory, where only content.restore=auto looks.
 *
 * Failures: the link is there when the dump is complete. A dump that cannot be restored ends
 * the start, and the link stays. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text/quote.h"
#include "broker/attrs.h"
#include "broker/rc/dumps.h"

static int put_dir (struct broker *b)
{
    struct buf path = BUF_INIT;
    char *cwd = NULL;
    int rc = -1;

    if (attrs_val (b->attrs, "content.dump-dir"))
        return 0;
    if (attrs_keep_state (b->attrs))
        buf_adds (&path, attrs_val (b->attrs, "statedir"));
    else
        buf_adds (&path, (cwd = getcwd (NULL, 0)) ? cwd : ".");
    buf_adds (&path, "/dump");
    if (!path.err)
        rc = attrs_put (b->attrs, "content.dump-dir", path.data, -1);
    buf_fini (&path);
    free (cwd);
    return rc;
}

static const char *dumps_dir (struct broker *b)
{
    return attrs_val (b->attrs, "content.dump-dir");
}

int dumps_init (struct broker *b)
{
    const char *file = attrs_val (b->attrs, "content.restore");
    struct buf link = BUF_INIT;
    char target[1];
    int rc = 0;

    if (b->rank > 0)
        return 0;
    if (put_dir (b) < 0)
        return -1;
    if (file ? strcmp (file, "auto") != 0 : !attrs_keep_state (b->attrs))
        return 0;
    buf_printf (&link, "%s/RESTORE", dumps_dir (b));
    if (link.err)
        return -1;
    if (readlink (link.data, target, sizeof (target)) >= 0)
        rc = attrs_put (b->attrs, "content.restore", link.data, -1);
    else if (file)
        rc = attrs_put (b->attrs, "content.restore", "", -1);
    buf_fini (&link);
    return rc;
}

/* Who waits for the broker may wait for these for long. */
static const char *notify_option (struct broker *b)
{
    const char *s = attrs_val (b->attrs, "broker.sd-notify");

    return s && strcmp (s, "1") == 0 ? "--sd-notify " : "";
}

bool dumps_restore_command (struct broker *b, struct buf *cmd)
{
    const char *file = attrs_val (b->attrs, "content.restore");

    if (b->rank > 0 || !file || !*file)
        return false;
    buf_printf (cmd, "flux restore --quiet %s--checkpoint ", notify_option (b));
    buf_add_quoted (cmd, file);
    /* A link is of the past, too, if another file takes its place. */
    buf_adds (cmd, " && { cd ");
    buf_add_quoted (cmd, dumps_dir (b));
    buf_adds (cmd, " 2>/dev/null && [ -h RESTORE ] || exit 0; rm RESTORE && sync .; }");
    return true;
}

static void add_auto (struct buf *cmd, const char *option, const char *dir)
{
    char file[64];
    time_t now = time (NULL);
    struct tm tm;

    strftime (file, sizeof (file), "%Y%m%d_%H%M%S.tgz", localtime_r (&now, &tm));
    buf_adds (cmd, "(mkdir -p -m 700 ");
    buf_add_quoted (cmd, dir);
    buf_adds (cmd, " && cd ");
    buf_add_quoted (cmd, dir);
    buf_printf (
        cmd,
        " && flux dump --quiet %s%s && ln -sfn %s .RESTORE && mv -T .RESTORE RESTORE)",
        option, file, file);
}

bool dumps_dump_command (struct broker *b, struct buf *cmd)
{
    const char *file = attrs_val (b->attrs, "content.dump");

    if (b->rank > 0 || !file || !*file)
        return false;
    if (strcmp (file, "auto") != 0) {
        buf_printf (cmd, "flux dump --quiet %s", notify_option (b));
        buf_add_quoted (cmd, file);
    } else {
        add_auto (cmd, notify_option (b), dumps_dir (b));
    }
    return true;
}
