/* Splitting, merging, added tokens, streams, and files that are not what they should be, on a
 * vocabulary of 256 bytes and a few merges. The real vocabulary is test_reference_tokenizer's. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "engine/split.h"
#include "engine/tokenizer.h"
#include "support/scratch.h"

/* ---- splitting ---- */

/* The pieces of a text with bars between them. */
static const char *pieces(const char *text)
{
    static char out[256];
    size_t size = strlen(text), n = 0;

    for (size_t at = 0, piece; at < size; at += piece) {
        piece = rt_split_next(text + at, size - at);
        cr_assert(piece > 0 && piece <= size - at);
        if (at > 0)
            out[n++] = '|';
        memcpy(out + n, text + at, piece);
        n += piece;
    }
    out[n] = '\0';
    return out;
}

Test(split, follows_the_pattern)
{
    static const char *const rows[][2] = {
        {"Hello world", "Hello| world"},
        {"Hello  world", "Hello| | world"},
        {"I'm sure they'LL've 'so'", "I|'m| sure| they|'LL|'ve| '|so|'"},
        {"it'\u017f on", "it|'\u017f| on"},
        {"x'tis", "x|'t|is"},
        {"3.14, 1000", "3|.|1|4|,| |1|0|0|0"},
        {"a\n\n  b", "a|\n\n| | b"},
        {"a \r\n\tb", "a| \r\n|\tb"},
        {"end   ", "end|   "},
        {"   x", "  | x"},
        {"(x1, y1)!!\n\nnext", "(x|1|,| y|1|)!!\n\n|next"},
        {" \u00e9t\u00e9\u2003\u2003z", " \u00e9t\u00e9|\u2003|\u2003z"},
        {"\u4f60\u597d\u3002\u4eca", "\u4f60\u597d|\u3002\u4eca"},
        {"\u00bd\u0663", "\u00bd|\u0663"},
        {"_snake_case", "_snake|_case"},
        {"\n", "\n"},
        {" \n ", " \n| "},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect(eq(str, (char *)pieces(rows[i][0]), (char *)rows[i][1]));
}

Test(split, bytes_that_are_no_characters_are_kept)
{
    cr_expect(eq(sz, rt_split_next("\xff\xfe", 2), 2));
    cr_expect(eq(sz, rt_split_next("a\xff", 2), 1));
    cr_expect(eq(sz, rt_split_next("\xe4\xbd", 2), 2));
}

/* ---- encoding ---- */

static rt_tokenizer *open_small(void)
{
    char folder[FM_PATH_BYTES];
    const char *source = getenv("FATHOM_SOURCE_DIR");
    rt_tokenizer *tokenizer = NULL;
    fm_err err = {0};

    snprintf(folder, sizeof(folder), "%s/tests/data/engine/tokenizer", source ? source : ".");
    cr_assert(eq(int, rt_tokenizer_open(&tokenizer, folder, &err), FM_OK), "%s", err.text);
    return tokenizer;
}

/* The tokens of a text with bars between them, special ones in brackets. */
static const char *tokens(const rt_tokenizer *tokenizer, const char *text, size_t size,
                          bool special)
{
    static char out[1024];
    rt_ids ids = {0};
    size_t n = 0;

    cr_assert(eq(int, rt_tokenizer_encode(tokenizer, text, size, special, &ids, NULL), FM_OK));
    for (size_t i = 0; i < ids.n; i++) {
        size_t length;
        const char *bytes = rt_tokenizer_bytes(tokenizer, ids.ids[i], &length);
        bool in_brackets = rt_tokenizer_special(tokenizer, ids.ids[i]);

        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s%.*s%s", i > 0 ? "|" : "",
                              in_brackets ? "[" : "", (int)length, bytes, in_brackets ? "]" : "");
    }
    out[n] = '\0';
    rt_ids_release(&ids);
    return out;
}

Test(tokenizer, merges_by_rank_then_from_the_left)
{
    static const char *const rows[][2] = {
        {"hello world", "hello| world"},
        {"hellworld", "hell|w|o|rld"},
        {"abc", "ab|c"},
        {"bcabc", "bc|ab|c"},
        {"1212", "1|2|1|2"},
        {"     x", "  |  | |x"},
        {"e\u0301", "\u00e9"},
        {"", ""},
    };
    rt_tokenizer *t = open_small();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect(
            eq(str, (char *)tokens(t, rows[i][0], strlen(rows[i][0]), false), (char *)rows[i][1]));
    rt_tokenizer_free(t);
}

Test(tokenizer, special_tokens_count_only_where_they_are_asked_for)
{
    rt_tokenizer *t = open_small();
    const char *text = "<|im_start|>hello<tool>xy<|im_end|>";

    cr_expect(eq(str, (char *)tokens(t, text, strlen(text), true),
                 "[<|im_start|>]|hello|<tool>x|y|[<|im_end|>]"));
    cr_expect(eq(str, (char *)tokens(t, "<|im_end|>", 10, false), "<|||i|m|_|e|n|d|||>"));
    cr_expect(eq(int, rt_tokenizer_id(t, "<|im_end|>") >= 256, true));
    cr_expect(eq(int, rt_tokenizer_id(t, "nothing"), -1));
    rt_tokenizer_free(t);
}

Test(tokenizer, any_bytes_come_back)
{
    rt_tokenizer *t = open_small();
    char all[512];
    rt_ids ids = {0};
    fm_buf back = {0};

    for (int i = 0; i < 512; i++)
        all[i] = (char)(i * 7 % 256);
    cr_assert(eq(int, rt_tokenizer_encode(t, all, 512, true, &ids, NULL), FM_OK));
    for (size_t i = 0; i < ids.n; i++) {
        size_t size;
        const char *bytes = rt_tokenizer_bytes(t, ids.ids[i], &size);

        fm_buf_append(&back, bytes, size);
    }
    cr_expect(eq(sz, back.size, 512));
    cr_expect(eq(int, memcmp(back.data, all, 512), 0));
    rt_ids_release(&ids);
    fm_buf_release(&back);
    rt_tokenizer_free(t);
}

/* A megabyte without a place to split costs no more than its length times a logarithm. */
Test(tokenizer, a_long_piece_is_no_trap)
{
    size_t size = 1 << 20;
    rt_tokenizer *t = open_small();
    char *text = malloc(size);
    rt_ids ids = {0};

    for (size_t i = 0; i < size; i++)
        text[i] = "abc"[i % 3];
    cr_assert(eq(int, rt_tokenizer_encode(t, text, size, false, &ids, NULL), FM_OK));
    cr_expect(eq(sz, ids.n, size / 3 * 2 + size % 3));
    free(text);
    rt_ids_release(&ids);
    rt_tokenizer_free(t);
}

Test(tokenizer, a_stream_gives_whole_characters)
{
    rt_tokenizer *t = open_small();
    fm_buf pending = {0};
    size_t whole;

    /* U+4F60 is E4 BD A0: three tokens of one byte each. */
    cr_assert(eq(int, rt_tokenizer_stream(t, 'h', &pending, &whole, NULL), FM_OK));
    cr_expect(eq(sz, whole, 1));
    cr_assert(eq(int, rt_tokenizer_stream(t, 0xe4, &pending, &whole, NULL), FM_OK));
    cr_expect(eq(sz, whole, 1));
    cr_assert(eq(int, rt_tokenizer_stream(t, 0xbd, &pending, &whole, NULL), FM_OK));
    cr_expect(eq(sz, whole, 1));
    cr_assert(eq(int, rt_tokenizer_stream(t, 0xa0, &pending, &whole, NULL), FM_OK));
    cr_expect(eq(sz, whole, 4));
    cr_assert(eq(int, rt_tokenizer_stream(t, 0xff, &pending, &whole, NULL), FM_OK));
    cr_assert(eq(int, rt_tokenizer_stream(t, 'h', &pending, &whole, NULL), FM_OK));
    cr_expect(eq(sz, whole, 6));
    fm_buf_release(&pending);
    rt_tokenizer_free(t);
}

/* ---- files ---- */

TestSuite(vocabulary, .init = scratch_make, .fini = scratch_remove);

/* The small vocabulary with one text replaced by another. */
static void write_changed(const char *what, const char *with)
{
    char path[FM_PATH_BYTES];
    const char *source = getenv("FATHOM_SOURCE_DIR");
    fm_buf file = {0}, changed = {0};

    snprintf(path, sizeof(path), "%s/tests/data/engine/tokenizer/tokenizer.json",
             source ? source : ".");
    cr_assert(eq(int, fm_file_read(path, 1 << 20, &file, NULL), FM_OK));
    const char *at = strstr(fm_buf_text(&file), what);
    cr_assert(at != NULL, "%s", what);
    fm_buf_append(&changed, file.data, (size_t)(at - file.data));
    fm_buf_puts(&changed, with);
    fm_buf_puts(&changed, at + strlen(what));
    scratch_write("tokenizer.json", changed.data, changed.size);
    fm_buf_release(&file);
    fm_buf_release(&changed);
}

Test(vocabulary, what_is_wrong_is_said_in_one_line)
{
    static const char *const rows[][3] = {
        {"\"BPE\"", "\"Unigram\"", "no byte-level BPE"},
        {"p{N}|", "p{N}{1,3}|", "another rule than Qwen2's"},
        {"\"NFC\"", "\"NFKC\"", "another rule than Qwen2's"},
        {"\"h e\"", "\"he\"", "merge 1 is no pair"},
        {"\"h e\"", "\"h zz\"", "merge 1 joins tokens that are not there"},
        {"\"A\":65,", "", "no token for the byte 65"},
        {"\"A\":65,", "\"A\":66,", "token 66 is there twice"},
        {"\"A\":65,", "\"A\":-1,", "has no id below"},
        {"\"A\":65,", "\"A\":1e99,", "has no id below"},
        {"\"lstrip\":false", "\"lstrip\":true", "takes spaces around it"},
        {"{\"version\"", "{\"version", "not JSON"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rt_tokenizer *t = NULL;
        fm_err err = {0};

        write_changed(rows[i][0], rows[i][1]);
        cr_assert(eq(int, rt_tokenizer_open(&t, scratch_dir, &err), FM_E_INPUT), "%s", rows[i][1]);
        cr_expect(strstr(err.text, rows[i][2]) && strstr(err.text, "tokenizer.json"),
                  "'%s' does not say '%s'", err.text, rows[i][2]);
    }
}

Test(vocabulary, an_empty_folder_is_told)
{
    rt_tokenizer *t = NULL;
    fm_err err = {0};

    cr_assert(eq(int, rt_tokenizer_open(&t, scratch_dir, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "neither tokenizer.json nor vocab.json") != NULL, "%s", err.text);
}

/* The vocabulary of the small tokenizer.json as the files in parts, no merges. */
static void write_parts(const char *added, const char *config)
{
    char path[FM_PATH_BYTES];
    const char *source = getenv("FATHOM_SOURCE_DIR");
    cJSON *root = NULL;

    snprintf(path, sizeof(path), "%s/tests/data/engine/tokenizer/tokenizer.json",
             source ? source : ".");
    cr_assert(eq(int, fm_json_load(path, 1 << 20, &root, NULL), FM_OK));
    char *vocabulary = cJSON_PrintUnformatted(fm_json_get(fm_json_get(root, "model"), "vocab"));
    scratch_write("vocab.json", vocabulary, strlen(vocabulary));
    scratch_write("merges.txt", "#version\n", 9);
    scratch_write("added_tokens.json", added, strlen(added));
    scratch_write("tokenizer_config.json", config, strlen(config));
    cJSON_free(vocabulary);
    cJSON_Delete(root);
}

Test(vocabulary, lists_of_added_tokens_are_objects)
{
    static const char *const rows[][3] = {
        {"{}", "{\"added_tokens_decoder\":[{\"content\":\"<a>\"}]}",
         "'added_tokens_decoder' is no object"},
        {"{}", "[1]", "tokenizer_config.json: is no JSON object"},
        {"[1]", "{}", "added_tokens.json: is no JSON object"},
    };
    rt_tokenizer *t = NULL;

    write_parts("{\"<b>\":4001}", "{\"added_tokens_decoder\":{\"4000\":{\"content\":\"<a>\"}}}");
    cr_assert(eq(int, rt_tokenizer_open(&t, scratch_dir, NULL), FM_OK));
    cr_expect(eq(int, rt_tokenizer_id(t, "<a>"), 4000));
    cr_expect(eq(int, rt_tokenizer_id(t, "<b>"), 4001));
    rt_tokenizer_free(t);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fm_err err = {0};

        write_parts(rows[i][0], rows[i][1]);
        cr_assert(eq(int, rt_tokenizer_open(&t, scratch_dir, &err), FM_E_INPUT), "%zu", i);
        cr_expect(strstr(err.text, rows[i][2]) != NULL, "'%s'", err.text);
    }
}
