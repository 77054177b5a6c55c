/**
 * TraceSpatial-Bench (arXiv 2512.13660, JingkunAn/TraceSpatial-Bench): its published layout and the
 * protocols under which its two tasks are judged. README.md beside this file describes them.
 */
#ifndef FM_SUITES_TRACESPATIAL_H
#define FM_SUITES_TRACESPATIAL_H

#include "fathom/suite.h"

/* trajectory_dataset.json (or upstream's record lines) and raw_data/<id>/... */
extern const fm_loader_ops fm_loader_tracespatial;

extern const fm_protocol fm_protocol_trace2d_reference; /* upstream's script, quirks included */
extern const fm_protocol fm_protocol_trace2d_paper;     /* what the paper's text states */
extern const fm_protocol fm_protocol_trace2d_answer;    /* the latter without what a reply thinks */
extern const fm_protocol fm_protocol_trace3d_reference;
extern const fm_protocol fm_protocol_trace3d_paper;
extern const fm_protocol fm_protocol_trace3d_answer;

#endif
