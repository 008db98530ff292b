/* Messages of children, answers of the parent and shells that come and go, all of them
 * arbitrary: every request is answered once, the parent is asked once at a time, and in
 * the end nothing is left.
 *
 * Input: records of an operation, a length and so many bytes. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "exchange.h"

#define REQUESTS 256
#define SEQS 4

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

struct request {
    bool taken, answered;
    int from;
};

static struct request requests[REQUESTS];
static int request_count;
static struct exchanges *x;
/* Of exchanges with small numbers: the parent has not answered. */
static bool asked[SEQS][SEQS];

static bool *asked_of (uint64_t id, unsigned int seq)
{
    return id < SEQS && seq < SEQS ? &asked[id][seq] : NULL;
}

static int ask_op (uint64_t id, unsigned int seq, const char *text, size_t len,
                   void *arg)
{
    bool *a = asked_of (id, seq);

    if (!memchr (text, '\n', len) || (a && *a))
        abort ();
    if (len % 7 == 6) { /* sometimes it cannot be sent */
        errno = ENOMEM;
        return -1;
    }
    if (a)
        *a = true;
    return 0;
}

/* The exchange is over here: an answer that comes is to nothing. */
static void tell_op (const char *text, size_t len, void *arg)
{
    unsigned long long id;
    unsigned int seq;
    bool *a;

    if (sscanf (text, "a %llu %u", &id, &seq) != 2)
        abort ();
    if ((a = asked_of (id, seq)))
        *a = false;
}

static void answer_op (void *request, int errnum, const char *text, size_t len,
                       void *arg)
{
    struct request *r = request;

    if (r->answered || (errnum == 0 && len > 0 && !memchr (text, '\n', len)))
        abort ();
    r->answered = true;
}

static void deliver_op (uint64_t id, int errnum, const char *keys, size_t len,
                        void *arg)
{
    if (errnum == 0 && !keys)
        abort ();
}

static bool is_from (void *request, void *arg)
{
    return ((struct request *)request)->from == *(int *)arg;
}

static void ask_us (const char *text, size_t len, bool wanted)
{
    struct request *r = &requests[request_count];

    if (request_count == REQUESTS)
        return;
    request_count++;
    *r = (struct request){ .from = len > 0 ? text[len - 1] % 4 : 0 };
    r->taken = exchange_request (x, text, len, wanted ? r : NULL) == 0 && wanted;
    if (!r->taken && r->answered)
        abort ();
}

static void answer_us (uint64_t id, unsigned int seq, int errnum, const char *text,
                       size_t len)
{
    if (!asked[id][seq])
        return; /* the transport matches answers to what was asked */
    asked[id][seq] = false;
    exchange_answer (x, id, seq, errnum, errnum ? NULL : text, errnum ? 0 : len);
}

static void step (uint8_t op, const char *text, size_t len)
{
    static const char *const ranks[] = { "0-3", "1,5", "2", "x", "" };
    uint64_t id = (op >> 3) % SEQS;
    unsigned int seq = (op >> 5) % SEQS;
    int from = op >> 6;

    switch (op % 8) {
    case 0:
    case 1:
        ask_us (text, len, true);
        break;
    case 2:
        ask_us (text, len, false);
        break;
    case 3:
        answer_us (id, seq, 0, text, len);
        break;
    case 4:
        answer_us (id, seq, EPROTO, NULL, 0);
        break;
    case 5:
        exchange_enter (x, id, seq, ranks[len % 5], text, len);
        break;
    case 6:
        exchange_leave (x, id);
        break;
    case 7:
        exchange_disconnect (x, is_from, &from);
        break;
    }
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const struct exchange_ops ops = {
        .ask = ask_op, .tell = tell_op, .answer = answer_op, .deliver = deliver_op
    };
    struct idset *below = idset_decode ("1,4-5");
    bool top = size > 0 && data[0] % 2;

    memset (asked, 0, sizeof (asked));
    request_count = 0;
    if (!below || !(x = exchanges_create (top ? 0 : 1, top ? NULL : below, &ops, NULL)))
        abort ();
    for (size_t pos = 1; pos + 2 <= size;) {
        size_t len = data[pos + 1] < size - pos - 2 ? data[pos + 1] : size - pos - 2;
        char *text =
            malloc (len + 1); /* of its own: what is behind is not to be read */

        if (!text)
            abort ();
        memcpy (text, data + pos + 2, len);
        step (data[pos], text, len);
        free (text);
        pos += 2 + len;
    }
    exchanges_destroy (x);
    for (int i = 0; i < request_count; i++) {
        if (requests[i].taken && !requests[i].answered)
            abort ();
    }
    idset_destroy (below);
    return 0;
}
