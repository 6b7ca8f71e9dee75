// SPDX-License-Identifier: Apache-2.0
// Sets of addresses that are files: what counts, what is refused, and what a refusal does not tell.
#include "config/prefix_file.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <unistd.h>

#include "config/changes.h"
#include "config/config.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

/// A folder with one file, gone with the test.
class Feed {
 public:
  Feed() : folder_(std::filesystem::temp_directory_path() / ("culvert-feed-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~Feed() { std::filesystem::remove_all(folder_); }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  std::string path() const { return folder_ / "bad.txt"; }
  CheckResult check(const std::string& content) const {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << content;
    return check_text(
        "interfaces: {lan0: {zone: z}}\nzones: {z: {}}\npolicy: {addresses: {bad: {file: " + path() + "}}}\n", "f");
  }
  std::string said(const std::string& content) const { return check(content).to_text(); }

 private:
  std::filesystem::path folder_;
};

const std::vector<ConfigPrefix>& prefixes_in(const CheckResult& result) {
  return result.config->policy->addresses.at("bad").file.prefixes;
}

}  // namespace

TEST_CASE("a file has one prefix a line, comments, and lines of any system") {
  const Feed feed;
  const CheckResult result = feed.check(
      "# a feed\n\n192.0.2.0/24\n  198.18.0.1\t# one host\r\n2001:db8::/32 ; another "
      "way\n;nothing\n192.0.2.0/24\n::/0");
  INFO(result.to_text());
  REQUIRE(result.ok());
  CHECK(result.config->policy->addresses.at("bad").file.path == feed.path());
  CHECK(prefixes_in(result) == std::vector<ConfigPrefix>{{{false, {192, 0, 2}}, 24},
                                                         {{false, {198, 18, 0, 1}}, 32},
                                                         {{true, {0x20, 0x01, 0x0d, 0xb8}}, 32},
                                                         {{false, {192, 0, 2}}, 24},
                                                         {{true, {}}, 0}});
  CHECK(feed.check("").ok());
  CHECK(feed.check("\n\n").to_text().empty());
}

TEST_CASE("wrong lines are told by number and never by what stands there") {
  const Feed feed;
  const std::string at = "f:3:34: policy.addresses.bad.file: ";
  const std::string advice = "; write one prefix a line, as 192.0.2.0/24; # begins a comment\n";
  CHECK(feed.said("192.0.2.0/24\nroot:secret:1\n10.0.0.1/8\n") == at + "line 2 of " + feed.path() + " is not a prefix" +
                                                                      advice + at + "line 3 of " + feed.path() +
                                                                      " has bits behind its length" + advice);
  std::string garbage;
  for (int i = 0; i < 1000; ++i) garbage += "secret\n";
  const std::string said = feed.said(garbage);
  CHECK(said.find("secret") == std::string::npos);
  CHECK(said.find("line 5 of") != std::string::npos);
  CHECK(said.find("line 6 of") == std::string::npos);
  CHECK(said.find("995 more lines of") != std::string::npos);
}

TEST_CASE("what is no readable file says so") {
  const auto said = [](const std::string& path) {
    return check_text("interfaces: {lan0: {}}\npolicy: {addresses: {bad: {file: " + path + "}}}\n", "f")
        .diagnostics.at(0);
  };
  CHECK(said("/nowhere/x").what == "/nowhere/x: the file cannot be opened: No such file or directory");
  CHECK(said("/nowhere/x").right == "give the path of a readable file of prefixes");
  CHECK(said("/dev/null").what == "/dev/null: this is not a regular file");
  CHECK(said("bad.txt").what == "'bad.txt' is not an absolute path");
  CHECK(said("non").right == "did you mean none?");
}

TEST_CASE("the number of prefixes is bounded, of a set and of all of them") {
  const Feed feed;
  const auto lines = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += fmt::format("10.{}.{}.{}\n", i / 65536, i / 256 % 256, i % 256);
    return text;
  };
  CHECK(prefixes_in(feed.check(lines(200'000))).size() == 200'000);
  CHECK(feed.said(lines(200'001)).find("holds 200001 prefixes; use at most 200000") != std::string::npos);
  CHECK(feed.said(std::string(200'000 * 128 + 1, '#')).find("is larger than 25600000 bytes") != std::string::npos);
  std::ofstream(feed.path(), std::ios::binary | std::ios::trunc) << lines(200'000);
  std::string text = "interfaces: {lan0: {}}\npolicy:\n  addresses:\n";
  for (int i = 0; i < 5; ++i) text += fmt::format("    s{}: {{file: {}}}\n", i, feed.path());
  CHECK(check_text(text, "f").ok());
  CHECK(check_text(text + "    one: 192.0.2.1\n", "f")
            .to_text()
            .find("policy.addresses: all sets together hold 1000001 prefixes; use at most 1000000") !=
        std::string::npos);
  CHECK(check_text(text + "    two: {members: 192.0.2.1, file: " + feed.path() + "}\n", "f")
            .to_text()
            .find("policy.addresses.two: the set holds 200001 prefixes; use at most 200000") != std::string::npos);
}

TEST_CASE("a file that has changed is a change, though its name is the same") {
  const Feed feed;
  const CheckResult before = feed.check("192.0.2.0/24\n198.18.0.0/24\n");
  const CheckResult same = feed.check("# the same\n192.0.2.0/24\n198.18.0.0/24\n");
  const CheckResult after = feed.check("192.0.2.0/24\n198.18.1.0/24\n");
  REQUIRE((before.ok() && same.ok() && after.ok()));
  CHECK(changes_between(*before.config, *same.config).empty());
  const auto changes = changes_between(*before.config, *after.config);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].path == "policy.addresses.bad.file");
  CHECK(changes[0].from.starts_with(feed.path() + " # 2 prefixes, "));
  CHECK(restart_reasons(changes).empty());
}
