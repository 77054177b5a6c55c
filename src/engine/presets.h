/* Configurations that are built in: shapes of published models, and one that is small. A text is what
 * config.json of such a folder says (presets/<name>.json). */
#ifndef RT_ENGINE_PRESETS_H
#define RT_ENGINE_PRESETS_H

#include <stddef.h>

typedef struct {
    const char *name, *summary;
    const char *text;
    const size_t *size;
} rt_preset;

extern const rt_preset rt_presets[];
extern const size_t rt_presets_count;

const rt_preset *rt_preset_find(const char *name); /* NULL: none of that name */

#endif
