/* Scenes of the suite tabletop, small enough for tests. */
#ifndef FM_TESTS_TABLETOP_H
#define FM_TESTS_TABLETOP_H

#include "fathom/world.h"

static inline fm_world_settings tabletop_settings(int width, int height)
{
    size_t count;
    fm_world_settings settings = fm_world_layout_settings(FM_WORLD_BENCHMARK, &count);

    settings.width = width;
    settings.height = height;
    return settings;
}

static inline fm_status tabletop_write(int width, int height, size_t count, const char *dir,
                                       fm_err *err)
{
    const fm_world_settings settings = tabletop_settings(width, height);

    return fm_world_scenes_write(&settings, FM_WORLD_BENCHMARK, count, 1, dir, err);
}

#endif
