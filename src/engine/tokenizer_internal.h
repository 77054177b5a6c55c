/* The vocabulary as it is read from files (vocabulary.c) and used (tokenizer.c). */
#ifndef RT_ENGINE_TOKENIZER_INTERNAL_H
#define RT_ENGINE_TOKENIZER_INTERNAL_H

#include "base/arena.h"
#include "base/idmap.h"
#include "engine/tokenizer.h"

/* A pair of ids that merges: the lower the rank, the earlier. */
typedef struct {
    int32_t left, right; /* left -1: free */
    int32_t rank, merged;
} rt_merge;

typedef struct {
    const char *bytes; /* in the arena; NULL: no such id */
    size_t size;
    bool special;
} rt_token;

/* A token that is found in text before anything is split. */
typedef struct {
    const char *text;
    size_t size;
    int32_t id;
    bool special;
} rt_added;

enum { RT_MAX_VOCABULARY = 1 << 20, RT_MAX_ADDED = 1 << 14 };

struct rt_tokenizer {
    fm_arena arena;
    rt_token *tokens; /* [n_tokens] */
    size_t n_tokens;
    fm_id_map ids; /* as the vocabulary writes tokens */
    rt_merge *merges;
    size_t merge_slots; /* a power of two */
    int32_t of_byte[256];
    rt_added *added; /* by first byte, then the longest first */
    size_t n_added, added_from[257];
    bool nfc;
};

/* The slot of a pair, or the free one where it would be. */
rt_merge *rt_merge_slot(const rt_tokenizer *tokenizer, int32_t left, int32_t right);

FM_MUST_CHECK fm_status rt_vocabulary_read(rt_tokenizer *tokenizer, const char *folder,
                                           fm_err *err);

#endif
