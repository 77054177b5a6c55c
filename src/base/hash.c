/* Owns the text form of hashes; the arithmetic is libmd's. */
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <sha1.h>
#include <sha2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fm_hash {
    bool git;
    union {
        SHA2_CTX sha2;
        SHA1_CTX sha1;
    } context;
};

fm_hash *fm_hash_new(void)
{
    fm_hash *hash = malloc(sizeof(*hash));

    if (hash) {
        hash->git = false;
        SHA256Init(&hash->context.sha2);
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
        SHA1Init(&hash->context.sha1);
        SHA1Update(&hash->context.sha1, (const uint8_t *)head, (size_t)n + 1); /* with its NUL */
    }
    return hash;
}

void fm_hash_update(fm_hash *hash, const void *bytes, size_t size)
{
    if (hash->git)
        SHA1Update(&hash->context.sha1, bytes, size);
    else
        SHA256Update(&hash->context.sha2, bytes, size);
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

static void digest_to_text(SHA2_CTX *context, char out[FM_HASH_TEXT_BYTES])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256Final(digest, context);
    put_digits(digest, sizeof(digest), out);
}

void fm_hash_finish(fm_hash *hash, char out[FM_HASH_TEXT_BYTES])
{
    uint8_t digest[SHA1_DIGEST_LENGTH];

    if (hash->git) {
        SHA1Final(digest, &hash->context.sha1);
        put_digits(digest, sizeof(digest), out);
    } else {
        digest_to_text(&hash->context.sha2, out);
    }
    free(hash);
}

void fm_hash_bytes(const void *bytes, size_t size, char out[FM_HASH_TEXT_BYTES])
{
    SHA2_CTX context;

    SHA256Init(&context);
    SHA256Update(&context, bytes, size);
    digest_to_text(&context, out);
}

fm_status fm_hash_file(const char *path, char out[FM_HASH_TEXT_BYTES], fm_err *err)
{
    unsigned char block[1 << 14];
    SHA2_CTX context;
    size_t n;
    FILE *f = fopen(path, "rbe");

    if (!f)
        return fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    SHA256Init(&context);
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        SHA256Update(&context, block, n);
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
