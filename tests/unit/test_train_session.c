/* A training from its recipe: what it reads, what it leaves, that it goes on to the same bytes, and that
 * the engine sees and answers as the trainer does. */
#include <math.h>

#include "engine/tokenizer.h"
#include "robotracer.h"
#include "train/folder.h"
#include "train/judge.h"
#include "train/model.h"
#include "train/session.h"
#include "train/vocabulary.h"
#include "train_fixture.h"

TestSuite(train_session, .init = scratch_make, .fini = scratch_remove);
TestSuite(train_judge, .init = scratch_make, .fini = scratch_remove);
TestSuite(train_recipe, .init = scratch_make, .fini = scratch_remove);
TestSuite(train_vocabulary, .init = scratch_make, .fini = scratch_remove);

static void write_text(const char *path, const char *text)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_file_write_atomic(path, text, strlen(text), &err), FM_OK), "%s", err.text);
}

/* ---- recipes ---- */

static const char small_recipe[] =
    "model: start\n"
    "seed: 3\n"
    "steps: 4\n"
    "pictures: 2\n"
    "optimiser: {rate: 0.002, warmup: 1, frozen: [mm_projector]}\n"
    "losses: {scale: 0.2, auxiliary_steps: 3}\n"
    "data: {sizes: [[40, 40], [40, 32]], longest: 400, without_camera: 0, without_depth: 0, "
    "reasoning: 0.5}\n"
    "stages:\n"
    "  - {until: 2, things: [1, 2], families: [referring], places: [tabletop]}\n"
    "  - {things: [2, 3], families: [referring, measuring], per_family: 2, "
    "reasoning: 0.25}\n"
    "save_every: 3\n"
    "judge_every: 4\n"
    "judge_pictures: 1\n";

Test(train_recipe, is_read_over_what_is_said_by_default)
{
    const char *path = scratch_path("recipe.yaml");
    fm_arena arena = {0};
    fm_err err = {0};
    tr_recipe r;

    write_text(path, small_recipe);
    cr_assert(eq(int, tr_recipe_read(&r, path, &arena, &err), FM_OK), "%s", err.text);
    cr_expect(eq(str, r.model, (char *)scratch_path("start")));
    cr_expect(eq(u64, r.steps, 4));
    cr_expect(eq(dbl, r.optimiser.rate, 0.002));
    cr_expect(eq(dbl, r.optimiser.beta2, tr_recipe_default().optimiser.beta2));
    cr_expect(eq(str, (char *)r.optimiser.frozen[0], "mm_projector"));
    cr_expect(eq(u64, r.mixture.auxiliary_steps, 3));
    cr_assert(eq(int, r.n_stages, 2));
    cr_expect(eq(int, tr_recipe_stage(&r, 1), 0));
    cr_expect(eq(int, tr_recipe_stage(&r, 2), 1));
    fm_world_settings second = tr_recipe_scene(&r, 1, 0);
    cr_expect(eq(uint, second.families,
                 1U << FM_WORLD_FAMILY_REFERRING | 1U << FM_WORLD_FAMILY_MEASURING));
    cr_expect(eq(uint, second.places, 1U << FM_WORLD_TABLETOP)); /* as the stage before it */
    cr_expect(eq(dbl, r.stages[0].reasoning, 0.5));              /* as data say */
    cr_expect(eq(dbl, r.stages[1].reasoning, 0.25));
    fm_arena_release(&arena);
}

Test(train_recipe, by_rewards_begins_from_other_defaults)
{
    const char *path = scratch_path("recipe.yaml");
    fm_arena arena = {0};
    fm_err err = {0};
    tr_recipe r;

    write_text(path, "model: a\nrft:\n  objective: dr-grpo\n  kl: k2\n  reward:\n"
                     "    variant: roborefer\n    r_acc: sum\n    weights: {r_of: 0.1}\n"
                     "losses: {place: 0.5}\n");
    cr_assert(eq(int, tr_recipe_read(&r, path, &arena, &err), FM_OK), "%s", err.text);
    cr_expect(eq(int, r.rewarded, true));
    cr_expect(eq(int, r.fresh, false));
    cr_expect(eq(dbl, r.mixture.kind, 0));
    cr_expect(eq(dbl, r.mixture.place, 0.5));
    cr_expect(eq(int, r.rft.group, 8));
    cr_expect(eq(int, r.rft.unbiased, true));
    cr_expect(eq(int, r.rft.kl, TR_KL_K2));
    cr_expect(eq(str, (char *)r.rft.rewards.name, "roborefer"));
    cr_expect(eq(int, r.rft.rewards.r_acc_over, FM_STEPS_SUM));
    cr_expect(eq(dbl, r.rft.rewards.w_of, 0.1));
    cr_expect(eq(dbl, r.rft.rewards.w_p, 1));
    fm_arena_release(&arena);
}

Test(train_recipe, makes_a_share_of_the_ways_hard)
{
    tr_recipe r = tr_recipe_default();
    int hard = 0;

    cr_expect(eq(int, tr_recipe_scene(&r, 0, 3).hard_ways, false));
    r.hard_ways = 0.25;
    for (uint64_t i = 0; i < 400; i++)
        hard += tr_recipe_scene(&r, 0, i).hard_ways;
    cr_expect(gt(int, hard, 70));
    cr_expect(lt(int, hard, 130));
}

Test(train_recipe, says_what_is_wrong_and_where)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"seed: 1\n", "'model' is missing"},
        {"model: 5\n", "'model' wants a path"},
        {"model: a\ndata: {sizes: [[100.9, 100]]}\n", "'data.sizes' wants"},
        {"model: a\ndata: {sizes: [{a: 100, b: 100}]}\n", "'data.sizes' wants"},
        {"model: a\ndata: {sizes: {a: [100, 100]}}\n", "'data.sizes' wants"},
        {"model: a\nstages: [{families: {a: referring}}]\n", "'stages.families' wants a list"},
        {"model: a\nsteps: many\n", "'steps'"},
        {"model: a\nspeed: 1\n", "'speed' is no member"},
        {"model: a\noptimiser: {ratee: 1}\n", "'optimiser.ratee' is no member"},
        {"model: a\noptimiser: {rule: sgd}\n", "'optimiser.rule'"},
        {"model: a\noptimiser: 3\n", "'optimiser' wants members, as 'rate: ...'"},
        {"model: a\nstages: [{families: [nothing]}]\n", "'nothing'"},
        {"model: a\nstages: [{things: [3, 2]}]\n", "fewest before the most"},
        {"model: a\nstages: [{until: 5}, {until: 3}]\n", "later 'until'"},
        {"model: a\nstages: [{until: 5}]\n", "the last none"},
        {"- model: a\n", "'the recipe' wants members, as 'model: ...'"},
        {"model: a\nstages: 7\n", "'stages' wants a list"},
        {"model: a\noptimiser: {frozen: llm}\n", "'optimiser.frozen' wants a list"},
        {"model: a\npictures: 0\n", "'pictures'"},
        {"model: a\nrft: {groups: 3}\n", "'rft.groups' is no member"},
        {"model: a\nrft: {group: 17}\n", "'rft.group'"},
        {"model: a\nrft: {objective: ppo}\n", "'rft.objective'"},
        {"model: a\nrft: {reward: {r_t: dwt}}\n", "'rft.reward.r_t'"},
        {"model: a\nrft: {reward: {weights: {r_x: 1}}}\n", "'rft.reward.weights.r_x' is no member"},
        {"model: a\ndata: {sizes: [[40]]}\n", "'data.sizes'"},
        {"model: a\ndata: {points: xy}\n", "'data.points'"},
        {"model: a\ndata: {points: xyz}\nrft: {}\n", "'data.points' is uvd"},
        {"model: a\ndata: {points: xyz, folder: b}\n", "'data.points' is uvd"},
    };
    const char *path = scratch_path("recipe.yaml");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fm_arena arena = {0};
        fm_err err = {0};
        tr_recipe r;

        write_text(path, rows[i].text);
        cr_expect(eq(int, tr_recipe_read(&r, path, &arena, &err), FM_E_INPUT), "%s", rows[i].text);
        cr_expect(ne(ptr, strstr(err.text, rows[i].says), NULL), "%s: %s", rows[i].text, err.text);
        cr_expect(ne(ptr, strstr(err.text, "recipe.yaml"), NULL), "%s", err.text);
        fm_arena_release(&arena);
    }
}

/* ---- vocabularies ---- */

Test(train_vocabulary, joins_what_stands_together_and_gives_it_back)
{
    static const char text[] = "the mug beside the mug; the mat at 120 and 451 cm";
    tr_vocabulary *vocabulary = NULL;
    rt_tokenizer *tokenizer = NULL;
    rt_ids ids = {0};
    fm_buf back = {0};
    fm_err err = {0};

    cr_assert(eq(int, tr_vocabulary_new(&vocabulary, &err), FM_OK));
    for (int i = 0; i < 3; i++)
        cr_assert(eq(int, tr_vocabulary_count(vocabulary, text, &err), FM_OK));
    cr_assert(
        eq(int, tr_vocabulary_write(vocabulary, 280, "<SCALE>", scratch_path("llm"), &err), FM_OK),
        "%s", err.text);
    cr_assert(eq(int, rt_tokenizer_open(&tokenizer, scratch_path("llm"), &err), FM_OK), "%s",
              err.text);
    cr_expect(eq(sz, rt_tokenizer_size(tokenizer), 280));
    cr_expect(eq(i32, rt_tokenizer_id(tokenizer, "<SCALE>"), 279));
    cr_assert(
        eq(int, rt_tokenizer_encode(tokenizer, text, strlen(text), false, &ids, &err), FM_OK));
    for (size_t i = 0; i < ids.n; i++) {
        size_t size;
        const char *bytes = rt_tokenizer_bytes(tokenizer, ids.ids[i], &size);

        fm_buf_append(&back, bytes, size);
        cr_expect(not(size > 1 && bytes[0] >= '0' && bytes[0] <= '9')); /* digits stay apart */
    }
    cr_expect(eq(str, (char *)fm_buf_text(&back), (char *)text));
    cr_expect(lt(sz, ids.n, strlen(text) * 2 / 3));
    cr_expect(eq(int, tr_vocabulary_write(vocabulary, 258, "<SCALE>", scratch_path("llm"), &err),
                 FM_E_USAGE));
    fm_buf_release(&back);
    rt_ids_release(&ids);
    rt_tokenizer_free(tokenizer);
    tr_vocabulary_free(vocabulary);
}

/* ---- sessions ---- */

/* The small configuration with a vocabulary of 300 tokens. */
static void make_start(void)
{
    fm_err err = {0};

    write_text(scratch_path("recipe.yaml"), small_recipe);
    cr_assert(
        eq(int,
           tr_session_words(scratch_path("recipe.yaml"), 4, 300, scratch_path("start/llm"), &err),
           FM_OK),
        "%s", err.text);
    small_folder(scratch_path("start"), 300);
}

static fm_status go(const char *folder, uint64_t steps, int threads, fm_err *err)
{
    tr_session session = {.recipe = scratch_path("recipe.yaml"),
                          .folder = folder,
                          .threads = threads,
                          .most_steps = steps};

    return tr_session_run(&session, err);
}

static volatile sig_atomic_t stop;

static void stop_at_once(void *context, const tr_progress *state)
{
    (void)context;
    (void)state;
    stop = 1;
}

/* As by Ctrl-C while a step is under way. */
static fm_status interrupt(const char *folder, fm_err *err)
{
    tr_session session = {.recipe = scratch_path("recipe.yaml"),
                          .folder = folder,
                          .threads = 1,
                          .stop = &stop,
                          .progress = stop_at_once};

    return tr_session_run(&session, err);
}

static void expect_same_file(const char *a, const char *b)
{
    fm_buf first = {0}, second = {0};

    cr_assert(eq(int, fm_file_read(a, (size_t)1 << 26, &first, NULL), FM_OK));
    cr_assert(eq(int, fm_file_read(b, (size_t)1 << 26, &second, NULL), FM_OK));
    cr_assert(eq(sz, first.size, second.size));
    cr_expect(eq(int, memcmp(first.data, second.data, first.size), 0), "%s and %s", a, b);
    fm_buf_release(&first);
    fm_buf_release(&second);
}

/* Of two trainings' folders. */
static void expect_same_trainings(void)
{
    static const char *const files[] = {"checkpoint.safetensors", "steps.tsv",
                                        "model/llm/model.safetensors",
                                        "model/spatial_encoder/model.safetensors"};
    char one[256], two[256];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(one, sizeof(one), "%s/%s", scratch_path("one"), files[i]);
        snprintf(two, sizeof(two), "%s/%s", scratch_path("two"), files[i]);
        expect_same_file(one, two);
    }
}

Test(train_session, goes_on_where_it_stopped_to_the_same_bytes)
{
    fm_err err = {0};

    make_start();
    cr_assert(eq(int, go(scratch_path("one"), 0, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, go(scratch_path("two"), 1, 2, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, interrupt(scratch_path("two"), &err), FM_E_INTERRUPTED));
    cr_expect(ne(ptr, strstr(err.text, "stopped after step 2"), NULL), "%s", err.text);
    cr_assert(eq(int, go(scratch_path("two"), 0, 1, &err), FM_OK), "%s", err.text);
    expect_same_trainings();
}

Test(train_session, refuses_a_folder_of_another_recipe)
{
    fm_err err = {0};

    make_start();
    cr_assert(eq(int, go(scratch_path("one"), 1, 1, &err), FM_OK), "%s", err.text);
    write_text(scratch_path("recipe.yaml"), "model: start\nsteps: 5\n");
    cr_expect(eq(int, go(scratch_path("one"), 1, 1, &err), FM_E_USAGE));
    cr_expect(ne(ptr, strstr(err.text, "another recipe"), NULL), "%s", err.text);
    cr_expect(ne(ptr, strstr(err.text, "'seed' differs"), NULL), "%s", err.text);
    cr_expect(ne(ptr, strstr(err.text, "one/recipe.yaml'"), NULL), "%s", err.text);
}

/* Each opening of a file has a lock of its own, so that one process can stand for two. */
Test(train_session, one_process_at_a_time_trains_in_a_folder)
{
    tr_folder other;
    fm_err err = {0};

    make_start();
    cr_assert(eq(int, tr_folder_open(&other, scratch_path("one"), &err), FM_OK), "%s", err.text);
    cr_expect(eq(int, go(scratch_path("one"), 1, 1, &err), FM_E_LOCKED));
    cr_expect(ne(ptr, strstr(err.text, "another process is working on training folder"), NULL),
              "%s", err.text);
    cr_expect(eq(int, fm_file_exists(scratch_path("one/recipe.yaml")), false));
    tr_folder_release(&other);
    cr_expect(eq(int, go(scratch_path("one"), 1, 1, &err), FM_OK), "%s", err.text);
}

/* The second stage's picture has more questions than 16 MB hold. */
static const char tight_recipe[] =
    "model: start\nsteps: 3\npictures: 1\nmemory_mb: 16\njudge_every: 0\n"
    "data: {sizes: [[40, 40]], longest: 400}\n"
    "stages: [{until: 1, things: [1, 2], families: [referring], places: [tabletop]}, "
    "{things: [6, 8], families: [referring, measuring, relation], per_family: 8}]\n";

Test(train_session, saves_what_was_learnt_before_a_step_that_fails)
{
    fm_buf rows = {0};
    fm_err err = {0};

    make_start();
    write_text(scratch_path("recipe.yaml"), tight_recipe);
    cr_assert(eq(int, go(scratch_path("one"), 0, 1, &err), FM_E_NOMEM), "%s", err.text);
    cr_expect(ne(ptr, strstr(err.text, "memory_mb"), NULL), "%s", err.text);
    cr_assert(fm_file_exists(scratch_path("one/checkpoint.safetensors")));
    cr_assert(eq(int, go(scratch_path("one"), 0, 1, &err), FM_E_NOMEM), "%s", err.text);
    cr_assert(eq(int, fm_file_read(scratch_path("one/steps.tsv"), 1 << 16, &rows, &err), FM_OK));
    cr_expect(ne(ptr, strstr(rows.data, "\n1\t1\t"), NULL), "%s", rows.data);
    fm_buf_release(&rows);
}

/* The recipe with another value in place of one that is there. */
static void change_recipe(const char *recipe, const char *from, const char *to)
{
    const char *at = strstr(recipe, from);
    char text[2048];

    cr_assert(at != NULL);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - recipe), recipe, to, at + strlen(from));
    write_text(scratch_path("recipe.yaml"), text);
}

Test(train_session, goes_on_by_a_recipe_with_more_memory_and_other_comments)
{
    fm_err err = {0};

    make_start();
    write_text(scratch_path("recipe.yaml"), tight_recipe);
    cr_assert(eq(int, go(scratch_path("one"), 0, 1, &err), FM_E_NOMEM), "%s", err.text);
    change_recipe(tight_recipe, "memory_mb: 16\n", "memory_mb: 512 # more\nsave_every: 1\n");
    cr_assert(eq(int, go(scratch_path("one"), 1, 1, &err), FM_OK), "%s", err.text);
    expect_same_file(scratch_path("recipe.yaml"), scratch_path("one/recipe.yaml"));
    change_recipe(tight_recipe, "per_family: 8", "per_family: 7");
    cr_expect(eq(int, go(scratch_path("one"), 0, 1, &err), FM_E_USAGE));
    cr_expect(ne(ptr, strstr(err.text, "'stages' differs"), NULL), "%s", err.text);
    change_recipe(tight_recipe, "longest: 400", "longest: 300");
    cr_expect(eq(int, go(scratch_path("one"), 0, 1, &err), FM_E_USAGE));
    cr_expect(ne(ptr, strstr(err.text, "'data.longest' differs"), NULL), "%s", err.text);
}

Test(train_session, goes_on_without_the_folder_that_it_began_from)
{
    char from[FM_PATH_BYTES];
    fm_err err = {0};

    make_start();
    cr_assert(eq(int, go(scratch_path("one"), 0, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, go(scratch_path("two"), 2, 1, &err), FM_OK), "%s", err.text);
    snprintf(from, sizeof(from), "%s", scratch_path("start"));
    cr_assert(eq(int, rename(from, scratch_path("moved")), 0));
    cr_assert(eq(int, go(scratch_path("two"), 0, 1, &err), FM_OK), "%s", err.text);
    expect_same_trainings();
}

Test(train_session, makes_again_a_model_that_is_gone)
{
    fm_err err = {0};

    make_start();
    cr_assert(eq(int, go(scratch_path("one"), 0, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, go(scratch_path("two"), 0, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, remove(scratch_path("one/model/llm/model.safetensors")), 0));
    cr_assert(eq(int, remove(scratch_path("one/model/config.json")), 0));
    cr_assert(eq(int, go(scratch_path("one"), 0, 1, &err), FM_OK), "%s", err.text);
    expect_same_trainings();
    expect_same_file(scratch_path("one/model/config.json"), scratch_path("start/config.json"));
}

Test(train_session, words_are_not_put_beside_weights)
{
    fm_err err = {0};

    make_start();
    write_text(scratch_path("start/llm/model.safetensors.index.json"), "{}");
    cr_expect(eq(
        int, tr_session_words(scratch_path("recipe.yaml"), 4, 300, scratch_path("start/llm"), &err),
        FM_E_USAGE));
    cr_expect(ne(ptr, strstr(err.text, "has weights"), NULL), "%s", err.text);
}

Test(train_session, only_parts_of_the_network_can_be_frozen)
{
    fm_err err = {0};

    make_start();
    write_text(scratch_path("recipe.yaml"), "model: start\noptimiser: {frozen: [llm, nope]}\n");
    cr_expect(eq(int, go(scratch_path("one"), 1, 1, &err), FM_E_INPUT));
    cr_expect(ne(ptr, strstr(err.text, "recipe.yaml: 'optimiser.frozen' has 'nope'"), NULL), "%s",
              err.text);
    cr_expect(ne(ptr, strstr(err.text, "llm, "), NULL), "%s", err.text);
    cr_expect(eq(int, fm_dir_exists(scratch_path("one")), false));
}

/* Found before anything is made, not when the training comes to it. */
Test(train_session, a_stage_that_cannot_be_made_is_refused_at_once)
{
    fm_err err = {0};

    make_start();
    write_text(scratch_path("recipe.yaml"),
               "model: start\nsteps: 9\npictures: 1\ndata: {sizes: [[40, 40]]}\n"
               "stages: [{until: 5, things: [1, 2], families: [referring]}, "
               "{families: [measuring], forms: [path]}]\n");
    cr_expect(eq(int, go(scratch_path("one"), 1, 1, &err), FM_E_INPUT));
    cr_expect(ne(ptr, strstr(err.text, "recipe.yaml: stage 2 cannot be made"), NULL), "%s",
              err.text);
    cr_expect(eq(int, fm_dir_exists(scratch_path("one")), false));
}

Test(train_session, steps_that_ask_nothing_end_it_and_are_saved)
{
    fm_err err = {0};

    make_start();
    write_text(scratch_path("recipe.yaml"), "model: start\nsteps: 30\npictures: 1\njudge_every: 0\n"
                                            "data: {sizes: [[40, 40]], longest: 16}\n"
                                            "stages: [{things: [1, 2], families: [referring]}]\n");
    cr_expect(eq(int, go(scratch_path("one"), 0, 1, &err), FM_E_INPUT));
    cr_expect(
        ne(ptr, strstr(err.text, "recipe.yaml: in stage 1 nothing was asked in 8 steps"), NULL),
        "%s", err.text);
    cr_expect(ne(ptr, strstr(err.text, "'data.longest' (16)"), NULL), "%s", err.text);
    cr_expect(fm_file_exists(scratch_path("one/checkpoint.safetensors")));

    write_text(scratch_path("recipe.yaml"),
               "model: start\nsteps: 30\npictures: 1\njudge_every: 0\n"
               "losses: {kind: 0, place: 0}\ndata: {sizes: [[40, 40]]}\n"
               "stages: [{things: [1, 2], families: [referring], only_look: true}]\n");
    cr_expect(eq(int, go(scratch_path("two"), 0, 1, &err), FM_E_INPUT));
    cr_expect(ne(ptr, strstr(err.text, "nothing was learnt in 8 steps"), NULL), "%s", err.text);
}

Test(train_session, a_stage_may_only_look)
{
    static const char recipe[] = "model: start\nsteps: 2\npictures: 2\n"
                                 "data: {sizes: [[40, 40]]}\n"
                                 "stages: [{until: 1, only_look: true, things: [2, 3], families: "
                                 "[referring]}, {only_look: false}]\n";
    fm_buf rows = {0};
    fm_err err = {0};

    make_start();
    write_text(scratch_path("recipe.yaml"), recipe);
    cr_assert(eq(int, go(scratch_path("one"), 0, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, fm_file_read(scratch_path("one/steps.tsv"), 1 << 16, &rows, &err), FM_OK));
    cr_assert(ne(ptr, strstr(rows.data, "\n1\t0\t\t\t"), NULL), "%s", rows.data);
    cr_assert(eq(ptr, strstr(rows.data, "\n2\t0\t"), NULL), "%s", rows.data);
    fm_buf_release(&rows);
}

/* ---- by rewards ---- */

static const char small_rft[] =
    "model: start\n"
    "seed: 3\n"
    "steps: 3\n"
    "fresh: true\n" /* it says nothing that earns anything: what it says is what counts here */
    "pictures: 2\n"
    "optimiser: {rate: 0.002}\n"
    "data: {sizes: [[40, 40]], longest: 400}\n"
    "stages: [{things: [1, 2], families: [referring, measuring], places: [tabletop]}]\n"
    "rft: {group: 3, longest: 5, beta: 0.1, updates: 2}\n"
    "judge_every: 3\n"
    "judge_pictures: 1\n";

static fm_status go_rewarded(const char *folder, uint64_t steps, int threads, fm_err *err)
{
    tr_session session = {.recipe = scratch_path("recipe.yaml"),
                          .folder = folder,
                          .rewarded = true,
                          .threads = threads,
                          .most_steps = steps};

    return tr_session_run(&session, err);
}

/* Another thread, another call, and a model in `start` that is not the one it began from any more. */
Test(train_session, by_rewards_it_goes_on_to_the_same_bytes_as_well)
{
    fm_buf steps = {0};
    fm_err err = {0};

    make_start();
    write_text(scratch_path("recipe.yaml"), small_rft);
    cr_assert(eq(int, go_rewarded(scratch_path("one"), 0, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, go_rewarded(scratch_path("two"), 2, 3, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, go_rewarded(scratch_path("two"), 0, 2, &err), FM_OK), "%s", err.text);
    expect_same_trainings();
    cr_assert(eq(int, fm_file_read(scratch_path("one/steps.tsv"), 1 << 20, &steps, &err), FM_OK));
    cr_expect(strstr(fm_buf_text(&steps), "\treward\tr_of\tr_p\t") != NULL);
    cr_expect(strstr(fm_buf_text(&steps), "\n0\t\t\t\t") != NULL, "%s", fm_buf_text(&steps));
    cr_expect(fm_file_exists(scratch_path("one/reference/llm/model.safetensors")));
    fm_buf_release(&steps);
}

Test(train_session, each_kind_of_training_has_its_recipes)
{
    fm_err err = {0};

    make_start();
    cr_expect(eq(int, go_rewarded(scratch_path("one"), 0, 1, &err), FM_E_USAGE));
    cr_expect(strstr(err.text, "has no 'rft'") != NULL, "%s", err.text);
    write_text(scratch_path("recipe.yaml"), small_rft);
    cr_expect(eq(int, go(scratch_path("one"), 0, 1, &err), FM_E_USAGE));
    cr_expect(strstr(err.text, "has 'rft'") != NULL, "%s", err.text);
    cr_expect(eq(int, fm_dir_exists(scratch_path("one")), false));
}

/* Tokens of the true answer with its reasoning earn what there is to earn, and those of another's do not. */
Test(train_judge, rewards_replies_by_the_generators_own_truth)
{
    fm_arena arena = {0};
    tr_data *data = NULL;
    tr_judge *rewards = NULL;
    tr_sample sample = {0};
    rt_config config;
    tr_recipe recipe;
    fm_err err = {0};
    bool seen[FM_WORLD_FORMS] = {false};

    make_start();
    write_text(scratch_path("recipe.yaml"),
               "model: start\ndata: {sizes: [[96, 96]], longest: 4000, reasoning: 1}\n"
               "stages: [{things: [3, 5], per_family: 3}]\n");
    cr_assert(eq(int, tr_recipe_read(&recipe, scratch_path("recipe.yaml"), &arena, &err), FM_OK));
    cr_assert(eq(int, rt_config_read(scratch_path("start"), &arena, &config, &err), FM_OK));
    cr_assert(eq(int, tr_data_new(&data, &recipe, &config, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, tr_judge_new(&rewards, &fm_reward_robotracer, data, 1, &err), FM_OK));
    for (uint64_t index = 0; index < 3; index++) {
        fm_arena_reset(&sample.arena);
        cr_assert(eq(int, tr_data_make(data, index, 0, &sample, &err), FM_OK), "%s", err.text);
        for (size_t q = 0; q < sample.example.n_questions; q++) {
            const tr_question *asked = &sample.example.questions[q];
            const fm_world_question *about = tr_data_question(data, 0, q);
            bool points = about->n_points > 0;
            fm_reward r;

            cr_assert(eq(int,
                         tr_judge_reply(rewards, 0, q, asked->ids + asked->answer,
                                        asked->n - asked->answer - 1, &r, &err),
                         FM_OK));
            cr_expect(eq(dbl, r.r_of, 1));
            cr_expect(eq(dbl, r.r_acc, 1));
            cr_expect(eq(int, isnan(r.r_p), !points));
            cr_expect(eq(int, isnan(r.r_a), points));
            cr_expect(gt(dbl, points ? r.r_p : r.r_a, 0.999), "%s: %s", about->question,
                      about->answer);
            cr_expect(gt(dbl, r.total, 2.49));
            seen[about->form] = true;
            cr_assert(eq(int, tr_judge_reply(rewards, 0, q, NULL, 0, &r, &err), FM_OK));
            cr_expect(eq(dbl, r.total, 0));
        }
    }
    for (int i = 0; i < FM_WORLD_FORMS; i++)
        cr_expect(seen[i], "%s", fm_world_form_name((fm_world_form)i));
    tr_judge_free(rewards);
    tr_data_free(data);
    fm_arena_release(&sample.arena);
    fm_arena_release(&arena);
}

/* ---- the engine's own eyes ---- */

/* What the engine shows of itself. */
typedef struct {
    float logits[300], spatial[25 * 32];
    size_t patches; /* that it should have seen */
    bool answered, saw;
} shown;

static void on_stage(void *context, const char *stage, const float *values, size_t rows,
                     size_t columns)
{
    shown *out = context;

    if (strcmp(stage, "spatial.final") == 0) {
        cr_assert(eq(sz, rows * columns, out->patches * 32));
        memcpy(out->spatial, values, rows * columns * sizeof(*values));
        out->saw = true;
    }
    if (strcmp(stage, "logits") == 0 && !out->answered) {
        cr_assert(eq(sz, columns, 300));
        memcpy(out->logits, values + (rows - 1) * columns, sizeof(out->logits));
        out->answered = true;
    }
}

static void ask_engine(const char *folder, const fm_world_scene *scene, shown *out)
{
    rt_picture picture = {.rgb = scene->rgb,
                          .width = scene->width,
                          .height = scene->height,
                          .depth_m = scene->depth,
                          .has_intrinsics = true,
                          .fx = scene->camera.fx,
                          .fy = scene->camera.fy,
                          .cx = scene->camera.cx,
                          .cy = scene->camera.cy};
    rt_model_options options = {.weights = RT_WEIGHTS_F32, .threads = 1};
    char prompt[2048];
    rt_model *model = NULL;
    rt_scene *seen = NULL;
    rt_answer answer = {0};
    rt_err err = {0};

    fm_world_prompt(&scene->questions[0], 0, prompt, sizeof(prompt));
    cr_assert(eq(int, rt_model_open(&model, folder, &options, &err), RT_OK), "%s", err.text);
    rt_model_probe(model, on_stage, out);
    cr_assert(eq(int, rt_scene_new(&seen, model, &picture, 1, &err), RT_OK), "%s", err.text);
    rt_question question = {.text = prompt, .max_answer_tokens = 1};
    cr_assert(eq(int, rt_ask(seen, &question, 1, NULL, &answer, &err), RT_OK), "%s", err.text);
    cr_assert(out->answered);
    cr_assert(out->saw);
    rt_answer_release(&answer);
    rt_scene_free(seen);
    rt_model_close(model);
}

/* Picture `index` through tr_data_make() and the network, and from its bytes through robotracer.h. */
static void expect_engine_agrees(const tr_recipe *recipe, const tr_network *network, tr_data *data,
                                 uint64_t index, size_t patches)
{
    static shown engine;
    fm_world_scene scene = {0};
    tr_sample sample = {0};
    fm_err err = {0};
    tr_pass pass;

    engine = (shown){.patches = patches};
    cr_assert(eq(int, tr_data_make(data, index, 0, &sample, &err), FM_OK), "%s", err.text);
    tr_question first = sample.example.questions[0];
    first.n = first.answer + 1;
    sample.example.questions = &first;
    sample.example.n_questions = 1;
    tr_pass_init(&pass, &network->store, (size_t)256 << 20);
    tr_rows token, spatial = tr_spatial_run(&pass, &network->spatial, &sample.example.view, &token);
    cr_assert(eq(sz, spatial.n, patches));
    tr_rows logits = tr_network_logits(network, &pass, &sample.example, 1);
    cr_assert(eq(sz, logits.n, 1));

    fm_world_settings settings = tr_recipe_scene(recipe, 1, index); /* of step index / 2 */
    cr_assert(eq(int, fm_world_scene_make(&settings, index, &scene, &err), FM_OK));
    ask_engine(scratch_path("one/model"), &scene, &engine);
    for (size_t i = 0; i < patches * 32; i++)
        cr_expect(epsilon_eq(flt, spatial.x[i], engine.spatial[i], 2e-4F), "spatial %zu", i);
    for (size_t i = 0; i < 300; i++)
        cr_expect(epsilon_eq(flt, logits.x[i], engine.logits[i], 2e-4F), "%zu", i);

    fm_world_scene_release(&scene);
    tr_pass_release(&pass);
    fm_arena_release(&sample.arena);
}

/* Does the first question of picture `index` hold these words? */
static bool asks_with(tr_data *data, uint64_t index, const char *words)
{
    tr_sample sample = {0};
    fm_buf text = {0};
    fm_err err = {0};

    cr_assert(eq(int, tr_data_make(data, index, 0, &sample, &err), FM_OK), "%s", err.text);
    cr_assert(gt(sz, sample.example.n_questions, 0));
    const tr_question *q = &sample.example.questions[0];
    for (size_t i = 0; i < q->answer; i++) {
        size_t size;
        const char *bytes = rt_tokenizer_bytes(tr_data_words(data), q->ids[i], &size);

        fm_buf_append(&text, bytes, size);
    }
    fm_buf_append(&text, "", 1);
    bool found = strstr((const char *)text.data, words) != NULL;
    fm_buf_release(&text);
    fm_arena_release(&sample.arena);
    return found;
}

/* Suites put options as "(A) left" and the world as "A. left": a model that has seen one alone stumbles
 * over the other. */
Test(train_session, options_are_put_in_both_manners)
{
    fm_arena arena = {0};
    tr_data *data = NULL;
    rt_config config;
    fm_err err = {0};
    int bracketed = 0, dotted = 0;

    make_start();
    cr_assert(eq(int, rt_config_read(scratch_path("start"), &arena, &config, &err), FM_OK), "%s",
              err.text);
    tr_recipe recipe = tr_recipe_default();
    snprintf(recipe.model, sizeof(recipe.model), "%s", scratch_path("start"));
    recipe.longest = 4096;
    recipe.stages[0].families = 1u << FM_WORLD_FAMILY_RELATION;
    recipe.stages[0].forms = 1u << FM_WORLD_CHOICE;
    cr_assert(eq(int, tr_data_new(&data, &recipe, &config, 1, &err), FM_OK), "%s", err.text);
    for (uint64_t i = 0; i < 40; i++) {
        bracketed += asks_with(data, i, "\n(A) ");
        dotted += asks_with(data, i, "\nA. ");
    }
    cr_expect(eq(int, bracketed + dotted, 40));
    cr_expect(gt(int, bracketed, 10));
    cr_expect(gt(int, dotted, 10));
    tr_data_free(data);
    fm_arena_release(&arena);
}

Test(train_session, a_trained_model_answers_in_the_engine_as_in_training)
{
    fm_arena arena = {0};
    tr_network *network = NULL;
    tr_data *data = NULL;
    rt_pool *pool = NULL;
    rt_config config;
    fm_err err = {0};
    tr_recipe recipe;

    make_start();
    cr_assert(eq(int, go(scratch_path("one"), 3, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, tr_recipe_read(&recipe, scratch_path("recipe.yaml"), &arena, &err), FM_OK));
    cr_assert(eq(int, rt_config_read(scratch_path("one/model"), &arena, &config, &err), FM_OK));
    cr_assert(eq(int, tr_network_new(&network, &config, &(tr_auxiliary){0}, NULL, 1, &err), FM_OK));
    cr_assert(eq(int, tr_model_load(network, scratch_path("one/model"), &err), FM_OK), "%s",
              err.text);
    cr_assert(eq(int, tr_data_new(&data, &recipe, &config, 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, rt_pool_new(&pool, 1, &err), FM_OK));
    tr_store_pack(&network->store, pool);

    expect_engine_agrees(&recipe, network, data, 6, 25);
    /* 40 x 32: the table of positions is resized. */
    expect_engine_agrees(&recipe, network, data, 7, 20);

    rt_pool_free(pool);
    tr_data_free(data);
    tr_network_free(network);
    fm_arena_release(&arena);
}
