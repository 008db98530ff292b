/* A certificate of flux-keygen(1): lines of ZPL, sections with indented NAME = "VALUE".
 * All brokers of an instance have the same. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "broker/boot/bootstrap.h"

#define CERT_MAX 65536 /* bytes */

static int fail (flux_error_t *error, const char *what, const char *why)
{
    snprintf (error->text, sizeof (error->text), "%.100s: %.50s", what, why);
    errno = EINVAL;
    return -1;
}

/* The value of a line `name = "value"` of the section curve. */
static int find_key (const char *text, const char *name, char *key)
{
    bool in_curve = false;
    size_t len = strlen (name), n;

    for (; *text; text += n, text += *text == '\n') {
        const char *s = text;

        n = strcspn (text, "\n");
        if (strchr (" \t#\n", *s) == NULL)
            in_curve = strncmp (s, "curve", 5) == 0 && strcspn (s, " \t\r\n=") == 5;
        s += strspn (s, " \t");
        if (!in_curve || strncmp (s, name, len) != 0)
            continue;
        s += len + strspn (s + len, " \t");
        if (*s++ != '=')
            continue;
        s += strspn (s, " \t");
        if (*s == '"' && strcspn (s + 1, "\"\n") == CERT_KEY_SIZE - 1
            && s[CERT_KEY_SIZE] == '"') {
            memcpy (key, s + 1, CERT_KEY_SIZE - 1);
            key[CERT_KEY_SIZE - 1] = '\0';
            return 0;
        }
    }
    return -1;
}

int cert_decode (struct cert *cert, const char *text, flux_error_t *error)
{
    if (find_key (text, "public-key", cert->public_key) < 0)
        return fail (error, "public-key", "there is none of 40 characters");
    if (find_key (text, "secret-key", cert->secret_key) < 0)
        return fail (error, "secret-key", "there is none of 40 characters");
    return 0;
}

static int check_file (int fd, const char *path, flux_error_t *error)
{
    struct stat st;

    if (fstat (fd, &st) < 0)
        return fail (error, path, strerror (errno));
    if (!S_ISREG (st.st_mode) || st.st_size > CERT_MAX)
        return fail (error, path, "not a certificate");
    if (st.st_uid != geteuid ())
        return fail (error, path, "belongs to another user");
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return fail (error, path, "others may read or write it (chmod 600)");
    return 0;
}

int cert_read (struct cert *cert, const char *path, flux_error_t *error)
{
    char text[CERT_MAX + 1];
    flux_error_t why;
    ssize_t n, len = 0;
    int fd, rc = -1;

    if ((fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0)
        return fail (error, path, strerror (errno));
    if (check_file (fd, path, error) < 0)
        goto done;
    while (len < CERT_MAX && (n = read (fd, text + len, CERT_MAX - len)) > 0)
        len += n;
    text[len] = '\0';
    if ((rc = cert_decode (cert, text, &why)) < 0)
        fail (error, path, why.text);
    explicit_bzero (text, sizeof (text));
done:
    close (fd);
    return rc;
}
