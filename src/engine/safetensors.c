/* The header of a safetensors file: eight bytes of length, that many bytes of JSON, then the data. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
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

/* Kinds that no network of ours is made of (integers, booleans) are passed over. */
static fm_status read_entry(rt_weights *weights, const rt_mapped *file, const cJSON *entry,
                            size_t data_start, fm_err *err)
{
    const char *dtype = fm_json_string(entry, "dtype");
    const cJSON *offsets = fm_json_get(entry, "data_offsets");
    rt_tensor tensor = {0};
    size_t begin, end, i = 0;

    if (!dtype || !shape_of(fm_json_get(entry, "shape"), &tensor) || !cJSON_IsArray(offsets) ||
        cJSON_GetArraySize(offsets) != 2 || !count_of(offsets->child, &begin) ||
        !count_of(offsets->child->next, &end))
        return fm_fail(err, FM_E_INPUT, "%s: the header's entry '%s' is malformed", file->path,
                       entry->string);
    if (begin > end || end > file->size - data_start)
        return fm_fail(err, FM_E_INPUT,
                       "%s: the tensor '%s' lies outside of the file, which may be truncated",
                       file->path, entry->string);
    while (i < FM_COUNT_OF(kinds) && strcmp(dtype, kinds[i].name) != 0)
        i++;
    if (i == FM_COUNT_OF(kinds))
        return FM_OK;
    tensor.kind = kinds[i].kind;
    tensor.data = file->bytes + data_start + begin;
    tensor.size_bytes = end - begin;
    return rt_weights_add(weights, file, entry->string, &tensor, err);
}

fm_status rt_safetensors_read(rt_weights *weights, const rt_mapped *file, fm_err *err)
{
    uint64_t length = 0;
    cJSON *header = NULL;
    const cJSON *entry;

    for (size_t i = 0; i < 8 && file->size >= 8; i++)
        length |= (uint64_t)file->bytes[i] << (8 * i);
    if (file->size < 8 || length > file->size - 8 || length > MAX_HEADER_BYTES)
        return fm_fail(err, FM_E_INPUT, "%s: no safetensors header, or a truncated one",
                       file->path);
    fm_status st =
        fm_json_parse((const char *)file->bytes + 8, (size_t)length, file->path, &header, err);
    if (st != FM_OK)
        return st;
    if (!cJSON_IsObject(header))
        st = fm_fail(err, FM_E_INPUT, "%s: the header is no JSON object", file->path);
    else
        cJSON_ArrayForEach(entry, header)
        {
            if (strcmp(entry->string, "__metadata__") != 0)
                st = read_entry(weights, file, entry, 8 + (size_t)length, err);
            if (st != FM_OK)
                break;
        }
    cJSON_Delete(header);
    return st;
}
