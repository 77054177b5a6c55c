/* Products and sums of sizes that refuse to overflow; every allocation whose size comes from data
 * goes through here. */
#ifndef FM_BASE_SIZE_H
#define FM_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>

static inline bool fm_size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool fm_size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

#define FM_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
