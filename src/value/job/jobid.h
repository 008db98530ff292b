/* Job ids (RFC 19): encodings and the generator. */
#ifndef VALUE_JOBID_H
#define VALUE_JOBID_H

#include <stddef.h>
#include <stdint.h>

enum jobid_type {
    JOBID_DEC,
    JOBID_HEX,      /* 0x17e9fb8df16c2e */
    JOBID_DOTHEX,   /* 0017.e9fb.8df1.6c2e */
    JOBID_KVS,      /* job.0017.e9fb.8df1.6c2e */
    JOBID_WORDS,    /* reform-remote-galileo--heart-package-academy */
    JOBID_F58,      /* with U+0192, or 'f' where the locale or
                     * FLUX_F58_FORCE_ASCII asks for it */
    JOBID_F58PLAIN, /* with 'f' */
    JOBID_EMOJI,
};

/* -1 with EINVAL, or EOVERFLOW if it does not fit. */
int jobid_encode (uint64_t id, enum jobid_type type, char *buf, size_t len);
int jobid_type_parse (const char *name, enum jobid_type *type);
int jobid_decode (const char *s, uint64_t *id);

/* The generator: 40 bits of ms since epoch, 14 of generator id, 10 of sequence. */
struct jobid_gen {
    uint64_t epoch_ms;
    uint64_t last_ms;
    uint16_t id;
    uint16_t seq;
};
/* All ids will be greater than floor, whatever the clock says. None is 0. */
void jobid_gen_init (struct jobid_gen *g, uint16_t id, uint64_t epoch_ms,
                     uint64_t floor);
/* Always ascending, whatever the clock does: borrows from the next
 * millisecond if 1024 ids are not enough. */
uint64_t jobid_gen_next (struct jobid_gen *g, uint64_t now_ms);

#endif
