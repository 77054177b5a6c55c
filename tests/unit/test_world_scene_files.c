/* Scenes as files: each layout says what the scene in memory has, and a folder is whole or absent. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "fathom/world_scene.h"

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

TestSuite(world_scene_files, .init = make_root, .fini = remove_root);

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

        cr_expect(eq(str, (char *)fm_json_string(q, "answer"), scene.questions[i].answer));
        cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(q, "steps")), scene.questions[i].n_steps));
        cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(fm_json_get(q, "truth"), "key_steps")),
                     scene.questions[i].n_steps));
    }
    fm_raster_release(&back);
    fm_world_scene_release(&scene);
}

Test(world_scene_files, training_lines_say_what_the_scene_has)
{
    write_layout(FM_WORLD_TRAINING, 3, 2, "t");
    cr_expect(eq(sz, each_line("t/scenes.jsonl", check_scene_line), 3));
}

Test(world_scene_files, threads_do_not_change_a_byte)
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

Test(world_scene_files, questions_stand_in_three_tables)
{
    write_layout(FM_WORLD_QUESTIONS, 3, 2, "q");
    cr_expect(ge(sz, each_line("q/understanding.jsonl", check_row), 6));
    cr_expect(ge(sz, each_line("q/measuring.jsonl", check_row), 3));
    cr_expect(ge(sz, each_line("q/referring.jsonl", check_row), 3));
}

Test(world_scene_files, benchmark_has_a_trace_a_scene)
{
    cJSON *tree = NULL;
    fm_err err = {0};

    write_layout(FM_WORLD_BENCHMARK, 2, 1, "b");
    cr_assert(
        eq(int, fm_json_load(in_root("b/trajectory_dataset.json"), 1 << 20, &tree, &err), FM_OK));
    cr_assert(eq(int, cJSON_GetArraySize(tree), 2));
    for (int i = 0; i < 2; i++) {
        int n = cJSON_GetArraySize(fm_json_get(cJSON_GetArrayItem(tree, i), "trajectory"));

        cr_expect(n >= 6 && n <= 12, "%d points", n);
    }
    cJSON_Delete(tree);
}

Test(world_scene_files, of_other_settings_are_refused)
{
    fm_world_settings settings = small();
    fm_err err = {0};

    write_layout(FM_WORLD_TRAINING, 1, 1, "x");
    write_layout(FM_WORLD_TRAINING, 1, 1, "x"); /* left as it is */
    settings.seed++;
    cr_expect(eq(int, fm_world_scenes_write(&settings, FM_WORLD_TRAINING, 1, 1, in_root("x"), &err),
                 FM_E_USAGE));
    settings.families = 1u << FM_WORLD_FAMILY_LIFTING;
    cr_expect(eq(int,
                 fm_world_scenes_write(&settings, FM_WORLD_QUESTIONS, 1, 1, in_root("y"), &err),
                 FM_E_USAGE));
    cr_expect(not(fm_dir_exists(in_root("y"))));
}
