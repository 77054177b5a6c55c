/* GGUF files for tests, put together piece by piece: gguf_begin(), so many keys, so many gguf_tensor(),
 * gguf_end(). */
#ifndef FM_TESTS_GGUF_H
#define FM_TESTS_GGUF_H

#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

typedef struct {
    fm_buf header, data;
} gguf;

static inline void gguf_u32(fm_buf *out, uint32_t value)
{
    fm_buf_append(out, &value, sizeof(value));
}

static inline void gguf_u64(fm_buf *out, uint64_t value)
{
    fm_buf_append(out, &value, sizeof(value));
}

static inline void gguf_string(fm_buf *out, const char *text)
{
    gguf_u64(out, strlen(text));
    fm_buf_puts(out, text);
}

static inline void gguf_begin(gguf *g, uint32_t version, uint64_t tensors, uint64_t keys)
{
    fm_buf_clear(&g->header);
    fm_buf_clear(&g->data);
    fm_buf_puts(&g->header, "GGUF");
    gguf_u32(&g->header, version);
    gguf_u64(&g->header, tensors);
    gguf_u64(&g->header, keys);
}

static inline void gguf_text(gguf *g, const char *key, const char *value)
{
    gguf_string(&g->header, key);
    gguf_u32(&g->header, 8);
    gguf_string(&g->header, value);
}

static inline void gguf_whole(gguf *g, const char *key, uint32_t value)
{
    gguf_string(&g->header, key);
    gguf_u32(&g->header, 4);
    gguf_u32(&g->header, value);
}

static inline void gguf_float(gguf *g, const char *key, float value)
{
    gguf_string(&g->header, key);
    gguf_u32(&g->header, 6);
    fm_buf_append(&g->header, &value, sizeof(value));
}

/* The beginning of an array; its elements follow. */
static inline void gguf_array(gguf *g, const char *key, uint32_t of, uint64_t n)
{
    gguf_string(&g->header, key);
    gguf_u32(&g->header, 9);
    gguf_u32(&g->header, of);
    gguf_u64(&g->header, n);
}

/* type: 0 f32, 1 f16, 2 q4_0, 8 q8_0, 30 bf16. columns innermost; rows 0: a vector. The data, of `size`
 * bytes, are put behind those before, aligned. */
static inline void gguf_tensor(gguf *g, const char *name, uint32_t type, uint64_t rows,
                               uint64_t columns, const void *bytes, size_t size)
{
    gguf_string(&g->header, name);
    gguf_u32(&g->header, rows ? 2 : 1);
    gguf_u64(&g->header, columns);
    if (rows)
        gguf_u64(&g->header, rows);
    gguf_u32(&g->header, type);
    while (g->data.size % 32 != 0)
        fm_buf_putc(&g->data, '\0');
    gguf_u64(&g->header, g->data.size);
    fm_buf_append(&g->data, bytes, size);
}

/* All of it, in `header`. */
static inline void gguf_end(gguf *g)
{
    while (g->header.size % 32 != 0)
        fm_buf_putc(&g->header, '\0');
    fm_buf_append(&g->header, g->data.data, g->data.size);
}

static inline void gguf_release(gguf *g)
{
    fm_buf_release(&g->header);
    fm_buf_release(&g->data);
}

#endif
