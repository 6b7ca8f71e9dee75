// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace culvert {

/// How many insertions, deletions, replacements and swaps of neighbours make one text of the other (optimal string
/// alignment; Damerau 1964). Work is the product of the lengths.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word that was probably meant: the nearest, when no more than a third of it (at least one character) is wrong.
/// Texts longer than 64 bytes have none.
std::optional<std::string> nearest(std::string_view typed, const std::vector<std::string>& words);

}  // namespace culvert
