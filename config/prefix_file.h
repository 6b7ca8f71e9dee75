// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "config/policy.h"
#include "config/rule.h"

namespace culvert {

/// A file of prefixes, as feeds come: one a line, # or ; begins a comment, empty lines and repetitions do no harm. It
/// is read when the configuration is checked, so that a mistake in it is a diagnostic like any other; a changed file
/// counts with the next check.
///
/// "none", or the absolute path of a file of at most `most` prefixes. Printed with what it held, as a comment: two
/// versions of one file differ.
ValueRule<PrefixFile> prefix_file_rule(std::size_t most);

}  // namespace culvert
