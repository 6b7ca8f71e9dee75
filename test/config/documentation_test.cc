// SPDX-License-Identifier: Apache-2.0
// The committed pages are what the schema says today, and the example means what it claims.
#include "config/documentation.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "config/config.h"
#include "config/schema.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

std::string committed(const std::string& path) {
  const char* source = std::getenv("CULVERT_SOURCE");
  std::ifstream file(std::string(source == nullptr ? "." : source) + "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// True for keys that have no default of their own: they are in the firewall's example.
bool of_firewall(const KeyInfo& info) {
  return info.path.starts_with("policy.") || info.path.starts_with("nat.") || info.path.starts_with("zones.") ||
         info.path.starts_with("screens.");
}

/// The example's comment at its end, as whoever takes it would uncomment it.
std::string uncommented_firewall() {
  std::string text = example_yaml();
  text = text.substr(text.find("\n#\n# interfaces:\n") + 3);
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) result += (line == "#" ? "" : line.substr(2)) + "\n";
  return result;
}

}  // namespace

TEST_CASE("docs/ has the generated pages; when it has not: config_docs docs") {
  CHECK(committed("docs/configuration.md") == configuration_markdown());
  CHECK(committed("docs/man/culvert.yaml.5") == configuration_man_page());
  CHECK(committed("docs/example.yaml") == example_yaml());
}

TEST_CASE("the example checks clean, has every key and equals the defaults") {
  const CheckResult example = check_text(example_yaml(), "example.yaml");
  CHECK(example.to_text().empty());
  REQUIRE(example.ok());
  CHECK(*example.config == *check_text("interfaces: {lan0: {}, wan0: {}}", "f").config);
  for (const KeyInfo& info : schema_keys()) {
    if (info.kind != KeyInfo::Kind::kValue || of_firewall(info)) continue;
    INFO(info.path);
    const std::string line = info.path.substr(info.path.rfind('.') + 1) + ": " + info.default_text + "\n";
    CHECK(example_yaml().find(" " + line) != std::string::npos);
  }
}

TEST_CASE("the firewall's example checks clean and has every key that the other has not") {
  const CheckResult example = check_text(firewall_example(), "firewall.yaml");
  CHECK(example.to_text().empty());
  REQUIRE(example.ok());
  CHECK(fails_closed(*example.config));
  CHECK(uncommented_firewall() == firewall_example());
  for (const KeyInfo& info : schema_keys()) {
    if (info.kind != KeyInfo::Kind::kValue || !of_firewall(info)) continue;
    INFO(info.path);
    CHECK(firewall_example().find(info.path.substr(info.path.rfind('.') + 1) + ": ") != std::string::npos);
  }
}

TEST_CASE("the manual names every key") {
  for (const KeyInfo& info : schema_keys()) {
    INFO(info.path);
    CHECK(configuration_markdown().find("`" + info.path + "`") != std::string::npos);
    CHECK(configuration_man_page().find(".B " + info.path + "\n") != std::string::npos);
  }
}

TEST_CASE("no line of the example is longer than a terminal is wide") {
  std::istringstream lines(example_yaml());
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 120);
  CHECK(wrapped("aa bb cc", "# ", 7) == "# aa bb\n# cc\n");
  CHECK(wrapped("a-word-longer-than-the-line b", "", 5) == "a-word-longer-than-the-line\nb\n");
}
