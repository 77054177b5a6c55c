/**
 * Byte-level BPE as Qwen2 uses it: from tokenizer.json, vocab.json with merges.txt, or GGUF. Text is split
 * by Qwen2's rule before merging, special tokens are found first.
 *
 * Immutable once opened; any number of threads. Encoding any bytes and decoding the ids gives the same
 * bytes, but that text in UTF-8 is brought into NFC first where the vocabulary says so (by utf8proc).
 * Source: Qwen2 tokenizer.json; Sennrich et al. 2016; the split pattern in split.h.
 */
#ifndef RT_ENGINE_TOKENIZER_H
#define RT_ENGINE_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct rt_tokenizer rt_tokenizer;

/* path: a folder with the files, a tokenizer.json or a GGUF file. FM_E_INPUT names file and entry. */
FM_MUST_CHECK fm_status rt_tokenizer_open(rt_tokenizer **out, const char *path, fm_err *err);
void rt_tokenizer_free(rt_tokenizer *tokenizer); /* accepts NULL */

/* Ids are below this; of added tokens too. */
size_t rt_tokenizer_size(const rt_tokenizer *tokenizer);
/* The id of a token that is written exactly so ("<|im_end|>"), or -1. */
int32_t rt_tokenizer_id(const rt_tokenizer *tokenizer, const char *token);
/* The bytes of one token; size 0 for ids that stand for nothing. */
const char *rt_tokenizer_bytes(const rt_tokenizer *tokenizer, int32_t id, size_t *size);
bool rt_tokenizer_special(const rt_tokenizer *tokenizer, int32_t id);

typedef struct {
    int32_t *ids; /* of malloc */
    size_t n, capacity;
} rt_ids;
void rt_ids_release(rt_ids *ids); /* accepts {0} */
FM_MUST_CHECK fm_status rt_ids_put(rt_ids *ids, int32_t id, fm_err *err);

/* Append. special: whether special tokens in the text count as such (a template's own text) or are
 * ordinary words (a user's: "<|im_end|>" in a question must not end it). */
FM_MUST_CHECK fm_status rt_tokenizer_encode(const rt_tokenizer *tokenizer, const char *text,
                                            size_t size, bool special, rt_ids *out, fm_err *err);

/* Append the bytes of a token to `pending` and give how many of its first bytes are whole characters
 * now; bytes that can never become one count as whole once that is clear. */
FM_MUST_CHECK fm_status rt_tokenizer_stream(const rt_tokenizer *tokenizer, int32_t id,
                                            fm_buf *pending, size_t *whole, fm_err *err);

/* Write a tokenizer.json of the 256 single bytes, without merges, and the special tokens of Qwen2, NVILA
 * and RoboTracer ("<|im_end|>", "<image>", "<SCALE>", ...): all under their own ids where a vocabulary
 * of this size has them, else right after the bytes. FM_E_INPUT where there is no room for them. */
FM_MUST_CHECK fm_status rt_tokenizer_write_bytes(const char *path, size_t vocabulary, fm_err *err);

#endif
