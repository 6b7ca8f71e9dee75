// SPDX-License-Identifier: Apache-2.0
// docs/nat.md says of every requirement of the RFCs about NAT whether it is met, and by which test that is seen.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "test/support/catch.h"

namespace {

struct Wanted {
  const char* rfc;
  std::vector<std::string> ids;
};

/// "REQ-1" to "REQ-<last>".
std::vector<std::string> requirements(int last) {
  std::vector<std::string> ids;
  for (int i = 1; i <= last; ++i) ids.push_back("REQ-" + std::to_string(i));
  return ids;
}

/// RFC 7857 numbers no requirements: each of its sections has some. Of RFC 6296 those sections that ask for something.
const std::vector<Wanted>& wanted() {
  static const std::vector<Wanted> all{
      {"RFC 4787", requirements(14)},
      {"RFC 5382", requirements(10)},
      {"RFC 5508", requirements(11)},
      {"RFC 6888", requirements(15)},
      {"RFC 7857", {"2", "2.1", "2.2", "3", "4", "5", "6", "7", "7.1", "8", "9", "10", "11", "12"}},
      {"RFC 6296", {"2.4", "2.5", "3.1", "3.2", "3.3", "3.4", "3.5", "4.1", "4.3"}}};
  return all;
}

std::filesystem::path source() {
  const char* folder = std::getenv("CULVERT_SOURCE");
  return folder == nullptr ? "." : folder;
}

std::string document() {
  std::ifstream file(source() / "docs/nat.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Row {
  std::string id, verdict, how;
};

/// The rows of each RFC's table.
std::map<std::string, std::vector<Row>> rows_by_rfc() {
  std::map<std::string, std::vector<Row>> rows;
  std::istringstream lines(document());
  std::string rfc;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) rfc = line.starts_with("### RFC ") ? line.substr(4, 8) : "";
    if (rfc.empty() || !line.starts_with("| ") || line.starts_with("| requirement") || line.starts_with("| section")) {
      continue;
    }
    std::array<std::string, 3> cells;
    std::size_t at = 2;
    for (std::string& cell : cells) {
      const std::size_t end = std::min(line.find(" |", at), line.size());
      cell = line.substr(at, end - at);
      at = end + 3;
    }
    rows[rfc].push_back({cells[0].substr(0, cells[0].find(' ')), cells[1], cells[2]});
  }
  return rows;
}

/// The words that name a test: test/FOLDER/NAME_test, netns_NAME.
std::vector<std::string> tests_in(const std::string& text) {
  std::vector<std::string> tests;
  std::string word;
  for (const char c : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '/') {
      word += c;
      continue;
    }
    if (word.starts_with("test/") || word.starts_with("netns_")) tests.push_back(word);
    word.clear();
  }
  return tests;
}

bool is_there(const std::string& test) {
  if (test.starts_with("netns_")) {
    return std::filesystem::exists(source() / ("test/netns/" + test.substr(6) + "_test.py"));
  }
  return std::filesystem::exists(source() / (test + ".cc"));
}

}  // namespace

TEST_CASE("docs/nat.md has each requirement of the RFCs about NAT once, in their order") {
  auto rows = rows_by_rfc();
  for (const Wanted& one : wanted()) {
    std::vector<std::string> found;
    for (const Row& row : rows[one.rfc]) found.push_back(row.id);
    INFO(one.rfc);
    CHECK(found == one.ids);
  }
  CHECK(rows.size() == wanted().size());
}

TEST_CASE("of each requirement docs/nat.md says whether it is met, how, and by a test that there is") {
  for (const auto& [rfc, rows] : rows_by_rfc()) {
    for (const Row& row : rows) {
      INFO(rfc << " " << row.id << ": " << row.verdict);
      const bool known =
          row.verdict == "met" || row.verdict == "in part" || row.verdict == "not met" || row.verdict == "not used";
      CHECK(known);
      CHECK_FALSE(row.how.empty());
      const std::vector<std::string> tests = tests_in(row.how);
      // That there is no ALG needs no test.
      if (row.verdict == "met") CHECK((!tests.empty() || row.how.starts_with("there are none")));
      for (const std::string& test : tests) {
        INFO(test);
        CHECK(is_there(test));
      }
    }
  }
}

TEST_CASE("docs/nat.md names what NAT does not have") {
  const std::string text = document();
  for (const char* part : {"NAT64", "FTP", "PCP", "`port_blocks`", "address-dependent *mapping*",
                           "decisions/0012-mappings-are-counted-by-their-sessions.md"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
}
