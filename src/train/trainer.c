/* Owns the threads of a step, and what each of them works with. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What one lot gives. */
typedef struct {
    float *gradient;
    tr_losses losses;
    size_t memory_bytes;
    bool failed;
} lot;

struct tr_trainer {
    tr_trainer_config config;
    tr_network *network;
    tr_source_of_samples source;
    rt_pool *pool;
    tr_pass *passes; /* a thread's */
    int n_threads;
    tr_sample *samples; /* [pictures] */
    fm_status *statuses;
    fm_err *errors; /* [pictures] */
    lot *lots;
    size_t n_lots;
    float *rooms; /* the optimiser's */

    /* of the step at hand */
    uint64_t first;
    size_t n;
    bool learning;
    bool torn; /* as tr_trainer_torn() has it */
    tr_weights weights;
};

/* ---- making ---- */

static fm_status make_rooms(tr_trainer *t, fm_err *err)
{
    size_t pictures = t->config.pictures,
           room = tr_optimiser_room(&t->config.optimiser, &t->network->store);

    t->n_threads = rt_pool_threads(t->pool);
    t->n_lots = (pictures + TR_LOT - 1) / TR_LOT;
    t->passes = calloc((size_t)t->n_threads, sizeof(*t->passes));
    t->samples = calloc(pictures, sizeof(*t->samples));
    t->statuses = calloc(pictures, sizeof(*t->statuses));
    t->errors = calloc(pictures, sizeof(*t->errors));
    t->lots = calloc(t->n_lots, sizeof(*t->lots));
    t->rooms = calloc((size_t)t->n_threads * room + 1, sizeof(*t->rooms));
    bool made = t->rooms && t->passes && t->samples && t->statuses && t->errors && t->lots;
    for (size_t i = 0; made && i < t->n_lots; i++)
        made = (t->lots[i].gradient = calloc(t->network->store.n_values, sizeof(float))) != NULL;
    if (!made)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu pictures a step", pictures);
    for (int i = 0; i < t->n_threads; i++)
        tr_pass_init(&t->passes[i], &t->network->store, t->config.memory_bytes);
    return FM_OK;
}

fm_status tr_trainer_new(tr_trainer **out, const tr_trainer_config *config, tr_network *network,
                         const tr_source_of_samples *source, fm_err *err)
{
    tr_trainer *t = calloc(1, sizeof(*t));

    if (!t)
        return fm_fail(err, FM_E_NOMEM, "no memory for a trainer");
    *t = (tr_trainer){.config = *config, .network = network, .source = *source};
    fm_status st = rt_pool_new(&t->pool, config->threads, err);
    if (st == FM_OK)
        st = make_rooms(t, err);
    if (st != FM_OK) {
        tr_trainer_free(t);
        return st;
    }
    tr_store_pack(&network->store, t->pool);
    *out = t;
    return FM_OK;
}

void tr_trainer_free(tr_trainer *trainer)
{
    if (!trainer)
        return;
    for (int i = 0; trainer->passes && i < trainer->n_threads; i++)
        tr_pass_release(&trainer->passes[i]);
    for (size_t i = 0; trainer->samples && i < trainer->config.pictures; i++)
        fm_arena_release(&trainer->samples[i].arena);
    for (size_t i = 0; trainer->lots && i < trainer->n_lots; i++)
        free(trainer->lots[i].gradient);
    free(trainer->passes);
    free(trainer->samples);
    free(trainer->statuses);
    free(trainer->errors);
    free(trainer->lots);
    free(trainer->rooms);
    rt_pool_free(trainer->pool);
    free(trainer);
}

void tr_trainer_repack(tr_trainer *trainer)
{
    tr_store_pack(&trainer->network->store, trainer->pool);
}

void tr_earned_add(tr_earned *to, const tr_earned *more)
{
    to->replies += more->replies;
    to->ended += more->ended;
    to->tokens += more->tokens;
    to->groups += more->groups;
    to->level += more->level;
    to->reward += more->reward;
    for (int i = 0; i < TR_TERMS; i++) {
        to->terms[i] += more->terms[i];
        to->judged[i] += more->judged[i];
    }
}

/* ---- pictures ---- */

static void make_samples(void *context, size_t begin, size_t end, int thread)
{
    tr_trainer *t = context;

    for (size_t i = begin; i < end; i++) {
        fm_arena_reset(&t->samples[i].arena);
        t->samples[i].earned = (tr_earned){0};
        t->statuses[i] =
            t->source.make(t->source.context, t->first + i, thread, &t->samples[i], &t->errors[i]);
    }
}

static fm_status make_all(tr_trainer *t, fm_err *err)
{
    rt_pool_run(t->pool, t->n, 1, make_samples, t);
    for (size_t i = 0; i < t->n; i++)
        if (t->statuses[i] != FM_OK)
            return fm_fail(err, t->statuses[i], "%s", t->errors[i].text);
    return FM_OK;
}

static double per(double weight, size_t n)
{
    return n > 0 ? weight / (double)n : 0;
}

/* What is asked in the whole step: each loss is a mean over it. In place of drawn tokens their groups
 * are counted, whose tokens' weights add up to one. */
static tr_losses count_all(const tr_trainer *t, size_t *questions)
{
    tr_losses n = {0};

    *questions = 0;
    for (size_t i = 0; i < t->n; i++) {
        const tr_example *e = &t->samples[i].example;

        for (size_t q = 0; q < e->n_questions; q++, ++*questions) {
            if (!e->drawn)
                n.n_tokens +=
                    e->questions[q].n - e->questions[q].answer - e->questions[q].n_passed_over;
            n.n_scales += e->questions[q].scale > 0;
        }
        n.n_tokens += e->drawn ? e->n_questions / e->group : 0;
        for (size_t k = 0; k < 2 && t->network->auxiliary.kinds > 0; k++)
            for (size_t j = 0; j < e->labels[k].n; j++) {
                n.n_kinds += e->labels[k].kinds[j] >= 0;
                n.n_places += e->labels[k].placed[j];
            }
        for (size_t k = 0; k < 2 && t->network->auxiliary.kinds > 0; k++)
            for (size_t j = 0; e->labels[k].digits && j < e->labels[k].n * TR_DIGITS; j++)
                n.n_digits += e->labels[k].digits[j] >= 0;
        for (size_t k = 0; k < 2; k++)
            for (size_t j = 0; j < e->codes[k].n; j++)
                n.n_codes += e->codes[k].known[j];
    }
    return n;
}

/* ---- lots ---- */

static void run_lots(void *context, size_t begin, size_t end, int thread)
{
    tr_trainer *t = context;
    tr_pass *pass = &t->passes[thread];

    for (size_t l = begin; l < end; l++) {
        lot *own = &t->lots[l];
        size_t last = (l + 1) * TR_LOT < t->n ? (l + 1) * TR_LOT : t->n;

        own->losses = (tr_losses){0};
        own->failed = false;
        own->memory_bytes = 0;
        if (t->learning)
            memset(own->gradient, 0, t->network->store.n_values * sizeof(float));
        pass->gradient = t->learning ? own->gradient : NULL;
        for (size_t i = l * TR_LOT; i < last; i++) {
            tr_losses losses;

            tr_pass_reset(pass);
            tr_network_run(t->network, pass, &t->samples[i].example, &t->weights, &losses);
            tr_losses_add(&own->losses, &losses);
            own->failed = own->failed || pass->failed;
            if (pass->used_bytes > own->memory_bytes)
                own->memory_bytes = pass->used_bytes;
        }
    }
}

enum { GRAIN = 4096 };

/* The lots' gradients into the first's, in order. */
static void add_gradients(void *context, size_t begin, size_t end, int thread)
{
    const tr_trainer *t = context;
    size_t lots = (t->n + TR_LOT - 1) / TR_LOT;

    (void)thread;
    for (size_t i = 1; i < lots; i++)
        t->network->store.arithmetic->add(t->lots[0].gradient + begin, t->lots[i].gradient + begin,
                                          end - begin);
}

static fm_status run_all(tr_trainer *t, tr_weights mixture, tr_report *out, fm_err *err)
{
    size_t lots = (t->n + TR_LOT - 1) / TR_LOT;
    tr_losses asked = count_all(t, &out->questions);

    t->weights =
        (tr_weights){per(mixture.token, asked.n_tokens), per(mixture.scale, asked.n_scales),
                     per(mixture.kind, asked.n_kinds),   per(mixture.place, asked.n_places),
                     per(mixture.digit, asked.n_digits), per(mixture.code, asked.n_codes)};
    rt_pool_run(t->pool, lots, 1, run_lots, t);
    out->losses = (tr_losses){0};
    for (size_t i = 0; i < lots; i++) {
        if (t->lots[i].failed)
            return fm_fail(err, FM_E_NOMEM,
                           "a picture with its questions takes over %zu MB (memory_mb)",
                           t->config.memory_bytes >> 20);
        tr_losses_add(&out->losses, &t->lots[i].losses);
        if (t->lots[i].memory_bytes > out->memory_bytes)
            out->memory_bytes = t->lots[i].memory_bytes;
    }
    for (size_t i = 0; i < t->n; i++)
        tr_earned_add(&out->earned, &t->samples[i].earned);
    /* The means themselves, whatever they count. */
    out->losses.token /= mixture.token;
    out->losses.scale = mixture.scale > 0 ? out->losses.scale / mixture.scale : 0;
    out->losses.kind = mixture.kind > 0 ? out->losses.kind / mixture.kind : 0;
    out->losses.place = mixture.place > 0 ? out->losses.place / mixture.place : 0;
    out->losses.digit = mixture.digit > 0 ? out->losses.digit / mixture.digit : 0;
    out->losses.code = mixture.code > 0 ? out->losses.code / mixture.code : 0;
    out->losses.kl *= per(1, out->losses.n_tokens);
    return FM_OK;
}

/* ---- steps ---- */

static double auxiliary_share(const tr_mixture *m, uint64_t step)
{
    if (m->auxiliary_steps == 0)
        return 1;
    return step < m->auxiliary_steps ? 1 - (double)step / (double)m->auxiliary_steps : 0;
}

/* Once along the gradient of the samples that are there. */
static fm_status update(tr_trainer *t, uint64_t index, tr_weights mixture, tr_report *out,
                        fm_err *err)
{
    tr_report report = {.rate = tr_optimiser_rate(&t->config.optimiser, index)};
    fm_status st = run_all(t, mixture, &report, err);

    if (st != FM_OK)
        return st;
    rt_pool_run(t->pool, t->network->store.n_values, GRAIN, add_gradients, t);
    report.norm = tr_optimiser_step(&t->config.optimiser, &t->network->store, t->lots[0].gradient,
                                    index, t->rooms, t->pool);
    *out = report;
    return FM_OK;
}

fm_status tr_trainer_step(tr_trainer *trainer, uint64_t step, tr_report *out, fm_err *err)
{
    tr_trainer *t = trainer;
    const tr_mixture *m = &t->config.mixture;
    uint64_t updates = t->config.updates > 0 ? t->config.updates : 1;
    double share = auxiliary_share(m, step);
    const tr_weights mixture = {
        1, m->scale, m->kind * share, m->place * share, m->digit * share, m->code * share};
    tr_report report = {0};
    uint64_t done = 0;

    t->learning = true;
    t->n = t->config.pictures;
    t->first = step * t->n;
    fm_status st = make_all(t, err);
    while (st == FM_OK && done < updates) {
        st = update(t, step * updates + done, mixture, &report, err);
        if (st == FM_OK && isnan(report.norm))
            st = fm_fail(err, FM_E_INTERNAL, "the gradient of step %llu is not finite",
                         (unsigned long long)step);
        done += st == FM_OK;
    }
    t->torn = st != FM_OK && done > 0;
    if (st == FM_OK)
        *out = report;
    return st;
}

bool tr_trainer_torn(const tr_trainer *trainer)
{
    return trainer->torn;
}

fm_status tr_trainer_judge(tr_trainer *trainer, uint64_t first, size_t n, tr_report *out,
                           fm_err *err)
{
    tr_trainer *t = trainer;
    tr_report all = {0};
    fm_status st = FM_OK;

    t->learning = false;
    for (size_t done = 0; done < n && st == FM_OK; done += t->n) {
        tr_report part = {0};

        t->n = n - done < t->config.pictures ? n - done : t->config.pictures;
        t->first = first + done;
        st = make_all(t, err);
        if (st == FM_OK)
            st = run_all(t, (tr_weights){1, 1, 1, 1, 1, 1}, &part, err);
        /* Back to sums, for the parts differ in what they ask. */
        part.losses.token *= (double)part.losses.n_tokens;
        part.losses.scale *= (double)part.losses.n_scales;
        part.losses.kind *= (double)part.losses.n_kinds;
        part.losses.place *= (double)part.losses.n_places;
        part.losses.digit *= (double)part.losses.n_digits;
        part.losses.code *= (double)part.losses.n_codes;
        part.losses.kl *= (double)part.losses.n_tokens;
        tr_losses_add(&all.losses, &part.losses);
        tr_earned_add(&all.earned, &part.earned);
        all.questions += part.questions;
    }
    if (st != FM_OK)
        return st;
    all.losses.token *= per(1, all.losses.n_tokens);
    all.losses.scale *= per(1, all.losses.n_scales);
    all.losses.kind *= per(1, all.losses.n_kinds);
    all.losses.place *= per(1, all.losses.n_places);
    all.losses.digit *= per(1, all.losses.n_digits);
    all.losses.code *= per(1, all.losses.n_codes);
    all.losses.kl *= per(1, all.losses.n_tokens);
    *out = all;
    return FM_OK;
}
