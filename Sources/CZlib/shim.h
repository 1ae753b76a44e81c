#ifndef REFRAIN_CZLIB_H
#define REFRAIN_CZLIB_H

#include <zlib.h>

#endif
