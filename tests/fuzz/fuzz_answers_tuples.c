/* Any bytes as a reply in tuples, and as points in space: the parser ends in one of its stated shapes. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "fathom/answers.h"

static void place(const uint8_t *data, size_t size)
{
    const fm_camera camera = {.fx = 50, .fy = 40, .cx = 32, .cy = 24};
    fm_trace_answer answer = {0};

    if (fm_answers_parse_trace(FM_ANSWERS_XYZ, (const char *)data, size, &answer, NULL) != FM_OK)
        abort();
    fm_trace_answer_place(&answer, &camera, 64, 48);
    if (answer.shape != (answer.n ? FM_TRACE_POINTS : FM_TRACE_NONE))
        abort();
    for (size_t i = 0; i < answer.n; i++)
        if (isnan(answer.points[i][2]))
            abort();
    fm_trace_answer_release(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_trace_answer answer = {0};

    if (fm_answers_parse_trace(FM_ANSWERS_TUPLES, (const char *)data, size, &answer, NULL) != FM_OK)
        abort();
    if (answer.shape != (answer.n ? FM_TRACE_POINTS : FM_TRACE_NONE) || answer.raises)
        abort();
    for (size_t i = 0; i < answer.n; i++) {
        if (isnan(answer.points[i][0]) || isnan(answer.points[i][1]))
            abort();
        if (answer.columns == 2 && !isnan(answer.points[i][2]))
            abort();
    }
    fm_trace_answer_release(&answer);
    place(data, size);
    return 0;
}
