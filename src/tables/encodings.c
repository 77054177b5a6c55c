/* Owns the encodings that need more than a cursor: runs, bit-packed groups, differences, prefixes and
 * split streams. Knows bytes and sizes, nothing of pages or columns. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "tables/parquet_internal.h"

/* The most values in a block of differences: writers use 128 to 4096. */
#define MAX_DELTA_BLOCK ((uint64_t)1 << 20)

static bool read_varint(const uint8_t **next, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (*next == end)
            return false;
        uint8_t byte = *(*next)++;
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* `width` bits from bit `bit` on, the lowest first; the caller has checked that they are there. */
static inline uint64_t bits_at(fm_pq_span span, size_t bit, unsigned width)
{
    size_t byte = bit >> 3;
    unsigned shift = bit & 7;
    uint64_t mask = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;

    if (byte + 9 <= span.size) {
        uint64_t value = fm_pq_load64(span.bytes + byte) >> shift;

        if (shift + width > 64)
            value |= (uint64_t)span.bytes[byte + 8] << (64 - shift);
        return value & mask;
    }
    uint64_t value = 0;
    for (unsigned have = 0; have < shift + width; have += 8, byte++) {
        uint64_t piece = span.bytes[byte];

        value |= have < shift ? piece >> shift : piece << (have - shift);
    }
    return value & mask;
}

/* The old packing: values begin at the highest bit of the first byte. Levels only, so few bits. */
static uint32_t high_bits_at(fm_pq_span span, size_t bit, unsigned width)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < width; i++, bit++)
        value = value << 1 | ((span.bytes[bit >> 3] >> (7 - (bit & 7))) & 1);
    return value;
}

bool fm_pq_runs_start(fm_pq_runs *runs, fm_pq_span bytes, unsigned width)
{
    if (width > 32)
        return false;
    *runs = (fm_pq_runs){.next = bytes.bytes, .end = bytes.bytes + bytes.size, .width = width};
    return true;
}

void fm_pq_runs_start_bit_packed(fm_pq_runs *runs, fm_pq_span bytes, unsigned width)
{
    *runs = (fm_pq_runs){.width = width, .from_high_bit = true, .packed = bytes};
    runs->packed_left = width ? bytes.size * 8 / width : 0;
}

/* The header of the next run or group; false where there is none that could hold a value. */
static bool next_run(fm_pq_runs *runs)
{
    uint64_t header;

    if (!read_varint(&runs->next, runs->end, &header))
        return false;
    size_t left = (size_t)(runs->end - runs->next), count = (size_t)(header >> 1);
    if (header & 1) {
        size_t bytes;

        /* Some writers cut the last group short; the values that are there count. */
        if (!fm_size_mul(count, runs->width, &bytes) || bytes > left)
            bytes = left;
        runs->packed = (fm_pq_span){runs->next, bytes};
        runs->packed_bit = 0;
        if (!fm_size_mul(count, 8, &runs->packed_left))
            return false;
        if (runs->width && runs->packed_left > bytes * 8 / runs->width)
            runs->packed_left = bytes * 8 / runs->width;
        runs->next += bytes;
        return runs->packed_left > 0;
    }
    size_t bytes = (runs->width + 7) / 8;
    if (bytes > left)
        return false;
    runs->run_value = 0;
    for (size_t i = 0; i < bytes; i++)
        runs->run_value |= (uint32_t)runs->next[i] << (8 * i);
    runs->next += bytes;
    runs->run_left = count;
    return count > 0;
}

bool fm_pq_runs_step_over(fm_pq_runs *runs, uint32_t value, size_t n)
{
    if (!runs->run_left && !runs->packed_left && !runs->from_high_bit && !next_run(runs))
        return false;
    if (runs->run_left < n || runs->run_value != value)
        return false;
    runs->run_left -= n;
    return true;
}

bool fm_pq_runs_read(fm_pq_runs *runs, uint32_t *out, size_t n)
{
    while (n) {
        size_t take = runs->run_left ? runs->run_left : runs->packed_left;

        if (take > n)
            take = n;
        if (runs->run_left) {
            for (size_t i = 0; i < take; i++)
                out[i] = runs->run_value;
            runs->run_left -= take;
        } else if (runs->packed_left) {
            fm_pq_span packed = runs->packed;
            size_t bit = runs->packed_bit;
            unsigned width = runs->width;

            if (runs->from_high_bit)
                for (size_t i = 0; i < take; i++, bit += width)
                    out[i] = high_bits_at(packed, bit, width);
            else
                for (size_t i = 0; i < take; i++, bit += width)
                    out[i] = (uint32_t)bits_at(packed, bit, width);
            runs->packed_bit = bit;
            runs->packed_left -= take;
        } else if (runs->from_high_bit || !next_run(runs)) {
            return false;
        }
        out += take;
        n -= take;
    }
    return true;
}

bool fm_pq_deltas_start(fm_pq_deltas *d, fm_pq_span bytes)
{
    uint64_t block, minis, count, first;

    *d = (fm_pq_deltas){.next = bytes.bytes, .end = bytes.bytes + bytes.size, .first = true};
    if (!read_varint(&d->next, d->end, &block) || !read_varint(&d->next, d->end, &minis) ||
        !read_varint(&d->next, d->end, &count) || !read_varint(&d->next, d->end, &first))
        return false;
    if (block == 0 || block > MAX_DELTA_BLOCK || minis == 0 || minis > block ||
        block % minis != 0 || block / minis % 8 != 0 || count > INT32_MAX)
        return false;
    d->per_mini = (size_t)(block / minis);
    d->minis = d->mini = (size_t)minis;
    d->left = (size_t)count;
    d->value = first >> 1 ^ -(first & 1);
    return true;
}

/* Go to the next miniblock, and where the block is used up to the next block. */
static bool next_mini(fm_pq_deltas *d)
{
    uint64_t least;

    if (d->mini == d->minis) {
        if (!read_varint(&d->next, d->end, &least) || (size_t)(d->end - d->next) < d->minis)
            return false;
        d->least = least >> 1 ^ -(least & 1);
        d->widths = d->next;
        d->next += d->minis;
        d->mini = 0;
    }
    d->width = d->widths[d->mini++];
    size_t bytes = d->per_mini / 8 * d->width;
    if (d->width > 64 || bytes > (size_t)(d->end - d->next))
        return false;
    d->packed = (fm_pq_span){d->next, bytes};
    d->packed_bit = 0;
    d->packed_left = d->per_mini;
    d->next += bytes;
    return true;
}

bool fm_pq_deltas_read(fm_pq_deltas *d, int64_t *out, size_t n)
{
    if (n > d->left)
        return false;
    d->left -= n;
    if (n && d->first) {
        d->first = false;
        *out++ = (int64_t)d->value;
        n--;
    }
    while (n) {
        if (!d->packed_left && !next_mini(d))
            return false;
        size_t take = d->packed_left < n ? d->packed_left : n;
        uint64_t value = d->value, least = d->least;

        /* Differences wrap around, as those of the writer did. */
        for (size_t i = 0; i < take; i++) {
            value += least + bits_at(d->packed, d->packed_bit + i * d->width, d->width);
            out[i] = (int64_t)value;
        }
        d->value = value;
        d->packed_bit += take * d->width;
        d->packed_left -= take;
        out += take;
        n -= take;
    }
    return true;
}

const uint8_t *fm_pq_deltas_end(const fm_pq_deltas *deltas)
{
    fm_pq_deltas d = *deltas;
    size_t left = d.left - (d.first && d.left ? 1 : 0);

    while (left > d.packed_left) {
        left -= d.packed_left;
        if (!next_mini(&d))
            return NULL;
    }
    return d.next;
}

bool fm_pq_room(fm_pq_buffer *buffer, size_t size)
{
    if (size <= buffer->capacity && buffer->bytes)
        return true;
    /* Pages differ a little in size. What is spare is never touched, so it takes no memory. */
    size_t capacity = size + size / 4 + 64;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

enum { CHUNK = 256 }; /* lengths at a time */

typedef struct {
    fm_pq_deltas prefixes, suffixes;
    const uint8_t *text, *end;
} prefixed;

static bool prefixed_start(prefixed *p, fm_pq_span in)
{
    const uint8_t *end = in.bytes + in.size;

    if (!fm_pq_deltas_start(&p->prefixes, in))
        return false;
    const uint8_t *second = fm_pq_deltas_end(&p->prefixes);
    if (!second || !fm_pq_deltas_start(&p->suffixes, (fm_pq_span){second, (size_t)(end - second)}))
        return false;
    p->text = fm_pq_deltas_end(&p->suffixes);
    p->end = end;
    return p->text && p->prefixes.left == p->suffixes.left;
}

/* The size of what expanding gives, so that the buffer is right from the start and a small page
 * that stands for an enormous one is refused before it is written. */
static fm_pq_expansion prefixed_size(prefixed p, bool fixed, uint32_t width, size_t *out)
{
    int64_t prefix[CHUNK], suffix[CHUNK], last = 0;
    size_t total = 0, text_left = (size_t)(p.end - p.text);

    while (p.prefixes.left) {
        size_t n = p.prefixes.left < CHUNK ? p.prefixes.left : CHUNK;

        if (!fm_pq_deltas_read(&p.prefixes, prefix, n) ||
            !fm_pq_deltas_read(&p.suffixes, suffix, n))
            return FM_PQ_BROKEN;
        for (size_t i = 0; i < n; i++) {
            if (prefix[i] < 0 || prefix[i] > last || suffix[i] < 0 ||
                (uint64_t)suffix[i] > text_left)
                return FM_PQ_BROKEN;
            text_left -= (size_t)suffix[i];
            last = prefix[i] + suffix[i];
            if (fixed && last != (int64_t)width)
                return FM_PQ_BROKEN;
            total += (size_t)last + (fixed ? 0 : sizeof(uint32_t));
            if (total > FM_PARQUET_MAX_PAGE_BYTES)
                return FM_PQ_TOO_LARGE;
        }
    }
    *out = total;
    return FM_PQ_EXPANDED;
}

fm_pq_expansion fm_pq_expand_prefixes(fm_pq_span in, bool fixed, uint32_t width,
                                      fm_pq_buffer *buffer, fm_pq_span *out)
{
    prefixed p;
    int64_t prefix[CHUNK], suffix[CHUNK];
    size_t size;

    if (!prefixed_start(&p, in))
        return FM_PQ_BROKEN;
    fm_pq_expansion result = prefixed_size(p, fixed, width, &size);
    if (result != FM_PQ_EXPANDED)
        return result;
    if (!fm_pq_room(buffer, size))
        return FM_PQ_NO_MEMORY;
    uint8_t *at = buffer->bytes, *last = at;
    while (p.prefixes.left) {
        size_t n = p.prefixes.left < CHUNK ? p.prefixes.left : CHUNK;

        if (!fm_pq_deltas_read(&p.prefixes, prefix, n) ||
            !fm_pq_deltas_read(&p.suffixes, suffix, n))
            return FM_PQ_BROKEN;
        for (size_t i = 0; i < n; i++) {
            uint32_t length = (uint32_t)(prefix[i] + suffix[i]);

            for (unsigned k = 0; !fixed && k < sizeof(uint32_t); k++)
                *at++ = (uint8_t)(length >> (8 * k));
            memmove(at, last, (size_t)prefix[i]);
            memcpy(at + prefix[i], p.text, (size_t)suffix[i]);
            p.text += suffix[i];
            last = at;
            at += length;
        }
    }
    *out = (fm_pq_span){buffer->bytes, size};
    return FM_PQ_EXPANDED;
}

fm_pq_expansion fm_pq_expand_streams(fm_pq_span in, uint32_t width, fm_pq_buffer *buffer,
                                     fm_pq_span *out)
{
    size_t n = in.size / width;

    if (in.size % width != 0)
        return FM_PQ_BROKEN;
    if (!fm_pq_room(buffer, in.size))
        return FM_PQ_NO_MEMORY;
    for (size_t k = 0; k < width; k++)
        for (size_t i = 0; i < n; i++)
            buffer->bytes[i * width + k] = in.bytes[k * n + i];
    *out = (fm_pq_span){buffer->bytes, in.size};
    return FM_PQ_EXPANDED;
}
