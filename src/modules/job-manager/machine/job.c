#include "job.h"
#include "base/hashmap.h"
#include "base/json/jsontext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void env_table_init (struct env_table *t)
{
    *t = (struct env_table){ 0 };
}

void env_table_fini (struct env_table *t)
{
    for (size_t i = 0; i < t->nbuckets; i++) {
        while (t->buckets[i]) {
            struct env *e = t->buckets[i];
            t->buckets[i] = e->next;
            free (e);
        }
    }
    free (t->buckets);
    env_table_init (t);
}

static int env_table_grow (struct env_table *t)
{
    size_t n = t->nbuckets ? t->nbuckets * 2 : 64;
    struct env **b = calloc (n, sizeof (*b));

    if (!b) {
        errno = ENOMEM;
        return -1;
    }
    for (size_t i = 0; i < t->nbuckets; i++) {
        while (t->buckets[i]) {
            struct env *e = t->buckets[i];
            t->buckets[i] = e->next;
            e->next = b[e->hash % n];
            b[e->hash % n] = e;
        }
    }
    free (t->buckets);
    t->buckets = b;
    t->nbuckets = n;
    return 0;
}

static struct env *env_get (struct env_table *t, const char *s, size_t len)
{
    struct env *last = t->last;

    if (last && last->len == len && memcmp (last->text, s, len) == 0) {
        last->refs++;
        return last;
    }
    uint64_t hash = hash_bytes (s, len);
    if (t->count >= t->nbuckets && env_table_grow (t) < 0)
        return NULL;
    struct env **bucket = &t->buckets[hash % t->nbuckets];
    for (struct env *e = *bucket; e; e = e->next) {
        if (e->hash == hash && e->len == len && memcmp (e->text, s, len) == 0) {
            e->refs++;
            t->last = e;
            return e;
        }
    }
    struct env *e = malloc (sizeof (*e) + len + 1);
    if (!e) {
        errno = ENOMEM;
        return NULL;
    }
    *e = (struct env){ .next = *bucket, .hash = hash, .len = len, .refs = 1 };
    memcpy (e->text, s, len);
    e->text[len] = '\0';
    *bucket = e;
    t->count++;
    t->last = e;
    return e;
}

static void env_put (struct env_table *t, struct env *e)
{
    if (!e || --e->refs > 0)
        return;
    struct env **p = &t->buckets[e->hash % t->nbuckets];
    while (*p != e)
        p = &(*p)->next;
    *p = e->next;
    t->count--;
    if (t->last == e)
        t->last = NULL;
    free (e);
}

int spec_init (struct spec *s, struct env_table *t, const char *text, size_t len)
{
    struct span env, value, whole = { text, len };

    *s = (struct spec){ 0 };
    if (jsontext_member (whole, "attributes.system.environment", &env, &value) < 0) {
        if (errno != ENOENT)
            return -1;
        env = (struct span){ text + len, 0 };
    } else if (!(s->env = env_get (t, env.s, env.len))) {
        return -1;
    }
    s->cut = env.s - text;
    s->len = len - env.len;
    if (!(s->text = malloc (s->len + 1))) {
        env_put (t, s->env);
        s->env = NULL;
        errno = ENOMEM;
        return -1;
    }
    memcpy (s->text, text, s->cut);
    memcpy (s->text + s->cut, env.s + env.len, s->len - s->cut);
    s->text[s->len] = '\0';
    return 0;
}

int spec_init_split (struct spec *s, struct env_table *t, struct span text,
                     struct span env)
{
    struct span system;

    *s = (struct spec){ 0 };
    if (env.len == 0)
        return spec_init (s, t, text.s, text.len);
    if (jsontext_find (text, "attributes.system", &system) < 0)
        return -1;
    size_t pos = 0;
    struct span first;
    if (!jsontext_next (system, &pos, NULL, &first))
        env.len--; /* the comma */
    if (!(s->env = env_get (t, env.s, env.len))
        || !(s->text = strndup (text.s, text.len))) {
        if (s->env)
            env_put (t, s->env);
        s->env = NULL;
        errno = ENOMEM;
        return -1;
    }
    s->len = text.len;
    s->cut = system.s + 1 - text.s;
    return 0;
}

void spec_fini (struct spec *s, struct env_table *t)
{
    if (s->env)
        env_put (t, s->env);
    free (s->text);
    *s = (struct spec){ 0 };
}

int spec_add_full (const struct spec *s, struct buf *b)
{
    buf_add (b, s->text, s->cut);
    if (s->env)
        buf_add (b, s->env->text, s->env->len);
    return buf_add (b, s->text + s->cut, s->len - s->cut);
}

struct job *job_create (void)
{
    struct job *job = calloc (1, sizeof (*job));

    if (!job) {
        errno = ENOMEM;
        return NULL;
    }
    job->state = FLUX_JOB_STATE_NEW;
    job->priority = -1;
    job->wait_status = -1;
    job->priority_next = -1;
    list_init (&job->dependencies);
    list_init (&job->watchers);
    list_init (&job->name_link);
    list_init (&job->all_link);
    list_init (&job->dirty_link);
    list_init (&job->commit_link);
    list_init (&job->todo_link);
    list_init (&job->cancel_link);
    return job;
}

void job_destroy (struct job *job)
{
    if (!job)
        return;
    int saved_errno = errno;
    list_remove (&job->name_link);
    list_remove (&job->all_link);
    list_remove (&job->dirty_link);
    list_remove (&job->commit_link);
    list_remove (&job->todo_link);
    job_tap_destroy (job->tap);
    json_decref (job->annotations);
    json_decref (job->updates);
    buf_fini (&job->log);
    free (job->exception);
    free (job->exception_note);
    free (job->name);
    free (job->queue);
    free (job->R);
    free (job);
    errno = saved_errno;
}

flux_job_result_t job_result (const struct job *job)
{
    if (job->exception) {
        if (strcmp (job->exception, "cancel") == 0)
            return FLUX_JOB_RESULT_CANCELED;
        if (strcmp (job->exception, "timeout") == 0)
            return FLUX_JOB_RESULT_TIMEOUT;
        return FLUX_JOB_RESULT_FAILED;
    }
    return job->wait_status == 0 ? FLUX_JOB_RESULT_COMPLETED : FLUX_JOB_RESULT_FAILED;
}
