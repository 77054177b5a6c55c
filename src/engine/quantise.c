/* Owns what becomes what, and which files that takes. How weights are written is save.c's and
 * gguf_write.c's. */
#include "engine/quantise.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/staging.h"
#include "engine/folder.h"
#include "engine/gguf_write.h"
#include "engine/layout.h"
#include "engine/prompt.h"
#include "engine/save_internal.h"
#include "engine/weights.h"

enum { MAX_PARTS = 16, MAX_COPIED_BYTES = 256 << 20 };

typedef struct {
    const rt_quantise *options;
    const char *folder;
    fm_arena arena;
    rt_config config;
    const char *parts[MAX_PARTS];
    rt_weights *weights[MAX_PARTS];
    size_t n_parts;
    rt_quantise_totals totals;
    uint64_t done_bytes;

    const rt_weights *source; /* of the part that is written */
    rt_entry *entries;        /* of calloc: what it consists of */
    size_t n;
} work;

/* ---- what becomes what ---- */

static bool ends_with(const char *text, const char *ending)
{
    size_t n = strlen(text), m = strlen(ending);

    return n >= m && strcmp(text + n - m, ending) == 0;
}

static rt_kind kind_for(const work *w, const char *part, const char *name, const rt_tensor *tensor)
{
    bool chosen = w->options->all_parts || strcmp(part, "llm") == 0;

    if (rt_kind_block(w->options->to) == 1)
        return w->options->to;
    if (!chosen || tensor->rank != 2 || tensor->shape[0] < 2 ||
        tensor->shape[1] % rt_kind_block(w->options->to) != 0 || !ends_with(name, ".weight") ||
        ends_with(name, "position_embedding.weight"))
        return tensor->kind;
    return strcmp(name, "model.embed_tokens.weight") == 0 || strcmp(name, "lm_head.weight") == 0
               ? RT_Q8_0
               : w->options->to;
}

/* After a piece of a source was read for the last time. */
static void count_done(work *w, const rt_tensor *tensor, size_t first, size_t n)
{
    size_t before, bytes;

    if (rt_kind_bytes(tensor->kind, first, &before) && rt_kind_bytes(tensor->kind, n, &bytes)) {
        rt_weights_forget(w->source, tensor, before, bytes);
        w->done_bytes += bytes;
    }
    if (w->options->progress)
        w->options->progress(w->options->context, w->done_bytes, w->totals.before);
}

static fm_status fill(void *context, size_t index, size_t first, size_t n, float *out, fm_err *err)
{
    work *w = context;
    const rt_entry *entry = &w->entries[index];
    const rt_tensor *tensor = rt_weights_find(w->source, entry->name);
    float bound = rt_kind_bound(entry->kind);

    if (w->options->stop && *w->options->stop)
        return fm_fail(err, FM_E_INTERRUPTED, "interrupted; nothing was left behind");
    rt_tensor_get(tensor, first, n, out);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(out[i]) < bound))
            return fm_fail(err, FM_E_INPUT, "%s: '%s' holds a value that is not finite%s%s",
                           rt_weights_path(w->source), entry->name, isfinite(out[i]) ? " in " : "",
                           isfinite(out[i]) ? rt_kind_name(entry->kind) : "");
    count_done(w, tensor, first, n);
    return FM_OK;
}

/* ---- parts ---- */

static fm_status note_part(void *context, const rt_slot *slot, fm_err *err)
{
    work *w = context;

    (void)err;
    if (w->n_parts == 0 || strcmp(w->parts[w->n_parts - 1], slot->part) != 0)
        w->parts[w->n_parts++] = slot->part; /* fewer than MAX_PARTS: a layout has eight */
    return FM_OK;
}

static fm_status open_parts(work *w, fm_err *err)
{
    fm_status st = rt_layout_walk(&w->config, note_part, w, err);

    for (size_t p = 0; p < w->n_parts && st == FM_OK; p++) {
        char path[FM_PATH_BYTES];

        st = rt_config_part(&w->config, w->parts[p], path, err);
        if (st == FM_OK)
            st = rt_weights_open(&w->weights[p], path, err);
        for (size_t i = 0; st == FM_OK && i < rt_weights_count(w->weights[p]); i++) {
            const rt_tensor *tensor;

            (void)rt_weights_name(w->weights[p], i, &tensor);
            w->totals.before += tensor->size_bytes;
        }
    }
    return st;
}

/* Where a part goes: as it lies in the source. */
static fm_status target_of(const work *w, const char *part, const char *staged,
                           char out[FM_PATH_BYTES], fm_err *err)
{
    rt_config staged_config = w->config;

    staged_config.folder = staged;
    return rt_config_part(&staged_config, part, out, err);
}

static void count_after(work *w)
{
    size_t elements, bytes;

    for (size_t i = 0; i < w->n; i++)
        w->totals.after += rt_entry_measure(&w->entries[i], &elements, &bytes) ? bytes : 0;
}

static fm_status write_part(work *w, size_t p, const char *staged, fm_err *err)
{
    char path[FM_PATH_BYTES];

    w->source = w->weights[p];
    w->n = rt_weights_count(w->source);
    w->entries = calloc(w->n, sizeof(*w->entries));
    fm_status st = w->entries ? target_of(w, w->parts[p], staged, path, err)
                              : fm_fail(err, FM_E_NOMEM, "no memory for a model");
    for (size_t i = 0; i < w->n && st == FM_OK; i++) {
        rt_entry *entry = &w->entries[i];
        const rt_tensor *tensor;

        entry->name = rt_weights_name(w->source, i, &tensor);
        entry->kind = kind_for(w, w->parts[p], entry->name, tensor);
        entry->rank = tensor->rank;
        memcpy(entry->shape, tensor->shape, sizeof(tensor->shape));
    }
    if (st == FM_OK) {
        count_after(w);
        st = rt_weights_write(path, w->entries, w->n, RT_SHARD_BYTES, fill, w, err);
    }
    free(w->entries);
    w->entries = NULL;
    return st;
}

/* ---- what is no weights ---- */

/* What a model may be read from: configurations, vocabularies, merges, templates. */
static bool is_models(const char *name)
{
    return ends_with(name, ".json") || ends_with(name, ".txt") || ends_with(name, ".jinja");
}

/* Of the rest, what cannot be copied is left out: links that lead elsewhere, weights in other formats. */
static fm_status copy_file(const char *from, const char *name, const char *to, fm_err *err)
{
    char source[FM_PATH_BYTES], target[FM_PATH_BYTES];
    fm_buf text = {0};
    fm_status st = rt_folder_join(source, from, name, err);

    if (st == FM_OK && !fm_file_exists(source))
        return FM_OK; /* a folder: of a part, or not the model's */
    if (st == FM_OK)
        st = fm_file_read(source, MAX_COPIED_BYTES, &text, err);
    if (st != FM_OK) {
        fm_buf_release(&text);
        return is_models(name) ? fm_fail_within(err, st, "%s", from) : FM_OK;
    }
    st = fm_path_join(target, to, name, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(target, fm_buf_text(&text), text.size, err);
    fm_buf_release(&text);
    return st;
}

static fm_status copy_rest(const char *from, const char *to, fm_err *err)
{
    DIR *folder = opendir(from);
    const struct dirent *entry;
    fm_status st = folder ? fm_dir_make(to, err)
                          : fm_fail(err, FM_E_IO, "cannot open '%s': %s", from, strerror(errno));

    while (st == FM_OK && folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.' && !ends_with(entry->d_name, ".safetensors") &&
            !ends_with(entry->d_name, ".safetensors.index.json"))
            st = copy_file(from, entry->d_name, to, err);
    if (folder)
        closedir(folder);
    return st;
}

/* ---- the whole ---- */

static fm_status write_all(work *w, const char *staged, fm_err *err)
{
    fm_status st = copy_rest(w->folder, staged, err);

    for (size_t p = 0; p < w->n_parts && st == FM_OK; p++) {
        char from[FM_PATH_BYTES], to[FM_PATH_BYTES];

        st = rt_config_part(&w->config, w->parts[p], from, err);
        if (st == FM_OK)
            st = target_of(w, w->parts[p], staged, to, err);
        if (st == FM_OK && !w->config.plain)
            st = copy_rest(from, to, err);
        if (st == FM_OK)
            st = write_part(w, p, staged, err);
    }
    return st;
}

fm_status rt_quantise_folder(const char *folder, const char *out, const rt_quantise *options,
                             rt_quantise_totals *totals, fm_err *err)
{
    work w = {.options = options, .folder = folder};
    fm_staging staging = {0};

    if (fm_file_exists(folder))
        return fm_fail(err, FM_E_USAGE, "'%s' is a file; a model's folder is wanted", folder);
    fm_status st = rt_config_read(folder, &w.arena, &w.config, err);
    if (st == FM_OK)
        st = open_parts(&w, err);
    if (st == FM_OK)
        st = fm_staging_begin(&staging, out, err);
    if (st == FM_OK)
        st = write_all(&w, staging.folder, err);
    if (st == FM_OK)
        st = fm_staging_commit(&staging, err);
    fm_staging_abandon(&staging);
    if (st == FM_OK)
        *totals = w.totals;
    for (size_t p = 0; p < w.n_parts; p++)
        rt_weights_close(w.weights[p]);
    fm_arena_release(&w.arena);
    return st;
}

/* ---- a GGUF file ---- */

/* One tensor of the language model, as programs that read GGUF want it. */
static fm_status note_entry(void *context, const rt_slot *slot, fm_err *err)
{
    work *w = context;
    const rt_tensor *tensor;

    if (strcmp(slot->part, "llm") != 0)
        return FM_OK;
    fm_status st =
        rt_weights_need(w->source, slot->shape, slot->rank, &tensor, err, "%s", slot->name);
    if (st != FM_OK)
        return st;
    rt_entry *grown = realloc(w->entries, (w->n + 1) * sizeof(*grown));
    if (!grown)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    w->entries = grown;
    rt_entry *entry = &grown[w->n++];
    *entry = (rt_entry){.name = fm_arena_strdup(&w->arena, slot->name), .rank = slot->rank};
    memcpy(entry->shape, tensor->shape, sizeof(tensor->shape));
    entry->kind = kind_for(w, slot->part, slot->name, tensor);
    if (slot->rank < 2)
        entry->kind = RT_F32;
    else if (rt_kind_block(entry->kind) == 1 && rt_kind_block(w->options->to) > 1)
        entry->kind = RT_F16;
    w->totals.before += tensor->size_bytes;
    return entry->name ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a model");
}

static fm_status write_gguf(work *w, const char *llm, const char *out, fm_err *err)
{
    rt_gguf_about about = {
        .name = w->config.name, .config = &w->config.llm, .kind = w->options->to};
    rt_tokenizer *tokenizer = NULL;
    const char *chat_template = NULL;
    fm_status st = rt_tokenizer_open(&tokenizer, llm, err);

    if (st == FM_OK)
        st = rt_template_read(&w->config, &w->arena, &chat_template, err);
    about.chat_template = rt_template_for_others(chat_template);
    about.tokenizer = tokenizer;
    if (st == FM_OK)
        st = rt_gguf_write(out, &about, w->entries, w->n, fill, w, err);
    rt_tokenizer_free(tokenizer);
    return st;
}

fm_status rt_quantise_gguf(const char *model, const char *out, const rt_quantise *options,
                           rt_quantise_totals *totals, fm_err *err)
{
    work w = {.options = options, .n_parts = 1};
    char llm[FM_PATH_BYTES];
    fm_status st = rt_config_read(model, &w.arena, &w.config, err);

    if (st == FM_OK)
        st = rt_gguf_check(&w.config.llm, model, err);
    if (st == FM_OK && fm_path_is_occupied(out))
        st = fm_fail(err, FM_E_USAGE, "'%s' is there already, and is not written over", out);
    if (st == FM_OK)
        st = rt_config_part(&w.config, "llm", llm, err);
    if (st == FM_OK)
        st = rt_weights_open(&w.weights[0], llm, err);
    w.source = w.weights[0];
    if (st == FM_OK)
        st = rt_layout_walk(&w.config, note_entry, &w, err);
    if (st == FM_OK) {
        count_after(&w);
        st = write_gguf(&w, llm, out, err);
    }
    if (st == FM_OK)
        *totals = w.totals;
    free(w.entries);
    rt_weights_close(w.weights[0]);
    fm_arena_release(&w.arena);
    return st;
}
