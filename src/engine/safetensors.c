/* The header of a safetensors file: eight bytes of length, that many bytes of JSON, then the data. */
#include <math.h>
#include <string.h>

#include "base/idmap.h"
#include "base/json.h"
#include "base/size.h"
#include "engine/save.h"
#include "engine/weights_internal.h"

/* As the format's own reader bounds it. */
#define MAX_HEADER_BYTES ((uint64_t)100000000)

static const struct {
    const char *name;
    rt_kind kind;
} kinds[] = {{"F32", RT_F32}, {"F16", RT_F16}, {"BF16", RT_BF16}};

/* A count in JSON: whole, not negative, exact. */
static bool count_of(const cJSON *item, size_t *out)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : -1;

    if (!(value >= 0 && value <= 9007199254740992.0 && value == floor(value)))
        return false;
    *out = (size_t)value;
    return true;
}

static bool shape_of(const cJSON *array, rt_tensor *tensor)
{
    int rank = cJSON_IsArray(array) ? cJSON_GetArraySize(array) : -1;
    const cJSON *side;

    if (rank < 0 || rank > RT_MAX_RANK)
        return false;
    cJSON_ArrayForEach(side, array)
    {
        if (!count_of(side, &tensor->shape[tensor->rank++]))
            return false;
    }
    return true;
}

typedef struct {
    rt_weights *weights;
    const rt_mapped *file;
    size_t data_start;
    fm_id_map blocks; /* by a tensor's name: the kind of the blocks that its bytes are */
    fm_err *err;
} reading;

/* The metadata that save.c writes beside blocks. */
static fm_status read_metadata(reading *r, const cJSON *metadata)
{
    const cJSON *entry;
    bool fresh;

    cJSON_ArrayForEach(entry, metadata)
    {
        for (rt_kind kind = RT_Q8_0; cJSON_IsString(entry) && kind < RT_KINDS; kind++)
            if (strncmp(entry->string, RT_SAVED_AS, strlen(RT_SAVED_AS)) == 0 &&
                strcmp(entry->valuestring, rt_kind_name(kind)) == 0 &&
                !fm_id_map_put(&r->blocks, entry->string + strlen(RT_SAVED_AS), kind, &fresh, NULL))
                return fm_fail(r->err, FM_E_NOMEM, "no memory for the names of '%s'",
                               r->file->path);
    }
    return FM_OK;
}

/* What a dtype holds; RT_KINDS where it is none that a network of ours is made of, such as integers. */
static rt_kind kind_of(const reading *r, const char *dtype, const char *name)
{
    uint64_t kind;

    for (size_t i = 0; i < FM_COUNT_OF(kinds); i++)
        if (strcmp(dtype, kinds[i].name) == 0)
            return kinds[i].kind;
    return strcmp(dtype, "U8") == 0 && fm_id_map_find(&r->blocks, name, &kind) ? (rt_kind)kind
                                                                               : RT_KINDS;
}

/* A shape in bytes as one in elements; false where rows do not end with a block. */
static bool count_elements(rt_tensor *tensor)
{
    size_t block = rt_kind_block(tensor->kind), bytes;

    if (block == 1)
        return true;
    if (tensor->rank == 0 || !rt_kind_bytes(tensor->kind, block, &bytes))
        return false;
    size_t *last = &tensor->shape[tensor->rank - 1];
    if (*last % bytes != 0)
        return false;
    *last = *last / bytes * block;
    return true;
}

static fm_status read_entry(reading *r, const cJSON *entry)
{
    const char *dtype = fm_json_string(entry, "dtype");
    const cJSON *offsets = fm_json_get(entry, "data_offsets");
    rt_tensor tensor = {0};
    size_t begin, end;

    if (!dtype || !shape_of(fm_json_get(entry, "shape"), &tensor) || !cJSON_IsArray(offsets) ||
        cJSON_GetArraySize(offsets) != 2 || !count_of(offsets->child, &begin) ||
        !count_of(offsets->child->next, &end))
        return fm_fail(r->err, FM_E_INPUT, "%s: the header's entry '%s' is malformed",
                       r->file->path, entry->string);
    if (begin > end || end > r->file->size - r->data_start)
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: the tensor '%s' lies outside of the file, which may be truncated",
                       r->file->path, entry->string);
    tensor.kind = kind_of(r, dtype, entry->string);
    if (tensor.kind == RT_KINDS)
        return FM_OK;
    if (!count_elements(&tensor))
        return fm_fail(r->err, FM_E_INPUT, "%s: the rows of '%s' do not end with a block of %s",
                       r->file->path, entry->string, rt_kind_name(tensor.kind));
    tensor.data = r->file->bytes + r->data_start + begin;
    tensor.size_bytes = end - begin;
    return rt_weights_add(r->weights, r->file, entry->string, &tensor, r->err);
}

static fm_status read_header(reading *r, const cJSON *header)
{
    const cJSON *entry;

    if (!cJSON_IsObject(header))
        return fm_fail(r->err, FM_E_INPUT, "%s: the header is no JSON object", r->file->path);
    fm_status st = read_metadata(r, fm_json_get(header, "__metadata__"));
    cJSON_ArrayForEach(entry, header)
    {
        if (st != FM_OK)
            break;
        if (strcmp(entry->string, "__metadata__") != 0)
            st = read_entry(r, entry);
    }
    return st;
}

fm_status rt_safetensors_read(rt_weights *weights, const rt_mapped *file, fm_err *err)
{
    reading r = {.weights = weights, .file = file, .err = err};
    uint64_t length = 0;
    cJSON *header = NULL;

    for (size_t i = 0; i < 8 && file->size >= 8; i++)
        length |= (uint64_t)file->bytes[i] << (8 * i);
    if (file->size < 8 || length > file->size - 8 || length > MAX_HEADER_BYTES)
        return fm_fail(err, FM_E_INPUT, "%s: no safetensors header, or a truncated one",
                       file->path);
    r.data_start = 8 + (size_t)length;
    fm_status st =
        fm_json_parse((const char *)file->bytes + 8, (size_t)length, file->path, &header, err);
    if (st == FM_OK)
        st = read_header(&r, header);
    fm_id_map_release(&r.blocks);
    cJSON_Delete(header);
    return st;
}
