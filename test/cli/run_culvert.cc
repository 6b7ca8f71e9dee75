// SPDX-License-Identifier: Apache-2.0
#include "test/cli/run_culvert.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/wait.h>

#include "test/support/catch.h"

namespace culvert::test {

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Outcome culvert(const std::string& arguments, const std::string& input) {
  char folder[] = "/tmp/culvert-cli-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string base = folder;
  std::ofstream(base + "/in") << input;
  const std::string command =
      std::string(CULVERT_BINARY) + " " + arguments + " <" + base + "/in >" + base + "/out 2>" + base + "/err";
  const int status = std::system(command.c_str());
  Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(base + "/out"), contents(base + "/err")};
  std::filesystem::remove_all(base);
  return outcome;
}

}  // namespace culvert::test
