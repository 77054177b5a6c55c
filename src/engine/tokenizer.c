/* Owns encoding and decoding with a vocabulary. Reading it is vocabulary.c's, splitting split.c's. */
#include "engine/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/size.h"
#include "base/text.h"
#include "engine/split.h"
#include "engine/tokenizer_internal.h"

fm_status rt_tokenizer_open(rt_tokenizer **out, const char *path, fm_err *err)
{
    rt_tokenizer *tokenizer = calloc(1, sizeof(*tokenizer));

    if (!tokenizer)
        return fm_fail(err, FM_E_NOMEM, "no memory for a vocabulary");
    fm_status st = rt_vocabulary_read(tokenizer, path, err);
    if (st != FM_OK) {
        rt_tokenizer_free(tokenizer);
        return st;
    }
    *out = tokenizer;
    return FM_OK;
}

void rt_tokenizer_free(rt_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    free(tokenizer->tokens);
    free(tokenizer->merges);
    fm_id_map_release(&tokenizer->ids);
    fm_arena_release(&tokenizer->arena);
    free(tokenizer);
}

size_t rt_tokenizer_size(const rt_tokenizer *tokenizer)
{
    return tokenizer->n_tokens;
}

int32_t rt_tokenizer_id(const rt_tokenizer *tokenizer, const char *token)
{
    uint64_t id;

    return fm_id_map_find(&tokenizer->ids, token, &id) ? (int32_t)id : -1;
}

static const rt_token *token_of(const rt_tokenizer *tokenizer, int32_t id)
{
    static const rt_token none = {0};

    return id >= 0 && (size_t)id < tokenizer->n_tokens ? &tokenizer->tokens[id] : &none;
}

const char *rt_tokenizer_bytes(const rt_tokenizer *tokenizer, int32_t id, size_t *size)
{
    *size = token_of(tokenizer, id)->size;
    return token_of(tokenizer, id)->bytes;
}

bool rt_tokenizer_special(const rt_tokenizer *tokenizer, int32_t id)
{
    return token_of(tokenizer, id)->special;
}

/* ---- lists of ids ---- */

void rt_ids_release(rt_ids *ids)
{
    free(ids->ids);
    *ids = (rt_ids){0};
}

static fm_status ids_reserve(rt_ids *ids, size_t extra, fm_err *err)
{
    size_t needed, bytes, capacity = ids->capacity ? ids->capacity : 64;

    if (!fm_size_add(ids->n, extra, &needed) || !fm_size_mul(needed, 2 * sizeof(*ids->ids), &bytes))
        return fm_fail(err, FM_E_NOMEM, "no memory for tokens");
    if (needed <= ids->capacity)
        return FM_OK;
    while (capacity < needed)
        capacity *= 2;
    int32_t *grown = realloc(ids->ids, capacity * sizeof(*grown));
    if (!grown)
        return fm_fail(err, FM_E_NOMEM, "no memory for tokens");
    ids->ids = grown;
    ids->capacity = capacity;
    return FM_OK;
}

fm_status rt_ids_put(rt_ids *ids, int32_t id, fm_err *err)
{
    fm_status st = ids_reserve(ids, 1, err);

    if (st == FM_OK)
        ids->ids[ids->n++] = id;
    return st;
}

/* ---- merging a piece ---- */

rt_merge *rt_merge_slot(const rt_tokenizer *tokenizer, int32_t left, int32_t right)
{
    uint64_t key = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15U;
    size_t at = (size_t)(key >> 32) & (tokenizer->merge_slots - 1);

    for (;; at = (at + 1) & (tokenizer->merge_slots - 1)) {
        rt_merge *slot = &tokenizer->merges[at];

        if (slot->left < 0 || (slot->left == left && slot->right == right))
            return slot;
    }
}

/* One symbol of a piece, in a list; id -1: merged into the one before. */
typedef struct {
    int32_t id;
    size_t before, after; /* indices; NONE at the ends */
} symbol;

#define NONE ((size_t)-1)

/* A merge that could be made; stale where its symbols have changed since. */
typedef struct {
    int32_t rank, left, right, merged;
    size_t at;
} candidate;

typedef struct {
    candidate *items;
    size_t n;
} heap;

/* The lowest rank first, and of equal ones the leftmost. */
static bool earlier(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(heap *h, candidate item)
{
    size_t i = h->n++;

    for (; i > 0 && earlier(&item, &h->items[(i - 1) / 2]); i = (i - 1) / 2)
        h->items[i] = h->items[(i - 1) / 2];
    h->items[i] = item;
}

static candidate heap_pop(heap *h)
{
    candidate top = h->items[0], last = h->items[--h->n];
    size_t i = 0;

    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && earlier(&h->items[child + 1], &h->items[child]))
            child++;
        if (!earlier(&h->items[child], &last))
            break;
        h->items[i] = h->items[child];
    }
    h->items[i] = last;
    return top;
}

static void consider(const rt_tokenizer *tokenizer, heap *h, const symbol *symbols, size_t at)
{
    if (at == NONE || symbols[at].after == NONE)
        return;
    int32_t left = symbols[at].id, right = symbols[symbols[at].after].id;
    const rt_merge *merge = rt_merge_slot(tokenizer, left, right);
    if (merge->left >= 0)
        heap_push(h, (candidate){merge->rank, left, right, merge->merged, at});
}

static void merge_all(const rt_tokenizer *tokenizer, symbol *symbols, heap *h)
{
    while (h->n > 0) {
        candidate c = heap_pop(h);
        symbol *left = &symbols[c.at];

        if (left->id != c.left || left->after == NONE || symbols[left->after].id != c.right)
            continue;
        symbol *right = &symbols[left->after];
        left->id = c.merged;
        right->id = -1;
        left->after = right->after;
        if (left->after != NONE)
            symbols[left->after].before = c.at;
        consider(tokenizer, h, symbols, left->before);
        consider(tokenizer, h, symbols, c.at);
    }
}

/* A heap keeps long pieces, which hostile text has, from costing the square of their length: each byte
 * is merged away once and every merge makes two candidates at most. */
static fm_status encode_piece(const rt_tokenizer *tokenizer, const unsigned char *bytes,
                              size_t size, rt_ids *out, fm_err *err)
{
    symbol few[64], *symbols = few;
    candidate some[3 * 64];
    heap h = {some, 0};
    fm_status st = ids_reserve(out, size, err);

    if (st != FM_OK)
        return st;
    if (size > 64) {
        symbols = malloc(size * sizeof(*symbols));
        h.items =
            size <= SIZE_MAX / sizeof(*h.items) / 3 ? malloc(3 * size * sizeof(*h.items)) : NULL;
    }
    if (symbols && h.items) {
        for (size_t i = 0; i < size; i++)
            symbols[i] = (symbol){tokenizer->of_byte[bytes[i]], i ? i - 1 : NONE,
                                  i + 1 < size ? i + 1 : NONE};
        for (size_t i = 0; i + 1 < size; i++)
            consider(tokenizer, &h, symbols, i);
        merge_all(tokenizer, symbols, &h);
        for (size_t i = 0; i != NONE; i = symbols[i].after)
            out->ids[out->n++] = symbols[i].id;
    } else {
        st = fm_fail(err, FM_E_NOMEM, "no memory to encode %zu bytes", size);
    }
    if (size > 64) {
        free(symbols);
        free(h.items);
    }
    return st;
}

/* ---- text ---- */

static fm_status encode_pieces(const rt_tokenizer *tokenizer, const char *text, size_t size,
                               rt_ids *out, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t at = 0, n; at < size && st == FM_OK; at += n) {
        n = rt_split_next(text + at, size - at);
        st = encode_piece(tokenizer, (const unsigned char *)text + at, n, out, err);
    }
    return st;
}

static bool is_ascii(const char *text, size_t size)
{
    unsigned char all = 0;

    for (size_t i = 0; i < size; i++)
        all |= (unsigned char)text[i];
    return all < 0x80;
}

/* Text without added tokens. NFC is of characters: bytes that are none stay as they are. */
static fm_status encode_plain(const rt_tokenizer *tokenizer, const char *text, size_t size,
                              rt_ids *out, fm_err *err)
{
    utf8proc_uint8_t *composed = NULL;

    if (!tokenizer->nfc || is_ascii(text, size) || !fm_utf8_valid(text, size))
        return encode_pieces(tokenizer, text, size, out, err);
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size,
                                      &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0)
        return fm_fail(err, n == UTF8PROC_ERROR_NOMEM ? FM_E_NOMEM : FM_E_INTERNAL,
                       "text cannot be composed: %s", utf8proc_errmsg(n));
    fm_status st = encode_pieces(tokenizer, (const char *)composed, (size_t)n, out, err);
    free(composed);
    return st;
}

/* The longest added token that stands at text[0], or NULL. */
static const rt_added *added_at(const rt_tokenizer *tokenizer, const char *text, size_t size,
                                bool special)
{
    unsigned char first = (unsigned char)text[0];

    for (size_t i = tokenizer->added_from[first]; i < tokenizer->added_from[first + 1U]; i++) {
        const rt_added *a = &tokenizer->added[i];

        if ((special || !a->special) && a->size <= size && memcmp(text, a->text, a->size) == 0)
            return a;
    }
    return NULL;
}

fm_status rt_tokenizer_encode(const rt_tokenizer *tokenizer, const char *text, size_t size,
                              bool special, rt_ids *out, fm_err *err)
{
    fm_status st = FM_OK;
    size_t from = 0, at = 0;

    while (at < size && st == FM_OK) {
        const rt_added *added = added_at(tokenizer, text + at, size - at, special);

        if (!added) {
            at++;
            continue;
        }
        st = encode_plain(tokenizer, text + from, at - from, out, err);
        if (st == FM_OK)
            st = rt_ids_put(out, added->id, err);
        from = at += added->size;
    }
    return st == FM_OK ? encode_plain(tokenizer, text + from, size - from, out, err) : st;
}

/* ---- streaming ---- */

/* Bytes at the end that could still begin a character: at most three. */
static size_t unfinished(const char *text, size_t size)
{
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        unsigned char c = (unsigned char)text[size - back];

        if (c < 0x80)
            return 0;
        if (c >= 0xc0) {
            size_t needed = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

            return needed > back ? back : 0;
        }
    }
    return 0;
}

fm_status rt_tokenizer_stream(const rt_tokenizer *tokenizer, int32_t id, fm_buf *pending,
                              size_t *whole, fm_err *err)
{
    size_t size;
    const char *bytes = rt_tokenizer_bytes(tokenizer, id, &size);

    if (size > 0)
        fm_buf_append(pending, bytes, size);
    *whole = pending->size - unfinished(fm_buf_text(pending), pending->size);
    return fm_buf_check(pending, "the answer", err);
}
