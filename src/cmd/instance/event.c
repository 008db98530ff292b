/* flux event: publish and subscribe. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include <flux/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct optparse_option pub_opts[] = {
    { .name = "raw", .key = 'r', .usage = "The payload need not be JSON" },
    { .name = "private", .key = 'p', .usage = "Only for this user and the owner" },
    { .name = "synchronous", .key = 's', .usage = "Wait for, and print, the sequence" },
    { .name = "loopback", .key = 'l', .usage = "Wait until the event has come back" },
    OPTPARSE_TABLE_END,
};

static void subscribe (flux_t *h, const char *topic)
{
    flux_future_t *f = flux_event_subscribe_ex (h, topic, 0);

    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("subscribe%s%s: %s", *topic ? " " : "", topic,
                 f ? flux_future_error_string (f) : strerror (errno));
    flux_future_destroy (f);
}

/* Operands after the topic, joined by blanks; NULL if there are none. */
static char *join (int argc, char **argv)
{
    size_t len = 1;
    for (int i = 0; i < argc; i++)
        len += strlen (argv[i]) + 1;
    char *s = calloc (1, len);
    for (int i = 0; s && i < argc; i++) {
        if (i > 0)
            strcat (s, " ");
        strcat (s, argv[i]);
    }
    return s;
}

static void check_json (const char *s)
{
    json_error_t e;
    json_t *o = json_loads (s, 0, &e);
    if (!json_is_object (o))
        cmd_die ("payload is not a JSON object%s%s (--raw sends anything)",
                 o ? "" : ": ", o ? "" : e.text);
    json_decref (o);
}

/* Others may publish the same topic. */
static void wait_event (flux_t *h, int seq)
{
    for (;;) {
        flux_msg_t *msg = flux_recv (h, FLUX_MATCH_EVENT, 0);
        uint32_t n;
        if (!msg)
            cmd_die ("receive: %s", strerror (errno));
        bool found = flux_msg_get_seq (msg, &n) == 0 && n == (uint32_t)seq;
        flux_msg_destroy (msg);
        if (found)
            return;
    }
}

static int cmd_pub (optparse_t *p, int argc, char **argv)
{
    int seq;
    int i = optparse_option_index (p);
    if (i >= argc)
        optparse_fatal_usage (p, 1, NULL);
    const char *topic = argv[i++];
    char *payload = i < argc ? join (argc - i, argv + i) : NULL;
    int flags = optparse_hasopt (p, "private") ? FLUX_MSGFLAG_PRIVATE : 0;
    bool raw = optparse_hasopt (p, "raw");
    if (payload && !raw)
        check_json (payload);
    flux_t *h = cmd_open ();
    bool loopback = optparse_hasopt (p, "loopback");
    if (loopback)
        subscribe (h, topic);
    flux_future_t *f =
        raw && payload
            ? flux_event_publish_raw (h, topic, flags, payload, strlen (payload))
            : flux_event_publish (h, topic, flags, payload);
    if (!f || flux_event_publish_get_seq (f, &seq) < 0)
        cmd_die ("%s: %s", topic, cmd_future_error (f));
    if (loopback)
        wait_event (h, seq);
    if (optparse_hasopt (p, "synchronous"))
        printf ("seq=%d\n", seq);
    flux_future_destroy (f);
    free (payload);
    return 0;
}

static struct optparse_option sub_opts[] = {
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Stop after N events" },
    { .name = "raw", .key = 'r', .usage = "Payloads need not be JSON" },
    OPTPARSE_TABLE_END,
};

static void print_event (const flux_msg_t *msg, bool raw)
{
    const char *topic;
    const char *s = NULL;
    const void *data = NULL;
    size_t len = 0;
    if (!raw && flux_event_decode (msg, &topic, &s) == 0)
        printf ("%s\t%s\n", safe (topic), safe (s));
    else if (flux_event_decode_raw (msg, &topic, &data, &len) == 0) {
        printf ("%s\t", safe (topic));
        if (len > 0)
            fwrite (data, 1, len, stdout);
        fputc ('\n', stdout);
    }
    output_flush ();
}

static int cmd_sub (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    int count = optparse_get_int (p, "count", 0);
    flux_t *h = cmd_open ();
    if (count < 0)
        cmd_die ("--count must not be negative");
    if (i == argc)
        subscribe (h, "");
    for (; i < argc; i++)
        subscribe (h, argv[i]);
    for (int n = 0; count == 0 || n < count; n++) {
        flux_msg_t *msg = flux_recv (h, FLUX_MATCH_EVENT, 0);
        if (!msg)
            cmd_die ("receive: %s", strerror (errno));
        print_event (msg, optparse_hasopt (p, "raw"));
        flux_msg_destroy (msg);
    }
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "pub", "[OPTIONS] TOPIC [JSON]", "Publish an event", cmd_pub, 0, pub_opts },
    { "sub", "[OPTIONS] [TOPIC...]", "Print events as they come", cmd_sub, 0,
      sub_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_event = {
    .name = "event",
    .summary = "Publish and subscribe to events",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
