/* What all commands share: messages, the handle, job ids, user names. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *cmd_name = "flux";

static flux_t *handle;

static void say (const char *fmt, va_list ap)
{
    char text[4096];
    fflush (stdout);
    vsnprintf (text, sizeof (text), fmt, ap);
    fprintf (stderr, "%s: %s\n", cmd_name, safe_lines (text));
}

void cmd_warn (const char *fmt, ...)
{
    va_list ap;
    va_start (ap, fmt);
    say (fmt, ap);
    va_end (ap);
}

void cmd_die (const char *fmt, ...)
{
    va_list ap;
    va_start (ap, fmt);
    say (fmt, ap);
    va_end (ap);
    exit (1);
}

const char *cmd_future_error (flux_future_t *f)
{
    int saved_errno = errno;
    const char *s = f ? flux_future_error_string (f) : NULL;
    return s ? s : flux_strerror (saved_errno);
}

static void close_handle (void)
{
    flux_close (handle);
    handle = NULL;
}

flux_t *cmd_open (void)
{
    flux_error_t error;
    if (handle)
        return handle;
    error.text[0] = '\0';
    if (!(handle = flux_open_ex (NULL, 0, &error)))
        cmd_die ("ERROR: Unable to connect to Flux: %s",
                 error.text[0] ? error.text : strerror (errno));
    atexit (close_handle);
    return handle;
}

flux_jobid_t cmd_jobid (const char *s)
{
    flux_jobid_t id;
    if (flux_job_id_parse (s, &id) < 0 || id == FLUX_JOBID_ANY)
        cmd_die ("error parsing jobid: \"%s\"", s);
    return id;
}

const char *cmd_f58 (flux_jobid_t id)
{
    static char ring[4][32];
    static unsigned int next;
    char *buf = ring[next++ % 4];
    if (flux_job_id_encode (id, "f58", buf, sizeof (ring[0])) < 0)
        snprintf (buf, sizeof (ring[0]), "%ju", (uintmax_t)id);
    return buf;
}

json_t *cmd_rpc_json (flux_future_t *f, const char *what)
{
    json_t *o = NULL;
    json_error_t e;
    const char *s;
    if (!f || flux_rpc_get (f, &s) < 0) {
        if (what)
            cmd_die ("%s: %s", what, cmd_future_error (f));
        cmd_die ("%s", cmd_future_error (f));
    }
    if (!s || !(o = json_loads (s, JSON_DECODE_ANY, &e)))
        cmd_die ("%s: malformed response: %s", what ? what : "rpc",
                 s ? e.text : "no payload");
    return o;
}

const char *cmd_username (uint32_t userid)
{
    static struct {
        uint32_t userid;
        bool valid;
        char name[64];
    } cache[64];
    unsigned int slot = userid % 64;
    if (cache[slot].valid && cache[slot].userid == userid)
        return cache[slot].name;
    struct passwd *pw = getpwuid (userid);
    if (pw)
        snprintf (cache[slot].name, sizeof (cache[slot].name), "%s", pw->pw_name);
    else
        snprintf (cache[slot].name, sizeof (cache[slot].name), "%u", userid);
    cache[slot].userid = userid;
    cache[slot].valid = true;
    return cache[slot].name;
}

uint32_t cmd_userid (const char *name)
{
    char *end;
    if (!strcmp (name, "all"))
        return FLUX_USERID_UNKNOWN;
    struct passwd *pw = getpwnam (name);
    if (pw)
        return pw->pw_uid;
    errno = 0;
    unsigned long n = strtoul (name, &end, 10);
    if (errno != 0 || *end != '\0' || end == name || *name == '-' || n > UINT32_MAX)
        cmd_die ("unknown user '%s'", name);
    return n;
}

int cmd_verbosity (optparse_t *p)
{
    int n = optparse_hasopt (p, "verbose");
    const char *s = optparse_get_str (p, "verbose", NULL);
    char *end;

    if (!s || !*s)
        return n;
    if (s[strspn (s, "v")] == '\0')
        return n + (int)strlen (s);
    errno = 0;
    long level = strtol (s, &end, 10);
    if (errno || *end || level < 0 || level > 1000)
        cmd_die ("ERROR: --verbose=%s: not a level", s);
    return (int)level;
}

int cmd_add_states (const char *name, int *mask)
{
    flux_job_state_t state;

    if (strcasecmp (name, "pending") == 0)
        *mask |= FLUX_JOB_STATE_PENDING;
    else if (strcasecmp (name, "running") == 0)
        *mask |= FLUX_JOB_STATE_RUNNING;
    else if (strcasecmp (name, "active") == 0)
        *mask |= FLUX_JOB_STATE_ACTIVE;
    else if (flux_job_strtostate (name, &state) == 0)
        *mask |= state;
    else {
        errno = EINVAL;
        return -1;
    }
    return 0;
}
