// SPDX-License-Identifier: Apache-2.0
// standard.h, and Boost.JSON.
#include <boost/json.hpp>

#include "precompiled/standard.h"
