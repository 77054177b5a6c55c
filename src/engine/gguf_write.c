/* Owns the order of a GGUF file that is written: its counts, metadata, list of tensors, then the tensors,
 * each at a multiple of the alignment. */
#include "engine/gguf_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "engine/alphabet.h"
#include "engine/gguf.h"
#include "engine/save_internal.h"
#include "engine/tokenizer_internal.h"

/* ---- values, little-endian ---- */

static void put_number(fm_buf *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        fm_buf_putc(out, (char)(value >> (8 * i)));
}

static void put_text(fm_buf *out, const char *text, size_t size)
{
    put_number(out, size, 8);
    fm_buf_append(out, text, size);
}

/* The metadata, and how many there are. */
typedef struct {
    fm_buf out;
    uint64_t n;
    const char *architecture;
} metadata;

static void put_key(metadata *m, const char *key, uint32_t type)
{
    put_text(&m->out, key, strlen(key));
    put_number(&m->out, type, 4);
    m->n++;
}

static void put_string(metadata *m, const char *key, const char *value)
{
    put_key(m, key, RT_GGUF_TEXT);
    put_text(&m->out, value, strlen(value));
}

static void put_u32(metadata *m, const char *key, int64_t value)
{
    put_key(m, key, RT_GGUF_U32);
    put_number(&m->out, (uint64_t)value, 4);
}

static void put_array(metadata *m, const char *key, uint32_t of, size_t n)
{
    put_key(m, key, RT_GGUF_ARRAY);
    put_number(&m->out, of, 4);
    put_number(&m->out, n, 8);
}

/* "<architecture>.<name>" */
static const char *own_key(const metadata *m, const char *name, char out[96])
{
    snprintf(out, 96, "%s.%s", m->architecture, name);
    return out;
}

static void put_size(metadata *m, const char *name, int value)
{
    char key[96];

    put_u32(m, own_key(m, name, key), value);
}

static void put_float(metadata *m, const char *name, double value)
{
    char key[96];
    float single = (float)value;
    uint32_t bits;

    memcpy(&bits, &single, sizeof(bits));
    put_key(m, own_key(m, name, key), RT_GGUF_F32);
    put_number(&m->out, bits, 4);
}

/* ---- what the model is ---- */

/* llama.cpp's number of a file whose matrices are mostly of a kind. */
static uint32_t file_type(rt_kind kind)
{
    static const uint32_t types[RT_KINDS] = {
        [RT_F32] = 0, [RT_F16] = 1, [RT_Q4_0] = 2, [RT_Q8_0] = 7, [RT_BF16] = 32};

    return types[kind];
}

static void put_model(metadata *m, const rt_gguf_about *about)
{
    const rt_decoder_config *c = about->config;

    put_string(m, "general.architecture", m->architecture);
    put_string(m, "general.type", "model");
    put_string(m, "general.name", about->name);
    put_u32(m, "general.file_type", file_type(about->kind));
    put_u32(m, "general.quantization_version", 2); /* of the layout of blocks */
    put_size(m, "block_count", c->layers);
    put_size(m, "context_length", c->max_tokens);
    put_size(m, "embedding_length", c->width);
    put_size(m, "feed_forward_length", c->mlp);
    put_size(m, "attention.head_count", c->heads);
    put_size(m, "attention.head_count_kv", c->kv_heads);
    put_size(m, "attention.key_length", c->head_size);
    put_size(m, "attention.value_length", c->head_size);
    put_float(m, "rope.freq_base", c->rope_theta);
    put_float(m, "attention.layer_norm_rms_epsilon", c->norm_eps);
}

/* ---- the vocabulary ---- */

static const rt_added *added_of(const rt_tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].id == id)
            return &t->added[i];
    return NULL;
}

/* Bytes as the vocabulary writes them, a letter each. */
static void put_letters(fm_buf *out, const rt_alphabet *alphabet, const rt_token *token)
{
    for (size_t i = 0; i < token->size; i++)
        fm_buf_puts(out, alphabet->letters[(uint8_t)token->bytes[i]]);
}

/* What kind of token an id is; text: as it is written. Rows of the embeddings that no token has need a
 * name as well. */
static uint32_t write_token(const rt_tokenizer *t, const rt_alphabet *alphabet, size_t id,
                            fm_buf *text)
{
    const rt_token *token = id < t->n_tokens && t->tokens[id].bytes ? &t->tokens[id] : NULL;
    const rt_added *added = token ? added_of(t, (int32_t)id) : NULL;

    fm_buf_clear(text);
    if (added)
        fm_buf_append(text, added->text, added->size);
    else if (token)
        put_letters(text, alphabet, token);
    else
        fm_buf_printf(text, "[PAD%zu]", id);
    return !token           ? RT_GGUF_UNUSED
           : !added         ? RT_GGUF_NORMAL
           : added->special ? RT_GGUF_CONTROL
                            : RT_GGUF_USER_DEFINED;
}

static void put_tokens(metadata *m, const rt_tokenizer *t, const rt_alphabet *alphabet, size_t n)
{
    fm_buf text = {0}, types = {0};

    put_array(m, "tokenizer.ggml.tokens", RT_GGUF_TEXT, n);
    for (size_t id = 0; id < n; id++) {
        put_number(&types, write_token(t, alphabet, id, &text), 4);
        put_text(&m->out, fm_buf_text(&text), text.size);
    }
    put_array(m, "tokenizer.ggml.token_type", RT_GGUF_I32, n);
    fm_buf_append(&m->out, types.data, types.size);
    m->out.failed = m->out.failed || text.failed || types.failed;
    fm_buf_release(&text);
    fm_buf_release(&types);
}

static int by_rank(const void *a, const void *b)
{
    int32_t x = (*(const rt_merge *const *)a)->rank, y = (*(const rt_merge *const *)b)->rank;

    return (x > y) - (x < y);
}

/* Of tokens below n: what a row of the embeddings stands for. Others are not written. */
static bool merges_known(const rt_merge *merge, size_t n)
{
    return merge->left >= 0 && (size_t)merge->left < n && (size_t)merge->right < n &&
           (size_t)merge->merged < n;
}

static fm_status put_merges(metadata *m, const rt_tokenizer *t, const rt_alphabet *alphabet,
                            size_t n_tokens, fm_err *err)
{
    const rt_merge **order = calloc(t->merge_slots + 1, sizeof(const rt_merge *));
    fm_buf line = {0};
    size_t n = 0;

    if (!order)
        return fm_fail(err, FM_E_NOMEM, "no memory for the merges");
    for (size_t i = 0; i < t->merge_slots; i++)
        if (merges_known(&t->merges[i], n_tokens))
            order[n++] = &t->merges[i];
    if (n > 0)
        qsort(order, n, sizeof(const rt_merge *), by_rank);
    put_array(m, "tokenizer.ggml.merges", RT_GGUF_TEXT, n);
    for (size_t i = 0; i < n; i++) {
        fm_buf_clear(&line);
        put_letters(&line, alphabet, &t->tokens[order[i]->left]);
        fm_buf_putc(&line, ' ');
        put_letters(&line, alphabet, &t->tokens[order[i]->right]);
        put_text(&m->out, fm_buf_text(&line), line.size);
    }
    m->out.failed = m->out.failed || line.failed;
    fm_buf_release(&line);
    free(order);
    return FM_OK;
}

static void put_special(metadata *m, const rt_tokenizer *t, size_t n_tokens, const char *key,
                        const char *const names[2])
{
    for (int i = 0; i < 2; i++) {
        int32_t id = rt_tokenizer_id(t, names[i]);

        if (id < 0 || (size_t)id >= n_tokens)
            continue;
        put_u32(m, key, id);
        return;
    }
}

static fm_status put_vocabulary(metadata *m, const rt_gguf_about *about, fm_err *err)
{
    static const char *const ends[] = {"<|im_end|>", "<|endoftext|>"}, *const fills[] = {
                                                                           "<|endoftext|>",
                                                                           "<|im_end|>"};
    const rt_tokenizer *t = about->tokenizer;
    size_t n = (size_t)about->config->vocabulary;
    rt_alphabet alphabet;

    rt_alphabet_make(&alphabet);
    put_string(m, "tokenizer.ggml.model", "gpt2");
    put_string(m, "tokenizer.ggml.pre", "qwen2");
    for (int b = 0; b < 256; b++)
        if ((size_t)t->of_byte[b] >= n)
            return fm_fail(err, FM_E_INPUT,
                           "%s: the token of the byte %d is %d, past the language model's %zu",
                           about->name, b, (int)t->of_byte[b], n);
    put_tokens(m, t, &alphabet, n);
    fm_status st = put_merges(m, t, &alphabet, n, err);
    put_special(m, t, n, "tokenizer.ggml.eos_token_id", ends);
    put_special(m, t, n, "tokenizer.ggml.bos_token_id", fills);
    put_special(m, t, n, "tokenizer.ggml.padding_token_id", fills);
    put_key(m, "tokenizer.ggml.add_bos_token", RT_GGUF_BOOL);
    put_number(&m->out, 0, 1);
    if (about->chat_template)
        put_string(m, "tokenizer.chat_template", about->chat_template);
    return st;
}

/* ---- tensors ---- */

static size_t aligned(size_t at)
{
    return (at + RT_GGUF_ALIGNMENT - 1) / RT_GGUF_ALIGNMENT * RT_GGUF_ALIGNMENT;
}

static fm_status put_tensors(fm_buf *out, const rt_entry *entries, size_t n, const char *path,
                             fm_err *err)
{
    size_t at = 0, elements, bytes;

    for (size_t i = 0; i < n; i++) {
        char name[RT_GGUF_NAME_BYTES];

        if (!rt_entry_measure(&entries[i], &elements, &bytes) || !fm_size_add(at, bytes, &bytes))
            return fm_fail(err, FM_E_INPUT, "%s: '%s' has a shape that cannot be written", path,
                           entries[i].name);
        rt_gguf_name_to_theirs(entries[i].name, name);
        put_text(out, name, strlen(name));
        put_number(out, (uint64_t)entries[i].rank, 4);
        for (int k = entries[i].rank; k-- > 0;) /* theirs are innermost first */
            put_number(out, entries[i].shape[k], 8);
        put_number(out, rt_gguf_type(entries[i].kind), 4);
        put_number(out, at, 8);
        at = aligned(bytes);
    }
    return FM_OK;
}

static fm_status make_header(fm_buf *out, const char *path, const rt_gguf_about *about,
                             const rt_entry *entries, size_t n, fm_err *err)
{
    metadata m = {.architecture = about->config->qk_norm ? "qwen3" : "qwen2"};

    put_model(&m, about);
    fm_status st = put_vocabulary(&m, about, err);
    fm_buf_puts(out, "GGUF");
    put_number(out, RT_GGUF_VERSION, 4);
    put_number(out, n, 8);
    put_number(out, m.n, 8);
    fm_buf_append(out, m.out.data, m.out.size);
    out->failed = out->failed || m.out.failed;
    fm_buf_release(&m.out);
    if (st == FM_OK)
        st = put_tensors(out, entries, n, path, err);
    while (out->size % RT_GGUF_ALIGNMENT != 0 && !out->failed)
        fm_buf_putc(out, '\0');
    return st == FM_OK ? fm_buf_check(out, path, err) : st;
}

static fm_status write_entry(rt_values *values, const rt_entry *entry, size_t index, fm_err *err)
{
    static const uint8_t zeros[RT_GGUF_ALIGNMENT] = {0};
    size_t elements, bytes;
    fm_status st = rt_values_write(values, entry, index, err);

    if (st == FM_OK && rt_entry_measure(entry, &elements, &bytes))
        (void)!fwrite(zeros, 1, aligned(bytes) - bytes, values->stream);
    return st;
}

/* ---- the whole ---- */

fm_status rt_gguf_check(const rt_decoder_config *config, const char *name, fm_err *err)
{
    if (config->qk_norm != config->qkv_bias && !config->adjacent_rotation)
        return FM_OK;
    return fm_fail(err, FM_E_INPUT,
                   "%s: is no Qwen2 and no Qwen3; other language models are not written as GGUF",
                   name);
}

fm_status rt_gguf_write(const char *path, const rt_gguf_about *about, const rt_entry *entries,
                        size_t n, rt_fill fill, void *context, fm_err *err)
{
    rt_values values = {.fill = fill, .context = context};
    fm_file_writer file = {0};
    fm_buf header = {0};
    fm_status st = make_header(&header, path, about, entries, n, err);

    if (st == FM_OK)
        st = rt_values_reserve(&values, path, err);
    if (st == FM_OK)
        st = fm_file_writer_begin(&file, path, err);
    if (st == FM_OK) {
        values.stream = file.stream;
        (void)!fwrite(header.data, 1, header.size, file.stream);
    }
    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = write_entry(&values, &entries[i], i, err);
    if (st == FM_OK)
        st = fm_file_writer_commit(&file, err);
    fm_file_writer_abandon(&file);
    rt_values_release(&values);
    fm_buf_release(&header);
    return st;
}
