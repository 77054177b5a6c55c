/* The generator of `tabletop`: what is promised of every item, that nothing but seed and index
 * decides it, and that the folder on disk is whole or absent. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "fathom/world.h"

static fm_world_config small(uint64_t seed)
{
    fm_world_config config = fm_world_default_config();

    config.seed = seed;
    config.width = 128;
    config.height = 96;
    config.jobs = 1;
    return config;
}

static void make(const fm_world_config *config, size_t index, fm_world_item *item)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_world_item_make(config, index, item, &err), FM_OK), "%s", err.text);
}

static const uint16_t *depth_of(const fm_world_item *item)
{
    return item->depth.data;
}

/* ---- what every item keeps ---- */

enum { ITEMS = 24 };

Test(world, trace_starts_on_a_visible_point_of_the_target)
{
    const fm_world_config config = small(3);
    fm_world_item item = {0};

    for (size_t i = 0; i < ITEMS; i++) {
        double uv[2];

        make(&config, i, &item);
        fm_camera_project(&item.camera, item.trace[0], uv);
        int u = (int)lround(uv[0]), v = (int)lround(uv[1]);
        size_t at = (size_t)v * (size_t)item.mask.width + (size_t)u;
        cr_expect(eq(int, ((const uint8_t *)item.mask.data)[at], 255), "item %zu", i);
        if (depth_of(&item)[at])
            cr_expect(lt(dbl, fabs(depth_of(&item)[at] / 1000.0 - item.trace[0][2]), 0.03),
                      "item %zu", i);
    }
    fm_world_item_release(&item);
}

Test(world, trace_stays_in_the_picture_and_ends_in_the_box)
{
    const fm_world_config config = small(4);
    fm_world_item item = {0};

    for (size_t i = 0; i < ITEMS; i++) {
        make(&config, i, &item);
        cr_assert(ge(sz, item.n_trace, 4));
        cr_assert(le(sz, item.n_trace, FM_WORLD_TRACE_MAX));
        for (size_t k = 0; k < item.n_trace; k++) {
            double uv[2];

            fm_camera_project(&item.camera, item.trace[k], uv);
            cr_expect(uv[0] >= 0 && uv[0] < item.image.width && uv[1] >= 0 &&
                          uv[1] < item.image.height,
                      "item %zu point %zu: %g %g", i, k, uv[0], uv[1]);
        }
        cr_expect(eq(dbl, fm_box_distance(&item.box, item.trace[item.n_trace - 1]), 0), "item %zu",
                  i);
        /* No single point may be near both ends: that would pass without looking. */
        cr_expect(gt(dbl, fm_box_distance(&item.box, item.trace[0]), 0.40), "item %zu", i);
    }
    fm_world_item_release(&item);
}

Test(world, box_stands_upright_on_orthonormal_axes)
{
    const fm_world_config config = small(5);
    fm_world_item item = {0};

    for (size_t i = 0; i < ITEMS; i++) {
        make(&config, i, &item);
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) {
                double dot = 0;

                for (int k = 0; k < 3; k++)
                    dot += item.box.rotation[k][a] * item.box.rotation[k][b];
                cr_expect(epsilon_eq(dbl, dot, a == b, 1e-12));
            }
        /* The box's third axis points up, against the camera's y. */
        cr_expect(lt(dbl, item.box.rotation[1][2], -0.5));
    }
    fm_world_item_release(&item);
}

Test(world, words_name_target_and_destination)
{
    const fm_world_config config = small(6);
    fm_world_item item = {0};

    for (size_t i = 0; i < ITEMS; i++) {
        make(&config, i, &item);
        cr_expect(ne(ptr, strstr(item.instruction, item.target), NULL), "%s", item.instruction);
        cr_expect(ne(ptr, strstr(item.instruction, item.destination), NULL), "%s",
                  item.instruction);
        cr_expect(item.steps >= 2 && item.steps <= 8, "%d steps", item.steps);
    }
    fm_world_item_release(&item);
}

Test(world, some_pictures_are_upright)
{
    const fm_world_config config = small(7);
    fm_world_item item = {0};
    int upright = 0;

    for (size_t i = 0; i < 40; i++) {
        make(&config, i, &item);
        upright += item.image.height > item.image.width;
        cr_expect(eq(int, item.image.width + item.image.height, 128 + 96));
        cr_expect(eq(int, item.depth.width, item.image.width));
        cr_expect(eq(int, item.mask.height, item.image.height));
    }
    cr_expect(upright >= 2 && upright <= 24, "%d of 40", upright);
    fm_world_item_release(&item);
}

/* ---- the same everywhere ---- */

static void hash_raster(fm_hash *hash, const fm_raster *r)
{
    size_t n = (size_t)r->width * (size_t)r->height * (size_t)r->channels;

    for (size_t i = 0; i < n; i++) {
        unsigned value =
            r->bits == 16 ? ((const uint16_t *)r->data)[i] : ((const uint8_t *)r->data)[i];
        unsigned char bytes[2] = {(unsigned char)(value & 255), (unsigned char)(value >> 8)};

        fm_hash_update(hash, bytes, sizeof(bytes));
    }
}

/* Decoded pixels and every number to its last bit, so that neither zlib nor JSON has a say. */
static void hash_item(fm_hash *hash, const fm_world_item *item)
{
    char text[2 * FM_WORLD_TEXT_BYTES];

    hash_raster(hash, &item->image);
    hash_raster(hash, &item->depth);
    hash_raster(hash, &item->mask);
    int n = snprintf(text, sizeof(text), "%s|%s|%s|%d", item->instruction, item->target,
                     item->destination, item->steps);
    fm_hash_update(hash, text, (size_t)n);
    n = snprintf(text, sizeof(text), "%a %a %a %a", item->camera.fx, item->camera.fy,
                 item->camera.cx, item->camera.cy);
    fm_hash_update(hash, text, (size_t)n);
    for (size_t i = 0; i < item->n_trace; i++) {
        n = snprintf(text, sizeof(text), "%a %a %a", item->trace[i][0], item->trace[i][1],
                     item->trace[i][2]);
        fm_hash_update(hash, text, (size_t)n);
    }
    for (int i = 0; i < 3; i++) {
        n = snprintf(text, sizeof(text), "%a %a %a %a %a", item->box.center[i], item->box.extent[i],
                     item->box.rotation[i][0], item->box.rotation[i][1], item->box.rotation[i][2]);
        fm_hash_update(hash, text, (size_t)n);
    }
}

Test(world, an_item_depends_on_seed_and_index_alone)
{
    fm_world_config config = small(11);
    fm_world_item item = {0}, again = {0};
    char a[FM_HASH_TEXT_BYTES], b[FM_HASH_TEXT_BYTES];
    fm_hash *hash = fm_hash_new();

    make(&config, 5, &item);
    hash_item(hash, &item);
    fm_hash_finish(hash, a);
    config.count = 1000;
    config.jobs = 7;
    make(&config, 9, &again); /* whatever was made before in the same struct */
    make(&config, 5, &again);
    hash = fm_hash_new();
    hash_item(hash, &again);
    fm_hash_finish(hash, b);
    cr_expect(eq(str, a, b));
    config.seed++;
    make(&config, 5, &again);
    hash = fm_hash_new();
    hash_item(hash, &again);
    fm_hash_finish(hash, b);
    cr_expect(ne(str, a, b));
    fm_world_item_release(&item);
    fm_world_item_release(&again);
}

/* Compiler, optimisation level and library must not show. Where a change of pixels is meant, raise
 * FM_WORLD_VERSION and put the new hash here. */
Test(world, pixels_and_numbers_are_the_golden_ones)
{
    static const struct {
        uint64_t seed;
        size_t index;
        int width, height;
    } items[] = {{1, 0, 128, 96},
                 {1, 1, 128, 96},
                 {2, 17, 96, 128},
                 {7, 3, 160, 120},
                 {UINT64_MAX, 99999, 64, 64}};
    fm_hash *hash = fm_hash_new();
    char text[FM_HASH_TEXT_BYTES];
    fm_world_item item = {0};

    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        fm_world_config config = small(items[i].seed);

        config.width = items[i].width;
        config.height = items[i].height;
        make(&config, items[i].index, &item);
        hash_item(hash, &item);
    }
    fm_hash_finish(hash, text);
    cr_expect(eq(str, text, "e234f18fe60fcf00509e0b87041c510cce3641b9fdc1f29dbda3e94bea98748d"));
    fm_world_item_release(&item);
}

/* ---- bad sizes ---- */

Test(world, sizes_out_of_bounds_are_refused)
{
    static const int sizes[][2] = {{0, 0}, {31, 31}, {128, 31}, {5000, 5000}, {400, 100}, {-5, 64}};
    fm_world_item item = {0};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fm_world_config config = small(1);
        fm_err err = {0};

        config.width = sizes[i][0];
        config.height = sizes[i][1];
        cr_expect(eq(int, fm_world_item_make(&config, 0, &item, &err), FM_E_USAGE));
        cr_expect(ne(ptr, strstr(err.text, "size"), NULL), "%s", err.text);
    }
}

/* ---- the folder ---- */

static char root[64];

static void make_root(void)
{
    snprintf(root, sizeof(root), "/tmp/fathom-world-XXXXXX");
    cr_assert(ne(ptr, mkdtemp(root), NULL));
}

static void remove_root(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    cr_assert(eq(int, system(command), 0));
}

static const char *in_root(const char *name)
{
    static char path[2][256];
    static int turn;

    turn ^= 1;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", root, name);
    return path[turn];
}

TestSuite(world_folder, .init = make_root, .fini = remove_root);

Test(world_folder, has_the_layout_of_the_benchmark)
{
    fm_world_config config = small(2);
    fm_world_item item = {0};
    fm_raster back = {0};
    fm_err err = {0};
    cJSON *tree = NULL;

    config.count = 3;
    config.jobs = 2;
    cr_assert(eq(int, fm_world_generate(&config, in_root("a/b"), &err), FM_OK), "%s", err.text);
    cr_assert(
        eq(int, fm_json_load(in_root("a/b/trajectory_dataset.json"), 1 << 20, &tree, &err), FM_OK));
    cr_assert(eq(int, cJSON_GetArraySize(tree), 3));
    for (int i = 0; i < 3; i++) {
        static const char *const texts[] = {
            "prompt",      "target_object", "destination|direction", "category",
            "data_source", "image_path",    "gt_depth_path",         "mask_path"};
        const cJSON *r = cJSON_GetArrayItem(tree, i);
        double v[3];

        make(&config, (size_t)i, &item);
        cr_expect(eq(dbl, fm_json_number(r, "id", -1), i));
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
            cr_expect(ne(ptr, (char *)fm_json_string(r, texts[k]), NULL), "%s", texts[k]);
        cr_expect(eq(str, (char *)fm_json_string(r, "prompt"), item.instruction));
        cr_expect(
            eq(int, cJSON_GetArraySize(fm_json_get(r, "gt_depth_intrinsics")), i % 2 ? 4 : 3));
        cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(r, "trajectory")), (int)item.n_trace));
        cr_assert(fm_json_vector(cJSON_GetArrayItem(fm_json_get(r, "trajectory"), 1), v, 3));
        cr_expect(eq(dbl, v[2], item.trace[1][2])); /* numbers survive to the last bit */
        cr_assert(fm_json_vector(fm_json_get(r, "bbox_extent"), v, 3));
        cr_expect(eq(dbl, v[0], item.box.extent[0]));
    }
    cr_assert(
        eq(int, fm_raster_load_depth(in_root("a/b/raw_data/2/gt_depth.png"), &back, &err), FM_OK));
    cr_expect(eq(
        int, memcmp(back.data, item.depth.data, (size_t)back.width * (size_t)back.height * 2), 0));
    cr_assert(eq(int, fm_raster_load_rgb(in_root("a/b/raw_data/2/image.png"), &back, &err), FM_OK));
    cr_expect(eq(
        int, memcmp(back.data, item.image.data, (size_t)back.width * (size_t)back.height * 3), 0));
    cr_assert(eq(int, fm_raster_load_mask(in_root("a/b/raw_data/2/mask.png"), &back, &err), FM_OK));
    cJSON_Delete(tree);
    fm_raster_release(&back);
    fm_world_item_release(&item);
}

Test(world_folder, threads_do_not_change_a_byte)
{
    fm_world_config config = small(8);
    char a[FM_HASH_TEXT_BYTES], b[FM_HASH_TEXT_BYTES];
    fm_err err = {0};

    config.count = 4;
    cr_assert(eq(int, fm_world_generate(&config, in_root("one"), &err), FM_OK), "%s", err.text);
    config.jobs = 3;
    cr_assert(eq(int, fm_world_generate(&config, in_root("three"), &err), FM_OK), "%s", err.text);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "trajectory_dataset.json" : "raw_data/3/image.png";
        char path[128];

        snprintf(path, sizeof(path), "one/%s", name);
        cr_assert(eq(int, fm_hash_file(in_root(path), a, &err), FM_OK));
        snprintf(path, sizeof(path), "three/%s", name);
        cr_assert(eq(int, fm_hash_file(in_root(path), b, &err), FM_OK));
        cr_expect(eq(str, a, b), "%s", name);
    }
}

static ino_t inode(const char *path)
{
    struct stat info = {0};

    cr_assert(eq(int, stat(path, &info), 0));
    return info.st_ino;
}

Test(world_folder, is_used_again_for_the_same_configuration)
{
    fm_world_config config = small(9);
    fm_err err = {0};

    config.count = 1;
    cr_assert(eq(int, fm_world_generate(&config, in_root("x/"), &err), FM_OK), "%s", err.text);
    ino_t before = inode(in_root("x"));
    cr_assert(eq(int, fm_world_generate(&config, in_root("x"), &err), FM_OK), "%s", err.text);
    cr_expect(before == inode(in_root("x")));
}

Test(world_folder, of_another_configuration_is_refused)
{
    fm_world_config config = small(9);
    fm_err err = {0};

    config.count = 1;
    cr_assert(eq(int, fm_world_generate(&config, in_root("x"), &err), FM_OK), "%s", err.text);
    config.count = 2;
    cr_expect(eq(int, fm_world_generate(&config, in_root("x"), &err), FM_E_USAGE));
    cr_expect(ne(ptr, strstr(err.text, "x' exists"), NULL), "%s", err.text);
    cr_expect(not(fm_file_exists(in_root("x/raw_data/1/image.png"))));
}

Test(world_folder, of_somebody_else_is_refused_untouched)
{
    fm_world_config config = small(9);
    fm_err err = {0};

    cr_assert(eq(int, fm_dir_make(in_root("mine"), &err), FM_OK));
    cr_assert(eq(int, fm_file_write_atomic(in_root("mine/thesis.txt"), "x", 1, &err), FM_OK));
    cr_expect(eq(int, fm_world_generate(&config, in_root("mine"), &err), FM_E_USAGE));
    cr_expect(fm_file_exists(in_root("mine/thesis.txt")));
    cr_expect(eq(int, fm_world_generate(&config, in_root("mine/thesis.txt"), &err), FM_E_USAGE));
}

Test(world_folder, that_is_empty_is_filled)
{
    fm_world_config config = small(9);
    fm_err err = {0};

    config.count = 1;
    cr_assert(eq(int, fm_dir_make(in_root("empty"), &err), FM_OK));
    cr_assert(eq(int, fm_world_generate(&config, in_root("empty"), &err), FM_OK), "%s", err.text);
    cr_expect(fm_file_exists(in_root("empty/raw_data/0/mask.png")));
}

Test(world_folder, leaves_nothing_behind_when_it_fails)
{
    fm_world_config config = small(9);
    fm_err err = {0};

    config.count = 2;
    config.width = 5000;
    cr_expect(eq(int, fm_world_generate(&config, in_root("bad"), &err), FM_E_USAGE));
    cr_expect(not(fm_dir_exists(in_root("bad"))));
    cr_expect(eq(int, rmdir(root), 0)); /* no temporary folder either */
    cr_assert(eq(int, mkdir(root, 0700), 0));
}

/* ---- key steps ---- */

/* What is annotated can be read off the depth map, noise aside. */
Test(world, key_steps_state_what_the_depth_map_shows)
{
    fm_world_config config = fm_world_default_config();
    fm_world_item item = {0};

    config.width = 160;
    config.height = 120;
    for (size_t index = 0; index < 6; index++) {
        make(&config, index, &item);
        const uint16_t *depth = (const uint16_t *)item.depth.data;

        cr_assert(ge(sz, item.n_key_steps, 4));
        cr_expect(eq(int, item.key_steps[0].kind, FM_WORLD_SCALE));
        cr_expect(eq(str, item.key_steps[0].target, "Scene"));
        cr_expect(gt(dbl, item.key_steps[0].value[0], 0.5));
        cr_expect(eq(str, item.key_steps[1].target, item.target));
        cr_expect(gt(dbl, item.max_depth_m, item.key_steps[0].value[0] / 2));
        for (size_t i = 0; i < item.n_key_steps; i++) {
            const fm_world_key_step *step = &item.key_steps[i];
            int u = (int)(step->value[0] * item.depth.width + 0.5);
            int v = (int)(step->value[1] * item.depth.height + 0.5);

            if (step->kind != FM_WORLD_REFERRING)
                continue;
            double seen = depth[v * item.depth.width + u] / 1000.0;
            cr_expect(seen == 0 || fabs(seen - step->value[2]) < 0.05, "item %zu, %s: %g, not %g",
                      index, step->target, seen, step->value[2]);
        }
    }
    fm_world_item_release(&item);
}
