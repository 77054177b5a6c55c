/* Owns the mapped files of a set of weights and the table of names. What stands in them is read by
 * safetensors.c and gguf.c. */
#include "engine/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/size.h"
#include "engine/folder.h"
#include "engine/weights_internal.h"

enum { MAX_FILES = 1000, MAX_INDEX_BYTES = 100 << 20, IDENTITY_BYTES = 256 << 10 };

/* ---- the table ---- */

fm_status rt_weights_add(rt_weights *weights, const rt_mapped *file, const char *name,
                         const rt_tensor *tensor, fm_err *err)
{
    size_t elements = 1, bytes;
    bool fits = true;

    for (int i = 0; i < tensor->rank; i++)
        fits = fits && fm_size_mul(elements, tensor->shape[i], &elements);
    if (!fits || !rt_kind_bytes(tensor->kind, elements, &bytes) || bytes != tensor->size_bytes)
        return fm_fail(err, FM_E_INPUT, "%s: the shape of '%s' does not go with its %zu bytes",
                       file->path, name, tensor->size_bytes);
    if (tensor->rank > 0 && tensor->shape[tensor->rank - 1] % rt_kind_block(tensor->kind) != 0)
        return fm_fail(err, FM_E_INPUT, "%s: the rows of '%s' do not end with a block of %s",
                       file->path, name, rt_kind_name(tensor->kind));
    if (weights->n == RT_MAX_TENSORS)
        return fm_fail(err, FM_E_INPUT, "%s: more than %d tensors", file->path, RT_MAX_TENSORS);
    if (weights->n == weights->capacity) {
        size_t capacity = weights->capacity ? 2 * weights->capacity : 256;
        rt_named *items = realloc(weights->items, capacity * sizeof(*items));

        if (!items)
            return fm_fail(err, FM_E_NOMEM, "no memory for the names of '%s'", file->path);
        weights->items = items;
        weights->capacity = capacity;
    }
    const char *copy = fm_arena_strdup(&weights->arena, name);
    if (!copy)
        return fm_fail(err, FM_E_NOMEM, "no memory for the names of '%s'", file->path);
    weights->items[weights->n++] = (rt_named){copy, *tensor, file};
    return FM_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const rt_named *)a)->name, ((const rt_named *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const rt_tensor *x = &(*(const rt_named *const *)a)->tensor;
    const rt_tensor *y = &(*(const rt_named *const *)b)->tensor;

    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->size_bytes < y->size_bytes ? -1 : x->size_bytes > y->size_bytes;
}

/* No name twice, and no byte in two tensors. */
static fm_status check_table(rt_weights *weights, fm_err *err)
{
    if (weights->n == 0)
        return fm_fail(err, FM_E_INPUT, "%s: holds no tensor of floating-point numbers",
                       weights->path);
    qsort(weights->items, weights->n, sizeof(*weights->items), by_name);
    for (size_t i = 1; i < weights->n; i++)
        if (strcmp(weights->items[i - 1].name, weights->items[i].name) == 0)
            return fm_fail(err, FM_E_INPUT, "%s: the tensor '%s' is there twice",
                           weights->items[i].file->path, weights->items[i].name);

    const rt_named **places = calloc(weights->n, sizeof(const rt_named *));
    fm_status st = FM_OK;
    if (!places)
        return fm_fail(err, FM_E_NOMEM, "no memory for the names of '%s'", weights->path);
    for (size_t i = 0; i < weights->n; i++)
        places[i] = &weights->items[i];
    qsort(places, weights->n, sizeof(const rt_named *), by_place);
    for (size_t i = 1; i < weights->n && st == FM_OK; i++) {
        const rt_tensor *before = &places[i - 1]->tensor;

        /* Two files are two mappings, which cannot overlap. */
        if ((const uint8_t *)before->data + before->size_bytes >
            (const uint8_t *)places[i]->tensor.data)
            st = fm_fail(err, FM_E_INPUT, "%s: the tensors '%s' and '%s' overlap",
                         places[i]->file->path, places[i - 1]->name, places[i]->name);
    }
    free(places);
    return st;
}

/* ---- files ---- */

/* Before the first of them is mapped: tensors point to where they stand. */
static fm_status room_for_files(rt_weights *weights, size_t n, fm_err *err)
{
    weights->files = fm_arena_alloc(&weights->arena, n, sizeof(*weights->files));
    return weights->files ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a model");
}

static fm_status map_file(rt_weights *weights, const char *path, fm_err *err)
{
    rt_mapped *file = &weights->files[weights->n_files];
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size == 0) {
        close(fd);
        return fm_fail(err, FM_E_INPUT, "%s: empty, or not a file", path);
    }
    void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return fm_fail(err, FM_E_IO, "cannot map '%s': %s", path, strerror(errno));
    *file = (rt_mapped){fm_arena_strdup(&weights->arena, path), bytes, (size_t)about.st_size,
                        (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec, true};
    weights->n_files++;
    return file->path ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a model");
}

static bool is_gguf(const void *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "GGUF", 4) == 0;
}

bool rt_is_gguf_file(const char *path)
{
    char first[4];
    FILE *f = fopen(path, "rbe");
    size_t n = f ? fread(first, 1, sizeof(first), f) : 0;

    if (f)
        fclose(f);
    return is_gguf(first, n);
}

static fm_status read_shard(rt_weights *weights, const char *path, fm_err *err)
{
    fm_status st = map_file(weights, path, err);

    if (st != FM_OK)
        return st;
    const rt_mapped *file = &weights->files[weights->n_files - 1];
    return is_gguf(file->bytes, file->size) ? rt_gguf_read(weights, file, err)
                                            : rt_safetensors_read(weights, file, err);
}

static fm_status read_file(rt_weights *weights, const char *path, fm_err *err)
{
    fm_status st = room_for_files(weights, 1, err);

    return st == FM_OK ? read_shard(weights, path, err) : st;
}

static bool is_mapped(const rt_weights *weights, const char *path)
{
    for (size_t i = 0; i < weights->n_files; i++)
        if (strcmp(weights->files[i].path, path) == 0)
            return true;
    return false;
}

/* The shards that an index names, each once. */
static fm_status read_shards(rt_weights *weights, const char *folder, const char *index,
                             fm_err *err)
{
    char path[FM_PATH_BYTES];
    cJSON *root = NULL;
    const cJSON *entry;
    fm_status st = fm_json_load(index, MAX_INDEX_BYTES, &root, err);

    if (st != FM_OK)
        return st;
    const cJSON *map = fm_json_get(root, "weight_map");
    if (!cJSON_IsObject(map))
        st = fm_fail(err, FM_E_INPUT, "%s: has no object 'weight_map'", index);
    else
        st = room_for_files(weights, MAX_FILES, err);
    if (st == FM_OK)
        cJSON_ArrayForEach(entry, map)
        {
            if (!cJSON_IsString(entry))
                st = fm_fail(err, FM_E_INPUT, "%s: '%s' names no file", index, entry->string);
            else
                st = rt_folder_join(path, folder, entry->valuestring, err);
            if (st == FM_OK && !is_mapped(weights, path))
                st = weights->n_files < MAX_FILES
                         ? read_shard(weights, path, err)
                         : fm_fail(err, FM_E_INPUT, "%s: more than %d shards", index, MAX_FILES);
            if (st != FM_OK)
                break;
        }
    cJSON_Delete(root);
    return st;
}

static fm_status read_path(rt_weights *weights, const char *path, fm_err *err)
{
    char single[FM_PATH_BYTES], index[FM_PATH_BYTES];
    fm_status st;

    if (!fm_dir_exists(path))
        return read_file(weights, path, err);
    st = rt_folder_join(single, path, "model.safetensors", err);
    if (st == FM_OK)
        st = rt_folder_join(index, path, "model.safetensors.index.json", err);
    if (st != FM_OK)
        return st;
    if (fm_file_exists(index))
        return read_shards(weights, path, index, err);
    if (fm_file_exists(single))
        return read_file(weights, single, err);
    return fm_fail(err, FM_E_INPUT, "%s: has neither model.safetensors nor its index", path);
}

/* The beginning of a file is its header, or most of it. */
static fm_status identify(rt_weights *weights, fm_err *err)
{
    fm_hash *hash = fm_hash_new();

    if (!hash)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    for (size_t i = 0; i < weights->n_files; i++) {
        const rt_mapped *file = &weights->files[i];

        fm_hash_update(hash, &file->size, sizeof(file->size));
        fm_hash_update(hash, &file->changed_ns, sizeof(file->changed_ns));
        fm_hash_update(hash, file->bytes,
                       file->size < IDENTITY_BYTES ? file->size : IDENTITY_BYTES);
    }
    fm_hash_finish(hash, weights->identity);
    return FM_OK;
}

fm_status rt_weights_open(rt_weights **out, const char *path, fm_err *err)
{
    rt_weights *weights = calloc(1, sizeof(*weights));

    if (!weights)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    weights->path = fm_arena_strdup(&weights->arena, path);
    fm_status st = weights->path ? read_path(weights, path, err)
                                 : fm_fail(err, FM_E_NOMEM, "no memory for a model");
    if (st == FM_OK)
        st = check_table(weights, err);
    if (st == FM_OK)
        st = identify(weights, err);
    if (st != FM_OK) {
        rt_weights_close(weights);
        return st;
    }
    *out = weights;
    return FM_OK;
}

fm_status rt_weights_borrow(rt_weights **out, const char *what, const char *const *names,
                            const rt_tensor *tensors, size_t n, fm_err *err)
{
    rt_weights *weights = calloc(1, sizeof(*weights));

    if (!weights)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    /* The one place of all tensors, which is no mapping: it does not count among the files. */
    rt_mapped *memory = fm_arena_alloc(&weights->arena, 1, sizeof(*memory));
    weights->path = fm_arena_strdup(&weights->arena, what);
    fm_status st =
        memory && weights->path ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a model");
    if (st == FM_OK)
        memory->path = weights->path;
    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = rt_weights_add(weights, memory, names[i], &tensors[i], err);
    if (st == FM_OK)
        st = check_table(weights, err);
    if (st != FM_OK) {
        rt_weights_close(weights);
        return st;
    }
    *out = weights;
    return FM_OK;
}

void rt_weights_close(rt_weights *weights)
{
    if (!weights)
        return;
    for (size_t i = 0; i < weights->n_files; i++)
        munmap((void *)(uintptr_t)weights->files[i].bytes, weights->files[i].size);
    free(weights->items);
    fm_arena_release(&weights->arena);
    free(weights);
}

/* ---- looking things up ---- */

static const rt_named *find(const rt_weights *weights, const char *name)
{
    const rt_named key = {.name = name};

    return bsearch(&key, weights->items, weights->n, sizeof(key), by_name);
}

const rt_tensor *rt_weights_find(const rt_weights *weights, const char *name)
{
    const rt_named *item = find(weights, name);

    return item ? &item->tensor : NULL;
}

/* "[2, 3]" */
static const char *shape_text(const size_t *shape, int rank, char out[160])
{
    size_t at = 1;

    strcpy(out, "[");
    for (int i = 0; i < rank; i++)
        at += (size_t)snprintf(out + at, 160 - at, "%s%zu", i > 0 ? ", " : "", shape[i]);
    snprintf(out + at, 160 - at, "]");
    return out;
}

fm_status rt_weights_need(const rt_weights *weights, const size_t *shape, int rank,
                          const rt_tensor **out, fm_err *err, const char *fmt, ...)
{
    char name[256], is[160], needed[160];
    va_list args;

    va_start(args, fmt);
    int length = vsnprintf(name, sizeof(name), fmt, args);
    va_end(args);
    const rt_named *item = length < (int)sizeof(name) ? find(weights, name) : NULL;
    if (!item)
        return fm_fail(err, FM_E_INPUT, "%s: has no '%s'", weights->path, name);
    bool same = item->tensor.rank == rank;
    for (int i = 0; i < rank && same; i++)
        same = item->tensor.shape[i] == shape[i];
    if (!same)
        return fm_fail(err, FM_E_INPUT, "%s: '%s' has shape %s, %s is needed", item->file->path,
                       name, shape_text(item->tensor.shape, item->tensor.rank, is),
                       shape_text(shape, rank, needed));
    *out = &item->tensor;
    return FM_OK;
}

fm_status rt_weights_read(const rt_weights *weights, const rt_tensor *tensor, const char *name,
                          float *out, fm_err *err)
{
    fm_status st = rt_tensor_read(tensor, name, out, err);

    return st == FM_OK ? FM_OK : fm_fail_within(err, st, "%s", weights->path);
}

size_t rt_weights_count(const rt_weights *weights)
{
    return weights->n;
}

const char *rt_weights_name(const rt_weights *weights, size_t index, const rt_tensor **tensor)
{
    *tensor = &weights->items[index].tensor;
    return weights->items[index].name;
}

const char *rt_weights_path(const rt_weights *weights)
{
    return weights->path;
}

const char *rt_weights_identity(const rt_weights *weights)
{
    return weights->identity;
}

void rt_weights_forget(const rt_weights *weights, const rt_tensor *tensor, size_t first, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const uint8_t *bytes = (const uint8_t *)tensor->data + first;
    uintptr_t from = ((uintptr_t)bytes + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)bytes + n) / page * page;

    for (size_t i = 0; i < weights->n_files; i++) {
        const rt_mapped *file = &weights->files[i];

        if (file->of_disk && bytes >= file->bytes && bytes < file->bytes + file->size && from < to)
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
}
