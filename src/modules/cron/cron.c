/* cron: runs commands on times and events, on the ranks that they name.
 *
 * expr.c and plan.c say when (no clock, no messages), entry.c waits for it, task.c runs
 * the command by rexec and logs what it prints.
 *
 * Unless sync is disabled, commands run when a heartbeat comes, so that all of the
 * instance is disturbed at the same time. */
#include "entry.h"

#include "base/clock.h"
#include "value/fsd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define EPSILON 0.015 /* s */

static struct entry *entry_lookup (struct cron *cron, int id)
{
    list_foreach (&cron->entries, it) {
        struct entry *e = container_of (it, struct entry, node);

        if (e->id == id)
            return e;
    }
    errno = ENOENT;
    return NULL;
}

static void respond_error (struct cron *cron, const flux_msg_t *msg, const char *text)
{
    if (flux_respond_error (cron->h, msg, errno, text) < 0)
        flux_log_error (cron->h, "error responding");
}

static void respond_entry (struct cron *cron, const flux_msg_t *msg,
                           const struct entry *e)
{
    if (flux_respond_pack (cron->h, msg, "o", entry_encode (e)) < 0)
        flux_log_error (cron->h, "error responding");
}

/* --- sync --- */

static void sync_event_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct cron *cron = arg;

    cron->sync.last = clock_monotonic ();
    list_foreach (&cron->entries, it)
        entry_sync (container_of (it, struct entry, node));
}

static void sync_disable (struct cron *cron)
{
    if (cron->sync_topic)
        flux_event_unsubscribe (cron->h, cron->sync_topic);
    flux_msg_handler_destroy (cron->sync_mh);
    free (cron->sync_topic);
    cron->sync_mh = NULL;
    cron->sync_topic = NULL;
    cron->sync.active = false;
    cron->sync.last = -1.;
    /* Nothing would come for those that wait. */
    list_foreach (&cron->entries, it)
        entry_sync (container_of (it, struct entry, node));
}

static int sync_enable (struct cron *cron, const char *topic, double epsilon)
{
    struct flux_match match = FLUX_MATCH_EVENT;
    flux_msg_handler_t *mh;
    char *copy = strdup (topic);

    match.topic_glob = topic;
    if (!copy
        || !(mh = flux_msg_handler_create (cron->h, match, sync_event_cb, cron))) {
        free (copy);
        return -1;
    }
    if (flux_event_subscribe (cron->h, topic) < 0) {
        flux_msg_handler_destroy (mh);
        free (copy);
        return -1;
    }
    flux_msg_handler_start (mh);
    if (cron->sync_topic)
        flux_event_unsubscribe (cron->h, cron->sync_topic);
    flux_msg_handler_destroy (cron->sync_mh);
    free (cron->sync_topic);
    cron->sync_topic = copy;
    cron->sync_mh = mh;
    cron->sync = (struct cron_sync){ true, epsilon, -1. };
    return 0;
}

static void sync_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct cron *cron = arg;
    double epsilon = -1.;
    const char *topic = NULL;
    int disable = 0, rc = 0;

    if (flux_request_unpack (msg, NULL, "{s?s s?b s?F}", "topic", &topic, "disable",
                             &disable, "epsilon", &epsilon)
        < 0) {
        respond_error (cron, msg, NULL);
        return;
    }
    if (disable)
        sync_disable (cron);
    else if (topic)
        rc = sync_enable (cron, topic, epsilon >= 0 ? epsilon : EPSILON);
    else if (epsilon >= 0)
        cron->sync.epsilon = epsilon;
    if (rc < 0)
        respond_error (cron, msg, NULL);
    else if (flux_respond_pack (h, msg, "{s:s s:b s:f}", "topic",
                                cron->sync_topic ? cron->sync_topic : "", "active",
                                cron->sync.active, "epsilon", cron->sync.epsilon)
             < 0)
        flux_log_error (h, "error responding");
}

/* --- entries --- */

/* NULL, or why it does not fit. */
static const char *no_room (const struct cron *cron, const struct entry *e)
{
    if (e->size > ENTRY_SIZE_MAX)
        return "an entry has at most 1 MB";
    if (cron->size + e->size > ENTRIES_SIZE_MAX)
        return "the entries have 64 MB";
    if (cron->records + e->history > RECORDS_MAX)
        return "the entries keep 100000 records of tasks (task-history-count)";
    return NULL;
}

static void count (struct cron *cron, const struct entry *e)
{
    cron->count++;
    cron->size += e->size;
    cron->records += e->history;
}

static void uncount (struct cron *cron, const struct entry *e)
{
    cron->count--;
    cron->size -= e->size;
    cron->records -= e->history;
}

static void create_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct cron *cron = arg;
    flux_error_t error = { .text = "" };
    const char *why;
    struct entry *e;

    if (cron->count >= ENTRIES_MAX) {
        errno = ENOSPC;
        respond_error (cron, msg, "there are 10000 entries");
        return;
    }
    if (!(e = entry_create (cron, msg, &error))) {
        respond_error (cron, msg, error.text);
        return;
    }
    if ((why = no_room (cron, e))) {
        entry_destroy (e);
        errno = ENOSPC;
        respond_error (cron, msg, why);
        return;
    }
    e->id = cron->next_id++;
    list_append (&cron->entries, &e->node);
    count (cron, e);
    entry_start (e);
    respond_entry (cron, msg, e);
}

static struct entry *decode_id (struct cron *cron, const flux_msg_t *msg)
{
    int id;

    if (flux_request_unpack (msg, NULL, "{s:i}", "id", &id) < 0)
        return NULL;
    return entry_lookup (cron, id);
}

static void delete_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct cron *cron = arg;
    struct entry *e = decode_id (cron, msg);
    int kill = 0;

    if (!e || flux_request_unpack (msg, NULL, "{s?b}", "kill", &kill) < 0) {
        respond_error (cron, msg, NULL);
        return;
    }
    if (kill && e->task)
        task_kill (e->task);
    respond_entry (cron, msg, e);
    uncount (cron, e);
    entry_destroy (e);
}

static void start_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct cron *cron = arg;
    struct entry *e = decode_id (cron, msg);

    if (!e || entry_start (e) < 0)
        respond_error (cron, msg, NULL);
    else
        respond_entry (cron, msg, e);
}

static void stop_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct cron *cron = arg;
    struct entry *e = decode_id (cron, msg);

    if (e && e->stopped) {
        errno = EINVAL;
        e = NULL;
    }
    if (!e) {
        respond_error (cron, msg, NULL);
    } else {
        entry_stop (e);
        respond_entry (cron, msg, e);
    }
}

static void list_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct cron *cron = arg;
    json_t *entries = json_array ();

    list_foreach (&cron->entries, it)
        json_array_append_new (entries,
                               entry_encode (container_of (it, struct entry, node)));
    if (flux_respond_pack (h, msg, "{s:o}", "entries", entries) < 0)
        flux_log_error (h, "error responding");
}

/* --- start and end --- */

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "cron.create", create_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "cron.delete", delete_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "cron.list", list_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "cron.start", start_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "cron.stop", stop_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "cron.sync", sync_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

/* sync=TOPIC (none: do not), sync_epsilon=SECONDS */
static int parse_args (int argc, char **argv, const char **topic, double *epsilon)
{
    for (int i = 0; i < argc; i++) {
        if (!strncmp (argv[i], "sync=", 5))
            *topic = argv[i] + 5;
        else if (strncmp (argv[i], "sync_epsilon=", 13) != 0
                 || fsd_parse (argv[i] + 13, epsilon) < 0)
            return i;
    }
    return -1;
}

static int cron_init (struct cron *cron, flux_t *h, int argc, char **argv)
{
    const char *topic = "heartbeat.pulse";
    double epsilon = EPSILON;
    int bad = parse_args (argc, argv, &topic, &epsilon);

    memset (cron, 0, sizeof (*cron));
    cron->h = h;
    cron->next_id = 1;
    cron->sync.last = -1.;
    cron->sync.epsilon = epsilon;
    list_init (&cron->entries);
    list_init (&cron->tasks);
    if (bad >= 0) {
        flux_log (h, LOG_ERR, "cron: %s: bad argument", argv[bad]);
        errno = EINVAL;
        return -1;
    }
    if (strcmp (topic, "none") != 0 && sync_enable (cron, topic, epsilon) < 0)
        return -1;
    return flux_msg_handler_addvec (h, handlers, cron, &cron->handlers);
}

static void cron_fini (struct cron *cron)
{
    flux_msg_handler_delvec (cron->handlers);
    list_foreach (&cron->entries, it)
        entry_destroy (container_of (it, struct entry, node));
    task_destroy_all (cron);
    flux_msg_handler_destroy (cron->sync_mh);
    free (cron->sync_topic);
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct cron cron;
    int rc = -1;

    if (cron_init (&cron, h, argc, argv) < 0)
        flux_log_error (h, "cron: starting");
    else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) < 0)
        flux_log_error (h, "cron: reactor");
    cron_fini (&cron);
    return rc < 0 ? -1 : 0;
}
