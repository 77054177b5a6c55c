/* Reads a vocabulary from tokenizer.json, from vocab.json, merges.txt and the lists of added tokens, or
 * from a GGUF file. Whatever the splitting or normalising of a file is that this engine does not do is refused. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "engine/alphabet.h"
#include "engine/folder.h"
#include "engine/gguf.h"
#include "engine/split.h"
#include "engine/tokenizer_internal.h"
#include "engine/weights_internal.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)

/* ---- tokens ---- */

typedef struct {
    rt_tokenizer *tokenizer;
    rt_alphabet letters;
    const char *file; /* for messages */
    size_t capacity;  /* of tokens */
    rt_added *added;
    size_t n_added;
    fm_err *err;
} reading;

static fm_status no_memory(const reading *r)
{
    return fm_fail(r->err, FM_E_NOMEM, "no memory for the vocabulary of '%s'", r->file);
}

/* An id as JSON has it, within bounds. */
static bool id_of(const cJSON *item, int32_t *out)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : -1;

    if (!(value >= 0 && value < RT_MAX_VOCABULARY) || value != (double)(int32_t)value)
        return false;
    *out = (int32_t)value;
    return true;
}

static fm_status put_token(reading *r, int32_t id, const char *name, const char *bytes, size_t size,
                           bool special)
{
    rt_tokenizer *t = r->tokenizer;
    bool fresh = true;
    uint64_t before = (uint64_t)id;

    if ((size_t)id >= r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 4096;

        while (capacity <= (size_t)id)
            capacity *= 2;
        rt_token *tokens = realloc(t->tokens, capacity * sizeof(*tokens));
        if (!tokens)
            return no_memory(r);
        memset(tokens + r->capacity, 0, (capacity - r->capacity) * sizeof(*tokens));
        t->tokens = tokens;
        r->capacity = capacity;
    }
    if (!fm_id_map_put(&t->ids, name, (uint64_t)id, &fresh, &before))
        return no_memory(r);
    /* Added tokens are often in the vocabulary as well. */
    if ((!fresh && before != (uint64_t)id) || (fresh && t->tokens[id].bytes))
        return fm_fail(r->err, FM_E_INPUT, "%s: token %d is there twice, or under two names",
                       r->file, (int)id);
    const char *copy = fm_arena_memdup(&t->arena, bytes, size);
    if (!copy)
        return no_memory(r);
    t->tokens[id] = (rt_token){copy, size, special};
    if ((size_t)id >= t->n_tokens)
        t->n_tokens = (size_t)id + 1;
    return FM_OK;
}

/* A word of the vocabulary; one that is not written in the alphabet stands for itself. */
static fm_status put_word(reading *r, int32_t id, const char *word)
{
    size_t length = strlen(word), size;
    char *bytes = malloc(length + 1);

    if (!bytes)
        return no_memory(r);
    fm_status st = rt_alphabet_decode(&r->letters, word, bytes, &size)
                       ? put_token(r, id, word, bytes, size, false)
                       : put_token(r, id, word, word, length, false);
    free(bytes);
    return st;
}

/* Once all words are there: every byte has to be one. */
static fm_status find_bytes(reading *r)
{
    for (int b = 0; b < 256; b++) {
        uint64_t id;

        if (!fm_id_map_find(&r->tokenizer->ids, r->letters.letters[b], &id))
            return fm_fail(r->err, FM_E_INPUT, "%s: the vocabulary has no token for the byte %d",
                           r->file, b);
        r->tokenizer->of_byte[b] = (int32_t)id;
    }
    return FM_OK;
}

static fm_status read_vocabulary(reading *r, const cJSON *vocabulary)
{
    const cJSON *entry;

    if (!cJSON_IsObject(vocabulary))
        return fm_fail(r->err, FM_E_INPUT, "%s: has no vocabulary", r->file);
    cJSON_ArrayForEach(entry, vocabulary)
    {
        int32_t id;
        fm_status st = id_of(entry, &id)
                           ? put_word(r, id, entry->string)
                           : fm_fail(r->err, FM_E_INPUT, "%s: the token '%s' has no id below %d",
                                     r->file, entry->string, RT_MAX_VOCABULARY);

        if (st != FM_OK)
            return st;
    }
    return find_bytes(r);
}

static fm_status put_added(reading *r, const char *text, int32_t id, bool special)
{
    size_t size = strlen(text);

    if (size == 0 || r->n_added == RT_MAX_ADDED)
        return fm_fail(r->err, FM_E_INPUT, "%s: an added token is empty, or there are more than %d",
                       r->file, RT_MAX_ADDED);
    fm_status st = put_token(r, id, text, text, size, special);
    if (st == FM_OK)
        r->added[r->n_added++] = (rt_added){r->tokenizer->tokens[id].bytes, size, id, special};
    return st;
}

/* An entry with `content` and flags; the id stands in it or is given. */
static fm_status read_added(reading *r, const cJSON *entry, const cJSON *id_item)
{
    const char *content = fm_json_string(entry, "content");
    int32_t id;

    if (!content || !id_of(id_item, &id))
        return fm_fail(r->err, FM_E_INPUT, "%s: an added token has no content or no id", r->file);
    if (fm_json_bool(entry, "lstrip", false) || fm_json_bool(entry, "rstrip", false) ||
        fm_json_bool(entry, "single_word", false))
        return fm_fail(
            r->err, FM_E_INPUT,
            "%s: the added token '%s' takes spaces around it, which this engine does not", r->file,
            content);
    return put_added(r, content, id, fm_json_bool(entry, "special", false));
}

static int by_first_byte(const void *a, const void *b)
{
    const rt_added *x = a, *y = b;

    if (x->text[0] != y->text[0])
        return (unsigned char)x->text[0] < (unsigned char)y->text[0] ? -1 : 1;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static fm_status index_added(reading *r)
{
    rt_tokenizer *t = r->tokenizer;

    qsort(r->added, r->n_added, sizeof(*r->added), by_first_byte);
    t->added = fm_arena_alloc(&t->arena, r->n_added + 1, sizeof(*t->added));
    if (!t->added)
        return no_memory(r);
    memcpy(t->added, r->added, r->n_added * sizeof(*r->added));
    t->n_added = r->n_added;
    for (size_t b = 0, i = 0; b <= 256; b++) {
        while (i < t->n_added && (unsigned char)t->added[i].text[0] < b)
            i++;
        t->added_from[b] = i;
    }
    return FM_OK;
}

/* ---- merges ---- */

static fm_status merges_reserve(reading *r, size_t n)
{
    rt_tokenizer *t = r->tokenizer;

    t->merge_slots = 16;
    while (t->merge_slots < 2 * n)
        t->merge_slots *= 2;
    t->merges = malloc(t->merge_slots * sizeof(*t->merges));
    if (!t->merges)
        return no_memory(r);
    for (size_t i = 0; i < t->merge_slots; i++)
        t->merges[i].left = -1;
    return FM_OK;
}

static fm_status put_merge(reading *r, int32_t rank, const char *left, size_t left_size,
                           const char *right)
{
    rt_tokenizer *t = r->tokenizer;
    fm_buf both = {0};
    uint64_t a = 0, b = 0, merged = 0;

    fm_buf_append(&both, left, left_size);
    bool known = !both.failed && fm_id_map_find(&t->ids, fm_buf_text(&both), &a) &&
                 fm_id_map_find(&t->ids, right, &b);
    fm_buf_puts(&both, right);
    known = known && !both.failed && fm_id_map_find(&t->ids, fm_buf_text(&both), &merged);
    bool failed = both.failed;
    fm_buf_release(&both);
    if (failed)
        return no_memory(r);
    if (!known)
        return fm_fail(r->err, FM_E_INPUT, "%s: merge %d joins tokens that are not there", r->file,
                       (int)rank + 1);
    rt_merge *slot = rt_merge_slot(t, (int32_t)a, (int32_t)b);
    if (slot->left < 0) /* the first of two equal ones counts */
        *slot = (rt_merge){(int32_t)a, (int32_t)b, rank, (int32_t)merged};
    return FM_OK;
}

/* "a b" */
static fm_status put_merge_line(reading *r, int32_t rank, const char *line)
{
    const char *space = strchr(line, ' ');

    if (!space)
        return fm_fail(r->err, FM_E_INPUT, "%s: merge %d is no pair", r->file, (int)rank + 1);
    return put_merge(r, rank, line, (size_t)(space - line), space + 1);
}

static fm_status read_merges(reading *r, const cJSON *merges)
{
    int n = cJSON_IsArray(merges) ? cJSON_GetArraySize(merges) : 0;
    int32_t rank = 0;
    const cJSON *entry;

    if (n > RT_MAX_VOCABULARY)
        return fm_fail(r->err, FM_E_INPUT, "%s: more than %d merges", r->file, RT_MAX_VOCABULARY);
    fm_status st = merges_reserve(r, (size_t)n);
    cJSON_ArrayForEach(entry, merges)
    {
        if (st != FM_OK)
            break;
        if (cJSON_IsString(entry))
            st = put_merge_line(r, rank++, entry->valuestring);
        else if (cJSON_IsArray(entry) && cJSON_GetArraySize(entry) == 2 &&
                 cJSON_IsString(entry->child) && cJSON_IsString(entry->child->next))
            st = put_merge(r, rank++, entry->child->valuestring, strlen(entry->child->valuestring),
                           entry->child->next->valuestring);
        else
            st = fm_fail(r->err, FM_E_INPUT, "%s: merge %d is no pair", r->file, (int)rank + 1);
    }
    return st;
}

/* ---- tokenizer.json ---- */

/* Split by Qwen2's pattern and then bytes, and nothing else. */
static bool splits_as_we_do(const cJSON *pre)
{
    const char *type = fm_json_string(pre, "type");
    const cJSON *steps = fm_json_get(pre, "pretokenizers");

    if (!type || strcmp(type, "Sequence") != 0 || cJSON_GetArraySize(steps) != 2)
        return false;
    const cJSON *split = steps->child, *bytes = steps->child->next;
    const char *pattern = fm_json_string(fm_json_get(split, "pattern"), "Regex");
    const char *behaviour = fm_json_string(split, "behavior"),
               *second = fm_json_string(bytes, "type");
    return pattern && strcmp(pattern, rt_split_pattern) == 0 && behaviour &&
           strcmp(behaviour, "Isolated") == 0 && !fm_json_bool(split, "invert", false) && second &&
           strcmp(second, "ByteLevel") == 0 && !fm_json_bool(bytes, "add_prefix_space", true) &&
           !fm_json_bool(bytes, "use_regex", true);
}

static bool normalises_as_we_do(const cJSON *normalizer, bool *nfc)
{
    const char *type = fm_json_string(normalizer, "type");

    *nfc = type != NULL;
    return !normalizer || cJSON_IsNull(normalizer) || (type && strcmp(type, "NFC") == 0);
}

static fm_status read_whole(reading *r, const cJSON *root)
{
    const cJSON *model = fm_json_get(root, "model"), *entry;
    const char *type = fm_json_string(model, "type");
    fm_status st;

    if (!type || strcmp(type, "BPE") != 0)
        return fm_fail(r->err, FM_E_INPUT, "%s: no byte-level BPE", r->file);
    if (!splits_as_we_do(fm_json_get(root, "pre_tokenizer")) ||
        !normalises_as_we_do(fm_json_get(root, "normalizer"), &r->tokenizer->nfc))
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: splits or normalises text by another rule than Qwen2's", r->file);
    st = read_vocabulary(r, fm_json_get(model, "vocab"));
    if (st == FM_OK)
        st = read_merges(r, fm_json_get(model, "merges"));
    cJSON_ArrayForEach(entry, fm_json_get(root, "added_tokens"))
    {
        if (st == FM_OK)
            st = read_added(r, entry, fm_json_get(entry, "id"));
    }
    return st;
}

/* ---- vocab.json, merges.txt, added_tokens.json, tokenizer_config.json ---- */

static fm_status load(reading *r, const char *folder, const char *name, char path[FM_PATH_BYTES],
                      cJSON **out)
{
    fm_status st = rt_folder_join(path, folder, name, r->err);

    r->file = path;
    if (st == FM_OK)
        st = fm_json_load(path, MAX_FILE_BYTES, out, r->err);
    return st == FM_OK && !cJSON_IsObject(*out)
               ? fm_fail(r->err, FM_E_INPUT, "%s: is no JSON object", path)
               : st;
}

static bool has(const char *folder, const char *name)
{
    char path[FM_PATH_BYTES];

    return rt_folder_join(path, folder, name, NULL) == FM_OK && fm_file_exists(path);
}

/* A line a merge; the first may say "#version". */
static fm_status read_merge_lines(reading *r, const char *folder)
{
    char path[FM_PATH_BYTES];
    fm_lines lines = {0};
    bool more = true;
    int32_t rank = 0;
    fm_status st = rt_folder_join(path, folder, "merges.txt", r->err);

    r->file = path;
    if (st == FM_OK)
        st = merges_reserve(r, r->tokenizer->n_tokens);
    if (st == FM_OK)
        st = fm_lines_open(&lines, path, 1 << 16, r->err);
    while (st == FM_OK) {
        st = fm_lines_next(&lines, &more, r->err);
        if (st != FM_OK || !more)
            break;
        if (lines.size == 0 || (lines.number == 1 && strncmp(lines.line, "#version", 8) == 0))
            continue;
        /* Every merge makes a token, so there are no more of them; the table stays half empty. */
        st = (size_t)rank < r->tokenizer->n_tokens
                 ? put_merge_line(r, rank++, lines.line)
                 : fm_fail(r->err, FM_E_INPUT, "%s: more merges than tokens", path);
    }
    fm_lines_close(&lines);
    return st;
}

static fm_status read_added_config(reading *r, const char *folder)
{
    char path[FM_PATH_BYTES];
    cJSON *root = NULL;
    fm_status st = load(r, folder, "tokenizer_config.json", path, &root);
    const cJSON *added = fm_json_get(root, "added_tokens_decoder"), *entry;

    if (added && !cJSON_IsObject(added))
        st = fm_fail(r->err, FM_E_INPUT, "%s: 'added_tokens_decoder' is no object", path);
    cJSON_ArrayForEach(entry, added)
    {
        if (st != FM_OK)
            break;
        cJSON *id = cJSON_CreateNumber(strtod(entry->string, NULL));
        st = id ? read_added(r, entry, id) : no_memory(r);
        cJSON_Delete(id);
    }
    cJSON_Delete(root);
    return st;
}

static fm_status read_added_list(reading *r, const char *folder)
{
    char path[FM_PATH_BYTES];
    cJSON *root = NULL;
    const cJSON *entry;
    fm_status st = load(r, folder, "added_tokens.json", path, &root);

    cJSON_ArrayForEach(entry, root)
    {
        int32_t id;
        uint64_t known;

        if (st != FM_OK)
            break;
        if (fm_id_map_find(&r->tokenizer->ids, entry->string, &known))
            continue; /* tokenizer_config.json said more about it */
        st = id_of(entry, &id)
                 ? put_added(r, entry->string, id, true)
                 : fm_fail(r->err, FM_E_INPUT, "%s: '%s' has no id", path, entry->string);
    }
    cJSON_Delete(root);
    return st;
}

static fm_status read_parts(reading *r, const char *folder)
{
    char path[FM_PATH_BYTES];
    cJSON *root = NULL;
    fm_status st = load(r, folder, "vocab.json", path, &root);

    r->tokenizer->nfc = true; /* as the Python class that reads these files does */
    if (st == FM_OK)
        st = read_vocabulary(r, root);
    cJSON_Delete(root);
    if (st == FM_OK)
        st = read_merge_lines(r, folder);
    if (st == FM_OK && has(folder, "tokenizer_config.json"))
        st = read_added_config(r, folder);
    if (st == FM_OK && has(folder, "added_tokens.json"))
        st = read_added_list(r, folder);
    return st;
}

static fm_status read_json(reading *r, const char *path)
{
    cJSON *root = NULL;
    fm_status st = fm_json_load(path, MAX_FILE_BYTES, &root, r->err);

    r->file = path;
    if (st == FM_OK)
        st = read_whole(r, root);
    cJSON_Delete(root);
    return st;
}

/* ---- the metadata of a GGUF file ---- */

/* The next text of a list, terminated, in the arena; NULL without memory. */
static const char *next_text(reading *r, rt_list *list)
{
    size_t size = 0;
    const char *text = rt_list_text(list, &size);

    return text ? fm_arena_memdup(&r->tokenizer->arena, text, size) : NULL;
}

/* What the metadata say of tokens. */
typedef struct {
    rt_list texts, merges;
    rt_list types; /* typed: one a token */
    bool typed;
    int64_t ends[2]; /* ids of the text's ends, -1: not said */
} gguf_words;

/* The type of a token. llama.cpp reads files without a list of types too: there, what frames a question
 * and what ends a text is control, or a prompt would spell it out. */
static int64_t type_of(gguf_words *words, const char *text, int32_t id)
{
    static const char *const control[] = {"<|im_start|>", "<|im_end|>", "<|endoftext|>"};
    int64_t type = RT_GGUF_NORMAL;

    if (words->typed) {
        (void)rt_list_integer(&words->types, &type);
        return type;
    }
    for (size_t i = 0; i < FM_COUNT_OF(control); i++)
        if (strcmp(text, control[i]) == 0)
            return RT_GGUF_CONTROL;
    return id == words->ends[0] || id == words->ends[1] ? RT_GGUF_CONTROL : RT_GGUF_NORMAL;
}

static fm_status read_gguf_tokens(reading *r, gguf_words *words)
{
    for (int32_t id = 0; words->texts.n > 0; id++) {
        const char *text = next_text(r, &words->texts);
        fm_status st = FM_OK;

        if (!text)
            return no_memory(r);
        int64_t type = type_of(words, text, id);
        if (type == RT_GGUF_CONTROL || type == RT_GGUF_USER_DEFINED)
            st = put_added(r, text, id, type == RT_GGUF_CONTROL);
        else if (type != RT_GGUF_UNUSED)
            st = put_word(r, id, text);
        if (st != FM_OK)
            return st;
    }
    return find_bytes(r);
}

static fm_status read_gguf_merges(reading *r, rt_list *merges)
{
    fm_status st = merges_reserve(r, merges->n);

    for (int32_t rank = 0; merges->n > 0 && st == FM_OK; rank++) {
        const char *line = next_text(r, merges);

        st = line ? put_merge_line(r, rank, line) : no_memory(r);
    }
    return st;
}

static fm_status need_texts(const reading *r, const rt_weights *weights, const char *key,
                            rt_list *out)
{
    if (rt_weights_list(weights, key, out) && out->of == RT_GGUF_TEXT &&
        out->n <= RT_MAX_VOCABULARY)
        return FM_OK;
    return fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants a list of at most %d texts", r->file, key,
                   RT_MAX_VOCABULARY);
}

static fm_status find_gguf_words(const reading *r, const rt_weights *weights, gguf_words *out)
{
    static const char types[] = "tokenizer.ggml.token_type";
    static const char *const ends[] = {"tokenizer.ggml.eos_token_id",
                                       "tokenizer.ggml.bos_token_id"};
    fm_status st = need_texts(r, weights, "tokenizer.ggml.tokens", &out->texts);

    if (st == FM_OK)
        st = need_texts(r, weights, "tokenizer.ggml.merges", &out->merges);
    for (size_t i = 0; i < FM_COUNT_OF(ends); i++)
        if (!rt_weights_integer(weights, ends[i], &out->ends[i]))
            out->ends[i] = -1;
    out->typed = rt_weights_has(weights, types);
    if (st == FM_OK && out->typed &&
        !(rt_weights_list(weights, types, &out->types) && out->types.of != RT_GGUF_TEXT &&
          out->types.n == out->texts.n))
        st = fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants a list of %zu whole numbers, one a token",
                     r->file, types, out->texts.n);
    return st;
}

static fm_status read_gguf(reading *r, const rt_weights *weights)
{
    const char *model = "", *rule = "";
    gguf_words words = {.typed = false};

    (void)rt_weights_text(weights, "tokenizer.ggml.model", &model);
    (void)rt_weights_text(weights, "tokenizer.ggml.pre", &rule);
    if (strcmp(model, "gpt2") != 0 || strcmp(rule, "qwen2") != 0)
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: has no byte-level BPE with Qwen2's rule ('tokenizer.ggml.model' is "
                       "'%.40s', '.pre' '%.40s')",
                       r->file, model, rule);
    fm_status st = find_gguf_words(r, weights, &words);
    r->tokenizer->nfc = true; /* as Qwen2's tokenizer.json; the format does not say */
    if (st == FM_OK)
        st = read_gguf_tokens(r, &words);
    return st == FM_OK ? read_gguf_merges(r, &words.merges) : st;
}

/* A file is tokenizer.json or GGUF: its first bytes tell. */
static fm_status read_file(reading *r, const char *path)
{
    rt_weights *weights = NULL;

    if (!rt_is_gguf_file(path))
        return read_json(r, path);
    fm_status st = rt_weights_open(&weights, path, r->err);
    if (st == FM_OK)
        st = read_gguf(r, weights);
    rt_weights_close(weights);
    return st;
}

fm_status rt_vocabulary_read(rt_tokenizer *tokenizer, const char *path, fm_err *err)
{
    reading r = {.tokenizer = tokenizer, .file = path, .err = err};
    char whole[FM_PATH_BYTES];
    fm_status st = FM_OK;

    rt_alphabet_make(&r.letters);
    r.added = calloc(RT_MAX_ADDED, sizeof(*r.added));
    if (!r.added)
        return no_memory(&r);
    if (!fm_dir_exists(path))
        st = read_file(&r, path);
    else if (has(path, "tokenizer.json"))
        st = rt_folder_join(whole, path, "tokenizer.json", err) == FM_OK ? read_json(&r, whole)
                                                                         : FM_E_INPUT;
    else if (has(path, "vocab.json") && has(path, "merges.txt"))
        st = read_parts(&r, path);
    else
        st = fm_fail(err, FM_E_INPUT,
                     "%s: has neither tokenizer.json nor vocab.json with merges.txt", path);
    r.file = path; /* those of its parts are gone */
    if (st == FM_OK)
        st = index_added(&r);
    free(r.added);
    return st;
}
