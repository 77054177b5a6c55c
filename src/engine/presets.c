#include "engine/presets.h"

#include <string.h>

#include "base/size.h"

/* Made of presets/<name>.json. */
extern const char rt_preset_2b[], rt_preset_8b[], rt_preset_qwen2[], rt_preset_tiny[];
extern const size_t rt_preset_2b_size, rt_preset_8b_size, rt_preset_qwen2_size, rt_preset_tiny_size;

const rt_preset rt_presets[] = {
    {"2b", "RoboTracer-2B: Qwen2-1.5B, SigLIP so400m, MapAnything v1, dynamic tiles", rt_preset_2b,
     &rt_preset_2b_size},
    {"8b", "RoboTracer-8B: Qwen2-7B, SigLIP so400m, MapAnything v1, dynamic_s2 tiles", rt_preset_8b,
     &rt_preset_8b_size},
    {"qwen2-1.5b", "the language model alone", rt_preset_qwen2, &rt_preset_qwen2_size},
    {"tiny", "all parts, a few hundred kilobytes", rt_preset_tiny, &rt_preset_tiny_size},
};
const size_t rt_presets_count = FM_COUNT_OF(rt_presets);

const rt_preset *rt_preset_find(const char *name)
{
    for (size_t i = 0; i < FM_COUNT_OF(rt_presets); i++)
        if (strcmp(rt_presets[i].name, name) == 0)
            return &rt_presets[i];
    return NULL;
}
