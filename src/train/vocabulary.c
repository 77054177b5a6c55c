/* Owns how often pieces of text occur, and which tokens they make. */
#include "train/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/idmap.h"
#include "base/json.h"
#include "base/size.h"
#include "engine/alphabet.h"
#include "engine/split.h"

/* A piece as its tokens so far. */
typedef struct {
    uint16_t *tokens;
    size_t n;
    uint64_t count;
} piece;

struct tr_vocabulary {
    fm_id_map index; /* of pieces by their text; those with NUL bytes are left out */
    piece *pieces;
    size_t n, capacity;
    fm_arena arena;
    uint16_t merges[TR_MOST_TOKENS][2]; /* token 256 + i is these two */
    size_t n_merges;
    uint64_t *pairs; /* [TR_MOST_TOKENS][TR_MOST_TOKENS] */
};

fm_status tr_vocabulary_new(tr_vocabulary **out, fm_err *err)
{
    tr_vocabulary *v = calloc(1, sizeof(*v));

    if (v)
        v->pairs = calloc((size_t)TR_MOST_TOKENS * TR_MOST_TOKENS, sizeof(*v->pairs));
    if (!v || !v->pairs) {
        free(v);
        return fm_fail(err, FM_E_NOMEM, "no memory for a vocabulary");
    }
    *out = v;
    return FM_OK;
}

void tr_vocabulary_free(tr_vocabulary *vocabulary)
{
    if (!vocabulary)
        return;
    fm_id_map_release(&vocabulary->index);
    fm_arena_release(&vocabulary->arena);
    free(vocabulary->pieces);
    free(vocabulary->pairs);
    free(vocabulary);
}

/* ---- counting ---- */

static bool add_piece(tr_vocabulary *v, const char *text, size_t size)
{
    if (v->n == v->capacity) {
        size_t capacity = v->capacity ? 2 * v->capacity : 1024;
        piece *pieces = realloc(v->pieces, capacity * sizeof(*pieces));

        if (!pieces)
            return false;
        v->pieces = pieces;
        v->capacity = capacity;
    }
    piece *p = &v->pieces[v->n];
    *p = (piece){fm_arena_alloc(&v->arena, size, sizeof(*p->tokens)), size, 1};
    if (!p->tokens)
        return false;
    for (size_t i = 0; i < size; i++)
        p->tokens[i] = (uint8_t)text[i];
    v->n++;
    return true;
}

static bool count_piece(tr_vocabulary *v, const char *text, size_t size)
{
    enum { LONGEST = 64 };
    char word[LONGEST];
    uint64_t at;
    bool fresh;

    if (size >= sizeof(word)) /* nothing that is met often */
        return true;
    memcpy(word, text, size);
    word[size] = '\0';
    if (fm_id_map_find(&v->index, word, &at)) {
        v->pieces[at].count++;
        return true;
    }
    return fm_id_map_put(&v->index, word, v->n, &fresh, NULL) && add_piece(v, text, size);
}

fm_status tr_vocabulary_count(tr_vocabulary *vocabulary, const char *text, fm_err *err)
{
    size_t size = strlen(text);

    for (size_t at = 0, n; at < size; at += n) {
        n = rt_split_next(text + at, size - at);
        if (!count_piece(vocabulary, text + at, n))
            return fm_fail(err, FM_E_NOMEM, "no memory for a vocabulary");
    }
    return FM_OK;
}

/* ---- joining ---- */

static uint64_t *pair_at(const tr_vocabulary *v, uint16_t left, uint16_t right)
{
    return &v->pairs[(size_t)left * TR_MOST_TOKENS + right];
}

static void count_pairs(tr_vocabulary *v)
{
    for (size_t i = 0; i < v->n; i++)
        for (size_t j = 0; j + 1 < v->pieces[i].n; j++)
            *pair_at(v, v->pieces[i].tokens[j], v->pieces[i].tokens[j + 1]) += v->pieces[i].count;
}

/* The most frequent, of those as frequent the oldest; and the table is empty again. */
static uint64_t take_best(tr_vocabulary *v, uint16_t best[2])
{
    uint64_t most = 0;
    size_t known = 256 + v->n_merges;

    for (size_t left = 0; left < known; left++)
        for (size_t right = 0; right < known; right++) {
            uint64_t *count = pair_at(v, (uint16_t)left, (uint16_t)right);

            if (*count > most) {
                most = *count;
                best[0] = (uint16_t)left;
                best[1] = (uint16_t)right;
            }
            *count = 0;
        }
    return most;
}

static void join(piece *p, const uint16_t pair[2], uint16_t token)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        bool both = i + 1 < p->n && p->tokens[i] == pair[0] && p->tokens[i + 1] == pair[1];

        p->tokens[n++] = both ? token : p->tokens[i];
        i += both;
    }
    p->n = n;
}

static void learn(tr_vocabulary *v, size_t tokens)
{
    uint16_t best[2] = {0};

    while (256 + v->n_merges < tokens) {
        count_pairs(v);
        if (take_best(v, best) < 2)
            return;
        memcpy(v->merges[v->n_merges], best, sizeof(best));
        for (size_t i = 0; i < v->n; i++)
            join(&v->pieces[i], best, (uint16_t)(256 + v->n_merges));
        v->n_merges++;
    }
}

/* ---- writing ---- */

/* The letters of a token, in the alphabet of bytes. */
static void put_letters(const tr_vocabulary *v, const rt_alphabet *a, size_t token, fm_buf *out)
{
    if (token < 256) {
        fm_buf_puts(out, a->letters[token]);
        return;
    }
    put_letters(v, a, v->merges[token - 256][0], out);
    put_letters(v, a, v->merges[token - 256][1], out);
}

static fm_status write_file(const char *folder, const char *name, const fm_buf *text, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_buf_check(text, name, err);

    if (st == FM_OK)
        st = fm_path_join(path, folder, name, err);
    return st == FM_OK ? fm_file_write_atomic(path, text->data, text->size, err) : st;
}

static fm_status write_words(const tr_vocabulary *v, const char *folder, fm_err *err)
{
    fm_buf text = {0}, word = {0}, merges = {0};
    fm_json_writer w = {.out = &text};
    rt_alphabet a;

    rt_alphabet_make(&a);
    fm_json_open(&w, NULL, '{');
    for (size_t i = 0; i < 256 + v->n_merges; i++) {
        fm_buf_clear(&word);
        put_letters(v, &a, i, &word);
        fm_json_put_int(&w, fm_buf_text(&word), (int64_t)i);
    }
    fm_json_close(&w, '}');
    fm_buf_puts(&merges, "#version: 0.2\n");
    for (size_t i = 0; i < v->n_merges; i++) {
        put_letters(v, &a, v->merges[i][0], &merges);
        fm_buf_putc(&merges, ' ');
        put_letters(v, &a, v->merges[i][1], &merges);
        fm_buf_putc(&merges, '\n');
    }
    fm_status st = write_file(folder, "vocab.json", &text, err);
    if (st == FM_OK)
        st = write_file(folder, "merges.txt", &merges, err);
    fm_buf_release(&text);
    fm_buf_release(&word);
    fm_buf_release(&merges);
    return st;
}

static fm_status write_special(const tr_vocabulary *v, const char *const *names, size_t n,
                               const char *folder, fm_err *err)
{
    fm_buf text = {0};
    fm_json_writer w = {.out = &text, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_open(&w, "added_tokens_decoder", '{');
    for (size_t i = 0; i < n; i++) {
        char id[24];

        snprintf(id, sizeof(id), "%zu", 256 + v->n_merges + i);
        fm_json_open(&w, id, '{');
        fm_json_put_string(&w, "content", names[i]);
        fm_json_put_bool(&w, "special", true);
        fm_json_close(&w, '}');
    }
    fm_json_close(&w, '}');
    fm_json_close(&w, '}');
    fm_buf_putc(&text, '\n');
    fm_status st = write_file(folder, "tokenizer_config.json", &text, err);
    fm_buf_release(&text);
    return st;
}

fm_status tr_vocabulary_write(tr_vocabulary *vocabulary, size_t tokens, const char *scale,
                              const char *folder, fm_err *err)
{
    const char *const names[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>", scale};
    size_t n = scale ? 4 : 3;

    if (tokens < 256 + n || tokens > TR_MOST_TOKENS)
        return fm_fail(err, FM_E_USAGE, "a vocabulary of %zu tokens: %zu to %d are possible",
                       tokens, 256 + n, TR_MOST_TOKENS);
    learn(vocabulary, tokens - n);
    fm_status st = fm_dir_make(folder, err);
    if (st == FM_OK)
        st = write_words(vocabulary, folder, err);
    return st == FM_OK ? write_special(vocabulary, names, n, folder, err) : st;
}
