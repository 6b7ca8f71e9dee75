// SPDX-License-Identifier: Apache-2.0
#include "config/check.h"

#include <initializer_list>

#include "config/nat_check.h"
#include "config/policy_check.h"

namespace culvert {
namespace {

/// The value at a path, or the innermost one around it that the text has: where to point at.
const YamlNode& nearest_node(const YamlNode& root, std::initializer_list<const char*> path) {
  const YamlNode* node = &root;
  for (const char* name : path) {
    const YamlNode* below = node->find(name);
    if (below == nullptr) break;
    node = below;
  }
  return *node;
}

/// Rings smaller than their partner work, but part of the partner can never be used.
void check_rings(const RingsConfig& rings, const YamlNode& root, const Place& place) {
  const Place here = place.at("system").at("rings");
  if (rings.fill < rings.rx) {
    here.at("fill").warning(nearest_node(root, {"system", "rings", "fill"}),
                            fmt::format("{} empty frames never fill rx, which has {}", rings.fill, rings.rx),
                            fmt::format("use at least {}, or a smaller rx", rings.rx));
  }
  if (rings.completion < rings.tx) {
    here.at("completion")
        .warning(nearest_node(root, {"system", "rings", "completion"}),
                 fmt::format("the kernel sends no more than {} packets at a time, and tx has {}", rings.completion,
                             rings.tx),
                 fmt::format("use at least {}, or a smaller tx", rings.tx));
  }
}

/// Fewer frames than the fill rings hold leave nothing to send with.
void check_frames(const Config& config, const YamlNode& root, const Place& place) {
  if (!config.system.frames) return;
  std::uint64_t lanes = 0;
  for (const auto& [name, interface] : config.interfaces) lanes += interface.queues.value_or(1);
  const std::uint64_t needed = lanes * (config.system.rings.fill + config.system.rings.tx);
  if (*config.system.frames >= needed) return;
  place.at("system").at("frames").warning(
      nearest_node(root, {"system", "frames"}),
      fmt::format("{} frames are fewer than the fill and tx rings of {} lanes hold ({})", *config.system.frames, lanes,
                  needed),
      "use auto, more frames or smaller rings");
}

void check_punt_device(const Config& config, const YamlNode& root, const Place& place) {
  if (!config.interfaces.contains(config.system.punt.device)) return;
  place.at("system").at("punt").at("device").error(
      nearest_node(root, {"system", "punt", "device"}),
      fmt::format("{} is also one of the interfaces", shown(config.system.punt.device)),
      "give the device a name of its own");
}

/// A denied /0 is everybody, the failsafe ports' users included: the deny list comes first.
void check_deny(const Config& config, const YamlNode& root, const Place& place) {
  const YamlNode& list = nearest_node(root, {"system", "deny"});
  for (std::size_t i = 0; i < config.system.deny.size() && i < list.values.size(); ++i) {
    const ConfigPrefix& prefix = config.system.deny[i];
    if (prefix.length != 0) continue;
    place.at("system").at("deny").item(i).error(
        list.values[i], fmt::format("{} drops everything, you included", to_text(prefix)), "name the prefixes to deny");
  }
}

}  // namespace

void check_together(const Config& config, const YamlNode& root, const Place& place) {
  check_rings(config.system.rings, root, place);
  check_frames(config, root, place);
  check_punt_device(config, root, place);
  check_deny(config, root, place);
  check_firewall(config, root, place);
  check_shadows(config, root, place);
  check_translation(config, root, place);
  check_nat_shadows(config, root, place);
}

}  // namespace culvert
