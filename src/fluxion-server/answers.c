#include "fluxion-server/answers.h"

#include "base/hashmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct answers {
    struct hashmap *by_id;
    struct idmap *by_job;
    size_t bytes, max_bytes;
};

static void answer_free (void *arg)
{
    struct answer *answer = arg;

    if (answer) {
        free (answer->id);
        free (answer->data);
        free (answer);
    }
}

struct answers *answers_create (size_t max_bytes)
{
    struct answers *a = calloc (1, sizeof (*a));

    if (!a)
        return NULL;
    a->max_bytes = max_bytes;
    if (!(a->by_id = hashmap_create (answer_free))
        || !(a->by_job = idmap_create (NULL))) {
        answers_destroy (a);
        return NULL;
    }
    return a;
}

void answers_destroy (struct answers *a)
{
    if (!a)
        return;
    hashmap_destroy (a->by_id);
    idmap_destroy (a->by_job);
    free (a);
}

uint64_t answers_question (const char *jobspec, bool reservation)
{
    return hash_stable (jobspec, strlen (jobspec)) ^ reservation;
}

struct answer *answers_find (const struct answers *a, const char *id)
{
    return hashmap_lookup (a->by_id, id);
}

struct answer *answers_of_job (const struct answers *a, int64_t jobid)
{
    return idmap_lookup (a->by_job, jobid);
}

static size_t size_of (const struct answer *answer)
{
    return sizeof (*answer) + strlen (answer->id) + answer->len;
}

static struct answer *answer_new (const char *id, const uint8_t *data, size_t len)
{
    struct answer *answer = calloc (1, sizeof (*answer));

    if (!answer || !(answer->id = strdup (id)) || !(answer->data = malloc (len + 1))) {
        answer_free (answer);
        return NULL;
    }
    if (len > 0)
        memcpy (answer->data, data, len);
    answer->len = len;
    answer->claims = 1;
    return answer;
}

int answers_add (struct answers *a, const char *id, uint64_t question, int64_t jobid,
                 const uint8_t *data, size_t len)
{
    struct answer *answer = answer_new (id, data, len);

    if (!answer)
        return -1;
    if (a->max_bytes - a->bytes < size_of (answer)) {
        answer_free (answer);
        errno = ENOSPC;
        return -1;
    }
    answer->question = question;
    answer->jobid = jobid;
    if (idmap_insert (a->by_job, jobid, answer) < 0
        || hashmap_insert (a->by_id, id, answer) < 0) {
        idmap_remove (a->by_job, jobid);
        answer_free (answer);
        errno = ENOMEM;
        return -1;
    }
    a->bytes += size_of (answer);
    return 0;
}

void answers_forget (struct answers *a, int64_t jobid)
{
    struct answer *answer = idmap_take (a->by_job, jobid);

    if (!answer)
        return;
    a->bytes -= size_of (answer);
    hashmap_remove (a->by_id, answer->id); /* frees it */
}

bool answers_disclaim (struct answers *a, int64_t jobid)
{
    struct answer *answer = answers_of_job (a, jobid);

    return !answer || --answer->claims == 0;
}
