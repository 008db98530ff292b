#include "cmd/format/jobs_fields.h"

#include "cmd/cmd.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is asked of job-list. */
#define BIT(name) A_##name = 1u << J_##name
enum {
    BIT (USERID),
    BIT (URGENCY),
    BIT (PRIORITY),
    BIT (T_SUBMIT),
    BIT (T_DEPEND),
    BIT (T_PRIORITY),
    BIT (T_SCHED),
    BIT (T_RUN),
    BIT (T_CLEANUP),
    BIT (T_INACTIVE),
    BIT (STATE),
    BIT (NAME),
    BIT (CWD),
    BIT (QUEUE),
    BIT (PROJECT),
    BIT (BANK),
    BIT (NTASKS),
    BIT (NCORES),
    BIT (NNODES),
    BIT (RANKS),
    BIT (NODELIST),
    BIT (DURATION),
    BIT (EXPIRATION),
    BIT (SUCCESS),
    BIT (RESULT),
    BIT (WAITSTATUS),
    BIT (EXC_OCCURRED),
    BIT (EXC_TYPE),
    BIT (EXC_SEVERITY),
    BIT (EXC_NOTE),
    BIT (ANNOTATIONS),
    BIT (DEPENDENCIES),
};
#define A_EXC (A_EXC_OCCURRED | A_EXC_TYPE | A_EXC_SEVERITY | A_EXC_NOTE)

/* A cell straight from the attribute of the same name, or computed. */
enum kind { STRING, INT, FLOAT, SPECIAL };
enum special {
    ID_F58,
    ID_F58PLAIN,
    ID_DEC,
    ID_HEX,
    ID_DOTHEX,
    ID_WORDS,
    ID_EMOJI,
    ID_KVS,
    USERNAME,
    STATE,
    STATE_SINGLE,
    STATE_EMOJI,
    STATUS,
    STATUS_ABBREV,
    STATUS_EMOJI,
    RESULT,
    RESULT_ABBREV,
    RESULT_EMOJI,
    SUCCESS,
    RUNTIME,
    T_REMAINING,
    RETURNCODE,
    EXC_OCCURRED,
    EXC_SEVERITY,
    EXC_TYPE,
    EXC_NOTE,
    ANNOTATIONS,
    SCHED,
    USER,
    DEPENDENCIES,
    CONTEXT_INFO,
    CONTEXT_TIME,
    INACTIVE_REASON,
    URI,
    URI_LOCAL,
    INSTANCE,
};

#define A_STATUS (A_STATE | A_RESULT)
#define A_RUNTIME (A_STATE | A_T_RUN | A_T_CLEANUP)
#define A_RETURN (A_STATUS | A_WAITSTATUS | A_EXC)
#define A_CONTEXT                                                                      \
    (A_STATE | A_URGENCY | A_PRIORITY | A_NODELIST | A_DEPENDENCIES | A_ANNOTATIONS)

static const struct field {
    const char *name;
    const char *heading;
    enum kind kind;
    enum special special;
    unsigned int attrs;
} fields[] = {
    { "id", "JOBID", SPECIAL, ID_F58, 0 },
    { "id.f58", "JOBID", SPECIAL, ID_F58, 0 },
    { "id.f58plain", "JOBID", SPECIAL, ID_F58PLAIN, 0 },
    { "id.dec", "JOBID", SPECIAL, ID_DEC, 0 },
    { "id.hex", "JOBID", SPECIAL, ID_HEX, 0 },
    { "id.dothex", "JOBID", SPECIAL, ID_DOTHEX, 0 },
    { "id.words", "JOBID", SPECIAL, ID_WORDS, 0 },
    { "id.emoji", "JOBID", SPECIAL, ID_EMOJI, 0 },
    { "id.kvs", "JOBID", SPECIAL, ID_KVS, 0 },
    { "userid", "UID", INT, 0, A_USERID },
    { "username", "USER", SPECIAL, USERNAME, A_USERID },
    { "urgency", "URG", INT, 0, A_URGENCY },
    { "priority", "PRI", INT, 0, A_PRIORITY },
    { "state", "STATE", SPECIAL, STATE, A_STATE },
    { "state_single", "S", SPECIAL, STATE_SINGLE, A_STATE },
    { "state_emoji", "STATE", SPECIAL, STATE_EMOJI, A_STATE },
    { "name", "NAME", STRING, 0, A_NAME },
    { "cwd", "CWD", STRING, 0, A_CWD },
    { "queue", "QUEUE", STRING, 0, A_QUEUE },
    { "project", "PROJECT", STRING, 0, A_PROJECT },
    { "bank", "BANK", STRING, 0, A_BANK },
    { "ntasks", "NTASKS", INT, 0, A_NTASKS },
    { "ncores", "NCORES", INT, 0, A_NCORES },
    { "duration", "DURATION", FLOAT, 0, A_DURATION },
    { "nnodes", "NNODES", INT, 0, A_NNODES },
    { "expiration", "EXPIRATION", FLOAT, 0, A_EXPIRATION },
    { "t_remaining", "T_REMAINING", SPECIAL, T_REMAINING, A_EXPIRATION | A_STATE },
    { "ranks", "RANKS", STRING, 0, A_RANKS },
    { "nodelist", "NODELIST", STRING, 0, A_NODELIST },
    { "success", "SUCCESS", SPECIAL, SUCCESS, A_SUCCESS | A_STATE },
    { "result", "RESULT", SPECIAL, RESULT, A_STATUS },
    { "result_abbrev", "RS", SPECIAL, RESULT_ABBREV, A_STATUS },
    { "result_emoji", "RESULT", SPECIAL, RESULT_EMOJI, A_STATUS },
    { "t_submit", "T_SUBMIT", FLOAT, 0, A_T_SUBMIT },
    { "t_depend", "T_DEPEND", FLOAT, 0, A_T_DEPEND },
    { "t_priority", "T_PRIORITY", FLOAT, 0, A_T_PRIORITY },
    { "t_sched", "T_SCHED", FLOAT, 0, A_T_SCHED },
    { "t_run", "T_RUN", FLOAT, 0, A_T_RUN },
    { "t_cleanup", "T_CLEANUP", FLOAT, 0, A_T_CLEANUP },
    { "t_inactive", "T_INACTIVE", FLOAT, 0, A_T_INACTIVE },
    { "runtime", "RUNTIME", SPECIAL, RUNTIME, A_RUNTIME },
    { "status", "STATUS", SPECIAL, STATUS, A_STATUS },
    { "status_abbrev", "ST", SPECIAL, STATUS_ABBREV, A_STATUS },
    { "status_emoji", "STATUS", SPECIAL, STATUS_EMOJI, A_STATUS },
    { "waitstatus", "WSTATUS", INT, 0, A_WAITSTATUS },
    { "returncode", "RC", SPECIAL, RETURNCODE, A_RETURN },
    { "exception.occurred", "EXCEPTION-OCCURRED", SPECIAL, EXC_OCCURRED, A_EXC },
    { "exception.severity", "EXCEPTION-SEVERITY", SPECIAL, EXC_SEVERITY, A_EXC },
    { "exception.type", "EXCEPTION-TYPE", SPECIAL, EXC_TYPE, A_EXC },
    { "exception.note", "EXCEPTION-NOTE", SPECIAL, EXC_NOTE, A_EXC },
    { "annotations", "ANNOTATIONS", SPECIAL, ANNOTATIONS, A_ANNOTATIONS },
    { "sched", "SCHED", SPECIAL, SCHED, A_ANNOTATIONS },
    { "user", "USER", SPECIAL, USER, A_ANNOTATIONS },
    { "dependencies", "DEPENDENCIES", SPECIAL, DEPENDENCIES, A_DEPENDENCIES },
    { "contextual_info", "INFO", SPECIAL, CONTEXT_INFO, A_CONTEXT },
    { "contextual_time", "TIME", SPECIAL, CONTEXT_TIME, A_RUNTIME | A_DURATION },
    { "inactive_reason", "INACTIVE-REASON", SPECIAL, INACTIVE_REASON, A_RETURN },
    { "uri", "URI", SPECIAL, URI, A_ANNOTATIONS },
    { "uri.local", "URI", SPECIAL, URI_LOCAL, A_ANNOTATIONS },
    { "instance.stats", "STATS", SPECIAL, INSTANCE, A_ANNOTATIONS | A_STATE },
    { "instance.stats.total", "NJOBS", SPECIAL, INSTANCE, A_ANNOTATIONS | A_STATE },
    { "instance.utilization", "CORE%", SPECIAL, INSTANCE, A_ANNOTATIONS | A_STATE },
    { "instance.gpu_utilization", "GPU%", SPECIAL, INSTANCE, A_ANNOTATIONS | A_STATE },
    { "instance.progress", "PROG", SPECIAL, INSTANCE, A_ANNOTATIONS | A_STATE },
};
#define NFIELDS (sizeof (fields) / sizeof (fields[0]))

const struct format_named jobs_formats[] = {
    { "default", "Default flux-jobs format string",
      "{id.f58:>12} ?:{queue:<8.8} +:{username:<8} {name:<10.10+} "
      "{status_abbrev:>2.2} {ntasks:>6} {nnodes:>6h} {contextual_time!F:>8h} "
      "{contextual_info}" },
    { "cute", "Cute flux-jobs format string (default with emojis)",
      "{id.f58:>12} ?:{queue:<8.8} +:{username:<8} {name:<10.10+} "
      "{status_emoji:>5.5} {ntasks:>6} {nnodes:>6h} {contextual_time!F:>8h} "
      "{contextual_info}" },
    { "long", "Extended flux-jobs format string",
      "{id.f58:>12} ?:{queue:<8.8} +:{username:<8} {name:<10.10+} {status:>9.9} "
      "{ntasks:>6} {nnodes:>6h} {t_submit!d:%b%d %R::>12} {t_remaining!F:>12h} "
      "{contextual_time!F:>8h} {contextual_info}" },
    { "deps", "Show job urgency, priority, and dependencies",
      "{id.f58:>12} ?:{queue:<8.8} {name:<10.10+} {urgency:<3} {priority:<12} "
      "{state:<8.8} {dependencies}" },
    { "endreason", "Show why each job became inactive",
      "{id.f58:>12} ?:{queue:<8.8} +:{username:<8} {name:<10.10+} "
      "{status_abbrev:>2.2} {t_inactive!d:%b%d %R::>12h} {inactive_reason}" },
    { NULL, NULL, NULL },
};

/* --- lookup --- */

static const char *resources_heading (const char *name)
{
    static const char *const headings[][2] = {
        { "resources.all.nnodes", "NODES" }, { "resources.all.ncores", "CORES" },
        { "resources.all.ngpus", "GPUS" },   { "resources.up.", "UP" },
        { "resources.down.", "DOWN" },       { "resources.allocated.", "USED" },
        { "resources.free.", "FREE" },
    };
    for (size_t i = 0; i < sizeof (headings) / sizeof (headings[0]); i++) {
        if (!strncmp (name, headings[i][0], strlen (headings[i][0])))
            return headings[i][1];
    }
    return NULL;
}

/* resources.{all,up,down,allocated,free}.{nnodes,ncores,ngpus} */
static bool is_resources (const char *name)
{
    static const char *const of[] = { "all", "up", "down", "allocated", "free" };
    static const char *const what[] = { "nnodes", "ncores", "ngpus" };
    char known[64];

    for (size_t i = 0; i < 15; i++) {
        snprintf (known, sizeof (known), "resources.%s.%s", of[i / 3], what[i % 3]);
        if (!strcmp (name, known))
            return true;
    }
    return false;
}

static bool resolve (const char *name, struct format_field *field)
{
    static const struct {
        const char *prefix;
        const char *field;
    } open_ended[] = { { "annotations.", "annotations" },
                       { "sched.", "sched" },
                       { "user.", "user" } };
    static const struct {
        const char *name;
        const char *heading;
    } headings[] = { { "sched.t_estimate", "T_ESTIMATE" },
                     { "sched.reason_pending", "REASON" },
                     { "sched.resource_summary", "RESOURCES" } };
    for (size_t i = 0; i < NFIELDS; i++) {
        if (!strcmp (fields[i].name, name)) {
            *field = (struct format_field){ .id = i, .heading = fields[i].heading };
            return true;
        }
    }
    for (int i = 0; i < 3; i++) {
        size_t n = strlen (open_ended[i].prefix);
        if (strncmp (name, open_ended[i].prefix, n) || !name[n])
            continue;
        if (!resolve (open_ended[i].field, field))
            return false;
        struct format_field inner = { 0 };
        if (i == 0) /* annotations.sched is sched */
            (void)resolve (name + n, &inner);
        field->arg = name + n;
        field->heading = inner.heading;
        for (int k = 0; k < 3; k++) {
            if (!strcmp (name, headings[k].name))
                field->heading = headings[k].heading;
        }
        return true;
    }
    if (!strncmp (name, "instance.", 9) && is_resources (name + 9)) {
        *field = (struct format_field){ .id = NFIELDS - 1,
                                        .arg = name + 9,
                                        .heading = resources_heading (name + 9) };
        return true;
    }
    return false;
}

json_t *jobs_attrs (const struct format *f, bool color)
{
    unsigned int bits = color ? A_STATUS | A_ANNOTATIONS : 0;
    for (size_t i = 0; i < NFIELDS; i++) {
        if (!f || format_uses (f, i))
            bits |= fields[i].attrs;
    }
    json_t *a = json_array ();
    for (size_t i = 0; i < J_ID; i++) {
        if (bits & (1u << i))
            json_array_append_new (a, json_string (job_attr_names[i]));
    }
    return a;
}

bool jobs_uses_instance (const struct format *f)
{
    for (size_t i = 0; i < NFIELDS; i++) {
        if (fields[i].special == INSTANCE && fields[i].kind == SPECIAL
            && format_uses (f, i))
            return true;
    }
    return false;
}

/* --- values of a job --- */

/* A job, however it came: as an object, or as a row. */
struct job {
    const json_t *o;
    struct jobs_rows *rows;
    const struct jobs_value *row;
};

static const struct jobs_value *row_value (const struct job *job, enum job_attr attr)
{
    return jobs_row_value (job->rows, job->row, attr);
}

static json_t *member (const struct job *job, enum job_attr attr)
{
    return json_object_get (job->o, job_attr_names[attr]);
}

static bool has (const struct job *job, enum job_attr attr)
{
    return job->rows ? row_value (job, attr) != NULL : member (job, attr) != NULL;
}

static int64_t get_int64 (const struct job *job, enum job_attr attr)
{
    return job->rows ? jobs_value_int (row_value (job, attr))
                     : json_integer_value (member (job, attr));
}

static int get_int (const struct job *job, enum job_attr attr)
{
    return get_int64 (job, attr);
}

static double get_number (const struct job *job, enum job_attr attr)
{
    return job->rows ? jobs_value_number (row_value (job, attr))
                     : json_number_value (member (job, attr));
}

/* Empty if it has none. */
static const char *get_string (const struct job *job, enum job_attr attr)
{
    const struct jobs_value *v = job->rows ? row_value (job, attr) : NULL;
    const char *s = job->rows ? NULL : json_string_value (member (job, attr));

    if (v && v->type == '"')
        s = v->s;
    return s ? s : "";
}

static bool is_true (const struct job *job, enum job_attr attr)
{
    const struct jobs_value *v = job->rows ? row_value (job, attr) : NULL;

    return job->rows ? v && v->type == 't' : json_is_true (member (job, attr));
}

/* Annotations or dependencies. */
static json_t *get_json (const struct job *job, enum job_attr attr)
{
    return job->rows ? jobs_row_json (job->rows, job->row, attr) : member (job, attr);
}

static int int_of (json_t *o, const char *name)
{
    return json_integer_value (json_object_get (o, name));
}

static bool is_active (const struct job *job)
{
    return get_int (job, J_STATE) & FLUX_JOB_STATE_ACTIVE;
}

bool jobs_is_active (const json_t *o)
{
    return is_active (&(struct job){ .o = o });
}

static const char *status_abbrev (const struct job *job)
{
    if (get_int (job, J_STATE) & FLUX_JOB_STATE_INACTIVE)
        return flux_job_resulttostr (get_int (job, J_RESULT), "S");
    return flux_job_statetostr (get_int (job, J_STATE), "S");
}

const char *jobs_status_abbrev (const json_t *o)
{
    return status_abbrev (&(struct job){ .o = o });
}

static const char *get_uri (const struct job *job)
{
    json_t *user = json_object_get (get_json (job, J_ANNOTATIONS), "user");
    return json_string_value (json_object_get (user, "uri"));
}

const char *jobs_uri (const json_t *o)
{
    return get_uri (&(struct job){ .o = o });
}

static struct job job_of (const struct jobs_source *js, const void *row)
{
    if (js->rows)
        return (struct job){ .rows = js->rows, .row = row };
    return (struct job){ .o = row };
}

const char *jobs_color (const struct jobs_source *js, const void *row)
{
    struct job job = job_of (js, row);
    const char *st = status_abbrev (&job);

    if (is_active (&job))
        return get_uri (&job) ? "\033[01;34m" : NULL;
    if (!strcmp (st, "CD"))
        return "\033[01;32m";
    if (!strcmp (st, "CA"))
        return "\033[37m";
    return "\033[01;31m";
}

static const char *emoji (const struct job *job, bool with_result)
{
    int state = get_int (job, J_STATE);
    if ((state & FLUX_JOB_STATE_INACTIVE) && with_result) {
        switch (get_int (job, J_RESULT)) {
        case FLUX_JOB_RESULT_COMPLETED:
            return "😎";
        case FLUX_JOB_RESULT_FAILED:
            return "😭";
        case FLUX_JOB_RESULT_CANCELED:
            return "😡";
        default:
            return "⌛";
        }
    }
    switch (state) {
    case FLUX_JOB_STATE_NEW:
        return "🥚";
    case FLUX_JOB_STATE_DEPEND:
    case FLUX_JOB_STATE_PRIORITY:
    case FLUX_JOB_STATE_SCHED:
        return "🥱";
    case FLUX_JOB_STATE_RUN:
        return "🏃";
    case FLUX_JOB_STATE_CLEANUP:
        return "🧹";
    default:
        return "🪦";
    }
}

static double runtime (const struct jobs_source *js, const struct job *job)
{
    double t_run = get_number (job, J_T_RUN);
    double t_cleanup = get_number (job, J_T_CLEANUP);
    if (t_run <= 0)
        return 0;
    double end = t_cleanup > 0 ? t_cleanup : js->now;
    return end > t_run ? end - t_run : 0;
}

/* -128: canceled before it ran; 1: something else kept it from running. Signals are
 * negative, as wait(2) numbers them. */
static bool returncode (const struct job *job, int *rc)
{
    if (is_active (job))
        return false;
    if (!has (job, J_WAITSTATUS)) {
        *rc = get_int (job, J_RESULT) == FLUX_JOB_RESULT_CANCELED ? -128 : 1;
        return true;
    }
    int status = get_int (job, J_WAITSTATUS);
    *rc = WIFSIGNALED (status) ? -WTERMSIG (status) : WEXITSTATUS (status);
    return true;
}

static const char *inactive_reason (struct jobs_source *js, const struct job *job)
{
    int rc;
    const char *note = get_string (job, J_EXC_NOTE);
    const char *type = get_string (job, J_EXC_TYPE);
    if (!(get_int (job, J_STATE) & FLUX_JOB_STATE_INACTIVE))
        return "";
    switch (get_int (job, J_RESULT)) {
    case FLUX_JOB_RESULT_CANCELED:
        snprintf (js->text, sizeof (js->text), "Canceled%s%s", *note ? ": " : "", note);
        return js->text;
    case FLUX_JOB_RESULT_TIMEOUT:
        return "Timeout";
    }
    if (!returncode (job, &rc) || !has (job, J_WAITSTATUS)) {
        snprintf (js->text, sizeof (js->text), "Exception: type=%s note=%s", type,
                  note);
        return *type ? js->text : "";
    }
    int signum = rc < 0 ? -rc : rc > 128 ? rc - 128 : 0;
    if (signum > 0 && signum < NSIG && strsignal (signum))
        return strsignal (signum);
    if (rc == 127)
        return "command not found";
    if (rc == 126)
        return "permission denied";
    snprintf (js->text, sizeof (js->text), "Exit %d", rc);
    return js->text;
}

static const char *dependencies (struct jobs_source *js, const struct job *job)
{
    size_t i, n = 0;
    json_t *o;
    js->text[0] = '\0';
    json_array_foreach (get_json (job, J_DEPENDENCIES), i, o) {
        const char *s = json_string_value (o);
        if (s && n < sizeof (js->text))
            n +=
                snprintf (js->text + n, sizeof (js->text) - n, "%s%s", n ? "," : "", s);
    }
    return js->text;
}

/* What one wants to know of a job in its state. */
static const char *context_info (struct jobs_source *js, const struct job *job)
{
    char buf[sizeof (js->text)];
    json_t *sched;
    switch (get_int (job, J_STATE)) {
    case FLUX_JOB_STATE_DEPEND:
        snprintf (buf, sizeof (buf), "depends:%s", dependencies (js, job));
        memcpy (js->text, buf, sizeof (buf));
        return js->text;
    case FLUX_JOB_STATE_PRIORITY:
        return "priority-wait";
    case FLUX_JOB_STATE_SCHED:
        if (get_int (job, J_URGENCY) == FLUX_JOB_URGENCY_HOLD)
            return "held";
        if (has (job, J_PRIORITY) && get_int (job, J_PRIORITY) == 0)
            return "priority-hold";
        sched = json_object_get (get_json (job, J_ANNOTATIONS), "sched");
        double eta =
            json_number_value (json_object_get (sched, "t_estimate")) - js->now;
        if (!json_object_get (sched, "t_estimate"))
            return "";
        if (eta < 0)
            return "eta:now";
        format_duration (buf, sizeof (buf) - 8, eta);
        snprintf (js->text, sizeof (js->text), "eta:%.*s", 64, buf);
        return js->text;
    default:
        return get_string (job, J_NODELIST);
    }
}

static const char *job_id (struct jobs_source *js, const struct job *job,
                           enum special special)
{
    static const char *const types[] = { "f58",    "f58plain", "dec",   "hex",
                                         "dothex", "words",    "emoji", "kvs" };
    flux_jobid_t id = get_int64 (job, J_ID);
    if (id == 0) /* the enclosing instance, in a tree */
        return ".";
    if (flux_job_id_encode (id, types[special], js->text, sizeof (js->text)) < 0)
        return "";
    return js->text;
}

static const char *uri_local (struct jobs_source *js, const struct job *job)
{
    const char *uri = get_uri (job);
    const char *path =
        uri && !strncmp (uri, "ssh://", 6) ? strchr (uri + 6, '/') : NULL;
    if (!path)
        return uri ? uri : "";
    snprintf (js->text, sizeof (js->text), "local://%s", path);
    return js->text;
}

/* Text of any JSON value; strings bare. */
static const char *json_text (struct jobs_source *js, json_t *o)
{
    if (json_is_string (o))
        return json_string_value (o);
    size_t n = o ? json_dumpb (o, js->text, sizeof (js->text) - 1, JSON_ENCODE_ANY) : 0;
    js->text[n < sizeof (js->text) ? n : sizeof (js->text) - 1] = '\0';
    return js->text;
}

static void annotation (struct jobs_source *js, const struct job *job, const char *base,
                        const char *path, struct format_value *v)
{
    char copy[256];
    char *rest = copy;
    char *key;
    json_t *o = get_json (job, J_ANNOTATIONS);
    if (base)
        o = json_object_get (o, base);
    snprintf (copy, sizeof (copy), "%s", path ? path : "");
    while (path && o && (key = strsep (&rest, ".")))
        o = json_object_get (o, key);
    if (json_is_integer (o))
        *v = (struct format_value){ .type = FORMAT_INT, .i = json_integer_value (o) };
    else if (json_is_real (o))
        *v = (struct format_value){ .type = FORMAT_FLOAT, .f = json_real_value (o) };
    else
        *v = (struct format_value){ .type = FORMAT_STRING, .s = json_text (js, o) };
}

static void set_string (struct format_value *v, const char *s)
{
    *v = (struct format_value){ .type = FORMAT_STRING, .s = s ? s : "" };
}

static void set_float (struct format_value *v, double x)
{
    *v = (struct format_value){ .type = FORMAT_FLOAT, .f = x };
}

static void set_int (struct format_value *v, int64_t i)
{
    *v = (struct format_value){ .type = FORMAT_INT, .i = i };
}

static void set_bool (struct format_value *v, bool b)
{
    *v = (struct format_value){ .type = FORMAT_BOOL, .b = b };
}

static void get_exception (const struct job *job, enum special special,
                           struct format_value *v)
{
    bool occurred = is_true (job, J_EXC_OCCURRED);
    if (special == EXC_OCCURRED)
        set_bool (v, occurred);
    else if (!occurred)
        set_string (v, "");
    else if (special == EXC_SEVERITY)
        set_int (v, get_int (job, J_EXC_SEVERITY));
    else
        set_string (v, get_string (job, special == EXC_TYPE ? J_EXC_TYPE : J_EXC_NOTE));
}

static void get_status (const struct job *job, enum special special,
                        struct format_value *v)
{
    int state = get_int (job, J_STATE);
    int result = get_int (job, J_RESULT);
    bool inactive = state & FLUX_JOB_STATE_INACTIVE;
    const char *s;
    switch (special) {
    case STATE:
        s = flux_job_statetostr (state, "L");
        break;
    case STATE_SINGLE:
        s = flux_job_statetostr (state, "S");
        break;
    case STATE_EMOJI:
        s = emoji (job, false);
        break;
    case STATUS:
        s = inactive ? flux_job_resulttostr (result, "L")
                     : flux_job_statetostr (state, "L");
        break;
    case STATUS_ABBREV:
        s = status_abbrev (job);
        break;
    case STATUS_EMOJI:
        s = emoji (job, true);
        break;
    case RESULT:
        s = inactive ? flux_job_resulttostr (result, "L") : "";
        break;
    case RESULT_ABBREV:
        s = inactive ? flux_job_resulttostr (result, "S") : "";
        break;
    default:
        s = inactive ? emoji (job, true) : "";
    }
    set_string (v, s);
}

static void get_time (struct jobs_source *js, const struct job *job,
                      enum special special, struct format_value *v)
{
    double t;
    switch (special) {
    case RUNTIME:
        set_float (v, runtime (js, job));
        break;
    case T_REMAINING:
        t = get_number (job, J_EXPIRATION) - js->now;
        set_float (v, get_int (job, J_STATE) == FLUX_JOB_STATE_RUN && t > 0 ? t : 0);
        break;
    default:
        if (get_number (job, J_T_RUN) > 0)
            set_float (v, runtime (js, job));
        else
            set_float (v, get_number (job, J_DURATION));
    }
}

static void set_ratio (struct format_value *v, int part, int all)
{
    if (all > 0)
        set_float (v, (double)part / all);
}

static void get_resource (json_t *resources, const char *name, struct format_value *v)
{
    char set[32];
    size_t n = strcspn (name, ".");
    json_t *o;

    snprintf (set, sizeof (set), "%.*s", (int)n, name);
    o = json_object_get (json_object_get (resources, set),
                         name[n] ? name + n + 1 : name);
    if (o)
        set_int (v, json_integer_value (o));
}

/* of what instance_info() has put there; nothing: no instance, or not reached */
static void get_instance (struct jobs_source *js, json_t *instance, const char *name,
                          struct format_value *v)
{
    json_t *stats = json_object_get (instance, "stats");
    json_t *resources = json_object_get (instance, "resources");
    json_t *up = json_object_get (resources, "up");
    json_t *used = json_object_get (resources, "allocated");

    if (!strncmp (name, "resources.", 10))
        get_resource (resources, name + 10, v);
    else if (!strcmp (name, "utilization"))
        set_ratio (v, int_of (used, "ncores"), int_of (up, "ncores"));
    else if (!strcmp (name, "gpu_utilization"))
        set_ratio (v, int_of (used, "ngpus"), int_of (up, "ngpus"));
    else if (!stats)
        return;
    else if (!strcmp (name, "stats.total"))
        set_int (v, int_of (stats, "total"));
    else if (!strcmp (name, "progress"))
        set_ratio (v, int_of (stats, "successful") + int_of (stats, "failed"),
                   int_of (stats, "total"));
    else if (!strcmp (name, "stats")) {
        snprintf (js->text, sizeof (js->text), "PD:%d R:%d CD:%d F:%d",
                  int_of (stats, "pending"), int_of (stats, "running"),
                  int_of (stats, "successful"), int_of (stats, "failed"));
        set_string (v, js->text);
    }
}

static void get_special (struct jobs_source *js, const struct job *job,
                         const struct format_field *field, struct format_value *v)
{
    enum special special = fields[field->id].special;
    int rc;
    switch (special) {
    case ID_F58 ... ID_KVS:
        set_string (v, job_id (js, job, special));
        break;
    case USERNAME:
        set_string (v, cmd_username (get_int (job, J_USERID)));
        break;
    case STATE ... RESULT_EMOJI:
        get_status (job, special, v);
        break;
    case SUCCESS:
        if (get_int (job, J_STATE) & FLUX_JOB_STATE_INACTIVE)
            set_bool (v, is_true (job, J_SUCCESS));
        break;
    case RUNTIME:
    case T_REMAINING:
    case CONTEXT_TIME:
        get_time (js, job, special, v);
        break;
    case RETURNCODE:
        if (returncode (job, &rc))
            set_int (v, rc);
        break;
    case EXC_OCCURRED ... EXC_NOTE:
        get_exception (job, special, v);
        break;
    case ANNOTATIONS:
        annotation (js, job, NULL, field->arg, v);
        break;
    case SCHED:
        annotation (js, job, "sched", field->arg, v);
        break;
    case USER:
        annotation (js, job, "user", field->arg, v);
        break;
    case DEPENDENCIES:
        set_string (v, dependencies (js, job));
        break;
    case CONTEXT_INFO:
        set_string (v, context_info (js, job));
        break;
    case INACTIVE_REASON:
        set_string (v, inactive_reason (js, job));
        break;
    case URI:
        set_string (v, get_uri (job));
        break;
    case URI_LOCAL:
        set_string (v, uri_local (js, job));
        break;
    case INSTANCE:
        get_instance (js, json_object_get (job->o, "instance"),
                      field->arg ? field->arg : fields[field->id].name + 9, v);
        break;
    }
}

/* Of a column that shows an attribute as it is, which is the one that is asked for. */
static void get_attr (const struct job *job, const struct field *f,
                      struct format_value *v)
{
    enum job_attr attr = __builtin_ctz (f->attrs);

    if (f->kind == STRING)
        set_string (v, get_string (job, attr));
    else if (has (job, attr) && f->kind == INT)
        set_int (v, get_int64 (job, attr));
    else if (has (job, attr))
        set_float (v, get_number (job, attr));
}

static void get (const struct format_field *field, const void *row,
                 struct format_value *v, void *arg)
{
    struct jobs_source *js = arg;
    struct job job = job_of (js, row);

    if (fields[field->id].kind == SPECIAL)
        get_special (js, &job, field, v);
    else
        get_attr (&job, &fields[field->id], v);
}

void jobs_source_init (struct jobs_source *js, double now)
{
    js->source = (struct format_source){ resolve, get, js };
    js->now = now;
    js->rows = NULL;
}

/* --- --json --- */

static json_t *exception_json (const json_t *job)
{
    if (!json_is_true (json_object_get (job, "exception_occurred")))
        return json_pack ("{s:b}", "occurred", 0);
    return json_pack ("{s:b s:O? s:O? s:O?}", "occurred", 1, "severity",
                      json_object_get (job, "exception_severity"), "type",
                      json_object_get (job, "exception_type"), "note",
                      json_object_get (job, "exception_note"));
}

/* Under which name, and from which field. */
static const char *const json_fields[] = {
    "id.dec",     "userid",     "username",   "urgency",    "priority", "state",
    "name",       "cwd",        "queue",      "project",    "bank",     "ntasks",
    "ncores",     "duration",   "nnodes",     "ranks",      "nodelist", "success",
    "result",     "t_submit",   "t_depend",   "t_priority", "t_sched",  "t_run",
    "t_cleanup",  "t_inactive", "expiration", "runtime",    "status",   "waitstatus",
    "returncode", "uri"
};

static json_t *value_json (const struct format_value *v)
{
    switch (v->type) {
    case FORMAT_STRING:
        return *v->s ? json_string (v->s) : NULL;
    case FORMAT_INT:
        return json_integer (v->i);
    case FORMAT_FLOAT:
        return json_real (v->f);
    case FORMAT_BOOL:
        return json_boolean (v->b);
    default:
        return NULL;
    }
}

/* Only a job that runs, and has a limit, has time left. */
static void set_remaining (struct jobs_source *js, const struct job *job, json_t *o)
{
    struct format_value v;

    get_time (js, job, T_REMAINING, &v);
    if (v.f > 0)
        json_object_set_new (o, "t_remaining", json_real (v.f));
}

json_t *jobs_to_json (struct jobs_source *js, const json_t *job)
{
    const struct job view = { .o = job };
    json_t *o = json_object ();
    json_object_set (o, "id", json_object_get (job, "id"));
    json_object_set_new (o, "jobid", json_string (job_id (js, &view, ID_F58)));
    for (size_t i = 1; i < sizeof (json_fields) / sizeof (json_fields[0]); i++) {
        struct format_field field = { 0 };
        struct format_value v = { .type = FORMAT_NULL };
        resolve (json_fields[i], &field);
        get (&field, job, &v, js);
        json_t *x = value_json (&v);
        if (x)
            json_object_set_new (o, json_fields[i], x);
    }
    set_remaining (js, &view, o);
    json_object_set_new (o, "exception", exception_json (job));
    json_t *annotations = json_object_get (job, "annotations");
    json_t *deps = json_object_get (job, "dependencies");
    json_object_set_new (o, "annotations",
                         annotations ? json_incref (annotations) : json_object ());
    json_object_set_new (o, "dependencies", deps ? json_incref (deps) : json_array ());
    return o;
}
