/* Any text as a mapping of suite.yaml: what `data` says of tables, for each kind of answer, and the rules
 * of a protocol, for each grader. Refused with a message that names the place, or kept whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "suites/common/common.h"
#include "suites/common/table_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_data(const char *text, fm_answer_kind kind, bool wanted)
{
    const fm_table_wants wants = {wanted, wanted, wanted};
    fm_table_spec spec = {0};
    fm_err err = {0};
    fm_status st = fm_table_spec_read(text, kind, &wants, &spec, &err);

    if (st != FM_OK && (st != FM_E_INPUT || strncmp(err.text, "data", 4) != 0))
        abort();
    if (st == FM_OK && (spec.n_columns > FM_TABLE_COLUMNS || spec.n_files == 0 ||
                        spec.n_instruction == 0 || spec.images.n > FM_TABLE_PICTURES))
        abort();
    fm_arena_release(&spec.arena);
}

static void read_rules(const fm_grader_ops *grader, const char *text)
{
    fm_protocol protocol = {.name = "fuzz", .kind = grader->kind};
    fm_arena arena = {0};
    fm_err err = {0};
    fm_status st = grader->configure(text, "rules", &arena, &protocol, &err);

    if (st != FM_OK && (st != FM_E_INPUT || strncmp(err.text, "rules", 5) != 0))
        abort();
    if (st == FM_OK && (!protocol.grade || !protocol.primary || !protocol.policy ||
                        protocol.n_metrics == 0 || protocol.n_metrics > FM_MAX_METRICS))
        abort();
    fm_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const fm_grader_ops *const graders[] = {&fm_grader_choice,   &fm_grader_yesno,
                                                   &fm_grader_quantity, &fm_grader_points,
                                                   &fm_grader_path2d,   &fm_grader_judged};
    char *text = malloc(size + 1);

    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    for (int kind = 0; kind < FM_ANSWER_KINDS; kind++) {
        read_data(text, (fm_answer_kind)kind, true);
        read_data(text, (fm_answer_kind)kind, false);
    }
    for (size_t i = 0; i < FM_COUNT_OF(graders); i++)
        read_rules(graders[i], text);
    free(text);
    return 0;
}
