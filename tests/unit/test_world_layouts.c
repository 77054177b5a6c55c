/* Scenes as files: each layout says what the scene in memory has, and a folder is whole or absent. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/tabletop.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "fathom/raster.h"

static fm_world_settings small(void)
{
    fm_world_settings s = fm_world_default_settings();

    s.width = s.height = 64;
    s.per_family = 2;
    s.noise = false;
    return s;
}

static char root[64];

static void make_root(void)
{
    snprintf(root, sizeof(root), "/tmp/fathom-scenes-XXXXXX");
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
    static char path[2][512];
    static int turn;

    turn ^= 1;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", root, name);
    return path[turn];
}

TestSuite(world_layouts, .init = make_root, .fini = remove_root);

static void write_layout(fm_world_layout layout, size_t count, int jobs, const char *name)
{
    fm_world_settings settings = small();
    fm_err err = {0};

    cr_assert(
        eq(int, fm_world_scenes_write(&settings, layout, count, jobs, in_root(name), &err), FM_OK),
        "%s", err.text);
}

/* Calls `check` for each line of a table. */
static size_t each_line(const char *name, void (*check)(const cJSON *))
{
    fm_lines lines;
    size_t n = 0;
    bool more;

    cr_assert(eq(int, fm_lines_open(&lines, in_root(name), 0, NULL), FM_OK));
    while (fm_lines_next(&lines, &more, NULL) == FM_OK && more) {
        cJSON *line = cJSON_Parse(lines.line);

        cr_assert(ne(ptr, line, NULL), "%s: line %zu", name, n + 1);
        check(line);
        cJSON_Delete(line);
        n++;
    }
    fm_lines_close(&lines);
    return n;
}

static void check_scene_line(const cJSON *line)
{
    fm_world_settings settings = small();
    fm_world_scene scene = {0};
    fm_raster back = {0};
    fm_err err = {0};
    char path[128];

    cr_assert(
        eq(int,
           fm_world_scene_make(&settings, (size_t)fm_json_number(line, "scene", -1), &scene, &err),
           FM_OK),
        "%s", err.text);
    cr_expect(eq(dbl, fm_json_number(line, "scale", 0), scene.scale));
    cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(line, "objects")), scene.n_objects));
    cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(line, "qa")), scene.n_questions));
    snprintf(path, sizeof(path), "t/%s", fm_json_string(line, "image"));
    cr_assert(eq(int, fm_raster_load_rgb(in_root(path), &back, &err), FM_OK), "%s", err.text);
    cr_expect(eq(int, memcmp(back.data, scene.rgb, (size_t)(back.width * back.height * 3)), 0));
    snprintf(path, sizeof(path), "t/%s", fm_json_string(line, "ids"));
    cr_assert(eq(int, fm_raster_load_mask(in_root(path), &back, &err), FM_OK), "%s", err.text);
    cr_expect(eq(int, memcmp(back.data, scene.ids, (size_t)(back.width * back.height)), 0));
    for (int i = 0; i < scene.n_questions; i++) {
        const cJSON *q = cJSON_GetArrayItem(fm_json_get(line, "qa"), i);
        const cJSON *steps = fm_json_get(q, "steps");
        const fm_world_question *asked = &scene.questions[i];
        int lines = asked->conclusion[0] != '\0';

        for (const char *c = asked->conclusion; *c; c++)
            lines += *c == '\n';
        cr_expect(eq(str, (char *)fm_json_string(q, "answer"), (char *)asked->answer));
        cr_expect(eq(int, cJSON_GetArraySize(steps), asked->n_steps + lines));
        if (lines > 0) {
            const char *first = cJSON_GetArrayItem(steps, asked->n_steps)->valuestring;

            cr_expect(eq(int, strncmp(first, asked->conclusion, strlen(first)), 0));
        }
        cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(fm_json_get(q, "truth"), "key_steps")),
                     asked->n_steps));
    }
    fm_raster_release(&back);
    fm_world_scene_release(&scene);
}

Test(world_layouts, training_lines_say_what_the_scene_has)
{
    write_layout(FM_WORLD_TRAINING, 3, 2, "t");
    cr_expect(eq(sz, each_line("t/scenes.jsonl", check_scene_line), 3));
}

Test(world_layouts, threads_do_not_change_a_byte)
{
    char a[FM_HASH_TEXT_BYTES], b[FM_HASH_TEXT_BYTES];
    fm_err err = {0};

    write_layout(FM_WORLD_TRAINING, 4, 1, "one");
    write_layout(FM_WORLD_TRAINING, 4, 3, "three");
    cr_assert(eq(int, fm_hash_file(in_root("one/scenes.jsonl"), a, &err), FM_OK));
    cr_assert(eq(int, fm_hash_file(in_root("three/scenes.jsonl"), b, &err), FM_OK));
    cr_expect(eq(str, a, b));
}

static void check_row(const cJSON *row)
{
    fm_raster back = {0};
    fm_err err = {0};
    char path[128];

    snprintf(path, sizeof(path), "q/%s", fm_json_string(row, "image"));
    cr_expect(eq(int, fm_raster_load_rgb(in_root(path), &back, &err), FM_OK), "%s", err.text);
    if (fm_json_string(row, "mask")) {
        snprintf(path, sizeof(path), "q/%s", fm_json_string(row, "mask"));
        cr_expect(eq(int, fm_raster_load_mask(in_root(path), &back, &err), FM_OK), "%s", err.text);
    }
    fm_raster_release(&back);
}

Test(world_layouts, questions_stand_in_three_tables)
{
    write_layout(FM_WORLD_QUESTIONS, 3, 2, "q");
    cr_expect(ge(sz, each_line("q/understanding.jsonl", check_row), 6));
    cr_expect(ge(sz, each_line("q/measuring.jsonl", check_row), 3));
    cr_expect(ge(sz, each_line("q/referring.jsonl", check_row), 3));
}

static void check_item(const cJSON *r, size_t index)
{
    static const char *const texts[] = {"prompt",        "target_object", "destination|direction",
                                        "category",      "data_source",   "image_path",
                                        "gt_depth_path", "mask_path"};
    const cJSON *trace = fm_json_get(r, "trajectory");
    size_t count;
    fm_world_settings settings = fm_world_layout_settings(FM_WORLD_BENCHMARK, &count);
    fm_world_scene scene = {0};
    fm_raster back = {0};
    fm_err err = {0};
    double v[3], uv[2];
    char path[128];

    settings.width = 96;
    settings.height = 72;
    cr_assert(eq(int, fm_world_scene_make(&settings, index, &scene, &err), FM_OK));
    const fm_world_question *q = &scene.questions[0];
    cr_expect(eq(dbl, fm_json_number(r, "id", -1), (double)index));
    for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
        cr_expect(ne(ptr, (char *)fm_json_string(r, texts[k]), NULL), "%s", texts[k]);
    cr_expect(eq(str, (char *)fm_json_string(r, "prompt"), (char *)q->question));
    cr_expect(
        eq(int, cJSON_GetArraySize(fm_json_get(r, "gt_depth_intrinsics")), index % 2 ? 4 : 3));
    cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(r, "key_steps")), q->n_steps));
    cr_assert(eq(int, cJSON_GetArraySize(trace), q->n_points));
    for (int i = 0; i < q->n_points; i++) {
        cr_assert(fm_json_vector(cJSON_GetArrayItem(trace, i), v, 3));
        fm_camera_project(&scene.camera, v, uv);
        cr_expect(epsilon_eq(dbl, uv[0], q->points[i][0] * scene.width, 1e-9));
        cr_expect(epsilon_eq(dbl, uv[1], q->points[i][1] * scene.height, 1e-9));
        cr_expect(eq(dbl, v[2], q->points[i][2])); /* numbers survive to the last bit */
    }
    cr_expect(eq(dbl, fm_box_distance(&q->box, v), 0));
    size_t n = (size_t)scene.width * (size_t)scene.height;
    snprintf(path, sizeof(path), "a/b/raw_data/%zu/gt_depth.png", index);
    cr_assert(eq(int, fm_raster_load_depth(in_root(path), &back, &err), FM_OK));
    for (size_t i = 0; i < n; i++)
        cr_assert(eq(int, ((uint16_t *)back.data)[i], (int)((double)scene.depth[i] * 1000 + 0.5)));
    snprintf(path, sizeof(path), "a/b/raw_data/%zu/image.png", index);
    cr_assert(eq(int, fm_raster_load_rgb(in_root(path), &back, &err), FM_OK));
    cr_expect(eq(int, memcmp(back.data, scene.rgb, n * 3), 0));
    snprintf(path, sizeof(path), "a/b/raw_data/%zu/mask.png", index);
    cr_assert(eq(int, fm_raster_load_mask(in_root(path), &back, &err), FM_OK));
    for (size_t i = 0; i < n; i++)
        cr_assert(eq(int, ((uint8_t *)back.data)[i], scene.ids[i] == q->subject + 1 ? 255 : 0));
    fm_raster_release(&back);
    fm_world_scene_release(&scene);
}

Test(world_layouts, benchmark_says_what_the_scene_has)
{
    cJSON *tree = NULL;
    fm_err err = {0};

    cr_assert(eq(int, tabletop_write(96, 72, 3, in_root("a/b"), &err), FM_OK), "%s", err.text);
    cr_assert(
        eq(int, fm_json_load(in_root("a/b/trajectory_dataset.json"), 1 << 20, &tree, &err), FM_OK));
    cr_assert(eq(int, cJSON_GetArraySize(tree), 3));
    for (size_t i = 0; i < 3; i++)
        check_item(cJSON_GetArrayItem(tree, (int)i), i);
    cJSON_Delete(tree);
}

/* ---- the folder ---- */

static ino_t inode(const char *path)
{
    struct stat info = {0};

    cr_assert(eq(int, stat(path, &info), 0));
    return info.st_ino;
}

Test(world_layouts, a_folder_is_used_again_for_the_same)
{
    write_layout(FM_WORLD_TRAINING, 1, 1, "x/");
    ino_t before = inode(in_root("x"));
    write_layout(FM_WORLD_TRAINING, 1, 1, "x");
    cr_expect(before == inode(in_root("x")));
}

static fm_status attempt(const fm_world_settings *settings, fm_world_layout layout, size_t count,
                         const char *name, fm_err *err)
{
    return fm_world_scenes_write(settings, layout, count, 1, in_root(name), err);
}

Test(world_layouts, a_folder_of_something_else_is_refused_untouched)
{
    fm_world_settings settings = small();
    fm_err err = {0};

    write_layout(FM_WORLD_TRAINING, 1, 1, "x");
    cr_expect(eq(int, attempt(&settings, FM_WORLD_TRAINING, 2, "x", &err), FM_E_USAGE));
    cr_expect(ne(ptr, strstr(err.text, "x' exists"), NULL), "%s", err.text);
    cr_expect(not(fm_file_exists(in_root("x/images/000001.png"))));
    settings.seed++;
    cr_expect(eq(int, attempt(&settings, FM_WORLD_TRAINING, 1, "x", &err), FM_E_USAGE));
    cr_assert(eq(int, fm_dir_make(in_root("mine"), &err), FM_OK));
    cr_assert(eq(int, fm_file_write_atomic(in_root("mine/thesis.txt"), "x", 1, &err), FM_OK));
    cr_expect(eq(int, attempt(&settings, FM_WORLD_TRAINING, 1, "mine", &err), FM_E_USAGE));
    cr_expect(fm_file_exists(in_root("mine/thesis.txt")));
    cr_expect(
        eq(int, attempt(&settings, FM_WORLD_TRAINING, 1, "mine/thesis.txt", &err), FM_E_USAGE));
}

Test(world_layouts, a_folder_that_is_empty_is_filled)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_dir_make(in_root("empty"), &err), FM_OK));
    write_layout(FM_WORLD_BENCHMARK, 1, 1, "empty");
    cr_expect(fm_file_exists(in_root("empty/raw_data/0/mask.png")));
}

Test(world_layouts, families_that_there_is_no_room_for_are_refused)
{
    fm_world_settings settings = small();
    fm_err err = {0};

    settings.families = 1u << FM_WORLD_FAMILY_LIFTING;
    cr_expect(eq(int, attempt(&settings, FM_WORLD_QUESTIONS, 1, "y", &err), FM_E_USAGE));
    cr_expect(ne(ptr, strstr(err.text, "'questions' has none"), NULL), "%s", err.text);
    cr_expect(not(fm_dir_exists(in_root("y"))));
}

Test(world_layouts, leave_nothing_behind_when_they_fail)
{
    fm_world_settings settings = small();
    fm_err err = {0};

    settings.width = 5000;
    cr_expect(eq(int, attempt(&settings, FM_WORLD_TRAINING, 2, "bad", &err), FM_E_USAGE));
    cr_expect(not(fm_dir_exists(in_root("bad"))));
    cr_expect(eq(int, rmdir(root), 0)); /* no temporary folder either */
    cr_assert(eq(int, mkdir(root, 0700), 0));
}
