/* For tests of graders: a protocol from its rules, and what it makes of one reply. */
#ifndef FM_TESTS_GRADERS_FIXTURE_H
#define FM_TESTS_GRADERS_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "suites/common/common.h"

static fm_arena arena;

static inline fm_protocol protocol_of(const fm_grader_ops *grader, const char *rules)
{
    fm_protocol protocol = {.name = "made", .kind = grader->kind};
    fm_err err = {0};

    cr_assert(eq(int, grader->configure(rules, "suite.yaml", &arena, &protocol, &err), FM_OK), "%s",
              err.text);
    return protocol;
}

static inline fm_grade graded(const fm_protocol *protocol, const fm_sample *sample,
                              const char *reply)
{
    fm_grade_input input = {.sample = sample,
                            .reply_status = reply ? FM_SAMPLE_OK : FM_SAMPLE_TIMEOUT,
                            .text = reply,
                            .size = reply ? strlen(reply) : 0,
                            .rules = protocol->rules};
    void *scratch = protocol->scratch_new();
    fm_grade grade = {0};

    cr_assert(eq(int, protocol->grade(scratch, &input, &arena, &grade, NULL), FM_OK));
    protocol->scratch_free(scratch);
    return grade;
}

static inline const fm_value *value(const fm_protocol *protocol, const fm_grade *grade,
                                    const char *name)
{
    for (size_t i = 0; i < protocol->n_metrics; i++)
        if (strcmp(protocol->metrics[i].name, name) == 0)
            return &grade->values[i];
    cr_fatal("no metric '%s'", name);
}

/* Its number, 0 or 1 of a verdict, NaN where there is none. */
static inline double number(const fm_protocol *protocol, const fm_grade *grade, const char *name)
{
    const fm_value *v = value(protocol, grade, name);

    if (v->kind == FM_VALUE_BOOL)
        return v->truth;
    return v->kind == FM_VALUE_NUMBER ? v->number : NAN;
}

static inline double score(const fm_protocol *protocol, const fm_sample *sample, const char *reply,
                           const char *metric)
{
    fm_grade grade = graded(protocol, sample, reply);

    return number(protocol, &grade, metric);
}

static inline void refuses(const fm_grader_ops *grader, const char *rules, const char *message)
{
    fm_protocol protocol = {.name = "made", .kind = grader->kind};
    fm_err err = {0};

    cr_assert(eq(int, grader->configure(rules, "suite.yaml", &arena, &protocol, &err), FM_E_INPUT));
    cr_assert(eq(str, err.text, (char *)message));
}

#endif
