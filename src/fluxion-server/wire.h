/* What is looked at in the bytes of a request beside what protobuf-c makes of them. */
#ifndef FLUXION_SERVER_WIRE_H
#define FLUXION_SERVER_WIRE_H

#include <flux/types.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* The length of the field that a message begins with, as its first bytes have it; 0 if
 * that is not text or bytes of field 1. */
size_t wire_first_field (const uint8_t *data, size_t len);

/* Texts are UTF-8 (protobuf-c does not look) without NUL (behind which it does not
 * look): -1 with EINVAL, and *error names the field. data: a message that has been
 * unpacked; fields that are not known, and messages within it, are left alone. */
int wire_check_texts (const ProtobufCMessageDescriptor *desc, const uint8_t *data,
                      size_t len, flux_error_t *error);

#endif
