// SPDX-License-Identifier: Apache-2.0
// The mechanism that later parts build on, with a small made-up part: a map of pools, each with a list of rules.
#include "config/section.h"

#include <map>
#include <string>
#include <vector>

#include "config/changes.h"
#include "config/yaml.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

struct Entry {
  ConfigPrefix match;
  bool log = false;
};
struct Pool {
  std::uint64_t buffer_bytes = 65'536;
  std::uint32_t rate_per_second = 100;
  std::vector<Entry> entries;
};
struct Part {
  std::map<std::string, Pool> pools;
  std::uint64_t timeout_ns = 10'000'000'000;
};

Section<Part> part_section() {
  const auto entry = Section<Entry>()
                         .key("match", &Entry::match, network_rule(), Reload::kLive, "Which sources.")
                         .required()
                         .key("log", &Entry::log, flag_rule(), Reload::kLive, "Whether it is said.", "Quiet.");
  const auto pool =
      Section<Pool>()
          .key("buffer", &Pool::buffer_bytes, size_rule(4'096, 1 << 30), Reload::kRestart, "Memory.", "Enough.")
          .key("rate", &Pool::rate_per_second, rate_rule(1, 1'000), Reload::kLive, "How often.", "Often.")
          .list("entries", &Pool::entries, entry, 3, Reload::kLive, "In order.");
  return Section<Part>()
      .map("pools", &Part::pools, pool, account_rule(), 0, 2, Reload::kRestart, "By name.")
      .key("timeout", &Part::timeout_ns, duration_rule(0, 60'000'000'000), Reload::kLive, "How long.", "Long.")
      .not_built("magic", "magic", "Not yet.");
}

std::string read(const std::string& yaml, Part& part) {
  Diagnostics diagnostics;
  const std::optional<YamlNode> root = read_yaml(yaml, diagnostics);
  if (root) part_section().read(*root, Place{diagnostics, "", nullptr}, part);
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics.take()) text += to_text(diagnostic, "f") + "\n";
  return text;
}

std::string said_of(const std::string& yaml) {
  Part part;
  return read(yaml, part);
}

std::vector<KeyValue> values_of(const std::string& yaml) {
  Part part;
  CHECK(read(yaml, part).empty());
  std::vector<KeyValue> values;
  part_section().print(part, "", values);
  return values;
}

std::string changes_text(const std::string& from, const std::string& to) {
  std::string text;
  for (const ConfigChange& change : changes_between(values_of(from), values_of(to))) {
    text += to_text(change) + (change.reload == Reload::kLive ? " (live)\n" : " (restart)\n");
  }
  return text;
}

}  // namespace

TEST_CASE("maps, lists, sizes and rates nest") {
  Part part;
  const std::string yaml =
      "pools:\n  a:\n    buffer: 64KiB\n    rate: 1k/s\n    entries:\n      - match: 10.0.0.0/8\n      - {match: ::/0, "
      "log: "
      "true}\n  b: {}\ntimeout: 500ms\n";
  CHECK(read(yaml, part).empty());
  REQUIRE(part.pools.size() == 2);
  CHECK(part.pools["a"].buffer_bytes == 65'536);
  CHECK(part.pools["a"].rate_per_second == 1'000);
  REQUIRE(part.pools["a"].entries.size() == 2);
  CHECK_FALSE(part.pools["a"].entries[0].log);
  CHECK(part.pools["a"].entries[1].log);
  CHECK(part.timeout_ns == 500'000'000);
}

TEST_CASE("mistakes inside of maps and lists are found at their place") {
  CHECK(said_of("pools: {a: {entries: [{log: true}, 7, {match: 10.0.0.0/8, lgo: 1}]}}\n") ==
        "f:1:23: pools.a.entries[0].match: this key is missing; write an IPv4 or IPv6 prefix\n"
        "f:1:36: pools.a.entries[1]: is one value or a list, but keys belong here; write 'key: value' lines below it, "
        "with match, log\n"
        "f:1:59: pools.a.entries[2].lgo: there is no such key; did you mean log?\n");
  CHECK(said_of("pools: {a: {entries: [{}, {}, {}, {}]}}\n") ==
        "f:1:22: pools.a.entries: the list has 4 items; use 0 to 3\n");
  CHECK(said_of("pools: {a: {buffer: 4095}}\n") ==
        "f:1:21: pools.a.buffer: 4095 is less than 4KiB; use 4KiB to 1GiB\n");
  CHECK(said_of("pools: {a: {buffer: 1.1GiB}}\n").find("is not a whole number") != std::string::npos);
  CHECK(said_of("magic: 1\n") == "f:1:1: magic: magic is not built yet in this version; remove the key\n");
}

TEST_CASE("differences: values, and elements as one") {
  CHECK(changes_text("", "").empty());
  CHECK(changes_text("timeout: 1s", "timeout: 1000ms").empty());
  CHECK(changes_text("timeout: 1s", "timeout: 2s") == "timeout: 1s -> 2s (live)\n");
  CHECK(changes_text("pools: {a: {}}", "pools: {a: {rate: 1/s}, b: {rate: 5/s}}") ==
        "pools.a.rate: 100/s -> 1/s (live)\npools.b: added (restart)\n");
  CHECK(changes_text("pools: {a: {}, ab: {}}", "pools: {ab: {buffer: 8k}}") ==
        "pools.ab.buffer: 64KiB -> 8KiB (restart)\npools.a: removed (restart)\n");
  CHECK(changes_text("pools: {a: {entries: [{match: 10.0.0.0/8}]}}",
                     "pools: {a: {entries: [{match: 10.0.0.0/8, log: true}, {match: ::/0}]}}") ==
        "pools.a.entries[0].log: false -> true (live)\npools.a.entries[1]: added (live)\n");
}

TEST_CASE("the rows describe themselves with their whole paths") {
  std::vector<std::string> paths;
  for (const KeyInfo& info : part_section().describe()) paths.push_back(info.path + (info.required ? " !" : ""));
  CHECK(paths == std::vector<std::string>{"pools", "pools.NAME.buffer", "pools.NAME.rate", "pools.NAME.entries",
                                          "pools.NAME.entries[].match !", "pools.NAME.entries[].log", "timeout",
                                          "magic"});
}

namespace {

struct Step {
  std::string name;
  std::uint32_t weight = 1;
};
struct Extra {
  std::vector<Step> steps;
  std::uint32_t depth = 7;
};
struct Whole {
  std::optional<Extra> extra;
};

Section<Whole> whole_section() {
  const auto step =
      Section<Step>()
          .key("name", &Step::name, account_rule(), Reload::kLive, "Who.")
          .required()
          .key("weight", &Step::weight, count_rule<std::uint32_t>(1, 9), Reload::kLive, "How much.", "One.")
          .shorthand("name");
  const auto extra =
      Section<Extra>()
          .named_list("steps", &Extra::steps, step, &Step::name, 9, Reload::kLive, "In order.")
          .key("depth", &Extra::depth, count_rule<std::uint32_t>(1, 9), Reload::kLive, "Deep.", "Seven.");
  return Section<Whole>().optional_object("extra", &Whole::extra, extra, Reload::kRestart, "More.", "Less.");
}

std::string whole_of(const std::string& yaml, Whole& whole) {
  Diagnostics diagnostics;
  const std::optional<YamlNode> root = read_yaml(yaml, diagnostics);
  if (root) whole_section().read(*root, Place{diagnostics, "", nullptr}, whole);
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics.take()) text += to_text(diagnostic, "f") + "\n";
  return text;
}

std::string lines_of(const std::string& yaml) {
  Whole whole;
  CHECK(whole_of(yaml, whole).empty());
  std::vector<KeyValue> values;
  whole_section().print(whole, "", values);
  std::string text;
  for (const KeyValue& value : values) text += value.path + "=" + value.text + (value.is_element ? " *\n" : "\n");
  return text;
}

}  // namespace

TEST_CASE("an optional object is there when its key is") {
  CHECK(lines_of("").empty());
  CHECK(lines_of("extra:\n") == "extra= *\nextra.depth=7\n");
  CHECK(lines_of("extra: {depth: 3}\n") == "extra= *\nextra.depth=3\n");
  std::vector<std::string> kinds;
  for (const KeyInfo& info : whole_section().describe()) {
    if (info.kind == KeyInfo::Kind::kOptional) kinds.push_back(info.path);
  }
  CHECK(kinds == std::vector<std::string>{"extra"});
}

TEST_CASE("a list of named elements is told by names and by what is before each") {
  CHECK(lines_of("extra: {steps: [{name: a}, {name: b, weight: 2}]}\n") ==
        "extra= *\nextra.steps.a=first *\nextra.steps.a.name=a\nextra.steps.a.weight=1\n"
        "extra.steps.b=behind a *\nextra.steps.b.name=b\nextra.steps.b.weight=2\nextra.depth=7\n");
}

TEST_CASE("one value or a list in place of keys is the value of the key that it is short for") {
  CHECK(lines_of("extra: {steps: [a, b]}\n") == lines_of("extra: {steps: [{name: a}, {name: b}]}\n"));
  Whole whole;
  CHECK(
      whole_of("extra: {steps: [a, [b], \"A\"]}\n", whole) ==
      "f:1:20: extra.steps[1]: is a list, but one value belongs here; write the name of an account, or remove the key\n"
      "f:1:25: extra.steps[2]: 'A' is not the name of an account; use at most 32 of a-z, 0-9, _ and -, a letter or _ "
      "first\n");
}
