/* Owns the values themselves: how PLAIN stores them, and what stored values mean: unsigned numbers, text,
 * decimals, halves, times of 96 bits. Knows nothing of pages. */
#include <string.h>

#include "tables/parquet_internal.h"

/* ---- as PLAIN stores them ---- */

const char *const fm_pq_values_end = "its values end too early";

/* Days since the Julian epoch and nanoseconds of the day. */
static bool int96_nanoseconds(const uint8_t *p, int64_t *out)
{
    const int64_t day_ns = INT64_C(86400000000000), unix_epoch = 2440588;
    int64_t days = (int64_t)fm_pq_load32(p + 8) - unix_epoch, ns;

    return !__builtin_mul_overflow(days, day_ns, &ns) &&
           !__builtin_add_overflow(ns, (int64_t)fm_pq_load64(p), out);
}

static const char *plain_byte_arrays(fm_pq_span *plain, fm_parquet_value *out, size_t n)
{
    const uint8_t *p = plain->bytes, *end = p + plain->size;

    for (size_t i = 0; i < n; i++) {
        if (end - p < 4)
            return fm_pq_values_end;
        uint32_t size = fm_pq_load32(p);
        p += 4;
        if (size > (size_t)(end - p))
            return fm_pq_values_end;
        fm_pq_set_bytes(&out[i], p, size);
        p += size;
    }
    *plain = (fm_pq_span){p, (size_t)(end - p)};
    return NULL;
}

static const char *plain_booleans(fm_pq_span plain, size_t *bit, fm_parquet_value *out, size_t n)
{
    if (n > plain.size * 8 - *bit)
        return fm_pq_values_end;
    for (size_t i = 0; i < n; i++, ++*bit)
        out[i] = (fm_parquet_value){.boolean = (plain.bytes[*bit >> 3] >> (*bit & 7)) & 1,
                                    .kind = FM_PARQUET_BOOLEAN};
    return NULL;
}

static const char *plain_fixed(const fm_pq_leaf *leaf, const uint8_t *p, fm_parquet_value *out,
                               size_t n)
{
    switch (leaf->physical) {
    case FM_PQ_INT32:
        for (size_t i = 0; i < n; i++)
            fm_pq_set_integer(&out[i], (int32_t)fm_pq_load32(p + i * 4));
        break;
    case FM_PQ_INT64:
        for (size_t i = 0; i < n; i++)
            fm_pq_set_integer(&out[i], (int64_t)fm_pq_load64(p + i * 8));
        break;
    case FM_PQ_INT96:
        for (size_t i = 0; i < n; i++) {
            int64_t ns;

            if (!int96_nanoseconds(p + i * 12, &ns))
                return "a time lies outside of the years 1677 to 2262";
            fm_pq_set_integer(&out[i], ns);
        }
        break;
    case FM_PQ_FLOAT:
        for (size_t i = 0; i < n; i++) {
            uint32_t bits = fm_pq_load32(p + i * 4);
            float value;

            memcpy(&value, &bits, sizeof(value));
            fm_pq_set_real(&out[i], (double)value);
        }
        break;
    case FM_PQ_DOUBLE:
        for (size_t i = 0; i < n; i++) {
            uint64_t bits = fm_pq_load64(p + i * 8);
            double value;

            memcpy(&value, &bits, sizeof(value));
            fm_pq_set_real(&out[i], value);
        }
        break;
    default:
        for (size_t i = 0; i < n; i++)
            fm_pq_set_bytes(&out[i], p + i * leaf->width, leaf->width);
    }
    return NULL;
}

const char *fm_pq_read_plain(const fm_pq_leaf *leaf, fm_pq_span *plain, size_t *bit,
                             fm_parquet_value *out, size_t n)
{
    if (leaf->physical == FM_PQ_BYTE_ARRAY)
        return plain_byte_arrays(plain, out, n);
    if (leaf->physical == FM_PQ_BOOLEAN)
        return plain_booleans(*plain, bit, out, n);
    if (n > plain->size / leaf->width)
        return fm_pq_values_end;
    const char *problem = plain_fixed(leaf, plain->bytes, out, n);
    plain->bytes += n * leaf->width;
    plain->size -= n * leaf->width;
    return problem;
}

/* ---- what they mean ---- */

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;

static const char *const decimal_too_long = "a decimal is longer than its type says";

static bool decimal_unscaled(const fm_parquet_value *value, wide *out)
{
    if (value->kind == FM_PARQUET_INTEGER) {
        *out = value->integer;
        return true;
    }
    unsigned_wide sum = value->size && (value->bytes[0] & 0x80) ? ~(unsigned_wide)0 : 0;
    if (value->size > sizeof(sum))
        return false;
    for (uint32_t i = 0; i < value->size; i++)
        sum = sum << 8 | (uint8_t)value->bytes[i];
    *out = (wide)sum;
    return true;
}

static const char *decimal_text(wide unscaled, int scale, fm_arena *arena, fm_parquet_value *out)
{
    char digits[96];
    size_t at = sizeof(digits);
    unsigned_wide rest = unscaled < 0 ? -(unsigned_wide)unscaled : (unsigned_wide)unscaled;

    /* The smallest type that is shown as text has 16 digits, the largest 76: zeros in front fill up
     * to one digit before the point. */
    for (int written = 0; rest || written <= scale; written++) {
        if (scale && written == scale)
            digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (unscaled < 0)
        digits[--at] = '-';
    const char *text = fm_arena_memdup(arena, digits + at, sizeof(digits) - at);
    *out = (fm_parquet_value){
        .bytes = text, .size = (uint32_t)(sizeof(digits) - at), .kind = FM_PARQUET_TEXT};
    return text ? NULL : "there is no memory for a decimal";
}

static const char *convert_decimal(const fm_pq_leaf *leaf, fm_arena *arena, fm_parquet_value *value)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const wide most = leaf->conversion == FM_PQ_AS_DECIMAL_REAL ? (wide)1 << 53 : INT64_MAX;
    wide unscaled;

    if (!decimal_unscaled(value, &unscaled))
        return decimal_too_long;
    if (leaf->conversion == FM_PQ_AS_DECIMAL_TEXT)
        return decimal_text(unscaled, leaf->scale, arena, value);
    if (unscaled > most || unscaled < -most)
        return decimal_too_long;
    /* Both are exact, so the quotient is the double nearest to the decimal. */
    if (leaf->conversion == FM_PQ_AS_DECIMAL_REAL)
        fm_pq_set_real(value, (double)unscaled / powers[leaf->scale]);
    else
        fm_pq_set_integer(value, (int64_t)unscaled);
    return NULL;
}

static double half_to_double(const uint8_t *p)
{
    unsigned bits = (unsigned)p[0] | (unsigned)p[1] << 8, exponent = bits >> 10 & 31;
    uint64_t sign = (uint64_t)(bits >> 15) << 63, fraction = (uint64_t)(bits & 1023) << 42;
    double value;

    if (exponent == 0) { /* zero and the numbers below 2^-14 */
        value = (double)(bits & 1023) * 0x1p-24;
        return sign ? -value : value;
    }
    uint64_t wide_exponent = exponent == 31 ? 2047 : (uint64_t)exponent + 1008;
    uint64_t wide_bits = sign | wide_exponent << 52 | fraction;
    memcpy(&value, &wide_bits, sizeof(value));
    return value;
}

const char *fm_pq_convert(const fm_pq_leaf *leaf, fm_arena *arena, fm_parquet_value *values,
                          size_t n)
{
    const char *problem = NULL;

    switch (leaf->conversion) {
    case FM_PQ_AS_STORED:
        break;
    case FM_PQ_AS_TEXT:
        for (size_t i = 0; i < n; i++)
            values[i].kind = FM_PARQUET_TEXT;
        break;
    case FM_PQ_AS_UINT32:
        for (size_t i = 0; i < n; i++)
            values[i].integer = (uint32_t)values[i].integer;
        break;
    case FM_PQ_AS_UINT64:
        for (size_t i = 0; i < n; i++)
            values[i] = (fm_parquet_value){.natural = (uint64_t)values[i].integer,
                                           .kind = FM_PARQUET_NATURAL};
        break;
    case FM_PQ_AS_FLOAT16:
        for (size_t i = 0; i < n; i++)
            fm_pq_set_real(&values[i], half_to_double((const uint8_t *)values[i].bytes));
        break;
    default:
        for (size_t i = 0; i < n && !problem; i++)
            problem = convert_decimal(leaf, arena, &values[i]);
    }
    return problem;
}
