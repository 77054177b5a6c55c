/* What a run took, from usage.json, in words. Pure functions; everything is appended to `out`. */
#ifndef FM_REPORT_USAGE_H
#define FM_REPORT_USAGE_H

#include <cjson/cJSON.h>

#include "base/buffer.h"

void fm_report_put_count(fm_buf *out, double count); /* "812", "23.1k", "1.24M" */
void fm_report_put_money(fm_buf *out, double cost);  /* "$0.0213" */

/* "took 1020 requests, 20 of them again, $0.12", tokens, and percentiles of the time to a reply, with
 * `between` between them. Nothing where usage is NULL, or where there is nothing to tell: the run
 * answered by itself, at once and at the first attempt. */
void fm_report_put_usage(fm_buf *out, const cJSON *usage, double samples, const char *between);

#endif
