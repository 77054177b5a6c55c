#include "engine/members.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"

const cJSON *rt_members_find(const rt_members *m, const char *key, const rt_source **source)
{
    for (size_t i = 0; i < m->n; i++) {
        const cJSON *item = fm_json_get(m->sources[i].object, key);

        if (item && !cJSON_IsNull(item)) {
            if (source)
                *source = &m->sources[i];
            return item;
        }
    }
    return NULL;
}

void rt_members_fail(rt_members *m, const char *key, const char *fmt, ...)
{
    const rt_source *source = &m->sources[0];
    char said[256];
    va_list args;

    if (m->st != FM_OK)
        return;
    (void)rt_members_find(m, key, &source);
    va_start(args, fmt);
    vsnprintf(said, sizeof(said), fmt, args);
    va_end(args);
    m->st = fm_fail(m->err, FM_E_INPUT, "%s: '%s%s%s' %s", source->file,
                    source->within ? source->within : "", source->within ? "." : "", key, said);
}

static bool whole_of(const cJSON *item, int low, int high, int *out)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;

    if (!(value >= low && value <= high && value == floor(value)))
        return false;
    *out = (int)value;
    return true;
}

void rt_members_whole(rt_members *m, const char *key, int low, int high, int *out)
{
    const cJSON *item = m->st == FM_OK ? rt_members_find(m, key, NULL) : NULL;

    if (item && !whole_of(item, low, high, out))
        rt_members_fail(m, key, "wants a whole number from %d to %d", low, high);
}

void rt_members_need(rt_members *m, const char *key, int low, int high, int *out)
{
    if (m->st == FM_OK && !rt_members_find(m, key, NULL))
        rt_members_fail(m, key, "is missing");
    rt_members_whole(m, key, low, high, out);
}

static bool is_null(const rt_members *m, const char *key)
{
    bool null = false;

    for (size_t i = 0; i < m->n; i++)
        null = null || cJSON_IsNull(fm_json_get(m->sources[i].object, key));
    return null;
}

void rt_members_number(rt_members *m, const char *key, double low, double high, double *out)
{
    const cJSON *item = m->st == FM_OK ? rt_members_find(m, key, NULL) : NULL;

    if (!item && !is_null(m, key))
        return;
    if (cJSON_IsNumber(item) && item->valuedouble >= low && item->valuedouble <= high)
        *out = item->valuedouble;
    else
        rt_members_fail(m, key, "wants a number from %g to %g", low, high);
}

void rt_members_text(rt_members *m, const char *key, const char **out)
{
    const cJSON *item = m->st == FM_OK ? rt_members_find(m, key, NULL) : NULL;

    if (item && !cJSON_IsString(item))
        rt_members_fail(m, key, "wants a text");
    else if (item)
        *out = item->valuestring;
}

void rt_members_bool(rt_members *m, const char *key, bool *out)
{
    const cJSON *item = m->st == FM_OK ? rt_members_find(m, key, NULL) : NULL;

    if (!item)
        return;
    if (cJSON_IsBool(item))
        *out = cJSON_IsTrue(item);
    else
        rt_members_fail(m, key, "wants true or false");
}

void rt_members_list(rt_members *m, const char *key, int low, int high, int *out, size_t n)
{
    const cJSON *item = m->st == FM_OK ? rt_members_find(m, key, NULL) : NULL, *entry;
    size_t i = 0;

    if (!item)
        return;
    bool right = cJSON_IsArray(item) && (size_t)cJSON_GetArraySize(item) == n;
    cJSON_ArrayForEach(entry, item)
    {
        right = right && whole_of(entry, low, high, &out[i++]);
    }
    if (!right)
        rt_members_fail(m, key, "wants %zu whole numbers from %d to %d", n, low, high);
}

void rt_members_choice(rt_members *m, const char *key, const char *const *names, size_t n, int *out)
{
    const cJSON *item = m->st == FM_OK ? rt_members_find(m, key, NULL) : NULL;
    fm_buf known = {0};

    if (!item)
        return;
    for (size_t i = 0; i < n; i++) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, names[i]) == 0) {
            *out = (int)i;
            fm_buf_release(&known);
            return;
        }
        fm_buf_printf(&known, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", names[i]);
    }
    rt_members_fail(m, key, "is none that this engine knows: %s", fm_buf_text(&known));
    fm_buf_release(&known);
}
