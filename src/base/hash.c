/* Owns the text form of hashes; the arithmetic is libcrypto's, which libcurl brings along. Its functions
 * of before 3.0 are used: they take no memory and cannot fail, and they have the processor's own
 * instructions as the newer ones do. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fm_hash {
    bool git;
    union {
        SHA256_CTX sha2;
        SHA_CTX sha1;
    } context;
};

fm_hash *fm_hash_new(void)
{
    fm_hash *hash = malloc(sizeof(*hash));

    if (hash) {
        hash->git = false;
        SHA256_Init(&hash->context.sha2);
    }
    return hash;
}

fm_hash *fm_hash_new_git(uint64_t size_bytes)
{
    fm_hash *hash = malloc(sizeof(*hash));
    char head[32];

    if (hash) {
        int n = snprintf(head, sizeof(head), "blob %" PRIu64, size_bytes);

        hash->git = true;
        SHA1_Init(&hash->context.sha1);
        SHA1_Update(&hash->context.sha1, head, (size_t)n + 1); /* with its NUL */
    }
    return hash;
}

void fm_hash_update(fm_hash *hash, const void *bytes, size_t size)
{
    if (hash->git)
        SHA1_Update(&hash->context.sha1, bytes, size);
    else
        SHA256_Update(&hash->context.sha2, bytes, size);
}

static void put_digits(const uint8_t *digest, size_t size, char out[FM_HASH_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * size] = '\0';
}

static void digest_to_text(SHA256_CTX *context, char out[FM_HASH_TEXT_BYTES])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256_Final(digest, context);
    put_digits(digest, sizeof(digest), out);
}

void fm_hash_finish(fm_hash *hash, char out[FM_HASH_TEXT_BYTES])
{
    uint8_t digest[SHA_DIGEST_LENGTH];

    if (hash->git) {
        SHA1_Final(digest, &hash->context.sha1);
        put_digits(digest, sizeof(digest), out);
    } else {
        digest_to_text(&hash->context.sha2, out);
    }
    free(hash);
}

void fm_hash_bytes(const void *bytes, size_t size, char out[FM_HASH_TEXT_BYTES])
{
    SHA256_CTX context;

    SHA256_Init(&context);
    SHA256_Update(&context, bytes, size);
    digest_to_text(&context, out);
}

fm_status fm_hash_file(const char *path, char out[FM_HASH_TEXT_BYTES], fm_err *err)
{
    unsigned char block[1 << 16];
    SHA256_CTX context;
    size_t n;
    FILE *f = fopen(path, "rbe");

    if (!f)
        return fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    SHA256_Init(&context);
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        SHA256_Update(&context, block, n);
    int why = ferror(f) ? errno : 0;
    fclose(f);
    if (why)
        return fm_fail(err, FM_E_IO, "cannot read '%s': %s", path, strerror(why));
    digest_to_text(&context, out);
    return FM_OK;
}

uint64_t fm_hash_quick(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}
