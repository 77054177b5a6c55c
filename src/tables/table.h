/**
 * Rows of a file of any format that benchmarks are published in, one at a time: Parquet, a JSON
 * array, JSON lines, tab-separated values.
 *
 * All give the values of tables/parquet.h: JSON's objects are structs, arrays are lists, whole
 * numbers up to 2^53 are integers; the cells of a TSV are text, empty ones NULL. Rows stream: memory
 * is bounded by the largest row (of JSON and TSV) or page (of Parquet), whatever the size of the
 * file. Faults are FM_E_INPUT and name the file and the row. One thread.
 */
#ifndef FM_TABLES_TABLE_H
#define FM_TABLES_TABLE_H

#include "tables/parquet.h"

typedef struct fm_table fm_table;

#define FM_TABLE_MAX_ROW_BYTES ((size_t)256 << 20) /* of JSON and TSV */

/* By the end of the name: .parquet, .json, .jsonl (also .ndjson), .tsv. `rows` is for JSON: the path
 * of members that leads to the array ("data.items"), NULL: the array is the whole file, or the file is an
 * object whose members are the rows (the name of each is its column "$key"). */
FM_MUST_CHECK fm_status fm_table_open(fm_table **out, const char *path, const char *rows,
                                      fm_err *err);
void fm_table_close(fm_table *table); /* accepts NULL */

/* Whether a file of that name has columns of its own. The rows of JSON have members instead, each its own. */
bool fm_table_has_columns(const char *path);

/* As fm_parquet_choose(); a TSV has no paths. A column that the file does not have is FM_E_INPUT; where
 * it has none of its own, the value is NULL in rows without such a member. */
FM_MUST_CHECK fm_status fm_table_choose(fm_table *table, const char *const *columns, size_t n,
                                        fm_err *err);
FM_MUST_CHECK fm_status fm_table_next(fm_table *table, const fm_parquet_value **row, fm_err *err);

#endif
