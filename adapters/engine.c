/**
 * Engine: a RoboTracer model in a folder, run in this process by librobotracer.
 *
 * Requests wait in a queue; one thread takes those that show the same pictures, up to as many as the
 * engine decodes side by side, and answers them together. What the pictures became stays until another
 * request shows others, so that a suite with several questions a picture looks at each picture once.
 *
 * Owns the queue, the thread and the scene. The engine is one call at a time: everything about the model
 * happens on that thread, but for opening, closing and cancelling.
 */
#include "adapters/adapters.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/engine_input.h"
#include "adapters/engine_model.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"

/* A request, copied, and then its reply. Its strings live in its arena. */
typedef struct job {
    struct job *next;
    uint64_t ticket;
    bool abandoned;
    fm_request request;
    fm_camera camera;
    char key[FM_HASH_TEXT_BYTES]; /* of the pictures that it shows */
    fm_arena arena;
    fm_reply reply;
    double begun_s;
} job;

/* First in, first out. */
typedef struct {
    job *first, **last;
} job_list;

typedef struct {
    rt_model *model;
    rt_description about;
    char answering
        [256]; /* "robotracer-nano (bf16, avx512)": all of the model that can change an answer */
    double temperature, top_p, timeout_s;
    int top_k, max_tokens;
    bool takes_camera, takes_depth, blind; /* blind: a black picture in place of every one */
    bool constrained;
    bool tuples; /* the protocol reads a trace as tuples */
    const char *system;
    uint64_t seed;
    fm_arena settings;

    /* Of the thread alone. */
    rt_scene *scene;
    char scene_key[FM_HASH_TEXT_BYTES]; /* of the pictures that it shows; "": there is no scene */

    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t waiting_changed, done_changed;
    job_list waiting, done;
    job *running[RT_MAX_TOGETHER];
    size_t n_running;
    bool closing;

    job *given; /* what the last poll gave: its replies live until the next call */
} engine;

static const fm_adapter_option engine_options[] = {
    {.name = "model",
     .summary = "folder of the model, a GGUF file, or the name of a model that comes with fathom",
     .fallback = "robotracer-nano"},
    {.name = "variant",
     .summary =
         "what goes with the picture: rgb (nothing), intrinsics, intrinsics_depth; or black: "
         "nothing, and a black picture in its place",
     .fallback = "intrinsics_depth"},
    {.name = "weights",
     .summary = "how weights are held: as_stored, f32, bf16, q8, q4",
     .fallback = "as_stored"},
    {.name = "int8",
     .summary = "1: matrices of 8 and 4 bits multiply in integers; 0: in f32",
     .fallback = "1"},
    {.name = "max_tokens", .summary = "most tokens of an answer", .fallback = "512"},
    {.name = "temperature", .summary = "0: the likeliest token each time", .fallback = "0"},
    {.name = "top_p", .summary = "draw from the likeliest tokens of this share", .fallback = "1"},
    {.name = "top_k", .summary = "draw from so many tokens; 0: from all", .fallback = "0"},
    {.name = "constrained",
     .summary = "1: where a trace is asked for, nothing but a list of tuples can be generated",
     .fallback = "0"},
    {.name = "system", .summary = "system message in place of the model's own"},
    {.name = "isa",
     .summary = "kernels: generic, avx2, avx512, neon, onednn; not set: the best of this machine"},
    {.name = "threads",
     .summary = "threads; 0: as many as this process may use",
     .fallback = "0",
     .operational = true},
    {.name = "packed_dir",
     .summary = "folder for packed weights (fathom run: packed in $FATHOM_CACHE); none: nowhere",
     .operational = true},
    {.name = "models_dir",
     .summary = "folder of the models that are known by name (fathom run: share/fathom/models)",
     .operational = true},
    {0},
};

/* ---- lists of jobs ---- */

static void list_clear(job_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void list_put(job_list *list, job *j)
{
    j->next = NULL;
    *list->last = j;
    list->last = &j->next;
}

/* Unlink the one that *at points to. */
static job *list_take(job_list *list, job **at)
{
    job *j = *at;

    *at = j->next;
    if (list->last == &j->next)
        list->last = at;
    j->next = NULL;
    return j;
}

static void job_free(job *j)
{
    if (!j)
        return;
    fm_arena_release(&j->arena);
    free(j);
}

static void list_free(job_list *list)
{
    while (list->first)
        job_free(list_take(list, &list->first));
}

/* ---- requests ---- */

static void hash_text(fm_hash *hash, const char *text)
{
    fm_hash_update(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Requests of one key show the same pictures, and as much of them. */
static bool scene_key(const fm_request *r, char out[FM_HASH_TEXT_BYTES])
{
    fm_hash *hash = fm_hash_new();

    if (!hash)
        return false;
    hash_text(hash, r->image_path);
    hash_text(hash, r->depth_path);
    for (size_t i = 0; i < r->n_more_images; i++)
        hash_text(hash, r->more_images[i]);
    if (r->camera)
        fm_hash_update(hash, r->camera, sizeof(*r->camera));
    fm_hash_finish(hash, out);
    return true;
}

static const char *copy_text(job *j, const char *text, bool *whole)
{
    const char *copy = text ? fm_arena_strdup(&j->arena, text) : NULL;

    *whole = *whole && (copy || !text);
    return copy;
}

static job *job_of(const engine *e, const fm_request *request, uint64_t ticket)
{
    job *j = calloc(1, sizeof(*j));
    bool whole = j != NULL;

    if (!j)
        return NULL;
    j->ticket = ticket;
    j->request = *request;
    j->request.id = copy_text(j, request->id, &whole);
    j->request.task = NULL;
    j->request.prompt = copy_text(j, request->prompt, &whole);
    j->request.image_path = copy_text(j, request->image_path, &whole);
    j->request.depth_path = e->takes_depth ? copy_text(j, request->depth_path, &whole) : NULL;
    j->request.camera = NULL;
    if (request->camera && e->takes_camera) {
        j->camera = *request->camera;
        j->request.camera = &j->camera;
    }
    const char **more = fm_arena_alloc(&j->arena, request->n_more_images + 1, sizeof(*more));
    for (size_t i = 0; more && i < request->n_more_images; i++)
        more[i] = copy_text(j, request->more_images[i], &whole);
    j->request.more_images = more;
    if (more && whole && scene_key(&j->request, j->key))
        return j;
    job_free(j);
    return NULL;
}

/* ---- pictures ---- */

static fm_status see(const engine *e, const fm_request *r, fm_engine_view *out, fm_err *err)
{
    fm_status st = r->image_path ? fm_engine_view_add(out, r->image_path, err) : FM_OK;

    for (size_t i = 0; st == FM_OK && i < r->n_more_images; i++)
        st = fm_engine_view_add(out, r->more_images[i], err);
    if (e->blind)
        fm_engine_view_blacken(out);
    fm_engine_view_camera(out, r->camera);
    if (st == FM_OK && out->n > 0 && r->depth_path && (e->about.spatial || e->about.depth))
        st = fm_engine_view_depth(out, r->depth_path, err);
    return st;
}

/* Is the answer still waited for? */
static bool wanted(engine *e, const job *j)
{
    pthread_mutex_lock(&e->lock);
    bool so = !j->abandoned && !e->closing &&
              (e->timeout_s <= 0 || fm_clock_seconds() - j->begun_s < e->timeout_s);
    pthread_mutex_unlock(&e->lock);
    return so;
}

/* Before a call of the engine, for which a cancellation that came before it does not count. */
static fm_status unless_unwanted(engine *e, job *const *jobs, size_t n, fm_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (wanted(e, jobs[i]))
            return FM_OK;
    return fm_fail(err, FM_E_INTERRUPTED, "the asking was ended");
}

/* The scene that requests show: the one at hand, or a new one in its place. */
static fm_status show(engine *e, job *const *jobs, size_t n, fm_err *err)
{
    const fm_request *r = &jobs[0]->request;
    fm_engine_view seen = {0};
    rt_err inner = {0};

    if (e->scene && strcmp(jobs[0]->key, e->scene_key) == 0)
        return FM_OK;
    rt_scene_free(e->scene);
    e->scene = NULL;
    if (r->image_path && !e->about.sees)
        return fm_fail(err, FM_E_USAGE, "the model takes no pictures");
    fm_status st = see(e, r, &seen, err);
    if (st == FM_OK)
        st = unless_unwanted(e, jobs, n, err);
    if (st == FM_OK)
        st = fm_engine_status(rt_scene_new(&e->scene, e->model, seen.pictures, seen.n, &inner),
                              &inner, err);
    fm_engine_view_release(&seen);
    if (st == FM_OK)
        memcpy(e->scene_key, jobs[0]->key, sizeof(e->scene_key));
    return st;
}

/* ---- the thread ---- */

/* Asked for again a sample is drawn anew; asked for in another order it is drawn alike. */
static uint64_t seed_of(const engine *e, const fm_request *r)
{
    return e->seed ^ fm_hash_quick(r->id, strlen(r->id)) ^ ((uint64_t)r->repeat << 32);
}

static rt_form form_of(const engine *e, fm_answer_kind kind)
{
    if (!e->constrained || !e->tuples)
        return RT_FORM_FREE;
    return kind == FM_ANSWER_TRACE3D   ? RT_FORM_TRACE3D
           : kind == FM_ANSWER_TRACE2D ? RT_FORM_TRACE2D
                                       : RT_FORM_FREE;
}

/* Who listens to an answer: question i is that of jobs[i]. */
typedef struct {
    engine *engine;
    job *const *jobs;
} audience;

static bool go_on(void *context, size_t question, const char *text, size_t size)
{
    const audience *a = context;

    (void)text;
    (void)size;
    return wanted(a->engine, a->jobs[question]);
}

static void conclude(const engine *e, job *j, const rt_answer *answer)
{
    fm_reply *reply = &j->reply;
    bool late = e->timeout_s > 0 && fm_clock_seconds() - j->begun_s >= e->timeout_s;

    *reply = (fm_reply){
        .text = fm_arena_memdup(&j->arena, answer->text, answer->size),
        .size = answer->size,
        .model = e->answering,
        .usage = {.stated = true,
                  .input_tokens = answer->prompt_tokens,
                  .output_tokens = answer->answer_tokens,
                  .cached_tokens = answer->reused_tokens},
    };
    switch (answer->finish) {
    case RT_FINISH_STOP:
        reply->finish_reason = "stop";
        reply->status = answer->size > 0 ? FM_SAMPLE_OK : FM_SAMPLE_EMPTY;
        break;
    case RT_FINISH_LENGTH:
        reply->finish_reason = "length";
        reply->status = FM_SAMPLE_TRUNCATED;
        break;
    case RT_FINISH_CANCELLED:
        reply->finish_reason = "cancelled";
        reply->status = late ? FM_SAMPLE_TIMEOUT : FM_SAMPLE_API_ERROR;
        reply->detail = late ? "no whole answer within the time limit" : "the asking was ended";
        break;
    }
    if (!reply->text)
        *reply = (fm_reply){.status = FM_SAMPLE_API_ERROR, .detail = "no memory for the answer"};
}

static void fail_job(job *j, const fm_err *why)
{
    const char *detail = fm_arena_strdup(&j->arena, why->text);

    j->reply = (fm_reply){.status = FM_SAMPLE_API_ERROR,
                          .detail = detail ? detail : "no memory",
                          .retry = FM_RETRY_NEVER};
}

static void answer_all(engine *e, job *const *jobs, size_t n)
{
    rt_question questions[RT_MAX_TOGETHER];
    rt_answer answers[RT_MAX_TOGETHER] = {{0}};
    audience those = {e, jobs};
    rt_listener listener = {go_on, &those};
    rt_err inner = {0};
    fm_err err = {0};
    fm_status st = show(e, jobs, n, &err);

    for (size_t i = 0; i < n; i++)
        questions[i] = (rt_question){.text = jobs[i]->request.prompt,
                                     .system = e->system,
                                     .form = form_of(e, jobs[i]->request.kind),
                                     .max_answer_tokens = e->max_tokens,
                                     .temperature = e->temperature,
                                     .top_p = e->top_p,
                                     .top_k = e->top_k,
                                     .seed = seed_of(e, &jobs[i]->request)};
    if (st == FM_OK)
        st = unless_unwanted(e, jobs, n, &err);
    if (st == FM_OK)
        st = fm_engine_status(rt_ask(e->scene, questions, n, &listener, answers, &inner), &inner,
                              &err);
    for (size_t i = 0; i < n; i++) {
        if (st == FM_OK)
            conclude(e, jobs[i], &answers[i]);
        else
            fail_job(jobs[i], &err);
        rt_answer_release(&answers[i]);
    }
}

/* One question that cannot be asked must not cost the others theirs. */
static void answer_group(engine *e, job *const *jobs, size_t n)
{
    answer_all(e, jobs, n);
    if (n == 1 || jobs[0]->reply.status != FM_SAMPLE_API_ERROR || jobs[0]->reply.text)
        return;
    for (size_t i = 0; i < n; i++)
        if (wanted(e, jobs[i]))
            answer_all(e, &jobs[i], 1);
}

/* The first that waits, and those that can be answered with it. */
static void take_group(engine *e)
{
    const char *first = e->waiting.first->key;
    double now_s = fm_clock_seconds();

    e->n_running = 0;
    for (job **at = &e->waiting.first; *at && e->n_running < RT_MAX_TOGETHER;) {
        if (strcmp(first, (*at)->key) != 0) {
            at = &(*at)->next;
            continue;
        }
        e->running[e->n_running++] = list_take(&e->waiting, at);
        e->running[e->n_running - 1]->begun_s = now_s;
    }
}

static void *serve(void *context)
{
    engine *e = context;

    pthread_mutex_lock(&e->lock);
    for (;;) {
        while (!e->closing && !e->waiting.first)
            pthread_cond_wait(&e->waiting_changed, &e->lock);
        if (e->closing)
            break;
        take_group(e);
        pthread_mutex_unlock(&e->lock);
        answer_group(e, e->running, e->n_running);
        pthread_mutex_lock(&e->lock);
        for (size_t i = 0; i < e->n_running; i++) {
            if (e->running[i]->abandoned)
                job_free(e->running[i]);
            else
                list_put(&e->done, e->running[i]);
        }
        e->n_running = 0;
        pthread_cond_signal(&e->done_changed);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

/* ---- settings ---- */

static const char *value_of(const fm_adapter_config *config, const char *key)
{
    return fm_adapter_setting(&fm_adapter_engine, config, key);
}

static fm_status number_of(const fm_adapter_config *config, const char *key, double low,
                           double high, double *out, fm_err *err)
{
    const char *text = value_of(config, key);

    if (!fm_text_to_double(text, out) || !(*out >= low && *out <= high))
        return fm_fail(err, FM_E_USAGE, "engine: %s is '%s', but wants a number from %g to %g", key,
                       text, low, high);
    return FM_OK;
}

static fm_status count_of(const fm_adapter_config *config, const char *key, double high, int *out,
                          fm_err *err)
{
    double number;
    fm_status st = number_of(config, key, 0, high, &number, err);

    if (st == FM_OK && number != (int)number)
        return fm_fail(err, FM_E_USAGE, "engine: %s is '%s', but wants a whole number", key,
                       value_of(config, key));
    if (st == FM_OK)
        *out = (int)number;
    return st;
}

static fm_status weights_of(const fm_adapter_config *config, rt_weight_kind *out, fm_err *err)
{
    const char *word = value_of(config, "weights");

    if (fm_engine_weights(word, out))
        return FM_OK;
    return fm_fail(err, FM_E_USAGE,
                   "engine: weights is '%s', but wants as_stored, f32, bf16, q8 or q4", word);
}

static fm_status variant_of(engine *e, const fm_adapter_config *config, fm_err *err)
{
    const char *word = value_of(config, "variant");

    e->takes_depth = strcmp(word, "intrinsics_depth") == 0;
    e->takes_camera = e->takes_depth || strcmp(word, "intrinsics") == 0;
    e->blind = strcmp(word, "black") == 0;
    if (!e->takes_camera && !e->blind && strcmp(word, "rgb") != 0)
        return fm_fail(err, FM_E_USAGE,
                       "engine: variant is '%s', but wants rgb, intrinsics, intrinsics_depth or "
                       "black",
                       word);
    return FM_OK;
}

static fm_status read_settings(engine *e, const fm_adapter_config *config, rt_model_options *o,
                               fm_err *err)
{
    int switches[2] = {0};
    fm_status st = weights_of(config, &o->weights, err);

    if (st == FM_OK)
        st = variant_of(e, config, err);
    if (st == FM_OK)
        st = count_of(config, "int8", 1, &switches[0], err);
    if (st == FM_OK)
        st = count_of(config, "constrained", 1, &switches[1], err);
    if (st == FM_OK)
        st = count_of(config, "threads", 1024, &o->threads, err);
    if (st == FM_OK)
        st = count_of(config, "max_tokens", 1 << 20, &e->max_tokens, err);
    if (st == FM_OK)
        st = number_of(config, "temperature", 0, 100, &e->temperature, err);
    if (st == FM_OK)
        st = number_of(config, "top_p", 0, 1, &e->top_p, err);
    if (st == FM_OK)
        st = count_of(config, "top_k", 1 << 20, &e->top_k, err);
    if (st != FM_OK)
        return st;
    o->int8_activations = switches[0];
    o->isa = value_of(config, "isa");
    const char *packed = value_of(config, "packed_dir");
    o->packed_dir = packed && strcmp(packed, "none") != 0 ? packed : NULL;
    e->constrained = switches[1];
    e->tuples = !config->answers || strcmp(config->answers, "tuples") == 0;
    e->seed = config->seed;
    e->timeout_s = config->timeout_s;
    const char *system = value_of(config, "system");
    e->system = system ? fm_arena_strdup(&e->settings, system) : NULL;
    return system && !e->system ? fm_fail(err, FM_E_NOMEM, "no memory for the settings") : FM_OK;
}

/* ---- the adapter ---- */

static void engine_close(void *state)
{
    engine *e = state;

    if (e->started) {
        pthread_mutex_lock(&e->lock);
        e->closing = true;
        pthread_cond_signal(&e->waiting_changed);
        pthread_mutex_unlock(&e->lock);
        rt_cancel(e->model);
        pthread_join(e->thread, NULL);
    }
    list_free(&e->waiting);
    list_free(&e->done);
    job_free(e->given);
    rt_scene_free(e->scene);
    rt_model_close(e->model);
    fm_arena_release(&e->settings);
    pthread_cond_destroy(&e->waiting_changed);
    pthread_cond_destroy(&e->done_changed);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static fm_status start(engine *e, const fm_adapter_config *config, fm_err *err)
{
    const char *model = value_of(config, "model");
    char folder[FM_PATH_BYTES];
    rt_model_options options = {.progress = config->opening,
                                .progress_context = config->opening_context};
    rt_err inner = {0};

    if (!model || !*model)
        return fm_fail(err, FM_E_USAGE,
                       "adapter 'engine' wants a model: --model FOLDER ('fathom init' makes one)");
    fm_status st = read_settings(e, config, &options, err);
    if (st == FM_OK)
        st = fm_engine_model(folder, model, value_of(config, "models_dir"), err);
    if (st == FM_OK)
        st = fm_engine_status(rt_model_open(&e->model, folder, &options, &inner), &inner, err);
    if (st != FM_OK)
        return st;
    rt_model_describe(e->model, &e->about);
    snprintf(e->answering, sizeof(e->answering), "%s (%s, %s%s%s)", e->about.name, e->about.weights,
             e->about.isa, e->about.isa_version ? " " : "",
             e->about.isa_version ? e->about.isa_version : "");
    if (pthread_create(&e->thread, NULL, serve, e) != 0)
        return fm_fail(err, FM_E_IO, "cannot start a thread for the engine");
    e->started = true;
    return FM_OK;
}

static bool engine_fingerprint(const fm_adapter_config *config, char out[65])
{
    const char *model = value_of(config, "model");
    char folder[FM_PATH_BYTES];

    return model && fm_engine_model(folder, model, value_of(config, "models_dir"), NULL) == FM_OK &&
           fm_engine_fingerprint(folder, out);
}

static fm_status engine_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    pthread_condattr_t monotonic;
    engine *e = calloc(1, sizeof(*e));

    if (!e)
        return fm_fail(err, FM_E_NOMEM, "no memory for the engine");
    list_clear(&e->waiting);
    list_clear(&e->done);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->waiting_changed, NULL);
    pthread_cond_init(&e->done_changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    fm_status st = start(e, config, err);
    if (st != FM_OK)
        engine_close(e);
    else
        *state = e;
    return st;
}

static fm_status engine_submit(void *state, const fm_request *request, uint64_t ticket, fm_err *err)
{
    engine *e = state;
    job *j = job_of(e, request, ticket);

    if (!j)
        return fm_fail(err, FM_E_NOMEM, "no memory for a request");
    pthread_mutex_lock(&e->lock);
    list_put(&e->waiting, j);
    pthread_cond_signal(&e->waiting_changed);
    pthread_mutex_unlock(&e->lock);
    return FM_OK;
}

static struct timespec after(double seconds)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    double whole = seconds < 1e6 ? seconds : 1e6;
    at.tv_sec += (time_t)whole;
    at.tv_nsec += (long)((whole - (double)(time_t)whole) * 1e9);
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* One at a time: the next call takes the next. */
static fm_status engine_poll(void *state, double wait_s, fm_arrival *arrivals, size_t capacity,
                             size_t *n, fm_err *err)
{
    engine *e = state;
    struct timespec until = after(wait_s);
    job *j = NULL;

    (void)err;
    job_free(e->given);
    e->given = NULL;
    *n = 0;
    pthread_mutex_lock(&e->lock);
    while (!e->done.first && pthread_cond_timedwait(&e->done_changed, &e->lock, &until) == 0)
        ;
    if (e->done.first && capacity > 0)
        j = list_take(&e->done, &e->done.first);
    pthread_mutex_unlock(&e->lock);
    if (j) {
        arrivals[0] = (fm_arrival){j->ticket, j->reply};
        *n = 1;
        e->given = j;
    }
    return FM_OK;
}

/* Take the ticket out of a list; NULL where it is not there. */
static job *find(job_list *list, uint64_t ticket)
{
    for (job **at = &list->first; *at; at = &(*at)->next)
        if ((*at)->ticket == ticket)
            return list_take(list, at);
    return NULL;
}

static void engine_abandon(void *state, uint64_t ticket)
{
    engine *e = state;
    bool all = true;

    pthread_mutex_lock(&e->lock);
    job *j = find(&e->waiting, ticket);
    if (!j)
        j = find(&e->done, ticket);
    for (size_t i = 0; i < e->n_running; i++) {
        if (e->running[i]->ticket == ticket)
            e->running[i]->abandoned = true;
        all = all && e->running[i]->abandoned;
    }
    if (e->n_running > 0 && all)
        rt_cancel(e->model);
    pthread_mutex_unlock(&e->lock);
    job_free(j);
}

const fm_adapter_ops fm_adapter_engine = {
    .name = "engine",
    .summary = "a RoboTracer model in a folder, run on this machine",
    .caps = FM_CAP_IMAGES | FM_CAP_DEPTH | FM_CAP_INTRINSICS | FM_CAP_OFFLINE,
    .options = engine_options,
    .fingerprint = engine_fingerprint,
    .open = engine_open,
    .submit = engine_submit,
    .poll = engine_poll,
    .abandon = engine_abandon,
    .close = engine_close,
};
