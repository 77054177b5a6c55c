/**
 * What the graders share: strict reading of a protocol's rules, the part of a reply that is read,
 * and the values of a grade.
 */
#ifndef FM_SUITES_RULES_H
#define FM_SUITES_RULES_H

#include <stdbool.h>

#include "base/json.h"
#include "fathom/points.h"
#include "fathom/raster.h"
#include "fathom/reply.h"
#include "fathom/suite.h"

/* ---- rules ---- */

typedef struct {
    cJSON *tree;
    const char *place; /* begins every message */
    fm_err *err;
} fm_rules;

/* Fills a grader's own struct, zeroed before. */
typedef fm_status (*fm_rules_reader)(const fm_rules *rules, void *kept);

/* Read a protocol's mapping; a rule that is not among `names` is refused. */
FM_MUST_CHECK fm_status fm_rules_read(const char *text, const char *place, const char *const *names,
                                      size_t n, fm_rules_reader reader, void *kept, fm_err *err);

/* Each keeps *out where the rule is absent. A word becomes its index in words[n]. */
FM_MUST_CHECK fm_status fm_rules_word(const fm_rules *rules, const char *name,
                                      const char *const *words, size_t n, int *out);
FM_MUST_CHECK fm_status fm_rules_flag(const fm_rules *rules, const char *name, bool *out);
FM_MUST_CHECK fm_status fm_rules_number(const fm_rules *rules, const char *name, double low,
                                        double high, double *out);

/* A name of the data's, of fewer than `size` bytes. */
FM_MUST_CHECK fm_status fm_rules_name(const fm_rules *rules, const char *name, char *out,
                                      size_t size);

/* What a reply without a readable answer counts as. */
typedef enum { FM_UNPARSED_ZERO, FM_UNPARSED_SKIP } fm_unparsed;
FM_MUST_CHECK fm_status fm_rules_unparsed(const fm_rules *rules, const char *name,
                                          fm_unparsed *out);

/* Rule `reply`: the part of a reply that is read. */
typedef enum { FM_PART_WHOLE, FM_PART_ANSWER, FM_PART_AFTER_THINK, FM_PART_LAST_LINE } fm_part;
FM_MUST_CHECK fm_status fm_rules_part(const fm_rules *rules, fm_part *out);

/* Rules `extract`, `space`, `order` and `pixel`: a published rule of fathom/points.h, or a changed
 * copy of one. */
FM_MUST_CHECK fm_status fm_rules_points(const fm_rules *rules, fm_points_rule *out);

/* ---- grading ---- */

/* What every configured protocol has; `grade` is the caller's. `primary` is an index into metrics. A
 * worker's scratch is an fm_raster, for the mask of the sample at hand. */
void fm_protocol_fill(fm_protocol *out, const fm_metric *metrics, size_t n, int primary,
                      fm_unparsed unparsed, const void *rules);

/* The text to read; without text where the reply is no answer. */
fm_span fm_grade_text(const fm_grade_input *input, fm_part part);

/* The reply's status, or parse_error where an answer came and cannot be read; with the reason. */
void fm_grade_unread(const fm_grade_input *input, const char *reason, fm_grade *out);

/* Only a judge can say whether the reply is right, and none did: the values are unknown. */
void fm_grade_unjudged(size_t n_metrics, fm_grade *out);

fm_value fm_value_truth(bool truth);
fm_value fm_value_number(double number); /* UNKNOWN where it is not finite */

/* The size of the sample's picture: as the data states it, else as its file has it. */
FM_MUST_CHECK fm_status fm_grade_picture_size(const fm_sample *sample, int *width, int *height,
                                              fm_err *err);

/* Keep where the answer stands: `read`, or the `part` of the reply that a rule looked at where the rule
 * does not tell. FM_E_NOMEM only. */
FM_MUST_CHECK fm_status fm_grade_keep_read(const fm_grade_input *input, fm_span part, fm_span read,
                                           struct fm_arena *arena, fm_grade *out, fm_err *err);

/* Keep points on a width x height picture as the grade's answer, and which space the rule took them to
 * be in where it leaves that to the reply. FM_E_NOMEM only. */
FM_MUST_CHECK fm_status fm_grade_keep_points(const fm_points *points, const fm_points_rule *rule,
                                             int width, int height, struct fm_arena *arena,
                                             fm_grade *out, fm_err *err);

#endif
