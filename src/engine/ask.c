/* Owns the way from questions to answers: they are read one after another into branches of the scene's
 * memory, and then decoded side by side, a token each a step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "engine/model_internal.h"
#include "engine/sampler.h"
#include "engine/stream.h"

enum { DEFAULT_ANSWER_TOKENS = 512 };

#define NOWHERE ((size_t)-1)

/* One question on its way to its answer. */
typedef struct {
    const rt_question *question;
    size_t index;    /* in the call; also its branch */
    rt_ids prompt;   /* and what its answer begins with */
    size_t scale_at; /* index of a forced <SCALE> in it, or NOWHERE */
    rt_ids *options; /* [n_options] */
    size_t most;     /* tokens that the answer may have */

    rt_stream stream;
    size_t told; /* bytes that the listener was given */
    rt_grammar *grammar;
    rt_sampler sampler;
    int32_t last; /* token chosen */
    bool has_scale;
    double scale;
    int tokens;
    bool ended;
    rt_finish finish;

    double *log_probabilities; /* once the options are scored */
    double decode_s;
} asked;

typedef struct {
    rt_scene *scene;
    rt_model *model;
    asked items[RT_MAX_TOGETHER];
    size_t n;
    const rt_listener *listener;
    size_t reused, prefix; /* positions in front of the questions */
    uint64_t branch_bytes;
    double prefill_s, decoding_since;

    float *embeddings, *hidden; /* [n][width] */
    float *logits, *scores;     /* [n][vocabulary], [RT_DECODER_TOGETHER][vocabulary] */
    fm_err *err;
} asking;

static size_t width_of(const asking *a)
{
    return (size_t)a->model->config.llm.width;
}

static size_t vocabulary_of(const asking *a)
{
    return (size_t)a->model->config.llm.vocabulary;
}

static fm_status no_memory(const asking *a)
{
    return fm_fail(a->err, FM_E_NOMEM, "no memory for %zu answers", a->n);
}

/* ---- what may be asked ---- */

static bool all_there(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!texts || !texts[i])
            return false;
    return true;
}

static fm_status check_question(const rt_question *q, size_t index, fm_err *err)
{
    const char *wrong = NULL;

    if (!q->text)
        wrong = "has no text";
    else if ((unsigned)q->form > RT_FORM_CHOICE)
        wrong = "has a form that there is none of";
    else if (!all_there(q->options, q->n_options) || !all_there(q->stops, q->n_stops))
        wrong = "has an option or a stop that is NULL";
    else if (!(q->temperature >= 0) || isinf(q->temperature))
        wrong = "has a temperature that is negative or no number";
    else if (!(q->top_p >= 0 && q->top_p <= 1))
        wrong = "has a top_p outside of 0 to 1";
    else if (q->top_k < 0 || q->max_answer_tokens < 0)
        wrong = "has a limit that is negative";
    return wrong ? fm_fail(err, FM_E_USAGE, "question %zu %s", index + 1, wrong) : FM_OK;
}

static fm_status check_questions(const rt_question *questions, size_t n, fm_err *err)
{
    fm_status st = FM_OK;

    if (n < 1 || n > RT_MAX_TOGETHER)
        return fm_fail(err, FM_E_USAGE, "%zu questions: 1 to %d are asked together", n,
                       RT_MAX_TOGETHER);
    for (size_t i = 0; i < n && st == FM_OK; i++) {
        st = check_question(&questions[i], i, err);
        if (st == FM_OK && !rt_same_text(questions[0].system, questions[i].system))
            st = fm_fail(err, FM_E_USAGE,
                         "question %zu has another system message than the first: ask them apart",
                         i + 1);
    }
    return st;
}

/* ---- getting ready ---- */

static fm_status encode_options(const asking *a, asked *q)
{
    const rt_question *question = q->question;
    fm_status st = FM_OK;

    if (question->n_options == 0)
        return FM_OK;
    q->options = calloc(question->n_options, sizeof(*q->options));
    if (!q->options)
        return no_memory(a);
    for (size_t i = 0; i < question->n_options && st == FM_OK; i++) {
        const char *option = question->options[i];

        st = rt_tokenizer_encode(a->model->tokenizer, option, strlen(option), false, &q->options[i],
                                 a->err);
        if (st == FM_OK && q->options[i].n == 0)
            st = fm_fail(a->err, FM_E_USAGE, "question %zu: option %zu is empty", q->index + 1,
                         i + 1);
    }
    return st;
}

static fm_status follow_form(const asking *a, asked *q)
{
    rt_model *m = a->model;
    const char *beginning = q->question->beginning;
    fm_status st = FM_OK;

    if (q->question->form == RT_FORM_FREE)
        return FM_OK;
    if (!m->lexicon)
        st = rt_lexicon_new(&m->lexicon, m->tokenizer, a->err);
    if (st == FM_OK)
        st = rt_grammar_new(&q->grammar, m->lexicon, q->question, a->err);
    if (st != FM_OK)
        return fm_fail_within(a->err, st, "question %zu", q->index + 1);
    if (beginning && !rt_grammar_take_text(q->grammar, beginning, strlen(beginning)))
        return fm_fail(a->err, FM_E_USAGE,
                       "question %zu: its form does not admit the beginning of its answer",
                       q->index + 1);
    return FM_OK;
}

/* The question's tokens, and those that its answer is made to begin with: <SCALE>, where there are
 * pictures to have a scale, and words. */
static fm_status write_prompt(const asking *a, asked *q)
{
    const rt_model *m = a->model;
    const char *beginning = q->question->beginning;
    fm_status st =
        rt_prompt_question(&q->prompt, &m->frame, m->tokenizer, q->question->text, a->err);

    q->scale_at = NOWHERE;
    if (st == FM_OK && m->scale && m->config.scale.forced && a->scene->media.tiles > 0) {
        q->scale_at = q->prompt.n;
        st = rt_ids_put(&q->prompt, m->scale_id, a->err);
    }
    if (st == FM_OK && beginning)
        st = rt_tokenizer_encode(m->tokenizer, beginning, strlen(beginning), false, &q->prompt,
                                 a->err);
    return st;
}

static fm_status start(const asking *a, asked *q)
{
    const rt_question *question = q->question;
    fm_status st = write_prompt(a, q);

    q->sampler = (rt_sampler){
        .temperature = question->temperature, .top_p = question->top_p, .top_k = question->top_k};
    fm_rng_seed(&q->sampler.rng, question->seed);
    q->stream.stops = question->stops;
    q->stream.n_stops = question->n_stops;
    if (st == FM_OK && question->beginning)
        st = rt_stream_begin(&q->stream, question->beginning, a->err);
    if (st == FM_OK)
        st = follow_form(a, q);
    return st == FM_OK ? encode_options(a, q) : st;
}

/* The positions that the question and its answer may take of its branch. */
static fm_status fit(const asking *a, asked *q, size_t *own)
{
    size_t wanted = q->question->max_answer_tokens > 0 ? (size_t)q->question->max_answer_tokens
                                                       : DEFAULT_ANSWER_TOKENS;
    size_t longest = 1, before = a->prefix + q->prompt.n, most = a->model->max_tokens;

    for (size_t i = 0; i < q->question->n_options; i++)
        longest = q->options[i].n > longest ? q->options[i].n : longest;
    if (q->prompt.n == 0)
        return fm_fail(a->err, FM_E_USAGE, "question %zu is empty", q->index + 1);
    if (before < most && longest > most - before)
        return fm_fail(a->err, FM_E_USAGE,
                       "question %zu makes %zu tokens, and the longest of its options %zu: the "
                       "limit is %zu",
                       q->index + 1, before, longest, most);
    if (before >= most)
        return fm_fail(a->err, FM_E_USAGE,
                       "question %zu makes %zu tokens, %zu of them the pictures and what stands "
                       "before them: the limit is %zu with the answer",
                       q->index + 1, before, a->prefix, most);
    q->most = wanted < most - before ? wanted : most - before;
    *own = q->prompt.n + (q->most > longest ? q->most : longest);
    return FM_OK;
}

static fm_status make_room(asking *a)
{
    const rt_model *m = a->model;
    size_t most = 0, own = 0, bytes, scored = 0;
    fm_status st = FM_OK;

    for (size_t i = 0; i < a->n && st == FM_OK; i++) {
        st = fit(a, &a->items[i], &own);
        if (st == FM_OK && own > most)
            most = own;
        scored += a->items[i].question->n_options;
    }
    if (st != FM_OK)
        return st;
    bytes = a->n * rt_memory_bytes(m->decoder, m->kept, most);
    st = rt_model_hold(a->model, bytes, "the questions and their answers", a->err);
    if (st != FM_OK)
        return st;
    a->branch_bytes = bytes;
    a->embeddings = calloc(a->n * width_of(a), sizeof(*a->embeddings));
    a->hidden = calloc(a->n * width_of(a), sizeof(*a->hidden));
    a->logits = calloc(a->n * vocabulary_of(a), sizeof(*a->logits));
    if (scored > 0)
        a->scores = calloc(RT_DECODER_TOGETHER * vocabulary_of(a), sizeof(*a->scores));
    if (!a->embeddings || !a->hidden || !a->logits || (scored > 0 && !a->scores))
        return no_memory(a);
    return rt_memory_branch(a->scene->memory, a->n, most, a->err);
}

/* ---- reading the questions ---- */

/* Let ids go through the model in the question's branch; hidden[n_hidden][width] of the last. */
static fm_status read_ids(const asking *a, const asked *q, const int32_t *ids, size_t n,
                          float *hidden, size_t n_hidden)
{
    float *embeddings = calloc(n * width_of(a), sizeof(*embeddings));
    fm_status st = embeddings ? rt_model_embed(a->model, ids, n, embeddings, a->err) : no_memory(a);

    if (st == FM_OK)
        st = rt_scene_read(a->scene, q->index, embeddings, n, hidden, n_hidden, a->err);
    free(embeddings);
    return st;
}

/* hidden[width]: the state at <SCALE> */
static void read_scale(const asking *a, asked *q, const float *hidden)
{
    const rt_model *m = a->model;
    double scale = rt_scale_decoder_run(m->scale, &m->compute, hidden);
    float shown = (float)scale;

    q->has_scale = true;
    q->scale = scale;
    rt_model_show(m, "scale", &shown, 1, 1);
}

static fm_status read_question(const asking *a, asked *q)
{
    size_t width = width_of(a), n = q->scale_at == NOWHERE ? 1 : q->prompt.n - q->scale_at;
    float *hidden = calloc(n * width, sizeof(*hidden));
    fm_status st = hidden ? read_ids(a, q, q->prompt.ids, q->prompt.n, hidden, n) : no_memory(a);

    if (st == FM_OK && q->scale_at != NOWHERE)
        read_scale(a, q, hidden);
    if (st == FM_OK)
        memcpy(a->hidden + q->index * width, hidden + (n - 1) * width, width * sizeof(*hidden));
    free(hidden);
    return st;
}

/* ---- how likely the options are ---- */

/* All tokens of an option but its first, given the ones before. */
static fm_status score_rest(const asking *a, const asked *q, const rt_ids *option, double *sum)
{
    size_t n = option->n - 1, vocabulary = vocabulary_of(a);
    float *hidden = calloc(n * width_of(a), sizeof(*hidden));
    fm_status st = hidden ? read_ids(a, q, option->ids, n, hidden, n) : no_memory(a);

    for (size_t done = 0, m; done < n && st == FM_OK; done += m) {
        m = n - done < RT_DECODER_TOGETHER ? n - done : RT_DECODER_TOGETHER;
        rt_decoder_logits(a->model->decoder, &a->model->compute, hidden + done * width_of(a), m,
                          a->scores);
        for (size_t i = 0; i < m; i++)
            *sum += rt_sampler_log_probability(a->scores + i * vocabulary, vocabulary,
                                               option->ids[done + i + 1]);
    }
    rt_memory_rewind(a->scene->memory, q->index, q->prompt.n);
    free(hidden);
    return st;
}

/* logits: of the answer's first token */
static fm_status score_options(const asking *a, asked *q, const float *logits)
{
    size_t n = q->question->n_options;
    fm_status st = FM_OK;

    if (n > 0 && !(q->log_probabilities = calloc(n, sizeof(*q->log_probabilities))))
        return no_memory(a);
    for (size_t i = 0; i < n && st == FM_OK; i++) {
        const rt_ids *option = &q->options[i];

        if (option->ids[0] >= a->model->config.llm.vocabulary)
            return fm_fail(
                a->err, FM_E_INPUT,
                "question %zu: option %zu begins with a token that the model does not have",
                q->index + 1, i + 1);
        double sum = rt_sampler_log_probability(logits, vocabulary_of(a), option->ids[0]);
        if (option->n > 1)
            st = score_rest(a, q, option, &sum);
        q->log_probabilities[i] = sum;
    }
    return st;
}

/* ---- answering ---- */

static void end(const asking *a, asked *q, rt_finish finish)
{
    q->ended = true;
    q->finish = finish;
    q->decode_s = fm_clock_seconds() - a->decoding_since;
    rt_stream_end(&q->stream);
}

/* Give the listener what is ready; false where it wants no more. */
static bool tell(const asking *a, asked *q)
{
    const char *from = fm_buf_text(&q->stream.text) + q->told;
    size_t size = q->stream.ready - q->told;

    q->told = q->stream.ready;
    if (size == 0 || !a->listener || !a->listener->sink)
        return true;
    return a->listener->sink(a->listener->context, q->index, from, size);
}

static bool ends_answers(const rt_model *m, int32_t id)
{
    for (size_t i = 0; i < m->n_ends; i++)
        if (m->ends[i] == id)
            return true;
    return false;
}

/* The answer goes on by a token, which may end it. */
static fm_status take(const asking *a, asked *q, int32_t id)
{
    fm_status st = FM_OK;

    q->last = id;
    q->tokens++;
    if (q->grammar && !rt_grammar_take(q->grammar, id))
        return fm_fail(a->err, FM_E_INTERNAL, "a token came that its form does not admit");
    if (!rt_tokenizer_special(a->model->tokenizer, id))
        st = rt_stream_put(&q->stream, a->model->tokenizer, id, a->err);
    if (st != FM_OK)
        return st;
    if (q->stream.stopped || (q->grammar && rt_grammar_done(q->grammar)))
        end(a, q, RT_FINISH_STOP);
    else if ((size_t)q->tokens == q->most)
        end(a, q, RT_FINISH_LENGTH);
    if (!tell(a, q))
        end(a, q, RT_FINISH_CANCELLED);
    return FM_OK;
}

/* Rows of the embeddings past the vocabulary stand for nothing: they are not chosen. */
static size_t choosable(const asking *a)
{
    size_t known = rt_tokenizer_size(a->model->tokenizer), rows = vocabulary_of(a);

    return known < rows ? known : rows;
}

static void stop(const asking *a, asked *q)
{
    end(a, q, RT_FINISH_STOP);
    (void)tell(a, q);
}

static fm_status choose(const asking *a, asked *q, float *logits)
{
    const rt_model *m = a->model;

    if (q->grammar && rt_grammar_done(q->grammar)) { /* by what the answer began with */
        stop(a, q);
        return FM_OK;
    }
    if (q->grammar)
        rt_grammar_mask(q->grammar, logits, choosable(a), m->n_ends > 0 ? m->ends[0] : -1);
    int32_t id = rt_sampler_choose(&q->sampler, logits, choosable(a));
    if (id < 0)
        return fm_fail(a->err, FM_E_INTERNAL,
                       "question %zu: no token can follow: the logits are no numbers",
                       q->index + 1);
    if (!ends_answers(m, id))
        return take(a, q, id);
    stop(a, q);
    return FM_OK;
}

/* Those that have not ended, as indices; their number is given back. */
static size_t active(const asking *a, size_t out[RT_MAX_TOGETHER])
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++)
        if (!a->items[i].ended)
            out[n++] = i;
    return n;
}

/* hidden[n] of the questions in which[n] become their next tokens. */
static fm_status go_on(asking *a, const size_t *which, size_t n)
{
    const rt_model *m = a->model;
    fm_status st = FM_OK;

    rt_decoder_logits(m->decoder, &m->compute, a->hidden, n, a->logits);
    rt_model_show(m, "logits", a->logits, n, vocabulary_of(a));
    for (size_t i = 0; i < n && st == FM_OK; i++) {
        asked *q = &a->items[which[i]];
        float *logits = a->logits + i * vocabulary_of(a);

        if (q->tokens == 0)
            st = score_options(a, q, logits);
        if (st == FM_OK)
            st = choose(a, q, logits);
    }
    return st;
}

static fm_status step(asking *a, const size_t *which, size_t n)
{
    rt_model *m = a->model;
    fm_status st = FM_OK;

    for (size_t i = 0; i < n && st == FM_OK; i++)
        st =
            rt_model_embed(m, &a->items[which[i]].last, 1, a->embeddings + i * width_of(a), a->err);
    if (st == FM_OK)
        st = rt_decoder_step(m->decoder, &m->compute, a->scene->memory, which, n, a->embeddings,
                             a->hidden, a->err);
    for (size_t i = 0; i < n && st == FM_OK && m->scale; i++) {
        asked *q = &a->items[which[i]];

        if (q->last == m->scale_id && !q->has_scale) /* the model said it by itself */
            read_scale(a, q, a->hidden + i * width_of(a));
    }
    return st;
}

static void cancel(asking *a, const size_t *which, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        end(a, &a->items[which[i]], RT_FINISH_CANCELLED);
        (void)tell(a, &a->items[which[i]]);
    }
}

static fm_status decode(asking *a)
{
    size_t which[RT_MAX_TOGETHER], n = active(a, which);
    fm_status st = FM_OK;

    while (n > 0 && st == FM_OK) {
        st = go_on(a, which, n);
        n = active(a, which);
        if (st == FM_OK && rt_model_go_on(a->model, NULL) != FM_OK) {
            cancel(a, which, n);
            n = 0;
        }
        if (st == FM_OK && n > 0)
            st = step(a, which, n);
    }
    return st;
}

/* ---- the whole ---- */

static fm_status answer_all(asking *a)
{
    double start_s = fm_clock_seconds();
    bool made;
    fm_status st = rt_scene_prepare(a->scene, a->items[0].question->system, &made, a->err);

    if (st != FM_OK)
        return st;
    a->prefix = rt_memory_shared(a->scene->memory);
    a->reused = made ? 0 : a->prefix;
    for (size_t i = 0; i < a->n && st == FM_OK; i++)
        st = start(a, &a->items[i]);
    if (st == FM_OK)
        st = make_room(a);
    for (size_t i = 0; i < a->n && st == FM_OK; i++)
        st = read_question(a, &a->items[i]);
    a->decoding_since = fm_clock_seconds();
    a->prefill_s = a->decoding_since - start_s;
    for (size_t i = 0; i < a->n && st == FM_OK; i++)
        if (!tell(a, &a->items[i])) /* what the answer begins with */
            end(a, &a->items[i], RT_FINISH_CANCELLED);
    if (st == FM_OK)
        st = decode(a);
    for (size_t i = 0; i < a->n && st == FM_OK; i++) {
        fm_buf_puts(&a->items[i].stream.text, ""); /* a text, even where nothing came */
        st = fm_buf_check(&a->items[i].stream.text, "the answer", a->err);
    }
    return st;
}

static rt_answer give(const asking *a, asked *q)
{
    rt_answer answer = {
        .text = q->stream.text.data,
        .size = q->stream.text.size,
        .finish = q->finish,
        .has_scale = q->has_scale,
        .scale = q->scale,
        .log_probabilities = q->log_probabilities,
        .prompt_tokens = (int)(a->prefix + q->prompt.n),
        .reused_tokens = (int)a->reused,
        .answer_tokens = q->tokens,
        .vision_s = a->scene->vision_s,
        .spatial_s = a->scene->spatial_s,
        .prefill_s = a->prefill_s,
        .decode_s = q->decode_s,
    };

    q->stream.text = (fm_buf){0};
    q->log_probabilities = NULL;
    return answer;
}

static void release(asking *a)
{
    for (size_t i = 0; i < a->n; i++) {
        asked *q = &a->items[i];

        for (size_t o = 0; q->options && o < q->question->n_options; o++)
            rt_ids_release(&q->options[o]);
        free(q->options);
        free(q->log_probabilities);
        rt_ids_release(&q->prompt);
        rt_stream_release(&q->stream);
        rt_grammar_free(q->grammar);
    }
    free(a->embeddings);
    free(a->hidden);
    free(a->logits);
    free(a->scores);
    if (a->scene->memory)
        rt_memory_prune(a->scene->memory);
    rt_model_let_go(a->model, a->branch_bytes);
}

rt_status rt_ask(rt_scene *scene, const rt_question *questions, size_t n,
                 const rt_listener *listener, rt_answer *answers, rt_err *err)
{
    fm_err inner = {0};
    fm_status st = check_questions(questions, n, &inner);
    asking a = {.scene = scene, .model = scene->model, .listener = listener, .err = &inner};

    if (st != FM_OK)
        return rt_report(st, &inner, err);
    atomic_store(&scene->model->cancelled, false);
    a.n = n;
    for (size_t i = 0; i < n; i++) {
        a.items[i].question = &questions[i];
        a.items[i].index = i;
    }
    st = answer_all(&a);
    for (size_t i = 0; i < n && st == FM_OK; i++)
        answers[i] = give(&a, &a.items[i]);
    release(&a);
    return rt_report(st, &inner, err);
}

void rt_answer_release(rt_answer *answer)
{
    free(answer->text);
    free(answer->log_probabilities);
    *answer = (rt_answer){0};
}
