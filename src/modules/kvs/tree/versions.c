#include "versions.h"

#include <errno.h>
#include <stdlib.h>

static void swap (struct kvs_version *a, struct kvs_version *b)
{
    struct kvs_version tmp = *a;

    *a = *b;
    *b = tmp;
}

static void rise (struct kvs_versions *v, size_t i)
{
    for (size_t up; i > 0; i = up) {
        up = (i - 1) / 2;
        if (v->heap[up].sequence <= v->heap[i].sequence)
            break;
        swap (&v->heap[up], &v->heap[i]);
    }
}

static void sink (struct kvs_versions *v, size_t i)
{
    for (size_t low; (low = 2 * i + 1) < v->count; i = low) {
        if (low + 1 < v->count && v->heap[low + 1].sequence < v->heap[low].sequence)
            low++;
        if (v->heap[i].sequence <= v->heap[low].sequence)
            break;
        swap (&v->heap[i], &v->heap[low]);
    }
}

int kvs_versions_add (struct kvs_versions *v, int64_t sequence, void *req)
{
    if (v->count >= VERSIONS_MAX) {
        errno = EAGAIN;
        return -1;
    }
    if (v->count == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 16;
        struct kvs_version *heap = realloc (v->heap, cap * sizeof (*heap));

        if (!heap)
            return -1;
        v->heap = heap;
        v->cap = cap;
    }
    v->heap[v->count] = (struct kvs_version){ sequence, req };
    rise (v, v->count++);
    return 0;
}

static void *take_at (struct kvs_versions *v, size_t i)
{
    void *req = v->heap[i].req;

    v->heap[i] = v->heap[--v->count];
    if (i < v->count) {
        sink (v, i);
        rise (v, i);
    }
    return req;
}

void *kvs_versions_pop (struct kvs_versions *v, int64_t sequence)
{
    return v->count > 0 && v->heap[0].sequence <= sequence ? take_at (v, 0) : NULL;
}

/* The heap is in order again when all have been taken: linear, however many. */
void *kvs_versions_take (struct kvs_versions *v, size_t *pos,
                         bool (*match) (void *req, const void *arg), const void *arg)
{
    while (*pos < v->count) {
        if (match (v->heap[*pos].req, arg)) {
            void *req = v->heap[*pos].req;

            v->heap[*pos] = v->heap[--v->count];
            return req;
        }
        (*pos)++;
    }
    for (size_t i = v->count / 2; i-- > 0;)
        sink (v, i);
    return NULL;
}

void kvs_versions_fini (struct kvs_versions *v)
{
    free (v->heap);
    *v = (struct kvs_versions){ 0 };
}
