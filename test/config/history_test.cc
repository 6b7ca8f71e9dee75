// SPDX-License-Identifier: Apache-2.0
// Going back: the store of applied texts, differences, and the timer that goes back by itself.
#include "config/history.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "config/changes.h"
#include "config/confirm_timer.h"
#include "config/line_diff.h"
#include "config/yaml.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

/// A state folder that is gone with the test.
class StateFolder {
 public:
  StateFolder() : path_(std::filesystem::temp_directory_path() / ("culvert-history-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
  }
  ~StateFolder() { std::filesystem::remove_all(path_); }
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  std::string path() const { return path_; }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_ / "configurations")) {
      names.insert(entry.path().filename());
    }
    return names;
  }

 private:
  std::filesystem::path path_;
};

ConfigHistory opened(const StateFolder& folder, std::size_t keep = ConfigHistory::kKeep) {
  Result<ConfigHistory> history = ConfigHistory::open(folder.path(), keep);
  REQUIRE(history.has_value());
  return std::move(history.value());
}

std::string numbered(int i) {
  return "text " + std::to_string(i) + "\n";
}

}  // namespace

TEST_CASE("applied texts are kept with generation and time, and found again by the next process") {
  const StateFolder folder;
  {
    ConfigHistory history = opened(folder);
    CHECK(history.list().empty());
    CHECK(history.add("one\n", 1'763'766'000, true).value() == 1);
    CHECK(history.add("two\n", 1'763'766'060, false).value() == 2);
  }
  CHECK(folder.files() ==
        std::set<std::string>{"000000000001-1763766000.yaml", "000000000002-1763766060.unconfirmed.yaml"});
  const ConfigHistory again = opened(folder);
  CHECK(again.list() == std::vector<AppliedText>{{1, 1'763'766'000, true}, {2, 1'763'766'060, false}});
  CHECK(again.text(1).value() == "one\n");
  CHECK(again.text(2).value() == "two\n");
  CHECK(again.text(3).error().to_string() == "generation 3 is not kept (there are 1 to 2)");
  struct stat status {};
  REQUIRE(::stat((folder.path() + "/configurations").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  REQUIRE(::stat((folder.path() + "/configurations/000000000001-1763766000.yaml").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("rollback counts confirmed texts only") {
  const StateFolder folder;
  ConfigHistory history = opened(folder);
  CHECK(history.rollback(0).error().to_string() ==
        "there is no configuration 0 before the newest (none was confirmed yet)");
  for (int i = 1; i <= 3; ++i) REQUIRE(history.add(numbered(i), i, true).has_value());
  const std::uint64_t trial = history.add(numbered(4), 4, false).value();
  CHECK(history.rollback(0).value().generation == 3);
  CHECK(history.rollback(1).value().generation == 2);
  CHECK(history.rollback(2).value().generation == 1);
  CHECK(history.rollback(3).error().to_string() == "there is no configuration 3 before the newest (use 0 to 2)");
  SECTION("confirmed: it is the newest, also for the next process") {
    REQUIRE(history.confirm(trial).has_value());
    REQUIRE(history.confirm(trial).has_value());
    CHECK(history.rollback(0).value().generation == trial);
    CHECK(opened(folder).rollback(0).value().generation == trial);
    CHECK_FALSE(history.withdraw(trial).has_value());
  }
  SECTION("withdrawn: it is gone, and its number is not used again") {
    REQUIRE(history.withdraw(trial).has_value());
    CHECK(history.list().size() == 3);
    CHECK(folder.files().size() == 3);
    CHECK(history.add(numbered(5), 5, true).value() == 5);
  }
  CHECK_FALSE(history.confirm(99).has_value());
  CHECK_FALSE(history.withdraw(99).has_value());
}

TEST_CASE("only the last few are kept, and never without the newest confirmed one") {
  const StateFolder folder;
  ConfigHistory history = opened(folder, 3);
  for (int i = 1; i <= 5; ++i) REQUIRE(history.add(numbered(i), i, true).has_value());
  CHECK(history.list().size() == 3);
  CHECK(history.list().front().generation == 3);
  CHECK(folder.files().size() == 3);
  for (int i = 6; i <= 10; ++i) REQUIRE(history.add(numbered(i), i, false).has_value());
  CHECK(history.list().size() == 3);
  CHECK(history.list().front() == AppliedText{5, 5, true});
  CHECK(history.text(history.rollback(0).value().generation).value() == numbered(5));
  CHECK(folder.files().size() == 3);
}

TEST_CASE("what a crash left half written is removed, and strangers are left alone") {
  const StateFolder folder;
  REQUIRE(opened(folder).add("one\n", 1, true).has_value());
  const std::string inside = folder.path() + "/configurations/";
  std::ofstream(inside + "000000000002-2.yaml.new") << "hal";
  std::ofstream(inside + "notes.yaml") << "mine";
  std::ofstream(inside + "000000000003-x.yaml") << "mine";
  const ConfigHistory history = opened(folder);
  CHECK(history.list() == std::vector<AppliedText>{{1, 1, true}});
  CHECK(folder.files() == std::set<std::string>{"000000000001-1.yaml", "000000000003-x.yaml", "notes.yaml"});
}

TEST_CASE("a state folder that cannot be is an error with what to do") {
  CHECK(ConfigHistory::open("/proc/nowhere").error().to_string() ==
        "/proc/nowhere cannot be made: No such file or directory (make it, or change system.state_directory)");
}

TEST_CASE("unified differences") {
  CHECK(unified_diff("", "", "a", "b").empty());
  CHECK(unified_diff("x\ny\n", "x\ny\n", "a", "b").empty());
  CHECK(unified_diff("", "x\n", "a", "b") == "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n");
  CHECK(unified_diff("x\n", "", "a", "b") == "--- a\n+++ b\n@@ -1 +0,0 @@\n-x\n");
  CHECK(unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", "a", "b") ==
        "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  SECTION("changes with up to six lines between them share a hunk, with seven they do not") {
    const auto with_gap = [](int gap) {
      std::string lines;
      for (int i = 0; i < gap; ++i) lines += "same\n";
      return unified_diff("a\n" + lines + "b\n", "A\n" + lines + "B\n", "a", "b");
    };
    const std::string six = with_gap(6);
    CHECK(six == "--- a\n+++ b\n@@ -1,8 +1,8 @@\n-a\n+A\n same\n same\n same\n same\n same\n same\n-b\n+B\n");
    CHECK(with_gap(7) ==
          "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-a\n+A\n same\n same\n same\n@@ -6,4 +6,4 @@\n same\n same\n same\n-b\n+B\n");
  }
  SECTION("an inserted line moves the later numbers") {
    std::string from;
    for (int i = 0; i < 30; ++i) from += std::to_string(i) + "\n";
    std::string to = "new\n" + from;
    to.replace(to.find("\n25\n"), 4, "\n");
    CHECK(unified_diff(from, to, "a", "b") ==
          "--- a\n+++ b\n@@ -1,3 +1,4 @@\n+new\n 0\n 1\n 2\n@@ -23,7 +24,6 @@\n 22\n 23\n 24\n-25\n 26\n 27\n 28\n");
  }
  SECTION("texts that differ altogether and are long stay bounded") {
    std::string from;
    std::string to;
    for (int i = 0; i < 20'000; ++i) {
      from += "a" + std::to_string(i) + "\n";
      to += "b" + std::to_string(i) + "\n";
    }
    CHECK(unified_diff(from, to, "a", "b").starts_with("--- a\n+++ b\n@@ -1,20000 +1,20000 @@\n-a0\n"));
  }
}

TEST_CASE("two generations differ in lines and in values") {
  const StateFolder folder;
  ConfigHistory history = opened(folder);
  REQUIRE(history.add("interfaces: {lan0: {}, wan0: {}}\n", 1, true).has_value());
  REQUIRE(history
              .add("# faster\nsystem: {idle: {spin: 100us}, frames: 64k}\ninterfaces: {lan0: {}, wan1: {mode: copy}}\n",
                   2, true)
              .has_value());
  REQUIRE(history.add("not: {a: configuration}\n", 3, true).has_value());
  const ConfigDiff diff = history.diff(1, 2).value();
  CHECK(diff.lines ==
        "--- generation 1\n+++ generation 2\n@@ -1 +1,3 @@\n-interfaces: {lan0: {}, wan0: {}}\n+# faster\n"
        "+system: {idle: {spin: 100us}, frames: 64k}\n+interfaces: {lan0: {}, wan1: {mode: copy}}\n");
  CHECK(diff.values_known);
  std::vector<std::string> values;
  for (const ConfigChange& change : diff.changes) values.push_back(to_text(change));
  CHECK(values == std::vector<std::string>{"system.frames: auto -> 64000", "system.idle.spin: 50us -> 100us",
                                           "interfaces.wan1: added", "interfaces.wan0: removed"});
  CHECK(restart_reasons(diff.changes) ==
        std::vector<std::string>{"system.frames: auto -> 64000 needs a restart of culvertd",
                                 "interfaces.wan1: added needs a restart of culvertd",
                                 "interfaces.wan0: removed needs a restart of culvertd"});
  const ConfigDiff unknown = history.diff(2, 3).value();
  CHECK_FALSE(unknown.values_known);
  CHECK(unknown.changes.empty());
  CHECK_FALSE(unknown.lines.empty());
  CHECK_FALSE(history.diff(1, 9).has_value());
}

TEST_CASE("a trial that nobody confirms ends by itself, once") {
  ConfirmTimer timer;
  CHECK_FALSE(timer.waiting());
  CHECK_FALSE(timer.expire(1'000).has_value());
  CHECK_FALSE(timer.confirm(8, 0).has_value());
  CHECK_FALSE(timer.start(8, 7, 100, 0).has_value());
  REQUIRE(timer.start(8, 7, 100, 50).has_value());
  CHECK(timer.generation() == 8U);
  CHECK(timer.remaining_ns(120) == 30);
  CHECK_FALSE(timer.start(9, 8, 110, 50).has_value());
  CHECK(timer.generation() == 8U);
  SECTION("expired") {
    CHECK_FALSE(timer.expire(149).has_value());
    CHECK(timer.expire(150) == 7U);
    CHECK_FALSE(timer.expire(151).has_value());
    CHECK(timer.remaining_ns(151) == 0);
    CHECK(timer.start(9, 7, 160, 1).has_value());
  }
  SECTION("confirmed in time") {
    CHECK(timer.confirm(9, 120).error().what == "generation 8 waits for a confirmation, not 9");
    CHECK(timer.confirm(8, 149).has_value());
    CHECK_FALSE(timer.waiting());
    CHECK_FALSE(timer.expire(1'000).has_value());
  }
  SECTION("confirmed too late: it still goes back") {
    CHECK(timer.confirm(8, 150).error().to_string() == "the time to confirm generation 8 is over (apply it again)");
    CHECK(timer.expire(150) == 7U);
  }
  SECTION("cancelled") {
    CHECK(timer.cancel() == 7U);
    CHECK_FALSE(timer.cancel().has_value());
  }
  SECTION("a deadline beyond the clock's end does not wrap") {
    REQUIRE(timer.cancel().has_value());
    REQUIRE(timer.start(1, 0, 1'000, ~std::uint64_t{0}).has_value());
    CHECK_FALSE(timer.expire(2'000).has_value());
  }
}
