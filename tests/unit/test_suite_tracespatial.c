/* The published layout of TraceSpatial-Bench: what a record becomes, and what is refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "fathom/suite.h"
#include "../support/scratch.h"
#include "suites/tracespatial/tracespatial.h"

TestSuite(tracespatial_loader, .init = scratch_make, .fini = scratch_remove);

#define RECORD                                                                                     \
    "\"prompt\": \"move it\", \"target_object\": \"cup\", \"destination|direction\": \"tray\", "   \
    "\"step\": 4, \"category\": \"pick\", "
#define TRACE "\"trajectory\": [[0, 0, 1], [0.1, 0, 1.5]], "
#define BOX                                                                                        \
    "\"bbox_center\": [0, 0, 1], \"bbox_extent\": [0.2, 0.2, 0.1], "                               \
    "\"bbox_rotation\": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "
#define K3 "\"gt_depth_intrinsics\": [[400, 0, 256], [0, 401, 192], [0, 0, 1]]"
#define K4 "\"intrinsics\": [[400, 0, 256, 0], [0, 401, 192, 0], [0, 0, 1, 0], [0, 0, 0, 1]]"

static fm_status load(const char *dataset, fm_arena *arena, fm_sample *out, size_t *n, fm_err *err)
{
    fm_loader_config config = {.data_dir = scratch_dir, .kind = FM_ANSWER_TRACE3D};
    void *state = NULL;
    fm_status st;
    bool more = true;

    scratch_write("trajectory_dataset.json", dataset, strlen(dataset));
    *n = 0;
    st = fm_loader_tracespatial.open(&state, &config, err);
    while (st == FM_OK) {
        fm_sample sample;

        st = fm_loader_tracespatial.next(state, arena, &sample, &more, err);
        if (st != FM_OK || !more)
            break;
        if ((*n)++ == 0)
            *out = sample;
    }
    if (state)
        fm_loader_tracespatial.close(state);
    return st;
}

struct shape {
    const char *dataset;
    const char *id;
};

/* An array of records, an object by id, an array inside an object; both forms of the camera. */
Test(tracespatial_loader, reads_each_published_form)
{
    static const struct shape shapes[] = {
        {"[{\"id\": 7, " RECORD TRACE BOX K3 "}]", "7"},
        {"[{\"question_id\": \"a7\", " RECORD TRACE BOX K4 "}]", "a7"},
        {"{\"7\": {" RECORD TRACE BOX K3 "}}", "7"},
        {"{\"data\": [{\"id\": 0, " RECORD TRACE BOX K4 "}]}", "0"},
    };

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        fm_arena arena = {0};
        fm_sample sample = {0};
        fm_err err = {0};
        size_t n;

        cr_assert(eq(int, load(shapes[i].dataset, &arena, &sample, &n, &err), FM_OK), "%zu: %s", i,
                  err.text);
        cr_assert(eq(sz, n, 1));
        cr_assert(eq(str, (char *)sample.id, (char *)shapes[i].id));
        cr_assert(eq(str, (char *)sample.destination, "tray"));
        cr_assert(eq(int, sample.steps, 4));
        cr_assert(eq(sz, sample.truth.trace.n, 2));
        cr_assert(eq(dbl, sample.truth.trace.points[1][2], 1.5));
        cr_assert(sample.truth.trace.has_box);
        cr_assert(sample.has_camera && sample.camera.fy == 401 && sample.camera.cx == 256);
        cr_assert(strstr(sample.mask_path, "/raw_data/") && strstr(sample.mask_path, "/mask.png"));
        fm_arena_release(&arena);
    }
}

Test(tracespatial_loader, box_and_camera_may_be_absent)
{
    fm_arena arena = {0};
    fm_sample sample = {0};
    fm_err err = {0};
    size_t n;

    cr_assert(
        eq(int,
           load("[{\"id\": 1, " RECORD TRACE "\"bbox_center\": null}]", &arena, &sample, &n, &err),
           FM_OK),
        "%s", err.text);
    cr_assert(sample.has_camera == false && !sample.truth.trace.has_box);
    fm_arena_release(&arena);
}

/* Each fault, and the words that tell its place. */
Test(tracespatial_loader, says_what_is_wrong_and_where)
{
    static const struct shape faults[] = {
        {"[{" RECORD TRACE BOX K3 "}]", "item 1: 'id' is missing"},
        {"[{\"id\": \"../../etc\", " RECORD TRACE BOX K3 "}]", "'id' must be a plain name"},
        {"[{\"id\": 1.5, " RECORD TRACE BOX K3 "}]", "'id' is no whole number"},
        {"[{\"id\": 3, \"mask_path\": \"../../etc/passwd\", " RECORD TRACE BOX K3 "}]",
         "(id 3): 'mask_path': name '../../etc/passwd' would leave its folder"},
        {"[{\"id\": 3, \"mask_path\": \"/etc/passwd\", " RECORD TRACE BOX K3 "}]",
         "would leave its folder"},
        {"[{\"id\": 3, " RECORD "\"trajectory\": [[0, 0, NaN]], " BOX K3 "}]",
         "(id 3): 'trajectory' has a point that is not three finite numbers"},
        {"[{\"id\": 3, " RECORD "\"trajectory\": [], " BOX K3 "}]", "'trajectory' is no list"},
        {"[{\"id\": 3, " RECORD TRACE BOX
         "\"gt_depth_intrinsics\": [[0, 0, 256], [0, 401, 192], [0, 0, 1]]}]",
         "(id 3): 'gt_depth_intrinsics' is singular"},
        {"[{\"id\": 3, " RECORD TRACE BOX "\"gt_depth_intrinsics\": [[1, 2], [3, 4]]}]",
         "is no 3x3 or 4x4 matrix"},
        {"[{\"id\": 3, " RECORD TRACE
         "\"bbox_center\": [0, 0, 1], \"bbox_extent\": [0.2, -0.2, 0.1], "
         "\"bbox_rotation\": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], " K3 "}]",
         "'bbox_extent' is not three lengths"},
        {"[{\"id\": 3, " RECORD TRACE
         "\"bbox_center\": [0, 0, 1], \"bbox_extent\": [0.2, 0.2, 0.1], "
         "\"bbox_rotation\": [[1, 0, 0], [1, 0, 0], [0, 0, 1]], " K3 "}]",
         "'bbox_rotation' is singular"},
        {"[1, 2]", "holds no records"},
        {"[{\"id\": 1, ", "not JSON at byte"},
        {"[]", "holds no records"},
        {"", "not JSON at byte 0"},
    };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        fm_arena arena = {0};
        fm_sample sample;
        fm_err err = {0};
        size_t n;

        cr_assert(eq(int, load(faults[i].dataset, &arena, &sample, &n, &err), FM_E_INPUT), "%zu",
                  i);
        cr_assert(strstr(err.text, faults[i].id) != NULL, "%zu: %s", i, err.text);
        cr_assert(strstr(err.text, "trajectory_dataset.json") != NULL, "%zu: %s", i, err.text);
        fm_arena_release(&arena);
    }
}

Test(tracespatial_loader, a_link_that_leaves_the_folder_is_refused)
{
    fm_arena arena = {0};
    fm_sample sample;
    fm_err err = {0};
    size_t n;

    cr_assert(eq(int, mkdir(scratch_path("raw_data"), 0777), 0));
    cr_assert(eq(int, symlink("/etc", scratch_path("raw_data/out")), 0));
    cr_assert(eq(int,
                 load("[{\"id\": 3, \"mask_path\": \"out/passwd\", " RECORD TRACE BOX K3 "}]",
                      &arena, &sample, &n, &err),
                 FM_E_INPUT));
    cr_assert(strstr(err.text, "link that leaves its folder") != NULL, "%s", err.text);
    fm_arena_release(&arena);
}

Test(tracespatial_loader, a_folder_without_annotations_says_what_data_means)
{
    fm_loader_config config = {.data_dir = scratch_dir, .kind = FM_ANSWER_TRACE2D};
    void *state = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_loader_tracespatial.open(&state, &config, &err), FM_E_INPUT));
    cr_assert(strstr(err.text, "has no trajectory_dataset.json") != NULL, "%s", err.text);
    cr_assert(fm_loader_tracespatial.has_annotations(scratch_dir) == false);
}
