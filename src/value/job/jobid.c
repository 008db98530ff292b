#include "value/job/jobid.h"
#include "value/job/emoji.h"
#include "value/job/words.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char b58[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char *const type_names[] = {
    [JOBID_DEC] = "dec",           [JOBID_HEX] = "hex",     [JOBID_DOTHEX] = "dothex",
    [JOBID_KVS] = "kvs",           [JOBID_WORDS] = "words", [JOBID_F58] = "f58",
    [JOBID_F58PLAIN] = "f58plain", [JOBID_EMOJI] = "emoji",
};
#define TYPE_COUNT (sizeof (type_names) / sizeof (type_names[0]))

static int invalid (void)
{
    errno = EINVAL;
    return -1;
}

/* Only a locale that was named and is not UTF-8 cannot show U+0192. */
static bool force_ascii (void)
{
    static const char *const vars[] = { "LC_ALL", "LC_CTYPE", "LANG" };

    if (getenv ("FLUX_F58_FORCE_ASCII"))
        return true;
    for (int i = 0; i < 3; i++) {
        const char *s = getenv (vars[i]);
        if (s && *s)
            return !strcasestr (s, "utf");
    }
    return false;
}

static const char *f58_prefix (bool plain)
{
    static int ascii = -1;

    if (ascii < 0)
        ascii = force_ascii ();
    return plain || ascii ? "f" : "\xc6\x92";
}

static int encode_f58 (uint64_t id, bool plain, char *buf, size_t len)
{
    char digits[16];
    char *p = digits + sizeof (digits);
    const char *prefix = f58_prefix (plain);
    size_t n, m = strlen (prefix);

    do {
        *--p = b58[id % 58];
        id /= 58;
    } while (id > 0);
    n = digits + sizeof (digits) - p;
    if (n + m + 1 > len) {
        errno = EOVERFLOW;
        return -1;
    }
    memcpy (buf, prefix, m);
    memcpy (buf + m, p, n);
    buf[n + m] = '\0';
    return 0;
}

static int encode_emoji (uint64_t id, char *buf, size_t len)
{
    char digits[EMOJI_LEN * 7]; /* 576^7 > 2^64 */
    char *p = digits + sizeof (digits);
    size_t n;

    do {
        p -= EMOJI_LEN;
        memcpy (p, emoji_digits + id % EMOJI_BASE * EMOJI_LEN, EMOJI_LEN);
        id /= EMOJI_BASE;
    } while (id > 0);
    n = digits + sizeof (digits) - p;
    if (n + 1 > len) {
        errno = EOVERFLOW;
        return -1;
    }
    memcpy (buf, p, n);
    buf[n] = '\0';
    return 0;
}

static int decode_emoji (const char *s, size_t len, uint64_t *id)
{
    uint64_t n = 0;

    if (len % EMOJI_LEN != 0)
        return invalid ();
    for (; len > 0; s += EMOJI_LEN, len -= EMOJI_LEN) {
        unsigned int digit = 0;

        while (digit < EMOJI_BASE
               && memcmp (emoji_digits + digit * EMOJI_LEN, s, EMOJI_LEN) != 0)
            digit++;
        if (digit == EMOJI_BASE || __builtin_mul_overflow (n, EMOJI_BASE, &n)
            || __builtin_add_overflow (n, digit, &n))
            return invalid ();
    }
    *id = n;
    return 0;
}

/* A word of the list ends with its blank. */
static const char *word_at (unsigned int digit, size_t *len)
{
    const char *s = word_digits;

    while (digit-- > 0)
        s = strchr (s, ' ') + 1;
    *len = strchr (s, ' ') - s;
    return s;
}

/* -1: there is no such word. */
static int word_digit (const char *word, size_t len)
{
    int digit = 0;

    for (const char *s = word_digits; *s; s += strcspn (s, " ") + 1, digit++)
        if (strcspn (s, " ") == len && strncasecmp (s, word, len) == 0)
            return digit;
    return -1;
}

/* Its lower 32 bits, then the upper ones, each as three words, the lowest digit first. */
static int encode_words (uint64_t id, char *buf, size_t len)
{
    size_t n = 0, m;

    for (int i = 0; i < 6; i++) {
        uint32_t half = i < 3 ? (uint32_t)id : (uint32_t)(id >> 32);
        uint32_t scale = i % 3 == 0   ? 1
                         : i % 3 == 1 ? WORDS_BASE
                                      : WORDS_BASE * WORDS_BASE;
        const char *word = word_at (half / scale % WORDS_BASE, &m);
        const char *mark = i == 0 ? "" : i == 3 ? "--" : "-";
        int rc = snprintf (buf + n, len - n, "%s%.*s", mark, (int)m, word);

        if (rc < 0 || (size_t)rc >= len - n) {
            errno = EOVERFLOW;
            return -1;
        }
        n += rc;
    }
    return 0;
}

/* Six words, with anything between them that is no letter. */
static int decode_words (const char *s, size_t len, uint64_t *id)
{
    uint64_t half[2] = { 0 }, scale = 1;
    int count = 0;

    for (size_t i = 0; i < len;) {
        size_t n = 0;

        while (i + n < len && isalpha ((unsigned char)s[i + n]))
            n++;
        if (n == 0) {
            i++;
            continue;
        }
        int digit = count < 6 ? word_digit (s + i, n) : -1;
        if (digit < 0)
            return invalid ();
        scale = count % 3 == 0 ? 1 : scale * WORDS_BASE;
        half[count++ / 3] += digit * scale;
        i += n;
    }
    if (count != 6 || half[0] > UINT32_MAX || half[1] > UINT32_MAX)
        return invalid ();
    *id = half[1] << 32 | half[0];
    return 0;
}

int jobid_encode (uint64_t id, enum jobid_type type, char *buf, size_t len)
{
    int n = -1;

    if (!buf)
        return invalid ();
    switch (type) {
    case JOBID_DEC:
        n = snprintf (buf, len, "%" PRIu64, id);
        break;
    case JOBID_HEX:
        n = snprintf (buf, len, "0x%" PRIx64, id);
        break;
    case JOBID_DOTHEX:
    case JOBID_KVS:
        n = snprintf (buf, len, "%s%04x.%04x.%04x.%04x",
                      type == JOBID_KVS ? "job." : "", (unsigned)(id >> 48),
                      (unsigned)(id >> 32 & 0xffff), (unsigned)(id >> 16 & 0xffff),
                      (unsigned)(id & 0xffff));
        break;
    case JOBID_F58:
    case JOBID_F58PLAIN:
        return encode_f58 (id, type == JOBID_F58PLAIN, buf, len);
    case JOBID_EMOJI:
        return encode_emoji (id, buf, len);
    case JOBID_WORDS:
        return encode_words (id, buf, len);
    }
    if (n < 0)
        return invalid ();
    if ((size_t)n >= len) {
        errno = EOVERFLOW;
        return -1;
    }
    return 0;
}

int jobid_type_parse (const char *name, enum jobid_type *type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (!strcmp (type_names[i], name)) {
            *type = i;
            return 0;
        }
    }
    return invalid ();
}

static int decode_f58 (const char *s, size_t len, uint64_t *id)
{
    uint64_t n = 0;

    if (len == 0)
        return invalid ();
    for (size_t i = 0; i < len; i++) {
        const char *digit = memchr (b58, s[i], 58);
        if (!digit || __builtin_mul_overflow (n, 58, &n)
            || __builtin_add_overflow (n, (uint64_t)(digit - b58), &n))
            return invalid ();
    }
    *id = n;
    return 0;
}

/* Four groups of four digits. */
static int decode_dothex (const char *s, size_t len, uint64_t *id)
{
    uint64_t n = 0;

    if (len != 19)
        return invalid ();
    for (size_t i = 0; i < len; i++) {
        if (i % 5 == 4) {
            if (s[i] != '.')
                return invalid ();
            continue;
        }
        if (!isxdigit ((unsigned char)s[i]))
            return invalid ();
        n = n << 4
            | (uint64_t)(isdigit ((unsigned char)s[i]) ? s[i] - '0'
                                                       : (s[i] | 0x20) - 'a' + 10);
    }
    *id = n;
    return 0;
}

static int decode_number (const char *s, size_t len, int base, uint64_t *id)
{
    char buf[24];
    char *end;

    if (len == 0 || len >= sizeof (buf) || !isxdigit ((unsigned char)*s))
        return invalid ();
    memcpy (buf, s, len);
    buf[len] = '\0';
    errno = 0;
    *id = strtoull (buf, &end, base);
    return errno || *end ? invalid () : 0;
}

int jobid_decode (const char *s, uint64_t *id)
{
    size_t len;

    if (!s || !id)
        return invalid ();
    while (isspace ((unsigned char)*s))
        s++;
    len = strlen (s);
    while (len > 0 && isspace ((unsigned char)s[len - 1]))
        len--;
    if (memchr (s, '.', len)) {
        if (len > 4 && !memcmp (s, "job.", 4))
            return decode_dothex (s + 4, len - 4, id);
        return decode_dothex (s, len, id);
    }
    if (memchr (s, '-', len))
        return decode_words (s, len, id);
    if (len > 2 && !memcmp (s, "\xc6\x92", 2))
        return decode_f58 (s + 2, len - 2, id);
    if (len > 1 && *s == 'f')
        return decode_f58 (s + 1, len - 1, id);
    if (len > 1 && !memcmp (s, "\xf0\x9f", 2))
        return decode_emoji (s, len, id);
    if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return decode_number (s + 2, len - 2, 16, id);
    return decode_number (s, len, 10, id);
}

void jobid_gen_init (struct jobid_gen *g, uint16_t id, uint64_t epoch_ms,
                     uint64_t floor)
{
    *g = (struct jobid_gen){
        .epoch_ms = epoch_ms,
        .last_ms = (floor >> 24) + 1,
        .id = id & 0x3fff,
    };
}

uint64_t jobid_gen_next (struct jobid_gen *g, uint64_t now_ms)
{
    uint64_t ms = now_ms > g->epoch_ms ? now_ms - g->epoch_ms : 0;

    if (ms > g->last_ms) {
        g->last_ms = ms;
        g->seq = 0;
    } else if (g->seq == 1024) {
        g->last_ms++;
        g->seq = 0;
    }
    return g->last_ms << 24 | (uint64_t)g->id << 10 | g->seq++;
}
