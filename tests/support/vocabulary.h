/* A vocabulary made by a test: a token for every byte, and the tokens that are given. There are no merges;
 * given tokens that are not special are found in text all the same. */
#ifndef FM_TESTS_VOCABULARY_H
#define FM_TESTS_VOCABULARY_H

#include <criterion/criterion.h>

#include "base/files.h"
#include "base/json.h"

typedef struct {
    const char *text;
    bool special;
} given_token;

/* How a vocabulary writes a byte: printable ones as themselves, the others from U+0100 on. */
static inline void vocabulary_letter(int byte, char out[3])
{
    static const int runs[][2] = {{33, 126}, {161, 172}, {174, 255}};
    int letter = byte, others = 0;

    for (int b = 0; b <= byte; b++) {
        bool printable = false;

        for (size_t i = 0; i < 3; i++)
            printable = printable || (b >= runs[i][0] && b <= runs[i][1]);
        letter = printable ? b : 256 + others++;
    }
    if (letter < 0x80)
        snprintf(out, 3, "%c", letter);
    else
        snprintf(out, 3, "%c%c", 0xc0 | letter >> 6, 0x80 | (letter & 0x3f));
}

static inline void vocabulary_file(const char *folder, const char *name, fm_buf *text)
{
    char path[FM_PATH_BYTES];

    cr_assert(fm_path_join(path, folder, name, NULL) == FM_OK);
    cr_assert(fm_file_write_atomic(path, fm_buf_text(text), text->size, NULL) == FM_OK);
    fm_buf_release(text);
}

/* vocab.json, merges.txt and tokenizer_config.json in a folder that is there; the ids of the bytes begin
 * at bytes_from, those of the given tokens at given_from. */
static inline void write_vocabulary_at(const char *folder, size_t bytes_from, size_t given_from,
                                       const given_token *given, size_t n)
{
    fm_buf words = {0}, merges = {0}, config = {0};
    fm_json_writer w = {.out = &words};

    fm_json_open(&w, NULL, '{');
    for (int b = 0; b < 256; b++) {
        char letter[3];

        vocabulary_letter(b, letter);
        fm_json_put_int(&w, letter, (int64_t)bytes_from + b);
    }
    fm_json_close(&w, '}');
    w = (fm_json_writer){.out = &config};
    fm_json_open(&w, NULL, '{');
    fm_json_open(&w, "added_tokens_decoder", '{');
    for (size_t i = 0; i < n; i++) {
        char id[24];

        snprintf(id, sizeof(id), "%zu", given_from + i);
        fm_json_open(&w, id, '{');
        fm_json_put_string(&w, "content", given[i].text);
        fm_json_put_bool(&w, "special", given[i].special);
        fm_json_close(&w, '}');
    }
    fm_json_close(&w, '}');
    fm_json_close(&w, '}');
    fm_buf_puts(&merges, "#version\n");
    vocabulary_file(folder, "vocab.json", &words);
    vocabulary_file(folder, "merges.txt", &merges);
    vocabulary_file(folder, "tokenizer_config.json", &config);
}

/* Every byte is the token of its number, and the given ones follow from 256 on. */
static inline void write_vocabulary(const char *folder, const given_token *given, size_t n)
{
    write_vocabulary_at(folder, 0, 256, given, n);
}

#endif
