/* Owns the order of a training: what is opened, when it is saved, and what is written down. */
#include "train/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/size.h"
#include "base/threads.h"
#include "train/checkpoint.h"
#include "train/folder.h"
#include "train/judge.h"
#include "train/model.h"
#include "train/steps.h"
#include "train/shown.h"
#include "train/vocabulary.h"

typedef struct {
    const tr_session *session;
    tr_recipe recipe;
    rt_config config;
    fm_arena arena;
    tr_network *network;
    tr_data *data;
    tr_network *reference; /* NULL: there is none */
    tr_judge *judge;
    tr_policy *policy;
    tr_trainer *trainer;
    int threads;
    tr_folder folder;
    tr_steps log;
    char checkpoint[FM_PATH_BYTES], model[FM_PATH_BYTES];
    const char *shape; /* the folder whose configuration and vocabulary count */
    tr_progress state;
    uint64_t saved; /* the step that the checkpoint has */
    int idle;       /* steps in a row in which nothing was to be learnt */
    double began;
} run;

/* ---- opening ---- */

static bool has_checkpoint(const run *r)
{
    return fm_file_exists(r->checkpoint);
}

/* What was begun goes on in the shape that it was begun in, whatever became of the folder that the
 * recipe names. */
static fm_status find_paths(run *r, fm_err *err)
{
    const char *folder = r->session->folder;
    char config[FM_PATH_BYTES];
    fm_status st = fm_path_join(r->checkpoint, folder, "checkpoint.safetensors", err);

    if (st == FM_OK)
        st = fm_path_join(r->model, folder, "model", err);
    if (st == FM_OK)
        st = fm_path_join(config, r->model, "config.json", err);
    if (st == FM_OK)
        r->shape = has_checkpoint(r) && fm_file_exists(config) ? r->model : r->recipe.model;
    return st;
}

static fm_status open_network(run *r, fm_err *err)
{
    const tr_mixture *m = &r->recipe.mixture;
    tr_auxiliary auxiliary = {m->kind > 0 || m->place > 0 || m->digit > 0 ? TR_KINDS : 0};
    fm_status st = rt_config_read(r->shape, &r->arena, &r->config, err);

    if (st == FM_OK)
        st = tr_network_new(&r->network, &r->config, &auxiliary, NULL, r->recipe.seed, err);
    if (st == FM_OK) {
        st = tr_optimiser_check(&r->recipe.optimiser, &r->network->store, err);
        if (st != FM_OK)
            return fm_fail_within(err, st, "%s", r->session->recipe);
    }
    if (st == FM_OK && !r->recipe.fresh && !has_checkpoint(r)) /* which has all of it */
        st = tr_model_load(r->network, r->recipe.model, err);
    return st;
}

/* The model that this training began from, kept in the folder: what the recipe names may change. */
static fm_status open_reference(run *r, fm_err *err)
{
    char folder[FM_PATH_BYTES];
    rt_pool *pool = NULL;
    fm_status st = fm_path_join(folder, r->session->folder, "reference", err);

    if (st == FM_OK && !has_checkpoint(r))
        st = tr_model_save(r->network, r->shape, folder, RT_F32, err);
    if (st == FM_OK)
        st = tr_network_new(&r->reference, &r->config, &(tr_auxiliary){0}, NULL, r->recipe.seed,
                            err);
    if (st == FM_OK)
        st = tr_model_load(r->reference, folder, err);
    if (st == FM_OK)
        st = rt_pool_new(&pool, 1, err);
    if (st == FM_OK)
        tr_store_pack(&r->reference->store, pool);
    rt_pool_free(pool);
    return st;
}

static fm_status open_policy(run *r, fm_err *err)
{
    tr_policy_config config = {.rft = r->recipe.rft,
                               .seed = r->recipe.seed,
                               .threads = r->threads,
                               .memory_bytes = (size_t)r->recipe.memory_mb << 20};
    fm_status st = r->recipe.rft.beta > 0 ? open_reference(r, err) : FM_OK;

    if (st == FM_OK)
        st = tr_judge_new(&r->judge, &r->recipe.rft.rewards, r->data, r->threads, err);
    if (st != FM_OK)
        return st;
    tr_tasks tasks = tr_judge_tasks(r->judge);
    return tr_policy_new(&r->policy, &config, r->network, r->reference, &tasks, err);
}

static fm_status open_trainer(run *r, fm_err *err)
{
    tr_trainer_config config = {.pictures = (size_t)r->recipe.pictures,
                                .threads = r->threads,
                                .memory_bytes = (size_t)r->recipe.memory_mb << 20,
                                .mixture = r->recipe.mixture,
                                .optimiser = r->recipe.optimiser,
                                .updates = 1};
    tr_source_of_samples source = {tr_data_make, r->data};
    fm_status st = FM_OK;

    if (r->recipe.rewarded) {
        st = open_policy(r, err);
        source = (tr_source_of_samples){tr_policy_make, r->policy};
        config.updates = (size_t)r->recipe.rft.updates;
    }
    config.optimiser.steps = r->recipe.steps * config.updates;
    return st == FM_OK ? tr_trainer_new(&r->trainer, &config, r->network, &source, err) : st;
}

static fm_status resume(run *r, fm_err *err)
{
    if (!has_checkpoint(r))
        return FM_OK;
    fm_status st = tr_checkpoint_read(r->checkpoint, &r->network->store, &r->state.step,
                                      r->recipe.steps, r->recipe.seed, err);
    if (st != FM_OK)
        return st;
    r->saved = r->state.step;
    tr_trainer_repack(r->trainer);
    return tr_model_is_there(r->network, r->model)
               ? FM_OK
               : tr_model_save(r->network, r->shape, r->model, RT_F32, err);
}

/* ---- going ---- */

/* The model first: where this is the last thing that happens, steps come again and the model with them; the
 * other way round it would stay as it was. */
static fm_status save(run *r, fm_err *err)
{
    fm_status st = tr_model_save(r->network, r->shape, r->model, RT_F32, err);

    if (st == FM_OK)
        st = tr_checkpoint_write(r->checkpoint, &r->network->store, r->state.step, r->recipe.seed,
                                 err);
    if (st == FM_OK)
        r->saved = r->state.step;
    return st;
}

static bool due(int every, uint64_t step, uint64_t steps)
{
    return every > 0 && (step % (uint64_t)every == 0 || step == steps);
}

static fm_status judge(run *r, fm_err *err)
{
    fm_status st = tr_trainer_judge(r->trainer, TR_HELD_OUT, (size_t)r->recipe.judge_pictures,
                                    &r->state.held_out, err);

    r->state.judged = st == FM_OK;
    return st;
}

/* What rewards come to is told by where they came from. */
static fm_status judge_start(run *r, fm_err *err)
{
    if (r->state.step > 0 || !r->recipe.rewarded || r->recipe.judge_every == 0)
        return FM_OK;
    fm_status st = judge(r, err);
    return st == FM_OK ? tr_steps_put(&r->log, &r->state, err) : st;
}

/* Steps in a row that ask nothing are no chance: questions are too long, or none are left. Where a
 * stage only looks, its patches have to teach something. */
static fm_status count_idle(run *r, fm_err *err)
{
    enum { MOST_IDLE = 8 };
    const tr_recipe *c = &r->recipe;
    const int stage = tr_recipe_stage(c, r->state.step - 1);
    const bool looks = c->stages[stage].only_look;
    const bool idle = r->state.report.questions == 0 && (!looks || !(r->state.report.norm > 0));

    r->idle = idle ? r->idle + 1 : 0;
    if (r->idle < MOST_IDLE)
        return FM_OK;
    if (looks)
        return fm_fail(err, FM_E_INPUT,
                       "%s: in stage %d nothing was learnt in %d steps in a row: with 'only_look', "
                       "'losses.kind', '.place', '.digit' or '.code' has to count there",
                       r->session->recipe, stage + 1, MOST_IDLE);
    return fm_fail(err, FM_E_INPUT,
                   "%s: in stage %d nothing was asked in %d steps in a row: 'data.longest' (%d) "
                   "leaves out what is longer; raise it, or say 'only_look'",
                   r->session->recipe, stage + 1, MOST_IDLE, c->longest);
}

static fm_status take_step(run *r, fm_err *err)
{
    const tr_recipe *c = &r->recipe;
    fm_status st = tr_trainer_step(r->trainer, r->state.step, &r->state.report, err);

    if (st != FM_OK)
        return st;
    r->state.step++;
    r->state.questions += r->state.report.questions;
    r->state.judged = false;
    if (due(c->judge_every, r->state.step, c->steps))
        st = judge(r, err);
    r->state.seconds = fm_clock_seconds() - r->began;
    /* A step that could not be judged is saved nevertheless, and does not come again: it has its row. */
    fm_status put = tr_steps_put(&r->log, &r->state, st == FM_OK ? err : NULL);
    st = st == FM_OK ? put : st;
    if (st == FM_OK && r->session->progress)
        r->session->progress(r->session->context, &r->state);
    if (st == FM_OK && due(c->save_every, r->state.step, c->steps))
        st = save(r, err);
    return st == FM_OK ? count_idle(r, err) : st;
}

/* What was learnt since the last save, whatever ended it: an error that is there already is the one
 * told. Between two updates of a step there is nothing from which it could go on to the same bytes. */
static fm_status save_rest(run *r, fm_status ended, fm_err *err)
{
    if (r->state.step == r->saved || tr_trainer_torn(r->trainer))
        return ended;
    fm_status st = save(r, ended == FM_OK ? err : NULL);
    return ended == FM_OK ? st : ended;
}

static fm_status go(run *r, fm_err *err)
{
    const tr_session *s = r->session;
    const uint64_t first = r->state.step;
    uint64_t last = r->recipe.steps;

    if (s->most_steps > 0 && last > first && last - first > s->most_steps)
        last = first + s->most_steps;
    r->began = fm_clock_seconds();
    fm_status st = judge_start(r, err);
    while (st == FM_OK && r->state.step < last && !(s->stop && *s->stop))
        st = take_step(r, err);
    bool stopped = st == FM_OK && r->state.step < last;
    st = save_rest(r, st, err);
    if (st == FM_OK && stopped)
        st = fm_fail(err, FM_E_INTERRUPTED, "stopped after step %llu; the same command goes on",
                     (unsigned long long)r->state.step);
    return st;
}

static fm_status read_recipe(run *r, fm_err *err)
{
    const tr_session *s = r->session;
    fm_status st = tr_recipe_read(&r->recipe, s->recipe, &r->arena, err);

    if (st == FM_OK && r->recipe.rewarded != s->rewarded)
        st = fm_fail(err, FM_E_USAGE,
                     s->rewarded ? "'%s' has no 'rft': it is a recipe of supervised training"
                                 : "'%s' has 'rft': it is a recipe of training by rewards",
                     s->recipe);
    return st;
}

static fm_status open_folder(run *r, fm_err *err)
{
    const tr_session *s = r->session;
    fm_status st = tr_folder_open(&r->folder, s->folder, err);

    return st == FM_OK ? tr_folder_keep_recipe(s->folder, s->recipe, err) : st;
}

static fm_status open_all(run *r, fm_err *err)
{
    char log[FM_PATH_BYTES];
    fm_status st = read_recipe(r, err);

    r->threads = r->session->threads > 0 ? r->session->threads : fm_threads_available();
    if (st == FM_OK)
        st = find_paths(r, err);
    if (st == FM_OK)
        st = open_network(r, err);
    if (st == FM_OK)
        st = tr_data_new(&r->data, &r->recipe, &r->config, r->threads, err);
    if (st == FM_OK)
        st = tr_data_check(r->data, r->session->recipe, err);
    if (st == FM_OK)
        st = open_folder(r, err);
    if (st == FM_OK)
        st = open_trainer(r, err);
    if (st == FM_OK)
        st = resume(r, err);
    if (st == FM_OK)
        st = fm_path_join(log, r->session->folder, "steps.tsv", err);
    if (st == FM_OK)
        st = tr_steps_open(&r->log, log, r->state.step, r->recipe.rewarded, err);
    r->state.steps = r->recipe.steps;
    r->state.parameters = r->network ? r->network->store.n_values : 0;
    return st;
}

fm_status tr_session_run(const tr_session *session, fm_err *err)
{
    run r = {.session = session, .folder = {-1}};
    fm_status st = open_all(&r, err);

    if (st == FM_OK)
        st = go(&r, err);
    fm_status closed = tr_steps_close(&r.log, st == FM_OK ? err : NULL);
    tr_trainer_free(r.trainer);
    tr_policy_free(r.policy);
    tr_judge_free(r.judge);
    tr_network_free(r.reference);
    tr_data_free(r.data);
    tr_network_free(r.network);
    fm_arena_release(&r.arena);
    tr_folder_release(&r.folder); /* last: nothing more is written */
    return st == FM_OK ? closed : st;
}

/* ---- words ---- */

static fm_status count_question(tr_vocabulary *vocabulary, const char *prompt, const char *answer,
                                const char *reasoning, fm_err *err)
{
    fm_status st = tr_vocabulary_count(vocabulary, prompt, err);

    if (st == FM_OK)
        st = tr_vocabulary_count(vocabulary, answer, err);
    return st == FM_OK ? tr_vocabulary_count(vocabulary, reasoning, err) : st;
}

/* Everything that scenes' questions say; their answers, with reasoning and without. */
static fm_status count_made(tr_vocabulary *vocabulary, const tr_recipe *recipe, size_t pictures,
                            fm_err *err)
{
    char prompt[4096], reasoning[4096];
    fm_world_scene scene = {0};
    fm_status st = FM_OK;

    for (size_t i = 0; i < pictures && st == FM_OK; i++) {
        fm_world_settings settings = tr_recipe_scene(recipe, recipe->n_stages - 1, i);

        st = fm_world_scene_make(&settings, i, &scene, err);
        for (int q = 0; st == FM_OK && q < scene.n_questions; q++) {
            fm_world_prompt(&scene.questions[q], 0, prompt, sizeof(prompt));
            fm_world_reasoning(&scene.questions[q], reasoning, sizeof(reasoning));
            st = count_question(vocabulary, prompt, scene.questions[q].answer, reasoning, err);
        }
    }
    fm_world_scene_release(&scene);
    return st;
}

static fm_status count_read(tr_vocabulary *vocabulary, const char *folder, size_t pictures,
                            fm_err *err)
{
    tr_scene_files *files = NULL;
    fm_arena arena = {0};
    tr_scene_read read;
    fm_status st = tr_scene_files_open(&files, folder, 1, err);

    for (size_t i = 0; st == FM_OK && i < pictures && i < tr_scene_files_count(files); i++) {
        fm_arena_reset(&arena);
        st = tr_scene_files_read(files, i, 0, &arena, &read, err);
        for (int q = 0; st == FM_OK && q < read.scene->n_questions; q++)
            st = count_question(vocabulary, read.words[q].prompt, read.scene->questions[q].answer,
                                read.words[q].reasoning, err);
    }
    tr_scene_files_close(files);
    fm_arena_release(&arena);
    return st;
}

/* Weights go with the vocabulary beside them: another one would make their tokens mean other words. */
static fm_status refuse_weights(const char *folder, fm_err *err)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json"};
    char path[FM_PATH_BYTES];
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < FM_COUNT_OF(names); i++) {
        st = fm_path_join(path, folder, names[i], err);
        if (st == FM_OK && fm_file_exists(path))
            st = fm_fail(err, FM_E_USAGE,
                         "'%s' has weights (%s), which go with the vocabulary that they were "
                         "trained with; choose another --out",
                         folder, names[i]);
    }
    return st;
}

fm_status tr_session_words(const char *recipe, size_t pictures, size_t tokens, const char *folder,
                           fm_err *err)
{
    /* The frame around questions and answers, as often as there are pictures. */
    static const char frame[] = "system\nYou are a helpful assistant user\n assistant\n"
                                "<think></think><answer></answer>";
    tr_vocabulary *vocabulary = NULL;
    fm_arena arena = {0};
    tr_recipe r;
    fm_status st = refuse_weights(folder, err);

    if (st == FM_OK)
        st = tr_recipe_read(&r, recipe, &arena, err);
    if (st == FM_OK)
        st = tr_vocabulary_new(&vocabulary, err);
    if (st == FM_OK)
        st = r.folder[0] ? count_read(vocabulary, r.folder, pictures, err)
                         : count_made(vocabulary, &r, pictures, err);
    for (size_t i = 0; i < pictures && st == FM_OK; i++)
        st = tr_vocabulary_count(vocabulary, frame, err);
    if (st == FM_OK)
        st = tr_vocabulary_write(vocabulary, tokens, "<SCALE>", folder, err);
    tr_vocabulary_free(vocabulary);
    fm_arena_release(&arena);
    return st;
}
