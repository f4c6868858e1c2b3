#pragma once
#include <libcryptsetup.h>

// CRYPT_LUKS1 is a macro for a string.
static const char *const shim_crypt_luks1 = CRYPT_LUKS1;
