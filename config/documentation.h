// SPDX-License-Identifier: Apache-2.0
// The manual, from the schema. config_docs writes these into docs/; a test compares them with what is committed there.
#pragma once

#include <string>

namespace culvert {

/// docs/configuration.md: every key with what it takes, its default and why, and what changing it needs.
std::string configuration_markdown();
/// docs/man/culvert.yaml.5: the same as a manual page (man(7)).
std::string configuration_man_page();
/// docs/example.yaml: every key at its default, commented, for two interfaces; and the firewall's as a comment.
std::string example_yaml();
/// A configuration with every key of zones, screens, policy and nat.
std::string firewall_example();

/// Text broken at spaces into lines of at most `width` bytes, each with `prefix` and a line end.
std::string wrapped(const std::string& text, const std::string& prefix, std::size_t width = 100);

}  // namespace culvert
