/* Owns the order of a training: what is opened, when it is saved, and what is written down. */
#include "train/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/threads.h"
#include "train/checkpoint.h"
#include "train/data.h"
#include "train/model.h"
#include "train/vocabulary.h"

enum { MOST_RECIPE_BYTES = 1 << 20 };

typedef struct {
    const tr_session *session;
    tr_recipe recipe;
    rt_config config;
    fm_arena arena;
    tr_network *network;
    tr_data *data;
    tr_trainer *trainer;
    FILE *log;
    char checkpoint[FM_PATH_BYTES], model[FM_PATH_BYTES];
    tr_progress state;
    double began;
} run;

/* ---- opening ---- */

static fm_status open_network(run *r, fm_err *err)
{
    tr_auxiliary auxiliary = {r->recipe.mixture.kind > 0 || r->recipe.mixture.place > 0 ? TR_KINDS
                                                                                        : 0};
    fm_status st = rt_config_read(r->recipe.model, &r->arena, &r->config, err);

    if (st == FM_OK)
        st = tr_network_new(&r->network, &r->config, &auxiliary, NULL, r->recipe.seed, err);
    if (st == FM_OK && !r->recipe.fresh)
        st = tr_model_load(r->network, r->recipe.model, err);
    return st;
}

static fm_status open_trainer(run *r, fm_err *err)
{
    tr_trainer_config config = {.pictures = (size_t)r->recipe.pictures,
                                .threads = r->session->threads,
                                .memory_bytes = (size_t)r->recipe.memory_mb << 20,
                                .mixture = r->recipe.mixture,
                                .optimiser = r->recipe.optimiser};
    tr_source_of_samples source = {tr_data_make, NULL};
    int threads = config.threads > 0 ? config.threads : fm_threads_available();
    fm_status st = tr_data_new(&r->data, &r->recipe, &r->config, threads, err);

    config.threads = threads;
    config.optimiser.steps = r->recipe.steps;
    source.context = r->data;
    return st == FM_OK ? tr_trainer_new(&r->trainer, &config, r->network, &source, err) : st;
}

/* The recipe as it was when the folder was made; another one is refused. */
static fm_status keep_recipe(const run *r, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_buf given = {0}, kept = {0};
    fm_status st = fm_path_join(path, r->session->folder, "recipe.yaml", err);

    if (st == FM_OK)
        st = fm_file_read(r->session->recipe, MOST_RECIPE_BYTES, &given, err);
    if (st == FM_OK && fm_file_exists(path)) {
        st = fm_file_read(path, MOST_RECIPE_BYTES, &kept, err);
        if (st == FM_OK &&
            (kept.size != given.size || memcmp(kept.data, given.data, kept.size) != 0))
            st = fm_fail(err, FM_E_USAGE, "'%s' was begun by another recipe than '%s'",
                         r->session->folder, r->session->recipe);
    } else if (st == FM_OK) {
        st = fm_file_write_atomic(path, given.data, given.size, err);
    }
    fm_buf_release(&given);
    fm_buf_release(&kept);
    return st;
}

static fm_status resume(run *r, fm_err *err)
{
    if (!fm_file_exists(r->checkpoint))
        return FM_OK;
    fm_status st =
        tr_checkpoint_read(r->checkpoint, &r->network->store, &r->state.step, r->recipe.seed, err);
    if (st == FM_OK)
        tr_trainer_repack(r->trainer);
    return st;
}

/* ---- what is written down of each step ---- */

static const char log_head[] = "step\tquestions\ttoken\tright\tscale\tkind\tplace\trate\tnorm"
                               "\theld_out_token\theld_out_right\n";

/* Rows of steps that the checkpoint does not have are of a run that went on past it: they are left
 * out, and come again. */
static fm_status trim_log(const char *path, uint64_t step, fm_err *err)
{
    fm_buf kept = {0};
    fm_lines lines = {0};
    bool more = true;
    fm_status st = fm_lines_open(&lines, path, 4096, err);

    while (st == FM_OK) {
        st = fm_lines_next(&lines, &more, err);
        if (st != FM_OK || !more)
            break;
        if (lines.number == 1 || (!lines.torn && strtoull(lines.line, NULL, 10) <= step)) {
            fm_buf_append(&kept, lines.line, lines.size);
            fm_buf_putc(&kept, '\n');
        }
    }
    fm_lines_close(&lines);
    if (st == FM_OK)
        st = fm_buf_check(&kept, path, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, kept.data, kept.size, err);
    fm_buf_release(&kept);
    return st;
}

static fm_status open_log(run *r, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_join(path, r->session->folder, "steps.tsv", err);

    if (st == FM_OK && fm_file_exists(path) && r->state.step > 0)
        st = trim_log(path, r->state.step, err);
    else if (st == FM_OK)
        st = fm_file_write_atomic(path, log_head, sizeof(log_head) - 1, err);
    if (st != FM_OK)
        return st;
    r->log = fopen(path, "a");
    return r->log ? FM_OK : fm_fail(err, FM_E_IO, "cannot write '%s'", path);
}

static double share(size_t part, size_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static fm_status put_row(const run *r, fm_err *err)
{
    const tr_report *p = &r->state.report, *h = &r->state.held_out;
    const tr_losses *l = &p->losses;

    fprintf(r->log, "%llu\t%zu\t%.5f\t%.4f\t%.5f\t%.5f\t%.5f\t%.3e\t%.4f\t",
            (unsigned long long)r->state.step, p->questions, l->token,
            share(l->n_right, l->n_tokens), l->scale, l->kind, l->place, p->rate, p->norm);
    if (r->state.judged)
        fprintf(r->log, "%.5f\t%.4f\n", h->losses.token,
                share(h->losses.n_right, h->losses.n_tokens));
    else
        fputs("\t\n", r->log);
    return fflush(r->log) == 0 ? FM_OK : fm_fail(err, FM_E_IO, "cannot write the log of steps");
}

/* ---- going ---- */

static fm_status save(const run *r, fm_err *err)
{
    fm_status st =
        tr_checkpoint_write(r->checkpoint, &r->network->store, r->state.step, r->recipe.seed, err);

    return st == FM_OK ? tr_model_save(r->network, r->recipe.model, r->model, RT_F32, err) : st;
}

static bool due(int every, uint64_t step, uint64_t steps)
{
    return every > 0 && (step % (uint64_t)every == 0 || step == steps);
}

static fm_status take_step(run *r, fm_err *err)
{
    const tr_recipe *c = &r->recipe;
    fm_status st = tr_trainer_step(r->trainer, r->state.step, &r->state.report, err);

    if (st != FM_OK)
        return st;
    r->state.step++;
    r->state.questions += r->state.report.questions;
    r->state.judged = due(c->judge_every, r->state.step, c->steps);
    if (r->state.judged)
        st = tr_trainer_judge(r->trainer, TR_HELD_OUT, (size_t)c->judge_pictures,
                              &r->state.held_out, err);
    r->state.seconds = fm_clock_seconds() - r->began;
    if (st == FM_OK)
        st = put_row(r, err);
    if (st == FM_OK && r->session->progress)
        r->session->progress(r->session->context, &r->state);
    if (st == FM_OK && due(c->save_every, r->state.step, c->steps))
        st = save(r, err);
    return st;
}

static fm_status go(run *r, fm_err *err)
{
    const tr_session *s = r->session;
    uint64_t last = r->recipe.steps, first = r->state.step;
    fm_status st = FM_OK;

    if (s->most_steps > 0 && last > first && last - first > s->most_steps)
        last = first + s->most_steps;
    r->began = fm_clock_seconds();
    while (st == FM_OK && r->state.step < last && !(s->stop && *s->stop))
        st = take_step(r, err);
    bool stopped = st == FM_OK && r->state.step < last;
    if (st == FM_OK && r->state.step > first &&
        !due(r->recipe.save_every, r->state.step, r->recipe.steps))
        st = save(r, err);
    if (st == FM_OK && stopped)
        st = fm_fail(err, FM_E_INTERRUPTED, "stopped after step %llu; the same command goes on",
                     (unsigned long long)r->state.step);
    return st;
}

static fm_status open_all(run *r, fm_err *err)
{
    const tr_session *s = r->session;
    fm_status st = tr_recipe_read(&r->recipe, s->recipe, &r->arena, err);

    if (st == FM_OK)
        st = open_network(r, err);
    if (st == FM_OK)
        st = open_trainer(r, err);
    if (st == FM_OK)
        st = fm_dir_make(s->folder, err);
    if (st == FM_OK)
        st = keep_recipe(r, err);
    if (st == FM_OK)
        st = fm_path_join(r->checkpoint, s->folder, "checkpoint.safetensors", err);
    if (st == FM_OK)
        st = fm_path_join(r->model, s->folder, "model", err);
    if (st == FM_OK)
        st = resume(r, err);
    if (st == FM_OK)
        st = open_log(r, err);
    r->state.steps = r->recipe.steps;
    r->state.parameters = r->network ? r->network->store.n_values : 0;
    return st;
}

fm_status tr_session_run(const tr_session *session, fm_err *err)
{
    run r = {.session = session};
    fm_status st = open_all(&r, err);

    if (st == FM_OK)
        st = go(&r, err);
    if (r.log && fclose(r.log) != 0 && st == FM_OK)
        st = fm_fail(err, FM_E_IO, "cannot write the log of steps");
    tr_trainer_free(r.trainer);
    tr_data_free(r.data);
    tr_network_free(r.network);
    fm_arena_release(&r.arena);
    return st;
}

/* ---- words ---- */

/* Everything that a scene's questions say; their answers, with reasoning and without. */
static fm_status count_scene(tr_vocabulary *vocabulary, const fm_world_scene *scene, fm_err *err)
{
    char text[4096];
    fm_status st = FM_OK;

    for (int i = 0; i < scene->n_questions && st == FM_OK; i++) {
        fm_world_prompt(&scene->questions[i], false, text, sizeof(text));
        st = tr_vocabulary_count(vocabulary, text, err);
        if (st == FM_OK)
            st = tr_vocabulary_count(vocabulary, scene->questions[i].answer, err);
        fm_world_reasoning(&scene->questions[i], text, sizeof(text));
        if (st == FM_OK)
            st = tr_vocabulary_count(vocabulary, text, err);
    }
    return st;
}

fm_status tr_session_words(const char *recipe, size_t pictures, size_t tokens, const char *folder,
                           fm_err *err)
{
    /* The frame around questions and answers. */
    static const char frame[] = "system\nYou are a helpful assistant user\n assistant\n"
                                "<think></think><answer></answer>";
    tr_vocabulary *vocabulary = NULL;
    fm_world_scene scene = {0};
    fm_arena arena = {0};
    tr_recipe r;
    fm_status st = tr_recipe_read(&r, recipe, &arena, err);

    if (st == FM_OK)
        st = tr_vocabulary_new(&vocabulary, err);
    for (size_t i = 0; i < pictures && st == FM_OK; i++) {
        fm_world_settings settings = tr_recipe_scene(&r, r.n_stages - 1, i);

        st = fm_world_scene_make(&settings, i, &scene, err);
        if (st == FM_OK)
            st = count_scene(vocabulary, &scene, err);
        if (st == FM_OK)
            st = tr_vocabulary_count(vocabulary, frame, err);
    }
    if (st == FM_OK)
        st = tr_vocabulary_write(vocabulary, tokens, "<SCALE>", folder, err);
    tr_vocabulary_free(vocabulary);
    fm_world_scene_release(&scene);
    fm_arena_release(&arena);
    return st;
}
