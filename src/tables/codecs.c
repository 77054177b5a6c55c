/* Owns unpacking of pages. Every codec is a library's; all of them are told the exact size that must
 * come out. */
#include <brotli/decode.h>
#include <limits.h>
#include <lz4.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/size.h"
#include "tables/parquet_internal.h"

/* In the order of their numbers. `expansion`: no input unpacks to more than that many times its
 * size. Snappy copies 64 bytes by 3, LZ4 255 by 1, deflate 258 by 2 bits, Zstandard a block of 128 KiB by 4
 * bytes; Brotli has no such bound that is worth having. */
static const struct {
    const char *name;
    size_t expansion;
} known[] = {
    [FM_PQ_UNCOMPRESSED] = {"uncompressed", 1},
    [FM_PQ_SNAPPY] = {"snappy", 22},
    [FM_PQ_GZIP] = {"gzip", 1032},
    [FM_PQ_LZO] = {"lzo", 0},
    [FM_PQ_BROTLI] = {"brotli", SIZE_MAX},
    [FM_PQ_LZ4] = {"lz4 (hadoop)", 0},
    [FM_PQ_ZSTD] = {"zstd", (size_t)1 << 15},
    [FM_PQ_LZ4_RAW] = {"lz4_raw", 256},
};

const char *fm_pq_codec_name(int32_t codec)
{
    return codec >= 0 && (size_t)codec < FM_COUNT_OF(known) ? known[codec].name : NULL;
}

size_t fm_pq_codec_most(int32_t codec, size_t stored)
{
    size_t most;

    if (!fm_pq_codec_name(codec) || !fm_size_mul(stored, known[codec].expansion, &most))
        return FM_PARQUET_MAX_PAGE_BYTES;
    return most;
}

static bool unpack_snappy(fm_pq_span in, uint8_t *out, size_t size)
{
    size_t stated, written = size;

    return snappy_uncompressed_length((const char *)in.bytes, in.size, &stated) == SNAPPY_OK &&
           stated == size &&
           snappy_uncompress((const char *)in.bytes, in.size, (char *)out, &written) == SNAPPY_OK &&
           written == size;
}

/* One member or several, with the header of gzip or of zlib: both are found in files. */
static bool unpack_gzip(fm_pq_span in, uint8_t *out, size_t size)
{
    enum { ANY_HEADER = 32 };
    z_stream z = {0};
    size_t done = 0;
    int result = Z_STREAM_END;

    /* Pages end below 2 GiB, so sizes fit zlib's. */
    if (in.size > UINT_MAX || size > UINT_MAX || inflateInit2(&z, MAX_WBITS + ANY_HEADER) != Z_OK)
        return false;
    z.next_in = (z_const Bytef *)(uintptr_t)in.bytes;
    z.avail_in = (uInt)in.size;
    while (result == Z_STREAM_END && z.avail_in > 0 && inflateReset(&z) == Z_OK) {
        z.next_out = out + done;
        z.avail_out = (uInt)(size - done);
        result = inflate(&z, Z_FINISH);
        done = size - z.avail_out;
    }
    (void)inflateEnd(&z);
    return result == Z_STREAM_END && done == size;
}

static bool unpack_zstd(fm_pq_codecs *codecs, fm_pq_span in, uint8_t *out, size_t size)
{
    if (!codecs->zstd)
        codecs->zstd = ZSTD_createDCtx();
    return codecs->zstd && ZSTD_decompressDCtx(codecs->zstd, out, size, in.bytes, in.size) == size;
}

static bool unpack_brotli(fm_pq_span in, uint8_t *out, size_t size)
{
    size_t written = size;

    return BrotliDecoderDecompress(in.size, in.bytes, &written, out) ==
               BROTLI_DECODER_RESULT_SUCCESS &&
           written == size;
}

static bool unpack_lz4(fm_pq_span in, uint8_t *out, size_t size)
{
    return in.size <= INT_MAX && size <= INT_MAX &&
           LZ4_decompress_safe((const char *)in.bytes, (char *)out, (int)in.size, (int)size) ==
               (int)size;
}

bool fm_pq_unpack(fm_pq_codecs *codecs, int32_t codec, fm_pq_span in, uint8_t *out, size_t size)
{
    switch (codec) {
    case FM_PQ_UNCOMPRESSED:
        if (in.size == size && size)
            memcpy(out, in.bytes, size);
        return in.size == size;
    case FM_PQ_SNAPPY:
        return unpack_snappy(in, out, size);
    case FM_PQ_GZIP:
        return unpack_gzip(in, out, size);
    case FM_PQ_BROTLI:
        return unpack_brotli(in, out, size);
    case FM_PQ_ZSTD:
        return unpack_zstd(codecs, in, out, size);
    case FM_PQ_LZ4_RAW:
        return unpack_lz4(in, out, size);
    default:
        return false;
    }
}

void fm_pq_codecs_release(fm_pq_codecs *codecs)
{
    ZSTD_freeDCtx(codecs->zstd);
    codecs->zstd = NULL;
}
