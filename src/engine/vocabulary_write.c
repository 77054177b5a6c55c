/* Owns the tokenizer of models that were never trained on text: bytes, and tokens with a meaning. */
#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "engine/alphabet.h"
#include "engine/split.h"
#include "engine/tokenizer.h"

/* In the order of their ids. Those of RoboTracer itself are not known; they follow. */
static const struct {
    const char *text;
    int32_t id;
} special[] = {
    {"<|endoftext|>", 151643},   {"<|im_start|>", 151644}, {"<|im_end|>", 151645},
    {"<vila/sentinel>", 151648}, {"<image>", 151649},      {"<vila/video>", 151650},
    {"<depth>", 151651},         {"<spatial>", 151652},    {"<SCALE>", 151653},
};

enum { BYTES = 256 };

static void put_special(fm_json_writer *w, size_t vocabulary)
{
    size_t last = (size_t)special[FM_COUNT_OF(special) - 1].id;

    fm_json_open(w, "added_tokens", '[');
    for (size_t i = 0; i < FM_COUNT_OF(special); i++) {
        fm_json_open(w, NULL, '{');
        fm_json_put_int(w, "id", last < vocabulary ? special[i].id : (int64_t)(BYTES + i));
        fm_json_put_string(w, "content", special[i].text);
        fm_json_put_bool(w, "special", true);
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
}

static void put_splitting(fm_json_writer *w)
{
    fm_json_open(w, "pre_tokenizer", '{');
    fm_json_put_string(w, "type", "Sequence");
    fm_json_open(w, "pretokenizers", '[');
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "type", "Split");
    fm_json_open(w, "pattern", '{');
    fm_json_put_string(w, "Regex", rt_split_pattern);
    fm_json_close(w, '}');
    fm_json_put_string(w, "behavior", "Isolated");
    fm_json_put_bool(w, "invert", false);
    fm_json_close(w, '}');
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "type", "ByteLevel");
    fm_json_put_bool(w, "add_prefix_space", false);
    fm_json_put_bool(w, "trim_offsets", false);
    fm_json_put_bool(w, "use_regex", false);
    fm_json_close(w, '}');
    fm_json_close(w, ']');
    fm_json_close(w, '}');
}

/* Bytes in the order of their letters, as GPT-2 and Qwen2 number them: a line feed is 198. */
static void put_bytes(fm_json_writer *w)
{
    rt_alphabet alphabet;
    int64_t id = 0;

    rt_alphabet_make(&alphabet);
    fm_json_open(w, "model", '{');
    fm_json_put_string(w, "type", "BPE");
    fm_json_open(w, "vocab", '{');
    for (int letter = 0; letter < RT_LETTERS; letter++)
        if (alphabet.byte_of[letter] >= 0)
            fm_json_put_int(w, alphabet.letters[alphabet.byte_of[letter]], id++);
    fm_json_close(w, '}');
    fm_json_open(w, "merges", '[');
    fm_json_close(w, ']');
    fm_json_close(w, '}');
}

fm_status rt_tokenizer_write_bytes(const char *path, size_t vocabulary, fm_err *err)
{
    fm_buf text = {0};
    fm_json_writer w = {.out = &text};

    if (vocabulary < BYTES + FM_COUNT_OF(special))
        return fm_fail(err, FM_E_INPUT, "a vocabulary of %zu has no room for bytes and %zu tokens",
                       vocabulary, FM_COUNT_OF(special));
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "version", "1.0");
    put_special(&w, vocabulary);
    fm_json_open(&w, "normalizer", '{');
    fm_json_put_string(&w, "type", "NFC");
    fm_json_close(&w, '}');
    put_splitting(&w);
    put_bytes(&w);
    fm_json_close(&w, '}');
    fm_status st = fm_buf_check(&text, path, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, fm_buf_text(&text), text.size, err);
    fm_buf_release(&text);
    return st;
}
