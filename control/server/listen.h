// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/fd.h"

namespace culvert {

/// A listening Unix stream socket at `path`, mode 0660, of `group` when that group exists. The folder is made when it
/// is missing. A file left behind by a dead process is replaced. Throws SetupError.
Fd listen_at(const std::string& path, const std::string& group);

}  // namespace culvert
