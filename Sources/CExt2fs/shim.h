#pragma once
#include <time.h>
#include <sys/types.h>
#include <et/com_err.h>
#include <ext2fs/ext2fs.h>
