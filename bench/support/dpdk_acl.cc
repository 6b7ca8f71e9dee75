// SPDX-License-Identifier: Apache-2.0
#include "bench/support/dpdk_acl.h"

#ifdef CULVERT_BENCH_DPDK

#include <algorithm>
#include <array>
#include <cstddef>
#include <fmt/format.h>
#include <rte_acl.h>
#include <rte_errno.h>
#include <rte_malloc.h>

namespace culvert::bench {
namespace {

constexpr std::size_t kFields = 5;
constexpr std::size_t kBurst = 32;

struct FieldedRule {
  rte_acl_rule_data data;
  std::array<rte_acl_field, kFields> field;
};

/// Fields whose bytes stand in one group of four are read together.
rte_acl_field_def field(std::uint8_t type, std::uint8_t size, std::uint8_t index, std::uint8_t group,
                        std::size_t offset) {
  return {type, size, index, group, static_cast<std::uint32_t>(offset)};
}

rte_acl_config layout() {
  rte_acl_config config{};
  config.num_categories = 1;
  config.num_fields = kFields;
  config.defs[0] = field(RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, offsetof(AclKey, protocol));
  config.defs[1] = field(RTE_ACL_FIELD_TYPE_MASK, 4, 1, 1, offsetof(AclKey, source));
  config.defs[2] = field(RTE_ACL_FIELD_TYPE_MASK, 4, 2, 2, offsetof(AclKey, destination));
  config.defs[3] = field(RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 3, offsetof(AclKey, source_port));
  config.defs[4] = field(RTE_ACL_FIELD_TYPE_RANGE, 2, 4, 3, offsetof(AclKey, destination_port));
  return config;
}

FieldedRule fielded(const AclRule& rule, std::size_t position, std::size_t count) {
  FieldedRule fields{};
  fields.data.category_mask = 1;
  fields.data.priority = static_cast<std::int32_t>(count - position);
  fields.data.userdata = static_cast<std::uint32_t>(position + 1);
  const bool any = rule.service.any_protocol;
  const PortRange whole;
  const PortRange& source_ports = any ? whole : rule.service.source;
  const PortRange& destination_ports = any ? whole : rule.service.destination;
  fields.field[0].value.u8 = any ? std::uint8_t{0} : rule.service.protocol;
  fields.field[0].mask_range.u8 = any ? std::uint8_t{0} : std::uint8_t{0xff};
  fields.field[1].value.u32 = rule.source.bits;
  fields.field[1].mask_range.u32 = rule.source.length;
  fields.field[2].value.u32 = rule.destination.bits;
  fields.field[2].mask_range.u32 = rule.destination.length;
  fields.field[3].value.u16 = source_ports.first;
  fields.field[3].mask_range.u16 = source_ports.last;
  fields.field[4].value.u16 = destination_ports.first;
  fields.field[4].mask_range.u16 = destination_ports.last;
  return fields;
}

class Acl : public RteAcl {
 public:
  explicit Acl(rte_acl_ctx* context) : context_(context) {}
  ~Acl() override { rte_acl_free(context_); }

  void classify(std::span<const AclKey> keys, std::span<std::uint32_t> rules) const override {
    std::array<const std::uint8_t*, kBurst> data;
    for (std::size_t i = 0; i < keys.size(); ++i) data[i] = &keys[i].protocol;
    rte_acl_classify(context_, data.data(), rules.data(), static_cast<std::uint32_t>(keys.size()), 1);
  }

  bool choose(AclAlgorithm algorithm) override {
    return rte_acl_set_ctx_classify(
               context_, algorithm == AclAlgorithm::kAvx2 ? RTE_ACL_CLASSIFY_AVX2 : RTE_ACL_CLASSIFY_AVX512X16) == 0;
  }

 private:
  rte_acl_ctx* context_;
};

bool fill(rte_acl_ctx* context, const std::vector<AclRule>& rules) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const FieldedRule rule = fielded(rules[i], i, rules.size());
    const void* first = &rule;
    if (rte_acl_add_rules(context, static_cast<const rte_acl_rule*>(first), 1) != 0) return false;
  }
  const rte_acl_config config = layout();
  return rte_acl_build(context, &config) == 0;
}

}  // namespace

AclKey AclKey::of(const PolicyKey& key) {
  AclKey wire;
  wire.protocol = key.protocol;
  wire.source = Be32(static_cast<std::uint32_t>(key.source.low));
  wire.destination = Be32(static_cast<std::uint32_t>(key.destination.low));
  wire.source_port = Be16(key.source_port);
  wire.destination_port = Be16(key.destination_port);
  return wire;
}

std::unique_ptr<RteAcl> RteAcl::of(const std::vector<AclRule>& rules) {
  const std::string name = "acl" + std::to_string(rules.size());
  rte_acl_param parameters{};
  parameters.name = name.c_str();
  parameters.socket_id = rte_malloc_heap_get_socket("routes");
  parameters.rule_size = RTE_ACL_RULE_SZ(kFields);
  parameters.max_rule_num = static_cast<std::uint32_t>(rules.size());
  rte_acl_ctx* context = rte_acl_create(&parameters);
  if (context == nullptr) {
    fmt::print("DPDK makes no table of rules: {}\n", rte_strerror(rte_errno));
    return nullptr;
  }
  auto acl = std::make_unique<Acl>(context);
  if (fill(context, rules)) return acl;
  fmt::print("DPDK refuses the rules\n");
  return nullptr;
}

}  // namespace culvert::bench

#else

namespace culvert::bench {

AclKey AclKey::of(const PolicyKey&) {
  return {};
}
std::unique_ptr<RteAcl> RteAcl::of(const std::vector<AclRule>&) {
  return nullptr;
}

}  // namespace culvert::bench

#endif
