#include "broker/modhost/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "broker/routing/router.h"
#include "core/message/message.h"

static const struct part {
    const char *name, *whole;
    bool leader; /* it is there on rank 0 alone */
} parts[] = {
    { "config", NULL, false },  { "connector-local", NULL, false },
    { "groups", NULL, false },  { "kvs-watch", "kvs", true },
    { "overlay", NULL, false }, { NULL, NULL, false },
};

static const struct part *find_part (const char *name)
{
    for (const struct part *p = parts; p->name; p++)
        if (!strcmp (p->name, name))
            return p;
    return NULL;
}

struct waiting {
    module_f cb;
    void *arg;
    const char *name;
};

static void answered (struct broker *b, const flux_msg_t *rep, void *arg)
{
    struct waiting *w = arg;
    const char *text = NULL;
    int errnum = EPROTO;

    (void)flux_msg_get_errnum (rep, &errnum);
    if (errnum != 0)
        (void)flux_msg_get_string (rep, &text);
    w->cb (b, w->name, errnum, text, w->arg);
    free (w);
}

bool parts_switch (struct broker *b, const char *name, bool on, module_f cb, void *arg)
{
    const struct part *p = find_part (name);
    struct waiting *w;
    char topic[64];

    if (!p || !p->whole || (p->leader && b->rank != 0) || !modules_loaded (b, p->whole)
        || on == (modules_server (b, name) != NULL))
        return false;
    snprintf (topic, sizeof (topic), "%s.part", p->whole);
    if ((w = malloc (sizeof (*w))))
        *w = (struct waiting){ cb, arg, p->name };
    if (!w
        || broker_rpc (b, topic, b->rank,
                       json_pack ("{s:s s:b}", "name", p->name, "on", on), answered, w)
               < 0) {
        free (w);
        cb (b, p->name, errno, NULL, arg);
    }
    return true;
}

void parts_explain (struct broker *b, const char *name, int errnum,
                    const char *otherwise, flux_error_t *error)
{
    const struct part *p = find_part (name);
    const char *server = modules_server (b, name);

    errno = errnum;
    if (p && !p->whole) {
        error_text (error, "is a part of the broker, and always there");
    } else if (!server && p && modules_loaded (b, p->whole)) {
        /* Where it can be switched, it is off, or elsewhere. */
        error_text (error, "is a part of the module %s on rank 0", p->whole);
        errno = errnum == EBUSY && b->rank == 0 ? ENOENT : errnum;
    } else if (server) {
        error_text (error, "is a service of the module %s: it comes and goes with that",
                    server);
    } else if (p) {
        error_text (error, "is a part of the module %s, which is not loaded", p->whole);
        errno = ENOENT;
    } else {
        error_text (error, "%s", otherwise);
        errno = ENOENT;
    }
}

const char *parts_next (struct broker *b, size_t *pos)
{
    const struct part *p;

    while ((p = &parts[*pos])->name) {
        ++*pos;
        if (!p->whole || modules_server (b, p->name))
            return p->name;
    }
    return NULL;
}
