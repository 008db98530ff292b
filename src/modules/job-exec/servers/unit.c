#include "modules/job-exec/servers/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/error.h"
#include "base/os/search.h"

#define STOP_TIMER_MAX 1000000

/* These belong to whoever makes the unit, or to a service, which a scope is not. */
static const char *const reserved[] = { "AllowedCPUs",
                                        "Description",
                                        "Environment",
                                        "ExecStart",
                                        "KillMode",
                                        "RemainAfterExit",
                                        "SendSIGKILL",
                                        "StandardInputFileDescriptor",
                                        "StandardOutputFileDescriptor",
                                        "StandardErrorFileDescriptor",
                                        "TimeoutStopUSec",
                                        "Type",
                                        "WorkingDirectory" };

static int check_property (const char *name, const json_t *value, flux_error_t *error)
{
    const char *s = json_string_value (value);

    if (!s)
        return error_invalid (error, "exec.sdexec-properties.%.60s: must be a string",
                              name);
    if (*name == '\0'
        || strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "abcdefghijklmnopqrstuvwxyz0123456789")
               != strlen (name))
        return error_invalid (error, "exec.sdexec-properties: '%.60s' is no property",
                              name);
    for (size_t i = 0; i < sizeof (reserved) / sizeof (reserved[0]); i++)
        if (!strcmp (name, reserved[i]))
            return error_invalid (
                error, "exec.sdexec-properties.%s: is not the site's to set", name);
    return 0;
}

static int read_properties (struct units *u, json_t *o, flux_error_t *error)
{
    const char *name;
    json_t *value;

    json_object_foreach (o, name, value)
        if (check_property (name, value, error) < 0)
            return -1;
    u->properties = json_incref (o);
    return 0;
}

/* What a job leaves is ended by SIGKILL, which SIGUSR1 stands for. */
static int read_stop (struct units *u, const json_t *sec, const json_t *signum,
                      flux_error_t *error)
{
    json_int_t n = json_integer_value (sec), sig = json_integer_value (signum);

    if (sec && (n < 1 || n > STOP_TIMER_MAX))
        return error_invalid (error,
                              "exec.sdexec-stop-timer-sec: %lld is not from 1 to %d",
                              (long long)n, STOP_TIMER_MAX);
    if (signum && sig != SIGKILL && sig != SIGUSR1)
        return error_invalid (
            error,
            "exec.sdexec-stop-timer-signal: %lld is neither %d nor %d: "
            "what a job leaves is killed",
            (long long)sig, SIGKILL, SIGUSR1);
    u->stop_timer = n;
    return 0;
}

static int read_service (struct units *u, const char *service, bool systemd,
                         flux_error_t *error)
{
    u->on = service && !strcmp (service, "sdexec");
    if (service && !u->on && strcmp (service, "rexec") != 0)
        return error_invalid (
            error, "exec.service: '%.60s' is neither rexec nor sdexec", service);
    if (u->on && !systemd)
        return error_invalid (error,
                              "exec.service: sdexec needs systemd.enable = true");
    u->override = u->override && systemd;
    return 0;
}

int units_read (struct units *u, json_t *exec, json_t *systemd, flux_error_t *error)
{
    int override = 0, enable = 0, debug = 0, bus_debug = 0;
    const char *service = NULL;
    json_t *properties = NULL, *sec = NULL, *signum = NULL;

    memset (u, 0, sizeof (*u));
    if (exec)
        (void)json_unpack (exec, "{s?s s?b s?o s?o s?o}", "service", &service,
                           "service-override", &override, "sdexec-properties",
                           &properties, "sdexec-stop-timer-sec", &sec,
                           "sdexec-stop-timer-signal", &signum);
    if (systemd)
        (void)json_unpack (systemd, "{s?b s?b s?b}", "enable", &enable, "sdexec-debug",
                           &debug, "sdbus-debug", &bus_debug);
    u->override = override;
    u->debug = debug;
    u->bus_debug = bus_debug;
    if (read_service (u, service, enable, error) < 0
        || read_stop (u, sec, signum, error) < 0)
        return -1;
    return properties ? read_properties (u, properties, error) : 0;
}

void units_fini (struct units *u)
{
    json_decref (u->properties);
    u->properties = NULL;
}

static bool is (const struct span *s, const char *text)
{
    return s->len == strlen (text) && !memcmp (s->s, text, s->len);
}

int units_choose (const struct units *u, const struct span *service,
                  flux_error_t *error)
{
    bool unit = service && is (service, "sdexec");

    if (!service)
        return u->on;
    if (!unit && !is (service, "rexec"))
        return error_invalid (
            error, "exec.bulkexec.service: '%.*s' is neither rexec nor sdexec",
            (int)(service->len < 60 ? service->len : 60), service->s);
    if (unit != u->on && !u->override)
        return error_invalid (error,
                              "exec.bulkexec.service: this instance does not let "
                              "jobs choose (exec.service-override)");
    return unit;
}

void units_encode (const struct units *u, int stop_timer, struct buf *b)
{
    json_t *o =
        json_pack ("{s:i s:b s:b s:O*}", "stop-timer",
                   u->stop_timer > 0 ? u->stop_timer : stop_timer, "debug", u->debug,
                   "bus-debug", u->bus_debug, "properties", u->properties);
    char *s = o ? json_dumps (o, JSON_COMPACT) : NULL;

    if (!s || buf_adds (b, s) < 0)
        b->err = true;
    free (s);
    json_decref (o);
}

/* A unit */

/* The bus of the user whose broker this is; a session has it in its environment. */
static int set_env (flux_cmd_t *cmd, bool bus_debug, int stop_timer)
{
    const char *dir = getenv ("XDG_RUNTIME_DIR");
    const char *bus = getenv ("DBUS_SESSION_BUS_ADDRESS");
    char own[64];

    snprintf (own, sizeof (own), "/run/user/%u", (unsigned)getuid ());
    if (flux_cmd_setenvf (cmd, 1, "XDG_RUNTIME_DIR", "%s", dir && *dir ? dir : own) < 0
        || (bus && flux_cmd_setenvf (cmd, 1, "DBUS_SESSION_BUS_ADDRESS", "%s", bus) < 0)
        || (bus_debug && flux_cmd_setenvf (cmd, 1, "SYSTEMD_LOG_LEVEL", "debug") < 0))
        return -1;
    return flux_cmd_setenvf (cmd, 1, "FLUX_SHELL_STOP_TIMER", "%d", stop_timer);
}

static int insert (flux_cmd_t *cmd, int *at, const char *fmt, const char *a,
                   const char *b)
{
    char *s = NULL;
    int rc = asprintf (&s, fmt, a, b) < 0 ? -1 : flux_cmd_argv_insert (cmd, *at, s);

    free (s);
    (*at)++;
    return rc;
}

/* Its name has the broker's process: instances of one user may have jobs of the same id. */
static int insert_all (flux_cmd_t *cmd, const char *program, json_t *properties,
                       uint64_t id, uint32_t rank)
{
    static const char *const options[] = { "--user", "--scope", "--quiet",
                                           "--collect" };
    char job[32], where[64];
    const char *name;
    json_t *value;
    int at = 0;

    snprintf (where, sizeof (where), "%d-%" PRIu32 "-%" PRIu64, (int)getpid (), rank,
              id);
    flux_job_id_encode (id, "f58", job, sizeof (job));
    if (insert (cmd, &at, "%s", program, NULL) < 0)
        return -1;
    for (size_t i = 0; i < sizeof (options) / sizeof (options[0]); i++)
        if (insert (cmd, &at, "%s", options[i], NULL) < 0)
            return -1;
    if (insert (cmd, &at, "--unit=flux-job-%s.scope", where, NULL) < 0
        || insert (cmd, &at, "--description=Flux job %s", job, NULL) < 0)
        return -1;
    json_object_foreach (properties, name, value)
        if (insert (cmd, &at, "--property=%s=%s", name, json_string_value (value)) < 0)
            return -1;
    return insert (cmd, &at, "--", NULL, NULL);
}

static void log_command (flux_t *h, const flux_cmd_t *cmd)
{
    char *s = flux_cmd_stringify (cmd);

    flux_log (h, LOG_DEBUG, "sdexec: %s", s ? s : "");
    free (s);
}

int unit_wrap (flux_t *h, flux_cmd_t *cmd, const char *json, uint64_t id, uint32_t rank)
{
    json_t *o = json_loads (json, 0, NULL), *properties = NULL;
    int stop_timer = 0, debug = 0, bus_debug = 0, rc = -1;
    char program[4096];

    if (!o
        || json_unpack (o, "{s:i s:b s:b s?o}", "stop-timer", &stop_timer, "debug",
                        &debug, "bus-debug", &bus_debug, "properties", &properties)
               < 0)
        errno = EPROTO;
    else if (!search_dirs (getenv ("PATH"), "systemd-run", search_program, program,
                           sizeof (program))
             && !search_dirs ("/usr/bin:/bin", "systemd-run", search_program, program,
                              sizeof (program)))
        errno = ENOENT;
    else if (set_env (cmd, bus_debug, stop_timer) < 0
             || insert_all (cmd, program,
                            json_is_object (properties) ? properties : NULL, id, rank)
                    < 0)
        errno = ENOMEM;
    else
        rc = 0;
    if (rc == 0 && debug)
        log_command (h, cmd);
    json_decref (o);
    return rc;
}
