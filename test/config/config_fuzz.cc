// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration: checked, shown, compared; printed values must read back.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "config/changes.h"
#include "config/config.h"
#include "config/line_diff.h"
#include "test/support/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace culvert;
  const std::string_view text(as_chars(std::as_bytes(std::span(data, size)).data()), size);
  const CheckResult result = check_text(text, "fuzz");
  CULVERT_CHECK(result.ok() || !result.to_text().empty());
  if (result.ok()) {
    CULVERT_CHECK(!result.config->interfaces.empty());
    CULVERT_CHECK(changes_between(*result.config, *result.config).empty());
    CULVERT_CHECK((*result.config == Config{}) == changes_between(Config{}, *result.config).empty());
  }
  CULVERT_CHECK(unified_diff(text, text, "a", "b").empty());
  unified_diff(text.substr(0, size / 2), text.substr(size / 2), "a", "b");
  return 0;
}
