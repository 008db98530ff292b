/* Values as they are, between flux_kvs_lookup() and the KVS.
 *
 * With this flag kvs.lookup answers with the bytes of the value: a head that no JSON
 * text begins with, the bytes, a NUL. Others get a tree object in JSON. */
#ifndef CORE_KVS_RAW_H
#define CORE_KVS_RAW_H

#define KVS_LOOKUP_RAW 0x10000 /* beside no other */

#define KVS_RAW_HEAD "\0kvsraw"
#define KVS_RAW_HEAD_LEN 7 /* as long as {"val": is */

#endif
