#include "fluxion-server/wire.h"

#include <stdbool.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"

/* False: it does not end within what is there, or is too large. */
static bool take_varint (const uint8_t **data, size_t *len, uint64_t *value)
{
    *value = 0;
    for (unsigned int i = 0; i < *len && i < 10; i++) {
        uint8_t byte = (*data)[i];
        *value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte & 0x80)
            continue;
        *data += i + 1;
        *len -= i + 1;
        return true;
    }
    return false;
}

size_t wire_first_field (const uint8_t *data, size_t len)
{
    uint64_t tag, n;

    if (!take_varint (&data, &len, &tag)
        || tag != (1 << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        || !take_varint (&data, &len, &n))
        return 0;
    return n;
}

/* What a value without a length of its own takes; false: it is not there as a whole. */
static bool take_plain (int type, const uint8_t **data, size_t *len)
{
    uint64_t value;
    size_t n;

    switch (type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return take_varint (data, len, &value);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        n = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        n = 4;
        break;
    default:
        return false;
    }
    if (*len < n)
        return false;
    *data += n;
    *len -= n;
    return true;
}

static int check_text (const ProtobufCFieldDescriptor *field, const uint8_t *text,
                       size_t len, flux_error_t *error)
{
    if (!field || field->type != PROTOBUF_C_TYPE_STRING)
        return 0;
    if (!utf8_valid ((const char *)text, len))
        return error_invalid (error, "%s: is not UTF-8", field->name);
    if (memchr (text, 0, len))
        return error_invalid (error, "%s: there is a NUL in it", field->name);
    return 0;
}

int wire_check_texts (const ProtobufCMessageDescriptor *desc, const uint8_t *data,
                      size_t len, flux_error_t *error)
{
    uint64_t tag, n;

    while (len > 0) {
        if (!take_varint (&data, &len, &tag))
            return error_invalid (error, "a field has no number");
        if ((tag & 7) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
            if (!take_plain (tag & 7, &data, &len))
                return error_invalid (error, "a field has no value");
            continue;
        }
        if (!take_varint (&data, &len, &n) || n > len)
            return error_invalid (error, "a field is longer than the message");
        if (check_text (protobuf_c_message_descriptor_get_field (desc, tag >> 3), data,
                        n, error)
            < 0)
            return -1;
        data += n;
        len -= n;
    }
    return 0;
}
