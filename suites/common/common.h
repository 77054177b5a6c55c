/**
 * What suites need that are nothing but a suite.yaml: graders that take their rules from the file.
 * docs/adding-a-suite.md shows them at work.
 */
#ifndef FM_SUITES_COMMON_H
#define FM_SUITES_COMMON_H

#include "fathom/suite.h"

/* Graders, one for each kind of answer. docs/adding-a-suite.md has the rules of each. A sample
 * without a reply counts as one whose reply cannot be read. */
extern const fm_grader_ops fm_grader_choice;
extern const fm_grader_ops fm_grader_yesno;
extern const fm_grader_ops fm_grader_quantity;
extern const fm_grader_ops fm_grader_points;
extern const fm_grader_ops fm_grader_path2d;

#endif
