// SPDX-License-Identifier: Apache-2.0
// Writes the generated pages: `config_docs docs` after a change of config/schema.cc.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "config/documentation.h"

namespace {

bool write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) std::fprintf(stderr, "config_docs: %s cannot be written\n", path.c_str());
  return static_cast<bool>(file);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: config_docs FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const bool written = write(folder / "configuration.md", culvert::configuration_markdown()) &&
                       write(folder / "man" / "culvert.yaml.5", culvert::configuration_man_page()) &&
                       write(folder / "example.yaml", culvert::example_yaml());
  return written ? 0 : 1;
}
