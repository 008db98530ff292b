/* What plugins, and the shell, have to say. Every message goes by the plugins first
 * (shell.log), then into the job's output, from where its submitter has it. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shell/plug/plugs.h"

#define MESSAGE_MAX 4096

static void tell_plugins (int level, const char *component, const char *file, int line,
                          const char *text)
{
    flux_plugin_arg_t *args;
    const char *failed;

    if (plugs.in_log || !plugs_listen ("shell.log")
        || !(args = flux_plugin_arg_create ()))
        return;
    plugs.in_log = true;
    if (flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_IN, "{s:i s:i s:s s:s s:s s:i}",
                              "level", level, "rank", plugs.sh->rank, "component",
                              component ? component : "", "message", text, "file",
                              file ? file : "", "line", line)
        == 0)
        plugs_call ("shell.log", args, false, &failed);
    plugs.in_log = false;
    flux_plugin_arg_destroy (args);
}

static void log_message (int level, const char *component, const char *file, int line,
                         const char *text)
{
    struct shell *sh = plugs.sh;

    tell_plugins (level, component, file, line, text);
    if (level <= plugs.log_max)
        shell_log_entry (sh, level, component, file, line, text);
}

bool plugs_log (struct shell *sh, int level, const char *text)
{
    log_message (level, NULL, NULL, 0, text);
    return true;
}

/* The text, cut to its size, without the newlines at its end; errnum as strerror (3). */
static void format (char *buf, size_t size, int errnum, const char *fmt, va_list ap)
{
    size_t len;

    vsnprintf (buf, size, fmt, ap);
    len = strlen (buf);
    while (len > 0 && buf[len - 1] == '\n')
        buf[--len] = '\0';
    if (errnum)
        snprintf (buf + len, size - len, ": %s", strerror (errnum));
}

void flux_shell_log (const char *component, int level, const char *file, int line,
                     const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    int saved_errno = errno;
    va_list ap;

    if (!plugs.sh || !fmt || !shell_log_enabled (plugs.sh, level))
        return;
    va_start (ap, fmt);
    format (text, sizeof (text), 0, fmt, ap);
    va_end (ap);
    log_message (level, component, file, line, text);
    errno = saved_errno;
}

int flux_shell_err (const char *component, const char *file, int line, int errnum,
                    const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;

    if (plugs.sh && fmt && shell_log_enabled (plugs.sh, FLUX_SHELL_ERROR)) {
        va_start (ap, fmt);
        format (text, sizeof (text), errnum, fmt, ap);
        va_end (ap);
        log_message (FLUX_SHELL_ERROR, component, file, line, text);
    }
    errno = errnum;
    return -1;
}

void flux_shell_fatal (const char *component, const char *file, int line, int errnum,
                       int exit_code, const char *fmt, ...)
{
    char text[MESSAGE_MAX], note[MESSAGE_MAX + 128];
    va_list ap;

    if (!plugs.sh || !fmt)
        return;
    va_start (ap, fmt);
    format (text, sizeof (text), errnum, fmt, ap);
    va_end (ap);
    log_message (FLUX_SHELL_FATAL, component, file, line, text);
    snprintf (note, sizeof (note), "%s%s%s", component ? component : "",
              component ? ": " : "", text);
    shell_raise (plugs.sh, "exec", 0, note);
    if (guard_in_shell ())
        shell_exit (plugs.sh, exit_code);
    frame_flush (&plugs.sh->out);
    _exit (exit_code);
}

void flux_shell_raise (const char *type, int severity, const char *fmt, ...)
{
    char note[MESSAGE_MAX];
    va_list ap;

    if (!plugs.sh || !type || !fmt)
        return;
    va_start (ap, fmt);
    format (note, sizeof (note), 0, fmt, ap);
    va_end (ap);
    shell_raise (plugs.sh, type, severity, note);
}

void flux_shell_raise_exit_status (int status, const char *fmt, ...)
{
    char note[MESSAGE_MAX];
    int code = WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
    va_list ap;

    if (!plugs.sh || !fmt)
        return;
    va_start (ap, fmt);
    format (note, sizeof (note), 0, fmt, ap);
    va_end (ap);
    if (code > plugs.sh->rc)
        plugs.sh->rc = code;
    shell_raise (plugs.sh, "exec", 0, note);
}

static void tell_level (int level, const char *dest)
{
    flux_plugin_arg_t *args;
    const char *failed;

    if (!plugs_listen ("shell.log-setlevel") || !(args = flux_plugin_arg_create ()))
        return;
    if (flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_IN, "{s:i s:s}", "level", level,
                              "dest", dest ? dest : "any")
        == 0)
        plugs_call ("shell.log-setlevel", args, false, &failed);
    flux_plugin_arg_destroy (args);
}

int flux_shell_log_setlevel (int level, const char *dest)
{
    if (!plugs.sh || level < FLUX_SHELL_QUIET || level > FLUX_SHELL_TRACE
        || (dest && strcmp (dest, "eventlog")))
        return plugs_einval ();
    if (dest)
        plugs.log_max = level;
    else
        plugs.sh->verbose = level - FLUX_SHELL_NOTICE;
    tell_level (level, dest);
    return 0;
}
