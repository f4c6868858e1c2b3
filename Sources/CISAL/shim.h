#pragma once
#include <isa-l/igzip_lib.h>

/* A macro of arithmetic on macros, which Swift does not import. */
enum { CISAL_LEVEL1_BUFFER_SIZE = ISAL_DEF_LVL1_DEFAULT };
