/* Any bytes as a reply in JSON: bare, and inside a fence, where most of the reader is. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fathom/answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t size)
{
    fm_trace_answer answer = {0};

    if (fm_answers_parse_trace(FM_ANSWERS_JSON, text, size, &answer, NULL) != FM_OK)
        abort();
    if ((answer.n > 0) != (answer.shape == FM_TRACE_POINTS))
        abort();
    if ((answer.raises != NULL) != (answer.shape == FM_TRACE_RAISES))
        abort();
    if (answer.n && answer.columns != 2 && answer.columns != 3)
        abort();
    for (size_t i = 0; i < answer.n; i++) {
        if (answer.columns == 2 && !isnan(answer.points[i][2]))
            abort();
    }
    fm_trace_answer_release(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char open[] = "```json\n", close[] = "\n```";
    size_t head = sizeof(open) - 1, tail = sizeof(close) - 1;
    char *fenced = malloc(head + size + tail);

    if (!fenced)
        return 0;
    memcpy(fenced, open, head);
    if (size)
        memcpy(fenced + head, data, size);
    memcpy(fenced + head + size, close, tail);
    check((const char *)data, size);
    check(fenced, head + size + tail);
    free(fenced);
    return 0;
}
