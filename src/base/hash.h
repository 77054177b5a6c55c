/**
 * SHA-256 (libcrypto) of bytes and files, as 64 lower-case hexadecimal digits, and the SHA-1 by which
 * git names the content of a file, as 40.
 */
#ifndef FM_BASE_HASH_H
#define FM_BASE_HASH_H

#include <stdint.h>

#include "fathom/status.h"

#define FM_HASH_TEXT_BYTES 65

typedef struct fm_hash fm_hash;                /* a running hash */
fm_hash *fm_hash_new(void);                    /* NULL: out of memory */
fm_hash *fm_hash_new_git(uint64_t size_bytes); /* git's name of a file of exactly that size */
void fm_hash_update(fm_hash *hash, const void *bytes, size_t size);
void fm_hash_finish(fm_hash *hash, char out[FM_HASH_TEXT_BYTES]); /* and frees it */

void fm_hash_bytes(const void *bytes, size_t size, char out[FM_HASH_TEXT_BYTES]);
FM_MUST_CHECK fm_status fm_hash_file(const char *path, char out[FM_HASH_TEXT_BYTES], fm_err *err);

/* FNV-1a, for tables in memory: never written to disk. */
uint64_t fm_hash_quick(const void *bytes, size_t size);

#endif
