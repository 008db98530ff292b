/* flux cron: commands that run at times and on events. */
#include "cmd/cmd.h"

#include "base/clock.h"
#include "base/file.h"
#include "cmd/format/datetime.h"
#include "cmd/output/output.h"
#include "value/fsd.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* "flux-cron interval: text" */
__attribute__ ((format (printf, 2, 3), noreturn)) static void die (optparse_t *p,
                                                                   const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    cmd_name = optparse_program_name (p);
    cmd_die ("%s", text);
}

/* --- what creates an entry --- */

#define OPTIONS_OPTION                                                                 \
    {                                                                                  \
        .name = "options", .key = 'o', .has_arg = 1, .arginfo = "LIST",                \
        .flags = OPTPARSE_OPT_AUTOSPLIT,                                               \
        .usage = "timeout=N, rank=R, task-history-count=N, stop-on-failure=N"          \
    }
#define COMMAND_OPTIONS                                                                \
    { .name = "preserve-env", .key = 'E', .usage = "Run with this environment" },      \
    {                                                                                  \
        .name = "working-dir", .key = 'd', .has_arg = 1, .arginfo = "DIR",             \
        .usage = "Run in this directory"                                               \
    }
#define NAME_OPTION                                                                    \
    {                                                                                  \
        .name = "name", .key = 'N', .has_arg = 1, .arginfo = "STRING",                 \
        .usage = "Name of the entry"                                                   \
    }
#define COUNT_OPTION                                                                   \
    {                                                                                  \
        .name = "count", .key = 'c', .has_arg = 1, .arginfo = "N",                     \
        .usage = "Stop after N runs"                                                   \
    }

static double duration (optparse_t *p, const char *s)
{
    double d;

    if (fsd_parse (s, &d) < 0 || !isfinite (d))
        die (p, "Invalid duration '%s'", s);
    return d;
}

static int count_option (optparse_t *p, const char *name)
{
    int n = optparse_get_int (p, name, 0);

    if (n < 0)
        die (p, "--%s=%d: must not be negative", name, n);
    return n;
}

static long parse_number (optparse_t *p, const char *opt, const char *s)
{
    char *end;
    long n;

    errno = 0;
    n = strtol (s, &end, 10);
    if (errno || end == s || *end || n < 0 || n > INT_MAX)
        die (p, "--options=%s: '%s' is not a number", opt, s);
    return n;
}

static void parse_option (optparse_t *p, json_t *request, const char *opt)
{
    static const char *numbers[] = { "rank", "task-history-count", "stop-on-failure" };
    const char *value = strchr (opt, '=');
    size_t len = value ? (size_t)(value - opt) : 0;

    if (value && len == 7 && !strncmp (opt, "timeout", len)) {
        json_object_set_new (request, "timeout", json_real (duration (p, value + 1)));
        return;
    }
    for (size_t i = 0; value && i < sizeof (numbers) / sizeof (numbers[0]); i++) {
        if (strlen (numbers[i]) == len && !strncmp (opt, numbers[i], len)) {
            json_object_set_new (request, numbers[i],
                                 json_integer (parse_number (p, opt, value + 1)));
            return;
        }
    }
    die (p, "--options=%s: there is no such option", opt);
}

static json_t *get_environ (void)
{
    json_t *o = json_object ();

    for (char **e = environ; *e; e++) {
        const char *value = strchr (*e, '=');
        char *name = value ? strndup (*e, value - *e) : NULL;

        if (name && strncmp (name, "FLUX_URI", 8) != 0)
            json_object_set_new (o, name, json_string (value + 1)); /* or not UTF-8 */
        free (name);
    }
    return o;
}

static char *join (int argc, char **argv)
{
    size_t len = 1;
    char *s;

    for (int i = 0; i < argc; i++)
        len += strlen (argv[i]) + 1;
    if (!(s = calloc (1, len)))
        cmd_die ("out of memory");
    for (int i = 0; i < argc; i++) {
        if (i > 0)
            strcat (s, " ");
        strcat (s, argv[i]);
    }
    return s;
}

static json_t *make_request (optparse_t *p, const char *type, json_t *args,
                             const char *name, const char *command, json_t *argv)
{
    json_t *o = json_pack ("{s:s s:o s:s s:s s:o}", "type", type, "args", args, "name",
                           name, "command", command, "argv", argv);
    const char *opt, *dir;
    char *cwd;

    if (!o)
        die (p, "the command is no UTF-8");
    while ((opt = optparse_getopt_next (p, "options")))
        parse_option (p, o, opt);
    if (optparse_hasopt (p, "preserve-env"))
        json_object_set_new (o, "environ", get_environ ());
    if ((dir = optparse_get_str (p, "working-dir", NULL))) {
        if (!(cwd = realpath (dir, NULL)))
            die (p, "%s: %s", dir, strerror (errno));
        json_object_set_new (o, "cwd", json_string (cwd));
        free (cwd);
    }
    return o;
}

/* argv: the command */
static json_t *command_request (optparse_t *p, const char *type, json_t *args, int argc,
                                char **argv)
{
    char *command = join (argc, argv);
    json_t *array = json_array (), *o;

    for (int i = 0; i < argc; i++)
        json_array_append_new (array, json_string (argv[i]));
    o = make_request (p, type, args, optparse_get_str (p, "name", argv[0]), command,
                      array);
    free (command);
    return o;
}

/* The entry that was made. */
static json_t *create (optparse_t *p, json_t *take_request)
{
    flux_future_t *f =
        flux_rpc_pack (cmd_open (), "cron.create", 0, 0, "o", take_request);
    json_t *entry;

    if (!f || flux_rpc_get_unpack (f, "o", &entry) < 0)
        die (p, "%s", cmd_future_error (f));
    json_incref (entry);
    flux_future_destroy (f);
    return entry;
}

static int id_of (json_t *entry)
{
    return json_integer_value (json_object_get (entry, "id"));
}

static void set_count (json_t *request, int count)
{
    json_object_set_new (request, "repeat", json_integer (count));
}

static int created (optparse_t *p, const char *type, json_t *take_request)
{
    json_t *entry = create (p, take_request);

    printf ("%s: cron-%d created\n", type, id_of (entry));
    json_decref (entry);
    return 0;
}

static struct optparse_option interval_opts[] = {
    NAME_OPTION,
    { .name = "n",
      .key = 'n',
      .has_arg = 1,
      .flags = OPTPARSE_OPT_SHORTOPT_ONLY,
      .arginfo = "STRING",
      .usage = "The same" },
    { .name = "after",
      .key = 'a',
      .has_arg = 1,
      .arginfo = "TIME",
      .usage = "Run first after TIME" },
    COUNT_OPTION,
    OPTIONS_OPTION,
    COMMAND_OPTIONS,
    OPTPARSE_TABLE_END,
};

static int cmd_interval (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *after = optparse_get_str (p, "after", NULL), *name;
    json_t *args, *request;

    if (argc - i < 2)
        die (p, "INTERVAL and COMMAND required");
    args = json_pack ("{s:f s:f}", "interval", duration (p, argv[i]), "after",
                      after ? duration (p, after) : -1.);
    request = command_request (p, "interval", args, argc - i - 1, argv + i + 1);
    if ((name = optparse_get_str (p, "n", NULL)))
        json_object_set_new (request, "name", json_string (name));
    set_count (request, count_option (p, "count"));
    return created (p, "interval", request);
}

static struct optparse_option event_opts[] = {
    NAME_OPTION,
    { .name = "nth",
      .key = 'n',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Run after each N events" },
    COUNT_OPTION,
    { .name = "after",
      .key = 'a',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Run first after N events" },
    { .name = "min-interval",
      .key = 'i',
      .has_arg = 1,
      .arginfo = "T",
      .usage = "Time between two runs, at least" },
    OPTIONS_OPTION,
    COMMAND_OPTIONS,
    OPTPARSE_TABLE_END,
};

static int cmd_event (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *min = optparse_get_str (p, "min-interval", NULL);
    json_t *args, *request;

    if (argc - i < 2)
        die (p, "TOPIC and COMMAND args are required");
    args = json_pack ("{s:s s:i s:i s:f}", "topic", argv[i], "nth",
                      count_option (p, "nth"), "after", count_option (p, "after"),
                      "min_interval", min ? duration (p, min) : 0.);
    request = command_request (p, "event", args, argc - i - 1, argv + i + 1);
    set_count (request, count_option (p, "count"));
    return created (p, "event", request);
}

/* --- at --- */

static struct optparse_option at_opts[] = {
    NAME_OPTION,
    OPTIONS_OPTION,
    COMMAND_OPTIONS,
    OPTPARSE_TABLE_END,
};

/* What date(1) makes of it. */
static int ask_date (const char *s, double *result)
{
    char *opt, *text, *end;
    int fds[2], status;
    size_t len;
    pid_t pid;

    if (asprintf (&opt, "--date=%s", s) < 0 || pipe2 (fds, O_CLOEXEC) < 0)
        return -1;
    if ((pid = fork ()) < 0)
        return -1;
    if (pid == 0) {
        int null = open ("/dev/null", O_WRONLY);

        dup2 (fds[1], STDOUT_FILENO);
        dup2 (null, STDERR_FILENO);
        execlp ("date", "date", opt, "+%s.%N", NULL);
        _exit (127);
    }
    free (opt);
    close (fds[1]);
    text = fd_read_all (fds[0], &len);
    close (fds[0]);
    if (waitpid (pid, &status, 0) < 0 || status != 0 || !text) {
        free (text);
        return -1;
    }
    *result = strtod (text, &end);
    status = end == text;
    free (text);
    return status ? -1 : 0;
}

static int cmd_at (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    double now = clock_wall (), when;
    json_t *request, *entry;
    char text[64];
    struct tm tm;
    time_t t;

    if (argc - i < 2)
        die (p, "DATETIME and COMMAND args are required");
    if (datetime_parse (argv[i], now, &when) < 0 && ask_date (argv[i], &when) < 0)
        die (p, "'%s': not a time", argv[i]);
    if (when <= now)
        die (p, "'%s': that time is over", argv[i]);
    request = command_request (p, "datetime", json_pack ("{s:f}", "at", when),
                               argc - i - 1, argv + i + 1);
    set_count (request, 1);
    entry = create (p, request);
    t = when;
    localtime_r (&t, &tm);
    strftime (text, sizeof (text), "%a %b %e %H:%M:%S %Y", &tm);
    printf ("at: cron-%d created: scheduled in %.3fs at %s\n", id_of (entry),
            when - now, text);
    json_decref (entry);
    return 0;
}

/* --- tab --- */

static struct optparse_option tab_opts[] = {
    OPTIONS_OPTION,
    COMMAND_OPTIONS,
    OPTPARSE_TABLE_END,
};

/* Behind @NAME or five fields. */
static size_t expr_len (const char *line)
{
    const char *pos = line + strspn (line, " \t");

    for (int n = *pos == '@' ? 1 : 5; n > 0; n--) {
        pos += strspn (pos, " \t");
        pos += strcspn (pos, " \t");
    }
    return pos - line;
}

static json_t *line_request (optparse_t *p, const char *file, int number, char *line)
{
    size_t len = expr_len (line);
    char *command = line + len + strspn (line + len, " \t");
    char *expr = strndup (line, len);
    char *name = strndup (command, strcspn (command, " \t"));
    json_t *o;

    if (*command == '\0')
        die (p, "%s:%d: there is no command", file, number);
    o = make_request (p, "datetime", json_pack ("{s:s}", "expr", expr), name, command,
                      json_pack ("[s, s, s]", "sh", "-c", command));
    free (expr);
    free (name);
    return o;
}

static void take_back (const int *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        flux_future_t *f =
            flux_rpc_pack (cmd_open (), "cron.delete", 0, 0, "{s:i}", "id", ids[i]);

        if (f)
            flux_future_get (f, NULL);
        flux_future_destroy (f);
    }
}

/* All lines are read before the first entry is made, so that a file that is not there,
 * or ends in the middle, makes none. The module says what is wrong with an expression;
 * what the lines before it made is taken back. */
static void create_all (optparse_t *p, const char *file, json_t *requests,
                        const int *numbers)
{
    int *ids = calloc (json_array_size (requests) + 1, sizeof (*ids));
    size_t i;
    json_t *o;

    if (!ids)
        cmd_die ("out of memory");
    json_array_foreach (requests, i, o) {
        flux_future_t *f = flux_rpc_pack (cmd_open (), "cron.create", 0, 0, "O", o);

        if (!f || flux_rpc_get_unpack (f, "{s:i}", "id", &ids[i]) < 0) {
            take_back (ids, i);
            die (p, "%s:%d: %s", file, numbers[i], cmd_future_error (f));
        }
        flux_future_destroy (f);
    }
    free (ids);
}

static int cmd_tab (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p), number = 0, *numbers = NULL;
    const char *file = i < argc && strcmp (argv[i], "-") != 0 ? argv[i] : "stdin";
    json_t *requests = json_array ();
    char *text, *pos, *line;
    size_t len;

    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    text = strcmp (file, "stdin") != 0 ? file_read_all (file, &len)
                                       : fd_read_all (STDIN_FILENO, &len);
    if (!text)
        die (p, "%s: %s", file, strerror (errno));
    pos = text;
    while ((line = strsep (&pos, "\n"))) {
        number++;
        if (line[strspn (line, " \t")] == '\0' || line[strspn (line, " \t")] == '#')
            continue;
        json_array_append_new (requests, line_request (p, file, number, line));
        numbers = realloc (numbers, json_array_size (requests) * sizeof (int));
        if (!numbers)
            cmd_die ("out of memory");
        numbers[json_array_size (requests) - 1] = number;
    }
    create_all (p, file, requests, numbers);
    json_decref (requests);
    free (numbers);
    free (text);
    return 0;
}

/* --- list --- */

static struct optparse_option list_opts[] = {
    { .name = "json", .usage = "Print the entries as JSON" },
    OPTPARSE_TABLE_END,
};

static json_t *get_entries (optparse_t *p, flux_future_t **fp)
{
    json_t *entries;

    if (!(*fp = flux_rpc (cmd_open (), "cron.list", NULL, 0, 0))
        || flux_rpc_get_unpack (*fp, "{s:o}", "entries", &entries) < 0)
        die (p, "%s", cmd_future_error (*fp));
    return entries;
}

static const char *ago (double when, char *buf, size_t size)
{
    static const struct {
        double seconds;
        const char *one, *name;
    } units[] = {
        { 86400., "a day", "days" },
        { 3600., "an hour", "hours" },
        { 60., "a minute", "minutes" },
        { 1., "a second", "seconds" },
    };
    double past = clock_wall () - when;

    if (when <= 0)
        return "None";
    for (size_t i = 0; i < sizeof (units) / sizeof (units[0]); i++) {
        double n = floor (past / units[i].seconds);

        if (n < 1)
            continue;
        if (n < 2)
            snprintf (buf, size, "%s ago", units[i].one);
        else
            snprintf (buf, size, "%.0f %s ago", n, units[i].name);
        return buf;
    }
    return "now";
}

static const char *status_of (json_t *entry, char *buf, size_t size)
{
    json_t *task = json_array_get (json_object_get (entry, "task"), 0);
    const char *state = json_string_value (json_object_get (task, "state"));
    int code = json_integer_value (json_object_get (task, "code"));

    if (!state)
        return "None";
    if (strcmp (state, "Exited") != 0)
        return state;
    if (code == 0)
        return "Success";
    snprintf (buf, size, code > 128 ? "Failed:sig=%d" : "Failed:rc=%d",
              code > 128 ? code - 128 : code);
    return buf;
}

static void print_entry (json_t *entry)
{
    char runs[32], last[64], status[64];
    const char *name;
    double lastrun;
    int id, stopped, count, repeat;

    if (json_unpack (entry, "{s:i s:s s:b s:i s:{s:i s:F}}", "id", &id, "name", &name,
                     "stopped", &stopped, "repeat", &repeat, "stats", "count", &count,
                     "lastrun", &lastrun)
        < 0)
        cmd_die ("cron.list: malformed entry");
    if (repeat > 0)
        snprintf (runs, sizeof (runs), "%d/%d", count, repeat);
    else
        snprintf (runs, sizeof (runs), "%d", count);
    printf ("%6d %-15s %-8s %9s %18s  %-18s\n", id, safe (name),
            stopped ? "Stopped" : "Active", runs, ago (lastrun, last, sizeof (last)),
            safe (status_of (entry, status, sizeof (status))));
}

static int cmd_list (optparse_t *p, int argc, char **argv)
{
    flux_future_t *f;
    json_t *entries, *o;
    size_t i;

    if (optparse_option_index (p) < argc)
        optparse_fatal_usage (p, 1, NULL);
    entries = get_entries (p, &f);
    if (optparse_hasopt (p, "json")) {
        json_dumpf (entries, stdout, JSON_COMPACT);
        putchar ('\n');
    } else {
        printf ("%6s %-15s %-8s %9s %18s  %-18s\n", "ID", "CMD/NAME", "STATE", "#RUNS",
                "LASTRUN", "STATUS");
        json_array_foreach (entries, i, o)
            print_entry (o);
    }
    flux_future_destroy (f);
    return 0;
}

/* --- one entry --- */

static int id_operand (optparse_t *p, const char *s)
{
    char *end;
    long n;

    if (!s)
        die (p, "ID argument required");
    if (!strncmp (s, "cron-", 5))
        s += 5;
    errno = 0;
    n = strtol (s, &end, 10);
    if (errno || end == s || *end || n < 1 || n > INT_MAX)
        die (p, "%s: not an ID", s);
    return n;
}

/* For each operand; false: it failed, and a line was said. */
static bool call (const char *topic, int id, bool kill, const char *done,
                  bool with_name)
{
    flux_future_t *f =
        flux_rpc_pack (cmd_open (), topic, 0, 0, "{s:i s:b}", "id", id, "kill", kill);
    const char *name;

    if (!f || flux_rpc_get_unpack (f, "{s:s}", "name", &name) < 0) {
        fprintf (stderr, "flux-cron %s: %s\n", topic + 5, cmd_future_error (f));
        flux_future_destroy (f);
        return false;
    }
    if (with_name)
        printf ("%s cron-%d: %s\n", done, id, safe (name));
    else
        printf ("%s cron-%d\n", done, id);
    output_flush ();
    flux_future_destroy (f);
    return true;
}

static int call_all (optparse_t *p, int argc, char **argv, const char *topic, bool kill,
                     const char *done, bool with_name)
{
    int i = optparse_option_index (p), status = 0;

    if (i == argc)
        die (p, "ID argument required");
    for (; i < argc; i++)
        if (!call (topic, id_operand (p, argv[i]), kill, done, with_name))
            status = 1;
    return status;
}

static int cmd_stop (optparse_t *p, int argc, char **argv)
{
    return call_all (p, argc, argv, "cron.stop", false, "Stopped", false);
}

static int cmd_start (optparse_t *p, int argc, char **argv)
{
    return call_all (p, argc, argv, "cron.start", false, "Started", false);
}

static struct optparse_option delete_opts[] = {
    { .name = "kill", .key = 'k', .usage = "Kill the command if it runs" },
    OPTPARSE_TABLE_END,
};

static int cmd_delete (optparse_t *p, int argc, char **argv)
{
    return call_all (p, argc, argv, "cron.delete", optparse_hasopt (p, "kill"),
                     "Removed", true);
}

/* --- dump --- */

static struct optparse_option dump_opts[] = {
    { .name = "key",
      .key = 'k',
      .has_arg = 1,
      .arginfo = "KEY",
      .usage = "Print the value of this key only" },
    OPTPARSE_TABLE_END,
};

static bool dump_scalar (json_t *o, const char *key, const char *wanted)
{
    bool bare = wanted != NULL;
    char *s;

    if (wanted && strcmp (wanted, key) != 0)
        return false;
    if (!bare)
        printf ("%s = ", safe (key));
    if (json_is_string (o) && bare) {
        puts (safe (json_string_value (o)));
        return true;
    }
    if (!(s = json_dumps (o, JSON_ENCODE_ANY | JSON_REAL_PRECISION (17))))
        cmd_die ("out of memory");
    puts (safe (s));
    free (s);
    return true;
}

static bool dump_value (json_t *o, const char *prefix, const char *wanted)
{
    const char *name;
    bool found = false;
    json_t *child;
    char *key;
    size_t i;

    json_object_foreach (o, name, child) {
        if (asprintf (&key, "%s%s%s", prefix, *prefix ? "." : "", name) < 0)
            cmd_die ("out of memory");
        found |= dump_value (child, key, wanted);
        free (key);
    }
    json_array_foreach (o, i, child) {
        if (asprintf (&key, "%s.%zu", prefix, i + 1) < 0)
            cmd_die ("out of memory");
        found |= dump_value (child, key, wanted);
        free (key);
    }
    if (!json_is_object (o) && !json_is_array (o))
        return dump_scalar (o, prefix, wanted);
    return found;
}

static int cmd_dump (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p), id = id_operand (p, argv[i]);
    const char *key = optparse_get_str (p, "key", NULL);
    flux_future_t *f;
    json_t *entries = get_entries (p, &f), *o;
    size_t n;

    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    json_array_foreach (entries, n, o) {
        if (id_of (o) != id)
            continue;
        if (!dump_value (o, "", key) && key)
            die (p, "%s: there is no such key", key);
        flux_future_destroy (f);
        return 0;
    }
    die (p, "cron-%d: %s", id, strerror (ENOENT));
}

/* --- sync --- */

static struct optparse_option sync_opts[] = {
    { .name = "epsilon",
      .key = 'e',
      .has_arg = 1,
      .arginfo = "DELAY",
      .usage = "Run at once if the event was so long ago at most" },
    { .name = "disable", .key = 'd', .usage = "Run when it is time" },
    OPTPARSE_TABLE_END,
};

static int cmd_sync (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p), active;
    const char *epsilon = optparse_get_str (p, "epsilon", NULL), *topic;
    json_t *o = json_object ();
    flux_future_t *f;
    double delay;

    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    if (i < argc && optparse_hasopt (p, "disable"))
        die (p, "a topic and --disable cannot be used together");
    if (i < argc)
        json_object_set_new (o, "topic", json_string (argv[i]));
    if (optparse_hasopt (p, "disable"))
        json_object_set_new (o, "disable", json_true ());
    if (epsilon)
        json_object_set_new (o, "epsilon", json_real (duration (p, epsilon)));
    if (!(f = flux_rpc_pack (cmd_open (), "cron.sync", 0, 0, "o", o))
        || flux_rpc_get_unpack (f, "{s:s s:b s:F}", "topic", &topic, "active", &active,
                                "epsilon", &delay)
               < 0)
        die (p, "%s", cmd_future_error (f));
    if (active)
        printf ("sync: sync to event \"%s\" epsilon=%.3fs.\n", safe (topic), delay);
    else
        puts ("sync: sync disabled.");
    flux_future_destroy (f);
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "interval", "[OPTIONS] INTERVAL COMMAND", "Run a command at an interval",
      cmd_interval, 0, interval_opts },
    { "event", "[OPTIONS] TOPIC COMMAND", "Run a command after events", cmd_event, 0,
      event_opts },
    { "at", "[OPTIONS] DATETIME COMMAND", "Run a command once", cmd_at, 0, at_opts },
    { "tab", "[OPTIONS] [FILE]", "Run commands of a crontab", cmd_tab, 0, tab_opts },
    { "list", "[--json]", "List entries", cmd_list, 0, list_opts },
    { "stop", "ID...", "Stop entries", cmd_stop, 0, NULL },
    { "start", "ID...", "Start entries that were stopped", cmd_start, 0, NULL },
    { "delete", "[--kill] ID...", "Delete entries", cmd_delete, 0, delete_opts },
    { "dump", "[--key=KEY] ID", "Print all about an entry", cmd_dump, 0, dump_opts },
    { "sync", "[-e DELAY] [-d | TOPIC]", "Show or change the event that runs wait for",
      cmd_sync, 0, sync_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_cron = {
    .name = "cron",
    .summary = "Run commands at times and on events",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
