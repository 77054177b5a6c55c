/* The truth of an answer that is no trace, or something that is certainly wrong, as a reply. */
#ifndef FM_ADAPTERS_BASELINE_ANSWERS_H
#define FM_ADAPTERS_BASELINE_ANSWERS_H

#include "base/buffer.h"
#include "fathom/sample.h"

/**
 * Append the answer in the form that a protocol's parser expects:
 *
 *   choice    letter         (B)                                the default
 *             text           the option's own words
 *   yesno     word           yes                                the default
 *   quantity  length         12 cm; a count: 12; 3 o'clock      the default
 *             scalar_unit    \scalar{12} \distance_unit{cm}
 *   points    points_n1      [(0.5125, 0.2510), ...]            the default
 *   and       points_n1000   [(512, 251), ...]
 *   path2d    points_px      [(328, 120), ...]                  the default of a path
 *             point_tag      <answer><point>[[328, 120], ...]</point></answer>   pixels
 *   points    json_px        fenced [{"point": [328, 120]}, ...]
 *   alone     json_yx1000    fenced [{"point": [251, 512]}, ...]
 *             json_xy1000    fenced [{"point_2d": [512, 251]}, ...]
 *             xml_n100       <point x1="51.25" y1="25.10"/>
 *   text      words          the reference                      the default
 *
 * `form` NULL, "tuples", "json" and "xyz" (of traces) mean the default; any other is FM_E_USAGE. *missing says
 * in one line what the sample lacks for it; then nothing is appended.
 */
FM_MUST_CHECK fm_status fm_baseline_answer(const fm_sample *sample, const char *form, bool wrong,
                                           fm_buf *out, const char **missing, fm_err *err);

/* The form's name in the list above, the kind's default included; NULL: none that baselines can write. */
const char *fm_baseline_form(fm_answer_kind kind, const char *form);

#endif
