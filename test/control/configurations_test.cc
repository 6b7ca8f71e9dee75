// SPDX-License-Identifier: Apache-2.0
// The life of configurations: a trial is the candidate until it is confirmed, refused, or its time is up.
#include "control/configurations.h"

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "test/support/catch.h"

namespace culvert {
namespace {

constexpr Now kNow = 1000 * kNanosecondsPerSecond;
constexpr std::uint64_t kMinute = 60 * kNanosecondsPerSecond;

struct Box {
  Box() { configurations.keep(1); }
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;
  ~Box() { std::filesystem::remove_all(folder); }

  std::string with_spin(const std::string& spin) const {
    return "system:\n  state_directory: " + folder + "\n  idle:\n    spin: " + spin + "\ninterfaces:\n  lan0: {}\n";
  }
  static std::string text(const Result<boost::json::object>& answer) {
    REQUIRE(answer.has_value());
    return answer->at("text").as_string().c_str();
  }

  static std::string new_folder() {
    char name[] = "/tmp/culvert-configurations-XXXXXX";
    return ::mkdtemp(name);
  }

  Configurations start() {
    return Configurations(
        check_text(with_spin("10us"), "first"),
        [this](const Config& config) -> Result<void> {
          if (config.system.idle.spin_ns == refused_ns) return Error{"the workers do not take it", 0, ""};
          spin_ns = config.system.idle.spin_ns;
          return {};
        },
        [this](EventKind kind, const std::string& text) { told.emplace_back(kind, text); });
  }
  bool was_told(EventKind kind, const std::string& part) const {
    return told.size() == 1 && told[0].first == kind && told[0].second.find(part) != std::string::npos;
  }
  /// The disk goes: whatever is open of it cannot be read or written any more.
  void lose_history() const { std::filesystem::remove_all(folder + "/configurations"); }

  std::string folder = new_folder();
  std::uint64_t spin_ns = 0;     ///< what the workers would use
  std::uint64_t refused_ns = 1;  ///< a spin that they refuse
  std::vector<std::pair<EventKind, std::string>> told;
  Configurations configurations = start();
};

TEST_CASE("the candidate is what runs on trial, with the time that is left; without a trial there is none") {
  Box box;
  Configurations& configurations = box.configurations;
  CHECK(configurations.show("candidate", kNow).error().what == "no configuration runs on trial");
  CHECK(configurations.show("running", kNow)->at("confirm_within_ms").is_null());
  CHECK(configurations.show("zebra", kNow).has_error());

  const auto applied = configurations.apply(box.with_spin("20us"), "second", kMinute, kNow, 2);
  CHECK(Box::text(applied).find("back to generation 1 in 60 s") != std::string::npos);
  CHECK(box.spin_ns == 20'000);
  const auto candidate = configurations.show("candidate", kNow + 18 * kNanosecondsPerSecond);
  REQUIRE(candidate.has_value());
  CHECK(candidate->at("text").as_string() == box.with_spin("20us"));
  CHECK(candidate->at("generation").to_number<int>() == 2);
  CHECK(candidate->at("previous_generation").to_number<int>() == 1);
  CHECK(candidate->at("confirm_within_ms").to_number<int>() == 42'000);
  CHECK(configurations.show("running", kNow)->at("text") == candidate->at("text"));
  CHECK(configurations.apply(box.with_spin("30us"), "third", 0, kNow, 3).error().what == "generation 2 runs on trial");

  CHECK(Box::text(configurations.confirm(kNow + kMinute - 1)) == "Generation 2 is kept.\n");
  CHECK(configurations.show("candidate", kNow).has_error());
  CHECK(configurations.show("running", kNow)->at("text").as_string() == box.with_spin("20us"));
}

TEST_CASE("a trial whose time is up, or that is refused, goes back, and leaves no candidate") {
  Box box;
  Configurations& configurations = box.configurations;
  REQUIRE(configurations.apply(box.with_spin("20us"), "second", kMinute, kNow, 2).has_value());
  configurations.expire(kNow + kMinute - 1);
  CHECK(box.told.empty());
  CHECK(configurations.confirm(kNow + kMinute).has_error());
  configurations.expire(kNow + kMinute);
  CHECK(box.was_told(EventKind::kConfigurationRolledBack, "generation 2 was not confirmed in time: back to 1"));
  CHECK(box.spin_ns == 10'000);
  CHECK(configurations.show("candidate", kNow).has_error());

  REQUIRE(configurations.apply(box.with_spin("30us"), "third", kMinute, kNow, 3).has_value());
  CHECK(Box::text(configurations.roll_back(0, 4)).find("Generation 1 runs.\n") == 0);
  CHECK(box.spin_ns == 10'000);
  CHECK(configurations.show("candidate", kNow).has_error());
  CHECK(configurations.confirm(kNow).error().what == "nothing waits for a confirmation");
}

TEST_CASE("a trial goes back to what ran before it, whatever has become of the history") {
  Box box;
  Configurations& configurations = box.configurations;
  REQUIRE(configurations.apply(box.with_spin("20us"), "second", kMinute, kNow, 2).has_value());
  box.lose_history();
  SECTION("when its time is up") {
    configurations.expire(kNow + kMinute);
    CHECK(box.told.back().second == "generation 2 was not confirmed in time: back to 1");
  }
  SECTION("when it is refused") {
    CHECK(Box::text(configurations.roll_back(0, 3)).find("Generation 1 runs.\n") == 0);
  }
  CHECK(box.spin_ns == 10'000);
  CHECK(configurations.running_text() == box.with_spin("10us"));
  CHECK(configurations.show("candidate", kNow).has_error());
}

TEST_CASE("a way back that fails is tried every second until it succeeds, and said once") {
  Box box;
  Configurations& configurations = box.configurations;
  REQUIRE(configurations.apply(box.with_spin("20us"), "second", kMinute, kNow, 2).has_value());
  box.refused_ns = 10'000;
  configurations.expire(kNow + kMinute);
  CHECK(box.was_told(EventKind::kError, "going back to 1 failed: the workers do not take it"));
  CHECK(box.spin_ns == 20'000);
  CHECK(configurations.show("candidate", kNow + kMinute).has_value());  // still on trial
  CHECK(configurations.roll_back(0, 3).error().what == "the workers do not take it");
  configurations.expire(kNow + kMinute + kNanosecondsPerSecond);
  CHECK(box.told.size() == 1);

  box.refused_ns = 1;
  configurations.expire(kNow + kMinute + kNanosecondsPerSecond + 1);  // not before its second
  CHECK(box.spin_ns == 20'000);
  configurations.expire(kNow + kMinute + 2 * kNanosecondsPerSecond);
  CHECK(box.spin_ns == 10'000);
  CHECK(box.told.back().first == EventKind::kConfigurationRolledBack);
  CHECK(configurations.show("candidate", kNow).has_error());
}

TEST_CASE("a confirmation that the history cannot keep leaves the trial going") {
  Box box;
  Configurations& configurations = box.configurations;
  REQUIRE(configurations.apply(box.with_spin("20us"), "second", kMinute, kNow, 2).has_value());
  box.lose_history();
  CHECK(configurations.confirm(kNow + 1).error().hint.find("still on trial") != std::string::npos);
  CHECK(box.was_told(EventKind::kHistoryFailed, "generation 2 cannot be confirmed"));
  CHECK(configurations.show("candidate", kNow).has_value());
  configurations.expire(kNow + kMinute);
  CHECK(box.spin_ns == 10'000);
}

TEST_CASE("a text that the workers did not take is none to go back to") {
  Box box;
  Configurations& configurations = box.configurations;
  REQUIRE(configurations.apply(box.with_spin("20us"), "second", 0, kNow, 2).has_value());
  box.refused_ns = 30'000;
  CHECK(configurations.apply(box.with_spin("30us"), "third", 0, kNow, 3).error().what == "the workers do not take it");
  CHECK(configurations.generation() == 2);
  REQUIRE(configurations.roll_back(0, 4).has_value());
  CHECK(box.spin_ns == 10'000);
  CHECK(configurations.running_text() == box.with_spin("10us"));
}

TEST_CASE("a text that runs and that the history cannot confirm is told, and a rollback leaves it") {
  Box box;
  Configurations& configurations = box.configurations;
  std::filesystem::create_directory(box.folder + "/configurations/000000000002-2.yaml");
  REQUIRE(configurations.apply(box.with_spin("20us"), "second", 0, kNow, 2).has_value());
  CHECK(box.was_told(EventKind::kHistoryFailed, "generation 2 cannot be confirmed"));
  CHECK(box.spin_ns == 20'000);
  REQUIRE(configurations.roll_back(0, 3).has_value());
  CHECK(box.spin_ns == 10'000);
}

TEST_CASE("a rollback to what cannot run leaves the trial going; one to what can ends it") {
  Box box;
  Configurations& configurations = box.configurations;
  REQUIRE(configurations.apply(box.with_spin("20us"), "second", 0, kNow, 2).has_value());
  REQUIRE(configurations.apply(box.with_spin("30us"), "third", kMinute, kNow, 3).has_value());
  CHECK(configurations.roll_back(77, 4).error().what == "generation 77 is not kept");
  CHECK(configurations.roll_back(3, 4).error().what == "generation 3 runs on trial");
  const std::string first = box.folder + "/configurations/000000000001-1.yaml";
  std::ofstream(first) << box.with_spin("10us") << "  wan0: {}\n";
  CHECK(configurations.roll_back(1, 4).error().hint.find("restart") != std::string::npos);
  CHECK(box.spin_ns == 30'000);
  CHECK(configurations.show("candidate", kNow).has_value());

  std::ofstream(first) << box.with_spin("10us");
  REQUIRE(configurations.roll_back(1, 4).has_value());
  CHECK(box.spin_ns == 10'000);
  CHECK(configurations.generation() == 4);
  CHECK(configurations.show("candidate", kNow).has_error());
}

TEST_CASE("the name of a file that somebody sends reaches no terminal as it is") {
  const Box box;
  const std::string file = "\x1b[2Ja.yaml";
  const std::string wrong = "interfaces: {lan0: {mode: zebra}}\n";
  CHECK(Box::text(box.configurations.check(box.with_spin("20us"), file)) == "\\x1b[2Ja.yaml: OK\n");
  CHECK(Box::text(box.configurations.diff(box.with_spin("20us"), file)).find('\x1b') == std::string::npos);
  CHECK(box.configurations.check(wrong, file).error().what.find('\x1b') == std::string::npos);
  Box another;
  CHECK(another.configurations.apply(wrong, file, 0, kNow, 2).error().what.find('\x1b') == std::string::npos);
}

TEST_CASE("a history that cannot be written at start is told, is tried again by apply, and is no text of another run") {
  Box box;
  REQUIRE(box.configurations.apply(box.with_spin("90us"), "of another run", 0, kNow, 2).has_value());
  box.told.clear();
  const std::string in_the_way = box.folder + "/configurations/000000000003-1.yaml.new";
  std::filesystem::create_directory(in_the_way);
  Configurations configurations = box.start();
  configurations.keep(1);
  CHECK(box.was_told(EventKind::kHistoryFailed, "what runs is not in the history: "));
  CHECK(configurations.generation() == 0);
  CHECK(configurations.roll_back(0, 1).has_error());
  CHECK(configurations.apply(box.with_spin("20us"), "second", kMinute, kNow, 1).has_error());
  CHECK(configurations.running_text() == box.with_spin("10us"));

  std::filesystem::remove(in_the_way);
  REQUIRE(configurations.apply(box.with_spin("20us"), "second", kMinute, kNow, 1).has_value());
  CHECK(configurations.generation() == 4);
  configurations.expire(kNow + kMinute);
  CHECK(box.told.back().second == "generation 4 was not confirmed in time: back to 3");
  CHECK(box.spin_ns == 10'000);
}

TEST_CASE("a restart is no new configuration, and a start that fails is none at all") {
  Box box;
  const auto files = [&] {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(box.folder + "/configurations")) {
      count += file.is_regular_file();
    }
    return count;
  };
  Configurations& first = box.configurations;
  REQUIRE(first.apply(box.with_spin("20us"), "second", 0, kNow, 2).has_value());
  REQUIRE(first.roll_back(1, 3).has_value());
  REQUIRE(first.generation() == 3);
  CHECK(files() == 3);
  for (int restart = 0; restart < 12; ++restart) {
    const Configurations fails = box.start();  // and ends before it runs
    CHECK(fails.generation() == 0);
    Configurations again = box.start();
    again.keep(4);
    CHECK(again.generation() == 3);
  }
  CHECK(files() == 3);
  Configurations again = box.start();
  again.keep(5);
  CHECK(Box::text(again.roll_back(0, 6)).find("Generation 4 runs.\n") == 0);
  CHECK(again.running_text() == box.with_spin("20us"));
}

TEST_CASE("check and diff change nothing, and say in words what would change and what needs a restart") {
  Box box;
  Configurations& configurations = box.configurations;
  CHECK(Box::text(configurations.check(box.with_spin("20us"), "a.yaml")) == "a.yaml: OK\n");
  CHECK(Box::text(configurations.diff(box.with_spin("10us"), "a.yaml")) == "No difference.\n");
  CHECK(Box::text(configurations.diff(box.with_spin("20us"), "a.yaml")).find("+    spin: 20us\n") != std::string::npos);
  const std::string more = box.with_spin("10us") + "  wan0: {}\n";
  CHECK(Box::text(configurations.diff(more, "a.yaml")).find("restart") != std::string::npos);
  CHECK(configurations.apply(more, "a.yaml", 0, kNow, 2).has_error());
  CHECK(configurations.generation() == 1);
  CHECK(box.spin_ns == 0);
}

}  // namespace
}  // namespace culvert
