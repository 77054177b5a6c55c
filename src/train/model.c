/* Owns how a store becomes a model's folder, and back. */
#include "train/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "engine/save.h"
#include "engine/weights.h"

/* ---- what stands beside the weights ---- */

/* What a configuration and a vocabulary may consist of; which of them there are is the folder's. */
static const char *const beside[] = {"config.json",
                                     "llm/tokenizer.json",
                                     "llm/vocab.json",
                                     "llm/merges.txt",
                                     "llm/tokenizer_config.json",
                                     "llm/added_tokens.json",
                                     "llm/special_tokens_map.json"};
static const size_t most_beside = (size_t)64 << 20;

static fm_status copy_file(const char *from, const char *to, const char *name, fm_err *err)
{
    char source[FM_PATH_BYTES], target[FM_PATH_BYTES];
    fm_buf bytes = {0};
    fm_status st = fm_path_join(source, from, name, err);

    if (st == FM_OK)
        st = fm_path_join(target, to, name, err);
    if (st != FM_OK || !fm_file_exists(source))
        return st;
    st = fm_file_read(source, most_beside, &bytes, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(target, bytes.data, bytes.size, err);
    fm_buf_release(&bytes);
    return st;
}

/* ---- weights ---- */

typedef struct {
    const tr_store *store;
    const tr_slot **slots; /* of the part */
} filling;

static fm_status fill(void *context, size_t index, size_t first, size_t n, float *out, fm_err *err)
{
    const filling *f = context;

    (void)err;
    memcpy(out, f->store->values + f->slots[index]->at.first + first, n * sizeof(*out));
    return FM_OK;
}

/* The slots of the part that slot `first` begins; how many. A part's slots stand together. */
static size_t part_of(const tr_store *store, size_t first)
{
    size_t n = 0;

    while (first + n < store->n_slots &&
           strcmp(store->slots[first + n].part, store->slots[first].part) == 0)
        n++;
    return n;
}

static fm_status save_part(const tr_store *store, size_t first, size_t n, const char *folder,
                           rt_kind kind, fm_err *err)
{
    rt_entry *entries = calloc(n, sizeof(*entries));
    filling f = {store, calloc(n, sizeof(*f.slots))};
    char within[FM_PATH_BYTES], path[FM_PATH_BYTES];
    fm_status st = entries && f.slots ? fm_path_join(within, folder, store->slots[first].part, err)
                                      : fm_fail(err, FM_E_NOMEM, "no memory to save a model");

    for (size_t i = 0; st == FM_OK && i < n; i++) {
        f.slots[i] = &store->slots[first + i];
        entries[i] = (rt_entry){.name = f.slots[i]->name, .kind = kind, .rank = f.slots[i]->rank};
        memcpy(entries[i].shape, f.slots[i]->shape, sizeof(entries[i].shape));
    }
    if (st == FM_OK)
        st = fm_dir_make(within, err);
    if (st == FM_OK)
        st = fm_path_join(path, within, "model.safetensors", err);
    if (st == FM_OK)
        st = rt_safetensors_write(path, entries, n, NULL, 0, fill, &f, err);
    free(entries);
    free(f.slots);
    return st;
}

static bool is_auxiliary(const tr_slot *slot)
{
    return strcmp(slot->part, "auxiliary") == 0;
}

fm_status tr_model_save(const tr_network *network, const char *from, const char *folder,
                        rt_kind kind, fm_err *err)
{
    const tr_store *store = &network->store;
    fm_status st = FM_OK;

    for (size_t i = 0, n; i < store->n_slots && st == FM_OK; i += n) {
        n = part_of(store, i);
        if (!is_auxiliary(&store->slots[i]))
            st = save_part(store, i, n, folder, kind, err);
    }
    for (size_t i = 0; i < FM_COUNT_OF(beside) && st == FM_OK; i++)
        st = copy_file(from, folder, beside[i], err);
    return st;
}

static bool has_file(const char *folder, const char *name)
{
    char path[FM_PATH_BYTES];

    return fm_path_join(path, folder, name, NULL) == FM_OK && fm_file_exists(path);
}

bool tr_model_is_there(const tr_network *network, const char *folder)
{
    const tr_store *store = &network->store;
    bool there = has_file(folder, "config.json");
    char within[FM_PATH_BYTES];

    for (size_t i = 0; i < store->n_slots && there; i += part_of(store, i))
        there = is_auxiliary(&store->slots[i]) ||
                (fm_path_join(within, folder, store->slots[i].part, NULL) == FM_OK &&
                 has_file(within, "model.safetensors"));
    return there;
}

static fm_status load_part(tr_store *store, size_t first, size_t n, const char *folder, fm_err *err)
{
    char within[FM_PATH_BYTES];
    rt_weights *weights = NULL;
    fm_status st = fm_path_join(within, folder, store->slots[first].part, err);

    if (st == FM_OK)
        st = rt_weights_open(&weights, within, err);
    for (size_t i = first; st == FM_OK && i < first + n; i++) {
        const tr_slot *slot = &store->slots[i];
        const rt_tensor *tensor;

        st = rt_weights_need(weights, slot->shape, slot->rank, &tensor, err, "%s", slot->name);
        if (st == FM_OK)
            st = rt_tensor_read(tensor, slot->name, store->values + slot->at.first, err);
    }
    rt_weights_close(weights);
    return st;
}

fm_status tr_model_load(tr_network *network, const char *folder, fm_err *err)
{
    tr_store *store = &network->store;
    fm_status st = FM_OK;

    for (size_t i = 0, n; i < store->n_slots && st == FM_OK; i += n) {
        n = part_of(store, i);
        if (!is_auxiliary(&store->slots[i]))
            st = load_part(store, i, n, folder, err);
    }
    return st;
}
