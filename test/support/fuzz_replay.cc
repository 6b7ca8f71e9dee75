// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over the files and folders named on the command line, without libFuzzer: in every build and with
// every compiler. The empty input comes first. Ends with 1 when there was no file: an empty corpus proves nothing.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <vector>

#include "test/support/fuzz_target.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_below(const fs::path& path) {
  std::vector<fs::path> files;
  if (fs::is_regular_file(path)) files.push_back(path);
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  return files;
}

std::vector<std::uint8_t> contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return {text.begin(), text.end()};
}

/// A copy on the heap of exactly the input's size, so that ASan sees one byte too many.
void run_one(const std::vector<std::uint8_t>& input) {
  const std::vector<std::uint8_t> exact(input);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

int replay(std::span<char*> arguments) {
  run_one({});
  std::size_t count = 0;
  for (const char* argument : arguments) {
    for (const fs::path& path : files_below(argument)) {
      std::fprintf(stderr, "%s\n", path.c_str());
      run_one(contents(path));
      ++count;
    }
  }
  std::printf("%zu inputs\n", count);
  return count == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return replay({argv + 1, static_cast<std::size_t>(argc - 1)});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "the target let an exception out: %s\n", error.what());
    return 2;
  }
}
