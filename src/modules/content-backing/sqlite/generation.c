#include "generation.h"

#include "modules/content-backing/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define RECORD "flux content generation 1\nwritten %" PRId64 "\nsynced %" PRId64 "\n"
#define RECORD_SIZE 160

void generation_init (struct generation *g)
{
    memset (g, 0, sizeof (*g));
    g->fd = -1;
}

void generation_fini (struct generation *g)
{
    if (g->fd >= 0)
        close (g->fd);
    g->fd = -1;
}

/* Where it cannot be known each boot looks like another. */
static void read_boot_id (char *id, size_t size)
{
    int fd = open ("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read (fd, id, size - 1) : 0;

    id[n > 0 ? n : 0] = '\0';
    id[strcspn (id, "\n")] = '\0';
    if (fd >= 0)
        close (fd);
}

static void write_record (struct generation *g)
{
    char s[RECORD_SIZE + 1];
    int n =
        snprintf (s, sizeof (s), RECORD "boot %s\n", g->written, g->synced, g->boot_id);

    memset (s + n, ' ', RECORD_SIZE - n);
    s[RECORD_SIZE - 1] = '\n';
    while (pwrite (g->fd, s, RECORD_SIZE, 0) < 0 && errno == EINTR)
        ;
}

int generation_open (struct generation *g, const char *path, bool create,
                     flux_error_t *error)
{
    char s[RECORD_SIZE + 1], boot_id[40] = "";
    ssize_t n;

    read_boot_id (g->boot_id, sizeof (g->boot_id));
    if ((g->fd = file_open_private (path, create ? O_CREAT : 0, error)) < 0)
        return errno == ENOENT && !create ? 0 : -1;
    if (flock (g->fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            snprintf (error->text, sizeof (error->text), "another instance uses it");
        else
            snprintf (error->text, sizeof (error->text), "%s: %s", path,
                      strerror (errno));
        return -1;
    }
    if ((n = pread (g->fd, s, RECORD_SIZE, 0)) < 0) {
        snprintf (error->text, sizeof (error->text), "%s: %s", path, strerror (errno));
        return -1;
    }
    s[n] = '\0';
    g->known = n > 0;
    if (g->known
        && sscanf (s, RECORD "boot %39s", &g->written, &g->synced, boot_id) < 2) {
        snprintf (error->text, sizeof (error->text), "%s: is not a generation record",
                  path);
        errno = EBADMSG;
        return -1;
    }
    if (!g->boot_id[0] || strcmp (boot_id, g->boot_id) != 0)
        g->written = g->synced;
    write_record (g);
    return 0;
}

int64_t generation_required (const struct generation *g)
{
    return g->written > g->synced ? g->written : g->synced;
}

void generation_put (struct generation *g, int64_t number, bool synced)
{
    if (g->fd < 0)
        return;
    g->written = number;
    if (synced)
        g->synced = number;
    write_record (g);
}

void generation_reset (struct generation *g, int64_t number)
{
    g->synced = 0;
    generation_put (g, number, false);
}
