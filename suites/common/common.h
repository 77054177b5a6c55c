/**
 * What suites need that are nothing but a suite.yaml: a loader for tables, and graders that take
 * their rules from the file. docs/adding-a-suite.md shows them at work.
 */
#ifndef FM_SUITES_COMMON_H
#define FM_SUITES_COMMON_H

#include "fathom/suite.h"

/**
 * Loader "table": rows of published files to samples. The task's mapping `data`:
 *
 *   files: ["2D/test-*.parquet"]     inside the data folder; * and ? match within a name; sorted
 *   rows: items                      JSON only: where the array stands (tables/table.h)
 *   where: {type: [scale_est]}       rows whose column has one of these values; others are no samples
 *          {mask_name: present}      rows that have a value there
 *   columns:
 *     instruction: question          as {task} in the prompt; a list of columns is joined by blank
 *                                    lines, {columns: [prompt, suffix], join: " "} by something else
 *     id: question_id                a column; absent: the number of the row among the samples, from 0
 *     category: task                 likewise source, target, destination, judgement; numbers: steps,
 *                                    width and height (of the first picture)
 *     images: [image_1, image_2]     columns (null: no such picture) of struct{bytes, path}, bytes or
 *                                    base64 text, or of lists of them
 *     image_root: images             the columns name files in this folder of the data ("." is the
 *                                    data folder itself); "images/{category}": in the one that the
 *                                    row's column `category` names
 *     image_rows: index              a cell of at most 64 bytes names the row before it, by this column,
 *                                    that has its picture (VLMEvalKit's TSV)
 *     image_folder: frames/{scene}   in place of `images`: the pictures in that folder, by name; of more
 *     image_most: 16                 than so many (128), as many at equal distances
 *     mask: mask                     likewise, with mask_root; depth, with depth_root
 *     options: choices               a list column; a list of columns [A, B, C, D]: those not null; or a
 *                                    number: so many options stand, lettered, in the question itself;
 *                                    {columns: choices, lettered: true}: they begin with "A." and so on
 *   categories: {far: [far, farther]}  what the category's column has as several is one
 *   truth: one of, by the task's kind
 *     choice:   {column: answer, as: letter | index | text}   "(B)", "B", "B."; index from 0; the option
 *     yesno:    {column: answer, yes: "yes", no: "no"}        letter case aside
 *     quantity: {column: answer_value, unit: m}               or unit: {column: answer_unit}
 *     points:   {mask: true}, {polygon: answer, space: n1} or {box: bbox, space: px, order: xyxy | xywh},
 *               each with or without expected: a column
 *     path2d:   {column: points, space: px | n1 | n1000}
 *     of both, member: bbox          the column is a text with a JSON object, of which this is the truth
 *   shuffle_options: hash            options in an order drawn from the sample's id; `reversed`: in the
 *                                    opposite one
 *
 * A column is a path (tables/parquet.h); "turns[1].value" is the second element of "turns[].value".
 * Numbers may stand in lists or in a text that lists them. A name of a file that comes from data cannot
 * leave the data folder; where that is a snapshot in a hub's cache, links to its blobs are followed.
 *
 * Pictures inside a table are laid out as <pictures_dir>/<2>/<62 hexadecimal digits>.<png, jpg, webp> by
 * the SHA-256 of their bytes when a sample is completed. Where none are wanted (`names`) their columns
 * are not read at all; `grading` takes the mask of points, and the first picture of points and paths for
 * its size, and nothing else. Every fault names the task and the member, or the file, the row and the
 * column.
 */
extern const fm_loader_ops fm_loader_table;

/* Graders, one for each kind of answer. docs/adding-a-suite.md has the rules of each. A sample
 * without a reply counts as one whose reply cannot be read. */
extern const fm_grader_ops fm_grader_choice;
extern const fm_grader_ops fm_grader_yesno;
extern const fm_grader_ops fm_grader_quantity;
extern const fm_grader_ops fm_grader_points;
extern const fm_grader_ops fm_grader_path2d;
extern const fm_grader_ops fm_grader_judged;

#endif
