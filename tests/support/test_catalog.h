/* A catalogue for tests of the library: the suites of the source tree, no program around it. */
#ifndef FM_TESTS_CATALOG_H
#define FM_TESTS_CATALOG_H

#include <stdio.h>
#include <stdlib.h>

#include "core/catalog.h"
#include "suites/common/common.h"
#include "suites/tracespatial/tracespatial.h"

static inline const fm_catalog *test_catalog(void)
{
    static const fm_loader_ops *const loaders[] = {&fm_loader_tracespatial, &fm_loader_table, NULL};
    static const fm_protocol *const protocols[] = {&fm_protocol_trace2d_reference,
                                                   &fm_protocol_trace2d_paper,
                                                   &fm_protocol_trace3d_reference,
                                                   &fm_protocol_trace3d_paper,
                                                   &fm_protocol_trace2d_answer,
                                                   &fm_protocol_trace3d_answer,
                                                   NULL};
    static const fm_grader_ops *const graders[] = {&fm_grader_choice,
                                                   &fm_grader_yesno,
                                                   &fm_grader_quantity,
                                                   &fm_grader_points,
                                                   &fm_grader_path2d,
                                                   &fm_grader_judged,
                                                   NULL};
    static const fm_adapter_ops *const adapters[] = {NULL};
    static char suites[2048];
    static const fm_catalog catalog = {.loaders = loaders,
                                       .protocols = protocols,
                                       .graders = graders,
                                       .adapters = adapters,
                                       .suites_dir = suites};
    const char *source = getenv("FATHOM_SOURCE_DIR");

    snprintf(suites, sizeof(suites), "%s/suites", source ? source : ".");
    return &catalog;
}

#endif
