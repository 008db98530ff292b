/* FLUX_JOB_TMPDIR, and the files that come with a jobspec (RFC 37). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/file.h"
#include "base/os/private.h"
#include "shell/shell.h"

#define OWN "flux-shell-"
#define OWN_TRIES 100

static char own[128]; /* "": there is none */
static int own_fd;    /* has it locked as long as this process lives */

/* Who has it locked lives, or is about to look whether it is still there. */
static int lock_dir (const char *path, int how)
{
    int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 && flock (fd, how) < 0) {
        close (fd);
        return -1;
    }
    return fd;
}

/* Of servers of this user's that were killed. */
static void remove_left (void)
{
    DIR *d = opendir (private_tmpdir ());
    struct dirent *e;
    struct stat sb;
    char path[128 + 256];

    while (d && (e = readdir (d))) {
        int fd;
        snprintf (path, sizeof (path), "%s/%s", private_tmpdir (), e->d_name);
        if (strncmp (e->d_name, OWN, strlen (OWN)) != 0 || lstat (path, &sb) < 0
            || sb.st_uid != geteuid () || (fd = lock_dir (path, LOCK_EX | LOCK_NB)) < 0)
            continue;
        (void)dir_remove (path);
        close (fd);
    }
    if (d)
        closedir (d);
}

/* ENOENT: another server has just taken it for left. */
static int try_own (void)
{
    struct stat there, ours;
    size_t len = snprintf (own, sizeof (own), "%s/" OWN "XXXXXX", private_tmpdir ());

    if (len >= sizeof (own)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (!private_mkdtemp (own) || (own_fd = lock_dir (own, LOCK_EX)) < 0)
        return -1;
    if (lstat (own, &there) == 0 && fstat (own_fd, &ours) == 0
        && there.st_ino == ours.st_ino)
        return 0;
    close (own_fd);
    errno = ENOENT;
    return -1;
}

int shell_tmpdir_own (void)
{
    remove_left ();
    for (int i = 0; i < OWN_TRIES; i++) {
        if (try_own () == 0)
            return 0;
        if (errno != ENOENT)
            break;
    }
    own[0] = '\0';
    return -1;
}

void shell_tmpdir_remove_own (void)
{
    if (own[0])
        (void)dir_remove (own);
}

/* In the broker's directory, which is that of its socket. */
void shell_tmpdir_path (char *buf, size_t size, unsigned int rank, int slot)
{
    const char *uri = getenv ("FLUX_URI");
    const char *dir = "/tmp";
    int len = 4;
    const char *slash;

    if (own[0]) {
        snprintf (buf, size, "%s/jobtmp-%u-%d", own, rank, slot);
        return;
    }
    if (uri && !strncmp (uri, "local://", 8) && (slash = strrchr (uri + 8, '/'))
        && slash - (uri + 8) < 150) {
        dir = uri + 8;
        len = slash - dir;
    }
    snprintf (buf, size, "%.*s/jobtmp-%u-%d", len, dir, rank, slot);
}

static bool dir_is_empty (const char *path)
{
    DIR *d = opendir (path);
    struct dirent *e;
    int count = 0;

    if (!d)
        return false;
    while (count == 0 && (e = readdir (d)))
        count += strcmp (e->d_name, ".") != 0 && strcmp (e->d_name, "..") != 0;
    closedir (d);
    return count == 0;
}

static bool path_is_safe (const char *path)
{
    if (*path == '/' || *path == '\0')
        return false;
    for (const char *p = path; p; p = strchr (p, '/'), p = p ? p + 1 : NULL) {
        size_t len = strcspn (p, "/");
        if (len == 0 || (len == 1 && p[0] == '.')
            || (len == 2 && !strncmp (p, "..", 2)))
            return false;
    }
    return true;
}

static int make_parents (char *path, size_t base_len)
{
    for (char *p = strchr (path + base_len + 1, '/'); p; p = strchr (p + 1, '/')) {
        *p = '\0';
        int rc = mkdir (path, 0700);
        *p = '/';
        if (rc < 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

/* The bytes of a file object; owned by the caller. */
static char *file_content (json_t *o, size_t *len)
{
    json_t *data = json_is_string (o) ? o : json_object_get (o, "data");
    const char *encoding = json_string_value (json_object_get (o, "encoding"));
    char *s;

    if (!json_is_string (data)) {
        s = data ? json_dumps (data, JSON_ENCODE_ANY) : strdup ("");
        *len = s ? strlen (s) : 0;
        return s;
    }
    *len = json_string_length (data);
    if (!(s = malloc (*len + 1)))
        return NULL;
    if (encoding && !strcmp (encoding, "base64")) {
        ssize_t n = base64_decode (s, json_string_value (data), *len);
        if (n < 0) {
            free (s);
            errno = EINVAL;
            return NULL;
        }
        *len = n;
    } else
        memcpy (s, json_string_value (data), *len);
    return s;
}

static int write_file (struct shell *sh, const char *name, json_t *o)
{
    char path[4096];
    int mode = 0600;
    size_t len = 0;
    json_t *m = json_object_get (o, "mode");

    if (json_is_integer (m))
        mode = json_integer_value (m) & 07777;
    if (!path_is_safe (name)
        || snprintf (path, sizeof (path), "%s/%s", sh->tmpdir, name)
               >= (int)sizeof (path)) {
        errno = EINVAL;
        return -1;
    }
    if (make_parents (path, strlen (sh->tmpdir)) < 0)
        return -1;
    if (json_is_integer (m) && S_ISDIR (json_integer_value (m)))
        return mkdir (path, mode);
    char *data = file_content (o, &len);
    if (!data)
        return -1;
    if (json_is_integer (m) && S_ISLNK (json_integer_value (m))) {
        data = realloc (data, len + 1);
        data[len] = '\0';
        int rc = symlink (data, path);
        free (data);
        return rc;
    }
    int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int rc = fd < 0 ? -1 : fd_write_all (fd, data, len);
    if (fd >= 0)
        close (fd);
    free (data);
    return rc;
}

static int write_files (struct shell *sh)
{
    json_t *files = NULL;
    const char *name;
    json_t *o;

    if (json_unpack (sh->jobspec_json, "{s:{s:{s?o}}}", "attributes", "system", "files",
                     &files)
            < 0
        || !files)
        return 0;
    json_object_foreach (files, name, o) {
        if (write_file (sh, name, o) < 0) {
            shell_fatal (sh, 1, "files: %s: %s", name, strerror (errno));
            return -1;
        }
    }
    return 0;
}

int shell_tmpdir_create (struct shell *sh)
{
    shell_tmpdir_path (sh->tmpdir, sizeof (sh->tmpdir), sh->broker_rank, sh->slot);
    if (mkdir (sh->tmpdir, 0700) == 0)
        return write_files (sh);
    if (errno == EEXIST && !dir_is_empty (sh->tmpdir)) {
        if (sh->inside) { /* others would wait meanwhile */
            errno = ENOTEMPTY;
            return -1;
        }
        /* of a shell that was killed */
        dir_remove (sh->tmpdir);
        errno = mkdir (sh->tmpdir, 0700) < 0 ? errno : EEXIST;
    }
    if (errno != EEXIST) {
        shell_fatal (sh, 1, "mkdir %s: %s", sh->tmpdir, strerror (errno));
        return -1;
    }
    return write_files (sh);
}

/* An empty one stays for the next job of this slot: making and removing a
 * directory costs a small job more than all its other files. */
void shell_tmpdir_clean (struct shell *sh)
{
    if (!shell_tmpdir_is_clean (sh))
        dir_remove (sh->tmpdir);
}

bool shell_tmpdir_is_clean (const struct shell *sh)
{
    return !sh->tmpdir[0] || dir_is_empty (sh->tmpdir);
}
