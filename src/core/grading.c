/* Owns the pass over all samples. Samples are read in order, graded in batches on all threads and
 * written in order, so that memory is bounded by the batch and bytes do not depend on threads. */
#include "core/grading.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/threads.h"
#include "core/aggregate.h"
#include "core/judgements.h"
#include "core/record.h"

enum { BATCH_PER_THREAD = 32 };

typedef struct {
    fm_arena arena;     /* of the grade */
    fm_selected asking; /* in the batch's arena */
    bool answered, judged;
    bool unread, other; /* of a trace: fm_grading_losses */
    fm_grade grade;
    fm_buf line;
} slot;

typedef struct {
    const fm_grading *grading;
    fm_judgements judgements;
    fm_arena arena; /* of the samples */
    slot *slots;
    size_t capacity; /* a multiple of the repeats, which share their sample's memory */
    void **scratch;  /* one a thread */
} batch;

fm_status fm_grading_open_loader(const fm_rundir *dir, const fm_manifest *manifest,
                                 const fm_loader_ops *loader, const fm_task *task,
                                 const char *data_dir, const char *pictures_dir, fm_load purpose,
                                 void **state, fm_err *err)
{
    char annotations[FM_PATH_BYTES];
    fm_loader_config config = {.data_dir = data_dir,
                               .kind = task->kind,
                               .data = task->data,
                               .pictures_dir = pictures_dir,
                               .names = purpose == FM_LOAD_NAMES,
                               .grading = purpose == FM_LOAD_GRADING,
                               .frames = manifest->frames,
                               .task = task->name};

    if (manifest->annotations) {
        fm_status st = fm_path_join_inside(annotations, dir->path, manifest->annotations, err);

        if (st != FM_OK)
            return st;
        config.annotations = annotations;
    }
    return loader->open(state, &config, err);
}

/* ---- one line of samples.jsonl ---- */

/* Where in the reply's bytes the answer was read: [from, to) each; what several points share is said
 * once. */
static void put_read(fm_json_writer *w, const fm_reply *reply, const fm_grade *grade)
{
    size_t n = 0;

    for (size_t i = 0; i < grade->n_read && n < FM_GRADE_MOST_READ; i++) {
        const fm_span *part = &grade->read[i];

        if (!part->text || (i > 0 && part->text == part[-1].text))
            continue;
        double from = (double)(part->text - reply->text);
        if (n++ == 0)
            fm_json_open(w, "read", '[');
        fm_json_put_vector(w, NULL, (double[]){from, from + (double)part->size}, 2);
    }
    if (n > 0)
        fm_json_close(w, ']');
}

static void put_answer(fm_json_writer *w, const fm_reply *reply, const fm_grade *grade)
{
    fm_json_open(w, "answer", '{');
    fm_json_open(w, "points", '[');
    for (size_t i = 0; i < grade->n_points; i++)
        fm_json_put_vector(w, NULL, grade->points[i], (size_t)grade->columns);
    fm_json_close(w, ']');
    if (grade->space)
        fm_json_put_string(w, "space", grade->space);
    if (grade->answer)
        fm_json_put_string(w, "text", grade->answer);
    put_read(w, reply, grade);
    fm_json_close(w, '}');
}

static void put_metrics(fm_json_writer *w, const fm_protocol *protocol, const fm_grade *grade)
{
    fm_json_open(w, "metrics", '{');
    for (size_t i = 0; i < protocol->n_metrics; i++) {
        const char *name = protocol->metrics[i].name;
        const fm_value *value = &grade->values[i];

        switch (value->kind) {
        case FM_VALUE_ABSENT:
            break;
        case FM_VALUE_UNKNOWN:
            fm_json_put_null(w, name);
            break;
        case FM_VALUE_BOOL:
            fm_json_put_bool(w, name, value->truth);
            break;
        case FM_VALUE_NUMBER:
            fm_json_put_number(w, name, value->number);
            break;
        case FM_VALUE_VECTOR:
            fm_json_put_vector(w, name, value->vector, value->n);
            break;
        }
    }
    fm_json_close(w, '}');
}

static void format_line(fm_buf *line, const fm_protocol *protocol, const fm_selected *asking,
                        const fm_reply *reply, const fm_grade *grade)
{
    fm_json_writer w = {.out = line};

    fm_buf_clear(line);
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "id", asking->sample->id);
    if (asking->repeat > 1) {
        fm_json_put_string(&w, "base_id", asking->base_id);
        fm_json_put_int(&w, "repeat", asking->repeat);
    }
    fm_json_put_string(&w, "status", fm_sample_status_name(grade->status));
    fm_json_put_string(&w, "size_source", grade->size_source);
    if (asking->sample->category)
        fm_json_put_string(&w, "category", asking->sample->category);
    if (asking->sample->source)
        fm_json_put_string(&w, "source", asking->sample->source);
    fm_json_open(&w, "reply", '{');
    fm_record_put_reply(&w, reply);
    fm_json_close(&w, '}');
    put_answer(&w, reply, grade);
    put_metrics(&w, protocol, grade);
    fm_json_put_string(&w, "reason", grade->reason);
    fm_json_close(&w, '}');
    fm_buf_putc(line, '\n');
}

/* ---- one reply ---- */

fm_answers_family fm_grading_other_form(fm_answers_family family)
{
    return family == FM_ANSWERS_JSON ? FM_ANSWERS_TUPLES : FM_ANSWERS_JSON;
}

/* An answer that cannot be read may be in the form that the run was not told of. */
static fm_status try_other_form(slot *s, const fm_grade_input *input, fm_err *err)
{
    fm_answer_kind kind = input->sample->kind;
    fm_trace_answer answer = {0};

    s->other = false;
    s->unread = (kind == FM_ANSWER_TRACE2D || kind == FM_ANSWER_TRACE3D) &&
                input->reply_status == FM_SAMPLE_OK && s->grade.status == FM_SAMPLE_PARSE_ERROR;
    if (!s->unread)
        return FM_OK;
    fm_status st = fm_answers_parse_trace(fm_grading_other_form(input->answers), input->text,
                                          input->size, &answer, err);
    s->other = st == FM_OK && answer.shape == FM_TRACE_POINTS &&
               answer.columns >= (kind == FM_ANSWER_TRACE3D ? 3 : 2);
    fm_trace_answer_release(&answer);
    return st;
}

static fm_status grade_one(void *context, size_t index, int worker, fm_err *err)
{
    batch *b = context;
    const fm_grading *g = b->grading;
    slot *s = &b->slots[index];
    fm_sample sample = *s->asking.sample;
    const char *judgement = fm_judgements_find(&b->judgements, sample.id);
    fm_reply reply = {0};

    fm_arena_reset(&s->arena);
    fm_status st = fm_journal_find(g->journal, sample.id, &s->arena, &reply, &s->answered, err);
    if (st != FM_OK)
        return st;
    if (!s->answered)
        reply = (fm_reply){.status = FM_SAMPLE_SKIPPED, .detail = "no reply"};
    s->judged = judgement != NULL;
    if (judgement)
        sample.judgement = judgement;
    fm_grade_input input = {.sample = &sample,
                            .reply_status = reply.status,
                            .text = reply.text,
                            .size = reply.size,
                            .answers = g->manifest->answers,
                            .rules = g->protocol->rules};
    s->grade = (fm_grade){0};
    st = g->protocol->grade(b->scratch[worker], &input, &s->arena, &s->grade, err);
    if (st == FM_OK)
        st = try_other_form(s, &input, err);
    if (st != FM_OK)
        return fm_fail_within(err, st, "sample '%s'", sample.id);
    format_line(&s->line, g->protocol, &s->asking, &reply, &s->grade);
    return fm_buf_check(&s->line, "a graded sample", err);
}

/* ---- the pass ---- */

static fm_status read_batch(batch *b, fm_walk *walk, size_t *n, fm_err *err)
{
    fm_arena_reset(&b->arena);
    for (*n = 0; *n < b->capacity; ++*n) {
        bool more;
        fm_status st = fm_walk_next_in(walk, &b->arena, &b->slots[*n].asking, &more, err);

        if (st != FM_OK || !more)
            return st;
    }
    return FM_OK;
}

/* Once an asking, in the order of the data. */
static void count_losses(const slot *s, fm_grading_losses *losses)
{
    losses->n++;
    losses->unanswered += !s->answered;
    losses->astray -= s->judged;
    losses->unread += s->unread;
    losses->other += s->other;
    if (s->grade.lost && losses->unreadable++ == 0)
        snprintf(losses->first_unreadable, sizeof(losses->first_unreadable), "sample '%s': %s",
                 s->asking.sample->id, s->grade.lost);
}

static fm_status write_batch(const batch *b, size_t n, fm_file_writer *out, fm_aggregate *aggregate,
                             fm_grading_losses *losses, fm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const fm_buf *line = &b->slots[i].line;
        fm_status st = fm_aggregate_add(aggregate, b->slots[i].asking.sample, &b->slots[i].grade,
                                        b->slots[i].asking.repeat, err);

        if (st != FM_OK)
            return st;
        count_losses(&b->slots[i], losses);
        if (fwrite(line->data, 1, line->size, out->stream) != line->size)
            return FM_OK; /* the stream keeps its error for the commit, which reports it */
    }
    return FM_OK;
}

static fm_status write_results(const batch *b, const fm_aggregate *aggregate, const char *path,
                               fm_err *err)
{
    const fm_grading *g = b->grading;
    fm_buf text = {0};
    fm_json_writer w = {.out = &text, .pretty = true};
    const fm_manifest *m = g->manifest;

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", FM_RESULTS_SCHEMA);
    fm_json_put_string(&w, "suite", m->suite);
    fm_json_put_string(&w, "suite_version", m->suite_version);
    fm_json_put_string(&w, "task", m->task);
    fm_json_put_string(&w, "protocol", g->protocol->name);
    fm_json_put_int(&w, "protocol_version", g->protocol->version);
    fm_json_put_string(&w, "policy", g->protocol->policy);
    fm_json_put_string(&w, "answers", fm_answers_family_name(m->answers));
    fm_json_put_string(&w, "adapter", m->adapter);
    fm_json_put_bool(&w, "sees_truth", m->sees_truth);
    if (b->judgements.there)
        fm_json_put_string(&w, "judgements_sha256", b->judgements.sha256);
    if (!fm_selection_equal(&m->selection, &(fm_selection){0})) {
        fm_json_open(&w, "selection", '{');
        fm_selection_put(&m->selection, &w);
        fm_json_close(&w, '}');
    }
    fm_status st = fm_aggregate_put(aggregate, g->jobs, &w, err);
    fm_json_close(&w, '}');
    fm_buf_putc(&text, '\n');
    if (st == FM_OK)
        st = fm_buf_check(&text, "the results", err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, text.data, text.size, err);
    fm_buf_release(&text);
    return st;
}

static fm_status grade_all(fm_walk *walk, batch *b, fm_aggregate *aggregate, fm_file_writer *out,
                           fm_grading_losses *losses, fm_err *err)
{
    for (;;) {
        size_t n;
        fm_status st = read_batch(b, walk, &n, err);

        if (st == FM_OK)
            st = fm_parallel_for(n, b->grading->jobs, grade_one, b, err);
        if (st == FM_OK)
            st = write_batch(b, n, out, aggregate, losses, err);
        if (st != FM_OK || n < b->capacity)
            return st;
    }
}

static fm_status open_loader(void *context, fm_walk_use use, void **loader, fm_err *err)
{
    const fm_grading *g = ((const batch *)context)->grading;

    return fm_grading_open_loader(
        g->dir, g->manifest, g->loader, g->task, g->data_dir, g->pictures_dir,
        use == FM_WALK_NAMES ? FM_LOAD_NAMES : FM_LOAD_GRADING, loader, err);
}

static void release(batch *b)
{
    const fm_grading *g = b->grading;

    for (int i = 0; b->scratch && i < g->jobs; i++)
        if (b->scratch[i])
            g->protocol->scratch_free(b->scratch[i]);
    for (size_t i = 0; b->slots && i < b->capacity; i++) {
        fm_arena_release(&b->slots[i].arena);
        fm_buf_release(&b->slots[i].line);
    }
    fm_judgements_release(&b->judgements);
    fm_arena_release(&b->arena);
    free(b->scratch);
    free(b->slots);
}

fm_status fm_grading_execute(const fm_grading *g, fm_grading_losses *losses, fm_err *err)
{
    bool own = strcmp(g->protocol->name, g->manifest->protocol) == 0;
    size_t repeat = (size_t)fm_selection_repeat(&g->manifest->selection);
    size_t capacity = ((size_t)g->jobs * BATCH_PER_THREAD + repeat - 1) / repeat * repeat;
    char samples[FM_PATH_BYTES], results[FM_PATH_BYTES], judgements[FM_PATH_BYTES];
    batch b = {.grading = g,
               .slots = calloc(capacity, sizeof(slot)),
               .capacity = capacity,
               .scratch = calloc((size_t)g->jobs, sizeof(void *))};
    fm_aggregate *aggregate = fm_aggregate_new(g->protocol, (int)repeat);
    fm_file_writer out = {0};
    fm_walk *walk = NULL;
    fm_status st = FM_OK;

    *losses = (fm_grading_losses){0};
    if (!b.slots || !b.scratch || !aggregate)
        st = fm_fail(err, FM_E_NOMEM, "no memory for grading");
    for (int i = 0; st == FM_OK && i < g->jobs; i++)
        if (!(b.scratch[i] = g->protocol->scratch_new()))
            st = fm_fail(err, FM_E_NOMEM, "no memory for grading");
    if (st == FM_OK)
        st = fm_rundir_file(g->dir, FM_RUNDIR_JUDGEMENTS, judgements, err);
    if (st == FM_OK)
        st = fm_judgements_read(&b.judgements, judgements, err);
    losses->astray = b.judgements.ids.n;
    if (st == FM_OK)
        st = fm_walk_open(&walk, &g->manifest->selection, g->loader, open_loader, &b, FM_WALK_SUITE,
                          g->data_dir, err);
    if (st == FM_OK)
        st = fm_rundir_graded(g->dir, "samples", "jsonl", g->protocol->name, own, samples, err);
    if (st == FM_OK)
        st = fm_rundir_graded(g->dir, "results", "json", g->protocol->name, own, results, err);
    if (st == FM_OK)
        st = fm_file_writer_begin(&out, samples, err);
    if (st == FM_OK)
        st = grade_all(walk, &b, aggregate, &out, losses, err);
    if (st == FM_OK)
        st = fm_file_writer_commit(&out, err);
    if (st == FM_OK)
        st = write_results(&b, aggregate, results, err);

    fm_file_writer_abandon(&out);
    fm_walk_close(walk);
    release(&b);
    fm_aggregate_free(aggregate);
    return st;
}
