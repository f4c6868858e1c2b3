#pragma once
#include <lzma.h>

// Macros with casts in them, which Swift doesn't import.
enum : unsigned long long {
    CLZMA_FILTER_LZMA2 = LZMA_FILTER_LZMA2,
    CLZMA_FILTER_X86 = LZMA_FILTER_X86,
    CLZMA_FILTERS_END = LZMA_VLI_UNKNOWN,
};
