/* Scenes that were written and read again are those that were in memory; what else stands in such files is
 * refused, and says where. */
#include <math.h>

#include "train/judge.h"
#include "train/scene_files.h"
#include "train/session.h"
#include "train_fixture.h"

TestSuite(scene_files, .init = scratch_make, .fini = scratch_remove);

enum { SCENES = 5 };

static void write_text(const char *path, const char *text)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_file_write_atomic(path, text, strlen(text), &err), FM_OK), "%s", err.text);
}

static const char recipe_text[] =
    "model: start\nseed: 7\njudge_pictures: 2\n"
    "stages: [{things: [2, 4], families: [relation, comparison, referring, placing, measuring, "
    "trace2d, trace3d, lifting]}]\n"
    "data: {sizes: [[64, 48]], longest: 4000, without_camera: 0, without_depth: 0, reasoning: 1, "
    "brackets: 0";

/* A recipe of scenes in memory, one of the same scenes in files, and a start for both. */
static void make_both(tr_recipe *made, tr_recipe *read, rt_config *config, fm_arena *arena)
{
    char text[1024];
    fm_err err = {0};

    snprintf(text, sizeof(text), "%s}\n", recipe_text);
    write_text(scratch_path("made.yaml"), text);
    snprintf(text, sizeof(text), "%s, folder: scenes}\n", recipe_text);
    write_text(scratch_path("read.yaml"), text);
    cr_assert(
        eq(int,
           tr_session_words(scratch_path("made.yaml"), 3, 300, scratch_path("start/llm"), &err),
           FM_OK),
        "%s", err.text);
    small_folder(scratch_path("start"), 300);
    cr_assert(eq(int, tr_recipe_read(made, scratch_path("made.yaml"), arena, &err), FM_OK), "%s",
              err.text);
    cr_assert(eq(int, tr_recipe_read(read, scratch_path("read.yaml"), arena, &err), FM_OK), "%s",
              err.text);
    cr_assert(eq(int, rt_config_read(scratch_path("start"), arena, config, &err), FM_OK));
    fm_world_settings settings = tr_recipe_scene(made, 0, 0);
    cr_assert(eq(int,
                 fm_world_scenes_write(&settings, FM_WORLD_TRAINING, SCENES, 1,
                                       scratch_path("scenes"), &err),
                 FM_OK),
              "%s", err.text);
}

static void expect_same_questions(const tr_example *a, const tr_example *b)
{
    cr_assert(eq(sz, a->n_questions, b->n_questions));
    cr_assert(gt(sz, a->n_questions, 4));
    for (size_t q = 0; q < a->n_questions; q++) {
        cr_assert(eq(sz, a->questions[q].n, b->questions[q].n));
        cr_expect(eq(sz, a->questions[q].answer, b->questions[q].answer));
        cr_expect(eq(
            int,
            memcmp(a->questions[q].ids, b->questions[q].ids, a->questions[q].n * sizeof(int32_t)),
            0));
    }
}

Test(scene_files, are_learnt_as_those_in_memory)
{
    fm_arena arena = {0};
    tr_recipe made, read;
    rt_config config;
    tr_data *in_memory = NULL, *in_files = NULL;
    tr_judge *judge = NULL;
    tr_sample a = {0}, b = {0};
    fm_err err = {0};

    make_both(&made, &read, &config, &arena);
    cr_assert(eq(int, tr_data_new(&in_memory, &made, &config, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, tr_data_new(&in_files, &read, &config, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, tr_judge_new(&judge, &fm_reward_robotracer, in_files, 1, &err), FM_OK));
    for (uint64_t index = 0; index < SCENES - 2; index++) {
        fm_arena_reset(&a.arena);
        fm_arena_reset(&b.arena);
        cr_assert(eq(int, tr_data_make(in_memory, index, 0, &a, &err), FM_OK), "%s", err.text);
        cr_assert(eq(int, tr_data_make(in_files, index, 0, &b, &err), FM_OK), "%s", err.text);
        expect_same_questions(&a.example, &b.example);
        cr_expect(epsilon_eq(flt, a.example.log_scale, b.example.log_scale, 1e-6F));
        cr_expect(epsilon_eq(flt, a.example.view.depth_mean, b.example.view.depth_mean, 1e-3F));
        for (size_t i = 0; i < SMALL_PATCHES * 3 * SMALL_PATCH * SMALL_PATCH; i++)
            cr_assert(eq(flt, a.example.tile[i], b.example.tile[i]));
        for (size_t i = 0; i < SMALL_PATCHES; i++)
            cr_expect(eq(i32, a.example.labels[0].kinds[i], b.example.labels[0].kinds[i]));
        for (size_t q = 0; q < b.example.n_questions; q++) {
            const tr_question *asked = &b.example.questions[q];
            fm_reward r;

            cr_assert(eq(int,
                         tr_judge_reply(judge, 0, q, asked->ids + asked->answer,
                                        asked->n - asked->answer - 1, &r, &err),
                         FM_OK));
            cr_expect(gt(dbl, r.total, 2.49), "%s", tr_data_question(in_files, 0, q)->answer);
        }
    }
    /* The fourth is held out: what is learnt begins anew. */
    cr_assert(eq(int, tr_data_make(in_files, 3, 0, &a, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, tr_data_make(in_files, 0, 0, &b, &err), FM_OK), "%s", err.text);
    expect_same_questions(&a.example, &b.example);
    cr_assert(eq(int, tr_data_make(in_files, TR_HELD_OUT, 0, &b, &err), FM_OK), "%s", err.text);
    cr_expect(ne(flt, a.example.log_scale, b.example.log_scale));
    tr_judge_free(judge);
    tr_data_free(in_memory);
    tr_data_free(in_files);
    fm_arena_release(&a.arena);
    fm_arena_release(&b.arena);
    fm_arena_release(&arena);
}

/* ---- what is learnt of an answer ---- */

/* The words of an answer's tokens but those that are passed over. */
static void put_learnt(const rt_tokenizer *tokenizer, const tr_question *q, fm_buf *out)
{
    for (size_t i = q->answer; i + 1 < q->n; i++) { /* the last one ends it */
        size_t size;
        const char *bytes = rt_tokenizer_bytes(tokenizer, q->ids[i], &size);

        if (!q->passed_over[i - q->answer])
            fm_buf_append(out, bytes, size);
    }
}

/* The answer with its reasoning, but for what stands behind a step's target, the line's end included. */
static void put_deduced(const fm_world_question *q, fm_buf *out)
{
    char text[4096];

    fm_world_reasoning(q, text, sizeof(text));
    fm_buf_puts(out, "<think>");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        const char *seen = strstr(line, "]: ");

        fm_buf_append(out, line, seen ? (size_t)(seen - line) + 2 : strlen(line));
    }
    fm_buf_printf(out, "</think><answer>%s</answer>", q->answer);
}

Test(scene_files, a_stage_may_only_deduce)
{
    fm_arena arena = {0};
    tr_recipe made, read;
    rt_config config;
    tr_data *data = NULL;
    rt_tokenizer *tokenizer = NULL;
    tr_sample sample = {0};
    fm_err err = {0};

    make_both(&made, &read, &config, &arena);
    made.stages[0].families = 1u << FM_WORLD_FAMILY_RELATION | 1u << FM_WORLD_FAMILY_COMPARISON;
    made.stages[0].per_family = 4;
    made.stages[0].only_deduce = true;
    cr_assert(eq(int, tr_data_new(&data, &made, &config, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, rt_tokenizer_open(&tokenizer, scratch_path("start/llm"), &err), FM_OK));
    cr_assert(eq(int, tr_data_make(data, 0, 0, &sample, &err), FM_OK), "%s", err.text);
    cr_assert(gt(sz, sample.example.n_questions, 4));
    for (size_t i = 0; i < sample.example.n_questions; i++) {
        const tr_question *q = &sample.example.questions[i];
        fm_buf learnt = {0}, deduced = {0};
        size_t over = 0;

        put_learnt(tokenizer, q, &learnt);
        put_deduced(tr_data_question(data, 0, i), &deduced);
        cr_expect(eq(str, (char *)fm_buf_text(&learnt), (char *)fm_buf_text(&deduced)));
        for (size_t k = 0; k < q->n - q->answer; k++)
            over += q->passed_over[k];
        cr_expect(eq(sz, over, q->n_passed_over));
        fm_buf_release(&learnt);
        fm_buf_release(&deduced);
    }
    rt_tokenizer_free(tokenizer);
    tr_data_free(data);
    fm_arena_release(&sample.arena);
    fm_arena_release(&arena);
}

/* ---- what is refused ---- */

#define HEAD "{\"scale\": 1, \"max_depth\": 3, \"intrinsics\": [[9, 0, 4], [0, 9, 4], [0, 0, 1]], "
#define QA   HEAD "\"objects\": [], \"qa\": [{\"family\": \"measuring\", \"form\": \"length\", "

typedef struct {
    const char *line, *says;
} bad_line;

Test(scene_files, say_what_is_wrong_in_a_record)
{
    static const bad_line cases[] = {
        {"[]", "'scale' wants a number"},
        {"{\"scale\": 1, \"max_depth\": -1}", "'max_depth' wants"},
        {"{\"scale\": 1, \"max_depth\": 3, \"intrinsics\": [[1], [2], 3]}", "three rows"},
        {HEAD "\"objects\": 5}", "'objects' wants a list"},
        {HEAD "\"objects\": [{\"id\": 2}]}", "'objects.id' wants 1, 2, 3"},
        {HEAD "\"objects\": [{\"id\": 1, \"kind\": \"mug\", \"center_uvd\": [1, 2]}]}",
         "'objects.center_uvd'"},
        {HEAD "\"objects\": [], \"qa\": {}}", "'qa' wants a list"},
        {HEAD "\"objects\": [], \"qa\": [{\"family\": \"song\"}]}", "a family and a form"},
        {QA "\"answer\": 5}]}", "'answer' wants a text"},
        {HEAD "\"objects\": [], \"qa\": [{\"family\": \"relation\", \"form\": \"choice\", "
              "\"answer\": \"A\", \"question\": \"?\"}]}",
         "'option' wants a number from 0 to 3"},
        {QA "\"answer\": \"1 m\"}]}", "'question' wants a text"},
        {QA "\"answer\": \"1 m\", \"question\": \"?\", \"steps\": [1]}]}", "'steps' wants"},
        {QA "\"answer\": \"1 m\", \"question\": \"?\", \"truth\": {\"length_m\": 0}}]}",
         "'length_m' wants"},
        {QA "\"answer\": \"1 m\", \"question\": \"?\", \"truth\": {\"length_m\": 1, "
            "\"key_steps\": [{\"type\": \"Guess\"}]}}]}",
         "Scale, Referring or Measuring"},
    };
    static fm_world_scene scene;
    static tr_scene_words words[FM_WORLD_QUESTIONS_MAX];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fm_arena arena = {0};
        fm_err err = {0};
        cJSON *root = NULL;

        cr_assert(
            eq(int, fm_json_parse(cases[i].line, strlen(cases[i].line), "a:3", &root, &err), FM_OK),
            "%s", cases[i].line);
        cr_expect(
            eq(int, tr_scene_record_read(root, "a:3", &arena, &scene, words, &err), FM_E_INPUT));
        cr_expect(strstr(err.text, cases[i].says) != NULL, "%s", err.text);
        cr_expect(strncmp(err.text, "a:3: ", 5) == 0, "%s", err.text);
        cJSON_Delete(root);
        fm_arena_release(&arena);
    }
}

#define PICTURES(image)                                                                            \
    HEAD "\"objects\": [], \"qa\": [], \"image\": \"" image                                        \
         "\", \"depth\": \"depth/000000.png\", \"ids\": \"ids/000000.png\"}"

/* Pictures that leave the folder, that are not there, and that are no pictures. */
Test(scene_files, stay_in_their_folder)
{
    static const bad_line cases[] = {
        {PICTURES("../start/x.png"), "'../start/x.png'"},
        {PICTURES("/etc/passwd"), "'/etc/passwd'"},
        {PICTURES("images/none.png"), "none.png"},
        {PICTURES("scenes.jsonl"), "scenes.jsonl"},
        {"{", "not JSON"},
        {"", "not JSON"},
        {HEAD "\"objects\": [], \"qa\": []}", "'image' wants the name of a file"},
    };
    fm_arena arena = {0};
    tr_recipe made, read;
    rt_config config;

    make_both(&made, &read, &config, &arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[2048];
        tr_scene_files *files = NULL;
        tr_scene_read out;
        fm_err err = {0};

        snprintf(text, sizeof(text), "{}\n%s\n", cases[i].line);
        write_text(scratch_path("scenes/scenes.jsonl"), text);
        cr_assert(eq(int, tr_scene_files_open(&files, scratch_path("scenes"), 1, &err), FM_OK));
        cr_assert(eq(sz, tr_scene_files_count(files), 2));
        cr_expect(ne(int, tr_scene_files_read(files, 1, 0, &arena, &out, &err), FM_OK));
        cr_expect(strstr(err.text, cases[i].says) != NULL, "%s", err.text);
        cr_expect(strstr(err.text, "scenes.jsonl:2") != NULL, "%s", err.text);
        tr_scene_files_close(files);
    }
    fm_arena_release(&arena);
}

Test(scene_files, something_is_left_to_learn)
{
    fm_arena arena = {0};
    tr_recipe made, read;
    tr_data *data = NULL;
    rt_config config;
    fm_err err = {0};

    make_both(&made, &read, &config, &arena);
    read.judge_pictures = SCENES;
    cr_expect(eq(int, tr_data_new(&data, &read, &config, 1, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "5 scenes, of which the last 5 are held out") != NULL, "%s",
              err.text);
    write_text(scratch_path("scenes/scenes.jsonl"), "");
    cr_expect(eq(int, tr_data_new(&data, &read, &config, 1, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "holds no scene") != NULL, "%s", err.text);
    fm_arena_release(&arena);
}
