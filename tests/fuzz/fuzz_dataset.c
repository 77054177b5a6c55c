/* Any bytes as lines of TraceSpatial records: every sample that comes out is fit to be graded. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "memfile.h"
#include "suites/tracespatial/tracespatial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const fm_sample *sample)
{
    const fm_truth_trace *trace = &sample->truth.trace;

    if (!sample->id[0] || strchr(sample->id, '/') || strlen(sample->id) >= FM_SAMPLE_ID_BYTES)
        abort();
    if (strstr(sample->mask_path, "/../") || strstr(sample->image_path, "/../"))
        abort();
    if (trace->n == 0 || (sample->has_camera && !fm_camera_valid(&sample->camera)))
        abort();
    for (size_t i = 0; i < trace->n; i++)
        for (int k = 0; k < 3; k++)
            if (!isfinite(trace->points[i][k]))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile file = memfile_open(data, size);
    fm_loader_config config = {.data_dir = "/nonexistent", .annotations = file.path};
    fm_arena arena = {0};
    fm_err err;
    void *state = NULL;
    bool more = true;

    if (fm_loader_tracespatial.open(&state, &config, &err) != FM_OK)
        abort();
    while (more) {
        fm_sample sample;

        fm_arena_reset(&arena);
        if (fm_loader_tracespatial.next(state, &arena, &sample, &more, &err) != FM_OK)
            break;
        if (more)
            check(&sample);
    }
    fm_loader_tracespatial.close(state);
    fm_arena_release(&arena);
    memfile_close(&file);
    return 0;
}
