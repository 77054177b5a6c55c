/* What a PNG's chunks are closed with. */
#ifndef FM_TESTS_PNG_CHUNK_H
#define FM_TESTS_PNG_CHUNK_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t png_crc(const unsigned char *p, size_t n)
{
    uint32_t c = 0xFFFFFFFFu;

    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

/* Big-endian. */
static inline void png_put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (24 - 8 * i));
}

#endif
