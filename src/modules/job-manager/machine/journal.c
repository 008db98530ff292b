#include "journal.h"

#include <stdlib.h>
#include <string.h>

void journal_init (struct journal *j)
{
    buf_init (&j->text);
    buf_init (&j->index);
}

void journal_fini (struct journal *j)
{
    buf_fini (&j->text);
    buf_fini (&j->index);
}

void journal_relax (struct buf *b)
{
    if (b->cap > JOURNAL_KEPT && !b->err)
        buf_fini (b);
    else
        buf_reset (b);
}

void journal_reset (struct journal *j)
{
    journal_relax (&j->text);
    journal_relax (&j->index);
}

/* One entry, with what is not in the log but belongs to it. */
static void add_entry (struct buf *b, const struct job *job, enum event_type type,
                       struct span entry)
{
    buf_printf (b, "{\"id\":%llu,\"entry\":", (unsigned long long)job->id);
    buf_add (b, entry.s, entry.len);
    if (type == EV_SUBMIT) {
        buf_adds (b, ",\"jobspec\":");
        buf_add (b, job->spec.text, job->spec.len);
    }
    if (type == EV_ALLOC && job->R) {
        buf_adds (b, ",\"R\":");
        buf_adds (b, job->R);
    }
    buf_addc (b, '}');
}

void journal_add (struct journal *j, const struct job *job, const struct event *ev,
                  struct span line)
{
    struct journal_item item = { .type = ev->type, .id = job->id };

    if (j->text.len > 0)
        buf_addc (&j->text, ',');
    item.start = j->text.len;
    add_entry (&j->text, job, ev->type, (struct span){ line.s, line.len - 1 });
    item.len = j->text.len - item.start;
    buf_add (&j->index, &item, sizeof (item));
}

struct journal_mark journal_mark (const struct journal *j)
{
    return (struct journal_mark){ j->text.len, j->index.len };
}

static void add_item (struct journal *j, const struct journal_item *it,
                      const char *text)
{
    struct journal_item item = *it;

    if (j->text.len > 0)
        buf_addc (&j->text, ',');
    item.start = j->text.len;
    buf_add (&j->text, text + it->start, it->len);
    buf_add (&j->index, &item, sizeof (item));
}

void journal_retract (struct journal *j, const struct journal_mark *since,
                      flux_jobid_t id)
{
    struct journal old = *j;
    const struct journal_item *end = (void *)(old.index.data + old.index.len);

    journal_init (j);
    buf_add (&j->text, old.text.data, since->text);
    buf_add (&j->index, old.index.data, since->index);
    for (const struct journal_item *it = (void *)(old.index.data + since->index);
         it < end; it++) {
        if (it->id != id)
            add_item (j, it, old.text.data);
    }
    journal_fini (&old);
}

int journal_seal (struct journal *j, struct journal *sent)
{
    struct journal_item *item = (void *)j->index.data;
    size_t count = j->index.len / sizeof (*item), shift = sent->text.len + 1;

    if (sent->text.len == 0) {
        struct journal empty = *sent;
        *sent = *j;
        *j = empty;
    } else if (count > 0) {
        buf_addc (&sent->text, ',');
        buf_add (&sent->text, j->text.data, j->text.len);
        for (size_t i = 0; i < count; i++)
            item[i].start += shift;
        buf_add (&sent->index, item, j->index.len);
        sent->text.err |= j->text.err | j->index.err;
        journal_reset (j);
    }
    return sent->text.err || sent->index.err ? -1 : 0;
}

/* --- readers --- */

uint64_t journal_filter (json_t *allow, json_t *deny)
{
    uint64_t types = json_is_object (allow) ? 0 : UINT64_MAX;
    const char *name;
    json_t *value;

    json_object_foreach (allow, name, value)
        types |= 1ull << event_type_of (name);
    json_object_foreach (deny, name, value) {
        if (event_type_of (name) != EV_OTHER)
            types &= ~(1ull << event_type_of (name));
    }
    return types;
}

static const char head[] = "{\"events\":[";

void journal_begin (struct buf *b)
{
    buf_reset (b);
    buf_adds (b, head);
}

static bool has_some (const struct buf *b)
{
    return b->len >= sizeof (head);
}

bool journal_add_sent (struct buf *b, const struct journal *sent, uint64_t filter)
{
    const struct journal_item *item = (void *)sent->index.data;
    size_t count = sent->index.len / sizeof (*item);

    for (size_t i = 0; i < count; i++) {
        if (!(filter >> item[i].type & 1))
            continue;
        if (has_some (b))
            buf_addc (b, ',');
        buf_add (b, sent->text.data + item[i].start, item[i].len);
    }
    return has_some (b);
}

static enum event_type entry_type (struct span entry)
{
    struct span v, text;
    char name[64];

    if (jsontext_get (entry, "name", &v) < 0 || !jsontext_plain (v, &text)
        || text.len >= sizeof (name))
        return EV_OTHER;
    memcpy (name, text.s, text.len);
    name[text.len] = '\0';
    return event_type_of (name);
}

bool journal_add_backlog (struct buf *b, const struct job *job, uint64_t filter)
{
    const char *p = job->log.data, *end = p + job->committed, *nl;

    for (; p && p < end && (nl = memchr (p, '\n', end - p)); p = nl + 1) {
        struct span entry = { p, nl - p };
        enum event_type type = entry_type (entry);
        if (!(filter >> type & 1))
            continue;
        if (has_some (b))
            buf_addc (b, ',');
        add_entry (b, job, type, entry);
    }
    return has_some (b);
}

void journal_end (struct buf *b)
{
    buf_adds (b, "]}");
}
