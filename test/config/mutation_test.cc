// SPDX-License-Identifier: Apache-2.0
// The example, mutated at random: whatever comes in, a check ends with a configuration or a reason and never crashes.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "config/changes.h"
#include "config/config.h"
#include "config/documentation.h"
#include "config/line_diff.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

std::size_t below(std::mt19937_64& random, std::size_t bound) {
  return bound == 0 ? 0 : random() % bound;
}

void mutate(std::string& text, std::mt19937_64& random) {
  static constexpr std::string_view kTelling = "{}[]:,-#&*!|>'\"%@`?~<\t\n \\0129aZ\x7f\xc3\xff";
  const std::size_t at = below(random, text.size());
  switch (random() % 6) {
    case 0:
      text.insert(at, 1, kTelling[below(random, kTelling.size())]);
      break;
    case 1:
      text[at] = static_cast<char>(random());
      break;
    case 2:
      text.erase(at, 1 + below(random, 8));
      break;
    case 3:
      text.insert(at, text.substr(below(random, text.size()), below(random, 60)));
      break;
    case 4:
      text[at] = kTelling[below(random, kTelling.size())];
      break;
    default:
      text.insert(at, std::to_string(random() >> below(random, 64)));
      break;
  }
}

std::uint64_t seed_from_environment() {
  const char* given = std::getenv("CULVERT_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
}

}  // namespace

TEST_CASE("a mutated example is accepted or refused with a reason") {
  const std::uint64_t seed = seed_from_environment();
  std::printf("mutation seed %llu (repeat with CULVERT_SEED)\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  const bool firewall = GENERATE(false, true);
  const std::string example = firewall ? firewall_example() : example_yaml();
  const Config defaults = *check_text(example, "f").config;
  int accepted = 0;
  constexpr int kTexts = 3'000;
  for (int i = 0; i < kTexts; ++i) {
    std::string text = example;
    for (std::size_t n = 1 + below(random, i % 3 == 0 ? 40 : 3); n > 0; --n) {
      if (!text.empty()) mutate(text, random);
    }
    INFO("seed " << seed << ", text " << i);
    const CheckResult result = check_text(text, "f");
    const bool reason = result.to_text().find("f:") == 0;
    if (result.ok() ? result.config->interfaces.empty() : !reason) FAIL(text);
    if (!result.ok()) continue;
    ++accepted;
    // What was accepted survives the other users of a configuration, and equal values have no difference.
    const bool same = *result.config == defaults;
    if (same != changes_between(defaults, *result.config).empty()) FAIL(text);
  }
  INFO("seed " << seed);
  CHECK(accepted > 0);
  CHECK(accepted < kTexts);
}
