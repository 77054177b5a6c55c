/* The tables that a build for this processor family has; each is compiled for its own set. */
#ifndef TR_ARITHMETIC_TABLES_H
#define TR_ARITHMETIC_TABLES_H

#include "train/arithmetic.h"

extern const tr_arithmetic tr_arithmetic_generic, tr_arithmetic_avx2;

#endif
